"""ZD405: an UPDATE that gives NULLs a value."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Update
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.writes import Effect, writes
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD405"


def judge(subject: Update, context: Context) -> Iterator[Finding]:
    """Old code could have written the value; whether it takes it as it took NULL is for a person to say."""
    for item in writes(subject, context):
        if item.effect is not Effect.NULL_FILL:
            continue
        table, column = item.target.name, item.column
        batch = f"UPDATE {quoted(table)} SET {quoted(column)} = {item.value} WHERE {quoted(column)} IS NULL LIMIT 1000"
        yield Finding(
            ID,
            Verdict.CONDITIONAL,
            Verdict.SAFE,
            Phase.MIGRATE,
            f"Rows whose {item.place} is NULL get {item.value}. Old code can read that, but it may take NULL for "
            f"something else than {item.value} (never set, inherit, unknown); and it goes on writing NULL, so that "
            "the rows must be filled again after it is gone.",
            remedy=steps(
                (
                    "expand",
                    f"release code that writes no NULL into {item.place}, and takes NULL and {item.value} alike",
                ),
                ("deploy", "wait until no node runs older code"),
                ("migrate", f"in batches, until no row is left: {op_execute(batch)}"),
            ),
            conditions=(
                Condition(
                    "null-means-the-same",
                    "code",
                    f"Old code treats {item.value} in {item.place} as it treats NULL.",
                ),
            ),
            table=table,
            column=column,
        )


RULE = Rule(id=ID, title="UPDATE that fills NULLs", on=(Update,), facts=(65, 66), judge=judge)
