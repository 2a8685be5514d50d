"""The keys no server takes: over columns that cannot be in them, with a wrong prefix, or too long.

Only what strict mode refuses. Source: run on MySQL 9.7.4 and MariaDB 10.11.19 (tests/history/test_apply_limits.py
asks both again); limits of InnoDB with its default page size and row format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Column, ColumnType, Key, KeyPart
from zdmigrate.history.charsets import LOB_TYPES, SPATIAL_TYPES, TEXT_TYPES, character_width
from zdmigrate.history.effects.naming import MOST_NAME
from zdmigrate.history.effects.refusals import Refused, refused

#: The longest key InnoDB keeps, and the longest part of one, in bytes.
INNODB_KEY_BYTES = 3072

_CUT = frozenset({"char", "varchar", "binary", "varbinary"}) | LOB_TYPES
_FIXED_SIZES = {
    "tinyint": 1,
    "year": 1,
    "smallint": 2,
    "mediumint": 3,
    "date": 3,
    "int": 4,
    "float": 4,
    "bigint": 8,
    "double": 8,
    "uuid": 16,
    "inet6": 16,
    "inet4": 4,
}

Parts = Sequence[tuple[KeyPart, Column]]


def wrong_key(key: Key, parts: Parts, flavour: Flavour) -> Refused | None:
    """The refusal of a new key in strict mode, or None.

    Args:
        parts: the key's parts over columns, as they are written.
    """
    if len(key.name) > MOST_NAME:
        return refused(1059, name=key.name)
    json = next((column for _, column in parts if column.type.name == "json"), None)
    if json is not None and not flavour.is_mariadb:
        return refused(3152, name=json.name)
    if key.kind == "fulltext":
        return _wrong_fulltext([column for _, column in parts])
    if key.kind == "spatial":
        return _wrong_spatial(key, [column for _, column in parts], flavour)
    return next(filter(None, (_wrong_prefix(part, column) for part, column in parts)), None)


def too_long(key: Key, parts: Parts, flavour: Flavour, engine: str) -> Refused | None:
    """The refusal of a new key with more bytes than InnoDB keeps, or None.

    Args:
        parts: the key's parts over columns, as the server keeps them (`shortened`).
    """
    hashed = flavour.is_mariadb and key.kind == "unique"
    if hashed or key.kind in ("fulltext", "spatial") or engine.lower() != "innodb":
        return None
    sizes = [part_bytes(part, column.type) for part, column in parts]
    if sum(sizes) <= INNODB_KEY_BYTES:
        return None
    return refused(1071, most=str(INNODB_KEY_BYTES))


def shortened(part: KeyPart, column: Column, kind: str, flavour: Flavour) -> KeyPart:
    """MariaDB makes a prefix of a part that is too long, where a key need not be unique."""
    if not flavour.is_mariadb or kind != "index" or part_bytes(part, column.type) <= INNODB_KEY_BYTES:
        return part
    return replace(part, length=INNODB_KEY_BYTES // character_width(column.type))


def key_size(column_type: ColumnType) -> int:
    """Length of a whole column in a key: characters of a string, bytes of anything else; 0 where we cannot tell."""
    digits = column_type.args[0] if column_type.args else 0
    match column_type.name:
        case "char" | "varchar" | "binary" | "varbinary":
            return digits
        case "datetime" | "timestamp" | "time":
            return {"datetime": 5, "timestamp": 4, "time": 3}[column_type.name] + (digits + 1) // 2
        case "enum":
            return 1 if len(column_type.members) < 256 else 2
        case name:
            return _FIXED_SIZES.get(name, 0)


def part_bytes(part: KeyPart, column_type: ColumnType) -> int:
    """The bytes a part takes in a key, at most; 0 where we cannot tell."""
    length = key_size(column_type) if part.length is None else part.length
    return length * character_width(column_type)


def _wrong_prefix(part: KeyPart, column: Column) -> Refused | None:
    if part.length is None or column.type.name in SPATIAL_TYPES | {"unknown", "json"}:
        return None
    if part.length == 0:
        return refused(1391, name=column.name)
    if column.type.name not in _CUT:
        return refused(1089)
    whole = column.type.args[0] if column.type.name not in LOB_TYPES and column.type.args else None
    return refused(1089) if whole is not None and part.length > whole else None


def _wrong_fulltext(columns: Sequence[Column]) -> Refused | None:
    """Texts only, all of one character set (MariaDB's JSON is one)."""
    for column in columns:
        if column.type.name == "unknown":
            return None
        text = column.type.name in TEXT_TYPES or column.type.name == "json"
        if not text or column.type.charset != columns[0].type.charset:
            return refused(1283, name=column.name)
    return None


def _wrong_spatial(key: Key, columns: Sequence[Column], flavour: Flavour) -> Refused | None:
    """One geometry that is NOT NULL."""
    if len(key.parts) > 1:
        return refused(1210) if flavour.is_mariadb else refused(1070, most="1")
    for column in columns:
        if column.type.name == "unknown":
            return None
        if column.type.name not in SPATIAL_TYPES:
            return refused(1210) if flavour.is_mariadb else refused(1687)
        if column.nullable:
            return refused(1252)
    return None
