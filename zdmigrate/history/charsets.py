"""Character sets and collations: bytes per character, defaults per server, and how a column gets its own."""

from __future__ import annotations

from dataclasses import replace

from zdmigrate.flavour import DEFAULT_TARGET, Flavour
from zdmigrate.history.catalog import Catalog, Column, ColumnType

#: Longest character in bytes and default collation of every character set MySQL or MariaDB ship.
_CHARSETS: dict[str, tuple[int, str]] = {
    "armscii8": (1, "armscii8_general_ci"),
    "ascii": (1, "ascii_general_ci"),
    "big5": (2, "big5_chinese_ci"),
    "binary": (1, "binary"),
    "cp1250": (1, "cp1250_general_ci"),
    "cp1251": (1, "cp1251_general_ci"),
    "cp1256": (1, "cp1256_general_ci"),
    "cp1257": (1, "cp1257_general_ci"),
    "cp850": (1, "cp850_general_ci"),
    "cp852": (1, "cp852_general_ci"),
    "cp866": (1, "cp866_general_ci"),
    "cp932": (2, "cp932_japanese_ci"),
    "dec8": (1, "dec8_swedish_ci"),
    "eucjpms": (3, "eucjpms_japanese_ci"),
    "euckr": (2, "euckr_korean_ci"),
    "gb18030": (4, "gb18030_chinese_ci"),
    "gb2312": (2, "gb2312_chinese_ci"),
    "gbk": (2, "gbk_chinese_ci"),
    "geostd8": (1, "geostd8_general_ci"),
    "greek": (1, "greek_general_ci"),
    "hebrew": (1, "hebrew_general_ci"),
    "hp8": (1, "hp8_english_ci"),
    "keybcs2": (1, "keybcs2_general_ci"),
    "koi8r": (1, "koi8r_general_ci"),
    "koi8u": (1, "koi8u_general_ci"),
    "latin1": (1, "latin1_swedish_ci"),
    "latin2": (1, "latin2_general_ci"),
    "latin5": (1, "latin5_turkish_ci"),
    "latin7": (1, "latin7_general_ci"),
    "macce": (1, "macce_general_ci"),
    "macroman": (1, "macroman_general_ci"),
    "sjis": (2, "sjis_japanese_ci"),
    "swe7": (1, "swe7_swedish_ci"),
    "tis620": (1, "tis620_thai_ci"),
    "ucs2": (2, "ucs2_general_ci"),
    "ujis": (3, "ujis_japanese_ci"),
    "utf16": (4, "utf16_general_ci"),
    "utf16le": (4, "utf16le_general_ci"),
    "utf32": (4, "utf32_general_ci"),
    "utf8mb3": (3, "utf8mb3_general_ci"),
    "utf8mb4": (4, "utf8mb4_general_ci"),
}

_TEXT_SIZES = (("tinytext", 255), ("text", 65_535), ("mediumtext", 16_777_215), ("longtext", 4_294_967_295))
_TEXT_BYTES = dict(_TEXT_SIZES)

TEXT_TYPES = frozenset({"char", "varchar", *_TEXT_BYTES})
CHARACTER_TYPES = TEXT_TYPES | {"enum", "set"}

LOB_TYPES = frozenset({*_TEXT_BYTES, "tinyblob", "blob", "mediumblob", "longblob"})
SPATIAL_TYPES = frozenset(
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

#: What a character type becomes in CHARACTER SET binary.
_BINARY_TYPES = {
    "char": "binary",
    "varchar": "varbinary",
    "tinytext": "tinyblob",
    "text": "blob",
    "mediumtext": "mediumblob",
    "longtext": "longblob",
}


def canonical_charset(name: str) -> str:
    """The name as the server keeps it: lower case, and `utf8` is `utf8mb3`."""
    name = name.strip().strip("'\"`").lower()
    return "utf8mb3" if name == "utf8" else name


def canonical_collation(name: str) -> str:
    """The name as the server keeps it: lower case, and `utf8_...` is `utf8mb3_...`."""
    name = name.strip().strip("'\"`").lower()
    return "utf8mb3" + name[4:] if name.startswith("utf8_") else name


def bytes_per_character(charset: str) -> int:
    """The most bytes one character takes in `charset` (4 for a charset we do not know)."""
    return _CHARSETS.get(canonical_charset(charset), (4, ""))[0]


def character_width(column_type: ColumnType) -> int:
    """The most bytes one character takes in a column of that type; 1 for what is no text, or of a charset not known."""
    if column_type.name not in TEXT_TYPES or column_type.charset is None:
        return 1
    return bytes_per_character(column_type.charset)


def default_collation(charset: str, flavour: Flavour = DEFAULT_TARGET) -> str:
    """The collation `CHARACTER SET charset` alone stands for on that server."""
    charset = canonical_charset(charset)
    if flavour.is_mariadb:
        if flavour.at_least(11, 5) and charset in ("utf8mb3", "utf8mb4", "ucs2", "utf16", "utf32"):
            return f"{charset}_uca1400_ai_ci"
    elif charset == "utf8mb4" and flavour.at_least(8, 0):
        return "utf8mb4_0900_ai_ci"
    return _CHARSETS[charset][1] if charset in _CHARSETS else f"{charset}_general_ci"


def charset_of(collation: str) -> str | None:
    """The charset a collation belongs to; None for MariaDB's collations that fit any (`uca1400_ai_ci`)."""
    collation = canonical_collation(collation)
    prefix = collation.split("_", 1)[0]
    return prefix if prefix in _CHARSETS else None


def resolve(
    charset: str | None, collation: str | None, fallback: tuple[str | None, str | None], flavour: Flavour
) -> tuple[str | None, str | None]:
    """Charset and collation of something that states `charset` and `collation` (either may be None).

    Args:
        fallback: what it inherits (from the table, or the schema) when it states neither.
    """
    if charset is None and collation is None:
        return fallback
    if charset is not None and canonical_charset(charset) == "default":
        charset = fallback[0]
    if collation is not None:
        collation = canonical_collation(collation)
        stated = charset_of(collation)
        if stated is not None:
            return stated, collation
        owner = canonical_charset(charset) if charset is not None else fallback[0]
        if collation == "_bin" or collation == "bin":
            return owner, f"{owner}_bin"
        return owner, f"{owner}_{collation}"
    if charset is None:
        return fallback
    charset = canonical_charset(charset)
    return charset, default_collation(charset, flavour)


def schema_defaults(flavour: Flavour) -> tuple[str, str]:
    """Charset and collation of a schema made on a server nobody configured."""
    old = not flavour.at_least(11, 6) if flavour.is_mariadb else not flavour.at_least(8, 0)
    charset = "latin1" if old else "utf8mb4"
    return charset, default_collation(charset, flavour)


def empty_catalog(flavour: Flavour, *, complete: bool = True, charset: str = "utf8mb4") -> Catalog:
    """An empty schema on that server.

    utf8mb4 unless told otherwise: it is what apps create their schema with, also where the server's own
    default is still latin1.
    """
    return Catalog(complete=complete, charset=charset, collation=default_collation(charset, flavour))


def settle_type(column_type: ColumnType, fallback: tuple[str | None, str | None], flavour: Flavour) -> ColumnType:
    """The type with its charset and collation resolved; `CHARACTER SET binary` makes it a binary type."""
    if column_type.name not in CHARACTER_TYPES:
        if column_type.charset is None and column_type.collation is None:
            return column_type
        return replace(column_type, charset=None, collation=None)
    charset, collation = resolve(column_type.charset, column_type.collation, fallback, flavour)
    if charset == "binary" and column_type.name in _BINARY_TYPES:
        return replace(column_type, name=_BINARY_TYPES[column_type.name], charset=None, collation=None)
    return replace(column_type, charset=charset, collation=collation)


def convert(column: Column, charset: str, collation: str) -> Column:
    """The column after CONVERT TO CHARACTER SET: TEXT and VARCHAR grow so that every character still fits."""
    old = column.type
    if old.name not in CHARACTER_TYPES:
        return column
    if charset == "binary":
        return replace(column, type=settle_type(replace(old, charset="binary", collation=None), (None, None), _ANY))
    grown = replace(old, charset=charset, collation=collation)
    was, now = bytes_per_character(old.charset or charset), bytes_per_character(charset)
    if old.name in _TEXT_BYTES and now > was:
        needed = _TEXT_BYTES[old.name] // was * now
        name = next((name for name, size in _TEXT_SIZES if size >= needed), "longtext")
        grown = replace(grown, name=name)
    elif old.name == "varchar" and old.args and old.args[0] * now > 65_535:
        grown = replace(grown, name="mediumtext", args=())
    return replace(column, type=grown)


_ANY = DEFAULT_TARGET
