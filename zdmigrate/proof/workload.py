"""Old code as statements: what it may send over the tables it maps, and what it understands of the answers. Pure.

Every statement is legal as far as the definition tells. Whether it is in truth (a CHECK, a trigger, a unique key over
more columns than we vary) the base schema decides: what fails there is no statement of old code, see `runner`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from zdmigrate.history.catalog import Catalog, Column, ColumnType, Table
from zdmigrate.history.syntax import Delete, Insert, Update
from zdmigrate.proof.user_workload import UserStatement
from zdmigrate.proof.values import Value, edges, literal, plain
from zdmigrate.verdict.evidence import mapped_table
from zdsession.manifest import Manifest, MappedColumn

#: Rows in the database while the migration runs: values at every edge, ordinary ones, or none at all. A DDL may be
#: refused for the data it meets, which says nothing of old code: then the next kind is tried.
Rows = Literal["edges", "plain", "none"]
ROWS: tuple[Rows, ...] = ("edges", "plain", "none")

#: Most rows of one table, and most INSERTs of one.
MOST_ROWS = 30
#: Where the numbers of values begin that no row in the database holds; a TINYINT must have room for them.
_FRESH = 80
#: The value of an AUTO_INCREMENT column in an INSERT that leaves it out (`SET insert_id`).
NEXT_ID = 79

Kind = Literal["select", "insert", "update", "delete"]
ReadType = Callable[[str], ColumnType]
Read = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """How old code understands one column of an answer.

    Attributes:
        members: what its Enum or Set accepts (another value raises LookupError), or None for other types.
        several: a SET, whose values hold any number of members.
        bits: a BIT, which is read as a number.
    """

    column: str
    nullable: bool
    members: frozenset[str] | None = None
    several: bool = False
    bits: bool = False

    def decode(self, value: object) -> tuple[str, object]:
        """The value as old code sees it, with its type: 1 and '1' are not the same.

        Raises:
            ValueError: when it does not understand the value.
        """
        if value is None:
            if not self.nullable:
                raise ValueError(f"{self.column} is NULL, which old code does not expect")
            return ("NULL", None)
        if self.bits and isinstance(value, bytes):
            return ("bit", int.from_bytes(value, "big"))
        if self.members is not None:
            found = set(str(value).split(",")) - {""} if self.several else {str(value)}
            unknown = sorted(found - self.members)
            if unknown:
                raise ValueError(
                    f"LookupError: {unknown[0]!r} is not among the members old code knows of {self.column}"
                )
        return typed(value)


@dataclass(frozen=True, slots=True)
class Query:
    """One statement of old code.

    Attributes:
        purpose: what it stands for, e.g. "INSERT with NULL in nick"; of a user's own statement, its file and line.
        observes: tables read back after it, to compare what it did.
        own: a user's own statement. The answer of its SELECT is compared by the names of its columns, as no model says
            how it is read.
        volatile: only that it runs is compared.
        names: tables it names, where they are more than those it observes.
    """

    table: str
    kind: Kind
    purpose: str
    sql: str
    observes: tuple[str, ...] = ()
    own: bool = False
    volatile: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything old code does in a proof.

    Attributes:
        seeds: INSERTs that fill the tables first, parents before children.
        queries: the statements.
        selects: by table, the SELECT that reads it.
        readings: by table, how each selected column is understood.
        gaps: sentences about what is not covered.
    """

    seeds: tuple[str, ...]
    queries: tuple[Query, ...]
    selects: Mapping[str, str]
    readings: Mapping[str, tuple[Reading, ...]]
    gaps: tuple[str, ...] = ()

    def decode(self, table: str, row: Sequence[object]) -> Read:
        """One row as old code sees it.

        Raises:
            ValueError: when it does not understand a value.
        """
        return tuple(reading.decode(value) for reading, value in zip(self.readings[table], row, strict=True))


def derive(
    base: Catalog,
    *,
    tables: Sequence[str] | None = None,
    manifest: Manifest | None = None,
    read_type: ReadType | None = None,
    rows: Rows = "edges",
    own: Sequence[UserStatement] = (),
) -> Workload:
    """The workload of code written for `base`: over the whole of it, or over what `manifest` maps.

    Args:
        tables: only these tables are worked on (and their parents filled); None means all.
        read_type: reads the type texts of the manifest.
        rows: what the tables hold.
        own: statements of users; the tables they name are filled as well.
    """
    wanted = set(base.tables) if tables is None else {name for name in tables if name in base.tables}
    named = {name for item in own for name in item.tables if name in base.tables}
    filled = _with_relatives(base, wanted | named)
    order = [name for name in _parents_first(base) if name in filled]
    models = {name: _model(base.tables[name], name, manifest, read_type) for name in order}
    gaps = [
        f"{name}.{column.name}: no value can be made for its type {column.type.name}"
        for name in order
        for column in base.tables[name].columns
        if column.generated is None and plain(column.type, 0) is None
    ]
    makers = {name: _RowMaker(base, name) for name in order}
    seeds = [sql for name in order for sql in makers[name].seeds(rows)]
    selects, readings, queries = {}, {}, []
    for name in order:
        model = models[name]
        if name not in wanted or not model:
            continue
        selects[name] = f"SELECT {', '.join(_quoted(item.column.name) for item in model)} FROM {_quoted(name)}"
        readings[name] = tuple(item.reading for item in model)
    for name in selects:
        queries.append(Query(name, "select", "SELECT by column list", selects[name], (name,)))
        observed = tuple(item for item in _descendants(base, name) if item in selects)
        queries += [replace(item, observes=observed) for item in _writes(makers[name], models[name], rows)]
    queries += [_of_user(item, base, selects) for item in own]
    return Workload(tuple(seeds), tuple(queries), selects, readings, tuple(gaps))


def _of_user(item: UserStatement, base: Catalog, selects: Mapping[str, str]) -> Query:
    kind: Kind = "select"
    match item.node:
        case Insert():
            kind = "insert"
        case Update():
            kind = "update"
        case Delete():
            kind = "delete"
    near = dict.fromkeys(table for name in item.tables for table in _descendants(base, name) if table in selects)
    return Query(
        item.tables[0] if item.tables else "",
        kind,
        item.place,
        item.sql,
        tuple(near) if item.writes else (),
        own=True,
        volatile=item.volatile,
        names=item.tables,
    )


@dataclass(frozen=True, slots=True)
class _Mapped:
    """One column as old code maps it: its type may be narrower than the schema's."""

    column: Column
    type: ColumnType
    nullable: bool
    required: bool
    written: bool
    reading: Reading


def _model(table: Table, name: str, manifest: Manifest | None, read_type: ReadType | None) -> tuple[_Mapped, ...]:
    if manifest is None:
        return tuple(_mapped(column, column.type, None) for column in table.columns)
    by_name = mapped_table(manifest, name)
    if by_name is None:
        return ()
    found = []
    for column in table.columns:
        item = by_name.get(column.name.lower())
        if item is not None:
            kind = read_type(item.type) if read_type is not None else column.type
            found.append(_mapped(column, _narrowed(column.type, kind), item))
    return tuple(found)


def _narrowed(stored: ColumnType, kind: ColumnType) -> ColumnType:
    """The model's type with the charset of the schema; one of another name is taken as stored."""
    if kind.name != stored.name:
        return stored
    return replace(kind, charset=stored.charset, collation=stored.collation)


def _mapped(column: Column, kind: ColumnType, item: MappedColumn | None) -> _Mapped:
    generated = column.generated is not None or (item is not None and item.generated)
    if item is None:
        # An ENUM that is NOT NULL has its first member for a default.
        nullable, required = column.nullable or generated, not (column.insert_may_omit or kind.name == "enum")
        members = kind.members if kind.name in ("enum", "set") else None
    else:
        nullable = item.nullable or generated
        given = item.autoincrement or generated or item.server_default is not None or item.nullable
        required = item.client_default or not given
        members = item.members or (kind.members if kind.name in ("enum", "set") else None)
    reading = Reading(
        column.name,
        nullable,
        frozenset(members) if members else None,
        several=kind.name == "set",
        bits=kind.name == "bit",
    )
    return _Mapped(column, kind, nullable, required and not generated, not generated, reading)


class _RowMaker:
    """Rows of one table: the values of row `number`, whoever writes them."""

    def __init__(self, base: Catalog, name: str) -> None:
        self.base = base
        self.name = name
        self.table = base.tables[name]
        self.unique = {column.lower() for key in self.table.keys if key.unique for column in key.columns}
        self.references = {
            own.lower(): (item.ref_table, theirs)
            for item in self.table.foreign_keys
            for own, theirs in zip(item.columns, item.ref_columns, strict=False)
            if item.ref_table in base.tables
        }

    def value(self, column: Column, number: int, rows: Rows, depth: int = 0) -> Value:
        """What seeded row `number` holds in that column."""
        reference = self.references.get(column.name.lower())
        if reference is not None and depth < 5:
            parent = _RowMaker(self.base, reference[0])
            target = parent.table.column(reference[1])
            if target is not None:
                # The last parent has no child, so that old code can delete it.
                last = parent.count(rows) - 1
                return parent.value(target, number if number < last else 0, rows, depth + 1)
        if rows == "edges" and not column.auto_increment:
            found = edges(column.type)
            if number < len(found):
                return found[number]
            if column.name.lower() not in self.unique:
                return found[number % len(found)]
        return plain(column.type, number)

    def count(self, rows: Rows) -> int:
        """How many rows are seeded."""
        if rows == "none":
            return 0
        if rows == "plain":
            return 3
        most = max((len(edges(item.type)) for item in self.table.columns if item.generated is None), default=1)
        return min(max(most, 3), MOST_ROWS)

    def seeds(self, rows: Rows) -> Iterator[str]:
        """The INSERTs that fill the table."""
        columns = [item for item in self.table.columns if item.generated is None]
        for number in range(self.count(rows)):
            yield insert(self.name, {item.name: self.value(item, number, rows) for item in columns})
        if rows == "edges":
            number = self.count(rows)
            bare = [item for item in columns if not item.nullable]
            given = {item.name: self.value(item, number, rows) for item in bare}
            yield insert(self.name, {**given, **{item.name: None for item in columns if item.nullable}})

    def identity(self, number: int, rows: Rows) -> str:
        """The WHERE that finds seeded row `number`."""
        columns = [item for item in map(self.table.column, self._key_columns()) if item is not None]
        parts = (f"{_quoted(item.name)} <=> {literal(self.value(item, number, rows))}" for item in columns)
        return " AND ".join(parts)

    def _key_columns(self) -> tuple[str, ...]:
        for key in sorted(self.table.keys, key=lambda item: item.kind != "primary"):
            columns = [self.table.column(part.column or "") for part in key.parts]
            if key.unique and all(item is not None and not item.nullable for item in columns):
                return key.columns
        loose = ("float", "double", "json", "geometry", "point", "vector")
        return tuple(item.name for item in self.table.columns if item.generated is None and item.type.name not in loose)


def _writes(maker: _RowMaker, model: Sequence[_Mapped], rows: Rows) -> Iterator[Query]:
    name = maker.name
    written = [item for item in model if item.written]

    def fresh(item: _Mapped, number: int) -> Value:
        """A value for a row of its own: new in unique columns, of an existing parent in foreign keys."""
        column = item.column
        if column.name.lower() in maker.references:
            return maker.value(column, 0, rows)
        if column.name.lower() in maker.unique:
            return plain(item.type, _FRESH + number)
        return plain(item.type, 0)

    def statement(purpose: str, values: Mapping[str, Value]) -> Query:
        return Query(name, "insert", purpose, insert(name, values))

    required = [item for item in written if item.required]
    yield statement("INSERT of required columns only", {item.column.name: fresh(item, 0) for item in required})
    spare = {
        item.column.name: edges(item.type, spare=True)
        for item in written
        if item.column.name.lower() not in maker.references
    }
    count = min(max((len(found) for found in spare.values()), default=1), MOST_ROWS)
    for number in range(count):
        values = {}
        for item in written:
            extremes = spare.get(item.column.name, ())
            collides = item.column.name.lower() in maker.unique
            values[item.column.name] = (
                fresh(item, number) if collides or not extremes else extremes[number % len(extremes)]
            )
        yield statement("INSERT of every column", values)
    pair = [{item.column.name: fresh(item, number) for item in required} for number in (38, 39)]
    yield Query(name, "insert", "INSERT of two rows with required columns only", insert(name, *pair))
    full = {item.column.name: fresh(item, 40) for item in written}
    yield statement("INSERT that repeats values of a row where it may", full)
    for item in written:
        if item.nullable:
            yield statement(f"INSERT with NULL in {item.column.name}", {**full, item.column.name: None})
    where = maker.identity(0, rows)
    for item in written:
        column = item.column.name
        for value in dict.fromkeys(_new_values(maker, item, rows)):
            given = "NULL" if value is None else "another value"
            sql = f"UPDATE {_quoted(name)} SET {_quoted(column)} = {literal(value)} WHERE {where}"
            yield Query(name, "update", f"UPDATE of {column} to {given}", sql)
    for number in dict.fromkeys((0, max(maker.count(rows) - 1, 0))):
        sql = f"DELETE FROM {_quoted(name)} WHERE {maker.identity(number, rows)}"
        yield Query(name, "delete", "DELETE of a row", sql)


def _new_values(maker: _RowMaker, item: _Mapped, rows: Rows) -> Iterator[Value]:
    if item.column.name.lower() in maker.references:
        yield maker.value(item.column, 1, rows)
    else:
        yield plain(item.type, 1)
        yield plain(item.type, _FRESH + 41)
        yield from edges(item.type, spare=True)
    if item.nullable:
        yield None


def insert(table: str, *rows: Mapping[str, Value]) -> str:
    """An INSERT with a column list."""
    columns = ", ".join(map(_quoted, rows[0]))
    values = ", ".join(f"({', '.join(map(literal, row.values()))})" for row in rows)
    return f"INSERT INTO {_quoted(table)} ({columns}) VALUES {values}"


def _with_relatives(base: Catalog, names: set[str]) -> set[str]:
    """The tables and every ancestor of theirs."""
    found, waiting = set(names), list(names)
    while waiting:
        for item in base.tables[waiting.pop()].foreign_keys:
            if item.ref_table in base.tables and item.ref_table not in found:
                found.add(item.ref_table)
                waiting.append(item.ref_table)
    return found


def _descendants(base: Catalog, name: str) -> tuple[str, ...]:
    """The table and those whose foreign keys lead to it."""
    found, waiting = [name], [name]
    while waiting:
        for child, _ in base.references_to(waiting.pop()):
            if child not in found:
                found.append(child)
                waiting.append(child)
    return tuple(found)


def _parents_first(base: Catalog) -> list[str]:
    """Table names, each after those its foreign keys point at; in a circle somebody comes first."""
    done: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in done or name in path or name not in base.tables:
            return
        for item in base.tables[name].foreign_keys:
            visit(item.ref_table, (*path, name))
        done[name] = None

    for name in base.tables:
        visit(name, ())
    return list(done)


def typed(value: object) -> tuple[str, object]:
    """A value with its type, for 1 and '1' are not the same."""
    return (_type_name(value), value)


def _type_name(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return "integer"
    if isinstance(value, Decimal | float):
        return "decimal" if isinstance(value, Decimal) else "float"
    if isinstance(value, dt.datetime):
        return "datetime"
    return type(value).__name__


def _quoted(name: str) -> str:
    return ".".join("`" + part.replace("`", "``") + "`" for part in name.split("."))
