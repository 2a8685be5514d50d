"""Table options and PARTITION BY."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zdmigrate.history.catalog import Partitioning
from zdmigrate.history.charsets import canonical_charset, canonical_collation
from zdmigrate.history.sql.cursor import Cursor
from zdmigrate.history.sql.tokens import Token, render
from zdmigrate.history.sql.words import words

#: Engines as the server spells them; case means nothing in SQL.
_ENGINES = {
    name.lower(): name
    for name in [
        "InnoDB",
        "MyISAM",
        "MEMORY",
        "CSV",
        "ARCHIVE",
        "BLACKHOLE",
        "FEDERATED",
        "NDBCLUSTER",
        "Aria",
        "ROCKSDB",
        "TokuDB",
        "SPIDER",
        "CONNECT",
        "SEQUENCE",
        "S3",
        "MRG_MyISAM",
        "Mroonga",
        "ColumnStore",
    ]
} | {"heap": "MEMORY", "ndb": "NDBCLUSTER", "merge": "MRG_MyISAM"}

_OPTIONS = words("""
    ENGINE TYPE AUTO_INCREMENT AVG_ROW_LENGTH CHECKSUM TABLE_CHECKSUM COMMENT COMPRESSION CONNECTION DELAY_KEY_WRITE
    ENCRYPTION INSERT_METHOD KEY_BLOCK_SIZE MAX_ROWS MIN_ROWS PACK_KEYS PASSWORD ROW_FORMAT STATS_AUTO_RECALC
    STATS_PERSISTENT STATS_SAMPLE_PAGES TABLESPACE STORAGE UNION SECONDARY_ENGINE ENGINE_ATTRIBUTE
    SECONDARY_ENGINE_ATTRIBUTE AUTOEXTEND_SIZE PAGE_CHECKSUM PAGE_COMPRESSED PAGE_COMPRESSION_LEVEL ENCRYPTED
    ENCRYPTION_KEY_ID TRANSACTIONAL SEQUENCE ITEF_QUOTES CHARSET COLLATE
    """)


def at_option(cursor: Cursor) -> bool:
    """Whether a table option comes next."""
    key = cursor.key
    if key in _OPTIONS:
        return True
    if key in ("DATA", "INDEX"):
        return cursor.ahead(1).key == "DIRECTORY"
    if key == "DEFAULT":
        return cursor.ahead(1).key in ("CHARACTER", "CHARSET", "COLLATE")
    if key == "CHARACTER":
        return cursor.ahead(1).key == "SET"
    if key == "START":
        return cursor.ahead(1).key == "TRANSACTION"
    return cursor.token.kind in ("word", "name") and cursor.ahead(1).key == "=" and key not in ("ALGORITHM", "LOCK")


def parse_options(cursor: Cursor, *, commas: bool = True) -> tuple[tuple[str, str], ...]:
    """Table options, with or without `=` and (`commas`) commas between them, as (lower-case name, value)."""
    found: list[tuple[str, str]] = []
    while at_option(cursor):
        found.append(_option(cursor))
        if commas and cursor.key == ",":
            cursor.advance()
    return tuple(found)


def _option(cursor: Cursor) -> tuple[str, str]:
    """One option."""
    cursor.accept("DEFAULT")
    if cursor.accept("CHARACTER", "SET"):
        name = "charset"
    elif cursor.accept("START", "TRANSACTION"):
        return "start_transaction", "1"
    else:
        name = cursor.name().lower()
        if name in ("data", "index"):
            name += "_" + cursor.name().lower()
    name = "engine" if name == "type" else name
    cursor.accept("=")
    if cursor.key == "(":
        return name, cursor.inside_text()
    return name, _canonical_value(name, _value(cursor))


def _value(cursor: Cursor) -> str:
    """An option's value without quotes."""
    token = cursor.token
    if token.kind == "string":
        return cursor.string()
    if token.kind in ("word", "name", "number"):
        cursor.advance()
        return token.text
    if token.kind == "bound":
        cursor.advance()
        return str(token.value)
    raise cursor.problem("expected a value")


def _canonical_value(name: str, value: str) -> str:
    """The value as the server keeps it."""
    match name:
        case "engine":
            return _ENGINES.get(value.lower(), value)
        case "charset":
            return canonical_charset(value)
        case "collate":
            return canonical_collation(value)
        case "comment" | "connection" | "data_directory" | "index_directory" | "tablespace" | "password":
            return value
        case _:
            return value.upper()


def parse_partitioning(cursor: Cursor) -> Partitioning:
    """`PARTITION BY ...`, whole."""
    first = cursor.position
    cursor.expect("PARTITION", "BY")
    method, columns = _method(cursor)
    count = 0
    if cursor.accept("PARTITIONS"):
        count = cursor.integer()
    if cursor.accept("SUBPARTITION"):
        cursor.expect("BY")
        _method(cursor)
        if cursor.accept("SUBPARTITIONS"):
            cursor.integer()
    names = parse_partition_definitions(cursor) if cursor.at("(", "PARTITION") else ()
    if not names and not method.startswith(("RANGE", "LIST")):
        names = tuple(f"p{number}" for number in range(count or 1))
    return Partitioning(_clause(cursor.tokens_from(first)), method, columns, names)


_CLAUSE_WORDS = words(
    """
    COLUMNS HASH LIST LESS THAN SUBPARTITION SUBPARTITIONS PARTITIONS ALGORITHM SYSTEM_TIME HISTORY CURRENT COMMENT
    MAX_ROWS MIN_ROWS TABLESPACE NODEGROUP DATA DIRECTORY STARTS AUTO
    """
)


def _clause(tokens: Sequence[Token]) -> str:
    """The clause in one form: without the ENGINE that the server writes beside every partition."""
    kept: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        engine = index + (token.key == "STORAGE" and index + 1 < len(tokens))
        if tokens[engine].key == "ENGINE":
            index = engine + (3 if engine + 1 < len(tokens) and tokens[engine + 1].key == "=" else 2)
            continue
        kept.append(token)
        index += 1
    return render(kept, _CLAUSE_WORDS)


def _method(cursor: Cursor) -> tuple[str, tuple[str, ...]]:
    """[LINEAR] HASH | KEY [ALGORITHM=n] | RANGE | LIST [COLUMNS] (...), or MariaDB's SYSTEM_TIME."""
    linear = cursor.accept("LINEAR")
    word = cursor.accept_one("HASH", "KEY", "RANGE", "LIST", "SYSTEM_TIME")
    if not word:
        raise cursor.problem("expected a partitioning method")
    if word == "SYSTEM_TIME":
        cursor.until("(", "PARTITIONS", "PARTITION")
        return word, ()
    if cursor.accept("ALGORITHM"):
        cursor.accept("=")
        cursor.integer()
    method = ("LINEAR " if linear else "") + word + (" COLUMNS" if cursor.accept("COLUMNS") else "")
    return method, tuple(dict.fromkeys(_columns(cursor.inside())))


def _columns(items: Sequence[Token]) -> Iterator[str]:
    """The columns an expression of PARTITION BY names."""
    for index, token in enumerate(items):
        following = items[index + 1].key if index + 1 < len(items) else ""
        if token.kind == "name" or (token.kind == "word" and following != "("):
            yield token.text


def parse_partition_definitions(cursor: Cursor) -> tuple[str, ...]:
    """`(PARTITION p VALUES ... , ...)`: the names."""
    return cursor.parenthesised(lambda: _partition(cursor))


def _partition(cursor: Cursor) -> str:
    """One partition's definition."""
    cursor.expect("PARTITION")
    name = cursor.name()
    cursor.until(",")
    return name
