"""A row as one number that means the same on both nodes, however their columns store it. Pure: makes SQL, sends none.

Values are compared as what they mean, not as they are stored: integers as numbers, text as utf8mb4, FLOAT as DOUBLE,
DECIMAL with the longer scale. A row's hash is a quarter of a SHA-256 (MySQL 9.7 has no MD5 of its own any more); rows
are combined by XOR and counted. CRC32, which other tools use, is linear: the same damage done to two rows of one length
cancels out under XOR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zdmigrate.run.connection import quoted

_INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit"})
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})
_SHAPES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geomcollection",
     "geometrycollection"}
)  # fmt: skip
#: Types whose order is the same for every way of writing a value, so that a key of them can be cut into ranges.
_ORDERED = frozenset(
    {"tinyint", "smallint", "mediumint", "int", "bigint", "year", "char", "varchar", "binary", "varbinary",
     "decimal", "date", "datetime", "timestamp", "uuid"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column as information_schema has it; `generated` when its value is computed."""

    name: str
    type: str
    full_type: str
    collation: str
    scale: int
    generated: bool


@dataclass(frozen=True, slots=True)
class TablePair:
    """The columns of one table on both nodes, by position where only the name differs.

    Attributes:
        source, replica: matching columns, those that both have.
        key: the source's primary key, as far as ranges of it mean the same on both nodes; empty: one chunk.
    """

    source: tuple[Column, ...]
    replica: tuple[Column, ...]
    key: tuple[str, ...]
    replica_key: tuple[str, ...]


def match(source: Sequence[Column], replica: Sequence[Column], key: Sequence[str]) -> TablePair:
    """Pair the columns of both nodes: by name, else by the same place (renamed). Pure.

    A generated column is compared only where both nodes compute it, or neither does.
    """
    by_name = {column.name.lower(): column for column in replica}
    taken = {column.name.lower() for column in source}
    pairs = []
    for place, column in enumerate(source):
        other = by_name.get(column.name.lower())
        if other is None and place < len(replica) and replica[place].name.lower() not in taken:
            other = replica[place]
        if other is not None and other.generated == column.generated:
            pairs.append((column, other))
    own = {one.name.lower(): (one, other) for one, other in pairs}
    usable: list[tuple[Column, Column]] = []
    for name in key:
        pair = own.get(name.lower())
        if pair is None or {pair[0].type, pair[1].type} - _ORDERED or pair[0].collation != pair[1].collation:
            break
        usable.append(pair)
    return TablePair(
        tuple(one for one, _ in pairs),
        tuple(other for _, other in pairs),
        tuple(one.name for one, _ in usable),
        tuple(other.name for _, other in usable),
    )


def value_of(column: Column, other: Column) -> str:
    """The SQL text for what a column's value means, the same for either type of the pair. Pure.

    Texts are quoted, so that no two rows are put together to the same line; NULL is told from every value.
    """
    name = quoted(column.name)
    types = (column.type, other.type)
    if column.type in _INTEGERS:
        return f"COALESCE({name} + 0, 'n')"
    if column.type in ("float", "double"):
        return f"COALESCE({name} + 0e0, 'n')"
    if column.type == "decimal":
        return f"COALESCE(CAST({name} AS DECIMAL(65,{max(column.scale, other.scale)})), 'n')"
    if column.type in _SHAPES:
        return f"COALESCE(SHA2(ST_AsWKB({name}), 256), 'n')"
    if column.type in _TEXTS:
        text = f"CONVERT({name} USING utf8mb4)"
        return f"COALESCE(SHA2({text}, 256), 'n')" if any(map(_large, types)) else f"QUOTE({text})"
    if "binary" in types and column.full_type != other.full_type:
        return f"COALESCE(SHA2(TRIM(TRAILING 0x00 FROM {name}), 256), 'n')"  # BINARY is padded to its length
    if column.type.endswith(("blob", "binary")) or column.type == "vector":
        return f"COALESCE(SHA2({name}, 256), 'n')"
    return f"QUOTE(CAST({name} AS CHAR))"


def _large(kind: str) -> bool:
    """Values may be too long to be put together into one line."""
    return kind.endswith("text") or kind == "json"


def hash_of(columns: Sequence[Column], others: Sequence[Column]) -> str:
    """The SQL expression for one row's hash. Pure."""
    parts = ", ".join(value_of(column, other) for column, other in zip(columns, others, strict=True))
    return f"CAST(CONV(LEFT(SHA2(CONCAT_WS(',', {parts}), 256), 16), 16, 10) AS UNSIGNED)"


def above(key: Sequence[str], values: Sequence[Any]) -> tuple[str, list[Any]]:
    """The condition for rows whose key is greater than `values`, with its arguments. Pure."""
    clauses, args = [], []
    for place in range(len(key)):
        equal = "".join(f"{quoted(name)} = %s AND " for name in key[:place])
        clauses.append(f"({equal}{quoted(key[place])} > %s)")
        args += [*values[:place], values[place]]
    return f"({quoted(key[0])} >= %s AND ({' OR '.join(clauses)}))", [values[0], *args]
