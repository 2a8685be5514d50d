"""ZD407: rows are deleted."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Delete
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.removed import cascades_into, unreachable
from zdmigrate.verdict.rules.origin import Target, target
from zdmigrate.verdict.rules.wording import listed, quoted, steps

ID = "ZD407"


def judge(subject: Delete, context: Context) -> Iterator[Finding]:
    """Old code misses the rows, unless it cannot reach them."""
    for name in dict.fromkeys(subject.tables):
        where = target(context, name)
        why, evidence = unreachable(where, context)
        cascades = cascades_into(where, context)
        if why and cascades:
            yield _cascading(name, why, cascades, evidence)
        elif why:
            phase = Phase.NEUTRAL if where.temporary else Phase.MIGRATE
            text = f"{why}."
            yield Finding(ID, Verdict.SAFE, Verdict.SAFE, phase, text, table=name, evidence=evidence)
        else:
            yield _lost(subject, where)
    if not subject.tables:
        yield Finding(
            ID,
            Verdict.UNKNOWN,
            Verdict.UNKNOWN,
            Phase.NEUTRAL,
            "This DELETE is from a table that could not be read from it.",
            remedy="Write DELETE FROM with the table's name.",
        )


def _lost(node: Delete, where: Target) -> Finding:
    which = f" WHERE {node.where}" if node.where else ""
    rows = f"the rows of {where.name} with {node.where}" if node.where else f"all rows of {where.name}"
    key = where.now.primary_key if where.now is not None else None
    order = f" ORDER BY {', '.join(map(quoted, key.columns))}" if key is not None and key.columns else ""
    batch = f"DELETE FROM {quoted(where.name)}{which}{order} LIMIT 1000"
    if node.reads or len(node.tables) > 1:
        batch = f"DELETE FROM {quoted(where.name)} WHERE ... IN (...)"
    return Finding(
        ID,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Old code wrote, and reads, {rows}: a SELECT of old code finds less, an UPDATE matches nothing, and an "
        "INSERT of a child may fail with 1452. No error tells, and the rows are lost.",
        remedy=steps(
            ("expand", f"release code that does without {rows} (and writes no such row)"),
            ("deploy", "wait until no node runs older code"),
            ("contract", f"in batches, until no row is left, after a backup: op.execute({batch!r})"),
        ),
        table=where.name,
    )


def _cascading(table: str, why: str, cascades: list[tuple[str, str, str]], evidence: str) -> Finding:
    children = listed(f"{child} (ON DELETE {action})" for child, _, action in cascades)
    child, column, _ = cascades[0]
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"{why}; but the DELETE goes on into {children}, which old code reads.",
        conditions=(
            Condition(
                "no-cascade-into-old-rows",
                "data",
                f"No row of {listed(item[0] for item in cascades)} points at a deleted row of {table}.",
                f"SELECT 1 FROM {quoted(child)} WHERE {quoted(column)} IS NOT NULL LIMIT 1",
            ),
        ),
        remedy=steps(
            ("migrate", f"detach the rows of {child} that point at {table} by {column}"),
            ("contract", f"delete from {table}"),
        ),
        table=table,
        evidence=evidence,
    )


RULE = Rule(id=ID, title="rows deleted", on=(Delete,), facts=(67,), judge=judge)
