"""The key by which a table is walked: its columns, its values in a checkpoint, and conditions for ranges of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from zdmigrate.run.connection import Row, quoted
from zdmigrate.run.errors import RefusedError

Kind = Literal["number", "ordinal", "text", "bytes", "written"]
Value = int | Decimal | str | bytes
#: The values of a key's columns, in order: a place in the table, which need not be a row's.
Place = tuple[Value, ...]

_NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year"})
_ORDINALS = frozenset({"enum", "set", "bit"})
_TEXTS = frozenset({"char", "varchar"})
_BYTES = frozenset({"binary", "varbinary"})
_WRITTEN = frozenset({"date", "datetime", "time", "timestamp", "uuid", "inet4", "inet6"})
#: Values of these are rounded on their way out, so that the place would lie beside the row.
_INEXACT = frozenset({"float", "double"})


class Session(Protocol):
    """What a walk needs of a connection; `zdmigrate.run.connection.Connection` is one. `args` are bound to %s."""

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement, by column name."""

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""


@dataclass(frozen=True, slots=True)
class KeyColumn:
    """One column of a key.

    Attributes:
        kind: how its values travel: as numbers; by their ordinal (ENUM, SET, BIT, which also sort by it); as text; as
            bytes; or as the server writes them (dates, UUIDs), so that no type of ours rounds or refuses them.
        generated: whether it is computed from other columns.
    """

    name: str
    kind: Kind
    generated: bool = False

    def selected(self, column: str) -> str:
        """The expression that reads it."""
        match self.kind:
            case "ordinal":
                return f"CAST({column} AS UNSIGNED)"
            case "written":
                return f"CAST({column} AS CHAR)"
            case _:
                return column


@dataclass(frozen=True, slots=True)
class Key:
    """A unique key of columns that are never NULL.

    Attributes:
        table: `name` or `database.name`.
        index: the key's name.
    """

    table: str
    index: str
    columns: tuple[KeyColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def shown(self) -> str:
        """Name and columns: places of one key mean nothing for another."""
        return f"{self.index}({','.join(self.names)})"[:255]

    @property
    def _source(self) -> str:
        return ".".join(quoted(part) for part in self.table.split("."))

    @property
    def _list(self) -> str:
        return ", ".join(f"{column.selected(quoted(column.name))} AS k{n}" for n, column in enumerate(self.columns))

    def _order(self, direction: str = "") -> str:
        return ", ".join(quoted(column.name) + direction for column in self.columns)

    def last(self, session: Session) -> Place | None:
        """The last place in the table now, None when it is empty."""
        found = session.rows(
            f"SELECT {self._list} FROM {self._source} FORCE INDEX ({quoted(self.index)}) "
            f"ORDER BY {self._order(' DESC')} LIMIT 1"
        )
        return self._place(found)

    def step(self, session: Session, after: Place | None, upto: Place, rows: int) -> Place | None:
        """The place `rows` rows after `after`, None when fewer are left up to `upto`."""
        condition, args = self._between(after, upto)
        chosen = f"SELECT {self._list} FROM {self._source} FORCE INDEX ({quoted(self.index)})"
        order = doubled(self._order())
        found = session.rows(f"{doubled(chosen)} WHERE {condition} ORDER BY {order} LIMIT 1 OFFSET {rows - 1:d}", args)
        return self._place(found)

    def rows_between(self, session: Session, after: Place | None, upto: Place) -> int:
        """How many rows there are after `after`, up to `upto`."""
        condition, args = self._between(after, upto)
        counted = f"SELECT COUNT(*) FROM {self._source} FORCE INDEX ({quoted(self.index)})"
        return int(session.value(f"{doubled(counted)} WHERE {condition}", args))

    def _between(self, after: Place | None, upto: Place) -> tuple[str, list[Value]]:
        return between([doubled(quoted(name)) for name in self.names], after, upto)

    def estimate(self, session: Session) -> int:
        """About how many rows the table has, as the optimizer thinks."""
        found = session.rows(
            f"EXPLAIN FORMAT=TRADITIONAL SELECT {self._order()} FROM {self._source} FORCE INDEX ({quoted(self.index)})"
        )
        return int(found[0].get("rows") or 0) if found else 0

    def _place(self, rows: Sequence[Row]) -> Place | None:
        return tuple(rows[0][f"k{number}"] for number in range(len(self.columns))) if rows else None

    def write(self, place: Place) -> str:
        """A place as text, for a checkpoint."""
        return json.dumps([value.hex() if isinstance(value, bytes) else str(value) for value in place])

    def read(self, text: str) -> Place:
        """What `write` wrote."""
        return tuple(_read(column.kind, value) for column, value in zip(self.columns, json.loads(text), strict=True))


def doubled(text: str) -> str:
    """Text for a statement that is sent with arguments: every % of its own is doubled."""
    return text.replace("%", "%%")


def _read(kind: Kind, text: str) -> Value:
    match kind:
        case "number" | "ordinal":
            return int(text) if text.lstrip("-").isdigit() else Decimal(text)
        case "bytes":
            return bytes.fromhex(text)
        case _:
            return text


def between(columns: Sequence[str], after: Place | None, upto: Place) -> tuple[str, list[Value]]:
    """The condition `after < columns <= upto`, and its arguments.

    Written out column by column: the servers find no range for `(a, b) > (1, 2)`.
    """
    if after is None:
        return _beside(columns, upto, "<", last="<=")
    if len(columns) > 1 and type(after[0]) is type(upto[0]) and after[0] == upto[0]:
        condition, args = between(columns[1:], after[1:], upto[1:])
        return f"{columns[0]} = %s AND {condition}", [upto[0], *args]
    low, low_args = _beside(columns, after, ">", last=">")
    high, high_args = _beside(columns, upto, "<", last="<=")
    return f"{low} AND {high}", [*low_args, *high_args]


def _beside(columns: Sequence[str], place: Place, sign: str, *, last: str) -> tuple[str, list[Value]]:
    column, value = columns[0], place[0]
    if len(columns) == 1:
        return f"{column} {last} %s", [value]
    rest, args = _beside(columns[1:], place[1:], sign, last=last)
    return (
        f"{column} {sign}= %s AND ({column} {sign} %s OR ({column} = %s AND {rest}))",
        [value, value, value, *args],
    )


def find_key(session: Session, table: str) -> Key:
    """The primary key of a table, or else its first unique key without NULLs.

    Raises:
        RefusedError: there is no such table or key, or one whose values cannot be walked.
    """
    database, _, name = table.rpartition(".")
    where = "TABLE_SCHEMA = %s" if database else "TABLE_SCHEMA = DATABASE()"
    args = (database, name) if database else (name,)
    kind = session.value(f"SELECT TABLE_TYPE FROM information_schema.TABLES WHERE {where} AND TABLE_NAME = %s", args)
    if kind is None:
        raise RefusedError([f"there is no table {table} in the database; look at its name and at the URL's database"])
    if str(kind).upper() == "VIEW":
        raise RefusedError([f"{table} is a view, which has no key to go by; name the table behind it"])
    parts = session.rows(
        "SELECT s.INDEX_NAME AS i, s.COLUMN_NAME AS c, s.SUB_PART AS sub, s.NULLABLE AS n, c.DATA_TYPE AS t, "
        "COALESCE(c.GENERATION_EXPRESSION, '') AS g, s.COLLATION AS d FROM information_schema.STATISTICS s "
        "LEFT JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME "
        f"AND c.COLUMN_NAME = s.COLUMN_NAME WHERE s.{where} AND s.TABLE_NAME = %s AND s.NON_UNIQUE = 0 "
        "ORDER BY s.INDEX_NAME <> 'PRIMARY', s.INDEX_NAME, s.SEQ_IN_INDEX",
        args,
    )
    indexes: dict[str, list[Row]] = {}
    for part in parts:
        indexes.setdefault(str(part["i"]), []).append(part)
    reasons = []
    for index, columns in indexes.items():
        reason = _unfit(index, columns) or _zoned(session, index, columns)
        if not reason:
            made = tuple(KeyColumn(str(part["c"]), _kind(str(part["t"])), bool(part["g"])) for part in columns)
            return Key(table, index, made)
        reasons.append(reason)
    if not reasons:
        reasons = [f"{table} has no primary key, nor a unique key without NULLs; without one its rows cannot be walked"]
    raise RefusedError(reasons)


def _kind(type_: str) -> Kind:
    type_ = type_.lower()
    if type_ in _NUMBERS:
        return "number"
    if type_ in _ORDINALS:
        return "ordinal"
    if type_ in _BYTES:
        return "bytes"
    return "text" if type_ in _TEXTS else "written"


def _unfit(index: str, columns: Sequence[Row]) -> str:
    for part in columns:
        type_ = str(part["t"] or "").lower()
        if part["c"] is None:
            return f"the key {index} is over an expression"
        if part["sub"] is not None:
            return f"the key {index} holds only the beginning of {part['c']}"
        if str(part["n"]).upper() == "YES":
            return f"the key {index} allows NULL in {part['c']}"
        if type_ in _INEXACT:
            return f"{part['c']} of the key {index} is {type_.upper()}, whose values cannot be compared exactly"
        if type_ not in _NUMBERS | _ORDINALS | _TEXTS | _BYTES | _WRITTEN:
            return f"{part['c']} of the key {index} is {type_.upper()}, which cannot be walked"
    return ""


def _zoned(session: Session, index: str, columns: Sequence[Row]) -> str:
    """A TIMESTAMP is shown in the session's zone, where an hour of autumn comes twice."""
    if not any(str(part["t"]).lower() == "timestamp" for part in columns):
        return ""
    zone = str(session.value("SELECT IF(@@time_zone = 'SYSTEM', @@system_time_zone, @@time_zone)"))
    if zone in ("UTC", "GMT", "Etc/UTC") or zone[:1] in "+-":
        return ""
    return f"the key {index} holds a TIMESTAMP and the server's time zone is {zone}, where an hour comes twice a year"
