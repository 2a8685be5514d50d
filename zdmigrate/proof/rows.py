"""Many ordinary rows in a table, made by the server itself: an INSERT … SELECT over numbers. Pure but for `fill`.

Each column's value is an expression over the row's number, of the kind that `values.plain` makes one by one. Columns of
a unique key get values of their own for every number; where their types have too few, the columns of the key count
together, like the digits of a number. A foreign key points at rows of its parent, which are made by the same rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from zdmigrate.history.catalog import Catalog, Column, ColumnType, ForeignKey, Key, Table
from zdmigrate.history.recorder.showing import quoted
from zdmigrate.proof.scratch import Session, SqlError
from zdmigrate.proof.values import literal, plain

#: Rows of one INSERT: few enough for a transaction of moderate size, and for a progress bar that moves.
CHUNK = 100_000
#: Rows that a writer may add before a key is full.
SPARE = 200_000
#: Rows of a parent that no statement changes, unless a child needs one of its own for every row.
PARENT_ROWS = 1_000

#: Stands for the row's number in an expression; no literal holds it.
_NUMBER = "\ue000"
_ENDLESS = 10**15
_IN_LIST = re.compile(r"`?([\w$]+)`?\s+in\s*\(([^()]*)\)", re.IGNORECASE)
_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
#: Longest text made: room for any number, and little to copy.
_ROOM = 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the rows of one table are made.

    Attributes:
        rows: how many; fewer than wanted where the types of a unique key have no room for more.
        expressions: by column, SQL over the row's number (from 0), which `_NUMBER` stands for.
        endless: its unique keys have room for more.
        gaps: columns no value can be made for; they stay NULL.
    """

    table: str
    rows: int
    expressions: Mapping[str, str]
    endless: bool = True
    gaps: tuple[str, ...] = ()

    def insert(self, first: int, count: int) -> str:
        """The INSERT of rows `first` to `first + count - 1`."""
        columns = ", ".join(map(quoted, self.expressions))
        values = ", ".join(self.expressions.values()).replace(_NUMBER, "n")
        return (
            f"INSERT INTO {quoted(self.table)} ({columns}) SELECT {values} "
            f"FROM (SELECT {first} + {_digits(count)}) AS made WHERE n < {first + count}"
        )

    def value(self, column: str, number: int) -> str:
        """SQL of what row `number` holds in a column that has an expression."""
        return self.expressions[column].replace(_NUMBER, str(number))


class UnfillableError(Exception):
    """Why a table could not be filled: the server refuses the rows we make."""


def recipes(base: Catalog, wanted: Sequence[str], rows: int) -> tuple[Recipe, ...]:
    """Recipes for `rows` rows in each of the tables `wanted`, and for their parents; parents come first.

    Tables in a circle of foreign keys are filled in any order: checks are off while `fill` runs.
    """
    found: dict[str, Recipe] = {}
    for name in _parents_first(base, wanted):
        count = rows if name in wanted else min(rows, PARENT_ROWS)
        if name not in wanted and _is_met_once(base, name):
            count = rows
        found[name] = _recipe(base, name, count, {item: recipe.rows for item, recipe in found.items()})
    return tuple(found.values())


def fill(session: Session, recipe: Recipe, progress: Callable[[int], None] = lambda added: None) -> None:
    """Make the rows, in pieces; `progress` hears of each piece. Leaves the session without foreign key checks.

    Raises:
        UnfillableError: when the server refuses a row: a CHECK, a partition, a value nobody can guess.
    """
    try:
        session.run("SET SESSION foreign_key_checks = 0, time_zone = '+00:00'")
        for first in range(0, recipe.rows, CHUNK):
            count = min(CHUNK, recipe.rows - first)
            session.run(recipe.insert(first, count))
            progress(count)
    except SqlError as error:
        raise UnfillableError(f"{recipe.table} cannot be filled with rows: {error}") from error


@dataclass(frozen=True, slots=True)
class _Unit:
    """Columns whose values go together: one column, or those of a foreign key.

    Attributes:
        capacity: so many values are all different.
        prefix: a unique key looks only at so many characters.
    """

    columns: tuple[str, ...]
    capacity: int
    prefix: int | None = None


def _recipe(base: Catalog, name: str, rows: int, parents: Mapping[str, int]) -> Recipe:
    table = base.tables[name]
    columns = {item.name.lower(): item for item in table.columns if item.generated is None}
    reference = {own.lower(): item for item in reversed(table.foreign_keys) for own in item.columns}
    units = {column: _unit(table, columns[column], reference.get(column), parents) for column in columns}
    source: dict[_Unit, str] = {}
    room = rows + SPARE
    for key in sorted((key for key in table.keys if key.unique), key=lambda item: item.kind != "primary"):
        room = min(room, _spread(key, units, source, room))
    allowed = _allowed(table)
    expressions, gaps = {}, []
    for lower, column in columns.items():
        number = source.get(units[lower], _NUMBER)
        if lower in allowed:
            made: str | None = f"ELT(1 + {number} MOD {len(allowed[lower])}, {', '.join(allowed[lower])})"
        else:
            made = _value(base, table, column, number, units[lower], reference.get(lower), parents)
        if made is None:
            gaps.append(f"{name}.{column.name}: no value can be made for its type {column.type.name}")
        elif made != "NULL":
            expressions[column.name] = made
    return Recipe(name, min(rows, room), expressions, room == rows + SPARE, tuple(gaps))


def _allowed(table: Table) -> dict[str, list[str]]:
    """The values a CHECK lists for a column, as SQL, as SQLAlchemy writes it for Boolean and Enum."""
    found = {}
    for check in (item for item in table.checks if item.enforced):
        for name, text in _IN_LIST.findall(check.expression):
            values = re.findall(r"'(?:[^'\\]|'')*'|-?\d+", text.replace("\\'", "''"))
            if values:
                found[name.lower()] = values
    return found


def _unit(table: Table, column: Column, reference: ForeignKey | None, parents: Mapping[str, int]) -> _Unit:
    if reference is not None and reference.ref_table in parents:
        return _Unit(tuple(item.lower() for item in reference.columns), parents[reference.ref_table])
    lengths = [part.length for key in table.keys if key.unique for part in key.parts if part.column == column.name]
    prefix = min((item for item in lengths if item), default=None)
    return _Unit((column.name.lower(),), _capacity(column.type, prefix), prefix)


def _spread(key: Key, units: Mapping[str, _Unit], source: dict[_Unit, str], rows: int) -> int:
    """Let the columns of a unique key count together where none alone can; how many rows the key has room for."""
    members = list(dict.fromkeys(units[name.lower()] for name in key.columns if name.lower() in units))
    if not members:
        return rows  # over expressions or generated columns: the server will say
    alone = max((unit.capacity for unit in members if unit not in source), default=0)
    if alone >= rows:
        return rows
    step, room = 1, 1
    for unit in sorted((item for item in members if item not in source), key=lambda item: -item.capacity):
        source[unit] = _NUMBER if step == 1 else f"({_NUMBER} DIV {step})"
        step *= unit.capacity
        room *= unit.capacity
    return max(room, alone, 1)


def _value(
    base: Catalog,
    table: Table,
    column: Column,
    number: str,
    unit: _Unit,
    reference: ForeignKey | None,
    parents: Mapping[str, int],
) -> str | None:
    """SQL of a column's value; None when we cannot make one."""
    if reference is not None:
        own = [item.lower() for item in reference.columns].index(column.name.lower())
        if reference.ref_table in parents and own < len(reference.ref_columns):
            target = base.tables[reference.ref_table].column(reference.ref_columns[own])
            if target is not None:
                return expression(target.type, f"({number} MOD {parents[reference.ref_table]})")
        if column.nullable:
            return "NULL"
        if reference.ref_table == table.name:
            return expression(column.type, number)  # a row that points at itself
    if column.type.name == "tinyint" and column.type.args == (1,) and not table.keys_on(column.name):
        return f"{number} MOD 2"  # a boolean
    return expression(column.type, number, unit.prefix)


def expression(kind: ColumnType, number: str, prefix: int | None = None) -> str | None:
    """SQL of an ordinary value of a type, another one for every `number` as long as the type has enough; else None.

    Args:
        prefix: texts differ in so many characters already.
    """
    capacity = _capacity(kind, prefix)
    bounded = number if capacity == _ENDLESS else f"({number} MOD {capacity})"
    match kind.name:
        case "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "float" | "double":
            return f"{bounded} + {1901 if kind.name == 'year' else 1}"
        case "decimal":
            scale = (*kind.args, 0, 0)[1] if kind.args else 0
            return f"{bounded} * 1e-{scale}" if scale else f"{bounded} + 1"
        case "bit":
            return bounded
        case _ if kind.name in _TEXTS or kind.name in _BYTES:
            room = min(_room(kind), prefix or _ROOM)
            if room >= 8:
                return f"CAST(101 + {bounded} AS CHAR)"
            return f"LPAD(LOWER(CONV({bounded}, 10, 36)), {room}, '0')"
        case "enum" | "set" if kind.members:
            return f"ELT(1 + {bounded}, {', '.join(map(literal, kind.members))})"
        case "date":
            return f"DATE'1970-01-02' + INTERVAL {bounded} DAY"
        case "datetime" | "timestamp":
            return f"TIMESTAMP'1990-01-01 10:20:30' + INTERVAL {bounded} SECOND"
        case "time":
            return f"SEC_TO_TIME({bounded})"
        case "json":
            return f"CONCAT('{{\"number\": ', {bounded}, '}}')"
        case "uuid":
            return f"CONCAT('123e4567-e89b-42d3-a456-', LPAD(HEX({bounded}), 12, '0'))"
        case "inet4":
            return f"INET_NTOA(167772160 + {bounded})"
        case "inet6":
            return f"CONCAT('2001:db8::', HEX({number} DIV 65536 MOD 65536), ':', HEX({number} MOD 65536))"
        case _:
            value = plain(kind, 0)
            return None if value is None else literal(value)


def _capacity(kind: ColumnType, prefix: int | None) -> int:
    """How many different values `expression` makes of a type; in a key over a prefix, how many differ there."""
    match kind.name:
        case "tinyint" | "smallint" | "mediumint" | "int" | "bigint":
            return min((1 << (_BITS[kind.name] - (not kind.unsigned))) - 2, _ENDLESS)
        case "decimal":
            return min(int(10 ** (kind.args or (10,))[0]) - 2, _ENDLESS)
        case "float" | "double":
            return 2**24 if kind.name == "float" else _ENDLESS
        case "bit":
            return min(1 << (kind.args or (1,))[0], _ENDLESS)
        case _ if kind.name in _TEXTS or kind.name in _BYTES:
            room = min(_room(kind), prefix or _ROOM)
            return min(int(36**room), _ENDLESS) if room < 8 else int(10 ** (room - 1)) - 200
        case "enum" | "set":
            return max(len(kind.members), 1)
        case "date":
            return 2_900_000
        case "timestamp":
            return 1_500_000_000
        case "time":
            return 3_000_000
        case "year":
            return 250
        case "inet4":
            return 2**24
        case "datetime" | "json" | "uuid" | "inet6":
            return 10**10
        case _:
            return 1


def _room(kind: ColumnType) -> int:
    """Characters of the text made for a type."""
    if kind.name in ("char", "varchar", "binary", "varbinary"):
        return min((kind.args or (1,))[0], _ROOM)
    return _ROOM


def _digits(count: int) -> str:
    """SQL that goes on from a number: every `n` from it up, at least `count` of them, with no table to read from."""
    digits = len(str(max(count - 1, 1)))
    ten = " UNION ALL ".join(f"SELECT {item} AS d" if not item else f"SELECT {item}" for item in range(10))
    terms = " + ".join(f"t{place}.d * {10**place}" for place in range(digits))
    tables = " CROSS JOIN ".join(f"({ten}) AS t{place}" for place in range(digits))
    return f"{terms} AS n FROM {tables}"


def _parents_first(base: Catalog, wanted: Sequence[str]) -> Iterator[str]:
    """The tables and all their ancestors, each after those its foreign keys point at where there is no circle."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in done or name in path or name not in base.tables:
            return
        for item in base.tables[name].foreign_keys:
            yield from visit(item.ref_table, (*path, name))
        if name not in done:
            done.add(name)
            yield name

    for name in wanted:
        yield from visit(name, ())


def _is_met_once(base: Catalog, parent: str) -> bool:
    """Whether a child's unique key has only columns of its foreign key to `parent`: each parent row serves one row."""
    for child, item in base.references_to(parent):
        own = {name.lower() for name in item.columns}
        if any(key.unique and {name.lower() for name in key.columns} <= own for key in base.tables[child].keys):
            return True
    return False
