"""Values a column's type accepts: ordinary ones that never collide, and those at its edges. Pure.

Strings of digits, small numbers and whole seconds are ordinary: most types can be converted to most others with them,
so that a DDL does not fail for the data it meets. Edges are what old code may write although nobody expects it.
"""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Iterator
from decimal import Decimal

from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.charsets import bytes_per_character

Value = None | int | float | Decimal | str | bytes

#: No value is longer than this many bytes: enough to overflow TEXT, little enough to send a thousand times.
LONGEST = 70_000
#: Members of an ENUM or SET tried one by one; of a longer list its two ends.
MOST_MEMBERS = 24

_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_CAPACITY = {"tiny": 255, "": 65_535, "medium": LONGEST, "long": LONGEST}
_ONE_BYTE = frozenset({"latin1", "cp1250", "cp1252", "latin2", "latin5", "latin7", "cp850", "cp852"})
_DAY = dt.date(2024, 2, 1)


def plain(kind: ColumnType, number: int) -> Value:
    """Ordinary value `number` (from 0) of a type: another one for another number where the type has enough values.

    None when we cannot make a value of that type.
    """
    match kind.name:
        case "tinyint" | "smallint" | "mediumint" | "int" | "bigint":
            return number + 1
        case "decimal":
            digits, scale = _precision(kind)
            whole = digits - scale
            return Decimal(number + 1) if whole >= 3 else Decimal((number % 9) + 1).scaleb(-scale if whole < 1 else 0)
        case "float" | "double":
            return float(number + 1)
        case "bit":
            return (number + 1) % (1 << (kind.args or (1,))[0])
        case "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext":
            return _short(str(101 + number), _characters(kind), number)
        case "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob":
            width = (kind.args or (1,))[0]
            text = _short(str(101 + number), width if "binary" in kind.name else 99, number).encode()
            return text.ljust(width, b"\0") if kind.name == "binary" else text
        case "enum" | "set":
            return kind.members[0] if kind.members else None
        case "date":
            return str(_DAY + dt.timedelta(days=number))
        case "datetime" | "timestamp":
            return f"{_DAY + dt.timedelta(days=number)} 10:20:30"
        case "time":
            return f"{10 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
        case "year":
            return 2000 + number % 100
        case "json":
            return json.dumps({"number": number})
        case "uuid":
            return f"123e4567-e89b-42d3-a456-{number:012x}"
        case "inet4":
            return f"10.0.0.{number % 250 + 1}"
        case "inet6":
            return f"2001:db8::{number + 1:x}"
        case "point" | "geometry":
            return struct.pack("<IBIdd", 0, 1, 1, float(number), 1.0)
        case "vector":
            return struct.pack("<f", float(number + 1)) * (kind.args or (1,))[0]
        case _:
            return None


def edges(kind: ColumnType, *, spare: bool = False) -> tuple[Value, ...]:
    """Values at the edges of a type, each once; the `spare` ones are as extreme, and mostly different.

    Rows in the database hold the first set, so that old code can write the second one to a unique column.
    """
    return tuple(dict.fromkeys(_edges(kind, 1 if spare else 0)))


def literal(value: Value) -> str:
    """A value as SQL."""
    match value:
        case None:
            return "NULL"
        case str():
            escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
            return f"'{escaped}'"
        case bytes():
            return f"x'{value.hex()}'"
        case float():
            return repr(value)
        case _:
            return str(value)


def _edges(kind: ColumnType, other: int) -> Iterator[Value]:
    name = kind.name
    if name in _BITS:
        bits = _BITS[name]
        low, high = (0, 2**bits - 1) if kind.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        yield from (high - other, low + other, 0)
    elif name == "decimal":
        digits, scale = _precision(kind)
        most = Decimal(10**digits - 1 - other).scaleb(-scale)
        yield from (most, Decimal(0)) if kind.unsigned else (most, -most, Decimal(0))
    elif name in ("float", "double"):
        yield from _float_edges(kind, other)
    elif name == "bit":
        yield from (2 ** (kind.args or (1,))[0] - 1 - other, 0)
    elif name in ("char", "varchar", "tinytext", "text", "mediumtext", "longtext"):
        yield from _text_edges(kind, other)
    elif name in ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"):
        capacity = _capacity(kind)
        fill = bytes((255 - other, 0, 128))
        yield (fill * (capacity // 3 + 1))[:capacity]
        if name != "binary":
            yield b""
            yield b"\0\x01 "[other : other + 1 + capacity]
    elif name == "enum":
        yield from _some(kind.members)
    elif name == "set":
        yield from (",".join(kind.members), "", *_some(kind.members))
    else:
        yield from _other_edges(kind, other)


def _other_edges(kind: ColumnType, other: int) -> Iterator[Value]:
    fraction = "." + "9" * kind.args[0] if kind.args and kind.args[0] else ""
    match kind.name:
        case "date":
            yield from (f"9999-12-{31 - other}", f"1000-01-0{1 + other}", f"2024-02-{29 - other}")
        case "datetime":
            # The last is within the reach of CONVERT_TZ, which leaves every other as it is.
            yield from (f"9999-12-{31 - other} 23:59:59{fraction}", f"1000-01-0{1 + other} 00:00:00")
            yield f"2024-02-{29 - other} 12:34:56"
        case "timestamp":
            yield from (f"2038-01-{19 - other} 03:14:07", f"1970-01-0{1 + other} 00:00:01{fraction}")
        case "time":
            yield from (f"838:59:{59 - other}", f"-838:59:{59 - other}", f"00:00:0{other}{fraction}")
        case "year":
            yield from (2155 - other, 1901 + other)
        case "json":
            yield from ("null", '{"ключ": ["é", 1.5, true]}', json.dumps([10**other] * 3), '"' + "j" * 300 + '"')
        case _:
            yield plain(kind, 60 + other)


def _float_edges(kind: ColumnType, other: int) -> Iterator[Value]:
    if kind.args:
        digits, scale = (*kind.args, 0)[:2]
        most = float(10 ** min(digits - scale, 6) - 1 - other)
    elif kind.name == "float":
        most = 3.40282e38 if not other else 3.0e38
    else:
        most = 1.7976931348623157e308 if not other else 1.5e308
    yield most
    if not kind.unsigned:
        yield -most
    yield 0.5 if kind.args[1:] != (0,) else 0.0
    if not kind.args:
        yield 0.1


def _text_edges(kind: ColumnType, other: int) -> Iterator[Value]:
    charset = kind.charset or "utf8mb4"
    room = _characters(kind)
    letter = "zy"[other]
    if kind.name in ("char", "varchar"):
        yield letter * room
        for wide in _wide(charset):
            yield wide * (room - 1) + letter if room > 1 else wide
    else:
        capacity = _capacity(kind)
        yield letter * capacity
        for wide in _wide(charset):
            yield wide * ((capacity - 4) // bytes_per_character(charset)) + letter
    yield ""
    yield "aA"[other]
    if room > 1:
        yield "b" + " " * (1 + other)
        yield "0" + "12"[other]


def _wide(charset: str) -> tuple[str, ...]:
    """Characters outside ASCII that a charset has."""
    if charset in ("utf8mb4", "utf16", "utf32", "gb18030"):
        return ("é", "😀")
    if charset in ("utf8mb3", "ucs2"):
        return ("é", "ж")
    return ("é",) if charset in _ONE_BYTE else ()


def _precision(kind: ColumnType) -> tuple[int, int]:
    digits, scale, *_ = (*(kind.args or (10,)), 0)
    return digits, scale


def _characters(kind: ColumnType) -> int:
    """How many characters a text type takes at least."""
    if kind.name in ("char", "varchar"):
        return min((kind.args or (1,))[0], LONGEST // 4)
    return _capacity(kind) // 4


def _capacity(kind: ColumnType) -> int:
    """Bytes a type takes, at most LONGEST."""
    if kind.name in ("binary", "varbinary"):
        return min((kind.args or (1,))[0], LONGEST)
    return _CAPACITY[kind.name.removesuffix("text").removesuffix("blob")]


def _short(text: str, room: int, number: int) -> str:
    """`text`, or in less room a string of its own for every number up to 35 at least."""
    if len(text) <= room:
        return text
    return "123456789abcdefghijklmnopqrstuvwxyz0"[number % 36][:room]


def _some(members: tuple[str, ...]) -> tuple[str, ...]:
    half = MOST_MEMBERS // 2
    return members if len(members) <= MOST_MEMBERS else members[:half] + members[-half:]
