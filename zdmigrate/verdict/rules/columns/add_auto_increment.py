"""ZD204: an AUTO_INCREMENT column is added."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.rename import takes_over
from zdmigrate.verdict.rules.columns.scope import at, untouched
from zdmigrate.verdict.rules.wording import steps


def judge(added: ColumnAdded, context: Context) -> Iterator[Finding]:
    """Old INSERTs work; each server numbers the existing rows by itself."""
    column, where = added.column, at(added.table, added.column)
    if not column.auto_increment or takes_over(added, context):
        return
    evidence = untouched(added.table, context)
    condition = Condition(
        "rows-numbered-alike",
        "person",
        f"Every replica gives the existing rows of {added.table} the same {column.name} as the primary "
        "(true where the table already had a primary key).",
    )
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.CONDITIONAL,
        Verdict.UNSAFE,
        Phase.CONTRACT,
        f"Old code leaves {where} out and the server numbers its rows, but each server numbers the rows that exist by "
        "itself, in the order it reads them: replicas may disagree. The number becomes LAST_INSERT_ID(), which drivers "
        "return as lastrowid. The table is rebuilt and takes no writes meanwhile. New code on the old schema fails "
        "with 1054.",
        steps(
            ("expand", f"create a new table with {column.name} as its key, fill it in batches while code writes both"),
            ("deploy", "the version that reads and writes the new table"),
            ("contract", f"drop {added.table}"),
        ),
        conditions=() if evidence else (condition,),
        table=added.table,
        column=column.name,
        evidence=evidence,
    )


RULE = Rule("ZD204", "AUTO_INCREMENT column added", (ColumnAdded,), (14,), judge)
