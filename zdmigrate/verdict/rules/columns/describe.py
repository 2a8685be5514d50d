"""ZD222: only what a column says about itself changes: its comment, or how numbers are displayed."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here, type_change
from zdmigrate.verdict.types import TypeAspect


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """No statement of any version notices."""
    comparison = type_change(change, context)
    said = []
    if "comment" in change.aspects & changed_here(change, context):
        said.append("its comment")
    if comparison is not None and (comparison.same or comparison.has(TypeAspect.DISPLAY)):
        said.append("how its type is written or displayed")
    if said:
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{at(change.table, change.before)} changes {' and '.join(said)}: no statement notices.",
            table=change.table,
            column=change.before.name,
        )


RULE = Rule("ZD222", "column comment or display changed", (ColumnChanged,), (43,), judge)
