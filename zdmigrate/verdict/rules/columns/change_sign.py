"""ZD215: a number becomes unsigned, or signed."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, loosely, stays_within, type_change
from zdmigrate.verdict.rules.wording import op_alter_column, quoted, sa_type, sql_type, steps
from zdmigrate.verdict.types import TypeAspect


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Unsafe while old code may write the half of the range that goes; signed made wide enough is ZD212."""
    comparison = type_change(change, context)
    if comparison is None or not (comparison.has(TypeAspect.SIGNEDNESS) and comparison.has(TypeAspect.NARROWED)):
        return
    before, after = change.before, change.after
    where, now = at(change.table, before), sql_type(after.type)
    evidence = stays_within(change.table, before, after.type, context)
    lost = "negative values" if after.type.unsigned else f"values above the largest {now}"
    new_condition = Condition(
        "new-code-stays-in-range", "code", f"New code writes to {where} only values the old type holds as well."
    )
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.CONDITIONAL,
        Phase.CONTRACT,
        f"What the deployed versions write to {where} fits {now}."
        if evidence
        else f"Old code may write {lost} to {where}: its INSERT and UPDATE fail with 1264 (Out of range value for "
        "column "
        f"'{after.name}'), and so does the ALTER while a row holds one.{loosely(context)}",
        ""
        if evidence
        else steps(
            ("deploy", f"the version that writes no {lost} to {where}"),
            (
                "migrate",
                f"SELECT 1 FROM {quoted(change.table)} WHERE {quoted(before.name)} < 0 LIMIT 1 must return no row"
                if after.type.unsigned
                else f"repair the rows that do not fit {now}",
            ),
            ("contract", op_alter_column(change.table, before, type_=sa_type(after.type))),
        ),
        new_conditions=(new_condition,),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD215", "column signedness changed", (ColumnChanged,), (36,), judge)
