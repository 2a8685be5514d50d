"""ZD216: an ENUM or SET gets members at its end."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, type_change, unmapped
from zdmigrate.verdict.rules.wording import listed, steps
from zdmigrate.verdict.types import TypeAspect


def readers_accept(where: str, added: tuple[str, ...]) -> Condition:
    """The condition that old readers take the new members."""
    return Condition(
        "readers-accept-member",
        "code",
        f"Old code that reads {where} accepts {listed(map(repr, added), 'or')} (a SQLAlchemy Enum raises LookupError).",
    )


def accepted(change: ColumnChanged, added: tuple[str, ...], context: Context) -> str:
    """The proof that every deployed version accepts the added members; "" when there is none."""
    old_code, column = context.old_code, change.before
    evidence = unmapped(change.table, column.name, context)
    if evidence or not old_code.proven:
        return evidence
    listed_members = [mapped.members for mapped in context.old_code.mapped(change.table, column.name) if mapped.members]
    types = [item for item in old_code.types(change.table, column) if item.name in ("enum", "set")]
    known = [*listed_members, *(item.members for item in types)]
    return old_code.quote(change.table, column.name) if all(set(added) <= set(members) for members in known) else ""


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Old code goes on until a row holds the new member."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(TypeAspect.MEMBERS_APPENDED):
        return
    if comparison.has(TypeAspect.MEMBERS_INSERTED, TypeAspect.MEMBERS_REORDERED, TypeAspect.MEMBERS_REMOVED):
        return
    where, members = at(change.table, change.before), listed(map(repr, comparison.added))
    evidence = accepted(change, comparison.added, context)
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.CONDITIONAL,
        Verdict.UNSAFE,
        Phase.EXPAND,
        (
            f"No deployed version stumbles over {members} in {where}."
            if evidence
            else f"Old code goes on until new code writes {members} to {where}; reading such a row, a SQLAlchemy Enum "
            "raises LookupError."
        )
        + " New code that writes it to the old schema fails with 1265 (Data truncated).",
        ""
        if evidence
        else steps(
            ("expand", "this change"),
            ("deploy", f"a version that reads {members} in {where}"),
            ("deploy", "the version that writes it"),
        ),
        conditions=() if evidence else (readers_accept(where, comparison.added),),
        table=change.table,
        column=change.before.name,
        evidence=evidence,
    )


RULE = Rule("ZD216", "enum member appended", (ColumnChanged,), (37,), judge)
