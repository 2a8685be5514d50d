"""ZD201: a column is added that INSERTs may leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.history.catalog import Column, Generated, Table
from zdmigrate.verdict.differences import ColumnAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.object_text import StoredText, bare, stored_texts
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.add_generated import may_be_null, may_not_fit
from zdmigrate.verdict.rules.columns.rename import takes_over
from zdmigrate.verdict.rules.columns.scope import at, untouched
from zdmigrate.verdict.rules.wording import (
    listed,
    op_add_column,
    op_set_default,
    sa_column,
    sa_default,
    sql_default,
    steps,
)

#: Runs only when somebody calls it.
_CALLED = ("procedure", "function")


def _may_fail(column: Column, table: Table | None) -> bool:
    """Whether a DEFAULT expression over other columns may not fit, or be NULL where the column is NOT NULL."""
    if column.default is None or column.default.kind != "expression" or table is None:
        return False
    words = set(re.findall(r"[a-z_$][\w$]*", re.sub(r"'[^']*'", "", column.default.text.lower())))
    if words.isdisjoint(item.name.lower() for item in table.columns):
        return False
    computed = Generated(column.default.text)
    null = not column.nullable and may_be_null(computed, table)
    return null or may_not_fit(replace(column, generated=computed), table)


def _by_place(table: str, context: Context) -> Iterator[StoredText]:
    """The triggers, routines and events that add rows to the table without naming its columns."""
    for item in stored_texts(context.after):
        if item.kind != "view" and item.inserts_by_place({bare(table)}):
            yield item


def judge(added: ColumnAdded, context: Context) -> Iterator[Finding]:
    """Safe for old code, which names its columns; new code needs it first."""
    column, where = added.column, at(added.table, added.column)
    if column.generated is not None or column.auto_increment or not column.insert_may_omit:
        return
    if takes_over(added, context):
        return
    remedy = ""
    if column.default is None:
        reason = f"Old code never names {where}; its INSERTs leave it NULL."
    else:
        reason = f"Old code never names {where}; its INSERTs get DEFAULT {sql_default(column.default)}."
    if column.default is not None and column.default.kind == "expression":
        reason += " A DEFAULT expression is no INSTANT change: the server computes it for every existing row."
        remedy = steps(
            (
                "expand",
                op_add_column(added.table, sa_column(column, nullable=True).split(", server_default=")[0] + ")"),
            ),
            ("expand", op_set_default(added.table, column, sa_default(column.default))),
            ("migrate", f"fill {where} of the existing rows in batches"),
        )
    if not added.last:
        reason += " It stands before older columns: only an INSERT without a column list or a SELECT * would notice."
    conditions: tuple[Condition, ...] = ()
    old = Verdict.SAFE
    by_place = [] if column.invisible else list(_by_place(added.table, context))
    if by_place:
        names = listed([str(item) for item in by_place])
        reason += f" Rows are added by position in {names}: that fails with 1136 then."
        remedy = steps(
            ("expand", "name the columns of that INSERT first"),
            ("expand", op_add_column(added.table, sa_column(column))),
        )
        old = Verdict.UNSAFE
        if all(item.kind in _CALLED for item in by_place):
            old = Verdict.CONDITIONAL
            conditions = (Condition("routine-not-called", "code", f"Old code does not call {names}."),)
    if _may_fail(column, context.base.table(added.table)) and not untouched(added.table, context):
        reason += " Where it does not fit, or is NULL in a NOT NULL column, old INSERTs fail (1264, 1406, 1048)."
        text = f"The DEFAULT of {where} is no error for any row old code inserts into {added.table}."
        conditions = (*conditions, Condition("expression-fits", "workload", text))
    yield Finding(
        RULE.id,
        Verdict.CONDITIONAL if conditions and old is Verdict.SAFE else old,
        Verdict.UNSAFE,
        Phase.EXPAND,
        f"{reason} New code on the old schema fails with 1054 (Unknown column '{column.name}'): run this before "
        "deploying it.",
        remedy,
        conditions=conditions,
        table=added.table,
        column=column.name,
    )


RULE = Rule("ZD201", "column added, nullable or with a default", (ColumnAdded,), (7, 8, 9, 12, 18, 20), judge)
