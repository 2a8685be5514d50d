"""What zdmigrate itself sent to a server of late, from its journal there: it must not be taken for an app's.

A change is in the journal as it was sent. Of a backfill the statement is, and what it was cut into is made anew here by
the very code that cuts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from zdmigrate.run.connection import Connection, Row
from zdmigrate.run.cut import cut
from zdmigrate.run.errors import RefusedError, ServerError
from zdmigrate.run.keys import Key, KeyColumn, Kind, between
from zdmigrate.verdict.digest_text import words_of
from zdmigrate.verdict.witness import Own

#: No such database, table; not allowed.
_NOTHING_THERE = (1049, 1146, 1044, 1142)
#: What the journal shows of a statement is cut at this.
_SHOWN = 1000
_MOVES = (("update",), ("delete",), ("insert",), ("replace",))
_KINDS: tuple[Kind, ...] = ("number", "ordinal", "written")


def own_statements(connection: Connection, seconds: float) -> tuple[Own, ...]:
    """What the journal says was sent in the last `seconds`; nothing where there is no journal."""
    return (*_journaled(connection, seconds), *_backfilled(connection, seconds))


def _journaled(connection: Connection, seconds: float) -> Iterator[Own]:
    rows = _rows(
        connection,
        "SELECT shown, state, TIMESTAMPDIFF(MICROSECOND, updated, UTC_TIMESTAMP(6)) / 1e6 AS age "
        "FROM zdmigrate.statement WHERE state <> 'done' OR updated > UTC_TIMESTAMP(6) - INTERVAL %s SECOND",
        (seconds,),
    )
    for row in rows:
        shown = str(row["shown"])
        # In the journal a statement is one line, so that a comment hides what followed it.
        cut_off = len(shown) >= _SHOWN or "-- " in shown or "#" in shown
        words = words_of(shown)
        moves = row["state"] == "done" and words[:1] in _MOVES
        yield Own(words[:-1] if len(shown) >= _SHOWN else words, _age(row, "done"), cut_off, moves)


def _backfilled(connection: Connection, seconds: float) -> Iterator[Own]:
    rows = _rows(
        connection,
        "SELECT statement, tab, key_name, state, TIMESTAMPDIFF(MICROSECOND, updated, UTC_TIMESTAMP(6)) / 1e6 AS age "
        "FROM zdmigrate.backfill WHERE state = 'running' OR updated > UTC_TIMESTAMP(6) - INTERVAL %s SECOND",
        (seconds,),
    )
    for row in rows:
        for sql in backfill_statements(str(row["statement"]), str(row["tab"]), str(row["key_name"])):
            yield Own(words_of(sql), _age(row, "done", "forgotten"), moves=row["state"] == "done")


def backfill_statements(statement: str, table: str, key_name: str) -> Iterator[str]:
    """Every form in which a backfill goes over a table: what changes rows, counts them, and finds the next range.

    Args:
        key_name: index and columns, as :attr:`~zdmigrate.run.keys.Key.shown` writes them.
    """
    index, _, columns = key_name.rstrip(")").partition("(")
    names = tuple(columns.split(","))
    try:
        made = cut(statement)
    except RefusedError:  # of another version: nothing can be told of it
        return
    low, high = (0,) * len(names), (1,) * len(names)
    ranges = [(None, high), *((low, (0,) * same + high[same:]) for same in range(len(names)))]
    for after, upto in ranges:
        range_, _ = between([made.column(name) for name in names], after, upto)
        yield made.change(range_, index)
        yield made.count(range_, index, names)
    listener = _Listener()
    for kind in _KINDS:
        key = Key(table, index, tuple(KeyColumn(name, kind) for name in names))
        key.last(listener)
        for after, upto in ranges:
            key.step(listener, after, upto, 1)
            key.rows_between(listener, after, upto)
    yield from listener.sent


class _Listener:
    """Takes the place of a connection, hears what would be sent, and knows nothing."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """No rows."""
        self.sent.append(sql)
        return []

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        """Nothing was found."""
        self.sent.append(sql)
        return 0

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Nothing was changed."""
        self.sent.append(sql)
        return 0


def _rows(connection: Connection, sql: str, args: Iterable[Any]) -> list[Row]:
    try:
        return connection.rows(sql, tuple(args))
    except ServerError as error:
        if error.errno in _NOTHING_THERE:
            return []
        raise


def _age(row: Row, *ended: str) -> float:
    """Seconds since it was sent for the last time; 0 for what may still be sent."""
    return float(row["age"]) if row["state"] in ended else 0.0
