"""How a mirrored store names values inside its two stores, and which of two values is the newer. No I/O.

A value is stored under its key *and a stamp*: ``cart`` becomes ``cart\\0<stamp>+``, and a removal ``cart\\0<stamp>-``.
No two writers ever write the same name, so it does not matter in which order, how often, or how late the writes of
several nodes arrive at a store: both stores end with the same names, and the largest stamp of a key is its value. What
a writer has seen superseded it drops; what it has not seen, the next one drops.

A stamp is a hybrid clock: milliseconds, a counter, the writer. It is always larger than every stamp its writer has
seen, so that clocks that disagree decide only between requests that really ran side by side.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from zdsession.record import Change, Record
from zdsession.stores.base import UNKNOWN_VERSION

_MS, _COUNT, _WRITER = 11, 4, 8
_STAMP = _MS + _COUNT + _WRITER
_LIVE, _REMOVED = "+", "-"
_SUFFIX = 1 + _STAMP + 1
_SHAPE = re.compile(rf"\0[0-9a-f]{{{_STAMP}}}[+-]")
#: What a name that carries no stamp counts as: a store that was in use before it was mirrored.
OLDEST = "0" * _STAMP

Fields = Mapping[str, bytes]


class Values(dict[str, bytes]):
    """A session's values by plain key, the ``fields`` they were read from, and the store that had those."""

    __slots__ = ("fields", "origin")

    def __init__(self, fields: Fields, origin: str) -> None:
        super().__init__(_visible(fields))
        self.fields = fields
        self.origin = origin


class HybridClock:
    """Gives stamps, each larger than the one before and than those it was shown. ``clock`` is in milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = (0, 0)
        self._writer = secrets.token_hex(_WRITER // 2)

    def stamp(self, fields: Fields) -> str:
        """A stamp larger than every one in ``fields``."""
        seen = max((_parse(name)[1] for name in fields), default=OLDEST)
        seen_at = (int(seen[:_MS], 16), int(seen[_MS : _MS + _COUNT], 16))
        with self._lock:
            ms, count = max(self._last, seen_at)
            now = self._clock()
            ms, count = (now, 0) if now > ms else (ms, count + 1)
            if count >= 16**_COUNT:
                ms, count = ms + 1, 0
            self._last = (ms, count)
        return f"{ms:0{_MS}x}{count:0{_COUNT}x}{self._writer}"

    def renew(self) -> None:
        """Become another writer with a lock of its own: what a forked child needs."""
        self._lock = threading.Lock()
        self._writer = secrets.token_hex(_WRITER // 2)


def plain(record: Record, origin: str) -> Record:
    """The record as callers see it."""
    return replace(record, values=Values(record.values, origin))


def fields_of(record: Record) -> Fields:
    """The fields a record was read from; none for one that was made by the caller."""
    return record.values.fields if isinstance(record.values, Values) else {}


def as_stored(record: Record, side: str) -> Record:
    """The record as the store ``side`` may take it for what it has: with its own version, or with none."""
    ours = isinstance(record.values, Values) and record.values.origin == side
    return replace(record, values=fields_of(record), version=record.version if ours else UNKNOWN_VERSION)


def stamped(record: Record, stamp: str) -> Record:
    """A new record as it is stored."""
    return replace(record, values={_name(key, stamp, _LIVE): value for key, value in record.values.items()})


def stamped_change(change: Change, fields: Fields, stamp: str) -> Change:
    """A change as it is sent to each store, by a writer that has seen ``fields``."""
    put = {_name(key, stamp, _LIVE): value for key, value in change.put.items()}
    put |= {_name(key, stamp, _REMOVED): b"" for key in change.drop}
    touched = change.put.keys() | change.drop
    newest = _newest(fields)
    known = set(newest.values())
    stale = {name for name in fields if name not in known or _parse(name)[0] in touched}
    swap = {newest[key]: pair for key, pair in change.swap.items() if key in newest and key not in touched}
    return replace(change, put=put, drop=frozenset(stale), swap=swap)


def overtaken(sent: Change, after: Fields) -> Fields:
    """The values in ``after`` that hide one this stamped change has just put there."""
    newest = _newest(after)
    hiding = (newest.get(_parse(name)[0], name) for name in sent.put)
    return {name: after[name] for name in hiding if name not in sent.put}


def difference(source: Fields, target: Fields) -> tuple[dict[str, bytes], frozenset[str]]:
    """What to put into ``target``, and to drop from it, so that it lacks nothing newer that ``source`` has."""
    newest = set(_newest([*source, *target]).values())
    put = {name: value for name, value in source.items() if name in newest and target.get(name) != value}
    return put, frozenset(name for name in target if name not in newest)


def old_removals(fields: Fields, before_ms: int) -> frozenset[str]:
    """Names of removals stamped before a moment: candidates to be forgotten."""
    limit = f"{max(0, before_ms):0{_MS}x}"
    return frozenset(name for name in fields if name[-1:] == _REMOVED and OLDEST < _parse(name)[1] < limit)


def forgettable(candidates: Iterable[str], *sides: Fields) -> frozenset[str]:
    """Those removals that nothing in any of the stores needs any more: no older value of the key is left."""
    chosen = frozenset(candidates)
    needed = {_parse(name)[0] for fields in sides for name in fields if name not in chosen}
    return frozenset(name for name in chosen if _parse(name)[0] not in needed)


def _visible(fields: Fields) -> dict[str, bytes]:
    return {key: fields[name] for key, (_, mark, name) in _best(fields).items() if mark == _LIVE}


def _newest(names: Iterable[str]) -> dict[str, str]:
    """For each key the name with the largest stamp."""
    return {key: name for key, (_, _, name) in _best(names).items()}


def _best(names: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """For each key (stamp, mark, name) of the name with the largest stamp."""
    best: dict[str, tuple[str, str, str]] = {}
    for name in names:
        key, stamp, mark = _parse(name)
        known = best.get(key)
        if known is None or (stamp, mark) > known[:2]:
            best[key] = (stamp, mark, name)
    return best


def _name(key: str, stamp: str, mark: str) -> str:
    return f"{key}\0{stamp}{mark}"


def _parse(name: str) -> tuple[str, str, str]:
    """(key, stamp, mark) of a name."""
    tail = name[-_SUFFIX:]
    if _SHAPE.fullmatch(tail) is None:
        return name, OLDEST, _LIVE
    return name[:-_SUFFIX], tail[1:-1], tail[-1]
