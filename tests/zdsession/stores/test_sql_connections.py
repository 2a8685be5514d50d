"""Requests and rarer work share the same few connections to a SQL server, and give all of them back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from tests.zdsession.conformance import A, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession.errors import StoreUnavailableError
from zdsession.record import Outcome
from zdsession.stores.sql import SqlStore
from zdsession.stores.sql_connections import Held, SqlConnections


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connections(store_url: str) -> Iterator[SqlConnections]:
    made = SqlConnections(sa.make_url(store_url), budget=20, most=2)
    yield made
    made.close_all()


def soon() -> float:
    return time.monotonic() + 20


def one(held: Held) -> object:
    cursor = held.raw.cursor()
    try:
        cursor.execute("SELECT 1")
        return cursor.fetchone()[0]
    finally:
        cursor.close()


def test_one_connection_serves_both_kinds_of_work(connections: SqlConnections) -> None:
    held = connections.take(soon())
    raw = held.raw
    connections.put(held)
    with closing(connections.connect(soon())) as connection:
        assert connection.connection.dbapi_connection is raw
    connections.leave()
    again = connections.take(soon())
    assert again.raw is raw
    assert one(again) == 1
    connections.put(again)


def test_all_in_use(connections: SqlConnections) -> None:
    first, second = connections.take(soon()), connections.take(soon())
    for ask in (connections.take, connections.connect):
        with pytest.raises(sa.exc.TimeoutError, match="all connections of this process are in use"):
            ask(time.monotonic() + 0.02)
    connections.put(first)
    connections.put(second)


def test_a_lost_one_is_replaced(connections: SqlConnections) -> None:
    held = connections.take(soon())
    connections.lose(held)
    fresh = connections.take(soon())
    assert fresh.raw is not held.raw
    assert one(fresh) == 1
    connections.put(fresh)


def test_after_close_all_none_of_the_old_ones_is_used(connections: SqlConnections) -> None:
    idle, busy = connections.take(soon()), connections.take(soon())
    connections.put(idle)
    connections.close_all()
    assert one(busy) == 1, "whoever has one may finish"
    connections.put(busy)
    fresh = [connections.take(soon()) for _ in range(2)]
    assert not {id(idle.raw), id(busy.raw)} & {id(held.raw) for held in fresh}
    for held in fresh:
        connections.put(held)


def test_an_old_one_is_replaced(connections: SqlConnections, monkeypatch: pytest.MonkeyPatch) -> None:
    held = connections.take(soon())
    connections.put(held)
    monkeypatch.setattr("zdsession.stores.sql_connections._RECYCLE_SECONDS", -1)
    fresh = connections.take(soon())
    assert fresh.raw is not held.raw
    connections.put(fresh)


def test_an_error_that_is_not_the_drivers_costs_the_connection_only(store_url: str) -> None:
    """It may have come in the middle of an answer: the rest would be taken for the next one's."""
    store = SqlStore(store_url, budget=20, connections=1, janitor=False)
    store.create(A, a_record(Clock()))
    server = store._server

    def stop(cursor: object) -> None:
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            server._ask(stop, server.deadline())
    assert store.load("b" * 64) is None
    store.close()


def test_one_connection_is_enough_for_everything(store_url: str) -> None:
    """Also to make the table, while the only connection is held for requests."""
    clock = Clock()
    store = SqlStore(store_url, budget=20, connections=1, janitor=False, clock=clock)
    store.create(A, a_record(clock, user="ann", k=b"1"))
    assert [found.id for found in store.sessions_of("ann")] == [A]
    assert store.missing_schema() == []
    store.create_schema()
    store._server.run(lambda connection: connection.exec_driver_sql("DROP TABLE zdsession"), soon())
    assert store.load(A) is None, "made again"
    assert store.sweep() == 0
    store.close()


@pytest.mark.parametrize("store_kind", ["mysql", "mariadb"])
def test_no_more_connections_than_there_may_be(store_kind: str, store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, budget=20, connections=2, janitor=False, clock=clock)
    store.create(A, a_record(clock, user="ann"))

    def work(number: int) -> None:
        for turn in range(15):
            base = store.load(A)
            assert base is not None
            change = a_change(clock, put={f"{number}-{turn}": b"1"})
            assert store.save(A, base, change).outcome is Outcome.SAVED
            assert len(store.sessions_of("ann")) == 1

    with ThreadPoolExecutor(6) as threads:
        for done in [threads.submit(work, number) for number in range(6)]:
            done.result(60)
    record = store.load(A)
    assert record is not None
    assert len(record.values) == 90
    there = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()"
    (count,) = store._server.first(there, (), soon())
    assert count <= 2
    store.close()


@pytest.mark.parametrize("store_kind", ["mysql", "mariadb"])
def test_the_budget_is_for_each_operation(store_kind: str, store_url: str) -> None:
    """The limit of the one before does not stay with the connection."""
    store = SqlStore(store_url, budget=20, connections=1, janitor=False)
    store.create_schema()
    server = store._server
    assert server.first("SELECT SLEEP(0.3)", (), soon()) == (0,)
    with pytest.raises(StoreUnavailableError):
        server.first("SELECT SLEEP(5)", (), time.monotonic() + 0.2)
    assert server.first("SELECT SLEEP(0.3)", (), soon()) == (0,)
    store.close()


@pytest.mark.parametrize("store_kind", ["mysql", "mariadb"])
def test_a_change_of_the_schema_may_take_longer_than_the_budget(store_kind: str, store_url: str) -> None:
    connections = SqlConnections(sa.make_url(store_url), budget=20, most=1)
    connections.put(connections.take(soon()))
    with connections.patient(time.monotonic() + 0.3) as connection:
        raw: Any = connection.connection.dbapi_connection
        assert connection.exec_driver_sql("SELECT SLEEP(0.6)").scalar() == 0
    held = connections.take(soon())
    assert held.raw is raw
    assert raw._read_timeout == pytest.approx(20, abs=1), "for requests there is a limit again"
    connections.put(held)
    connections.close_all()
