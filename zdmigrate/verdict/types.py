"""Comparing two column types: which values of the one the other can hold, and what else changed.

Pure. The result says *what* changed (`TypeAspect`s); rules say whom that breaks, cost and replication what it takes.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.charsets import bytes_per_character


class TypeAspect(enum.StrEnum):
    """One way in which the type after differs from the type before; several may hold at once."""

    #: Accepts values the old type refused (longer, larger, more digits).
    WIDENED = "widened"
    #: Refuses or cuts values the old type accepted.
    NARROWED = "narrowed"
    #: BINARY made longer: what is stored gets zero bytes at its end, and is read and compared with them.
    PADDED = "padded"
    #: Another type name of the same family: INT to BIGINT, VARCHAR to TEXT, DATETIME to TIMESTAMP.
    KIND = "kind"
    #: Another family: numbers to text, text to JSON, DATE to DATETIME. Values come back as something else.
    FAMILY = "family"
    #: ENUM to CHAR, VARCHAR or TEXT long enough for every member.
    ENUM_TO_TEXT = "enum_to_text"
    #: Signed to unsigned or back.
    SIGNEDNESS = "signedness"
    #: Fractional seconds: more digits, or fewer (the server rounds without an error).
    FRACTION_RAISED = "fraction_raised"
    FRACTION_LOWERED = "fraction_lowered"
    #: DATETIME to TIMESTAMP or back: only TIMESTAMP follows the session's time zone.
    TIME_ZONE = "time_zone"
    #: ENUM and SET members: new ones at the end, new ones before old ones, old ones in another order, old ones gone.
    MEMBERS_APPENDED = "members_appended"
    MEMBERS_INSERTED = "members_inserted"
    MEMBERS_REORDERED = "members_reordered"
    MEMBERS_REMOVED = "members_removed"
    #: Another charset that has every character of the old one, or one that lacks some.
    CHARSET_WIDENED = "charset_widened"
    CHARSET_NARROWED = "charset_narrowed"
    #: Another collation: comparisons, sorting and uniqueness change.
    COLLATION = "collation"
    #: Display only: TINYINT(1) or TINYINT, ZEROFILL.
    DISPLAY = "display"
    #: One of the two types was never seen.
    UNKNOWN = "unknown"


_LOSSY = frozenset(
    {
        TypeAspect.NARROWED,
        TypeAspect.PADDED,
        TypeAspect.FAMILY,
        TypeAspect.FRACTION_LOWERED,
        TypeAspect.MEMBERS_REMOVED,
        TypeAspect.CHARSET_NARROWED,
        TypeAspect.UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class TypeComparison:
    """What changed from `before` to `after`; `added` and `removed` are ENUM or SET members."""

    before: ColumnType
    after: ColumnType
    aspects: frozenset[TypeAspect]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Nothing changed."""
        return not self.aspects

    @property
    def lossless(self) -> bool:
        """Every value of `before` can be written to `after` and is read back equal."""
        return not self.aspects & _LOSSY

    def has(self, *aspects: TypeAspect) -> bool:
        """True when any of `aspects` is among the changes."""
        return bool(self.aspects.intersection(aspects))


def compare_types(before: ColumnType, after: ColumnType) -> TypeComparison:
    """What changes for a column of type `before` that becomes `after`."""
    if "unknown" in (before.name, after.name):
        return TypeComparison(before, after, frozenset({TypeAspect.UNKNOWN}))
    added = tuple(member for member in after.members if member not in before.members)
    removed = tuple(member for member in before.members if member not in after.members)
    if before.name != after.name or before.name not in ("enum", "set"):
        added = removed = ()
    return TypeComparison(before, after, frozenset(_aspects(before, after)), added, removed)


def fits(values: ColumnType, column: ColumnType) -> bool:
    """Whether a column of type `column` accepts every value code may write by `values` and gives it back equal.

    Charsets count only when `values` states one: a model seldom does.
    """
    comparison = compare_types(values, column)
    lossy = comparison.aspects & _LOSSY
    if values.charset is None:
        lossy -= {TypeAspect.CHARSET_NARROWED}
    return not lossy


def decodes(column: ColumnType, model: ColumnType) -> bool:
    """Whether code that decodes by `model` understands every value a column of type `column` may hold."""
    return fits(column, model)


def family(column_type: ColumnType) -> str:
    """The family whose types hold the same sort of value: "integer", "text", "bytes", "moment", ..."""
    return _FAMILY.get(column_type.name, column_type.name)


def byte_capacity(column_type: ColumnType) -> int | None:
    """The most bytes a CHAR, VARCHAR, BINARY, VARBINARY, TEXT or BLOB value can take; None for other types."""
    name = column_type.name
    if name in _BLOB_BYTES:
        return _BLOB_BYTES[name]
    if name in ("binary", "varbinary"):
        return _length(column_type)
    if name in ("char", "varchar"):
        return _length(column_type) * bytes_per_character(column_type.charset or "utf8mb4")
    return None


_BLOB_BYTES = {
    f"{size}{kind}": limit
    for kind in ("text", "blob")
    for size, limit in (("tiny", 255), ("", 65_535), ("medium", 16_777_215), ("long", 4_294_967_295))
}

_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}

_FAMILY = {
    **dict.fromkeys(_INTEGER_BITS, "integer"),
    **dict.fromkeys(("float", "double"), "float"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "text"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "bytes"),
    **dict.fromkeys(("datetime", "timestamp"), "moment"),
    **dict.fromkeys(
        (
            "geometry",
            "point",
            "linestring",
            "polygon",
            "multipoint",
            "multilinestring",
            "multipolygon",
            "geometrycollection",
            "geomcollection",
        ),
        "geometry",
    ),
}

#: Charsets that hold every character there is, and those that hold the first 65,536.
_ALL_OF_UNICODE = frozenset({"utf8mb4", "utf16", "utf16le", "utf32", "gb18030"})
_BASIC_PLANE = frozenset({"utf8mb3", "ucs2"})


def _aspects(before: ColumnType, after: ColumnType) -> Iterator[TypeAspect]:
    if before == after:
        return
    kind = family(before)
    if kind != family(after):
        yield TypeAspect.ENUM_TO_TEXT if _enum_fits_text(before, after) else TypeAspect.FAMILY
        if family(after) in ("text", "enum", "set") and kind in ("text", "enum", "set"):
            yield from _character_aspects(before, after)
        return
    if before.name != after.name:
        yield TypeAspect.KIND
    match kind:
        case "integer":
            yield from _integer_aspects(before, after)
        case "decimal" | "float":
            yield from _number_aspects(before, after)
        case "text" | "bytes":
            yield from _string_aspects(before, after)
        case "enum" | "set":
            yield from _member_aspects(before.members, after.members)
        case "moment" | "time":
            yield from _time_aspects(before, after)
        case "geometry":
            if after.name != before.name:
                yield TypeAspect.WIDENED if after.name == "geometry" else TypeAspect.NARROWED
        case _:
            yield from _by_arguments(before.args or (1,), after.args or (1,))
    if kind in ("text", "enum", "set"):
        yield from _character_aspects(before, after)


def _integer_aspects(before: ColumnType, after: ColumnType) -> Iterator[TypeAspect]:
    (low, high), (new_low, new_high) = _integer_range(before), _integer_range(after)
    if new_low < low or new_high > high:
        yield TypeAspect.WIDENED
    if new_low > low or new_high < high:
        yield TypeAspect.NARROWED
    if before.unsigned != after.unsigned:
        yield TypeAspect.SIGNEDNESS
    if before.zerofill != after.zerofill or (before.name == after.name and before.args != after.args):
        yield TypeAspect.DISPLAY


def _integer_range(column_type: ColumnType) -> tuple[int, int]:
    bits = _INTEGER_BITS[column_type.name]
    return (0, 2**bits - 1) if column_type.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _number_aspects(before: ColumnType, after: ColumnType) -> Iterator[TypeAspect]:
    found: set[TypeAspect] = set()
    if before.name == "decimal":
        (digits, scale), (new_digits, new_scale) = _precision(before), _precision(after)
        found.update(_by_arguments((digits - scale, scale), (new_digits - new_scale, new_scale)))
    elif before.name != after.name:
        found.add(TypeAspect.WIDENED if after.name == "double" else TypeAspect.NARROWED)
        if after.args and after.args != before.args:
            found.add(TypeAspect.NARROWED)
    elif before.args and after.args:
        found.update(_by_arguments(before.args, after.args))
    elif before.args or after.args:
        found.add(TypeAspect.NARROWED if after.args else TypeAspect.WIDENED)
    if before.unsigned != after.unsigned:
        found |= {TypeAspect.SIGNEDNESS, TypeAspect.NARROWED if after.unsigned else TypeAspect.WIDENED}
    if before.zerofill != after.zerofill:
        found.add(TypeAspect.DISPLAY)
    yield from found


def _precision(column_type: ColumnType) -> tuple[int, int]:
    digits, scale, *_ = (*(column_type.args or (10,)), 0)
    return digits, scale


def _length(column_type: ColumnType) -> int:
    return column_type.args[0] if column_type.args else 1


def _string_aspects(before: ColumnType, after: ColumnType) -> Iterator[TypeAspect]:
    if before.name not in _BLOB_BYTES and after.name not in _BLOB_BYTES:
        was, now = _length(before), _length(after)
        smallest = was
    elif before.name in _BLOB_BYTES and after.name not in _BLOB_BYTES:
        was, now = _BLOB_BYTES[before.name], _length(after)  # a character may take one byte only
        smallest = was
    else:
        was, now = byte_capacity(before) or 0, byte_capacity(after) or 0
        smallest = _length(before) if before.name not in _BLOB_BYTES else was
    pads = after.name in ("char", "binary") and before.name != after.name
    if now < was or pads:
        yield TypeAspect.NARROWED
    if before.name == after.name == "binary" and now > was:
        yield TypeAspect.PADDED
    if now > smallest:
        yield TypeAspect.WIDENED


def _member_aspects(before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[TypeAspect]:
    kept = [member for member in before if member in after]
    if len(kept) < len(before):
        yield TypeAspect.MEMBERS_REMOVED
    if [member for member in after if member in before] != kept:
        yield TypeAspect.MEMBERS_REORDERED
    last_kept = max((after.index(member) for member in kept), default=-1)
    places = [index for index, member in enumerate(after) if member not in before]
    if any(index > last_kept for index in places):
        yield TypeAspect.MEMBERS_APPENDED
    if any(index < last_kept for index in places):
        yield TypeAspect.MEMBERS_INSERTED


def _time_aspects(before: ColumnType, after: ColumnType) -> Iterator[TypeAspect]:
    was, now = before.args or (0,), after.args or (0,)
    if now > was:
        yield TypeAspect.FRACTION_RAISED
    if now < was:
        yield TypeAspect.FRACTION_LOWERED
    if before.name != after.name:
        yield TypeAspect.TIME_ZONE
        yield TypeAspect.NARROWED if after.name == "timestamp" else TypeAspect.WIDENED


def _by_arguments(before: tuple[int, ...], after: tuple[int, ...]) -> Iterator[TypeAspect]:
    pairs = list(zip(before, after, strict=False))
    if any(now > was for was, now in pairs):
        yield TypeAspect.WIDENED
    if any(now < was for was, now in pairs):
        yield TypeAspect.NARROWED


def _enum_fits_text(before: ColumnType, after: ColumnType) -> bool:
    if before.name not in ("enum", "set") or family(after) != "text":
        return False
    lengths = [len(member) for member in before.members]
    longest = max(lengths, default=0) if before.name == "enum" else sum(lengths) + max(len(lengths) - 1, 0)
    capacity = _BLOB_BYTES.get(after.name)
    return longest <= _length(after) if capacity is None else longest * 4 <= capacity


def _character_aspects(before: ColumnType, after: ColumnType) -> Iterator[TypeAspect]:
    was, now = before.charset, after.charset
    if was is not None and now is not None and was != now:
        yield TypeAspect.CHARSET_WIDENED if _has_every_character(now, was) else TypeAspect.CHARSET_NARROWED
        if _sort_rule(before.collation) == _sort_rule(after.collation):
            return
    if before.collation is not None and after.collation is not None and before.collation != after.collation:
        yield TypeAspect.COLLATION


def _has_every_character(charset: str, other: str) -> bool:
    if other == "ascii" or charset in _ALL_OF_UNICODE:
        return True
    return charset in _BASIC_PLANE and other not in _ALL_OF_UNICODE


def _sort_rule(collation: str | None) -> str | None:
    """A collation's name without its charset: utf8mb3_general_ci and utf8mb4_general_ci sort alike."""
    return None if collation is None else collation.partition("_")[2]
