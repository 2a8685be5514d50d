"""What only the SQL store does: schema, sweep, retries, on real servers and on SQLite."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.servers import Server
from tests.zdsession.conformance import A, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession import SessionManager
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError, TooLargeError
from zdsession.record import Outcome, Record
from zdsession.stores.base import UNKNOWN_VERSION
from zdsession.stores.sql import SWEEP_MARGIN_MS, SqlStore
from zdsession.stores.sql_table import from_packed

ROW = sa.text("SELECT data FROM zdsession")


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(store_url: str) -> Iterator[sa.Engine]:
    """A second way into the store's database."""
    engine = sa.create_engine(store_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(store_url: str) -> Iterator[SessionManager]:
    manager = SessionManager(SqlStore(store_url, budget=20))
    yield manager
    manager.store.close()


def execute(engine: sa.Engine, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(sa.text(statement))


def loaded(store: SqlStore) -> Record:
    record = store.load(A)
    assert record is not None
    return record


# schema


def test_makes_its_table_when_it_is_missing(store_url: str, engine: sa.Engine) -> None:
    store = SqlStore(store_url, budget=20)
    assert store.load(A) is None
    assert {index["name"] for index in sa.inspect(engine).get_indexes("zdsession")} == {
        "ix_zdsession_expires",
        "ix_zdsession_user_id",
    }
    execute(engine, "DROP TABLE zdsession")
    assert store.create(A, a_record(Clock(now_ms())))
    store.close()


def test_create_schema_may_be_run_by_many_and_mends(store_url: str, engine: sa.Engine) -> None:
    store = SqlStore(store_url, budget=20, table="visits")
    threads = [threading.Thread(target=store.create_schema) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    on = "" if engine.dialect.name == "sqlite" else " ON visits"
    execute(engine, f"DROP INDEX ix_visits_expires{on}")
    store.create_schema()
    assert len(sa.inspect(engine).get_indexes("visits")) == 2
    store.close()


def test_without_leave_a_missing_table_is_an_outage(store_url: str) -> None:
    store = SqlStore(store_url, auto_schema=False, budget=20)
    with pytest.raises(StoreUnavailableError, match=r"no such table|doesn't exist"):
        store.load(A)
    store.create_schema()
    assert store.load(A) is None
    store.close()


# sweep


def test_sweeps_in_batches_what_expired_a_minute_ago(store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    for n in range(25):
        store.create(f"{n:064x}", a_record(clock, seconds=1))
    store.create(A, a_record(clock, seconds=600))
    clock.advance(1 + SWEEP_MARGIN_MS / 1000 - 0.001)
    assert store.sweep() == 0
    clock.advance(0.001)
    assert [store.sweep(10) for _ in range(4)] == [10, 10, 5, 0]
    assert store.load(A) is not None
    store.close()


def test_an_expired_row_does_not_keep_its_id(store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    store.create(A, a_record(clock, seconds=1, old=b"1"))
    clock.advance(2)
    assert store.create(A, a_record(clock, new=b"2"))
    assert loaded(store).values == {"new": b"2"}
    store.close()


# what is in the way


def test_many_sessions_of_one_user(store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    for n in range(60):
        store.create(f"{n:064x}", a_record(clock, user="ann"))
    assert store.revoke_user("ann", keep=f"{7:064x}") == 59
    assert [found.id for found in store.sessions_of("ann")] == [f"{7:064x}"]
    store.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=50))
def test_poisoned_rows_reach_nobody(sessions: SessionManager, engine: sa.Engine, data: bytes) -> None:
    session = sessions.open(None)
    session["fine"] = 1
    session.save()
    with engine.connect() as connection:
        connection.execute(sa.text("UPDATE zdsession SET data = :data"), {"data": data})
    again = sessions.open(str(session.set_cookie()).split(";")[0])
    again.get("fine")
    again["new"] = 1
    again.save()


def test_a_big_session(store_url: str) -> None:
    """Above the 64 kB of a BLOB, where others lose data."""
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    store.create(A, a_record(clock, big=b"x" * 1_000_000))
    assert loaded(store).values == {"big": b"x" * 1_000_000}
    store.close()


@pytest.mark.parametrize("store_kind", ["mysql", "mariadb"])
def test_a_session_that_just_fits_a_packet_is_read(store_kind: str, store_url: str) -> None:
    """The server answers NULL where all columns in one would be longer than ``max_allowed_packet``."""
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    store.create(A, a_record(clock, user="ann", k=b"1"))
    whole = loaded(store)
    store._packed = str(store._packed).replace("CONCAT_WS(' '", "CONCAT_WS(NULL")
    assert loaded(store) == whole
    assert store.load("b" * 64) is None
    store.close()


@pytest.mark.parametrize("store_kind", ["mysql", "mariadb"])
def test_names_that_need_quotes(store_kind: str, store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20, table="odd `name` 100%")
    store.create(A, a_record(clock, k=b"1"))
    assert loaded(store).values == {"k": b"1"}
    store.close()


@given(st.binary() | st.lists(st.sampled_from([b"0", b"-1", b"12", b"73" * 32, b"-", b"zz", b"\x80"])).map(b" ".join))
def test_poisoned_packed_rows(packed: bytes) -> None:
    from_packed(packed)


def test_a_save_without_a_known_version(store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    store.create(A, a_record(clock, k=b"1"))
    strange = replace(loaded(store), version=UNKNOWN_VERSION, values={"not": b"there"})
    saved = store.save(A, strange, a_change(clock, put={"l": b"2"}))
    assert (saved.outcome, saved.conflicts) == (Outcome.SAVED, 0)
    assert loaded(store).values == {"k": b"1", "l": b"2"}
    assert store.save("b" * 64, strange, a_change(clock)).outcome is Outcome.GONE
    store.close()


def test_more_than_the_column_holds(store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    with pytest.raises(TooLargeError, match="the SQL store allows 16,777,215"):
        store.create(A, a_record(clock, big=b"x" * 2**24))
    store.close()


def test_a_lost_answer_is_no_conflict_for_the_app(store_url: str) -> None:
    """The first UPDATE arrived, its answer did not: the same change again changes nothing."""
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    store.create(A, a_record(clock, a=b"1"))
    base = loaded(store)
    change = a_change(clock, put={"b": b"2"}, drop=frozenset("a"))
    store.save(A, base, change)
    again = store.save(A, base, change)
    assert again.outcome is Outcome.SAVED
    assert loaded(store).values == {"b": b"2"}
    store.close()


def test_a_locked_sqlite_file_is_waited_for_and_given_up(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    clock = Clock()
    store = SqlStore(f"sqlite:///{path}", budget=0.3, clock=clock)
    store.create(A, a_record(clock))
    base = loaded(store)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="locked"):
        store.save(A, base, a_change(clock, put={"a": b"1"}))
    assert time.monotonic() - began < 2
    assert store.load(A) is not None, "readers do not wait for writers"
    other.execute("COMMIT")
    assert store.save(A, base, a_change(clock, put={"a": b"1"})).outcome is Outcome.SAVED
    other.close()
    store.close()


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/none/s.db")
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        store.load(A)
    store.close()


# servers that change under it


@pytest.mark.parametrize("store_kind", ["mysql", "mariadb"])
def test_connections_the_server_closed(store_kind: str, store_url: str, engine: sa.Engine) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    store.create(A, a_record(clock))
    with engine.connect() as connection:
        database = sa.make_url(store_url).database
        ids = connection.execute(
            sa.text("SELECT id FROM information_schema.processlist WHERE db = :db AND id <> CONNECTION_ID()"),
            {"db": database},
        )
        for (one,) in ids.all():
            connection.execute(sa.text(f"KILL {one}"))
    assert store.load(A) is not None
    store.close()


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_server_that_is_frozen_for_a_switchover(kind: str, make_server: Any) -> None:
    """Writes wait until it is writable again, and are given up when that takes longer than the budget."""
    server: Server = make_server(kind)
    engine = sa.create_engine(server.url(), isolation_level="AUTOCOMMIT")
    execute(engine, "CREATE DATABASE shop")
    # `read_only` does not stop the account that may set it, so the app has one of its own.
    execute(engine, "CREATE USER app@'%' IDENTIFIED BY 'app'")
    execute(engine, "GRANT ALL ON shop.* TO app@'%'")
    url = sa.make_url(server.url("shop")).set(username="app", password="app")
    clock = Clock()
    patient, hasty = (SqlStore(url, budget=budget, clock=clock) for budget in (20, 1.0))
    patient.create(A, a_record(clock))
    base = loaded(patient)
    execute(engine, "SET GLOBAL read_only = 1")
    assert hasty.load(A) is not None, "reading goes on"
    with pytest.raises(StoreUnavailableError, match=r"read-only|read_only"):
        hasty.save(A, base, a_change(clock, put={"hasty": b"1"}))
    thaw = threading.Timer(0.5, execute, (engine, "SET GLOBAL read_only = 0"))
    thaw.start()
    assert patient.save(A, base, a_change(clock, put={"patient": b"1"})).outcome is Outcome.SAVED
    thaw.join(10)
    assert loaded(patient).values == {"patient": b"1"}
    for store in (patient, hasty):
        store.close()
    engine.dispose()


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_crash_a_hang_and_the_return(kind: str, make_server: Any) -> None:
    server: Server = make_server(kind)
    engine = sa.create_engine(server.url(), isolation_level="AUTOCOMMIT")
    execute(engine, "CREATE DATABASE shop")
    engine.dispose()
    clock = Clock()
    store = SqlStore(server.url("shop"), budget=1.0, clock=clock)
    warm = SqlStore(server.url("shop"), budget=20, clock=clock)
    warm.create(A, a_record(clock, k=b"1"))
    store.load(A)
    for take_away, bring_back in ((server.pause, server.resume), (server.kill, server.start)):
        take_away()
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError, match="sql store: "):
                store.load(A)
            assert time.monotonic() - began < 2, "1 second, and what a busy machine adds"
        bring_back()
        assert loaded(warm).values == {"k": b"1"}, "nothing acknowledged is lost, and no restart of ours is needed"
    for one in (store, warm):
        one.close()


def test_versions_only_count_values(store_url: str) -> None:
    clock = Clock()
    store = SqlStore(store_url, clock=clock, budget=20)
    store.create(A, a_record(clock))
    store.touch(A, clock(), clock() + 5000)
    assert loaded(store).version == 0
    store.save(A, loaded(store), a_change(clock, put={"a": b"1"}))
    assert replace(loaded(store), version=0).values == {"a": b"1"}
    assert loaded(store).version == 1
    store.close()
