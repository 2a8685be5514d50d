"""ZD203: a NOT NULL column without a default is added."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Column
from zdmigrate.verdict.differences import ColumnAdded
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.rename import takes_over
from zdmigrate.verdict.rules.columns.scope import (
    always_written,
    at,
    before_statement,
    loosely,
    null_rows_error,
    untouched,
)
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import op_add_column, op_alter_column, quoted, sa_column, steps

_DATES = frozenset({"date", "datetime", "timestamp"})


def judge(added: ColumnAdded, context: Context) -> Iterator[Finding]:
    """Old INSERTs leave it out: 1364. Where an earlier revision added the column, requiring it is a contract."""
    column, where = added.column, at(added.table, added.column)
    if column.insert_may_omit or takes_over(added, context):
        return
    earlier = before_statement(added.table, column, context)
    required = earlier is not None and not earlier.insert_may_omit
    contract = _added_by_an_earlier_revision(added, context) and not required
    evidence = untouched(added.table, context)
    if not context.old_code.may_write_null(added.table, column):
        evidence = evidence or always_written(added.table, column, context)
    if evidence or required:
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.SAFE if contract else Verdict.UNSAFE,
            Phase.CONTRACT if contract else Phase.EXPAND,
            f"No INSERT of the deployed versions leaves out {where}.{_rows(added.table, earlier, context)}"
            if evidence
            else f"An earlier statement of this release already requires {where}; this one changes nothing for old "
            "code.",
            table=added.table,
            column=column.name,
            evidence=evidence,
        )
        return
    fails = f"they fail with 1364 (Field '{column.name}' doesn't have a default value)."
    if contract:
        yield Finding(
            RULE.id,
            Verdict.UNSAFE,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"Old code does not know {where}, so its INSERTs leave it out; from here on it is NOT NULL without a "
            f"default: {fails}{loosely(context)}{_rows(added.table, earlier, context)}",
            steps(
                ("deploy", f"the version that writes {where} in every INSERT"),
                ("migrate", f"{_fill(added)}, in batches"),
                ("contract", op_alter_column(added.table, column, nullable="False")),
            ),
            table=added.table,
            column=column.name,
        )
        return
    reason = (
        f"Old code does not know {where}, so its INSERTs leave it out, and it is NOT NULL without a default: {fails} "
        "Existing rows get the type's implicit value."
    )
    if column.type.name in _DATES:
        reason += (
            " For a date that is '0000-00-00': with NO_ZERO_DATE the ALTER itself fails on a table with rows (1292)."
        )
    yield Finding(
        RULE.id,
        Verdict.UNSAFE,
        Verdict.UNSAFE,
        Phase.SPLIT,
        reason
        + loosely(context)
        + " New code needs the column before it is deployed (1054), so neither side can hold it.",
        steps(
            ("expand", op_add_column(added.table, sa_column(column, nullable=True))),
            ("deploy", f"the version that writes {where} in every INSERT"),
            ("migrate", f"{_fill(added)}, in batches"),
            ("contract", op_alter_column(added.table, column, nullable="False")),
        )
        + "\nOr give it a server_default in expand, and drop that in contract at the earliest.",
        table=added.table,
        column=column.name,
    )


def _added_by_an_earlier_revision(added: ColumnAdded, context: Context) -> bool:
    """So that a deploy may lie between the two; one revision for both would leave no room for it."""
    table = None if context.began is None else living(context.began, context, added.table)
    return table is not None and table.column_by_uid(added.column.uid) is not None


def _fill(added: ColumnAdded) -> str:
    name = quoted(added.column.name)
    return f"UPDATE {quoted(added.table)} SET {name} = ... WHERE {name} IS NULL"


def _rows(table: str, earlier: Column | None, context: Context) -> str:
    """What the statement meets in rows that were there before it."""
    if earlier is None or not earlier.nullable:
        return ""
    name = quoted(earlier.name)
    return (
        f" A row that holds NULL makes the ALTER itself fail ({null_rows_error(context)}): look with "
        f"SELECT 1 FROM {quoted(table)} WHERE {name} IS NULL LIMIT 1."
    )


RULE = Rule("ZD203", "NOT NULL column added without a default", (ColumnAdded,), (10, 11), judge)
