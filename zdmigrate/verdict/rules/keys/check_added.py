"""ZD330: a CHECK constraint on a table old code writes."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Check
from zdmigrate.verdict.differences import CheckAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.check_value import UndecidedError, Value, columns_of, passes, value_when_omitted
from zdmigrate.verdict.rules.keys.code import op_create_check, violations_query
from zdmigrate.verdict.rules.origin import added_column, base_column
from zdmigrate.verdict.rules.wording import listed, op_execute, quoted, steps

ID = "ZD330"


def judge(subject: CheckAdded, context: Context) -> Iterator[Finding]:
    """Old code may write what the CHECK refuses, unless it cannot."""
    yield check_finding(ID, subject.table, subject.check, context)


def check_finding(rule: str, table: str, check: Check, context: Context) -> Finding:
    """What a CHECK that did not hold before does to old code; shared with the rule for changed CHECKs."""
    name = check.name or f"CHECK ({check.expression})"
    columns = columns_of(check)
    column = columns[0] if columns is not None and len(columns) == 1 else None
    why, phase, evidence = _harmless(table, check, columns, context)
    if why:
        return Finding(
            rule,
            Verdict.SAFE,
            Verdict.SAFE,
            phase,
            f"{name} of {table}: {why}.",
            table=table,
            column=column,
            evidence=evidence,
        )
    unmapped, evidence = _unmapped(table, check, columns, context)
    if unmapped:
        proof = violations_query(table, check)
        return Finding(
            rule,
            Verdict.CONDITIONAL,
            Verdict.SAFE,
            Phase.CONTRACT,
            f"{unmapped}, and its INSERTs leave there what {name} lets pass; but the ALTER itself fails with "
            f"{violation_number(context.target)} when a row that is there violates it.",
            remedy=steps(
                ("migrate", f"clean until this returns no row: {proof}"), ("contract", op_create_check(table, check))
            ),
            conditions=(
                Condition("no-violating-rows", "data", f"No row of {table} violates {check.expression}.", proof),
            ),
            table=table,
            column=column,
            evidence=evidence,
        )
    return _unsafe(rule, table, check, column, context)


def violation_number(target: Flavour) -> str:
    """The error of a row that violates a CHECK."""
    return "4025" if target.is_mariadb else "3819"


def ignored_by(target: Flavour) -> bool:
    """Whether the server reads CHECK clauses and forgets them."""
    return not target.at_least(10, 2, 1) if target.is_mariadb else not target.at_least(8, 0, 16)


def _harmless(table: str, check: Check, columns: tuple[str, ...] | None, context: Context) -> tuple[str, Phase, str]:
    """Why old code cannot meet the CHECK, the phase it then has, and the proof; "" when it can."""
    if ignored_by(context.target):
        return f"{context.target} reads CHECK clauses and forgets them", Phase.NEUTRAL, ""
    if not check.enforced:
        return "it is NOT ENFORCED: the server checks no row", Phase.EXPAND, ""
    before = context.base.table(table)
    twins = () if before is None else before.checks
    same = next((item for item in twins if item.enforced and _plain(item) == _plain(check)), None)
    if same is not None:
        return f"it says what {same.name} says, with which old code already lives", Phase.NEUTRAL, ""
    values: dict[str, Value] = {}
    try:
        for name in columns or ():
            added = added_column(context, table, name)
            if added is None:
                return "", Phase.CONTRACT, ""
            values[name] = value_when_omitted(added)
    except UndecidedError:
        return "", Phase.CONTRACT, ""
    if columns and passes(check, values):
        held = listed(f"{name} {'NULL' if value is None else repr(value)}" for name, value in values.items())
        return (
            f"it is about {listed(columns)} alone, which this release adds; rows of old code hold {held}, which passes",
            Phase.EXPAND,
            "",
        )
    return "", Phase.CONTRACT, ""


def _plain(check: Check) -> str:
    return "".join(check.expression.replace("`", "").split()).lower().strip("()")


def _unmapped(table: str, check: Check, columns: tuple[str, ...] | None, context: Context) -> tuple[str, str]:
    """Why old code never writes what the CHECK reads, and the proof; "" when it may, or when its defaults violate."""
    old_code = context.old_code
    if not old_code.proven:
        return "", ""
    if not old_code.maps_table(table):
        return f"Old code does not map {table}", old_code.quote(table)
    values: dict[str, Value] = {}
    quotes = []
    for name in columns or ():
        known = base_column(context, table, name)
        if known is None or old_code.maps_column(table, known.name):
            return "", ""
        try:
            values[name] = value_when_omitted(known)
        except UndecidedError:
            return "", ""
        quotes.append(old_code.quote(table, known.name))
    if not values or not passes(check, values):
        return "", ""
    return f"Old code does not map {listed(values)} of {table}", "; ".join(quotes)


def _unsafe(rule: str, table: str, check: Check, column: str | None, context: Context) -> Finding:
    number = violation_number(context.target)
    lines = [
        ("expand", f"release code that writes no {table} row against {check.expression}"),
        ("deploy", "wait until no node runs older code"),
        ("migrate", f"clean until this returns no row: {violations_query(table, check)}"),
    ]
    if context.target.is_mariadb:
        lines.append(("contract", op_create_check(table, check)))
    else:
        add = f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {quoted(check.name)} CHECK ({check.expression}) NOT ENFORCED"
        enforce = f"ALTER TABLE {quoted(table)} ALTER CHECK {quoted(check.name)} ENFORCED"
        lines.insert(0, ("expand", f"{op_execute(add)}  # optional: it documents, and checks nothing"))
        lines.append(("contract", f"{op_execute(enforce)}  # or, when it was not added before:"))
        lines.append(("contract", op_create_check(table, check)))
    return Finding(
        rule,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        f"Old code was written without {check.name or 'this CHECK'}: an INSERT or UPDATE of {table} that violates "
        f"{check.expression} fails with {number}. The ALTER itself fails with {number} when a row that is there "
        "violates it.",
        remedy=steps(*lines),
        table=table,
        column=column,
    )


RULE = Rule(id=ID, title="CHECK added", on=(CheckAdded,), facts=(19, 57), judge=judge)
