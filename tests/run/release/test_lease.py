"""One release at a time, by a record in any session store."""

from __future__ import annotations

from typing import Any

import pytest

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


def test_who_died_on_this_machine_holds_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Lease(store)
    dead.__enter__()
    monkeypatch.setattr(process, "is_gone", lambda pid, born: True)
    with Lease(store):
        pass


def test_who_died_elsewhere_holds_it_for_half_a_minute(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = now_ms()
    dead = Lease(store)
    monkeypatch.setattr(process, "machine", lambda: "another machine")
    dead.__enter__()
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
