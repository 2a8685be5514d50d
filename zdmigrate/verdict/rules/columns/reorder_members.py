"""ZD217: ENUM or SET members are inserted before others, or stand in another order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.append_member import accepted, readers_accept
from zdmigrate.verdict.rules.columns.scope import at, type_change, unmapped
from zdmigrate.verdict.rules.wording import listed, op_alter_column, sa_type, steps
from zdmigrate.verdict.types import TypeAspect


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Values are kept by name; ORDER BY and numbers change."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(TypeAspect.MEMBERS_INSERTED, TypeAspect.MEMBERS_REORDERED):
        return
    if comparison.has(TypeAspect.MEMBERS_REMOVED):
        return
    before, after, where = change.before, change.after, at(change.table, change.before)
    evidence = unmapped(change.table, before.name, context)
    conditions: list[Condition] = []
    if not evidence:
        ordinal = Condition(
            "no-ordinal-use",
            "code",
            f"Old code does not ORDER BY {where}, compare it with < or >, or use it as a number.",
        )
        conditions.append(ordinal)
        if comparison.added and not accepted(change, comparison.added, context):
            conditions.append(readers_accept(where, comparison.added))
    reason = f"The values of {where} are kept by name, but their numbers change, and with them ORDER BY {before.name}."
    new_conditions: tuple[Condition, ...] = ()
    if comparison.added:
        reason += (
            f" Old code that reads the new {listed(map(repr, comparison.added))} may not know it (LookupError); new "
            "code "
            "that writes it to the old schema fails with 1265."
        )
    else:
        new_conditions = (Condition("no-ordinal-use", "code", f"New code does not rely on the new order of {where}."),)
    appended = [member for member in after.type.members if member in comparison.added]
    remedy = ""
    if comparison.added:
        wanted = replace(after.type, members=(*before.type.members, *appended))
        remedy = "Append instead, and sort in the query where the order matters:\n" + steps(
            ("expand", op_alter_column(change.table, before, type_=sa_type(wanted)))
        )
    elif not evidence:
        remedy = "Leave the members in their order, and sort in the query: ORDER BY FIELD(...)."
    yield Finding(
        RULE.id,
        Verdict.CONDITIONAL if conditions else Verdict.SAFE,
        Verdict.UNSAFE if comparison.added else Verdict.CONDITIONAL,
        Phase.SPLIT if conditions else Phase.EXPAND,
        reason,
        remedy,
        conditions=tuple(conditions),
        new_conditions=new_conditions,
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD217", "enum member inserted or reordered", (ColumnChanged,), (38,), judge)
