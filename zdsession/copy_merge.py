"""What copying a session means, where both stores are in use: decisions from values, no I/O.

Beside each copy lies a *note*: a small record under an id of its own that says what was copied, and when the copy
would expire. With it a later pass knows of each value which side changed it, and of a session that is missing on one
side whether it was ended there or has only expired. It cannot tell where a visitor used both sides since the last pass,
and logged out later than the session would have expired at that pass: such a logout is taken for an expiry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b, sha256

import msgspec

from zdsession.record import Binding, Change, Record, Rotation

_KEY = "\0copied"
_TEN_YEARS_MS = 10 * 365 * 24 * 3600 * 1000
#: Id of the record that names a store's data, see :func:`name_record`.
NAME_ID = sha256(b"zdsession copy source").hexdigest()


class Note(msgspec.Struct, frozen=True, array_like=True):
    """What was last copied of a session: its times, a digest of each value, and which life of the source it was in.

    ``life`` names the source's data: another store, or this one after it lost some, has another name.
    """

    id: str
    seen: int
    expires: int
    life: str
    digests: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """What has to be done to a copy: a change to save, or only its times to set. Neither: nothing."""

    change: Change | None = None
    touch: tuple[int, int] | None = None


def name_record(name: bytes, now: int) -> Record:
    """The record that a store's data is named by. No id opens it."""
    return Record(name, now, now, now, now + _TEN_YEARS_MS, now + _TEN_YEARS_MS)


def note_id(record_id: str) -> str:
    """The id of the record that holds the note on a session."""
    return sha256(f"zdsession copied\0{record_id}".encode()).hexdigest()


def note_on(record_id: str, source: Record, life: str) -> Note:
    """The note on a session as it is now in the source."""
    return Note(record_id, source.seen, source.expires, life, _digests(source.values))


def as_record(note: Note, source: Record) -> Record:
    """The record that holds a note; it lives as long as the session may, and no id opens it."""
    secret = sha256(f"zdsession copied secret\0{note.id}".encode()).digest()
    data = msgspec.msgpack.encode(note)
    at, until = source.created, source.deadline
    return Record(secret, at, at, at, until, until, values={_KEY: data})


def rewritten(note: Note, holder: Record) -> Change:
    """The change that puts a newer note into the record that holds the older one."""
    return Change(holder.seen, holder.expires, put={_KEY: msgspec.msgpack.encode(note)})


def note_in(record: Record | None) -> Note | None:
    """The note a record holds, or None if it holds none."""
    if record is None or _KEY not in record.values:
        return None
    try:
        return msgspec.msgpack.decode(record.values[_KEY], type=Note)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def merged(source: Record, target: Record, note: Note | None) -> Step:
    """What brings a copy up to date without undoing what was done to it.

    A value that one side changed since the note is that side's; one that both did, or that has no note, is that of
    the side that was used last. The id and the user are those of the side that renewed its id last.
    """
    put: dict[str, bytes] = {}
    swap: dict[str, tuple[bytes, bytes]] = {}
    drop: set[str] = set()
    for key in _from_source(source, target, note):
        theirs, ours = source.values.get(key), target.values.get(key)
        if theirs is None:
            drop.add(key)
        elif ours is None:
            put[key] = theirs
        else:
            swap[key] = (ours, theirs)  # unless a request changes it at this moment
    seen, expires = max(source.seen, target.seen), max(source.expires, target.expires)
    rotation, binding = _identity(source, target)
    if put or swap or drop or rotation or binding:
        return Step(Change(seen, expires, put, frozenset(drop), swap, rotation, binding))
    if (seen, expires) != (target.seen, target.expires):
        return Step(touch=(seen, expires))
    return Step()


def ended_in_target(note: Note | None, now: int) -> bool:
    """Whether a copy that is not in the target any more was ended there: it cannot have expired yet."""
    return note is not None and now < note.expires


def ended_in_source(note: Note, life: str, now: int) -> bool | None:
    """Whether a session that is not in the source any more was ended there. None: nobody can tell."""
    if note.life != life:
        return None  # the source may have lost it in a restart
    return now < note.expires


def _from_source(source: Record, target: Record, note: Note | None) -> list[str]:
    """The keys whose value, or absence, in the target has to become that of the source."""
    theirs, ours = _digests(source.values), _digests(target.values)
    newer = source.seen > target.seen
    taken = []
    for key in theirs.keys() | ours.keys():
        there, here = theirs.get(key), ours.get(key)
        if there == here:
            continue
        if note is None:
            take = here is None or (there is not None and newer)
        else:
            before = note.digests.get(key)
            take = there != before and (here == before or newer)
        if take:
            taken.append(key)
    return sorted(taken)


def _identity(source: Record, target: Record) -> tuple[Rotation | None, Binding | None]:
    if source.secret == target.secret or source.renewed <= target.renewed:
        return None, None
    rotation = Rotation(source.secret, source.renewed, source.previous_until, source.previous_blank, target.secret)
    return rotation, None if source.user == target.user else Binding(source.user)


def _digests(values: Mapping[str, bytes]) -> dict[str, bytes]:
    return {key: blake2b(value, digest_size=8).digest() for key, value in values.items()}
