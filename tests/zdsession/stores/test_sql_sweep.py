"""Expired rows are removed while the store is in use, and no request notices."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from tests.conftest import MakeServer
from zdsession.clock import now_ms
from zdsession.janitor import Janitor
from zdsession.record import Change, Outcome, Record
from zdsession.stores.sql import SqlStore

LEVELS = {"RR": "REPEATABLE READ", "RC": "READ COMMITTED"}
FILL = """
INSERT INTO zdsession (id, version, secret, previous, previous_until, previous_blank, created, seen, renewed, expires,
  deadline, user_id, data)
SELECT UNHEX(SHA2(CONCAT('dead', a.n, '-', b.n), 256)), 0, REPEAT('s', 32), '', 0, 0, 1, 1, 1,
  1000000 + b.n * 1000 + a.n, 9000000000000, NULL, REPEAT('d', 100)
FROM (WITH RECURSIVE t AS (SELECT 0 n UNION ALL SELECT n + 1 FROM t WHERE n < 999) SELECT n FROM t) a,
     (WITH RECURSIVE t AS (SELECT {first} n UNION ALL SELECT n + 1 FROM t WHERE n < {last}) SELECT n FROM t) b
ORDER BY 1
"""
#: A server builds them three times as fast in one go as row by row.
WITHOUT_INDEXES = "ALTER TABLE zdsession DROP INDEX ix_zdsession_expires, DROP INDEX ix_zdsession_user_id"


def store_at(url: str, level: str) -> SqlStore:
    url = f"{url}?init_command=SET SESSION TRANSACTION ISOLATION LEVEL {LEVELS[level]}"
    return SqlStore(url, budget=20, janitor=False)


def fill(engine: sa.Engine, thousands: int) -> None:
    """So many thousand expired rows, in the table that has none yet."""
    with engine.connect() as connection:
        connection.execute(sa.text(WITHOUT_INDEXES))
        for first in range(0, thousands, 500):
            last = min(first + 500, thousands) - 1
            connection.execute(sa.text(FILL.format(first=first, last=last)))


class Load:
    """Requests of four threads until told to stop: what they took, and what went wrong.

    Args:
        store: the store.
        rest: seconds each thread rests after a round of requests.
    """

    def __init__(self, store: SqlStore, rest: float) -> None:
        self.store = store
        self.rest = rest
        self.stop = threading.Event()
        self.milliseconds: list[float] = []

    def run(self, worker: int) -> None:
        chance = random.Random(worker)
        while not self.stop.is_set():
            began = time.monotonic()
            record_id, now = f"{chance.getrandbits(256):064x}", now_ms()
            record = Record(
                b"s" * 32, now, now, now, now + 60_000, now + 600_000, user=f"u{worker}", values={"k": b"1"}
            )
            assert self.store.create(record_id, record)
            there = self.store.load(record_id)
            assert there is not None
            change = Change(now, now + 90_000, put={"l": b"2"})
            assert self.store.save(record_id, there, change).outcome is Outcome.SAVED
            self.store.touch(record_id, now + 1, now + 91_000)
            if chance.random() < 0.5:
                assert self.store.destroy(record_id)
            self.milliseconds.append((time.monotonic() - began) * 1000)
            self.stop.wait(self.rest)


def sweep_under_load(url: str, level: str, thousands: int, rest: float = 0.0, *, hurry: bool = False) -> str:
    """What it took, as a line.

    Args:
        url: of an empty database.
        level: of isolation, as LEVELS abbreviates it.
        thousands: how many thousand expired rows.
        rest: seconds each thread rests after a round of requests.
        hurry: the janitor does not rest between two batches, which is harder on the requests than it ever is.
    """
    store = store_at(url, level)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    store.create_schema()
    began = time.monotonic()
    fill(engine, thousands)
    with engine.connect() as connection:  # the store's own connections would not wait so long for an answer
        for statement in store.missing_schema():
            connection.execute(sa.text(statement))
    print(f"filled with {thousands},000 rows in {time.monotonic() - began:.1f} s")
    load = Load(store, rest)
    janitor = Janitor(store, interval=3600)
    janitor._begun = True  # no rest before the first round
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(load.run, n) for n in range(4)]
        try:
            shown = 0
            while (pause := janitor._step()) < 60:
                time.sleep(0 if hurry else pause)
                for failed in filter(Future.done, workers):
                    failed.result()
                if janitor.removed - shown >= 500_000:
                    shown = janitor.removed
                    print(f"{shown:,} removed after {time.monotonic() - began:.0f} s", flush=True)
        finally:
            load.stop.set()
        for worker in workers:
            worker.result(60)
    seconds = time.monotonic() - began
    with engine.connect() as connection:
        left = connection.execute(sa.text("SELECT COUNT(*) FROM zdsession WHERE expires < 9000000000")).scalar()
    assert left == 0
    assert janitor.removed >= thousands * 1000, "a long run also removes what its own load leaves"
    janitor.stop()
    store.close()
    engine.dispose()
    slow = sorted(load.milliseconds)
    assert len(slow) > 20, "the load did run"
    return (
        f"{thousands},000 rows in {seconds:.1f} s, beside {len(slow)} rounds of 4 to 5 requests: "
        f"p50 {slow[len(slow) // 2]:.1f} ms, p99 {slow[len(slow) * 99 // 100]:.1f} ms, most {slow[-1]:.1f} ms"
    )


def test_two_hundred_thousand_under_repeatable_read(mysql_url: str) -> None:
    print(sweep_under_load(mysql_url, "RR", 200, rest=0.005, hurry=True))


def test_under_read_committed(mysql_url: str) -> None:
    print(sweep_under_load(mysql_url, "RC", 5))


def test_mariadb(mariadb_url: str) -> None:
    print(sweep_under_load(mariadb_url, "RR", 5))


@pytest.mark.soak
@pytest.mark.parametrize("level", LEVELS)
def test_two_hundred_thousand_at_its_pace(any_sql_url: str, level: str) -> None:
    print(sweep_under_load(any_sql_url, level, 200))


@pytest.mark.soak
def test_ten_million(make_server: MakeServer) -> None:
    """The figures are in docs/sessions.md. ``ZDSESSION_SWEEP_THOUSANDS`` makes it smaller."""
    server = make_server("mysql", args=("--innodb-buffer-pool-size=1G", "--innodb-redo-log-capacity=1G"))
    url = server.url("shop")
    engine = sa.create_engine(server.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE shop"))
    engine.dispose()
    thousands = int(os.environ.get("ZDSESSION_SWEEP_THOUSANDS", "10000"))
    print(sweep_under_load(url, "RR", thousands, rest=0.02))
