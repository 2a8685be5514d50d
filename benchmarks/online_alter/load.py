"""The same load for every contender: transactions at fixed times on the table that is altered, and a heartbeat.

An answer's time counts from when its turn was, not from when its client was free: clients that all wait for one lock
send nothing meanwhile, and what they would have sent is late all the same.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pymysql
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.online_alter.figures import Answer
from zdmigrate.engine import CommitUnknownError, NoPrimaryError, follow_primary

_WRITERS, _READERS = 4, 2
#: Seconds a client waits for a node that is writable; more than any contender needs.
_PATIENCE = 600
_BEAT = 0.05
_REPEAT = 0.005
_STOP_SECONDS = 60

_INSERT = text("INSERT INTO orders (id, customer, amount, touched, note) VALUES (:id, :customer, 1, 0, 'load')")
_UPDATE = text("UPDATE orders SET touched = touched + 1 WHERE id = :id")
_FIND = text("SELECT 1 FROM orders WHERE id = :id")
_READ = text("SELECT customer, amount, note FROM orders WHERE id = :id")


@dataclass(frozen=True)
class Behind:
    """How old the newest heartbeat was that the node furthest behind had; seconds."""

    at: float
    seconds: float


@dataclass
class Load:
    """Writers, readers and a heartbeat, from `with` to its end.

    A write inserts a row and counts up another one, in one transaction: afterwards the counters add up to the rows.

    Attributes:
        urls: every node, as the app reaches it.
        rows: rows of the table; new ones get ids from this number on.
        rate: writes a second, and as many reads.
        writes: acknowledged ones.
        reads: answered ones.
        acknowledged: ids of rows whose COMMIT was answered.
        unknown: ids of rows whose COMMIT was not answered, and of which the server could not say.
        failed: when a write had to be repeated, or was given up as unknown.
        errors: what the engine raised to the client, and how often.
        behind: what the heartbeat saw.
    """

    urls: Sequence[URL]
    rows: int
    rate: float
    writes: list[Answer] = field(default_factory=list)
    reads: list[Answer] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    failed: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    behind: list[Behind] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._ids = itertools.count(self.rows)
        self._engine = follow_primary(self.urls, budget=_PATIENCE, pool_size=_WRITERS + _READERS, max_overflow=0)
        begin = time.monotonic() + 0.2
        self._threads = [threading.Thread(target=self._beat, daemon=True)]
        self._next: list[float] = []
        for count, act in ((_WRITERS, self._write), (_READERS, self._read)):
            for number in range(count):
                arguments = (act, len(self._next), count / self.rate)
                self._next.append(begin + number / self.rate)
                self._threads.append(threading.Thread(target=self._pace, args=arguments, daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all threads.

        Raises:
            TimeoutError: one still waits for the server.
        """
        self._stop.set()
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(timeout=max(0.0, end - time.monotonic()))
        self._engine.dispose()
        if any(thread.is_alive() for thread in self._threads):
            raise TimeoutError(f"a client of the load still waits for the server after {_STOP_SECONDS} s")

    def wait_until_answered(self, due: float) -> None:
        """Wait until all that was due before is answered: what a lock held up must not be missing in the figures.

        Raises:
            TimeoutError: the clients do not get that far.
        """
        end = time.monotonic() + _STOP_SECONDS
        while min(self._next) < due:
            if time.monotonic() > end:
                raise TimeoutError(f"the clients are {due - min(self._next):.0f} s behind {_STOP_SECONDS} s later")
            time.sleep(0.02)

    def _pace(self, act: Callable[[float], None], number: int, step: float) -> None:
        while not self._stop.wait(max(0.0, self._next[number] - time.monotonic())):
            act(self._next[number])
            self._next[number] += step

    def _write(self, due: float) -> None:
        new, tries = next(self._ids), 0

        def work(connection: Connection) -> None:
            nonlocal tries
            tries += 1
            if tries > 1:
                self.failed.append(time.monotonic())
            connection.execute(_INSERT, {"id": new, "customer": new % 1000})
            connection.execute(_UPDATE, {"id": random.randrange(self.rows)})

        def committed(connection: Connection) -> bool:
            return connection.execute(_FIND, {"id": new}).first() is not None

        try:
            if self._run(work, committed=committed):
                self.writes.append(Answer(due, time.monotonic()))
                self.acknowledged.add(new)
        except CommitUnknownError:
            self.unknown.add(new)
            self.failed.append(time.monotonic())

    def _read(self, due: float) -> None:
        def work(connection: Connection) -> None:
            connection.execute(_READ, {"id": random.randrange(self.rows)}).one()

        if self._run(work, idempotent=True):
            self.reads.append(Answer(due, time.monotonic()))

    def _run(self, work: Callable[[Connection], None], **options: Any) -> bool:
        """Until it is committed, as an app would that repeats what failed; False when the load ended before.

        Raises:
            CommitUnknownError: nobody knows whether it was.
        """
        while not self._stop.is_set():
            try:
                with self._engine.retrying(**options) as attempt:
                    attempt(work)
                return True
            except CommitUnknownError:
                raise
            except (SQLAlchemyError, NoPrimaryError, OSError) as error:
                self.errors[str(getattr(error, "orig", None) or error)] += 1
                time.sleep(_REPEAT)
        return False

    def _beat(self) -> None:
        """Write the time where writes are taken, and look how old the newest is that each node has."""
        connections: dict[URL, pymysql.Connection[Any] | None] = dict.fromkeys(self.urls)
        serving = 0
        while not self._stop.wait(_BEAT):
            now, ages = time.time(), []
            for number, url in enumerate(self.urls):
                try:
                    connection = connections[url] = connections[url] or connect(url)
                    with connection.cursor() as cursor:
                        if number == serving:
                            cursor.execute("UPDATE beat SET at = %s WHERE id = 1", (now,))
                        cursor.execute("SELECT at FROM beat WHERE id = 1")
                        (at,) = cursor.fetchone() or (now,)
                    ages.append(max(0.0, now - float(at) - _BEAT))
                except (pymysql.MySQLError, OSError):
                    if number == serving:  # it is read-only, or ended our session: a node that is not refuses as well
                        serving = (serving + 1) % len(self.urls)
                    old, connections[url] = connections[url], None
                    if old is not None:
                        with contextlib.suppress(pymysql.MySQLError, OSError):
                            old.close()
            if len(ages) == len(self.urls):
                self.behind.append(Behind(time.monotonic(), max(ages)))
        for open_one in connections.values():
            if open_one is not None:
                open_one.close()


def connect(url: URL, **options: Any) -> pymysql.Connection[Any]:
    """A plain connection that commits each statement."""
    return pymysql.connect(
        host=url.host, port=url.port or 0, user=url.username, password=str(url.password), database=url.database,
        autocommit=True, charset="utf8mb4", connect_timeout=5, **options,
    )  # fmt: skip
