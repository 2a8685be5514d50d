"""ZD309: an index of the same name has another definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import KeyChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import noun, op_create_key, op_drop_key, op_hide_index, parts_text
from zdmigrate.verdict.rules.keys.coverage import renamed
from zdmigrate.verdict.rules.keys.fulltext_dropped import lost_fulltext_finding
from zdmigrate.verdict.rules.keys.index_dropped import lost_index_finding
from zdmigrate.verdict.rules.keys.unique_added import unique_finding
from zdmigrate.verdict.rules.keys.unique_dropped import relaxed_finding
from zdmigrate.verdict.rules.keys.uniqueness import implies
from zdmigrate.verdict.rules.origin import columns_gone
from zdmigrate.verdict.rules.wording import steps

ID = "ZD309"


def judge(subject: KeyChanged, context: Context) -> Iterator[Finding]:
    """What the old definition forbade or served is judged as a drop, what the new one forbids as an addition."""
    table, after = subject.table, subject.after
    before = renamed(subject.before, table, context)
    if "primary" in (before.kind, after.kind) or _only_visibility(before, after):
        return
    if before.kind == after.kind and before.parts == after.parts:
        yield _details(table, before, after)
    elif after.kind == "unique" and not (before.kind == "unique" and implies(before, after)):
        yield unique_finding(ID, table, after, context)
    elif before.kind == "unique":
        yield relaxed_finding(ID, table, subject.before, context)
    elif before.kind == "fulltext":
        yield lost_fulltext_finding(ID, table, subject.before, context)
    elif columns_gone(context, table, subject.before.columns):
        yield _shortened(table, before, after)
    else:
        finding = lost_index_finding(ID, table, subject.before, context)
        yield finding if not finding.remedy else replace(finding, remedy=_exchange(table, before, after, context))


def _only_visibility(before: Key, after: Key) -> bool:
    return (
        before.visible != after.visible and replace(before, visible=after.visible, generated=after.generated) == after
    )


def _exchange(table: str, before: Key, after: Key, context: Context) -> str:
    return steps(
        ("expand", op_create_key(table, replace(after, name=f"{after.name}_new"))),
        ("contract", op_hide_index(table, before.name, context.target) + "  # and watch the slow log"),
        ("contract", op_drop_key(table, before)),
    )


def _shortened(table: str, before: Key, after: Key) -> Finding:
    return Finding(
        ID,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"{noun(before)[0].upper()}{noun(before)[1:]} of {table} loses the columns that are dropped and is on "
        f"({parts_text(after)}) now: the drop of the columns decides.",
        table=table,
    )


def _details(table: str, before: Key, after: Key) -> Finding:
    the_key = f"{noun(before)[0].upper()}{noun(before)[1:]} of {table}"
    if before.parser == after.parser:
        return Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{the_key} keeps its columns and what it forbids; only how it is stored, or its comment, changes.",
            table=table,
        )
    old, new = (f"the parser {name}" if name else "the built-in parser" for name in (before.parser, after.parser))
    parts = parts_text(before)
    return Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        f"{the_key} is built by {new} instead of {old}: MATCH ({parts}) AGAINST (...) of old code finds other rows.",
        remedy=steps(("contract", "run the app's searches against a copy with the new parser before")),
        conditions=(
            Condition("search-tolerates-parser", "code", f"Old code accepts what MATCH ({parts}) finds by {new}."),
        ),
        new_conditions=(
            Condition("search-tolerates-parser", "code", f"New code accepts what MATCH ({parts}) finds by {old}."),
        ),
        table=table,
    )


RULE = Rule(id=ID, title="index redefined", on=(KeyChanged,), facts=(49, 50, 52, 53), judge=judge)
