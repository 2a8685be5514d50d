"""The Redis store on Valkey: alone, under Sentinels, as a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.servers.binaries import Binary
from tests.servers.cluster import open_cluster
from tests.servers.redis import RedisProcess, find_valkey, open_redis
from tests.servers.sentinel import open_sentinel
from tests.zdsession.conformance import StoreContract, World, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession.clock import now_ms
from zdsession.record import Outcome
from zdsession.stores.base import every_id
from zdsession.stores.redis import RedisStore

IDS = [f"{number:064x}" for number in range(20)]


@pytest.fixture(scope="module")
def valkey() -> Binary:
    return find_valkey()


@pytest.fixture(scope="module")
def server(valkey: Binary) -> Iterator[RedisProcess]:
    server = open_redis(binary=valkey)
    yield server
    server.close()


class TestContract(StoreContract):
    @pytest.fixture
    def world(self, server: RedisProcess) -> Iterator[World]:
        server.ask("FLUSHALL")
        clock = Clock(wait=time.sleep)
        store = RedisStore(server.url(), budget=20, clock=clock)
        yield store, clock
        store.close()


def test_it_is_valkey(server: RedisProcess) -> None:
    assert b"server_name:valkey" in server.ask("INFO", "server")


@pytest.mark.soak
def test_sentinels_and_a_failover(valkey: Binary) -> None:
    with open_sentinel(replicas=1, sentinels=1, down_after=60, binary=valkey) as group:
        use(group.url(), group.failover)


@pytest.mark.soak
def test_a_cluster_and_a_failover(valkey: Binary) -> None:
    with open_cluster(replicas=1, binary=valkey) as cluster:
        replica = cluster.replica_of(cluster.owner(f"zdsession:{IDS[0]}"))
        use(cluster.url(), lambda: cluster.promote(replica))


def use(url: str, fail_over: Callable[[], object]) -> None:
    """Write before a failover and after it, to what was written before."""
    clock = Clock(now_ms())
    store, sure = (RedisStore(url, budget=20, wait_replicas=copies) for copies in (0, 1))
    for record_id in IDS:
        assert sure.create(record_id, a_record(clock, user="ann"))
    base, life = store.load(IDS[0]), store.life()
    assert base is not None
    fail_over()
    assert store.save(IDS[0], base, a_change(clock, put={"k": b"1"})).outcome is Outcome.SAVED
    assert store.life() != life
    assert set(every_id(store)) == set(IDS)
    assert store.revoke_user("ann") == len(IDS)
    for one in (store, sure):
        one.close()
