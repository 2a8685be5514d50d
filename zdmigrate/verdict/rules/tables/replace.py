"""ZD104: a table is dropped and another of the same name created."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import CreateTable
from zdmigrate.verdict.differences import TableReplaced
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.names import doubt, not_known
from zdmigrate.verdict.rules.wording import op_drop_table, steps


def judge(subject: TableReplaced | CreateTable, context: Context) -> Iterator[Finding]:
    """Its rows are gone, and for a moment there is no table."""
    old_code = context.old_code
    if isinstance(subject, CreateTable):
        table = subject.name
        if subject.temporary or table in context.before.tables:
            return
        if table not in context.base.tables:
            yield from _perhaps(subject, context)
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


def _perhaps(node: CreateTable, context: Context) -> Iterator[Finding]:
    """OR REPLACE of a table that the catalog does not have, and that may be there all the same."""
    if not node.or_replace:
        return
    why = doubt(node.name, context)
    if not why and not context.before.complete:
        why = f"whether there is a table {node.name} was never seen"
    if why:
        yield not_known(
            RULE.id,
            f"CREATE OR REPLACE TABLE {node.name}: {why}. A table of that name goes, with every row old code stored.",
            node.name,
        )


RULE = Rule("ZD104", "table dropped and created again", (TableReplaced, CreateTable), (1, 4), judge)
