"""What MariaDB does for each elementary change of a column, by version (see `mariadb`)."""

from __future__ import annotations

from collections.abc import Callable

from zdmigrate.flavour import Flavour
from zdmigrate.verdict.cost import types as t
from zdmigrate.verdict.cost.changes import Change, Kind, TableFacts
from zdmigrate.verdict.cost.model import Lock, Part
from zdmigrate.verdict.cost.parts import (
    ADD_LAST,
    NEW_COLUMN,
    after_of,
    assumed,
    before_of,
    copied,
    is_virtual,
    kept_after,
    names,
    rebuilt,
    refused,
)


def instant(reason: str) -> Part:
    """Only the dictionary changes."""
    return Part("INSTANT", reason)


def nocopy(reason: str, *, lock: Lock = "NONE", scans: bool = False, cheaper: str = "") -> Part:
    """An index is worked on, the rows are left alone."""
    return Part("NOCOPY", reason, lock, scans=scans, cheaper=cheaper)


def _moved(facts: TableFacts, reason: str) -> Part:
    """A column added, dropped or moved: INSTANT where the row format allows it."""
    if facts.compressed:
        return rebuilt("ROW_FORMAT=COMPRESSED allows no INSTANT change of columns")
    if facts.fulltext_before:
        return rebuilt("a table with a FULLTEXT index allows no INSTANT change of columns")
    if facts.indexed_virtual:
        return rebuilt("a table with an indexed virtual column allows no INSTANT change of columns", lock="SHARED")
    return Part("INSTANT", reason, rebuild_inplace=True)


def _add_column(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    column = after_of(change)
    if t.is_unstable(column.default) or t.reads_columns(column.default, facts.after):
        return copied(
            "the DEFAULT differs from row to row: every row is filled",
            "Add the column without the DEFAULT (INSTANT), then ALTER COLUMN ... SET DEFAULT (INSTANT), and fill it in "
            "batches.",
        )
    if change.kind is Kind.ADD_AUTO_INCREMENT:
        return rebuilt("numbering the rows that are there needs a lock", lock="SHARED")
    if _before_virtual(facts, change):
        return copied("a column before a virtual one is added by copying the table", ADD_LAST)
    return _moved(facts, "the column exists in the dictionary only")


def _add_stored(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return copied("a stored generated column is computed for every row", "A VIRTUAL column is INSTANT.")


def _virtual(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if facts.before.partitioning is not None:
        return copied("a virtual column cannot be added to or dropped from a partitioned table in place")
    if change.kind is Kind.ADD_VIRTUAL and _before_virtual(facts, change):
        return copied("a column before a virtual one is added by copying the table", ADD_LAST)
    return instant("a virtual column exists in the dictionary only")


def _before_virtual(facts: TableFacts, change: Change) -> bool:
    return any(map(is_virtual, kept_after(facts, change.name)))


def _drop_column(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    primary = facts.before.primary_key
    if primary is not None and names(primary.columns, change.name) and facts.after.primary_key is None:
        return copied("dropping a primary key without adding another copies the table")
    return _moved(facts, "the column is dropped in the dictionary only")


def _reorder(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if change.after is not None and change.after.generated is not None:
        return copied("moving a generated column copies the table")
    return _moved(facts, "the column moves in the dictionary only")


def _type(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    old, new = before_of(change).type, after_of(change).type
    if "unknown" in (old.name, new.name):
        return assumed("the column's type before is not known")
    recoded = (old.charset, old.collation) != (new.charset, new.collation)
    if old.name != new.name:
        return copied("another type: every value is converted", NEW_COLUMN)
    if old.name in ("enum", "set"):
        if recoded:
            return copied("another charset or collation of an ENUM or SET copies the table")
        if t.members_appended(old, new):
            return instant(f"{new.name.upper()} members appended, in the same number of bytes")
        return copied(
            "members were inserted, moved or removed, or no longer fit the bytes",
            "Append new members at the end of the list: INSTANT.",
        )
    if recoded and not t.same_charset(old, new):
        return copied("every value is converted to the other charset", NEW_COLUMN)
    if t.is_variable(old):
        grown = _longer(change, facts)
        if grown is not None:
            return grown
    elif not recoded or old.args != new.args or not (old.name == "char" or old.name in t.TEXT):
        return copied("the values take other bytes: every row is converted", NEW_COLUMN)
    keys = facts.keys_on(before_of(change))
    if recoded and not t.same_order(old, new) and keys:
        lock: Lock = "SHARED" if any(key.kind == "fulltext" for key in keys) else "NONE"
        return nocopy("an index has the column, and is made again in the other order", lock=lock, scans=True)
    return instant("the bytes stay as they are")


def _longer(change: Change, facts: TableFacts) -> Part | None:
    """COPY when the length of a VARCHAR cannot change in place, else None."""
    old, new = before_of(change).type, after_of(change).type
    if t.length(new) < t.length(old):
        return copied("a shorter length: every value is checked", "Enforce the length in the app instead.")
    was, now = t.most_bytes(old), t.most_bytes(new)
    if 128 <= was <= 255 < now and not facts.redundant:
        most = 255 * t.length(new) // now
        cheaper = f"Up to {new.name.upper()}({most}) it is INSTANT." if most > t.length(old) else NEW_COLUMN
        return copied(
            f"from {was} to {now} bytes: between 128 and 255 bytes a value's length may take one byte, beyond two",
            cheaper,
        )
    return None


def _nullable(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if facts.redundant:
        return instant("ROW_FORMAT=REDUNDANT marks NULLs in every row already")
    return rebuilt("rows have a bit for each column that may be NULL: the table is rebuilt")


def _not_null(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    default = after_of(change).default
    if default is not None and default.kind == "now":
        return copied(
            "NULLs would become the time of the statement", "Make it NOT NULL without that DEFAULT, then SET DEFAULT."
        )
    return rebuilt("rows have a bit for each column that may be NULL: the table is rebuilt; fails if a NULL is there")


def _generated_status(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    was, now = before_of(change).generated, after_of(change).generated
    if (was is None or was.stored) and (now is None or now.stored):
        return copied("a stored column becomes plain, or a plain one stored")
    return refused(1907, "This is not yet supported for generated columns")


def _expression(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    generated = after_of(change).generated
    if generated is not None and not generated.stored:
        return instant("a virtual column exists in the dictionary only")
    return copied("the generated values are computed anew")


COLUMN_RULES: dict[Kind, Callable[[Change, TableFacts, Flavour], Part]] = {
    Kind.ADD_COLUMN: _add_column,
    Kind.ADD_AUTO_INCREMENT: _add_column,
    Kind.ADD_VIRTUAL: _virtual,
    Kind.ADD_STORED: _add_stored,
    Kind.DROP_COLUMN: _drop_column,
    Kind.DROP_VIRTUAL: _virtual,
    Kind.RENAME_COLUMN: lambda *_: instant("only the name changes"),
    Kind.REORDER: _reorder,
    Kind.COLUMN_METADATA: lambda *_: instant("only the dictionary changes"),
    Kind.TYPE: _type,
    Kind.NULLABLE: _nullable,
    Kind.NOT_NULL: _not_null,
    Kind.AUTO_INCREMENT_ON: lambda *_: copied("rows are numbered by copying the table"),
    Kind.AUTO_INCREMENT_OFF: lambda *_: instant("only the dictionary changes"),
    Kind.EXPRESSION: _expression,
    Kind.GENERATED_STATUS: _generated_status,
}
