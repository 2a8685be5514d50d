"""The questions about a column's type and default that decide what changing it costs."""

from __future__ import annotations

import re

from zdmigrate.history.catalog import Column, ColumnType, Default, Table
from zdmigrate.history.charsets import bytes_per_character

TEXT = frozenset({"tinytext", "text", "mediumtext", "longtext"})
GEOMETRY = frozenset(
    {
        "geometry",
        "point",
        "linestring",
        "polygon",
        "multipoint",
        "multilinestring",
        "multipolygon",
        "geometrycollection",
        "geomcollection",
    }
)
#: Types MySQL gives no literal DEFAULT (1101).
NO_LITERAL_DEFAULT = TEXT | GEOMETRY | {"tinyblob", "blob", "mediumblob", "longblob", "json"}

#: Functions whose value differs from call to call or from server to server.
_UNSTABLE = re.compile(
    r"\b(uuid|uuid_short|uuid_v4|uuid_v7|sys_guid|rand|random_bytes|sysdate|user|current_user|session_user|system_user|"
    r"connection_id|last_insert_id|found_rows|row_count|load_file|get_lock|is_free_lock|is_used_lock|release_lock|"
    r"sleep|version|database|schema|nextval|lastval)\b\s*\(",
    re.IGNORECASE,
)
_STRING = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"")


def members_appended(old: ColumnType, new: ColumnType) -> bool:
    """ENUM or SET with members added at the end only (or none), in the same number of bytes."""
    if old.name != new.name or old.name not in ("enum", "set"):
        return False
    return new.members[: len(old.members)] == old.members and _storage(old) == _storage(new)


def _storage(column_type: ColumnType) -> int:
    count = len(column_type.members)
    if column_type.name == "enum":
        return 1 if count <= 255 else 2
    size = (count + 7) // 8
    return size if size <= 4 else 8


def is_variable(column_type: ColumnType) -> bool:
    """VARCHAR or VARBINARY."""
    return column_type.name in ("varchar", "varbinary")


def length(column_type: ColumnType) -> int:
    """Declared length in characters (bytes for VARBINARY)."""
    return column_type.args[0] if column_type.args else 1


def most_bytes(column_type: ColumnType) -> int:
    """The most bytes a VARCHAR or VARBINARY value takes: beyond 255 its length takes two bytes in each row."""
    each = bytes_per_character(column_type.charset or "utf8mb4") if column_type.name == "varchar" else 1
    return length(column_type) * each


def same_charset(old: ColumnType, new: ColumnType) -> bool:
    """The stored bytes mean the same: one charset, or utf8mb3 that becomes its superset utf8mb4."""
    return old.charset == new.charset or (old.charset, new.charset) == ("utf8mb3", "utf8mb4")


def same_order(old: ColumnType, new: ColumnType) -> bool:
    """An index keeps its order: one collation, or one of the same name for utf8mb3 and utf8mb4."""
    if old.collation == new.collation:
        return True
    was, now = (old.collation or "").partition("_")[2], (new.collation or "").partition("_")[2]
    return same_charset(old, new) and was == now


def needs_zero_date(column: Column) -> bool:
    """NOT NULL DATE or DATETIME without a DEFAULT: rows already there would need the date 0000-00-00."""
    return column.type.name in ("date", "datetime") and not column.nullable and column.default is None


def is_unstable(default: Default | None) -> bool:
    """An expression DEFAULT that each server, or each row, answers in its own way."""
    return default is not None and default.kind == "expression" and bool(_UNSTABLE.search(_code(default.text)))


def reads_columns(default: Default | None, table: Table) -> bool:
    """An expression DEFAULT that names a column of the table."""
    if default is None or default.kind != "expression":
        return False
    words = {word.lower() for word in re.findall(r"[A-Za-z_$][\w$]*(?!\w*\s*\()|`[^`]+`", _code(default.text))}
    return any(column.name.lower() in words or f"`{column.name.lower()}`" in words for column in table.columns)


def _code(expression: str) -> str:
    return _STRING.sub("''", expression)
