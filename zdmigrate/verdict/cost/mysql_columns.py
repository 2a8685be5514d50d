"""What MySQL does for each elementary change of a column, by version (see `mysql`)."""

from __future__ import annotations

from collections.abc import Callable

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Column
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

_INSTANT_SINCE = (8, 0, 12)


def has_instant(flavour: Flavour) -> bool:
    """This version knows ALGORITHM=INSTANT."""
    return flavour.at_least(*_INSTANT_SINCE)


def inplace(reason: str, *, lock: Lock = "NONE", scans: bool = False, cheaper: str = "") -> Part:
    """Only the dictionary, or an index, is worked on in place."""
    return Part("INPLACE", reason, lock, scans=scans, cheaper=cheaper)


def metadata(reason: str, flavour: Flavour, since: tuple[int, ...] = _INSTANT_SINCE) -> Part:
    """Only the dictionary changes: INSTANT where the server says so, else INPLACE without a rebuild."""
    return Part("INSTANT" if flavour.at_least(*since) else "INPLACE", reason)


def _add_column(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    column = after_of(change)
    refusal = _refused_default(column, facts)
    if refusal is not None:
        return refusal
    if column.default is not None and column.default.kind == "expression":
        return copied(
            "a new column with an expression as DEFAULT is filled row by row",
            "Add the column without the DEFAULT (INSTANT), then ALTER COLUMN ... SET DEFAULT (INSTANT), and fill it in "
            "batches.",
        )
    if change.kind is Kind.ADD_AUTO_INCREMENT:
        return rebuilt("numbering the rows that are there needs a lock", lock="SHARED")
    if facts.compressed:
        return rebuilt("ROW_FORMAT=COMPRESSED allows no INSTANT column")
    if facts.fulltext_before:
        return rebuilt("a table with a FULLTEXT index allows no INSTANT column")
    if t.needs_zero_date(column):
        return rebuilt(
            "DATE and DATETIME NOT NULL without DEFAULT would need the date 0000-00-00 in every row (1292 in strict "
            "mode unless the table is empty)",
            "Add it NULL, or with a DEFAULT: INSTANT.",
        )
    if column.type.name in t.GEOMETRY and not column.nullable:
        return rebuilt("geometry NOT NULL has no default value (1416 unless the table is empty)", "Add it NULL.")
    if not has_instant(flavour):
        return rebuilt("before 8.0.12 adding a column rebuilds the table")
    if not change.last and not flavour.at_least(8, 0, 29):
        return rebuilt("before 8.0.29 only a column added last is INSTANT", "Add it last: INSTANT.")
    return Part("INSTANT", "the column exists in the dictionary only", rebuild_inplace=True)


def _refused_default(column: Column, facts: TableFacts) -> Part | None:
    default = column.default
    if default is None:
        return None
    if default.kind == "literal" and column.type.name in t.NO_LITERAL_DEFAULT and (facts.strict or default.text):
        return refused(1101, f"BLOB, TEXT, GEOMETRY or JSON column '{column.name}' can't have a default value")
    if t.is_unstable(default):
        return refused(
            1674,
            f"DEFAULT ({default.text}) for new column '{column.name}': statement is unsafe because it uses a system "
            "function that may return a different value on the replica (refused while the binary log is on)",
        )
    return None


def _add_virtual(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if any(key.unique and names(key.columns, change.name) for key in facts.after.keys):
        return copied("a virtual column with a unique key is added by copying the table")
    if facts.before.partitioning is not None and not flavour.at_least(9, 0):  # measured INSTANT on 9.7
        return copied("before 9 a virtual column cannot be added in place to a partitioned table")
    if any(item.auto_increment or is_virtual(item) for item in kept_after(facts, change.name)):
        reason = "a virtual column before another, or before the AUTO_INCREMENT one, is added by copying the table"
        return copied(reason, ADD_LAST)
    return metadata("a virtual column exists in the dictionary only", flavour)


def _add_stored(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return copied("a stored generated column is computed for every row", "A VIRTUAL column is INSTANT.")


def _drop_column(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    column = before_of(change)
    primary = facts.before.primary_key
    if primary is not None and names(primary.columns, column.name) and facts.after.primary_key is None:
        return copied("dropping a primary key without adding another copies the table")
    if facts.compressed:
        return rebuilt("ROW_FORMAT=COMPRESSED allows no INSTANT drop")
    if facts.fulltext_before:
        return rebuilt("a table with a FULLTEXT index allows no INSTANT drop")
    if not flavour.at_least(8, 0, 29):
        return rebuilt("before 8.0.29 dropping a column rebuilds the table")
    return Part("INSTANT", "the column is dropped in the dictionary only", rebuild_inplace=True)


def _drop_virtual(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if facts.before.partitioning is not None and not flavour.at_least(9, 0):
        return copied("before 9 a virtual column cannot be dropped in place from a partitioned table")
    return metadata("a virtual column exists in the dictionary only", flavour)


def _rename_column(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if change.name.lower() in facts.referenced:
        return inplace("a foreign key refers to the column")
    return metadata("only the name changes", flavour, (8, 0, 28))


def _reorder(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    generated = change.after.generated if change.after is not None else None
    if generated is not None and not flavour.at_least(9, 0):  # the manual of 8.x; 9.7 accepts better (measured)
        return copied("before 9 moving a generated column copies the table")
    if generated is not None and not generated.stored:
        return metadata("a virtual column exists in the dictionary only", flavour)
    return rebuilt("the order of columns is the order in each row", "Leave out FIRST or AFTER.")


def _column_metadata(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return metadata("only the dictionary changes", flavour)


def _type(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    old, new = before_of(change).type, after_of(change).type
    if "unknown" in (old.name, new.name):
        return assumed("the column's type before is not known")
    recoded = (old.charset, old.collation) != (new.charset, new.collation)
    if recoded and not flavour.at_least(8, 0):
        return copied("before 8.0 changing a column's charset or collation copies the table")
    if t.members_appended(old, new):
        return metadata(f"{new.name.upper()} members appended, in the same number of bytes", flavour)
    if old.name != new.name:
        return copied("another type: every value is converted", NEW_COLUMN)
    if old.name in ("enum", "set"):
        return copied(
            "members were inserted, moved or removed, or no longer fit the bytes",
            "Append new members at the end of the list: INSTANT.",
        )
    if recoded and not t.same_charset(old, new):
        return copied("every value is converted to the other charset", NEW_COLUMN)
    if recoded and facts.keys_on(before_of(change)):
        return copied(
            "an index has the column, and sorts by its collation", "Drop the index first: INPLACE, no rebuild."
        )
    if t.is_variable(old):
        return _variable(change, facts)
    if recoded and old.args == new.args and (old.name == "char" or old.name in t.TEXT):
        return _text_of_convert(change, facts)
    return copied("the values take other bytes: every row is converted", NEW_COLUMN)


def _variable(change: Change, facts: TableFacts) -> Part:
    old, new = before_of(change).type, after_of(change).type
    if t.length(new) < t.length(old):
        return copied("a shorter length: every value is checked", "Enforce the length in the app instead.")
    if (t.most_bytes(old) > 255) != (t.most_bytes(new) > 255):
        most = 255 * t.length(new) // t.most_bytes(new) if t.length(new) else 0
        cheaper = f"Up to {new.name.upper()}({most}) it is INPLACE without a rebuild." if most > t.length(old) else ""
        return copied(
            f"from {t.most_bytes(old)} to {t.most_bytes(new)} bytes: beyond 255 the length takes two bytes in each row",
            cheaper or NEW_COLUMN,
        )
    return inplace("the length grows within the same number of length bytes: only the dictionary changes")


def _text_of_convert(change: Change, facts: TableFacts) -> Part:
    if before_of(change).type.name in t.TEXT and facts.converts:
        return rebuilt(
            "CONVERT TO rewrites TEXT columns",
            "MODIFY the TEXT columns one by one: INPLACE without a rebuild.",
            lock="SHARED",
        )
    return inplace("the bytes stay as they are, and no index has the column")


def _nullable(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    return rebuilt("rows have a bit for each column that may be NULL: the table is rebuilt")


def _not_null(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    if not facts.strict:
        return copied("without strict mode NULLs are turned into values", "SET sql_mode='STRICT_TRANS_TABLES' first.")
    return rebuilt("rows have a bit for each column that may be NULL: the table is rebuilt; fails if a NULL is there")


def _generated_status(change: Change, facts: TableFacts, flavour: Flavour) -> Part:
    was, now = before_of(change).generated, after_of(change).generated
    if (was is None or was.stored) and (now is None or now.stored):
        return copied("a stored column becomes plain, or a plain one stored")
    return refused(3106, "'Changing the STORED status' is not supported for generated columns.")


COLUMN_RULES: dict[Kind, Callable[[Change, TableFacts, Flavour], Part]] = {
    Kind.ADD_COLUMN: _add_column,
    Kind.ADD_AUTO_INCREMENT: _add_column,
    Kind.ADD_VIRTUAL: _add_virtual,
    Kind.ADD_STORED: _add_stored,
    Kind.DROP_COLUMN: _drop_column,
    Kind.DROP_VIRTUAL: _drop_virtual,
    Kind.RENAME_COLUMN: _rename_column,
    Kind.REORDER: _reorder,
    Kind.COLUMN_METADATA: _column_metadata,
    Kind.TYPE: _type,
    Kind.NULLABLE: _nullable,
    Kind.NOT_NULL: _not_null,
    Kind.AUTO_INCREMENT_ON: lambda *_: copied("rows are numbered by copying the table"),
    Kind.AUTO_INCREMENT_OFF: lambda *_: copied("removing AUTO_INCREMENT copies the table"),
    Kind.EXPRESSION: lambda *_: copied("the generated values are computed anew"),
    Kind.GENERATED_STATUS: _generated_status,
}
