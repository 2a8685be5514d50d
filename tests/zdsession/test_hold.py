"""The gate that delays transactions, and what a process makes of the orders it reads."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.zdsession.helpers import Spy
from zdsession import SessionManager
from zdsession.fleet import FleetMember, Gate, HoldOrder, Registry
from zdsession.fleet.hold import Obedience
from zdsession.stores.memory import MemoryStore

SOON = 30.0


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < limit, f"no {what} within {SOON} s"
        time.sleep(0.005)


class Held:
    """Remembers what a gate told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def closed(self) -> None:
        self.told.append("closed")

    def opening(self) -> None:
        self.told.append("opening")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def entering(gate: Gate, key: object, patience: float = SOON) -> threading.Thread:
    """A thread that begins a transaction, and has begun it when it ends."""
    thread = threading.Thread(target=gate.enter, args=(key, patience), daemon=True)
    thread.start()
    return thread


# --- the gate


def test_what_begins_waits_until_the_gate_opens() -> None:
    gate = Gate()
    gate.enter("first", 0)
    gate.close(SOON)
    late = entering(gate, "second")
    assert not gate.wait_until_quiet(0.05), "the first one runs"
    gate.leave("first")
    assert gate.wait_until_quiet(SOON)
    assert late.is_alive()
    gate.open()
    late.join(SOON)
    assert gate.running()[0] == 1
    assert gate.late == 0


def test_a_thread_whose_transaction_runs_may_begin_another() -> None:
    gate = Gate()
    gate.enter("outer", 0)
    gate.close(SOON)
    gate.enter("inner", SOON)
    assert gate.running()[0] == 2
    assert gate.late == 0
    gate.leave("inner")
    gate.leave("inner")
    gate.leave("outer")
    late = entering(gate, "next")
    late.join(0.05)
    assert late.is_alive(), "a new one of another thread waits"
    gate.open()
    late.join(SOON)


def test_the_lease_ends_by_this_process_s_clock_alone() -> None:
    gate, held = Gate(), Held()
    gate.attach(held)
    gate.close(0.2)
    began = time.monotonic()
    gate.enter("one", SOON)
    assert 0.1 < time.monotonic() - began < SOON / 2
    assert not gate.is_closed
    assert gate.late == 0
    assert held.told == ["closed", "opening"]


def test_whoever_is_out_of_patience_is_let_through_and_counted() -> None:
    gate = Gate()
    gate.close(SOON)
    gate.enter("one", 0.02)
    assert gate.is_closed
    assert gate.late == 1
    gate.wait(0.02)
    gate.close(SOON)
    assert gate.late == 0, "that was another order's"


def test_whoever_opens_it_is_not_held_by_it() -> None:
    gate = Gate()
    gate.close(SOON)
    with gate.aside():
        assert gate.is_aside
        gate.wait(SOON)
        gate.enter("heartbeat", SOON)
    assert not gate.is_aside
    assert gate.late == 0


def test_a_block_of_code_is_a_transaction_too() -> None:
    gate = Gate()
    with gate.transaction():
        assert gate.running()[0] == 1
    assert gate.running() == (0, 0.0)


def test_the_oldest_transaction_is_told() -> None:
    clock = Clock()
    gate = Gate(clock)
    gate.enter("one", 0)
    clock.now += 2
    gate.enter("two", 0)
    clock.now += 1
    assert gate.running() == (2, 3.0)


class GateMachine(RuleBasedStateMachine):
    """A closed gate lets nothing begin but what belongs to a running transaction, whatever happens in what order.

    One thread, with no patience: what would wait is let through at once, and counted as late.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.gate = Gate(self.clock)
        self.held = Held()
        self.gate.attach(self.held)
        self.running: list[int] = []
        self.number = 0
        self.closed_until: float | None = None
        self.late = 0

    def settle(self) -> None:
        if self.closed_until is not None and self.clock.now >= self.closed_until:
            self.closed_until = None

    @rule()
    def begin(self) -> None:
        self.settle()
        self.late += self.closed_until is not None and not self.running
        self.number += 1
        self.running.append(self.number)
        self.gate.enter(self.number, 0)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.running))
        self.running.remove(key)
        self.gate.leave(key)

    @rule(seconds=st.floats(0.5, 5))
    def close(self, seconds: float) -> None:
        self.gate.close(seconds)
        self.closed_until, self.late = self.clock.now + seconds, 0

    @rule()
    def open(self) -> None:
        self.gate.open()
        self.closed_until = None

    @rule(seconds=st.floats(0.1, 3))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def agrees(self) -> None:
        self.gate.end_if_over()
        self.settle()
        assert self.gate.running()[0] == len(self.running)
        assert self.gate.is_closed == (self.closed_until is not None)
        assert self.gate.late == self.late
        assert ("opening", "opening") not in pairwise(self.held.told), "it opens once"


GateMachine.TestCase.settings = settings(stateful_step_count=30)
TestGate = GateMachine.TestCase


def test_many_threads_and_many_orders() -> None:
    """While the process says that it holds, nothing runs; and nobody waits for ever."""
    gate, stop, running, wrong = Gate(), threading.Event(), [0], list[str]()
    counting = threading.Lock()

    def work() -> None:
        while not stop.is_set():
            with gate.transaction(SOON):
                with counting:
                    running[0] += 1
                time.sleep(0)
                with counting:
                    running[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        gate.close(SOON)
        if not gate.wait_until_quiet(SOON):
            wrong.append("it never became quiet")
        for _ in range(5):
            with counting:
                if running[0]:
                    wrong.append(f"{running[0]} ran while it was held")
        gate.open()
        time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join(SOON)
    assert wrong == []
    assert not any(thread.is_alive() for thread in threads)


# --- orders


def obedience() -> tuple[Obedience, Gate, Clock]:
    clock = Clock()
    gate = Gate(clock)
    gate.attach(Held())
    return Obedience(gate, clock), gate, clock


def order(name: str = "o1", *, obey: bool = False, lease: float = 10.0, at: int = 0) -> HoldOrder:
    return HoldOrder(name, round(lease * 1000), at, obey)


def stage(one: Obedience) -> str:
    answer = one.answer()
    return "" if answer is None else answer.stage


def test_an_order_is_heard_then_obeyed_then_over() -> None:
    one, gate, _ = obedience()
    assert (one.answer(), one.is_urgent) == (None, False)
    one.obey(order(), 0)
    assert (stage(one), gate.is_closed, one.is_urgent) == ("heard", False, True)
    gate.enter("running", 0)
    one.obey(order(obey=True), 0)
    assert (stage(one), gate.is_closed) == ("ending", True)
    gate.leave("running")
    assert stage(one) == "held"
    one.obey(None, 0)
    assert (one.answer(), gate.is_closed, one.is_urgent) == (None, False, False)


def test_the_lease_counts_from_when_it_is_held_and_an_order_is_obeyed_once() -> None:
    one, gate, clock = obedience()
    one.obey(order(lease=10), 0)
    clock.now += 6
    one.obey(order(lease=10, obey=True), 0)
    clock.now += 6
    one.tick()
    assert stage(one) == "held"
    clock.now += 5
    one.tick()
    assert (stage(one), gate.is_closed, one.is_urgent) == ("over", False, False)
    one.obey(order(lease=10, obey=True), 0)
    assert not gate.is_closed, "whoever gave it may have died"
    one.obey(order("o2", obey=True), 0)
    assert gate.is_closed, "another order is another lease"


def test_an_announcement_that_nothing_follows_is_forgotten() -> None:
    one, gate, clock = obedience()
    one.obey(order(lease=10), 0)
    clock.now += 11
    one.tick()
    assert (stage(one), one.is_urgent) == ("over", False)
    one.obey(order(lease=10, obey=True), 0)
    assert not gate.is_closed


def test_an_order_from_long_ago_is_not_obeyed_by_a_process_that_starts_now() -> None:
    one, gate, _ = obedience()
    one.obey(order(obey=True, lease=10, at=1_000_000), 1_000_000 + 10_000 + 60_000)
    assert (one.answer(), gate.is_closed) == (None, False)
    one.obey(order(obey=True, lease=10, at=1_000_000), 1_000_000 - 60_000)
    assert gate.is_closed, "a clock that is behind says nothing against it"


def test_a_process_that_saw_the_switch_by_itself_says_so() -> None:
    one, gate, _ = obedience()
    one.obey(order(obey=True), 0)
    gate.open()
    assert stage(one) == "over"
    one.obey(order(obey=True), 0)
    assert not gate.is_closed


def test_a_transaction_that_was_let_through_is_told() -> None:
    one, gate, _ = obedience()
    one.obey(order(obey=True), 0)
    gate.enter("impatient", 0)
    assert stage(one) == "late"


def test_a_gate_that_nothing_passes_answers_nothing() -> None:
    gate = Gate()
    one = Obedience(gate)
    one.obey(order(obey=True), 0)
    assert (one.answer(), gate.is_closed, gate.is_used) == (None, False, False)


# --- a member


@pytest.fixture
def spy() -> Spy:
    return Spy(MemoryStore())


@pytest.fixture
def registry(spy: Spy) -> Registry:
    return Registry(spy.store)


@pytest.fixture
def member(spy: Spy) -> Iterator[FleetMember]:
    one = FleetMember(SessionManager(spy, circuit_cooldown=0.01), version="1.0", node="a", heartbeat=0.02)
    one.gate.attach(Held())
    one.start(wait=SOON)
    yield one
    one.close()


def told(registry: Registry) -> Any:
    node = registry.node("a")
    assert node is not None
    return node.processes[0].hold


def now() -> int:
    return time.time_ns() // 1_000_000


def test_a_member_holds_and_says_so(member: FleetMember, registry: Registry) -> None:
    node = registry.node("a")
    assert node is not None
    assert node.processes[0].holds
    registry.order_hold("a", HoldOrder("o1", 20_000, now()))
    until(lambda: told(registry) is not None and told(registry).stage == "heard", "answer")
    member.gate.enter("running", 0)
    registry.order_hold("a", HoldOrder("o1", 20_000, now(), obey=True))
    until(lambda: told(registry).stage == "ending", "order to hold")
    assert told(registry).running == 1
    member.gate.leave("running")
    until(lambda: told(registry).stage == "held", "answer that it holds")
    registry.end_hold("a")
    until(lambda: told(registry) is None, "release")
    assert not member.gate.is_closed


def test_a_store_that_is_out_ends_no_hold_but_the_lease_does(member: FleetMember, registry: Registry, spy: Spy) -> None:
    registry.order_hold("a", HoldOrder("o1", 1_500, now(), obey=True))
    until(lambda: member.gate.is_closed, "hold")
    spy.out = True
    began = time.monotonic()
    member.gate.enter("one", SOON)
    assert time.monotonic() - began > 0.1
    assert not member.gate.is_closed
    spy.out = False
    until(lambda: told(registry).stage == "over", "answer after the outage")


def test_a_member_that_holds_stays_ready_while_the_store_is_frozen(spy: Spy, registry: Registry) -> None:
    sessions = SessionManager(spy, circuit_cooldown=0.01)
    one = FleetMember(sessions, version="1.0", node="a", heartbeat=0.02, patience=0.2)
    one.gate.attach(Held())
    try:
        until(lambda: one.why_unready(SOON) == [], "readiness")
        registry.order_hold("a", HoldOrder("o1", 60_000, now(), obey=True))
        until(lambda: one.gate.is_closed, "hold")
        spy.out = True
        silent = time.monotonic() + 0.5
        until(lambda: time.monotonic() > silent, "time")
        assert one.why_unready() == []
    finally:
        spy.out = False
        one.close()


def test_an_order_that_cannot_be_read_is_none(member: FleetMember, registry: Registry) -> None:
    registry._update(_record("a"), put={"hold": b"\xff"})
    assert registry.hold_of("a") is None
    registry.end_hold("a")
    registry.end_hold("a")
    registry.end_hold("nobody")
    assert registry.node("nobody") is None


def _record(node: str) -> str:
    from zdsession.fleet.registry import _node_record

    return _node_record(node)


FORKED = """
import os
from zdsession.fleet import Gate
gate = Gate()
gate.enter("of the parent", 0)
gate.close(60)
child = os.fork()
if not child:
    gate.renew()
    with gate.transaction(0):
        os._exit(0 if not gate.is_closed and gate.running()[0] == 1 and gate.late == 0 else 3)
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_child_begins_with_an_open_gate() -> None:
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=60)


def test_importing_it_is_light() -> None:
    heavy = "zdmigrate", "sqlalchemy", "alembic", "click", "rich"
    check = f"import sys, zdsession.fleet.hold; sys.exit(', '.join(set(sys.modules) & set({heavy!r})) or None)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
