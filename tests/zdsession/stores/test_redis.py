"""What only the Redis store does, on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers import Server
from tests.zdsession.conformance import OLD, A, B, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession import SessionManager
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.record import Outcome
from zdsession.stores.redis import RedisStore
from zdsession.stores.redis_fields import from_fields, to_fields

KEY = f"zdsession:{A}"


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    store = RedisStore(redis_url, budget=20)
    yield store
    store.close()


def real_clock() -> Clock:
    return Clock(now_ms())


def test_redis_expires_it(server: Any, store: RedisStore) -> None:
    clock = real_clock()
    store.create(A, a_record(clock, user="ann"))
    assert 55_000 < server.pttl(KEY) <= 60_000
    store.touch(A, clock(), clock() + 90_000)
    assert 85_000 < server.pttl(KEY) <= 90_000
    record = store.load(A)
    assert record is not None
    store.save(A, record, a_change(clock, put={"k": b"1"}))
    assert 55_000 < server.pttl(KEY) <= 60_000
    (index,) = server.keys("zdsession:user:*")
    assert 3_500_000 < server.pttl(index) <= 3_600_000, "the index lives as long as its longest session may"
    assert b"ann" not in index


def test_prefixes_keep_apps_apart(redis_url: str, store: RedisStore) -> None:
    other = RedisStore(redis_url, prefix="other:")
    other.create(A, a_record(real_clock()))
    assert store.load(A) is None
    other.close()


def test_scripts_survive_a_server_that_forgot_them(server: Any, store: RedisStore) -> None:
    clock = real_clock()
    store.create(A, a_record(clock))
    server.script_flush()
    record = store.load(A)
    assert record is not None
    assert store.save(A, record, a_change(clock, put={"k": b"1"})).outcome is Outcome.SAVED


def test_the_index_is_cleaned_when_it_is_read(redis_url: str, server: Any) -> None:
    clock = real_clock()
    store = RedisStore(redis_url, clock=clock, budget=20)
    for record_id in (A, B):
        store.create(record_id, replace(a_record(clock, user="ann"), expires=clock() + 3_000_000))
    store.destroy(A)
    (index,) = server.keys("zdsession:user:*")
    assert [found.id for found in store.sessions_of("ann")] == [B]
    assert server.zcard(index) == 2, "a session that is missing may be about to be created"
    clock.now += 61_000
    store.sessions_of("ann")
    assert server.zrange(index, 0, -1) == [B.encode()]
    store.close()


def test_a_key_that_is_no_session_is_absent(server: Any, store: RedisStore) -> None:
    clock = real_clock()
    server.set(KEY, "text")
    assert store.load(A) is None
    with pytest.raises(StoreUnavailableError, match="something else"):
        store.touch(A, clock(), clock() + 5)
    server.delete(KEY)
    server.hset(KEY, mapping={"h": OLD, "c": "not a number"})
    assert store.load(A) is None


@given(st.dictionaries(st.sampled_from([*"hcsredpgbu", "=k", "="]).map(str.encode), st.binary()))
def test_poisoned_fields(fields: dict[bytes, bytes]) -> None:
    record = from_fields(fields)
    assert record is None or record.secret == fields[b"h"]


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from([*"hcsredpgbu", "=k"]), st.binary(), min_size=1))
def test_poisoned_records_reach_nobody(redis_url: str, server: Any, fields: dict[str, bytes]) -> None:
    sessions = SessionManager(RedisStore(redis_url, budget=20))
    session = sessions.open(None)
    session["fine"] = 1
    session.save()
    server.hset(f"zdsession:{session.id}", mapping=fields)
    again = sessions.open(str(session.set_cookie()).split(";")[0])
    assert again.get("k", "absent") is not None
    again["new"] = 1
    again.save()
    sessions.store.close()


def test_fields_there_and_back() -> None:
    record = replace(
        a_record(real_clock(), user="ann", k=b"1"), previous=b"p" * 32, previous_until=5, previous_blank=True
    )
    flat = to_fields(record)
    fields = {
        name.encode(): value if isinstance(value, bytes) else str(value).encode()
        for name, value in zip(flat[::2], flat[1::2], strict=True)
    }
    assert from_fields(fields) == record


def test_a_restart_needs_none_of_ours(make_server: Any) -> None:
    server: Server = make_server("redis")
    store = RedisStore(server.url(), budget=2)
    assert store.load(A) is None
    server.kill()
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="redis: "):
        store.load(A)
    assert time.monotonic() - began < 2
    server.start()
    assert store.load(A) is None, "the first request after it"
    store.close()


def test_a_server_that_hangs_costs_the_budget(make_server: Any) -> None:
    server: Server = make_server("redis")
    store = RedisStore(server.url(), budget=1.2)
    store.load(A)
    server.pause()
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            store.load(A)
        assert time.monotonic() - began < 2.2, "1.2 seconds, and what a busy machine adds"
    server.resume()
    assert store.load(A) is None
    store.close()


def test_a_demoted_server_is_an_outage_and_its_promotion_ends_it(make_server: Any) -> None:
    server: Server = make_server("redis")
    clock = real_clock()
    store = RedisStore(server.url(), budget=5)
    store.create(A, a_record(clock))
    base = store.load(A)
    assert base is not None
    with redis.Redis.from_url(server.url()) as client:
        client.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailableError, match="ReadOnlyError"):
            store.save(A, base, a_change(clock, put={"k": b"1"}))
        client.replicaof("NO", "ONE")
    assert store.save(A, base, a_change(clock, put={"k": b"1"})).outcome is Outcome.SAVED
    store.close()


def test_connections_the_server_closed(server: Any, store: RedisStore) -> None:
    store.create(A, a_record(real_clock()))
    server.client_kill_filter(_type="normal", skipme=True)
    assert store.load(A) is not None, "one more try, on a fresh connection"


def test_an_index_that_names_what_is_no_session(server: Any, store: RedisStore) -> None:
    clock = real_clock()
    store.create(A, a_record(clock, user="ann"))
    server.set(f"zdsession:{B}", "text")
    (index,) = server.keys("zdsession:user:*")
    server.zadd(index, {B: clock() - 120_000})
    assert store.revoke_user("ann") == 1
    assert store.sessions_of("ann") == []
    assert server.zrange(index, 0, -1) == [A.encode()], "too young to be cleaned"


def test_all_connections_in_use(redis_url: str) -> None:
    store = RedisStore(redis_url, budget=0.6, max_connections=1)
    store.load(A)
    permits = store._server._pool().free
    assert permits.acquire(timeout=1)
    try:
        with pytest.raises(StoreUnavailableError, match="all 1 connections of this process are in use"):
            store.load(A)
    finally:
        permits.release()
    assert store.load(A) is None
    store.close()
