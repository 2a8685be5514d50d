"""Did a statement happen? Decided by looking at the schema, never by what was meant or remembered.

A statement's record says how each object it changes was before and is after. What differs between the two is looked
up in the live schema: all as after, it happened; all as before, it did not; anything else is for a person.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from typing import Any

from zdmigrate.errors import UsageError
from zdmigrate.history.catalog import Catalog, Default, Delta, ObjectChange, Table
from zdmigrate.history.load import from_live
from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import ServerError

_ABSENT = "absent"
#: What a server changes by itself, or does not tell.
_NOT_COMPARED = frozenset({"uid", "explicit_null"})
#: What a server keeps in its own words.
_EXPRESSIONS = frozenset({"expression", "text", "body", "definition", "on_delete", "on_update"})
_NAMES = frozenset({"name", "column", "columns", "ref_columns"})


class Happened(Enum):
    """What the live schema says of a statement."""

    YES = "yes"
    NO = "no"
    #: The statement leaves no trace in the schema (DML, SET, a rebuild, GRANT).
    NO_TRACE = "no trace"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Look:
    """The answer, and for a person what was seen: `users/columns/age: absent; expected …`."""

    happened: Happened
    seen: tuple[str, ...] = ()


def live_catalog(connection: Connection) -> Catalog:
    """The schema of the database that `connection` is in.

    Raises:
        LostError, ServerError: as the connection does.
        UsageError: when it is in none.
    """
    return from_live(_Rows(connection))  # type: ignore[arg-type]  # it only sends, and reads tuples


class _Rows:
    """Our connection, as what `from_live` reads with."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def exec_driver_sql(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return [tuple(row.values()) for row in self._connection.rows(sql.replace("%%", "%"))]
        except ServerError as error:
            if sql.startswith("SHOW CREATE VIEW"):  # a broken view: that it exists is all there is to know
                raise UsageError(str(error)) from error
            raise


def look(delta: Delta, live: Catalog) -> Look:
    """Whether what `delta` describes has happened to the live schema. Pure."""
    differing: list[tuple[str, object, object, object]] = []
    for change in delta.changes:
        differing.extend(_differing(change, live))
    if delta.defaults is not None:
        before, after = delta.defaults
        now = {"charset": live.charset, "collation": live.collation}
        differing.append(("schema", _plain(before), _plain(after), now))
    if not differing:
        return Look(Happened.UNCLEAR if any(map(_loses_data, delta.changes)) else Happened.NO_TRACE)
    as_before = [now == before for _, before, _, now in differing]
    as_after = [now == after for _, _, after, now in differing]
    if all(as_after):
        return Look(Happened.YES)
    if all(as_before):
        return Look(Happened.NO)
    seen = tuple(
        f"{where} is {_shown(now)}, neither {_shown(before)} nor {_shown(after)}"
        if not (was or done)
        else f"{where} is {'as before' if was else 'as after'}"
        for (where, before, after, now), was, done in zip(differing, as_before, as_after, strict=True)
    )
    return Look(Happened.UNCLEAR, seen)


def not_as_after(delta: Delta, live: Catalog) -> tuple[str, ...]:
    """What the delta promises and the live schema does not show; empty when all is as promised. Pure."""
    found = []
    for change in delta.changes:
        for where, _, after, now in _differing(change, live):
            if now != after:
                found.append(f"{where} is {_shown(now)}, expected {_shown(after)}")
    return tuple(found)


def not_the_same(foreseen: Catalog, real: Catalog) -> tuple[str, ...]:
    """Where two schemas differ for whoever goes on with one of them; empty when they do not. Pure."""
    found = []
    for name in sorted({**foreseen.tables, **real.tables}):
        one, other = _comparable(foreseen.tables.get(name)), _comparable(real.tables.get(name))
        found += [
            f"{where} is {_shown(now)}, not {_shown(was)}" for where, was, now, _ in _walk(name, one, other, other)
        ]
    return tuple(found)


def _differing(change: ObjectChange, live: Catalog) -> Iterator[tuple[str, object, object, object]]:
    """(place, before, after, now) for every place where before and after differ."""
    now = getattr(live, change.slot).get(change.key)
    if change.slot != "tables" and change.before is not None and change.after is not None:
        return  # the server keeps a body in its own words, and replacing it once more changes nothing
    yield from _walk(change.key, _comparable(change.before), _comparable(change.after), _comparable(now))


def _loses_data(change: ObjectChange) -> bool:
    """Whether a table, or a column of it, was replaced by one that looks the same."""
    before, after = change.before, change.after
    if not (isinstance(before, Table) and isinstance(after, Table)):
        return False
    return before.uid != after.uid or [item.uid for item in before.columns] != [item.uid for item in after.columns]


def _walk(where: str, before: object, after: object, now: object) -> Iterator[tuple[str, object, object, object]]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping) and isinstance(now, Mapping):
        for key in {**before, **after}:
            yield from _walk(f"{where}/{key}", before.get(key, _ABSENT), after.get(key, _ABSENT), now.get(key, _ABSENT))
    elif before == _ABSENT or after == _ABSENT:
        # Only whether it exists counts: the server writes a new object in its own words.
        yield where, before == _ABSENT, after == _ABSENT, now == _ABSENT
    else:
        yield where, before, after, now


def _comparable(item: object) -> object:
    if item is None:
        return _ABSENT
    if not isinstance(item, Table):
        return _plain(item)
    return {
        **{name: getattr(item, name) for name in ("engine", "charset", "collation", "row_format", "comment")},
        "versioned": item.system_versioned,
        "partitions": item.partitioning.partitions if item.partitioning else _ABSENT,
        "columns": {column.name.lower(): _plain(column) for column in item.columns},
        "order": tuple(column.name.lower() for column in item.columns),
        "keys": {key.name.lower(): _plain(replace(key, generated=False, using=None)) for key in item.keys},
        "foreign keys": {key.name.lower(): _plain(key) for key in item.foreign_keys},
        "checks": {(check.column or check.name).lower(): _plain(check) for check in item.checks},
    }


def _plain(item: object, name: str = "") -> object:
    """Dataclasses as nested mappings; expressions without what servers write differently."""
    if isinstance(item, Default) and item.kind == "literal":
        return {"kind": "literal", "text": _number(item.text)}
    if is_dataclass(item) and not isinstance(item, type):
        return {
            part.name: _plain(getattr(item, part.name), part.name)
            for part in fields(item)
            if part.compare and part.name not in _NOT_COMPARED
        }
    if isinstance(item, tuple | list):
        return tuple(_plain(part, name) for part in item)
    if isinstance(item, str):
        return _in_short(item) if name in _EXPRESSIONS else item.lower() if name in _NAMES else item
    return _ABSENT if item is None else item


def _number(text: str) -> str:
    """`0.00` and `0` are one default."""
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _in_short(text: str) -> str:
    text = re.sub(r"\b_(utf8mb4|utf8mb3|latin1)\s*\\?'", "'", text).replace("\\'", "'")
    return "NO ACTION" if text == "RESTRICT" else re.sub(r"[`\s()]", "", text).lower()


def _shown(item: object) -> str:
    text = str(item)
    return text if len(text) <= 80 else text[:77] + "..."
