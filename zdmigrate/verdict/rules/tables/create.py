"""ZD101: a table is created."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateTable
from zdmigrate.verdict.differences import TableCreated
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule


def judge(subject: TableCreated | CreateTable, context: Context) -> Iterator[Finding]:
    """Safe: old code does not know it; new code needs it first."""
    if isinstance(subject, TableCreated):
        yield _created(subject.table)
        return
    if subject.temporary:
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{subject.name} is a temporary table: only the session that runs the migration sees it.",
            table=subject.name,
        )
        return
    after = context.after.table(subject.name)
    fresh = subject.name not in context.before.tables and subject.name not in context.base.tables
    unseen = after is not None and not after.complete and not context.base.complete
    if fresh and unseen:  # CREATE TABLE ... SELECT where the base is not fully known: no difference tells of it
        yield _created(subject.name)


def _created(table: str) -> Finding:
    return Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.UNSAFE,
        Phase.EXPAND,
        f"Old code does not know {table}. New code that uses it on the old schema fails with 1146 (Table '{table}' "
        "doesn't exist): run this before deploying it.",
        table=table,
    )


RULE = Rule("ZD101", "table created", (TableCreated, CreateTable), (1,), judge)
