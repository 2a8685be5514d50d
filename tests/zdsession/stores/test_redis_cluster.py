"""The Redis store on a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from tests.servers.binaries import find
from tests.servers.certificates import make_certificates
from tests.servers.cluster import ClusterNode, RedisCluster, open_cluster
from tests.servers.redis import Group, Requests, moved
from tests.zdsession.conformance import A, StoreContract, World, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.record import Binding, Outcome
from zdsession.stores.base import every_id
from zdsession.stores.redis import RedisStore
from zdsession.stores.redis_cluster import slot_of

IDS = [f"{number:064x}" for number in range(60)]
KEY = f"zdsession:{A}"


class TestContract(StoreContract):
    @pytest.fixture
    def world(self, cluster_url: str) -> Iterator[World]:
        clock = Clock(wait=time.sleep)
        store = RedisStore(cluster_url, budget=20, clock=clock)
        yield store, clock
        store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(now_ms())


@pytest.fixture
def store(cluster_url: str) -> Iterator[RedisStore]:
    store = RedisStore(cluster_url, budget=20)
    yield store
    store.close()


@given(st.text())
def test_slots_are_those_of_the_specification(key: str) -> None:
    assert slot_of(key) == key_slot(key.encode())


def test_a_page_costs_what_it_does_on_one_server(cluster: RedisCluster, store: RedisStore, clock: Clock) -> None:
    store.create(A, a_record(clock))
    base = store.load(A)
    assert base is not None
    store.save(A, base, a_change(clock, put={"k": b"1"}))
    with Requests(cluster.nodes) as requests:
        assert requests.taken() == []
        store.load(A)
        assert requests.taken() == ["HGETALL"]
        store.save(A, base, a_change(clock, put={"k": b"2"}))
        assert requests.taken() == ["EVALSHA"]


def test_a_users_sessions_on_all_nodes(cluster: RedisCluster, store: RedisStore, clock: Clock) -> None:
    for record_id in IDS:
        store.create(record_id, a_record(clock, user="ann"))
    owners = {cluster.owner(f"zdsession:{record_id}").port for record_id in IDS}
    assert len(owners) == 3
    assert {found.id for found in store.sessions_of("ann")} == set(IDS)
    assert set(every_id(store)) == set(IDS)
    turned_away = moved(cluster.nodes)
    with Requests(cluster.nodes) as requests:
        assert store.revoke_user("ann", keep=IDS[0]) == len(IDS) - 1
        assert requests.taken().count("EVAL") == len(IDS) - 1
    assert moved(cluster.nodes) == turned_away, "each node is asked for what it owns"
    assert [found.id for found in store.sessions_of("ann")] == [IDS[0]]


def test_a_slot_that_moves(cluster: RedisCluster, store: RedisStore, clock: Clock) -> None:
    """Half way, what is there is served by the source and what is made by the target; afterwards one MOVED says all."""
    neighbour, source = _same_slot(KEY), cluster.owner(KEY)
    target = next(node for node in cluster.nodes if node is not source)
    store.create(A, a_record(clock))
    base = store.load(A)
    assert base is not None

    def half_way() -> None:
        assert store.save(A, base, a_change(clock, put={"k": b"1"})).outcome is Outcome.SAVED
        assert store.create(neighbour, a_record(clock))
        made = store.load(neighbour)
        assert made is not None
        assert store.save(neighbour, made, a_change(clock, put={"k": b"2"}, binding=Binding("ann"))).record is not None
        with pytest.raises(redis.ResponseError, match=f"{slot_of(KEY)} 127"):
            source.ask("EXISTS", f"zdsession:{neighbour}")

    try:
        cluster.move_slot(KEY, target, half_way)
        turned_away = moved(cluster.nodes)
        for _ in range(3):
            record = store.load(A)
            assert record is not None
            assert record.values == {"k": b"1"}
        assert moved(cluster.nodes) == turned_away + 1
        assert {found.id for found in store.sessions_of("ann")} == {neighbour}
        assert store.revoke_user("ann") == 1
        assert store.load(neighbour) is None
    finally:
        cluster.move_slot(KEY, source)


def test_replicas_take_over(clock: Clock) -> None:
    with open_cluster(replicas=1) as cluster:
        store = RedisStore(cluster.url(), budget=20, wait_replicas=1)
        for record_id in IDS:
            store.create(record_id, a_record(clock, user="ann"))
        base, life = store.load(IDS[0]), store.life()
        assert base is not None
        first = cluster.owner(f"zdsession:{IDS[0]}")
        replica = cluster.replica_of(first)
        found, cursor = store.scan(limit=5)
        cluster.promote(replica)
        assert store.save(IDS[0], base, a_change(clock, put={"k": b"1"})).outcome is Outcome.SAVED
        assert store.life() != life
        while cursor:
            more, cursor = store.scan(cursor, limit=5)
            found += more
        assert set(found) == set(IDS), "begun anew"
        assert store.revoke_user("ann") == len(IDS)
        store.close()


def test_slots_nobody_serves(clock: Clock) -> None:
    with open_cluster(timeout=60, args=("--cluster-require-full-coverage", "no")) as cluster:
        store = RedisStore(cluster.url(), budget=1)
        store.create(A, a_record(clock))
        owner = cluster.owner(KEY)
        owner.kill()
        with pytest.raises(StoreUnavailableError, match=f"redis {owner.address}: "):
            store.load(A)
        others = [record_id for record_id in IDS if cluster.owner(f"zdsession:{record_id}") is not owner]
        for record_id in others:
            assert store.load(record_id) is None, "the other nodes go on"
        store.close()


@pytest.mark.soak
def test_tls_and_a_login(tmp_path: Path, clock: Clock) -> None:
    with open_cluster(timeout=60, tls=make_certificates(tmp_path), login=("shop", "s3cret")) as cluster:
        store = RedisStore(cluster.url(), budget=20)
        for record_id in IDS:
            assert store.create(record_id, a_record(clock, user="ann"))
        assert store.revoke_user("ann") == len(IDS)
        store.close()


def test_a_cluster_without_slots() -> None:
    with Group() as group:
        node = group.add(ClusterNode(find("redis")))
        store = RedisStore(f"redis+cluster://{node.address}", budget=0.3)
        for ask in (lambda: store.load(A), store.life, store.scan):
            with pytest.raises(StoreUnavailableError, match="no node of the cluster serves"):
                ask()
        store.close()


def test_a_server_that_is_no_cluster(redis_url: str) -> None:
    store = RedisStore(redis_url.replace("redis://", "redis+cluster://"), budget=0.3)
    with pytest.raises(StoreUnavailableError, match="cluster support disabled"):
        store.load(A)
    store.close()


def _same_slot(key: str) -> str:
    """A record id whose key shares the slot of ``key``."""
    wanted = slot_of(key)
    return next(one for n in range(10**7) if slot_of(f"zdsession:{(one := f'{n:064x}')}") == wanted)
