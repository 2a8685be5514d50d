"""Can rows that old code wrote, or will write, collide under a unique or primary key?"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from zdmigrate.history.catalog import Column, Key, KeyPart, Table
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.origin import added_column, base_column, living


class Collision(enum.Enum):
    """Why rows do not collide, or that they may."""

    KEPT_BY = "another unique key already forbids it"
    NULL = "old code leaves a part NULL, and NULLs never collide"
    NULL_UNTIL_WRITTEN = "as NULL, until new code fills the part in rows that old code also updates"
    DISTINCT = "the server gives every row a value of its own"
    SAME_VALUE = "every row gets the same value"
    UNMAPPED = "old code maps none of the columns"
    POSSIBLE = "old code may write the same values twice"


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """The answer; `name` is the key (KEPT_BY) or the column (NULL, DISTINCT, SAME_VALUE) that decides it."""

    collision: Collision
    name: str = ""
    evidence: str = ""


def uniqueness(table: str, key: Key, context: Context) -> Uniqueness:
    """What is known of duplicates under `key`, added to `table` (called as old code calls it)."""
    before = living(context.before, context, table)
    keeper = kept_by(key, before)
    if keeper is not None:
        return Uniqueness(Collision.KEPT_BY, keeper.name)
    added = {part.column: added_column(context, table, part.column) for part in key.parts if part.column is not None}
    new = [column for column in added.values() if column is not None]
    old_parts = tuple(part for part in key.parts if part.column is None or added[part.column] is None)
    primary = key.kind == "primary"
    for column in new:
        if column.auto_increment:
            return Uniqueness(Collision.DISTINCT, column.name)
        if column.default is not None and column.default.kind == "expression" and "uuid" in column.default.text.lower():
            return Uniqueness(Collision.DISTINCT, column.name)
        if column.nullable and column.default is None and column.generated is None and not primary:
            return Uniqueness(Collision.NULL if not old_parts else Collision.NULL_UNTIL_WRITTEN, column.name)
    if any(_varies(column) for column in new):
        return Uniqueness(Collision.POSSIBLE)
    if new and not old_parts:
        return Uniqueness(Collision.SAME_VALUE, new[0].name)
    # New columns that hold one value in every row of old code tell nothing apart: the old columns decide.
    if new:
        keeper = kept_by(replace(key, parts=old_parts), before)
        if keeper is not None:
            return Uniqueness(Collision.KEPT_BY, keeper.name)
    return _mapped(table, old_parts, context)


def kept_by(key: Key, table: Table | None) -> Key | None:
    """A unique key of `table` under which two rows that collide under `key` would collide already."""
    if table is None:
        return None
    return next((item for item in table.keys if item.unique and item.parts and implies(item, key)), None)


def implies(narrow: Key, wide: Key) -> bool:
    """Whether rows that differ under unique key `narrow` differ under `wide` too."""
    return all(any(_same_or_finer(ours, theirs) for ours in wide.parts) for theirs in narrow.parts)


def _same_or_finer(ours: KeyPart, theirs: KeyPart) -> bool:
    """Whether values equal under `ours` are equal under `theirs` too."""
    if theirs.column is None or ours.column is None:
        return theirs.column is None and ours.column is None and theirs.expression == ours.expression
    if ours.column.lower() != theirs.column.lower():
        return False
    return ours.length is None or (theirs.length is not None and ours.length >= theirs.length)


def _varies(column: Column) -> bool:
    """Whether rows may get different values that we cannot foresee."""
    return column.generated is not None or (column.default is not None and column.default.kind == "expression")


def _mapped(table: str, parts: tuple[KeyPart, ...], context: Context) -> Uniqueness:
    old_code = context.old_code
    if not old_code.proven:
        return Uniqueness(Collision.POSSIBLE)
    if not old_code.maps_table(table):
        return Uniqueness(Collision.UNMAPPED, evidence=old_code.quote(table))
    columns = [base_column(context, table, part.column) for part in parts if part.column is not None]
    known = [column for column in columns if column is not None]
    if len(known) != len(parts) or any(old_code.maps_column(table, column.name) for column in known):
        return Uniqueness(Collision.POSSIBLE)
    # An INSERT of old code leaves every part to its default: that collides unless one of them is NULL or counted.
    if any(column.auto_increment or (column.nullable and column.default is None) for column in known):
        quotes = (old_code.quote(table, column.name) for column in known)
        return Uniqueness(Collision.UNMAPPED, evidence="; ".join(dict.fromkeys(quotes)))
    return Uniqueness(Collision.POSSIBLE)
