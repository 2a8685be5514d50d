"""The Redis store on a primary that Sentinels watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.certificates import make_certificates
from tests.servers.redis import Requests
from tests.servers.sentinel import SentinelGroup, open_sentinel
from tests.zdsession.conformance import A, StoreContract, World, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.record import Outcome
from zdsession.stores.base import every_id
from zdsession.stores.redis import RedisStore


class TestContract(StoreContract):
    @pytest.fixture
    def world(self, sentinel_url: str) -> Iterator[World]:
        clock = Clock(wait=time.sleep)
        store = RedisStore(sentinel_url, budget=20, clock=clock)
        yield store, clock
        store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(now_ms())


def test_requests_reach_the_primary_only(sentinel: SentinelGroup, sentinel_url: str, clock: Clock) -> None:
    store = RedisStore(sentinel_url, budget=20)
    store.create(A, a_record(clock))
    base = store.load(A)
    assert base is not None
    store.save(A, base, a_change(clock, put={"k": b"1"}))
    with Requests(sentinel.redises[:1]) as requests:
        assert requests.taken() == []
        store.load(A)
        assert requests.taken() == ["HGETALL"]
        store.save(A, base, a_change(clock, put={"k": b"2"}))
        assert requests.taken() == ["EVALSHA"], "and no ROLE: the Sentinels are asked once"
        sure = RedisStore(sentinel_url, budget=20, wait_replicas=1)
        sure.load(A)
        requests.taken()
        sure.save(A, base, a_change(clock, put={"k": b"3"}))
        assert requests.taken() == ["EVALSHA", "WAIT"]
        sure.touch(A, clock(), clock() + 60_000)
        assert requests.taken() == ["EVALSHA"]
        sure.close()
    store.close()


def test_a_new_primary_is_found_and_taught_the_scripts(clock: Clock) -> None:
    """And a Sentinel that is out, or hangs, is passed over."""
    with open_sentinel(replicas=1, down_after=60) as group:
        store, sure = (RedisStore(group.url(), budget=4, wait_replicas=copies) for copies in (0, 1))
        sure.create(A, a_record(clock, user="ann"))
        sure.close()
        base, life = store.load(A), store.life()
        assert base is not None
        group.sentinels[0].kill()
        group.sentinels[1].pause()
        store.close()
        assert store.load(A) == base
        group.sentinels[1].resume()

        group.failover()
        assert store.save(A, base, a_change(clock, put={"k": b"1"})).outcome is Outcome.SAVED
        assert store.life() != life, "what was not yet replicated is gone"
        assert [found.id for found in store.sessions_of("ann")] == [A]
        assert list(every_id(store)) == [A]
        store.close()


def test_an_old_primary_that_is_back_is_not_mistaken_for_the_new_one(clock: Clock) -> None:
    """It answers as a primary, without its data, until a Sentinel makes it a replica."""
    with open_sentinel(down_after=0.5) as group:
        store, sure = (RedisStore(group.url(), budget=1, wait_replicas=copies) for copies in (0, 2))
        sure.create(A, a_record(clock))
        assert store.load(A) is not None
        old = group.primary
        old.kill()
        with pytest.raises(StoreUnavailableError):
            store.load(A)
        group.wait_promoted(old)
        old.start()
        assert store.load(A) is not None
        for one in (store, sure):
            one.close()


def test_when_no_sentinel_helps(sentinel: SentinelGroup) -> None:
    gone = RedisStore("redis+sentinel://127.0.0.1:1,127.0.0.1:2/shop", budget=0.3)
    with pytest.raises(StoreUnavailableError, match=r"no Sentinel leads .* shop: 127.0.0.1:\d: .*Connection refused"):
        gone.load(A)
    other = RedisStore(sentinel.url().replace("/shop/", "/other/"), budget=0.3)
    with pytest.raises(StoreUnavailableError, match="does not watch other"):
        other.load(A)
    no_sentinel = RedisStore(f"redis+sentinel://{sentinel.primary.address}/shop", budget=0.3)
    with pytest.raises(StoreUnavailableError, match="ERR unknown command"):
        no_sentinel.load(A)


def test_a_primary_goes_on_serving_while_the_sentinels_are_out(clock: Clock) -> None:
    with open_sentinel(replicas=1, sentinels=1, down_after=60) as group:
        store = RedisStore(group.url(), budget=20)
        store.create(A, a_record(clock))
        primary = group.primary
        group.sentinels[0].kill()
        primary.ask("CLIENT", "KILL", "TYPE", "normal")
        assert store.load(A) is not None
        store.close()


def test_tls_and_logins(tmp_path: Path, clock: Clock) -> None:
    tls = make_certificates(tmp_path)
    with open_sentinel(replicas=1, sentinels=1, down_after=60, tls=tls, login=("shop", "s3cret")) as group:
        store = RedisStore(group.url(database=2), budget=20)
        store.create(A, a_record(clock))
        assert store.load(A) is not None
        assert group.primary.ask("DBSIZE") == 0, "it is in database 2"
        store.close()
        wrong = RedisStore(group.url(sentinel_password="hunter2"), budget=0.5)
        with pytest.raises(StoreUnavailableError, match="WRONGPASS") as caught:
            wrong.load(A)
        assert "hunter2" not in str(caught.value)
        wrong.close()
