"""What only the Redis store does, on a real server."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.servers import Server
from tests.servers.binaries import find
from tests.servers.certificates import make_certificates
from tests.servers.cluster import open_cluster
from tests.servers.redis import Group, RedisProcess, open_redis, wait_until
from tests.servers.sentinel import open_sentinel
from tests.zdsession.conformance import NEW, OLD, A, B, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession import SessionManager
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.record import Binding, Outcome, Rotation
from zdsession.stores.base import Scannable, every_id
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
    record = from_fields([part for pair in fields.items() for part in pair])
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
    sent = [part if isinstance(part, bytes) else str(part).encode() for part in to_fields(record)]
    assert from_fields(sent) == record
    assert from_fields(sent[:-1]) is None, "a field without a value"


def test_a_restart_needs_none_of_ours(make_server: Any) -> None:
    server: Server = make_server("redis")
    store = RedisStore(server.url(), budget=1)
    assert store.load(A) is None
    server.kill()
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match=r"redis 127.0.0.1:\d+: ConnectionRefusedError"):
        store.load(A)
    assert time.monotonic() - began < 2
    server.start()
    assert store.load(A) is None, "the first request after it"
    store.close()


def test_a_restart_shorter_than_the_budget_is_a_pause(make_server: Any) -> None:
    server: Server = make_server("redis")
    store = RedisStore(server.url(), budget=20)
    assert store.load(A) is None
    server.kill()
    restart = threading.Timer(0.3, server.start)
    restart.start()
    assert store.load(A) is None
    restart.join()
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
        assert time.monotonic() - began < 3.2, "1.2 seconds, and what a busy machine adds"
    server.resume()
    assert store.load(A) is None
    store.close()


def test_a_demoted_server_is_an_outage_and_its_promotion_ends_it(make_server: Any) -> None:
    server: Server = make_server("redis")
    clock = real_clock()
    store = RedisStore(server.url(), budget=1)
    store.create(A, a_record(clock))
    base = store.load(A)
    assert base is not None
    with redis.Redis.from_url(server.url()) as client:
        client.replicaof("127.0.0.1", 1)
        with pytest.raises(StoreUnavailableError, match="READONLY"):
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
    node = store._redis._topology().nodes()[0]
    taken = node._connections._free.pop()
    try:
        with pytest.raises(StoreUnavailableError, match="all connections of this process are in use"):
            store.load(A)
    finally:
        node._connections._free.append(taken)
    assert store.load(A) is None
    store.close()


def test_names_all_records(server: Any, redis_url: str) -> None:
    store, other = (RedisStore(redis_url, budget=20, prefix=prefix) for prefix in ("a*[b]", "a"))
    ids = {f"{number:064x}" for number in range(300)}
    for record_id in ids:
        store.create(record_id, a_record(real_clock(), user="ann"))
    other.create(A, a_record(real_clock()))
    assert isinstance(store, Scannable)
    assert set(every_id(store)) == ids
    assert list(every_id(other)) == [A]
    found, cursor = store.scan(limit=10)
    assert cursor
    stale = "0" * 16 + cursor[16:]
    assert store.scan(stale, limit=10) == (found, cursor), "from another life: begun anew"
    for one in (store, other):
        one.close()


def test_another_life_after_a_restart(make_server: Any) -> None:
    server: Server = make_server("redis")
    store = RedisStore(server.url(), budget=20)
    first = store.life()
    assert store.life() == first
    server.restart()
    assert store.life() != first
    store.close()


def test_a_wrong_password_is_told_apart_and_not_shown() -> None:
    server = open_redis(login=("shop", "s3cret"))
    try:
        right = RedisStore(server.url(), budget=20)
        assert right.load(A) is None
        right.close()
        for userinfo, words in (("shop:hunter2@", "WRONGPASS"), ("", "NOAUTH")):
            wrong = RedisStore(f"redis://{userinfo}{server.address}", budget=20)
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError, match=words) as caught:
                wrong.load(A)
            assert time.monotonic() - began < 10, "not tried again"
            assert "hunter2" not in str(caught.value)
            wrong.close()
    finally:
        server.close()


def test_tls(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    server = open_redis(tls=certificates, login=("shop", "s3cret"))
    try:
        trusting = RedisStore(server.url("3"), budget=20)
        assert trusting.create(A, a_record(real_clock(), k=b"x" * 200_000))
        assert trusting.load(A) is not None
        trusting.close()
        address = server.address
        for url, words in (
            (f"rediss://{address}", "certificate is not trusted"),
            (f"redis://shop:s3cret@{address}", "redis "),
        ):
            store = RedisStore(url, budget=1)
            with pytest.raises(StoreUnavailableError, match=words):
                store.load(A)
            store.close()
        careless = RedisStore(f"rediss://shop:s3cret@{address}/3?ssl_cert_reqs=none", budget=20)
        assert careless.load(A) is not None
        careless.close()
    finally:
        server.close()


def test_waits_for_replicas_or_says_no() -> None:
    with open_sentinel(replicas=1, sentinels=0) as group:
        clock = real_clock()
        store = RedisStore(group.primary.url(), budget=20, wait_replicas=1)
        assert store.create(A, a_record(clock, user="ann"))
        (replica,) = group.replicas
        assert replica.ask("EXISTS", KEY) == 1
        replica.pause()
        store.close()
        store = RedisStore(group.primary.url(), budget=1, wait_replicas=1)
        base = store.load(A)
        assert base is not None, "reading waits for nobody"
        store.touch(A, clock(), clock() + 60_000)
        for write in (
            lambda: store.save(A, base, a_change(clock, put={"k": b"1"})),
            lambda: store.revoke_user("ann"),
            lambda: store.destroy(A),
        ):
            with pytest.raises(StoreUnavailableError, match="0 of 1 replicas"):
                write()
        replica.resume()
        store.close()


def test_a_primary_demoted_while_it_waits_has_saved_nothing() -> None:
    with open_sentinel(replicas=1, sentinels=0) as group:
        primary, (replica,) = group.primary, group.replicas
        store = RedisStore(primary.url(), budget=2, wait_replicas=1)
        replica.pause()
        with ThreadPoolExecutor(1) as thread:
            created = thread.submit(store.create, A, a_record(real_clock()))
            wait_until(lambda: primary.ask("EXISTS", KEY), "the record on the primary")
            primary.ask("REPLICAOF", "127.0.0.1", "1")
            with pytest.raises(StoreUnavailableError):
                created.result(20)
        store.close()


def test_a_cluster_asked_as_one_server_says_so() -> None:
    with open_cluster() as cluster:
        store = RedisStore(cluster.nodes[0].url(), budget=20)
        elsewhere = next(f"{n:064x}" for n in range(99) if cluster.owner(f"zdsession:{n:064x}") is not cluster.nodes[0])
        with pytest.raises(StoreUnavailableError, match=r"redis\+cluster"):
            store.load(elsewhere)
        store.close()


def test_the_documented_rights_are_enough() -> None:
    """Those of `docs/sessions.md`, on one server, under a Sentinel with replicas to wait for, and on a cluster."""
    text = Path(__file__).parents[3].joinpath("docs/sessions.md").read_text()
    (rights,) = re.findall(r"^ACL SETUSER shop on >secret (.*)$", text, re.MULTILINE)
    with Group() as alone, open_sentinel(replicas=1, sentinels=1, down_after=60) as group, open_cluster() as cluster:
        server = alone.add(RedisProcess(find("redis")))
        for one in (server, *group.redises, *cluster.nodes):
            one.ask("ACL", "SETUSER", "shop", "on", ">secret", *rights.split())
        for url, copies in ((server.url("1"), 0), (group.url(), 1), (cluster.url(), 0)):
            store = RedisStore(url.replace("://", "://shop:secret@"), budget=20, wait_replicas=copies)
            _use_everything(store)
            store.close()


def _use_everything(store: RedisStore) -> None:
    clock = real_clock()
    for record_id in (A, B):
        assert store.create(record_id, a_record(clock, user="ann", old=b"1"))
    base = store.load(A)
    assert base is not None
    change = a_change(
        clock, put={"k": b"1"}, drop=frozenset({"old"}), rotation=Rotation(NEW, 1, 2), swap={"k": (b"", b"")}
    )
    assert store.save(A, base, change).record is not None
    assert store.save(A, base, a_change(clock, binding=Binding("bob"))).record is not None
    assert store.save(A, base, a_change(clock, binding=Binding(None))).record is not None
    store.touch(A, clock(), clock() + 60_000)
    assert set(every_id(store)) == {A, B}
    assert store.life() == store.life()
    assert len(store.sessions_of("ann")) == 1
    assert store.revoke_user("ann") == 1
    assert store.destroy(A)
