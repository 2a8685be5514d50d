"""ZD203: a NOT NULL column without a default is added."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnAdded
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.rename import takes_over
from zdmigrate.verdict.rules.columns.scope import always_written, at, before_statement, loosely, untouched
from zdmigrate.verdict.rules.wording import op_add_column, op_alter_column, quoted, sa_column, steps

_DATES = frozenset({"date", "datetime", "timestamp"})


def judge(added: ColumnAdded, context: Context) -> Iterator[Finding]:
    """Old INSERTs leave it out: 1364."""
    column, where = added.column, at(added.table, added.column)
    if column.insert_may_omit or takes_over(added, context):
        return
    evidence = untouched(added.table, context) or always_written(added.table, column, context)
    earlier = before_statement(added.table, column, context)
    if evidence or (earlier is not None and not earlier.insert_may_omit):
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.UNSAFE,
            Phase.EXPAND,
            f"No INSERT of the deployed versions leaves out {where}."
            if evidence
            else f"An earlier statement of this release already requires {where}; this one changes nothing for old "
            "code.",
            table=added.table,
            column=column.name,
            evidence=evidence,
        )
        return
    reason = (
        f"Old code does not know {where}, so its INSERTs leave it out, and it is NOT NULL without a default: they fail "
        f"with 1364 (Field '{column.name}' doesn't have a default value). Existing rows get the type's implicit value."
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
            (
                "migrate",
                f"UPDATE {quoted(added.table)} SET {quoted(column.name)} = ... WHERE {quoted(column.name)} IS NULL, "
                "in batches",
            ),
            ("contract", op_alter_column(added.table, column, nullable="False")),
        )
        + "\nOr give it a server_default in expand, and drop that in contract at the earliest.",
        table=added.table,
        column=column.name,
    )


RULE = Rule("ZD203", "NOT NULL column added without a default", (ColumnAdded,), (10, 11), judge)
