"""One release at a time, by a record in any session store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from zdmigrate.run.errors import AbortedError, RefusedError
from zdmigrate.run.release import lease as leases
from zdmigrate.run.release.lease import Lease, holder_now, kept_journal
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.fleet import process
from zdsession.stores import open_store
from zdsession.stores.base import Store


@pytest.fixture(params=["memory", "redis", "mysql"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return open_store("memory://")
    return open_store(request.getfixturevalue(f"{request.param}_url"), budget=20.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_RENEW_SECONDS", 0.02)


@pytest.fixture
def died(store: Store) -> Iterator[Callable[[], None]]:
    """Takes a lease that nobody gives back or renews, as of a release that was killed."""
    dead = Lease(store)

    def die() -> None:
        dead.__enter__()
        dead._ended.set()

    yield die
    dead._thread.join()


def test_one_holds_it_and_gives_it_back(store: Store) -> None:
    with Lease(store) as first:
        first.check()
        found = holder_now(store)
        assert found is not None
        with pytest.raises(RefusedError, match="another release is at work"), Lease(store):
            pass
        first.check()
    assert holder_now(store) is None
    with Lease(store) as second:
        second.check()


def test_who_died_on_this_machine_holds_nothing(
    store: Store, died: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    died()
    monkeypatch.setattr(process, "is_gone", lambda pid, born: True)
    with Lease(store):
        pass


def test_who_died_elsewhere_holds_it_for_half_a_minute(
    store: Store, died: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = now_ms()
    monkeypatch.setattr(process, "machine", lambda: "another machine")
    died()
    monkeypatch.setattr(process, "machine", lambda: "this one")
    monkeypatch.setattr(process, "is_gone", lambda pid, born: True)
    with pytest.raises(RefusedError), Lease(store):
        pass
    monkeypatch.setattr(leases, "now_ms", lambda: now + 60_000)
    with Lease(store):
        pass


@pytest.mark.usefixtures("quick")
def test_whose_lease_was_taken_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It slept through its lease, and somebody else began."""
    sleeper = Lease(store)
    sleeper.__enter__()
    sleeper._lock.acquire()
    monkeypatch.setattr(leases.Holder, "ended", lambda self, now: True)
    with Lease(store):
        monkeypatch.undo()
        sleeper._lock.release()
        sleeper._thread.join(10)
        with pytest.raises(AbortedError, match="was taken over by"):
            sleeper.check()
        sleeper.__exit__()
        assert holder_now(store) is not None, "it does not give back what is not its own"


@pytest.mark.usefixtures("quick")
def test_who_slept_through_a_whole_release_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease is free again, but what the sleeper knows of the nodes is no longer so."""
    with Lease(store) as sleeper:
        sleeper._lock.acquire()
        with monkeypatch.context() as late:
            late.setattr(leases.Holder, "ended", lambda self, now: True)
            with Lease(store):
                pass
        sleeper._lock.release()
        sleeper._thread.join(10)
        with pytest.raises(AbortedError, match="was taken over by"):
            sleeper.check()
    assert holder_now(store) is None


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("held_before", [False, True])
def test_a_store_that_went_back_takes_nothing_away(held_before: bool, redis_url: str) -> None:
    """A failover lost the last writes: the lease is as it was before the release took it."""
    with closing(open_store(redis_url)) as store, redis.Redis.from_url(redis_url) as client:
        if held_before:
            with Lease(store):
                pass
        before = {key: client.dump(key) for key in client.scan_iter()}
        with Lease(store) as lease:
            with lease._lock:
                mine = holder_now(store)
                client.flushdb()
                for key, value in before.items():
                    client.restore(key, 0, value)
                assert holder_now(store) is None
            limit = time.monotonic() + 30
            while (found := holder_now(store)) is None:
                assert time.monotonic() < limit, "it was not taken back"
                time.sleep(0.01)
            assert mine is not None
            assert found.token == mine.token
            lease.check()


def test_the_journal_is_kept_beside_it(store: Store) -> None:
    assert kept_journal(store) is None
    with Lease(store) as lease:
        lease.keep({"id": "a", "serial": 1})
        lease.keep({"id": "a", "serial": 2})
    assert kept_journal(store) == {"id": "a", "serial": 2}


@pytest.mark.usefixtures("quick")
def test_an_outage_takes_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://")

    def out(*given: Any) -> Any:
        raise StoreUnavailableError("out")

    with Lease(store) as lease:
        with monkeypatch.context() as outage:
            outage.setattr(store, "load", out)
            lease.keep({"id": "a"})
            lease._ended.wait(0.1)
            lease.check()
        lease.check()
    assert holder_now(store) is None
