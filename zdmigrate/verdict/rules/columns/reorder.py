"""ZD229: columns stand in another order."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnsReordered
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import listed


def judge(reordered: ColumnsReordered, context: Context) -> Iterator[Finding]:
    """Statements that list their columns go on."""
    yield Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.NEUTRAL,
        f"The columns of {reordered.table} stand in the order {listed(reordered.after)}: statements that list their "
        "columns, as an ORM's do, go on. INSERT without a column list and SELECT * by position would mix them up.",
        table=reordered.table,
    )


RULE = Rule("ZD229", "columns reordered", (ColumnsReordered,), (20,), judge)
