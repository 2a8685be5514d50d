"""ZD213: a type shrinks so that some old values no longer fit, or no longer come back as they were written."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, loosely, stays_within, type_change, unmapped
from zdmigrate.verdict.rules.columns.widen import too_big_error
from zdmigrate.verdict.rules.wording import op_alter_column, sa_type, sql_type, steps
from zdmigrate.verdict.types import TypeAspect

_LOSES = (TypeAspect.NARROWED, TypeAspect.FRACTION_LOWERED, TypeAspect.PADDED)


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Unsafe while old code may write what no longer fits."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(*_LOSES):
        return
    if comparison.has(TypeAspect.SIGNEDNESS):
        return
    before, after = change.before, change.after
    where, was, now = at(change.table, before), sql_type(before.type), sql_type(after.type)
    if comparison.has(TypeAspect.PADDED):  # whatever is written comes back padded
        evidence = unmapped(change.table, before.name, context)
    else:
        evidence = stays_within(change.table, before, after.type, context)
    error = too_big_error(after.type)
    both = comparison.has(TypeAspect.WIDENED)
    padded = comparison.has(TypeAspect.PADDED)
    if evidence and padded:
        reason = f"{now} pads every value of {where} with zero bytes; no deployed version maps it."
    elif evidence:
        reason = (
            f"What the deployed versions write to {where} fits {now}; a row that does not fails the ALTER ({error})."
        )
    elif padded:
        reason = (
            f"{now} pads every value of {where} with zero bytes to its length: old code reads back other bytes than "
            f"it wrote, and finds no row by a value of {was}."
        )
    elif comparison.has(TypeAspect.NARROWED):
        reason = (
            f"Old code may write values to {where} that {was} holds and {now} does not: its INSERT and UPDATE fail "
            "with "
            f"{error}, and so does the ALTER while a row holds one.{loosely(context)}"
        )
        if before.type.name == "decimal" and _scale(after.type.args) < _scale(before.type.args):
            reason += " Digits behind the point are rounded away without an error."
    else:
        reason = (
            f"Old code writes fractional seconds to {where}; {now} rounds them without an error, so it reads back "
            "something else than it wrote."
        )
    if comparison.has(TypeAspect.TIME_ZONE):
        reason += " Only TIMESTAMP follows the session's time_zone."
    if both:
        reason += f" New code that writes what only {now} holds fails on the old schema."
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.UNSAFE if both else Verdict.SAFE,
        (Phase.EXPAND if evidence else Phase.SPLIT) if both else Phase.CONTRACT,
        reason,
        ""
        if evidence
        else f"Make {where} VARBINARY({after.type.args[0]}), which pads nothing, or add a new column for longer values."
        if padded
        else steps(
            ("deploy", f"the version that writes only what fits {now} to {where}"),
            ("migrate", "find and repair the rows that do not fit, in batches"),
            ("contract", op_alter_column(change.table, before, type_=sa_type(after.type))),
        ),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


def _scale(arguments: tuple[int, ...]) -> int:
    return arguments[1] if len(arguments) > 1 else 0


RULE = Rule("ZD213", "column type narrowed", (ColumnChanged,), (34,), judge)
