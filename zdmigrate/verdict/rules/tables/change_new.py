"""ZD106: a table created in this release is changed again."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import NewTableChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule


def judge(changed: NewTableChanged, context: Context) -> Iterator[Finding]:
    """Free: old code knows neither form."""
    yield Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.UNSAFE,
        Phase.EXPAND,
        f"{changed.table} was created in this release: old code knows neither form of it. New code needs it as it "
        "is now.",
        table=changed.table,
    )


RULE = Rule("ZD106", "table of this release changed", (NewTableChanged,), (1,), judge)
