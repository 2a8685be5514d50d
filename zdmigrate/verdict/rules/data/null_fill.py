"""ZD405: an UPDATE that gives NULLs a value."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.syntax import Update
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.data.writes import Effect, Write, writes
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD405"


def judge(subject: Update, context: Context) -> Iterator[Finding]:
    """Old code could have written the value; whether it takes it as it took NULL is for a person to say."""
    for item in writes(subject, context):
        if item.effect is not Effect.NULL_FILL:
            continue
        table, column = item.target.name, item.column
        proof = _no_null_for(item, context)
        if proof:
            yield Finding(
                ID,
                Verdict.SAFE,
                Verdict.SAFE,
                Phase.MIGRATE,
                f"Rows whose {item.place} is NULL get {item.value}. Every deployed version maps it NOT NULL: none "
                "writes NULL, and none can mean anything by it.",
                table=table,
                column=column,
                evidence=proof,
            )
            continue
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


def _no_null_for(item: Write, context: Context) -> str:
    """The proof that the deployed versions know no NULL in the column; "" when there is none."""
    old, known = item.target.old_column(item.column), context.old_code
    if old is None or not known.proven or item.stranger is not None:
        return ""
    name = item.target.old_name
    if known.may_write_null(name, old) or known.may_omit(name, old):
        return ""
    return known.quote(name, old.name)


RULE = Rule(id=ID, title="UPDATE that fills NULLs", on=(Update,), facts=(65, 66), judge=judge)
