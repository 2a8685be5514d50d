"""The types no server takes: too long, too precise, or with a value of ENUM or SET given twice.

Only what strict mode refuses and what does not depend on how the server is built. Source: run on MySQL 9.7.4 and
MariaDB 10.11.19 (tests/history/test_apply_limits.py asks both again).
"""

from __future__ import annotations

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Column, Table
from zdmigrate.history.charsets import character_width
from zdmigrate.history.effects.naming import MOST_NAME
from zdmigrate.history.effects.refusals import Refused, refused

_MOST_CHAR = 255
_MOST_ROW_BYTES = 65_535
_MOST_DIGITS = 65
_MOST_SET = 64
_MOST_BITS = 64
_MOST_FRACTION = 6


def wrong_type(column: Column, flavour: Flavour) -> Refused | None:
    """The refusal of a column's name or type in strict mode, or None. The type is settled."""
    if len(column.name) > MOST_NAME:
        return refused(1059, name=column.name)
    kind, args = column.type.name, column.type.args
    length = args[0] if args else 0
    match kind:
        case "char" | "binary" if length > _MOST_CHAR:
            return refused(1074, name=column.name, most=str(_MOST_CHAR))
        case "varchar" | "varbinary":
            most = most_bytes(flavour) // character_width(column.type)
            return refused(1074, name=column.name, most=str(most)) if length > most else None
        case "decimal":
            return _wrong_decimal(column, flavour)
        case "time" | "datetime" | "timestamp" if length > _MOST_FRACTION:
            return _too_precise(column, length, _MOST_FRACTION, flavour)
        case "bit" if length > _MOST_BITS:
            return refused(1439, flavour.is_mariadb, name=column.name, most=str(_MOST_BITS))
        case "enum" | "set":
            return _wrong_members(column)
    return None


def most_bytes(flavour: Flavour) -> int:
    """The longest VARCHAR, in bytes."""
    return 65_532 if flavour.is_mariadb else _MOST_ROW_BYTES


def row_too_long(old: Table, new: Table) -> Refused | None:
    """The refusal of a row whose texts alone are longer than a row may be, or None; what was so before is let be."""
    length = _text_bytes(new)
    return refused(1118) if length > _MOST_ROW_BYTES and length > _text_bytes(old) else None


def _text_bytes(table: Table) -> int:
    """The bytes its columns of a given length take at most; other columns, length bytes and NULL bits come on top."""
    sized = (column.type for column in table.columns if column.type.name in ("char", "varchar", "binary", "varbinary"))
    return sum((kind.args[0] if kind.args else 1) * character_width(kind) for kind in sized)


def _wrong_decimal(column: Column, flavour: Flavour) -> Refused | None:
    digits, scale = column.type.args
    most_scale = 38 if flavour.is_mariadb else 30
    if scale > most_scale:
        return refused(1425, flavour.is_mariadb, name=column.name, given=str(scale), most=str(most_scale))
    if digits > _MOST_DIGITS:
        return _too_precise(column, digits, _MOST_DIGITS, flavour)
    return refused(1427, flavour.is_mariadb, name=column.name) if scale > digits else None


def _too_precise(column: Column, given: int, most: int, flavour: Flavour) -> Refused:
    return refused(1426, flavour.is_mariadb, name=column.name, given=str(given), most=str(most))


def _wrong_members(column: Column) -> Refused | None:
    """A value given twice. Other spellings of one value depend on its collation: they are let through."""
    members = column.type.members
    if column.type.name == "set" and len(members) > _MOST_SET:
        return refused(1097, name=column.name)
    seen: set[str] = set()
    for member in members:
        if member in seen:
            return refused(1291, name=column.name, value=member, kind=column.type.name.upper())
        seen.add(member)
    return None
