"""What a store keeps of one session, and how a change is merged into it. Pure functions, no I/O.

All times are milliseconds since the epoch, UTC, so that they survive every store exactly. The classes are msgspec's, as
every request makes some; ``msgspec.structs.replace`` makes another with something changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec
from msgspec.structs import replace

#: A user has at most so many UTF-8 bytes.
MAX_USER_BYTES = 255
_HASH_BYTES = 32
_YEAR_9999 = 253_370_764_800_000


class Record(msgspec.Struct, frozen=True):
    """One stored session.

    ``secret`` is SHA-256 of the current secret. ``previous`` is the one before, valid until ``previous_until``; with
    ``previous_blank`` it identifies a request that raced a login, and gives no data. ``expires`` is the idle
    limit, ``deadline`` the absolute one. ``user`` is whoever the app bound the session to. ``values`` are sealed
    bytes by top-level key. ``version`` belongs to the store.
    """

    secret: bytes
    created: int
    seen: int
    renewed: int
    expires: int
    deadline: int
    previous: bytes = b""
    previous_until: int = 0
    previous_blank: bool = False
    user: str | None = None
    values: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    version: int = 0


class Rotation(msgspec.Struct, frozen=True):
    """Give the record a new secret.

    ``expected`` is the secret the writer saw: when another request rotated first, this one yields. None insists,
    which a change of privilege does. What was current becomes previous until ``previous_until``.
    """

    secret: bytes
    at: int
    previous_until: int
    previous_blank: bool = False
    expected: bytes | None = None


class Binding(msgspec.Struct, frozen=True):
    """Bind the record to a user, or with None to nobody."""

    user: str | None


class Change(msgspec.Struct, frozen=True):
    """What one request did to one session; everything it does not name stays as it is in the store.

    ``put`` and ``drop`` are by top-level key. ``swap`` holds (expected, new) bytes and applies only where the
    store still has the expected ones: it re-encrypts a value without undoing a parallel write. ``extends``: this
    request did not change how long the session may be idle, so its ``expires`` shortens nothing that another made
    longer meanwhile.
    """

    seen: int
    expires: int
    put: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    swap: Mapping[str, tuple[bytes, bytes]] = msgspec.field(default_factory=dict)
    rotation: Rotation | None = None
    binding: Binding | None = None
    extends: bool = False


class Outcome(Enum):
    """What became of a change."""

    SAVED = "saved"
    #: Saved, but another request rotated the secret first; the browser gets that one's cookie.
    YIELDED = "yielded"
    #: The session was destroyed or expired meanwhile: nothing was written.
    GONE = "gone"


class Saved(msgspec.Struct, frozen=True):
    """Outcome of a save, the record as far as this writer knows it now, and how often it had to merge."""

    outcome: Outcome
    record: Record | None = None
    conflicts: int = 0


class Found(msgspec.Struct, frozen=True):
    """A live session in a listing: its record id (a hash, safe to log) and its times in milliseconds."""

    id: str
    created: int
    seen: int
    expires: int


def is_live(record: Record, now: int) -> bool:
    """Whether neither the idle nor the absolute limit has passed."""
    return now < record.expires and now < record.deadline


def idle_of(record: Record) -> int:
    """How long, in milliseconds, it may be idle by its last writer; less near its absolute limit."""
    return record.expires - record.seen


def is_sound(record: Record) -> bool:
    """Whether a record read from a store has the shape of ours: what a damaged or planted one may lack."""
    times = (record.created, record.seen, record.renewed, record.expires, record.deadline, record.previous_until)
    return len(record.secret) == _HASH_BYTES and min(times) >= 0 and max(times) < _YEAR_9999


def merge(record: Record, change: Change) -> tuple[Record, Outcome]:
    """``record`` with ``change`` applied: the meaning every store's ``save`` has.

    Applying the same change twice gives the same record, so a save whose answer was lost may be sent again.
    """
    values = dict(record.values)
    for key, (expected, new) in change.swap.items():
        if values.get(key) == expected:
            values[key] = new
    values.update(change.put)
    for key in change.drop:
        values.pop(key, None)
    expires = max(record.expires, change.expires) if change.extends else change.expires
    merged = replace(record, values=values, seen=max(record.seen, change.seen), expires=expires)
    if change.binding is not None:
        merged = replace(merged, user=change.binding.user)
    return _rotate(merged, change.rotation)


def _rotate(record: Record, rotation: Rotation | None) -> tuple[Record, Outcome]:
    if rotation is None or record.secret == rotation.secret:
        return record, Outcome.SAVED
    if rotation.expected is not None and rotation.expected != record.secret:
        return record, Outcome.YIELDED
    rotated = replace(
        record,
        secret=rotation.secret,
        renewed=rotation.at,
        previous=record.secret,
        previous_until=rotation.previous_until,
        previous_blank=rotation.previous_blank,
    )
    return rotated, Outcome.SAVED
