"""ZD212: a type grows so that every old value still fits."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import ColumnType
from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, type_change, unmapped
from zdmigrate.verdict.rules.wording import sql_type, steps
from zdmigrate.verdict.types import TypeAspect, TypeComparison, decodes, family

_GROWN = (
    TypeAspect.WIDENED,
    TypeAspect.KIND,
    TypeAspect.FRACTION_RAISED,
    TypeAspect.ENUM_TO_TEXT,
    TypeAspect.TIME_ZONE,
)


def too_big_error(column_type: ColumnType) -> str:
    """The error number for a value that `column_type` cannot hold."""
    if family(column_type) in ("integer", "decimal", "float"):
        return "1264"
    if column_type.name in ("enum", "set"):
        return "1265"
    return "1292" if column_type.name in ("date", "time", "datetime", "timestamp", "year") else "1406"


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """The same type made larger is safe; another type of the family asks whether old readers take its values."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(*_GROWN) or not comparison.lossless:
        return
    before, where = change.before, at(change.table, change.before)
    was, now = sql_type(before.type), sql_type(change.after.type)
    conditions = _conditions(comparison, where, was, now)
    evidence = unmapped(change.table, before.name, context)
    if conditions and not evidence and context.old_code.proven:
        types = context.old_code.types(change.table, before)
        if all(decodes(change.after.type, item) for item in types):
            evidence = context.old_code.quote(change.table, before.name)
    if not conditions:
        reason = f"Every value old code writes to {where} still fits: {was} only grew to {now}."
    elif evidence:
        reason = f"Every value old code writes to {where} fits {now}, and no deployed version reads less than that."
        conditions = ()
    else:
        reason = f"Every value old code writes to {where} still fits; what it reads may be more than {was} held."
    yield Finding(
        RULE.id,
        Verdict.CONDITIONAL if conditions else Verdict.SAFE,
        Verdict.UNSAFE,
        Phase.EXPAND,
        f"{reason} New code that writes a value only {now} holds fails on the old schema with "
        f"{too_big_error(before.type)}.",
        steps(
            ("expand", "this change"),
            ("deploy", f"a version that reads all of {now}"),
            ("deploy", f"the version that writes values {was} could not hold"),
        )
        if conditions
        else "",
        conditions=conditions,
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


def _conditions(comparison: TypeComparison, where: str, was: str, now: str) -> tuple[Condition, ...]:
    if comparison.has(TypeAspect.ENUM_TO_TEXT):
        return (
            Condition(
                "readers-accept-member",
                "code",
                f"Old code that reads {where} accepts a value outside {was} (a SQLAlchemy Enum raises LookupError).",
            ),
            Condition("no-ordinal-use", "code", f"Old code neither sorts {where} nor uses it as a number."),
        )
    if comparison.has(TypeAspect.TIME_ZONE):
        return (
            Condition(
                "one-time-zone",
                "workload",
                f"Every session that reads or writes {where} has the same time_zone: only TIMESTAMP follows it.",
            ),
        )
    if comparison.has(TypeAspect.KIND):
        return (
            Condition(
                "readers-accept-wider",
                "code",
                f"Old code that reads {where}, or copies it into another column, accepts every {now}, not only {was}.",
            ),
        )
    return ()


RULE = Rule("ZD212", "column type widened", (ColumnChanged,), (33,), judge)
