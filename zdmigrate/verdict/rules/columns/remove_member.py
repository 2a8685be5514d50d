"""ZD218: an ENUM or SET loses members, or has them renamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.append_member import accepted, readers_accept
from zdmigrate.verdict.rules.columns.scope import at, loosely, stays_within, type_change
from zdmigrate.verdict.rules.wording import listed, op_alter_column, quoted, sa_type, sql_text, steps
from zdmigrate.verdict.types import TypeAspect


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Unsafe while old code may write a removed member."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(TypeAspect.MEMBERS_REMOVED):
        return
    before, after, where = change.before, change.after, at(change.table, change.before)
    removed, added = comparison.removed, comparison.added
    gone = listed(map(repr, removed))
    evidence = stays_within(change.table, before, after.type, context)
    if before.type.name == "set":
        held = " OR ".join(f"FIND_IN_SET({sql_text(member)}, {quoted(before.name)})" for member in removed)
    else:
        held = f"{quoted(before.name)} IN ({', '.join(map(sql_text, removed))})"
    look = f"SELECT 1 FROM {quoted(change.table)} WHERE {held} LIMIT 1"
    conditions: tuple[Condition, ...] = ()
    if evidence:
        reason = (
            f"No deployed version knows {gone} of {where}. A row that holds it makes the ALTER fail (1265): {look}."
        )
        if added and not accepted(change, added, context):
            conditions = (readers_accept(where, added),)
    else:
        reason = (
            f"Old code that writes {gone} to {where} fails with 1265 (Data truncated for column '{after.name}'), "
            "and so "
            f"does the ALTER while a row holds it.{loosely(context)}"
        )
        if added:
            reason += (
                f" Rows that hold {listed(map(repr, added))} raise LookupError in old code's Enum. A renamed member is "
                "one removed and one added."
            )
    reason += f" New code on the old schema may still read {gone}."
    both = replace(after.type, members=(*before.type.members, *added))
    recipe = [
        ("deploy", f"the version that reads all members and writes no {gone}"),
        (
            "migrate",
            f"UPDATE {quoted(change.table)} SET {quoted(before.name)} = ... WHERE {held}, in batches",
        ),
        ("deploy", f"the version that no longer knows {gone}"),
        ("contract", op_alter_column(change.table, before, type_=sa_type(after.type))),
    ]
    if added:
        recipe.insert(0, ("expand", op_alter_column(change.table, before, type_=sa_type(both))))
    old = Verdict.UNSAFE if not evidence else Verdict.CONDITIONAL if conditions else Verdict.SAFE
    yield Finding(
        RULE.id,
        old,
        Verdict.UNSAFE,
        Phase.SPLIT if added and not evidence else Phase.CONTRACT,
        reason,
        "" if old is Verdict.SAFE else steps(*recipe),
        conditions=conditions,
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


RULE = Rule("ZD218", "enum member removed or renamed", (ColumnChanged,), (39,), judge)
