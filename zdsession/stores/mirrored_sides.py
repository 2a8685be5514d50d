"""Which of a mirrored store's two stores are in sync: what all nodes agree on, and how.

Each store holds one record about that, the *membership*: a generation that only grows, the stores that are in sync, and
the one that is being brought back, if any. It is changed by compare-and-swap, on a store that is in sync. The truth is
the highest generation that can be read; a store whose own copy is older, missing, or from before a restart that may
have cost it data, is out.

A node trusts what it read for the length of a *lease*. So who marks a store out, and then waits that long, knows that
nobody goes by it any more: only then is the other one written alone.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import TypeVar

import msgspec

from zdsession.circuit import Circuit
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.record import Change, Found, Outcome, Record, Rotation, Saved
from zdsession.stores.base import MEMBERSHIP_ID, Forgetful, Scannable, Store, every_id

T = TypeVar("T")
log = logging.getLogger("zdsession.store")

FRONT, BACK = "front", "back"
BOTH = (FRONT, BACK)
#: The membership outlives every session; stores take times before the year 9999.
_FOREVER = 253_000_000_000_000
_KEY = "membership"


class SideOutError(StoreUnavailableError):
    """One of the two stores did not answer; ``side`` is its name."""

    def __init__(self, side: str, error: StoreUnavailableError) -> None:
        super().__init__(f"mirrored store, {side}: {error}", error.retry_after)
        self.side = side


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """Which stores are in sync. ``lives`` holds what :class:`Forgetful` stores said when they came into sync."""

    generation: int
    in_sync: tuple[str, ...]
    #: The store that is being brought back: written, not yet read.
    joining: str | None = None
    #: The process that does so.
    by: str = ""
    lives: dict[str, str] = {}

    @property
    def written(self) -> tuple[str, ...]:
        """The stores a write goes to. The first decides what becomes of it: back before front, so that the front
        store never shows what the back store does not have."""
        order = tuple(side for side in (BACK, FRONT) if side in self.in_sync)
        return order if self.joining is None else (*order, self.joining)

    @property
    def read(self) -> tuple[str, ...]:
        """The stores that may be read, the preferred first."""
        return tuple(side for side in BOTH if side in self.in_sync)

    def without(self, side: str) -> Membership:
        """The next generation, in which ``side`` is out."""
        rest = tuple(s for s in self.in_sync if s != side)
        lives = {s: life for s, life in self.lives.items() if s in rest}
        return Membership(generation=self.generation + 1, in_sync=rest, lives=lives)


class Missing(Enum):
    """What a store may say instead of a membership."""

    #: It did not answer.
    UNREACHABLE = "unreachable"
    #: It has none.
    NONE = "none"


@dataclass(frozen=True)
class View:
    """What one store says: its membership, and its life now (see :class:`Forgetful`)."""

    said: Membership | Missing
    life: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What follows from the views: the membership, and the stores in it that have lost data."""

    membership: Membership | None
    lost: tuple[str, ...] = ()


def judge(views: dict[str, View]) -> Verdict:
    """The highest generation there is, and which of its stores are not what it says. The back store wins a tie."""
    newest: Membership | None = None
    for side in (BACK, FRONT):
        said = views[side].said if side in views else None
        if isinstance(said, Membership) and (newest is None or said.generation > newest.generation):
            newest = said
    if newest is None:
        return Verdict(None)
    lost = [s for s in newest.in_sync if s in views and _has_lost(s, views[s], newest)]
    if len(lost) == len(newest.in_sync):  # all there is left is in one that at least knows what it was
        knowing = [s for s in (BACK, FRONT) if s in lost and views[s].said == newest]
        lost = [s for s in lost if s not in knowing[:1]]
    return Verdict(newest, tuple(lost))


def _has_lost(side: str, view: View, newest: Membership) -> bool:
    if view.said is Missing.UNREACHABLE:
        return False
    if not isinstance(view.said, Membership):
        return True
    about_to_be_told = view.said.joining == side and view.said.generation == newest.generation - 1
    if view.said != newest and not about_to_be_told:
        return True
    return side in newest.lives and view.life is not None and view.life != newest.lives[side]


class Side:
    """One of the two stores, behind a circuit of its own: asked while it is out, it costs microseconds."""

    def __init__(self, name: str, store: Store, cooldown: float, timer: Callable[[], float]) -> None:
        if not isinstance(store, Scannable):
            raise ConfigurationError(
                f"the {name} store, a {type(store).__name__}, cannot list its sessions (scan), so it cannot be mirrored"
            )
        self.name = name
        self.store: Store = store
        self._scan = store.scan
        self._circuit = Circuit(failures=1, cooldown=cooldown, clock=timer)

    def ask(self, question: Callable[[Store], T]) -> T:
        """The answer of the store.

        Raises:
            SideOutError: it did not answer, or did not a moment ago.
        """
        try:
            return self._circuit.call(lambda: question(self.store))
        except StoreUnavailableError as error:
            raise SideOutError(self.name, error) from error

    def load(self, record_id: str) -> Record | None:
        return self.ask(lambda store: store.load(record_id))

    def create(self, record_id: str, record: Record) -> bool:
        return self.ask(lambda store: store.create(record_id, record))

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        return self.ask(lambda store: store.save(record_id, base, change))

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        self.ask(lambda store: store.touch(record_id, seen, expires))

    def destroy(self, record_id: str) -> bool:
        return self.ask(lambda store: store.destroy(record_id))

    def sessions_of(self, user: str) -> list[Found]:
        return self.ask(lambda store: store.sessions_of(user))

    def sweep(self, limit: int) -> int:
        return self.ask(lambda store: store.sweep(limit))

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        return self.ask(lambda _: self._scan(cursor, limit))

    def life(self) -> str | None:
        """What the store says its life is, if it is one that may forget (see :class:`Forgetful`)."""
        return self.ask(lambda store: store.life() if isinstance(store, Forgetful) else None)

    def sign(self, now: int) -> None:
        """Leave a sign of life of the process that brings the other store back."""
        self.touch(MEMBERSHIP_ID, now, _FOREVER)

    def view(self) -> View:
        """What this store says about both."""
        try:
            record = self.load(MEMBERSHIP_ID)
            life = self.life()
        except StoreUnavailableError:
            return View(Missing.UNREACHABLE)
        if record is None:
            return View(Missing.NONE, life)
        try:
            return View(msgspec.json.decode(record.values[_KEY], type=Membership), life)
        except (KeyError, msgspec.MsgspecError):
            return View(Missing.NONE, life)

    def replace(self, old: Membership, new: Membership, now: int) -> bool:
        """Change the membership this store holds, unless it is not ``old`` any more."""
        change = Change(
            now,
            _FOREVER,
            swap={_KEY: (msgspec.json.encode(old), msgspec.json.encode(new))},
            rotation=Rotation(_digest(new), new.generation, 0, expected=_digest(old)),
        )
        base = _record_of(old, now)
        return self.save(MEMBERSHIP_ID, base, change).outcome is Outcome.SAVED

    def tell(self, new: Membership, now: int) -> None:
        """Have this store hold ``new``, whatever it holds now, unless that is newer."""
        for _ in range(5):
            said = self.view().said
            if said is Missing.UNREACHABLE:
                raise SideOutError(self.name, StoreUnavailableError("it does not answer"))
            if isinstance(said, Membership):
                if said.generation >= new.generation or self.replace(said, new, now):
                    return
            elif self.begin(new, now):
                return
            else:
                self.destroy(MEMBERSHIP_ID)  # there, but unreadable
        raise StoreUnavailableError(f"mirrored store: the membership in the {self.name} store keeps changing")

    def begin(self, first: Membership, now: int) -> bool:
        """Store the first membership; False if there is one."""
        return self.create(MEMBERSHIP_ID, _record_of(first, now))


class Sides:
    """Both stores, and the membership as this process knows it.

    Args:
        front, back: the stores.
        lease: seconds for which a node trusts what it read.
        cooldown: seconds for which a store that failed is not asked.
        clock: milliseconds since the epoch.
        timer, sleep: monotonic seconds, and how to wait.
    """

    def __init__(
        self,
        front: Store,
        back: Store,
        *,
        lease: float,
        cooldown: float,
        clock: Callable[[], int],
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.all = {FRONT: Side(FRONT, front, cooldown, timer), BACK: Side(BACK, back, cooldown, timer)}
        self.clock = clock
        self.lease = lease
        self.timer = timer
        self.sleep = sleep
        self.me = secrets.token_hex(4)
        self.known: Membership | None = None
        #: Set to end a comparison of all sessions that is under way.
        self.closing = False
        self._until = float("-inf")
        self._alone_from = float("-inf")
        self._lock = threading.Lock()

    def membership(self) -> Membership:
        """The membership, at most a lease old.

        Raises:
            StoreUnavailableError: no store that is in sync can be asked.
        """
        known, now = self.known, self.timer()
        if known is not None and now < self._until:
            if now < self._until - self.lease / 2 or not self._lock.acquire(blocking=False):
                return known
        else:
            self._lock.acquire()
        try:
            if self.known is not None and self.timer() < self._until - self.lease / 2:
                return self.known  # another thread has just asked
            return self._ask()
        finally:
            self._lock.release()

    def refresh(self) -> Membership:
        """The membership, as it is now."""
        with self._lock:
            return self._ask()

    def exclude(self, side: str, seen: Membership) -> Membership:
        """Agree with all nodes that ``side`` is out, because a write to it failed.

        Raises:
            StoreUnavailableError: the other one is not in sync, or cannot be asked.
        """
        with self._lock:
            known = self.known
            if known is not None and known.generation > seen.generation:
                return known
            try:
                return self._exclude(side, seen)
            except StoreUnavailableError:
                now = self._ask()  # another node may have been faster
                if side in now.written:
                    raise
                return now

    def adopt(self, new: Membership) -> None:
        """Take a membership this process has just written as known."""
        with self._lock:
            self._learn(new, self.timer())

    def wait_alone(self, deadline: float) -> None:
        """Wait until no node goes by a store any more that is out: before the other one is written alone.

        Raises:
            StoreUnavailableError: that would take longer than ``deadline``.
        """
        known = self.known
        if known is None or known.in_sync == BOTH:
            return
        left = self._alone_from + self.lease - self.timer()
        if left > 0:
            if self.timer() + left > deadline:
                raise StoreUnavailableError("mirrored store: one of its stores has just gone out")
            self.sleep(left)

    def close(self) -> None:
        """Close both stores."""
        for side in self.all.values():
            side.store.close()

    def _ask(self) -> Membership:
        began = self.timer()
        known = self.known
        views = self._views(BOTH if known is None else known.in_sync)
        if len(views) == 1 and all(view.said is Missing.NONE for view in views.values()):
            views = self._views(BOTH)  # the only one in sync forgot that it is
        verdict = judge(views)
        membership = verdict.membership
        if membership is None:
            if any(view.said is Missing.UNREACHABLE for view in views.values()):
                raise StoreUnavailableError("mirrored store: no store that is in sync answers")
            return self._begin()
        if known is not None and membership.generation < known.generation:
            if not any(side in views and views[side].said is not Missing.UNREACHABLE for side in known.in_sync):
                raise StoreUnavailableError("mirrored store: only a store that is not in sync answers")
            log.warning("mirrored store: the stores went back from generation %d", known.generation)
        if not any(side in views and isinstance(views[side].said, Membership) for side in membership.in_sync):
            raise StoreUnavailableError("mirrored store: only a store that is not in sync answers")
        if verdict.lost:
            log.warning("mirrored store: the %s store has lost data", " and the ".join(verdict.lost))
            return self._exclude(verdict.lost[0], membership)
        self._learn(membership, began)
        return membership

    def _views(self, asked: tuple[str, ...]) -> dict[str, View]:
        return {side: self.all[side].view() for side in asked}

    def _begin(self) -> Membership:
        """The first membership: one store, which holds sessions already if one does. The other one joins it."""
        full = [side for side in (BACK, FRONT) if any(True for _ in every_id(self.all[side]))]
        first = Membership(generation=1, in_sync=tuple((full or [BACK])[:1]))
        (side,) = first.in_sync
        if not self.all[side].begin(first, self.clock()):
            return self._ask()  # another process was faster
        self._learn(first, self.timer())
        return first

    def _exclude(self, side: str, seen: Membership) -> Membership:
        new = seen.without(side)
        if not new.in_sync:
            raise StoreUnavailableError(f"mirrored store: the {side} store is out, and no other is in sync")
        rest = new.in_sync[0]
        if not self.all[rest].replace(seen, new, self.clock()):
            self._until = float("-inf")
            raise StoreUnavailableError("mirrored store: another node has just changed which store serves")
        log.warning("mirrored store: the %s store is out, the %s store serves", side, rest)
        self._learn(new, self.timer())
        return new

    def _learn(self, new: Membership, at: float) -> None:
        known = self.known
        if new.in_sync != BOTH and (known is None or known.in_sync == BOTH):
            self._alone_from = self.timer()
        self.known = new
        self._until = at + self.lease

    def renew(self) -> None:
        """Become another process, with a lock of its own: what a forked child needs."""
        self._lock = threading.Lock()
        self.me = secrets.token_hex(4)


def _digest(membership: Membership) -> bytes:
    return sha256(msgspec.json.encode(membership)).digest()


def _record_of(membership: Membership, now: int) -> Record:
    return Record(
        secret=_digest(membership),
        created=now,
        seen=now,
        renewed=now,
        expires=_FOREVER,
        deadline=_FOREVER,
        values={_KEY: msgspec.json.encode(membership)},
    )
