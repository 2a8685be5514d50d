"""ZD228: a column becomes invisible, or visible."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, changed_here


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Statements that list their columns go on."""
    if "invisible" not in change.aspects & changed_here(change, context):
        return
    now = "INVISIBLE" if change.after.invisible else "VISIBLE"
    yield Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.NEUTRAL,
        f"{at(change.table, change.before)} becomes {now}: statements that list their columns, as an ORM's do, go on. "
        "SELECT * and INSERT without a column list see one column more or less.",
        table=change.table,
        column=change.before.name,
    )


RULE = Rule("ZD228", "column visibility changed", (ColumnChanged,), (20,), judge)
