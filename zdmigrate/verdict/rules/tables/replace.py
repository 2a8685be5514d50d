"""ZD104: a table is dropped and another of the same name created."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateTable
from zdmigrate.verdict.differences import TableReplaced
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.wording import op_drop_table, steps


def judge(subject: TableReplaced | CreateTable, context: Context) -> Iterator[Finding]:
    """Its rows are gone, and for a moment there is no table."""
    old_code = context.old_code
    if isinstance(subject, CreateTable):
        table = subject.name
        if subject.temporary or table not in context.base.tables or table in context.before.tables:
            return
    else:
        table = subject.table
    evidence = old_code.quote(table) if old_code.proven and not old_code.maps_table(table) else ""
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.UNSAFE,
        Phase.EXPAND if evidence else Phase.SPLIT,
        f"No deployed version maps {table}. It is dropped and created again: its rows are gone for good."
        if evidence
        else f"{table} is dropped and created again: every row old code stored is gone, and its statements fail "
        "with 1146 "
        "in between.",
        ""
        if evidence
        else steps(
            ("expand", f"op.create_table({table + '_new'!r}, ...)"),
            ("deploy", f"the version that writes both {table} and {table}_new"),
            ("migrate", f"copy the rows of {table} into {table}_new in batches"),
            ("deploy", f"the version that uses only {table}_new"),
            ("contract", op_drop_table(table)),
        ),
        table=table,
        evidence=evidence,
    )


RULE = Rule("ZD104", "table dropped and created again", (TableReplaced, CreateTable), (1, 4), judge)
