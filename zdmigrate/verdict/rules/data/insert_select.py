"""ZD402: rows are copied by INSERT ... SELECT or CREATE TABLE ... SELECT."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateTable, Insert
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.origin import target
from zdmigrate.verdict.rules.wording import listed, steps

ID = "ZD402"


def judge(subject: Insert | CreateTable, context: Context) -> Iterator[Finding]:
    """A copy is true at one moment; what old code writes to the source after it is missed."""
    if isinstance(subject, CreateTable):
        if subject.select is not None and not subject.temporary:
            yield _copied(subject.name, subject.select.tables, context)
        return
    if not subject.from_select or subject.verb == "REPLACE" or subject.on_duplicate:
        return
    where = target(context, subject.table)
    if where.temporary:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{subject.table} is a temporary table of the migration's own session.",
            table=subject.table,
        )
    elif where.new or not context.old_code.maps_table(where.old_name):
        evidence = "" if where.new else context.old_code.quote(where.old_name)
        yield _copied(subject.table, subject.select_reads, context, evidence)
    else:
        yield _into_base(subject, context)


def _sources(reads: tuple[str, ...], into: str, context: Context) -> list[str]:
    """Tables read that old code goes on writing."""
    return [name for name in dict.fromkeys(reads) if name != into and not target(context, name).new]


def _missed(sources: list[str], into: str) -> tuple[Condition, ...]:
    if not sources:
        return ()
    text = (
        f"What old code writes to {listed(sources)} after the copy reaches {into} too: a trigger or the code writes "
        "both, or the copy is made again once no node runs older code."
    )
    return (Condition("old-writes-after-copy", "order", text),)


def _recipe(sources: list[str], into: str) -> str:
    return steps(
        ("expand", f"write to {into} as well: in the code, or by triggers on {listed(sources)}"),
        ("migrate", f"copy the rows in batches by key with INSERT IGNORE INTO {into} SELECT ... WHERE key BETWEEN ..."),
        ("deploy", f"code that reads {into}"),
        ("contract", "stop writing both"),
    )


def _copied(into: str, reads: tuple[str, ...], context: Context, evidence: str = "") -> Finding:
    sources = _sources(reads, into, context)
    who = "is not mapped by old code" if evidence else "is created in this release"
    reason = f"{into} {who}: old code does not read the copied rows."
    if sources:
        reason += (
            f" But it goes on writing {listed(sources)}, and rows written after the copy are missing in {into} unless "
            "something writes both."
        )
    return Finding(
        ID,
        Verdict.SAFE,
        Verdict.CONDITIONAL if sources else Verdict.SAFE,
        Phase.MIGRATE,
        reason,
        remedy=_recipe(sources, into) if sources else "",
        new_conditions=_missed(sources, into),
        table=into,
        evidence=evidence,
    )


def _into_base(node: Insert, context: Context) -> Finding:
    into = node.table
    sources = _sources(node.select_reads, into, context)
    reason = (
        f"Which rows are put into {into} is not in the statement: old code reads them, and they must be ones it could "
        "have written itself."
    )
    if sources:
        reason += f" What it writes to {listed(sources)} after the copy is missed."
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL if sources else Verdict.SAFE,
        Phase.MIGRATE,
        reason,
        remedy=_recipe(sources, into) if sources else "",
        conditions=(
            Condition(
                "rows-fit-old-code",
                "code",
                f"Old code could have written every row that is put into {into}: it knows their values, and their "
                "number does not surprise it.",
            ),
        ),
        new_conditions=_missed(sources, into),
        table=into,
    )


RULE = Rule(id=ID, title="rows copied", on=(Insert, CreateTable), facts=(64,), judge=judge)
