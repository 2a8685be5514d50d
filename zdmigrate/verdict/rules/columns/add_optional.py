"""ZD201: a column is added that INSERTs may leave out."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnAdded
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.rename import takes_over
from zdmigrate.verdict.rules.columns.scope import at
from zdmigrate.verdict.rules.wording import op_add_column, op_set_default, sa_column, sa_default, sql_default, steps


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
    yield Finding(
        RULE.id,
        Verdict.SAFE,
        Verdict.UNSAFE,
        Phase.EXPAND,
        f"{reason} New code on the old schema fails with 1054 (Unknown column '{column.name}'): run this before "
        "deploying it.",
        remedy,
        table=added.table,
        column=column.name,
    )


RULE = Rule("ZD201", "column added, nullable or with a default", (ColumnAdded,), (7, 8, 9, 12, 18, 20), judge)
