"""The breaker opens after failures, lets one call try, and closes on success."""

from __future__ import annotations

import threading

import pytest

from tests.zdsession.helpers import Spy
from zdsession.circuit import Circuit, GuardedStore
from zdsession.errors import StoreUnavailableError
from zdsession.stores.base import Store
from zdsession.stores.memory import MemoryStore


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _fail() -> None:
    raise StoreUnavailableError("down")


def test_opens_tries_and_closes() -> None:
    ticks = Ticks()
    circuit = Circuit(failures=2, cooldown=5, clock=ticks)
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="down"):
            circuit.call(_fail)
    with pytest.raises(StoreUnavailableError, match="is out") as refused:
        circuit.call(lambda: pytest.fail("asked while open"))
    assert refused.value.retry_after == 5
    ticks.now = 5
    with pytest.raises(StoreUnavailableError, match="down"):
        circuit.call(_fail)
    with pytest.raises(StoreUnavailableError, match="is out"):
        circuit.call(lambda: None)
    ticks.now = 10
    assert circuit.call(lambda: "up") == "up"
    assert not circuit.is_open


def test_a_success_forgets_failures() -> None:
    circuit = Circuit(failures=2)
    for _ in range(5):
        with pytest.raises(StoreUnavailableError, match="down"):
            circuit.call(_fail)
        circuit.call(lambda: None)
    assert not circuit.is_open


def test_only_one_tries_at_a_time() -> None:
    ticks = Ticks()
    circuit = Circuit(failures=1, cooldown=1, clock=ticks)
    with pytest.raises(StoreUnavailableError):
        circuit.call(_fail)
    ticks.now = 1
    entered, leave = threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        assert leave.wait(10)

    thread = threading.Thread(target=circuit.call, args=(slow,))
    thread.start()
    assert entered.wait(10)
    with pytest.raises(StoreUnavailableError, match="is out"):
        circuit.call(lambda: pytest.fail("a second try"))
    leave.set()
    thread.join(10)
    assert circuit.call(lambda: 1) == 1


def test_other_errors_are_no_failure_of_the_store() -> None:
    ticks = Ticks()
    circuit = Circuit(failures=1, cooldown=1, clock=ticks)
    with pytest.raises(ZeroDivisionError):
        circuit.call(lambda: 1 / 0)
    assert not circuit.is_open
    with pytest.raises(StoreUnavailableError):
        circuit.call(_fail)
    ticks.now = 1
    with pytest.raises(ZeroDivisionError):
        circuit.call(lambda: 1 / 0)
    assert circuit.call(lambda: 1) == 1, "the try that raised must not stay under way for ever"


def test_a_guarded_store_passes_everything_on() -> None:
    spy = Spy(MemoryStore())
    guarded = GuardedStore(spy, Circuit())
    assert isinstance(guarded, Store)
    assert guarded.load("a") is None
    assert guarded.sessions_of("u") == []
    assert guarded.revoke_user("u") == 0
    assert guarded.sweep() == 0
    assert not guarded.destroy("a")
    guarded.touch("a", 1, 2)
    guarded.close()
    assert spy.calls == ["load", "sessions_of", "revoke_user", "sweep", "destroy", "touch"]
