"""ZD331: a CHECK constraint is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Check
from zdmigrate.verdict.differences import CheckDropped
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.check_added import ignored_by, violation_number
from zdmigrate.verdict.rules.keys.check_value import columns_of
from zdmigrate.verdict.rules.keys.code import op_drop_constraint
from zdmigrate.verdict.rules.origin import columns_going, columns_gone, living
from zdmigrate.verdict.rules.wording import listed, steps

ID = "ZD331"


def judge(subject: CheckDropped, context: Context) -> Iterator[Finding]:
    """Old code's writes go on; its readers may meet what the CHECK kept out."""
    yield relaxed_check_finding(ID, subject.table, subject.check, context)


def relaxed_check_finding(rule: str, table: str, check: Check, context: Context) -> Finding:
    """What it is to old code that `check` no longer holds; shared with the rule for changed CHECKs."""
    columns = columns_of(check) or ()
    column = columns[0] if len(columns) == 1 else None
    why, phase, evidence = _harmless(table, check, columns, context)
    if why:
        return Finding(
            rule,
            Verdict.SAFE,
            Verdict.SAFE,
            phase,
            f"{check.name}: {why}.",
            table=table,
            column=column,
            evidence=evidence,
        )
    number = violation_number(context.target)
    return Finding(
        rule,
        Verdict.CONDITIONAL,
        Verdict.CONDITIONAL,
        Phase.CONTRACT if columns_going(context, table, columns) else Phase.EXPAND,
        f"Every write of old code that {check.name} of {table} let pass still succeeds, but old code may read rows "
        f"against {check.expression} as soon as new code writes them (an Enum raises LookupError on a value it does "
        "not know).",
        remedy=steps(
            ("expand", f"release readers of {table} that cope with any {listed(columns, 'or') or 'value'}"),
            ("expand", op_drop_constraint(table, check.name, "check")),
            ("deploy", f"code that writes {table} rows against {check.expression}"),
        ),
        conditions=(
            Condition(
                "readers-tolerate-any-value",
                "code",
                f"Old code reads {table} rightly when a row does not hold to {check.expression}, or new code writes "
                "none before no node runs older code.",
            ),
        ),
        new_conditions=(
            Condition(
                "writes-after-drop",
                "order",
                f"New code writes no row against {check.expression} into {table} before {check.name} is gone "
                f"({number}).",
            ),
        ),
        table=table,
        column=column,
    )


def _harmless(table: str, check: Check, columns: tuple[str, ...], context: Context) -> tuple[str, Phase, str]:
    if ignored_by(context.target):
        return f"{context.target} never checked it", Phase.NEUTRAL, ""
    if not check.enforced:
        return "it was NOT ENFORCED: no row was ever refused", Phase.NEUTRAL, ""
    if columns_gone(context, table, columns):
        return "it goes with the columns it reads: the drop of the columns decides", Phase.CONTRACT, ""
    now = living(context.after, context, table)
    for item in () if now is None else now.checks:
        if item.enforced and item.name.lower() != check.name.lower() and item.expression == check.expression:
            return f"{item.name} goes on checking the same", Phase.NEUTRAL, ""
    old_code = context.old_code
    if not old_code.maps_table(table):
        return f"old code does not map {table}", Phase.EXPAND, old_code.quote(table)
    if columns and not any(old_code.maps_column(table, name) for name in columns):
        quotes = "; ".join(old_code.quote(table, name) for name in columns)
        return f"old code does not map {listed(columns)} of {table}", Phase.EXPAND, quotes
    return "", Phase.EXPAND, ""


RULE = Rule(id=ID, title="CHECK dropped", on=(CheckDropped,), facts=(58,), judge=judge)
