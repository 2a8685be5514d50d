"""Sessions in two stores at once, say Redis in front and MySQL behind: either may be lost, and nobody notices.

Every write goes to the back store, then to the front store; every read asks the front store only. When one of them
does not take a write, all nodes agree that it is out (:mod:`~zdsession.stores.mirrored_sides`) before the write is
acknowledged by the other alone. A store that is back is written at once, but read only when every session in it has
been compared (:mod:`~zdsession.stores.mirrored_repair`).

What can happen, and what then follows:

=============================== ==================================================================================
front out                       reads ask the back store; the first write waits one lease, so that no other node
                                still reads the front store; then writes go to the back store alone
back out                        reads go on; the first write waits one lease, so that no other node still takes the
                                back store's word; then writes go to the front store alone
one node cannot reach a store   as if that store were out, for every node: they must not read what it does not write
a store restarts, with a loss   its life has changed, or its membership is missing: out, until it was compared
a store is back                 written again; one lease and one budget later compared; then read again
a node dies between two writes  not acknowledged. The back store has it: the front store never shows what it has not
two writers of one key          both values are in both stores, whatever the order; the larger stamp is read
two writers of the id           the back store decides (by compare-and-swap on the secret), the front store follows
a save after a logout           the tombstone has another secret: nothing counts, in either store, in any order
a store that was away at logout comparing it with the other's tombstone ends the session there
clocks that disagree            decide only between requests that ran side by side; a stamp is larger than all seen
both out, one comes back first  if it was in sync it serves; if it was not, nothing is served: it might show the ended
=============================== ==================================================================================

Nodes that disagree about both stores at once (one sees only the front, another only the back) are two faults: each
side then goes on alone, and what was written meets again, by stamp, when the stores are compared.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from zdsession.background import Background
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.record import Change, Found, Outcome, Record, Rotation, Saved
from zdsession.stores.base import Store
from zdsession.stores.mirrored_fields import (
    HybridClock,
    as_stored,
    fields_of,
    forgettable,
    old_removals,
    overtaken,
    plain,
    stamped,
    stamped_change,
)
from zdsession.stores.mirrored_repair import end, is_ended, rejoin, settle
from zdsession.stores.mirrored_sides import BACK, BOTH, FRONT, Membership, Side, SideOutError, Sides

T = TypeVar("T")
log = logging.getLogger("zdsession.store")

#: The part of the budget for which a node trusts what it knows about the stores, and each store's own budget.
LEASE_PART = 0.3
#: Removals are forgotten when they are so old that no write from before them can still arrive, a few at a time.
_REMEMBERED_MS = 600_000
_FORGET_ABOVE = 16
_TRIES = 4
_RETURN_SECONDS = 1.0


@dataclass(frozen=True)
class _Decision:
    """What the deciding store made of a save, and the change that is to have the same effect in the other one."""

    outcome: Outcome
    record: Record | None = None
    change: Change | None = None
    conflicts: int = 0


class MirroredStore:
    """Two stores as one.

    Args:
        front: the store that is read, the faster one.
        back: the other one.
        budget: seconds an operation may take. Each store should have been given ``0.3`` of it.
        cooldown: seconds for which a store that failed is not asked.
        clock: gives milliseconds since the epoch.
        background: bring a store that was out back from a thread of this process. Where no process does so, call
            :meth:`rejoin` now and then.
        timer, sleep: monotonic seconds, and how to wait; for tests.

    Raises:
        ConfigurationError: one of the stores cannot list its sessions (``Scannable``).
    """

    def __init__(
        self,
        front: Store,
        back: Store,
        *,
        budget: float = 1.0,
        cooldown: float = 1.0,
        clock: Callable[[], int] = now_ms,
        background: bool = True,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._budget = budget
        self._clock = clock
        self._stamps = HybridClock(clock)
        self._sides = Sides(
            front, back, lease=LEASE_PART * budget, cooldown=cooldown, clock=clock, timer=timer, sleep=sleep
        )
        self._returning = (
            Background("zdsession-mirrored", self._bring_back, first_pause=_RETURN_SECONDS) if background else None
        )
        # A lock is inherited as it was at that moment, and the writer's name must not be used twice.
        myself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _renew(myself()))

    def load(self, record_id: str) -> Record | None:
        membership = self._membership()
        problem: StoreUnavailableError | None = None
        for name in membership.read:
            try:
                record = self._sides.all[name].load(record_id)
            except SideOutError as error:
                problem = error
                continue
            if record is None and name == FRONT and BACK in membership.in_sync:
                name, record = BACK, self._fetch_back(record_id)
            return None if record is None or is_ended(record) else plain(record, name)
        raise problem or StoreUnavailableError("mirrored store: no store is in sync")

    def create(self, record_id: str, record: Record) -> bool:
        new = stamped(record, self._stamps.stamp({}))

        def decide(side: Side) -> bool:
            return side.create(record_id, new)

        def follow(source: Side, target: Side, created: bool) -> None:
            if created and not target.create(record_id, new):
                settle(source, target, record_id, self._clock())

        return self._write(decide, follow)

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        forgotten = self._forgotten(record_id, base)
        stamp = self._stamps.stamp(fields_of(base))

        def follow(source: Side, target: Side, decision: _Decision) -> None:
            if decision.change is not None:
                known = as_stored(base, target.name)
                if target.save(record_id, known, decision.change).outcome is Outcome.SAVED:
                    return
            settle(source, target, record_id, self._clock())

        def decide(side: Side) -> _Decision:
            nonlocal stamp
            for _ in range(_TRIES):
                sent = stamped_change(change, fields_of(base), stamp)
                decision = self._decide(side, record_id, base, replace(sent, drop=sent.drop | forgotten))
                newer = {} if decision.record is None else overtaken(sent, fields_of(decision.record))
                if not newer:
                    return decision
                stamp = self._stamps.stamp(newer)  # a clock ahead of ours wrote what we did not see: we come after it
            raise StoreUnavailableError("mirrored store: the session keeps changing while it is saved")

        decision = self._write(decide, follow)
        return Saved(decision.outcome, decision.record, decision.conflicts)

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        def follow(source: Side, target: Side, done: None) -> None:
            target.touch(record_id, seen, expires)

        self._write(lambda side: side.touch(record_id, seen, expires), follow)

    def destroy(self, record_id: str) -> bool:
        ended = False

        def decide(side: Side) -> Record | None:
            nonlocal ended
            there = side.load(record_id)
            if there is not None:
                ended |= end(side, record_id, there, self._clock(), fresh=True)
            return there

        def follow(source: Side, target: Side, base: Record | None) -> None:
            nonlocal ended
            there = target.load(record_id)
            if there is not None:
                ended |= end(target, record_id, there, self._clock(), fresh=True)
            elif base is not None:
                end(target, record_id, base, self._clock())

        self._write(decide, follow)
        return ended

    def sessions_of(self, user: str) -> list[Found]:
        return self._first(lambda store: store.sessions_of(user))

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        revoked = 0
        while True:
            in_sync, found = self._membership().in_sync, set()
            problems: list[SideOutError] = []
            for name in in_sync:
                try:
                    found |= {one.id for one in self._sides.all[name].sessions_of(user)}
                except SideOutError as error:
                    problems.append(error)  # the other one has them all, too
            if len(problems) == len(in_sync):
                raise problems[0]
            count = sum(self.destroy(record_id) for record_id in found - {keep})
            if not count:
                return revoked
            revoked += count

    def sweep(self, limit: int = 1000) -> int:
        removed = 0
        for name in self._membership().in_sync:
            if removed >= limit:
                break
            try:
                removed += self._sides.all[name].sweep(limit - removed)
            except SideOutError:
                log.info("mirrored store: the %s store is not swept now", name)
        return removed

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        """See :class:`~zdsession.stores.base.Scannable`. Begins again when the store that was scanned goes out."""
        problem: StoreUnavailableError | None = None
        for name in self._membership().read:
            side = self._sides.all[name]
            was, _, inner = cursor.partition(":")
            try:
                ids, after = side.scan(inner if was == name else "", limit)
            except SideOutError as error:
                problem = error
                continue
            return ids, f"{name}:{after}" if after else ""
        raise problem or StoreUnavailableError("mirrored store: no store is in sync")

    @property
    def parts(self) -> tuple[Store, Store]:
        """The front store and the back store."""
        return self._sides.all[FRONT].store, self._sides.all[BACK].store

    def in_sync(self) -> tuple[str, ...]:
        """Which stores are in sync: ``front``, ``back`` or both."""
        return self._membership().in_sync

    def rejoin(self) -> bool:
        """Bring a store that is out back into sync, if it answers; True if none is out. Takes as long as it takes.

        Raises:
            StoreUnavailableError: one of them went out meanwhile.
        """
        self._sides.closing = False
        return rejoin(self._sides, self._sides.lease + self._budget)

    def close(self) -> None:
        self._sides.closing = True
        if self._returning is not None:
            self._returning.stop()
        self._sides.close()

    def _membership(self) -> Membership:
        membership = self._sides.membership()
        if self._returning is not None and membership.in_sync != BOTH:
            self._returning.start()
        return membership

    def _bring_back(self) -> float | None:
        try:
            return None if self.rejoin() else _RETURN_SECONDS
        except StoreUnavailableError as error:
            log.info("%s", error)
            return _RETURN_SECONDS

    def _write(self, decide: Callable[[Side], T], follow: Callable[[Side, Side, T], None]) -> T:
        """What ``decide`` answers on the deciding store, after every store that is to be written followed it.

        Both may be done again: a write may be sent again without harm.
        """
        timer = self._sides.timer
        deadline = timer() + self._budget
        for _ in range(_TRIES):
            membership = self._membership()
            self._sides.wait_alone(deadline)
            source, *targets = [self._sides.all[name] for name in membership.written]
            try:
                answer = decide(source)
                for target in targets:
                    follow(source, target, answer)
            except SideOutError as error:
                if timer() > deadline:
                    raise
                self._sides.exclude(error.side, membership)
                continue
            # Later than that, a node that brings a store back no longer reckons with this write.
            if timer() > deadline:
                raise StoreUnavailableError("mirrored store: it took longer than the budget; it may have been written")
            return answer
        raise StoreUnavailableError("mirrored store: its stores keep going out")

    def _decide(self, side: Side, record_id: str, base: Record, change: Change) -> _Decision:
        known, asked, conflicts = as_stored(base, side.name), change.rotation, 0
        for _ in range(_TRIES):
            rotation = asked
            if asked is None:
                rotation = _unchanged(known)
            elif asked.expected is None:
                rotation = replace(asked, expected=known.secret)
            sent = replace(change, rotation=rotation)
            saved = side.save(record_id, known, sent)
            conflicts += saved.conflicts
            if saved.outcome is Outcome.SAVED and saved.record is not None:
                return _Decision(Outcome.SAVED, plain(saved.record, side.name), sent, conflicts)
            there = side.load(record_id) if saved.outcome is Outcome.YIELDED else None
            if there is None:
                return _Decision(Outcome.GONE, conflicts=conflicts)
            if is_ended(there):
                end(side, record_id, there, self._clock(), fresh=True)
                return _Decision(Outcome.GONE, conflicts=conflicts)
            if asked is None or asked.expected is not None:
                outcome = Outcome.SAVED if asked is None else Outcome.YIELDED
                sent = replace(change, rotation=_unchanged(there))
                return _Decision(outcome, plain(there, side.name), sent, conflicts)
            known = there
        raise StoreUnavailableError("mirrored store: the session's id keeps changing while it is saved")

    def _fetch_back(self, record_id: str) -> Record | None:
        """A record the front store does not have: it may have been evicted there. Put back, if it can be."""
        source, target = self._sides.all[BACK], self._sides.all[FRONT]
        record = None
        try:
            record = source.load(record_id)
            if record is not None:
                settle(source, target, record_id, self._clock())
        except StoreUnavailableError as error:
            log.info("%s", error)
        return record

    def _forgotten(self, record_id: str, base: Record) -> frozenset[str]:
        """Removals that both stores have, and nothing needs any more."""
        fields = fields_of(base)
        old = old_removals(fields, self._clock() - _REMEMBERED_MS) if len(fields) > len(base.values) else frozenset()
        if len(old) < _FORGET_ABOVE:
            return frozenset()
        membership = self._membership()
        if membership.in_sync != BOTH:
            return frozenset()
        records = []
        for name in BOTH:
            try:
                records.append(self._sides.all[name].load(record_id))
            except SideOutError:
                return frozenset()
        return forgettable(old, *(record.values for record in records if record is not None))

    def _first(self, question: Callable[[Store], T]) -> T:
        """The answer of the first store that may be read and answers."""
        problem: StoreUnavailableError | None = None
        for name in self._membership().read:
            try:
                return self._sides.all[name].ask(question)
            except SideOutError as error:
                problem = error
        raise problem or StoreUnavailableError("mirrored store: no store is in sync")


def _unchanged(record: Record) -> Rotation:
    """A rotation that changes nothing, and yields where the secret is another: where the session has ended, too."""
    return Rotation(record.secret, record.renewed, 0, expected=record.secret)


def _renew(store: MirroredStore | None) -> None:
    if store is not None:
        store._sides.renew()
        store._stamps.renew()
