"""Making the two stores of a mirrored store agree: about one session, and about all of them.

An ended session stays as a *tombstone*: a record whose secret is none, until the session would have ended anyway.
Nothing can be created under its id, and a save, which says which secret it expects, does not count.
"""

from __future__ import annotations

import logging

import msgspec
from msgspec.structs import replace

from zdsession.errors import StoreUnavailableError
from zdsession.record import Binding, Change, Outcome, Record, Rotation
from zdsession.stores.base import MEMBERSHIP_ID, every_id
from zdsession.stores.mirrored_fields import difference
from zdsession.stores.mirrored_sides import BOTH, Membership, Missing, Side, Sides

log = logging.getLogger("zdsession.store")

#: What a tombstone has for a secret: no hash anybody knows the text of.
ENDED = b"\xff" * 32
_TRIES = 10
#: A process that brings a store back says so this often; one that has not for longer has died.
_SIGN_OF_LIFE_MS = 5_000
_PRESUMED_DEAD_MS = 20_000
_RECORDS_BETWEEN_SIGNS = 50


def is_ended(record: Record) -> bool:
    """Whether this is a tombstone."""
    return record.secret == ENDED


def end(side: Side, record_id: str, base: Record, now: int, *, fresh: bool = False) -> bool:
    """Make the record in one store a tombstone, also where there is none yet. Whether a live one was ended.

    ``base`` is the record in either store; ``fresh`` says that it has just been read from this one.
    """
    stone = replace(
        base, secret=ENDED, previous=b"", previous_until=0, user=None, values={}, expires=base.deadline, renewed=now
    )
    for turn in range(_TRIES):
        there = base if fresh and turn == 0 else side.load(record_id)
        if there is None:
            if side.create(record_id, stone):
                return False
            continue
        live = not is_ended(there)
        if not live and not there.values and there.expires >= there.deadline:
            return False
        change = Change(
            there.seen,
            there.deadline,
            drop=frozenset(there.values),
            rotation=Rotation(ENDED, now, 0),
            binding=None if there.user is None else Binding(None),
        )
        if side.save(record_id, there, change).outcome is not Outcome.GONE:
            return live
    raise StoreUnavailableError(f"mirrored store: the session keeps coming and going in the {side.name} store")


def settle(source: Side, target: Side, record_id: str, now: int, *, both_ways: bool = False) -> None:
    """Make ``target`` hold what ``source`` holds of one session; ``source`` is in sync, and decides.

    ``both_ways`` also takes over what only ``target`` has, as a store that was serving alone by mistake, or before it
    was mirrored, may have something. A tombstone in either wins.
    """
    for _ in range(_TRIES):
        truth = source.load(record_id)
        there = target.load(record_id)
        if there is not None and is_ended(there) and truth is not None and not is_ended(truth):
            end(source, record_id, truth, now)
            continue
        if truth is None:
            if there is None or is_ended(there):
                return
            if not both_ways:
                end(target, record_id, there, now)
                return
            source.create(record_id, there)
            continue
        if is_ended(truth):
            if there is not None:
                end(target, record_id, there, now)
            else:
                target.create(record_id, truth)
            return
        if there is None:
            if not target.create(record_id, truth):
                continue
        else:
            if both_ways and not _follow(source, record_id, truth, there, head=there.renewed > truth.renewed):
                continue
            if both_ways:
                truth = source.load(record_id)
                if truth is None:
                    continue
            if not _follow(target, record_id, there, truth, head=True):
                continue
        again = source.load(record_id)
        if again is not None and again.secret == truth.secret and again.user == truth.user:
            return
    raise StoreUnavailableError("mirrored store: the session keeps changing while its copies are compared")


def _follow(side: Side, record_id: str, there: Record, truth: Record, *, head: bool) -> bool:
    """Bring the record ``there`` up to ``truth``. False if it has changed meanwhile in a way that matters."""
    put, drop = difference(truth.values, there.values)
    changes: list[Change] = []
    base = Change(max(there.seen, truth.seen), max(there.expires, truth.expires), put=put, drop=drop)
    if head and (there.secret, there.user) != (truth.secret, truth.user):
        if truth.previous and there.secret not in (truth.previous, truth.secret):
            first = Rotation(truth.previous, truth.renewed, 0, expected=there.secret)
            changes.append(replace(base, put={}, drop=frozenset(), rotation=first))
        expected = truth.previous if changes else there.secret
        last = Rotation(truth.secret, truth.renewed, truth.previous_until, truth.previous_blank, expected)
        binding = None if there.user == truth.user else Binding(truth.user)
        changes.append(replace(base, rotation=last, binding=binding))
    elif put or drop or (there.seen, there.expires) != (base.seen, base.expires):
        changes.append(replace(base, rotation=Rotation(there.secret, there.renewed, 0, expected=there.secret)))
    for change in changes:
        saved = side.save(record_id, there, change)
        if saved.outcome is not Outcome.SAVED:
            return False
    return True


def rejoin(sides: Sides, wait: float) -> bool:
    """Bring a store that is out back into sync. True if none is out any more.

    First every node is told to write to it as well, then, when the last write under the old rule has ended (``wait``
    seconds), each session is compared, and only then is it read again.

    Raises:
        StoreUnavailableError: it is still out, or the other one went out.
    """
    membership = sides.refresh()
    out = [side for side in BOTH if side not in membership.in_sync]
    if not out:
        return True
    (name,) = out
    source, target = sides.all[membership.in_sync[0]], sides.all[name]
    if target.view().said is Missing.UNREACHABLE:
        return False
    if membership.joining == name and membership.by != sides.me and _is_alive(sides, source):
        return False
    log.info("mirrored store: the %s store is back: comparing its sessions", name)
    joining = msgspec.structs.replace(membership, generation=membership.generation + 1, joining=name, by=sides.me)
    if not source.replace(membership, joining, sides.clock()):
        return False
    life_before = target.life()
    target.tell(joining, sides.clock())
    sides.adopt(joining)
    sides.sleep(wait)
    compared = _compare_all(sides, joining, source, target)
    if compared is None:
        return False
    lives = {side: life for side in BOTH if (life := sides.all[side].life()) is not None}
    if lives.get(name) != life_before:
        return False  # what was copied may be lost again
    both = Membership(generation=joining.generation + 1, in_sync=BOTH, lives=lives)
    if not source.replace(joining, both, sides.clock()):
        return False
    target.tell(both, sides.clock())
    sides.adopt(both)
    log.warning("mirrored store: the %s store is in sync again, %d sessions compared", name, compared)
    return True


def _compare_all(sides: Sides, joining: Membership, source: Side, target: Side) -> int | None:
    """How many sessions were compared; None if it was ended, or another node decided otherwise."""
    compared, signed = 0, sides.clock()
    for side in (source, target):
        for record_id in every_id(side):
            if sides.closing:
                return None
            if side is target and _has(source, record_id):
                continue
            settle(source, target, record_id, sides.clock(), both_ways=True)
            compared += 1
            if compared % _RECORDS_BETWEEN_SIGNS == 0 and sides.clock() - signed > _SIGN_OF_LIFE_MS:
                signed = sides.clock()
                if source.view().said != joining:
                    return None
                source.sign(signed)
    return compared


def _has(side: Side, record_id: str) -> bool:
    return side.load(record_id) is not None


def _is_alive(sides: Sides, source: Side) -> bool:
    record = source.load(MEMBERSHIP_ID)
    return record is not None and sides.clock() - record.seen < _PRESUMED_DEAD_MS
