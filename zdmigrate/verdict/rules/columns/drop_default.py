"""ZD211: a column loses its default."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import always_written, at, changed_here, loosely, unmapped, untouched
from zdmigrate.verdict.rules.wording import op_set_default, sa_default, sql_default, steps


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """NOT NULL: INSERTs that leave it out fail (1364). Nullable: they store NULL instead."""
    before, after = change.before, change.after
    here = changed_here(change, context) & {"default", "nullable", "auto_increment", "generated"}
    if before.default is None or after.default is not None or not here:
        return
    if after.generated is not None or after.auto_increment:
        return
    where, was = at(change.table, before), sql_default(before.default)
    evidence = always_written(change.table, before, context) or untouched(change.table, context)
    conditions: tuple[Condition, ...] = ()
    if evidence:
        old = Verdict.SAFE
        reason = f"No INSERT of the deployed versions leaves out {where}, so none relies on DEFAULT {was}."
    elif not after.nullable:
        old = Verdict.UNSAFE
        reason = (
            f"INSERTs of old code that leave out {where} relied on DEFAULT {was}; it is NOT NULL, so they fail with "
            f"1364 (Field '{after.name}' doesn't have a default value).{loosely(context)}"
        )
    elif evidence := unmapped(change.table, before.name, context):
        old = Verdict.SAFE
        reason = (
            f"No deployed version maps {where}: rows it inserts hold NULL there instead of {was}, which it never reads."
        )
    else:
        old = Verdict.CONDITIONAL
        reason = f"INSERTs of old code that leave out {where} now store NULL where they stored {was}."
        conditions = (
            Condition(
                "default-not-relied-on",
                "code",
                f"Old code either names {where} in every INSERT or means the same by NULL as by {was}.",
            ),
        )
    remedy = ""
    if old is not Verdict.SAFE:
        first = op_set_default(change.table, before, sa_default(before.default))
        remedy = steps(
            ("expand", f"keep the default: {first}"),
            ("deploy", f"the version that writes {where} in every INSERT"),
            ("contract", op_set_default(change.table, before, "None")),
        )
    yield Finding(
        RULE.id,
        old,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        remedy,
        conditions=conditions,
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD211", "column default removed", (ColumnChanged,), (31, 32), judge)
