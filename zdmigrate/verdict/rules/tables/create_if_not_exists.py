"""ZD102: CREATE TABLE IF NOT EXISTS, which accepts whatever table is there."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateTable
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule


def judge(node: CreateTable, context: Context) -> Iterator[Finding]:
    """Information only: a table of that name with other columns would go unnoticed."""
    if not node.if_not_exists or node.temporary:
        return
    if node.name in context.before.tables:
        reason = f"{node.name} exists already, so this statement does nothing, whatever its definition says."
    else:
        reason = (
            f"If {node.name} already exists on a server with other columns, IF NOT EXISTS keeps it and says nothing."
        )
    yield Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.SAFE,
        Phase.NEUTRAL,
        reason,
        "Leave out IF NOT EXISTS (if_not_exists=True), so that a schema that drifted is an error (1050).",
        table=node.name,
    )


RULE = Rule("ZD102", "IF NOT EXISTS hides a table that differs", (CreateTable,), (3,), judge)
