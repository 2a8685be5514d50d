"""ZD214: a column becomes another sort of type."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, stays_within, type_change
from zdmigrate.verdict.rules.wording import op_add_column, op_drop_column, repr_name, sa_type, sql_type, steps
from zdmigrate.verdict.types import TypeAspect


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Values come back as something else, and some cannot be converted."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(TypeAspect.FAMILY, TypeAspect.UNKNOWN):
        return
    before, after = change.before, change.after
    where, was, now = at(change.table, before), sql_type(before.type), sql_type(after.type)
    if comparison.has(TypeAspect.UNKNOWN):
        yield Finding(
            RULE.id,
            Verdict.UNKNOWN,
            Verdict.UNKNOWN,
            Phase.SPLIT,
            f"{where} becomes {now}, and its type before was never seen: give the schema with --schema, --metadata or "
            "--url.",
            table=change.table,
            column=before.name,
        )
        return
    evidence = stays_within(change.table, before, after.type, context)
    if context.target.is_mariadb and (before.type.name, after.type.name) == ("json", "longtext") and not evidence:
        yield Finding(
            RULE.id,
            Verdict.CONDITIONAL,
            Verdict.SAFE,
            Phase.EXPAND,
            f"On MariaDB {where} is LONGTEXT already; only the check json_valid({before.name}) goes.",
            conditions=(
                Condition(
                    "readers-accept-any-text", "code", f"Old code that reads {where} copes with text that is no JSON."
                ),
            ),
            table=change.table,
            column=before.name,
        )
        return
    new_name = f"{before.name}_new"
    yield Finding(
        RULE.id,
        Verdict.SAFE if evidence else Verdict.UNSAFE,
        Verdict.UNSAFE,
        Phase.EXPAND if evidence else Phase.SPLIT,
        f"No deployed version writes to {where} what {now} does not hold."
        if evidence
        else f"{where} turns from {was} into {now}: old code reads values back as another type, sorts and compares "
        "them "
        f"another way, and what it writes may be refused ({_refusal(after.type.name, context)}), as may the rows that "
        "exist when the ALTER converts them. New code meets the same on the old schema.",
        ""
        if evidence
        else steps(
            (
                "expand",
                op_add_column(change.table, f"sa.Column({repr_name(new_name)}, {sa_type(after.type)}, nullable=True)"),
            ),
            ("deploy", f"the version that writes both {before.name} and {new_name} and reads {before.name}"),
            ("migrate", f"convert {before.name} into {new_name} in batches"),
            ("deploy", f"the version that maps only {new_name}"),
            ("contract", op_drop_column(change.table, before.name)),
        ),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


def _refusal(name: str, context: Context) -> str:
    if name == "json":
        return "4025" if context.target.is_mariadb else "3140"
    if name in ("enum", "set"):
        return "1265"
    return "1292 or 1406" if name in ("date", "time", "datetime", "timestamp", "year") else "1366 or 1406"


RULE = Rule("ZD214", "column type changed to another family", (ColumnChanged,), (35,), judge)
