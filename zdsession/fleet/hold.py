"""Delaying transactions for a moment, so that a switchover of the database aborts none.

The tool writes an order to hold for each node; each process obeys what it has read, answers in its heartbeat, and goes
on by itself when the lease is over by its own clock: the store may live in the very server that is being frozen, and
the tool may die. First the order is only announced (processes then look often), then it is to be obeyed, so that
all processes begin to hold at about the same time.

:class:`Gate` is what transactions pass; ``zdmigrate.engine.follow_primary(…, fleet=member)`` puts it into an engine.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Literal, Protocol

import msgspec

log = logging.getLogger("zdsession.fleet")

#: By how much the clocks of two machines may differ, in milliseconds.
_SKEW_MS = 5_000

#: heard: read, not to be obeyed yet; ending: nothing new begins, something still runs; held: nothing runs;
#: late: something was let through because its own patience was over; over: the lease ended, everything goes on.
Stage = Literal["heard", "ending", "held", "late", "over"]


class HoldOrder(msgspec.Struct, frozen=True):
    """That the processes of a node are to delay transactions.

    Attributes:
        id: unique for all time.
        lease_ms: each process goes on by itself so long after it began to hold, by its own clock; an announcement is
            forgotten after as long.
        at: when it was written, by the writer's clock, in milliseconds since the epoch.
        obey: False announces it only.
    """

    id: str
    lease_ms: int
    at: int
    obey: bool = False

    def is_stale(self, now: int) -> bool:
        """Whether whoever wrote it cannot wait for it any more, as far as two clocks can tell."""
        return now > self.at + self.lease_ms + _SKEW_MS


class HoldAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a process made of an order.

    Attributes:
        order: its id.
        stage: how far it is.
        running: transactions that have not ended.
        longest_ms: for how long the oldest of them has run.
    """

    order: str
    stage: Stage
    running: int = 0
    longest_ms: int = 0


class Held(Protocol):
    """What a gate tells those who let transactions through it. Neither may wait for anything, nor raise."""

    def closed(self) -> None:
        """Transactions are delayed from now on."""

    def opening(self) -> None:
        """They are about to go on; the database may be another than before."""


class Gate:
    """What transactions of this process pass: closed, it delays those that begin, and counts those that run.

    A thread that runs one may begin more: they are part of it, and it could not end without them. For all threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._attached: list[Held] = []
        self._aside = threading.local()
        self.renew()

    def renew(self) -> None:
        """Be open, with nothing running: in a child process, whose parent's threads are not there."""
        self._changed = threading.Condition(threading.RLock())
        self._running: dict[Hashable, tuple[int, float]] = {}
        self._until: float | None = None
        self._late = 0

    def attach(self, held: Held) -> None:
        """Have somebody told when it closes and opens. From now on the process says that it can hold."""
        self._attached.append(held)

    @property
    def is_used(self) -> bool:
        """Whether transactions pass it at all."""
        return bool(self._attached)

    @property
    def is_closed(self) -> bool:
        """Whether what begins now is delayed."""
        return self._until is not None

    @property
    def late(self) -> int:
        """How many were let through while it was closed, because their patience was over."""
        return self._late

    def running(self) -> tuple[int, float]:
        """How many transactions run, and for how many seconds the oldest has."""
        with self._changed:
            since = [began for _, began in self._running.values()]
        return len(since), self._clock() - min(since) if since else 0.0

    # --- transactions

    def wait(self, patience: float) -> None:
        """Wait until it is open, for at most so many seconds; a thread whose transaction runs does not wait."""
        with self._changed:
            self._wait(patience)

    def enter(self, key: Hashable, patience: float) -> None:
        """A transaction begins, as soon as the gate is open or ``patience`` seconds are over. Twice is once."""
        with self._changed:
            if key not in self._running and not self.is_aside:
                self._wait(patience)
                self._late += self.is_closed and not self._is_ours()
                self._running[key] = threading.get_ident(), self._clock()

    def leave(self, key: Hashable) -> None:
        """It has ended. Twice is once."""
        with self._changed:
            if self._running.pop(key, None) is not None and not self._running:
                self._changed.notify_all()

    @property
    def is_aside(self) -> bool:
        """Whether this thread passes as if there were no gate."""
        return getattr(self._aside, "on", False)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Inside, this thread passes as if there were no gate: for whoever opens it."""
        self._aside.on = True
        try:
            yield
        finally:
            self._aside.on = False

    @contextmanager
    def transaction(self, patience: float = 10.0) -> Iterator[None]:
        """For code that talks to the database without such an engine: ``with member.gate.transaction(): …``"""
        key = object()
        self.enter(key, patience)
        try:
            yield
        finally:
            self.leave(key)

    # --- orders

    def close(self, seconds: float) -> None:
        """Delay what begins from now on, for at most so many seconds."""
        with self._changed:
            self._until, self._late = self._clock() + seconds, 0
            for held in self._attached:
                held.closed()

    def open(self) -> None:
        """Let everything go on. Twice is once."""
        with self._changed:
            if self._until is None:
                return
            for held in self._attached:  # first, so that nobody goes on with what was true before
                held.opening()
            self._until = None
            self._changed.notify_all()

    def wait_until_quiet(self, seconds: float) -> bool:
        """Wait until nothing runs, for at most so many seconds; whether nothing does."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, seconds)

    def end_if_over(self) -> bool:
        """Open it if its time is over; whether it is open."""
        with self._changed:
            if self._until is not None and self._clock() >= self._until:
                log.warning("transactions were held for as long as they may be and go on: nobody released them")
                self.open()
            return self._until is None

    def _wait(self, patience: float) -> None:
        end = self._clock() + patience
        while not self.end_if_over() and not self._is_ours() and (left := end - self._clock()) > 0:
            assert self._until is not None
            self._changed.wait(max(0.001, min(left, self._until - self._clock())))

    def _is_ours(self) -> bool:
        """Whether a transaction of this very thread runs, or it has nothing to do with all this."""
        me = threading.get_ident()
        return self.is_aside or any(thread == me for thread, _ in self._running.values())


class Obedience:
    """What a process makes of the orders it reads. Belongs to the thread of its heartbeats.

    Args:
        gate: what it closes.
        clock: monotonic, in seconds.
    """

    def __init__(self, gate: Gate, clock: Callable[[], float] = time.monotonic) -> None:
        self.gate = gate
        self._clock = clock
        self._order: HoldOrder | None = None
        self._until = 0.0
        self._closed = False
        self._over = False

    @property
    def is_urgent(self) -> bool:
        """Whether the next order has to be read soon."""
        return self._order is not None and not self._over

    def obey(self, order: HoldOrder | None, now: int) -> None:
        """What was read: the order, or that there is none. Not called when the store could not be read.

        Args:
            order: of this node.
            now: milliseconds since the epoch.
        """
        self.tick()
        if order is None or not self.gate.is_used or (self._is_new(order) and order.is_stale(now)):
            self._end()
            return
        if self._is_new(order):
            self._end()
            self._until = self._clock() + order.lease_ms / 1000
        self._order = order
        if order.obey and not self._closed and not self._over:
            self._closed, seconds = True, order.lease_ms / 1000
            self._until = self._clock() + seconds
            log.info("transactions are held, for at most %.1f s", seconds)
            self.gate.close(seconds)

    def tick(self) -> None:
        """Time passes, whether the store answers or not."""
        if self._order is None or self._over:
            return
        if self._clock() >= self._until:
            self.gate.end_if_over()
            self.gate.open()
            self._over = True

    def answer(self) -> HoldAnswer | None:
        """What this process makes of the order, to be written into its entry."""
        if self._order is None:
            return None
        running, longest = self.gate.running()
        return HoldAnswer(self._order.id, self._stage(running), running, round(longest * 1000))

    def _stage(self, running: int) -> Stage:
        if self._over:
            return "over"
        if not self._closed:
            return "heard"
        if not self.gate.is_closed:  # it saw by itself that the database has moved
            return "over"
        if self.gate.late:
            return "late"
        return "ending" if running else "held"

    def _is_new(self, order: HoldOrder) -> bool:
        return self._order is None or order.id != self._order.id

    def _end(self) -> None:
        if self._closed:
            self.gate.open()
        self._order, self._closed, self._over = None, False, False
