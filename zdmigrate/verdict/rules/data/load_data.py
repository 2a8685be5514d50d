"""ZD409: rows are loaded from a file."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import LoadData
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.removed import unreachable
from zdmigrate.verdict.rules.origin import target
from zdmigrate.verdict.rules.wording import steps

ID = "ZD409"


def judge(subject: LoadData, context: Context) -> Iterator[Finding]:
    """What the file holds is not in the statement."""
    table = subject.table
    where = target(context, table)
    why, evidence = unreachable(where, context)
    if why:
        phase = Phase.NEUTRAL if where.temporary else Phase.MIGRATE
        text = f"{why}."
        yield Finding(ID, Verdict.SAFE, Verdict.SAFE, phase, text, table=table, evidence=evidence)
        return
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.MIGRATE,
        f"What the file puts into {table} is not in the statement: old code reads the rows, and they must be ones it "
        "could have written itself. With REPLACE, rows that are there are overwritten.",
        remedy=steps(
            ("expand", f"load the file into a new table with the columns of {table}, and look at it there"),
            ("migrate", f"copy the rows into {table} in batches with INSERT IGNORE ... SELECT"),
        ),
        conditions=(
            Condition(
                "rows-fit-old-code",
                "person",
                f"Old code could have written every row that the file puts into {table}, and none replaces a row of "
                "its own.",
            ),
        ),
        new_conditions=(
            Condition(
                "rows-before-code", "order", f"New code that counts on these rows of {table} is deployed after them."
            ),
        ),
        table=table,
    )


RULE = Rule(id=ID, title="rows loaded from a file", on=(LoadData,), facts=(63, 64), judge=judge)
