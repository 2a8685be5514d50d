"""Who removes expired sessions, and when."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.zdsession.conformance import A, a_record
from tests.zdsession.helpers import Clock, Spy
from zdsession.events import subscribe
from zdsession.janitor import Janitor
from zdsession.stores import Store
from zdsession.stores.base import OFFICE_ID
from zdsession.stores.memory import MemoryStore
from zdsession.stores.sql import SWEEP_MARGIN_MS, SqlStore


def expired(store: Store, clock: Clock, count: int) -> None:
    for number in range(count):
        store.create(f"{number:064x}", a_record(clock, seconds=1))
    clock.advance(2 + SWEEP_MARGIN_MS / 1000)


def ready(store: Store, clock: Clock, **options: float) -> Janitor:
    """A janitor whose first rest is over."""
    janitor = Janitor(store, clock=clock, **options)  # type: ignore[arg-type]
    assert janitor._step() > 0, "the first round comes after a rest"
    return janitor


def test_one_node_sweeps_in_batches_and_the_others_rest(turning_store: tuple[Store, Clock]) -> None:
    store, clock = turning_store
    one, two = ready(store, clock, batch=10), ready(store, clock, batch=10)
    clock.now += 1
    assert one._step() > 40, "nothing to do"
    if isinstance(store, SqlStore | MemoryStore):
        expired(store, clock, 25)
        heard: list[object] = []
        end = subscribe(lambda event, record, fields: heard.append((event, fields.get("count"))))
        assert [one._step() > 40 for _ in range(4)] == [False, False, True, True]
        end()
        assert one.removed == 25
        assert heard == [("expired", 10), ("expired", 10), ("expired", 5)]
    assert two._step() > 40
    assert two.removed == 0


def test_the_office_passes_on_when_its_holder_dies_or_stops() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    one, two = ready(store, clock), ready(store, clock)
    one._step()
    clock.advance(100)
    two._step()
    assert two._renewed == 0
    clock.advance(30)
    two._step()
    assert two._renewed, "one was not heard of for two minutes"
    one._step()
    assert one._renewed == 0
    two.stop()
    assert store.load(OFFICE_ID) is None
    one._step()
    assert one._renewed


def test_the_holder_renews() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    one, two = ready(store, clock), ready(store, clock)
    one._step()
    for _ in range(10):
        clock.advance(50)
        one._step()
        two._step()
        assert one._renewed
        assert not two._renewed


def test_a_store_that_is_out_is_left_alone() -> None:
    clock = Clock()
    spy = Spy(MemoryStore(clock=clock))
    one = ready(spy, clock)
    spy.out = True
    assert one._step() > 40
    spy.out = False
    one._step()
    assert one._renewed


def test_the_sql_store_brings_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zdsession.janitor.CHANCE.uniform", lambda low, high: 0.0)
    clock = Clock()
    others = _janitors()  # of stores that other tests left open
    store = SqlStore(f"sqlite:///{tmp_path}/s.db", clock=clock, budget=20)
    assert _janitors() == others, "a store that is not used has no thread"
    expired(store, clock, 3)
    deadline = time.monotonic() + 30
    while store._server.run(
        lambda c: c.exec_driver_sql("SELECT COUNT(*) FROM zdsession WHERE expires < 1800000060000").scalar(),
        store._server.deadline(),
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    store.close()
    assert _janitors() == others
    store.load(A)
    assert _janitors() == others + 1, "used again after it was closed"
    store.close()


def test_turned_off(tmp_path: Path) -> None:
    others = _janitors()
    store = SqlStore(f"sqlite:///{tmp_path}/s.db", janitor=False)
    store.load(A)
    assert _janitors() == others
    store.close()


def _janitors() -> int:
    return sum(thread.name == "zdsession-janitor" for thread in threading.enumerate())
