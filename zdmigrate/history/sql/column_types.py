"""Column types in canonical form: aliases folded, display widths gone, lengths that are implied written out."""

from __future__ import annotations

from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.charsets import bytes_per_character, canonical_charset, canonical_collation
from zdmigrate.history.sql.cursor import Cursor
from zdmigrate.history.sql.literals import bits_value

_INTEGERS = {
    "TINYINT": "tinyint",
    "INT1": "tinyint",
    "SMALLINT": "smallint",
    "INT2": "smallint",
    "MEDIUMINT": "mediumint",
    "MIDDLEINT": "mediumint",
    "INT3": "mediumint",
    "INT": "int",
    "INTEGER": "int",
    "INT4": "int",
    "BIGINT": "bigint",
    "INT8": "bigint",
}
_DECIMALS = frozenset({"DECIMAL", "DEC", "NUMERIC", "FIXED"})
_FLOATS = {"FLOAT": "float", "FLOAT4": "float", "DOUBLE": "double", "FLOAT8": "double", "REAL": "double"}
_TEXTS = {"TINYTEXT": "tinytext", "TEXT": "text", "MEDIUMTEXT": "mediumtext", "LONGTEXT": "longtext"}
_BLOBS = {"TINYBLOB": "tinyblob", "BLOB": "blob", "MEDIUMBLOB": "mediumblob", "LONGBLOB": "longblob"}
_TIMES = {"TIME": "time", "DATETIME": "datetime", "TIMESTAMP": "timestamp"}
_PLAIN = {
    "DATE": "date",
    "YEAR": "year",
    "JSON": "json",
    "GEOMETRY": "geometry",
    "POINT": "point",
    "LINESTRING": "linestring",
    "POLYGON": "polygon",
    "MULTIPOINT": "multipoint",
    "MULTILINESTRING": "multilinestring",
    "MULTIPOLYGON": "multipolygon",
    "GEOMETRYCOLLECTION": "geometrycollection",
    "GEOMCOLLECTION": "geometrycollection",
    "UUID": "uuid",
    "INET4": "inet4",
    "INET6": "inet6",
    "XMLTYPE": "xmltype",
    "VECTOR": "vector",
}
_TO_BINARY = {
    "char": "binary",
    "varchar": "varbinary",
    "tinytext": "tinyblob",
    "text": "blob",
    "mediumtext": "mediumblob",
    "longtext": "longblob",
}
_SIZES = ((0xFF, "tiny"), (0xFFFF, ""), (0xFFFFFF, "medium"), (0xFFFFFFFF, "long"))


def parse_type(cursor: Cursor) -> ColumnType:
    """A column's type with what belongs to it: UNSIGNED, ZEROFILL, CHARACTER SET, COLLATE, BINARY."""
    token = cursor.token
    if token.kind != "word":
        raise cursor.problem("expected a column type")
    word = token.key
    cursor.advance()
    if word in _INTEGERS:
        args = _arguments(cursor)
        return _numeric(cursor, _INTEGERS[word], (1,) if word in ("TINYINT", "INT1") and args == (1,) else ())
    if word in ("BOOL", "BOOLEAN"):
        return ColumnType("tinyint", (1,))
    if word == "SERIAL":
        return ColumnType("bigint", unsigned=True)
    if word in _DECIMALS:
        args = _arguments(cursor)
        return _numeric(cursor, "decimal", (*args, *(10, 0)[len(args) :]))
    if word in _FLOATS:
        return _float(cursor, word)
    if word == "BIT":
        return ColumnType("bit", _arguments(cursor) or (1,))
    if word in _TIMES:
        return ColumnType(_TIMES[word], tuple(arg for arg in _arguments(cursor) if arg))
    if word in ("BINARY", "VARBINARY"):
        return ColumnType(word.lower(), _arguments(cursor) or (1,))
    if word == "CHAR" and cursor.accept("BYTE"):
        return ColumnType("binary", (1,))
    if word in _PLAIN:
        args = _arguments(cursor)
        if word == "VECTOR":
            return ColumnType("vector", args or (2048,))
        return ColumnType(_PLAIN[word])
    return _character(cursor, word)


def _arguments(cursor: Cursor) -> tuple[int, ...]:
    """`(n, ...)`, if it comes next."""
    return cursor.parenthesised(cursor.integer) if cursor.key == "(" else ()


def _numeric(cursor: Cursor, name: str, args: tuple[int, ...]) -> ColumnType:
    """SIGNED, UNSIGNED, ZEROFILL in any order; ZEROFILL implies UNSIGNED."""
    unsigned = zerofill = False
    while word := cursor.accept_one("UNSIGNED", "SIGNED", "ZEROFILL"):
        unsigned = unsigned or word != "SIGNED"
        zerofill = zerofill or word == "ZEROFILL"
    return ColumnType(name, args, unsigned=unsigned, zerofill=zerofill)


def _float(cursor: Cursor, word: str) -> ColumnType:
    """FLOAT(p) is float or double by p; (m, d) stays."""
    if word == "DOUBLE":
        cursor.accept("PRECISION")
    name, args = _FLOATS[word], _arguments(cursor)
    if len(args) == 1:
        name, args = ("double" if args[0] > 24 or name == "double" else "float"), ()
    return _numeric(cursor, name, args)


def _character(cursor: Cursor, word: str) -> ColumnType:
    """CHAR, VARCHAR, TEXT, BLOB, ENUM, SET and the many ways to spell them."""
    if word in ("ENUM", "SET"):
        members = tuple(member.rstrip(" ") for member in cursor.parenthesised(lambda: _member(cursor)))
        return _with_charset(cursor, word.lower(), (), members=members)
    if word in _BLOBS:
        args = _arguments(cursor)
        return ColumnType(_sized("blob", args[0]) if args and word == "BLOB" else _BLOBS[word])
    if word in _TEXTS:
        args = _arguments(cursor)
        found = _with_charset(cursor, _TEXTS[word], ())
        if args and found.name == "text":
            # The server keeps the smallest TEXT that holds so many characters; the charset may come from the
            # table, so without one here four bytes a character are assumed.
            size = args[0] * bytes_per_character(found.charset or "utf8mb4")
            return ColumnType(_sized("text", size), charset=found.charset, collation=found.collation)
        return found
    if word == "LONG":
        if cursor.accept("VARBINARY"):
            return ColumnType("mediumblob")
        _ = cursor.accept("VARCHAR") or (cursor.accept_one("CHAR", "CHARACTER") and cursor.accept("VARYING"))
        return _with_charset(cursor, "mediumtext", ())
    return _char_or_varchar(cursor, word)


def _char_or_varchar(cursor: Cursor, word: str) -> ColumnType:
    """[NATIONAL] CHAR[ACTER] [VARYING], VARCHAR, VARCHARACTER, NCHAR, NVARCHAR."""
    national = word in ("NATIONAL", "NCHAR", "NVARCHAR")
    if word == "NATIONAL":
        word = cursor.advance().key
    if word in ("CHAR", "CHARACTER", "NCHAR"):
        varying = cursor.accept_one("VARYING", "VARCHAR", "VARCHARACTER") != ""
    elif word in ("VARCHAR", "VARCHARACTER", "NVARCHAR"):
        varying = True
    else:
        raise cursor.problem(f"unknown column type {word.lower()!r}")
    args = _arguments(cursor)
    if varying and not args:
        raise cursor.problem("VARCHAR needs a length")
    return _with_charset(cursor, "varchar" if varying else "char", args or (1,), "utf8mb3" if national else None)


def _member(cursor: Cursor) -> str:
    """One member of an ENUM or SET; an introducer may stand before it."""
    token = cursor.token
    if token.kind == "word" and (token.text.startswith("_") or token.key == "N"):
        cursor.advance()
    if cursor.token.kind == "bits":
        return bits_value(cursor.advance().text).decode("utf-8", "replace")
    return cursor.string()


def _sized(family: str, size: int) -> str:
    """The smallest member of the BLOB or TEXT family that holds `size` bytes."""
    return next((prefix for limit, prefix in _SIZES if size <= limit), "long") + family


def _with_charset(
    cursor: Cursor, name: str, args: tuple[int, ...], charset: str | None = None, members: tuple[str, ...] = ()
) -> ColumnType:
    """CHARACTER SET, COLLATE, ASCII, UNICODE, BYTE, BINARY after a character type, in any order."""
    collation: str | None = None
    binary = False
    while True:
        if cursor.accept("CHARACTER", "SET") or cursor.accept("CHAR", "SET") or cursor.accept("CHARSET"):
            charset = canonical_charset(_word_or_string(cursor))
        elif cursor.accept("COLLATE"):
            collation = canonical_collation(_word_or_string(cursor))
        elif cursor.accept("ASCII"):
            charset = "latin1"
        elif cursor.accept("UNICODE"):
            charset = "ucs2"
        elif cursor.accept("BYTE"):
            charset = "binary"
        elif cursor.accept("BINARY"):
            binary = True
        else:
            break
    if charset == "binary" and name in _TO_BINARY:
        return ColumnType(_TO_BINARY[name], args)
    if binary and collation is None:
        # The BINARY attribute is the _bin collation of a charset that may not be known yet.
        collation = f"{charset}_bin" if charset else "_bin"
    return ColumnType(name, args, members=members, charset=charset, collation=collation)


def _word_or_string(cursor: Cursor) -> str:
    return cursor.string() if cursor.token.kind == "string" else cursor.name()
