"""The literal defaults no server takes: `'true'` for a BOOLEAN, `'now()'` for a DATETIME, a text that is too long.

In doubt a default is let through: what is refused here, the server refuses in strict mode. Source: run on MySQL 9.7.4
and MariaDB 10.11.19, every type with every kind of literal (tests/history/test_apply_limits.py asks both again).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Column, ColumnType, Default
from zdmigrate.history.effects.refusals import Refused, refused

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_MOMENTS = ("datetime", "timestamp")
_EXACT = Context(prec=200)

_NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?[ ]*", re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_DAY = re.compile(r"\s*(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?(?!\d)", re.ASCII)
_ZERO_DAY = re.compile(r"0000-00-00")


def wrong_default(column: Column, flavour: Flavour, modes: Collection[str]) -> Refused | None:
    """The refusal of a column's DEFAULT or ON UPDATE in strict mode, or None.

    Args:
        column: with its type settled, and its default as the column keeps it.
        modes: the session's sql_mode.
    """
    default = column.default
    if column.null_default and not column.nullable and not column.auto_increment:
        return refused(1067, name=column.name)
    if default is not None and default.kind == "literal":
        if column.type.name == "decimal" and _ends_badly(default) and not flavour.is_mariadb:
            return refused(1366, kind="decimal", value=default.text, name=column.name)
        if _is_wrong(column.type, default, flavour, modes):
            return refused(1067, name=column.name)
    if default is not None and default.kind == "now" and not _takes_now(column.type, default.text, flavour):
        return refused(1067, name=column.name)
    if column.on_update is not None:
        precision = "".join(re.findall(r"[0-9]+", column.on_update))
        if column.type.name not in _MOMENTS or not _takes_now(column.type, precision, flavour):
            return refused(1294, name=column.name)
    return None


def _takes_now(column_type: ColumnType, precision: str, flavour: Flavour) -> bool:
    """MySQL wants CURRENT_TIMESTAMP as precise as its column; MariaDB takes any, anywhere."""
    if flavour.is_mariadb:
        return True
    fraction = column_type.args[0] if column_type.args else 0
    return column_type.name in _MOMENTS and int(precision or 0) == fraction


def _is_wrong(column_type: ColumnType, default: Default, flavour: Flavour, modes: Collection[str]) -> bool:
    text, quoted = default.text, default.quoted
    length = column_type.args[0] if column_type.args else 1
    match column_type.name:
        case name if name in _BITS:
            return not _fits_integer(column_type, text)
        case "decimal":
            return not _fits_decimal(column_type, text)
        case "float" | "double":
            return _NUMBER.fullmatch(text) is None or (column_type.unsigned and _value(text) < 0)
        case "bit":
            return _INTEGER.fullmatch(text) is not None and not 0 <= int(text) < 2**length
        case "year":
            return not _may_be_year(text)
        case "char":
            return _is_longer(text.rstrip(" "), length, quoted=quoted)
        case "varchar":  # MySQL lets surplus blanks go, MariaDB does not
            return _is_longer(text if flavour.is_mariadb else text.rstrip(" "), length, quoted=quoted)
        case "binary" | "varbinary":
            return _is_longer(text, length, quoted=quoted, size=len(text.encode()))
        case "enum":
            return not quoted or not _may_be_member(column_type, text)
        case "set":
            return not quoted or not all(_may_be_member(column_type, part) for part in text.split(",") if text)
        case "date" | "datetime" | "timestamp":
            return _is_no_moment(column_type, default, flavour, modes)
        case "time":
            return quoted and not any(character.isdigit() for character in text)
    return False


# --- numbers


def _ends_badly(default: Default) -> bool:
    """A text that begins as a number and goes on as something else."""
    return default.quoted and _NUMBER.match(default.text) is not None and _NUMBER.fullmatch(default.text) is None


def _fits_integer(column_type: ColumnType, text: str) -> bool:
    if _NUMBER.fullmatch(text) is None:
        return False
    given, bits = _value(text), _BITS[column_type.name]
    value = given.to_integral_value(ROUND_HALF_UP)
    if column_type.unsigned:
        return bool(given >= 0 and value < 2**bits)
    return bool(-(2 ** (bits - 1)) <= value < 2 ** (bits - 1))


def _fits_decimal(column_type: ColumnType, text: str) -> bool:
    if _NUMBER.fullmatch(text) is None:
        return False
    digits, scale = column_type.args
    value = _value(text)
    if (column_type.unsigned and value < 0) or abs(value) > 10 ** (digits - scale):
        return False
    return bool(abs(value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _EXACT)) < 10 ** (digits - scale))


def _value(text: str) -> Decimal:
    return Decimal(text.strip())


def _may_be_year(text: str) -> bool:
    if _NUMBER.fullmatch(text) is None:
        return False
    return _INTEGER.fullmatch(text) is None or int(text) == 0 or 1901 <= int(text) <= 2155


# --- texts


def _is_longer(text: str, length: int, *, quoted: bool, size: int | None = None) -> bool:
    """More than `length` characters; a number is looked at only where it is surely stored as it is written."""
    if not quoted and _PLAIN_NUMBER.fullmatch(text) is None:
        return False
    return (len(text) if size is None else size) > length


def _may_be_member(column_type: ColumnType, text: str) -> bool:
    """A value of the ENUM or SET, in whatever spelling: which ones are the same is for its collation to say."""
    wanted = text.rstrip(" ").casefold()
    if not wanted.isascii():
        return True
    return any(wanted == member.rstrip(" ").casefold() or not member.isascii() for member in column_type.members)


# --- moments


def _is_no_moment(column_type: ColumnType, default: Default, flavour: Flavour, modes: Collection[str]) -> bool:
    text = default.text
    zero = _ZERO_DAY.match(text) is not None if default.quoted else text == "0"
    if zero:
        return "NO_ZERO_DATE" in modes and not flavour.is_mariadb  # MariaDB's defaults do not have that mode
    if not default.quoted:
        return not _may_be_day(text)
    if (day := _DAY.match(text)) is not None:
        return _is_no_day(column_type, [int(part or 0) for part in day.groups()], flavour)
    groups = re.findall(r"[0-9]+", text)
    return len(groups) < 3 and all(len(group) < 5 for group in groups)


def _may_be_day(number: str) -> bool:
    """A number read as [YY]YYMMDD; with more digits it has a time of day too, which is let through."""
    if _INTEGER.fullmatch(number) is None:
        return False
    value = int(number)
    return value > 100 and (value >= 10**8 or (value // 100 % 100 <= 12 and value % 100 <= 31))


def _is_no_day(column_type: ColumnType, parts: list[int], flavour: Flavour) -> bool:
    year, month, day, hour, minute, second = parts
    if hour > 23 or minute > 59 or second > 59:
        return True
    if 0 in (year, month, day):  # NO_ZERO_IN_DATE may let it through
        return False
    try:
        date(year, month, day)
    except ValueError:
        return True
    # The first and the last day depend on the time zone.
    latest = 2106 if flavour.is_mariadb and flavour.at_least(11, 5) else 2038
    return column_type.name == "timestamp" and not (1969, 12, 31) <= (year, month, day) <= (latest, 12, 31)
