"""Rows that are removed: what DELETE and TRUNCATE have in common."""

from __future__ import annotations

from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.origin import Target


def unreachable(where: Target, context: Context) -> tuple[str, str]:
    """Why old code cannot miss rows of this table, and the proof; "" when it can."""
    if where.temporary:
        return f"{where.name} is a temporary table of the migration's own session", ""
    if where.new:
        return f"{where.name} is created in this release: old code has no rows there", ""
    if not context.old_code.maps_table(where.old_name):
        return f"Old code does not map {where.old_name}: it misses no row of it", context.old_code.quote(where.old_name)
    return "", ""


def cascades_into(where: Target, context: Context) -> list[tuple[str, str, str]]:
    """(child table, its column, action) for foreign keys that carry a DELETE on into tables old code reads."""
    found: list[tuple[str, str, str]] = []
    for child, foreign_key in context.before.references_to(where.name):
        if foreign_key.on_delete in ("CASCADE", "SET NULL") and child != where.name and foreign_key.columns:
            table = context.before.table(child)
            known = None if table is None else context.base.table_by_uid(table.uid)
            if known is not None and context.old_code.maps_table(known[0]):
                found.append((child, foreign_key.columns[0], foreign_key.on_delete))
    return found
