"""Literals: from SQL text to Python values and back."""

from __future__ import annotations

import datetime
import decimal
import enum
import re
from collections.abc import Sequence

_ESCAPES = {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPED_DOUBLE = re.compile(r'\\(.)|""', re.DOTALL)


def unescape(text: str) -> str:
    """The value of a quoted string, `'it''s\\n'` or `"..."`, with an optional N before it."""
    if text[0] in "nN":
        text = text[1:]
    quote, inner = text[0], text[1:-1]
    if "\\" not in inner and quote not in inner:
        return inner
    pattern = _ESCAPED if quote == "'" else _ESCAPED_DOUBLE
    return pattern.sub(lambda found: quote if found[1] is None else _ESCAPES.get(found[1], found[1]), inner)


def bits_value(text: str) -> bytes:
    """The bytes of `x'ff'`, `0xff`, `b'01'`, `0b01`."""
    digits = text[2:].rstrip("'")
    if text[0] in "bB" or text[:2] == "0b":
        return int(digits or "0", 2).to_bytes((len(digits) + 7) // 8, "big")
    return bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)


def bits_number(text: str) -> int:
    """The number a hexadecimal or bit literal stands for."""
    return int.from_bytes(bits_value(text), "big")


def number_value(text: str) -> int | float:
    """The value of a number as written."""
    return int(text) if text.isdigit() else float(text)


def render_value(value: object) -> str:
    """A Python value as SQL, the way the driver would send it."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case enum.Enum():
            return render_value(value.value)
        case int() | float() | decimal.Decimal():
            return str(value)
        case bytes() | bytearray():
            return f"x'{value.hex()}'"
        case datetime.datetime():
            return f"'{value.replace(tzinfo=None).isoformat(sep=' ')}'"
        case datetime.timedelta():
            return f"'{_duration(value)}'"
        case str():
            text = value.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
            return f"'{text}'"
        case set() | frozenset():
            return "(" + ", ".join(sorted(render_value(item) for item in value)) + ")"
        case Sequence():
            return "(" + ", ".join(render_value(item) for item in value) + ")"
        case _:
            return render_value(str(value))


def _duration(value: datetime.timedelta) -> str:
    """A TIME literal's text; days become hours."""
    seconds = abs(value).days * 86_400 + abs(value).seconds
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if value.microseconds:
        text += f".{abs(value).microseconds:06d}"
    return f"-{text}" if value < datetime.timedelta() else text
