"""Short names for the parts that the tables of both servers are made of."""

from __future__ import annotations

from zdmigrate.history.catalog import Column, Key
from zdmigrate.history.recording import Refusal
from zdmigrate.verdict.cost.changes import Change, TableFacts
from zdmigrate.verdict.cost.model import Lock, Part

NEW_COLUMN = "Add a new column of that type (INSTANT), write both, fill it in batches, read it, then drop the old one."
ADD_LAST = "Add the column last: INSTANT."


def copied(reason: str, cheaper: str = "") -> Part:
    """The table is copied while writers wait."""
    return Part("COPY", reason, "SHARED", rebuild=True, scans=True, cheaper=cheaper)


def assumed(reason: str) -> Part:
    """Nothing is known: the dearest form is taken."""
    return Part("COPY", reason, "SHARED", rebuild=True, scans=True, basis="assumed")


def rebuilt(reason: str, cheaper: str = "", lock: Lock = "NONE") -> Part:
    """The table is rebuilt in place."""
    return Part("INPLACE", reason, lock, rebuild=True, scans=True, cheaper=cheaper)


def refused(errno: int, message: str) -> Part:
    """The server refuses the change."""
    return Part("NONE", message, refusal=Refusal(errno, message))


def before_of(change: Change) -> Column:
    """The column before a change that has one."""
    assert change.before is not None
    return change.before


def after_of(change: Change) -> Column:
    """The column after a change that has one."""
    assert change.after is not None
    return change.after


def names(columns: tuple[str, ...], name: str) -> bool:
    """`name` is among `columns`, whatever its case."""
    return name.lower() in (column.lower() for column in columns)


def becomes_clustered(facts: TableFacts, change: Change) -> bool:
    """A unique key that InnoDB will order the rows by, as the table has no primary key."""
    key = change.key
    if key is None or not _orders(facts, key) or facts.after.primary_key is not None or not facts.before.complete:
        return False
    return not any(_orders(facts, item) for item in facts.before.keys)


def was_clustered(facts: TableFacts, change: Change) -> bool:
    """The unique key that InnoDB orders the rows by, as the table has no primary key."""
    if change.key is None or change.key.kind != "unique" or facts.before.primary_key is not None:
        return False
    candidates = [key for key in facts.before.keys if _orders(facts, key)]
    return facts.before.complete and bool(candidates) and candidates[0].name.lower() == change.key.name.lower()


def _orders(facts: TableFacts, key: Key) -> bool:
    """Rows can be ordered by this key: unique, over whole columns, none of which may be NULL."""
    return key.kind == "unique" and on_not_null(facts, key.columns) and not any(part.length for part in key.parts)


def on_not_null(facts: TableFacts, columns: tuple[str, ...]) -> bool:
    """None of the columns may be NULL."""
    found = [facts.before.column(name) or facts.after.column(name) for name in columns]
    return bool(found) and all(column is not None and not column.nullable for column in found)


def has_nullable(facts: TableFacts, columns: tuple[str, ...]) -> bool:
    """One of the columns may be NULL before the statement."""
    return any(column is not None and column.nullable for column in map(facts.before.column, columns))


def is_new_virtual(facts: TableFacts, name: str) -> bool:
    """A virtual column that this statement adds."""
    column = facts.after.column(name)
    if column is None or column.generated is None or column.generated.stored:
        return False
    return facts.before.column_by_uid(column.uid) is None


def kept_after(facts: TableFacts, name: str) -> tuple[Column, ...]:
    """The columns that were there before and come after the new column `name`."""
    place = next((i for i, column in enumerate(facts.after.columns) if column.name.lower() == name.lower()), 0)
    return tuple(item for item in facts.after.columns[place:] if facts.before.column_by_uid(item.uid) is not None)


def is_virtual(column: Column) -> bool:
    """Generated, and not stored."""
    return column.generated is not None and not column.generated.stored
