"""ZD312: the primary key is on other columns."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import KeyChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import parts_text
from zdmigrate.verdict.rules.keys.coverage import renamed
from zdmigrate.verdict.rules.keys.primary_key_added import primary_finding
from zdmigrate.verdict.rules.keys.uniqueness import implies
from zdmigrate.verdict.rules.wording import op_execute, quoted, steps

ID = "ZD312"


def judge(subject: KeyChanged, context: Context) -> Iterator[Finding]:
    """An extension refuses less than before; any other primary key refuses other rows."""
    table, after = subject.table, subject.after
    before = renamed(subject.before, table, context)
    if after.kind != "primary":
        return
    if before.parts == after.parts:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"The primary key of {table} keeps its columns ({parts_text(after)}); only how it is stored, or its "
            "comment, changes.",
            table=table,
        )
        return
    if not implies(before, after):
        yield primary_finding(ID, table, after, context, narrows=implies(after, before))
        return
    alter = f"ALTER TABLE {quoted(table)} DROP PRIMARY KEY, ADD PRIMARY KEY ({', '.join(map(quoted, after.columns))})"
    old, new = parts_text(before), parts_text(after)
    if implies(after, before):
        reason = (
            f"The primary key of {table} is on the same columns in another order, ({new}) instead of ({old}): it "
            "refuses "
        )
        reason += (
            f"the same rows, but statements of old code that find rows by the start of ({old}) may scan the table."
        )
        condition = Condition(
            "no-plan-depends-on-it",
            "workload",
            f"No query of old code that matters for speed finds rows of {table} by the start of ({old}), or another "
            "index serves it.",
        )
    else:
        reason = (
            f"The primary key of {table} grows from ({old}) to ({new}): every write of old code that succeeded before "
            f"still succeeds, but two rows with the same ({old}) are no longer refused, so INSERT ... ON DUPLICATE KEY "
            "UPDATE, REPLACE, and reading one row by its key mean something else."
        )
        condition = Condition(
            "no-reliance-on-primary-key",
            "code",
            f"Old code does not count on {table} refusing a second row with the same ({old}), and reads rightly when "
            "new code has written one.",
        )
    yield Finding(
        ID,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        reason,
        remedy=steps(("contract", op_execute(alter) + "  # in one ALTER: the table is never without a primary key")),
        conditions=(condition,),
        new_conditions=(
            Condition("tolerates-old-primary-key", "code", f"New code runs while {table} still refuses by ({old})."),
        ),
        table=table,
    )


RULE = Rule(id=ID, title="primary key changed", on=(KeyChanged,), facts=(59,), judge=judge)
