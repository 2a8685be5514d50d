"""ZD210: a column gets a default, or another one."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Column
from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import always_written, at, changed_here, unmapped
from zdmigrate.verdict.rules.wording import sql_default, sql_text, steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """A default where leaving the column out was an error is a relaxation; any other changes what old INSERTs mean."""
    before, after = change.before, change.after
    if after.default is None or "default" not in change.aspects & changed_here(change, context):
        return
    where, value = at(change.table, before), sql_default(after.default)
    implied = _first_member(before)
    if not before.insert_may_omit and implied in (None, value):
        writes = Condition(
            "new-code-writes-value", "code", f"New code names {where} in every INSERT until the default is there."
        )
        yield Finding(
            RULE.id,
            Verdict.SAFE,
            Verdict.CONDITIONAL,
            Phase.EXPAND,
            f"{where} was NOT NULL without a default, so old code names it in every INSERT and DEFAULT {value} changes "
            "nothing for it. New code that leaves it out fails on the old schema with 1364.",
            new_conditions=(writes,),
            table=change.table,
            column=before.name,
        )
        return
    was = implied or ("NULL" if before.default is None else sql_default(before.default))
    evidence = unmapped(change.table, before.name, context) or always_written(change.table, before, context)
    relied = Condition(
        "default-not-relied-on",
        "code",
        f"Old code either names {where} in every INSERT or means the same by {value} as by {was}.",
    )
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.CONDITIONAL,
        Verdict.SAFE,
        Phase.CONTRACT if before.nullable and not after.nullable else Phase.EXPAND,
        f"No deployed version leaves out {where} and reads it: its default may change from {was} to {value}."
        if evidence
        else f"An INSERT of old code that leaves out {where} now stores {value} where it stored {was}; old rows keep "
        "their value.",
        ""
        if evidence
        else steps(
            ("deploy", f"a version that writes {where} explicitly in every INSERT"),
            ("expand", "this change"),
        ),
        conditions=() if evidence else (relied,),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


def _first_member(column: Column) -> str | None:
    """What an INSERT that leaves out an ENUM NOT NULL without a default stores, in strict mode too; None for others."""
    if column.type.name != "enum" or column.insert_may_omit or not column.type.members:
        return None
    return sql_text(column.type.members[0])


RULE = Rule("ZD210", "column default added or changed", (ColumnChanged,), (29, 30), judge)
