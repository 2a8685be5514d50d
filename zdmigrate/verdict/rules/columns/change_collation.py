"""ZD219: a column compares and sorts another way."""

from __future__ import annotations

from collections.abc import Iterator

from zdmigrate.history.catalog import Key
from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.rule import Context, Rule
from zdmigrate.verdict.rules.columns.scope import at, type_change, unmapped
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.rules.wording import listed, quoted, steps
from zdmigrate.verdict.types import TypeAspect


def judge(change: ColumnChanged, context: Context) -> Iterator[Finding]:
    """Uniqueness, comparisons and joins change."""
    comparison = type_change(change, context)
    if comparison is None or not comparison.has(TypeAspect.COLLATION):
        return
    before, after, where = change.before, change.after, at(change.table, change.before)
    was, now = before.type.collation, after.type.collation
    unique = [key for key in _keys(change, context) if key.unique]
    evidence = unmapped(change.table, before.name, context)
    conditions = [_no_duplicates(change, key, str(now)) for key in unique]
    if not evidence:
        conditions.append(
            Condition(
                "comparisons-agree",
                "code",
                f"Old code means the same when {where} compares and sorts by {now} instead of {was}, and joins it "
                "to no "
                "column that keeps another collation.",
            )
        )
    names = listed(key.name for key in unique)
    yield Finding(
        RULE.id,
        Verdict.CONDITIONAL if conditions else Verdict.SAFE,
        Verdict.SAFE,
        Phase.EXPAND if comparison.has(TypeAspect.CHARSET_WIDENED) else Phase.CONTRACT,
        f"{where} compares and sorts by {now} instead of {was}: WHERE, ORDER BY and GROUP BY of old code may find "
        "other "
        "rows, and joins with columns of another collation fail with 1267 (Illegal mix of collations) or lose "
        "their index."
        + (
            f" Values that differ by {was} may be equal by {now}: the ALTER fails on them, and old code's INSERTs get "
            f"1062 (Duplicate entry) from {names}."
            if unique
            else ""
        ),
        steps(
            ("migrate", f"remove the values of {where} that are equal by {now}"),
            ("contract", f"change {where} and every column it is joined with in one revision"),
        )
        if conditions
        else "",
        conditions=tuple(conditions),
        table=change.table,
        column=before.name,
        evidence=evidence,
    )


def _keys(change: ColumnChanged, context: Context) -> tuple[Key, ...]:
    table = living(context.after, context, change.table)
    return table.keys_on(change.after.name) if table is not None else ()


def _no_duplicates(change: ColumnChanged, key: Key, collation: str) -> Condition:
    groups = [
        f"{quoted(name)} COLLATE {collation}" if name.lower() == change.after.name.lower() else quoted(name)
        for name in key.columns
    ]
    return Condition(
        "no-duplicates",
        "data",
        f"No two rows of {change.table} are equal in {listed(key.columns)} under {collation} (key {key.name}).",
        f"SELECT 1 FROM {quoted(change.table)} GROUP BY {', '.join(groups)} HAVING COUNT(*) > 1 LIMIT 1",
    )


RULE = Rule("ZD219", "column collation changed", (ColumnChanged,), (40,), judge)
