"""ZD205: a column is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from zdmigrate.verdict.differences import UNKNOWN_TYPE, ColumnDropped
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.object_text import bare, stored_texts
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, before_statement, loosely, unmapped
from zdmigrate.verdict.rules.wording import listed, op_alter_column, op_drop_column, steps


def judge(dropped: ColumnDropped, context: Context) -> Iterator[Finding]:
    """Unsafe while a deployed version maps it, or a trigger or view old code goes through names it."""
    column, where = dropped.column, at(dropped.table, dropped.column)
    evidence = unmapped(dropped.table, column.name, context)
    users = list(_still_named_by(dropped, context))
    seen = column.type != UNKNOWN_TYPE
    statements = "SELECT" if column.generated is not None else "SELECT, INSERT and UPDATE"
    if users:
        old = Verdict.UNSAFE
        reason = (
            f"{listed(users)} still name {where}: old code's statements that go through them fail with 1054 or 1356."
        )
    elif evidence:
        old = Verdict.SAFE
        reason = f"No deployed version maps {where}."
    else:
        old = Verdict.UNSAFE
        reason = f"Old code's {statements} name {where}: they fail with 1054 (Unknown column '{column.name}')."
    new = Verdict.SAFE
    new_conditions: tuple[Condition, ...] = ()
    recipe = [
        ("deploy", f"a version that no longer maps {where}"),
        ("contract", op_drop_column(dropped.table, column.name)),
    ]
    if not seen:
        new = Verdict.CONDITIONAL
        new_conditions = (
            Condition(
                "column-may-be-omitted",
                "person",
                f"{where} is nullable or has a default, so that new code may leave it out before the drop.",
            ),
        )
    elif not (before_statement(dropped.table, column, context) or column).insert_may_omit:
        new = Verdict.UNSAFE
        reason += (
            " New code on the old schema leaves it out of its INSERTs, and it is NOT NULL without a default: they "
            "fail "
            f"with 1364. Make it nullable before deploying.{loosely(context)}"
        )
        recipe.insert(0, ("expand", op_alter_column(dropped.table, column, nullable="True")))
    yield Finding(
        RULE.id,
        old,
        new,
        Phase.CONTRACT,
        reason + " Its values are gone for good.",
        steps(*recipe) + "\nProve it with --deployed MANIFEST or the live fleet: then this is safe."
        if old is Verdict.UNSAFE
        else "",
        new_conditions=new_conditions,
        table=dropped.table,
        column=column.name,
        evidence=evidence,
    )


def _still_named_by(dropped: ColumnDropped, context: Context) -> Iterator[str]:
    """Triggers of the table, and views that manifests map, that use the dropped column."""
    name = re.escape(dropped.column.name)
    for trigger in context.after.triggers.values():
        if trigger.table == dropped.table and re.search(rf"(?i)\b(?:new|old)\s*\.\s*`?{name}`?(?!\w)", trigger.body):
            yield f"trigger {trigger.name}"
    old_code = context.old_code
    for item in stored_texts(context.after) if old_code.proven else ():
        named = item.kind == "view" and item.uses_column({bare(dropped.table)}, {dropped.column.name.lower()})
        if named and old_code.maps_table(item.own or ""):
            yield str(item)


RULE = Rule("ZD205", "column dropped", (ColumnDropped,), (21, 22, 23, 24, 25), judge)
