"""ZD320: a foreign key on a table old code writes."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Column, ForeignKey
from zdmigrate.verdict.differences import ForeignKeyAdded
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.keys.code import op_create_foreign_key, orphans_query
from zdmigrate.verdict.rules.keys.parents import (
    on_parent_delete,
    on_parent_update,
    parent_is_new,
    parent_name,
    tolerates_children,
    twin_before_rename,
)
from zdmigrate.verdict.rules.origin import added_column, base_column
from zdmigrate.verdict.rules.wording import steps

ID = "ZD320"


def judge(subject: ForeignKeyAdded, context: Context) -> Iterator[Finding]:
    """Old code was written without it: orphans (1452) and parents' deletes (1451) that it may write are refused."""
    if subject.new_table:
        return
    table, foreign_key = subject.table, subject.foreign_key
    twin = twin_before_rename(context, table, foreign_key)
    if twin is not None:
        yield Finding(
            ID,
            Verdict.SAFE,
            Verdict.SAFE,
            Phase.NEUTRAL,
            f"{foreign_key.name} of {table} says what {twin.name} says of the same columns: old code already lives "
            "with it.",
            table=table,
            column=_column(foreign_key),
        )
        return
    yield foreign_key_finding(ID, table, foreign_key, context)


def foreign_key_finding(rule: str, table: str, foreign_key: ForeignKey, context: Context) -> Finding:
    """What a foreign key that did not hold before does to old code; shared with the rule for changed foreign keys."""
    null_because, evidence, data = _child_side(table, foreign_key, context)
    parent = parent_name(context, foreign_key)
    if not null_because:
        return _unsafe(rule, table, foreign_key, parent, context)
    conditions: list[Condition] = []
    if data:
        conditions.append(_no_orphans(table, foreign_key))
    columns = ", ".join(foreign_key.columns)
    reason = f"{null_because}, so no INSERT or UPDATE of old code on {table} meets {foreign_key.name}"
    phase = Phase.CONTRACT
    if parent_is_new(context, foreign_key):
        reason += f"; and {parent} is created in this release, so old code deletes no row of it."
        phase = Phase.CONTRACT if data else Phase.EXPAND
    elif not context.old_code.maps_table(parent):
        reason += f"; and it does not map {parent}, so it deletes no row of it."
        evidence = "; ".join(filter(None, (evidence, context.old_code.quote(parent))))
    else:
        reason += (
            f". But when new code has filled {columns}, a DELETE of a {parent} row by old code "
            f"{on_parent_delete(table, foreign_key)}; an UPDATE of its {', '.join(foreign_key.ref_columns)} "
            f"{on_parent_update(table, foreign_key)}."
        )
        conditions.append(tolerates_children(table, parent, foreign_key))
    return Finding(
        rule,
        Verdict.CONDITIONAL if conditions else Verdict.SAFE,
        Verdict.SAFE,
        phase,
        reason,
        remedy=_recipe(table, foreign_key, parent) if conditions else "",
        conditions=tuple(conditions),
        table=table,
        column=_column(foreign_key),
        evidence=evidence,
    )


def _child_side(table: str, foreign_key: ForeignKey, context: Context) -> tuple[str, str, bool]:
    """Why old code leaves a column NULL (then nothing is checked), the proof, and whether its rows need a check."""
    for name in foreign_key.columns:
        column = added_column(context, table, name)
        if column is not None and _omitted_is_null(column):
            return f"Old code does not know {name}, which this release adds: it stays NULL in its rows", "", False
    old_code = context.old_code
    if not old_code.proven:
        return "", "", False
    if not old_code.maps_table(table):
        return f"Old code does not map {table}", old_code.quote(table), True
    if all(added_column(context, table, name) is None for name in foreign_key.columns):
        columns = [base_column(context, table, name) for name in foreign_key.columns]
        known = [column for column in columns if column is not None and not old_code.maps_column(table, column.name)]
        if len(known) == len(columns) and any(_omitted_is_null(column) for column in known):
            names = ", ".join(column.name for column in known)
            return (
                f"Old code does not map {names}: its rows hold NULL there",
                old_code.quote(table, known[0].name),
                True,
            )
    return "", "", False


def _omitted_is_null(column: Column) -> bool:
    return column.nullable and column.default is None and column.generated is None


def _no_orphans(table: str, foreign_key: ForeignKey) -> Condition:
    columns = ", ".join(foreign_key.columns)
    text = (
        f"Every ({columns}) in {table} that is not NULL has its row in {foreign_key.ref_table}; else the ALTER fails "
        "(1452)."
    )
    return Condition("no-orphans", "data", text, orphans_query(table, foreign_key))


def _unsafe(rule: str, table: str, foreign_key: ForeignKey, parent: str, context: Context) -> Finding:
    columns, refs = ", ".join(foreign_key.columns), ", ".join(foreign_key.ref_columns)
    reason = (
        f"Old code was written without {foreign_key.name}: an INSERT or UPDATE of {table} with a ({columns}) that is "
        f"not in {parent}({refs}) fails with 1452, and a DELETE of a {parent} row "
        f"{on_parent_delete(table, foreign_key)}."
    )
    if context.session.foreign_key_checks:
        reason += " The ALTER itself fails with 1452 when orphans are there."
    else:
        reason += (
            " foreign_key_checks=0 makes the ALTER cheap, but every other session checks from then on, and the orphans "
            "that are there stay, unverified."
        )
    return Finding(
        rule,
        Verdict.UNSAFE,
        Verdict.SAFE,
        Phase.CONTRACT,
        reason,
        remedy=steps(
            (
                "expand",
                f"release code that inserts the {parent} row first and deletes it last, or deletes its {table} rows",
            ),
            ("deploy", "wait until no node runs older code"),
            (
                "migrate",
                f"remove the orphans; none are left when this returns no row: {orphans_query(table, foreign_key)}",
            ),
            ("contract", op_create_foreign_key(table, foreign_key)),
        ),
        table=table,
        column=_column(foreign_key),
    )


def _recipe(table: str, foreign_key: ForeignKey, parent: str) -> str:
    return steps(
        (
            "expand",
            f"add the column(s) {', '.join(foreign_key.columns)} and their index alone, without the foreign key",
        ),
        (
            "deploy",
            f"code that fills them, and deletes or detaches rows of {table} before it deletes their {parent} row",
        ),
        ("contract", op_create_foreign_key(table, foreign_key)),
    )


def _column(foreign_key: ForeignKey) -> str | None:
    return foreign_key.columns[0] if len(foreign_key.columns) == 1 else None


RULE = Rule(id=ID, title="foreign key added", on=(ForeignKeyAdded,), facts=(17, 54), judge=judge)
