"""Which node is writable now: asked of the nodes themselves, all at once, within a budget.

Nothing here decides who ought to be primary; the servers say who is. While nobody is (a switchover is under way), one
thread of the process keeps asking over one connection a node, and the others wait for what it finds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from zdmigrate.engine_errors import NoPrimaryError, TwoPrimariesError, is_refused, text_of

log = logging.getLogger("zdmigrate.engine")

#: Seconds that a search waits to hear from every node before it believes the one that is writable.
HEAR_ALL = 0.5
#: Seconds between two questions to a node while nobody is writable.
ASK_EVERY = 0.02
#: Seconds before a node that cannot be reached is tried again.
RETRY_AFTER = 0.1

#: Aurora's readers and servers started read-only show it in innodb_read_only.
WRITABLE = "SELECT @@GLOBAL.read_only + @@GLOBAL.innodb_read_only = 0"

#: When the work in hand must be over, by time.monotonic(); set by `bounded`.
_deadline: ContextVar[float | None] = ContextVar("zdmigrate_engine_deadline", default=None)


@contextmanager
def bounded(seconds: float) -> Iterator[float]:
    """Inside, every search ends within `seconds` altogether, or with an enclosing one's; the value is when."""
    outer = _deadline.get()
    end = time.monotonic() + seconds
    token = _deadline.set(end if outer is None else min(end, outer))
    try:
        yield _deadline.get() or end
    finally:
        _deadline.reset(token)


def time_left() -> float:
    """Seconds until the work in hand must be over; infinite outside `bounded`."""
    end = _deadline.get()
    return float("inf") if end is None else max(0.0, end - time.monotonic())


@dataclass(frozen=True, slots=True)
class Target:
    """One node, as its driver is called.

    Attributes:
        name: host:port.
        arguments: keyword arguments of the driver's `connect` in which it differs from the first node.
    """

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a node said last.

    Attributes:
        writable: None when it did not say.
        asked: when the question was sent, by time.monotonic().
        said: for people.
        error: what the driver raised.
    """

    writable: bool | None
    asked: float
    said: str
    error: Exception | None = None


@dataclass(slots=True)
class Place:
    """Where a pooled connection leads.

    Attributes:
        generation: of the primary it was opened to; an older one than the finder's is stale.
        checked: when the node was last seen to be writable, by time.monotonic().
    """

    target: Target
    generation: int
    checked: float


Connect = Callable[[Target], Any]


def ask(connection: Any) -> bool:
    """Whether the node at the other end takes writes."""
    cursor = connection.cursor()
    try:
        cursor.execute(WRITABLE)
        row = cursor.fetchone()
    finally:
        cursor.close()
    return bool(row and row[0])


def decide(seen: Sequence[Seen | None], *, all_heard: bool, conflict_since: float | None) -> list[int]:
    """Which nodes are primary, by index: one when it is found, several in a split brain, none to go on asking.

    Several writable ones count only when all said so again after it was first noticed: of two answers, one may be older
    than the switch between them.
    """
    writable = [index for index, item in enumerate(seen) if item is not None and item.writable]
    if len(writable) > 1:
        asked = [item.asked for item in seen if item is not None and item.writable]
        return writable if conflict_since is not None and min(asked) > conflict_since else []
    return writable if all_heard or None not in seen else []


class Probe(threading.Thread):
    """Asks one node again and again until it is told to stop."""

    def __init__(self, target: Target, connect: Connect, told: threading.Condition) -> None:
        super().__init__(name=f"zdmigrate-probe-{target.name}", daemon=True)
        self.seen: Seen | None = None
        self._target = target
        self._connect = connect
        self._told = told
        self._stop_now = threading.Event()

    def finish(self) -> None:
        """End it; not waited for, since its node may not answer."""
        self._stop_now.set()

    def run(self) -> None:
        """See `threading.Thread.run`."""
        connection: Any = None
        while not self._stop_now.is_set():
            asked, pause = time.monotonic(), ASK_EVERY
            try:
                if connection is None:
                    connection = self._connect(self._target)
                    asked = time.monotonic()
                writable = ask(connection)
                self._tell(Seen(writable, asked, f"{self._target.name} is {'writable' if writable else 'read-only'}"))
            except Exception as error:  # of whatever driver; it is what the node said
                self._tell(Seen(None, asked, f"{self._target.name}: {text_of(error)}", error))
                _close(connection)
                connection, pause = None, RETRY_AFTER
            self._stop_now.wait(pause)
        _close(connection)

    def _tell(self, seen: Seen) -> None:
        with self._told:
            self.seen = seen
            self._told.notify_all()


class PrimaryFinder:
    """Finds the writable node and remembers it until somebody saw it change. For use by many threads.

    Attributes:
        generation: counts the times that the primary was found to have gone.
        probe: opens a connection that is only asked; None until somebody connected.
    """

    def __init__(self, targets: Sequence[Target], budget: float) -> None:
        self.generation = 0
        self.probe: Connect | None = None
        self._targets = tuple(targets)
        self._doubted = float("-inf")
        self._budget = budget
        self._known: Target | None = None
        self._searching = threading.Lock()
        self._state = threading.Lock()

    @property
    def first(self) -> Target:
        """The node whose arguments SQLAlchemy passes."""
        return self._targets[0]

    @property
    def targets(self) -> tuple[Target, ...]:
        """All nodes."""
        return self._targets

    @property
    def known(self) -> Place | None:
        """The primary, as far as it is known, without a connection."""
        generation, target = self.generation, self._known
        return None if target is None else Place(target, generation, self._doubted)

    def after_fork(self) -> None:
        """In a child process: a lock that was held at the fork would never be given back."""
        self._searching = threading.Lock()
        self._state = threading.Lock()

    def connect(self, connect: Connect, probe: Connect) -> tuple[Any, Place]:
        """A connection to the primary, seen to be writable after it was opened.

        Args:
            connect: opens a connection for the app.
            probe: opens one that is only asked, and never waits long for an answer.

        Raises:
            NoPrimaryError: not within the budget.
            TwoPrimariesError: more than one node is writable.
            Exception: the driver's own, when every node refuses the account.
        """
        self.probe = probe
        with bounded(self._budget) as deadline:
            while True:
                generation, target = self.generation, self._known or self._search(probe, deadline)
                try:
                    connection = connect(target)
                    try:
                        checked = time.monotonic()
                        if ask(connection):
                            return connection, Place(target, generation, checked)
                    except BaseException:
                        _close(connection)
                        raise
                    _close(connection)
                    said = f"{target.name} is read-only"
                except Exception as error:  # of whatever driver
                    said = f"{target.name}: {text_of(error)}"
                self._forget(generation)
                if time.monotonic() > deadline:
                    raise NoPrimaryError(self._budget, [said])
                time.sleep(ASK_EVERY)

    def is_current(self, place: Place, connection: Any, check_every: float) -> bool:
        """Whether a pooled connection still leads to the primary; asks the node when that is some time ago.

        Raises:
            Exception: the driver's own, when the connection is of no use.
        """
        if place.generation != self.generation:
            return False
        now = time.monotonic()
        if place.checked > self._doubted and now - place.checked < check_every:
            return True
        if not ask(connection):
            self.moved(place)
            return False
        place.checked = now
        return True

    def moved(self, place: Place) -> None:
        """The node of this connection is not the primary any more."""
        if self._forget(place.generation):
            log.info("%s is read-only now; looking for the primary", place.target.name)

    def moved_to(self, place: Place, target: Target) -> None:
        """The node of this place is not the primary any more; that one takes writes."""
        with self._state:
            if place.generation == self.generation:
                self.generation += 1
                self._known = target
                log.info("%s is the primary after %s", target.name, place.target.name)

    def doubt(self) -> None:
        """Whatever was known is old: every connection is asked before it is used again."""
        self._doubted = time.monotonic()

    def _forget(self, generation: int) -> bool:
        """Every connection of this generation is stale. False when that was known already."""
        with self._state:
            if generation != self.generation:
                return False
            self.generation += 1
            self._known = None
            return True

    def _search(self, probe: Connect, deadline: float) -> Target:
        if not self._searching.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise NoPrimaryError(self._budget, ["another thread is looking for it"])
        try:
            if (known := self._known) is not None:  # found while we waited for our turn
                return known
            self._known = found = self._look(probe, deadline)
            log.info("%s is the primary", found.name)
            return found
        finally:
            self._searching.release()

    def _look(self, probe: Connect, deadline: float) -> Target:
        told = threading.Condition()
        began = time.monotonic()
        conflict_since: float | None = None
        probes = [Probe(target, probe, told) for target in self._targets]
        for item in probes:
            item.start()
        try:
            with told:
                while True:
                    seen, now = [item.seen for item in probes], time.monotonic()
                    found = decide(seen, all_heard=now - began > HEAR_ALL, conflict_since=conflict_since)
                    if len(found) > 1:
                        raise TwoPrimariesError([self._targets[index].name for index in found])
                    if found:
                        return self._targets[found[0]]
                    if sum(item is not None and item.writable is True for item in seen) < 2:
                        conflict_since = None
                    elif conflict_since is None:
                        conflict_since = now
                    refusals = [item.error for item in seen if item is not None and is_refused(item.error)]
                    if len(refusals) == len(seen) and refusals[0] is not None:
                        raise refusals[0]
                    if now > deadline:
                        raise NoPrimaryError(self._budget, self._said(seen))
                    told.wait(min(deadline - now, HEAR_ALL) + 0.001)
        except TwoPrimariesError as error:
            log.critical("%s", error)
            raise
        finally:
            for item in probes:
                item.finish()

    def _said(self, seen: Sequence[Seen | None]) -> list[str]:
        return [
            f"{target.name} did not answer" if item is None else item.said
            for target, item in zip(self._targets, seen, strict=True)
        ]


def _close(connection: Any) -> None:
    if connection is not None:
        with suppress(Exception):  # of whatever driver; it is gone, which is what was wanted
            connection.close()
