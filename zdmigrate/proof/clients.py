"""A writer and a reader of old code that keep going while something else happens, and how long each had to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from zdmigrate.history.catalog import Key, Table
from zdmigrate.history.recorder.showing import quoted
from zdmigrate.proof.rows import Recipe
from zdmigrate.proof.scratch import Session, SqlError

#: Statements each client makes before it counts as going.
WARM: Final = 20
#: Seconds to get there, also when every statement is slow.
WARM_SECONDS: Final = 5.0
#: Walks over the rows in an order that is not theirs; no number of rows we make is a multiple of it.
_STRIDE: Final = 7919

#: Statement number k of a client.
Statement = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Sample:
    """One statement: when it was sent and answered (seconds of `time.perf_counter`), and its error, or 0."""

    sent: float
    answered: float
    errno: int = 0


@dataclass(frozen=True, slots=True)
class Waits:
    """What one client met.

    Attributes:
        longest_ms: its longest single statement of those that overlapped the window; None when there was none.
        usual_ms: its longest single statement before the window.
        done: statements sent and answered without an error inside the window.
        errno: the first error inside or after the window, or 0.
    """

    longest_ms: float | None
    usual_ms: float | None
    done: int
    errno: int = 0


def waits(samples: Sequence[Sample], start: float, end: float) -> Waits:
    """What the samples say of the window from `start` to `end`."""
    before = [item.answered - item.sent for item in samples if item.answered < start]
    beside = [item.answered - item.sent for item in samples if item.answered >= start and item.sent <= end]
    done = sum(item.sent >= start and item.answered <= end and not item.errno for item in samples)
    errno = next((item.errno for item in samples if item.errno and item.answered >= start), 0)
    return Waits(_milliseconds(beside), _milliseconds(before), done, errno)


def _milliseconds(seconds: Sequence[float]) -> float | None:
    return round(max(seconds) * 1000, 1) if seconds else None


@dataclass(slots=True)
class Client:
    """One connection that sends statement after statement in a thread of its own, until it is told to stop.

    Attributes:
        first: number of its first statement; an INSERT must not repeat that of an earlier client.
        lost: the connection is of no more use.
    """

    session: Session
    statement: Statement
    first: int = 0
    samples: list[Sample] = field(default_factory=list)
    lost: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._go, name="old code", daemon=True)
        self._thread.start()

    def warm(self) -> None:
        """Wait until it is going."""
        self._wait(lambda: len(self.samples) >= WARM, WARM_SECONDS)

    def catch_up(self, moment: float, seconds: float) -> None:
        """Wait until it got an answer to something it sent after `moment`: what was blocked then is over."""
        self._wait(lambda: bool(self.samples) and self.samples[-1].sent > moment, seconds)

    def stop(self) -> None:
        """Let it end after its present statement; `join` waits for that."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait until it has ended; if it does not, its connection is lost."""
        if self._thread is not None:
            self._thread.join(seconds)
            self.lost = self.lost or self._thread.is_alive()

    def _wait(self, reached: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        alive = self._thread
        while not reached() and time.monotonic() < deadline and alive is not None and alive.is_alive():
            time.sleep(0.002)

    def _go(self) -> None:
        for number in count(self.first):
            if self._stop.is_set():
                return
            sent, errno = time.perf_counter(), 0
            try:
                self.session.run(self.statement(number))
            except SqlError as error:
                errno = error.errno or 2013
            except Exception:  # the connection was closed under it, which PyMySQL tells in many ways
                errno = 2013
            self.samples.append(Sample(sent, time.perf_counter(), errno))
            if errno in (2006, 2013):
                self.lost = True
                return
            if errno:
                time.sleep(0.005)  # a statement that fails at once must not keep a processor busy


def writer(table: Table, recipe: Recipe, columns: Sequence[str]) -> Statement | None:
    """Old code that writes: an INSERT of a new row and an UPDATE by primary key in turn; None when it can do neither.

    Args:
        columns: what old code maps of the table.
    """
    written = [name for name in recipe.expressions if name.lower() in {item.lower() for item in columns}]
    given = {name.lower() for name in written}
    complete = all(item.insert_may_omit or item.name.lower() in given for item in table.columns)
    insert = _insert(recipe, written) if complete and written and recipe.endless else None
    update = _update(table, recipe, written)
    both = [item for item in (insert, update) if item is not None]
    if not both:
        return None
    return lambda number: both[number % len(both)](number)


def reader(table: Table, recipe: Recipe, columns: Sequence[str]) -> Statement:
    """Old code that reads a row by its primary key, or any row of a table without one."""
    listed = ", ".join(map(quoted, columns)) or "*"
    select = f"SELECT {listed} FROM {quoted(recipe.table)}"
    key = _row_key(table, recipe)
    if key is None:
        return lambda number: f"{select} LIMIT 1"
    return lambda number: f"{select} WHERE {_where(key, recipe, number * _STRIDE % recipe.rows)}"


def _insert(recipe: Recipe, columns: Sequence[str]) -> Statement:
    head = f"INSERT INTO {quoted(recipe.table)} ({', '.join(map(quoted, columns))}) VALUES"
    return lambda number: f"{head} ({', '.join(recipe.value(name, recipe.rows + number) for name in columns)})"


def _update(table: Table, recipe: Recipe, columns: Sequence[str]) -> Statement | None:
    key = _row_key(table, recipe)
    bound = {name.lower() for item in table.foreign_keys for name in item.columns}
    bound |= {name.lower() for item in table.keys if item.unique for name in item.columns}
    free = [name for name in columns if name.lower() not in bound]
    if key is None or not free:
        return None
    # Plain columns rather than indexed ones: the least an UPDATE can be.
    name = min(free, key=lambda item: len(table.keys_on(item)))

    def statement(number: int) -> str:
        row = number * _STRIDE % recipe.rows
        value = recipe.value(name, row + 1)
        return f"UPDATE {quoted(recipe.table)} SET {quoted(name)} = {value} WHERE {_where(key, recipe, row)}"

    return statement


def _row_key(table: Table, recipe: Recipe) -> Key | None:
    """The primary key, or another that finds one row."""
    made = {name.lower() for name in recipe.expressions}
    for key in sorted(table.keys, key=lambda item: item.kind != "primary"):
        whole = bool(key.parts) and all(part.column and not part.length for part in key.parts)
        if key.unique and whole and {name.lower() for name in key.columns} <= made:
            return key
    return None


def _where(key: Key, recipe: Recipe, number: int) -> str:
    names = {name.lower(): name for name in recipe.expressions}
    parts = (names[name.lower()] for name in key.columns)
    return " AND ".join(f"{quoted(name)} = {recipe.value(name, number)}" for name in parts)
