"""The values of one session: decoded when touched, and compared by their bytes when saved.

A value that was touched is encoded again when the session is saved. It changed if that differs from the encoding it
was decoded from, or, where decoding may lose something, from one taken right after: so a change deep inside a list is
seen, and reading alone never writes. A value that was assigned changed if its encoding differs from the store's.
A value that cannot be decoded is absent to the app, and its bytes stay in the store for the code that can.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from zdsession.codec import Codec
from zdsession.errors import NotStorableError, TooLargeError, UnreadableError
from zdsession.sealing import Sealer

log = logging.getLogger("zdsession")

#: A top-level key may have this many bytes, encoded.
MAX_KEY_BYTES = 512
#: Begins keys of our own, which the app does not see.
HIDDEN = "\0"
_UNREADABLE = object()


def check_key(key: object) -> None:
    """Raises TypeError or ValueError for what cannot be a top-level key of the app's."""
    if not isinstance(key, str):
        raise TypeError(f"session keys are str, not {type(key).__name__}")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise ValueError(f"the session key {key!r:.40} holds a lone surrogate, which is not text") from None
    if not 0 < size <= MAX_KEY_BYTES or key.startswith(HIDDEN):
        raise ValueError(f"the session key {key!r:.40} must have 1 to {MAX_KEY_BYTES} bytes and not begin with NUL")


@dataclass(frozen=True, slots=True)
class Edits:
    """What changed since the values were loaded or last saved; the fields are those of a ``Change``."""

    put: Mapping[str, bytes] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    swap: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict)
    #: Encodings behind ``put``, which become what later changes are compared with.
    plain: Mapping[str, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.put or self.drop)


_NOTHING = Edits()


class Values:
    """Values by top-level key. Not for several threads at once: a session belongs to one request."""

    def __init__(self, codec: Codec, sealer: Sealer, record_id: str, stored: Mapping[str, bytes]) -> None:
        self._codec = codec
        self._sealer = sealer
        self._record_id = record_id
        self._stored = dict(stored)
        self._live: dict[str, Any] = {}
        #: Encoding of what the store has, for keys that were decoded or written. None: it cannot be read.
        self._base: dict[str, bytes | None] = {}
        self._dropped: set[str] = set()
        #: Keys of ``_live`` whose value the app assigned, rather than changed what it had read.
        self._assigned: set[str] = set()

    def get(self, key: str) -> Any:
        """Raises KeyError for a key that is absent or cannot be read here."""
        if key in self._live:
            return self._live[key]
        if key not in self._stored or key in self._dropped or not self._read(key):
            raise KeyError(key)
        return self._live[key]

    def assign(self, key: str, value: Any) -> None:
        """Raises NotStorableError or TooLargeError; then nothing has changed."""
        self._sealer.check_size(key, self._codec.encode(value, key))
        self._live[key] = value
        self._assigned.add(key)
        self._dropped.discard(key)

    def delete(self, key: str) -> None:
        """Raises KeyError for a key that is absent or cannot be read here."""
        self.get(key)
        del self._live[key]
        if key in self._stored:
            self._dropped.add(key)

    def clear(self) -> None:
        """Drop every key, also those that cannot be read here."""
        self._live.clear()
        self._dropped.update(self._stored)

    def __iter__(self) -> Iterator[str]:
        """Keys that can be read here, those in the store first, in its order."""
        for key in [*self._stored, *(k for k in self._live if k not in self._stored)]:
            if key in self._live or (key not in self._dropped and self._read(key)):
                yield key

    @property
    def changed(self) -> bool:
        """Whether something has to be written. Raises NotStorableError, as :meth:`edits` does."""
        return bool(self._dropped) or any(True for _ in self._changes())

    def edits(self, max_bytes: int) -> Edits:
        """What has to be written.

        Raises:
            NotStorableError: something was put into a nested value that has no encoding.
            TooLargeError: a value, or the session as a whole, is above its limit.
        """
        plain = {}
        for key, encoded in self._changes():
            self._sealer.check_size(key, encoded)
            plain[key] = encoded
        if not plain and not self._dropped:
            return _NOTHING
        put = {key: self._sealer.seal(self._record_id, key, encoded) for key, encoded in plain.items()}
        if put:
            self._check_total(put, max_bytes)
        drop = frozenset(self._dropped)
        swap = self._reseal(put.keys() | drop) if put or drop else {}
        return Edits(put, drop, swap, plain)

    def saved(self, edits: Edits) -> None:
        """The store has these edits now: later ones are compared with that."""
        for key in edits.drop:
            self._stored.pop(key, None)
            self._base.pop(key, None)
        self._stored.update(edits.put)
        self._stored.update((key, new) for key, (_, new) in edits.swap.items())
        self._base.update(edits.plain)
        self._dropped -= edits.drop

    def _changes(self) -> Iterator[tuple[str, bytes]]:
        for key, value in self._live.items():
            if key in self._assigned:
                encoded = self._codec.encode(value, key)
                if encoded != self._stored_encoding(key):
                    yield key, encoded
                continue
            try:
                encoded = self._codec.encode(value, key)
            except NotStorableError:
                if self._came_so(key):
                    continue
                raise
            if encoded != self._base[key] and not self._is_stored_otherwise(key, encoded):
                yield key, encoded

    def _read(self, key: str) -> bool:
        """Decode a stored value into ``_live``; False, and a warning once, when it cannot be."""
        value = self._fetch(key)
        if value is _UNREADABLE:
            return False
        self._live[key] = value
        return True

    def _fetch(self, key: str) -> Any:
        """The stored value, decoded, its encoding taken down in ``_base``."""
        if key in self._base and self._base[key] is None:
            return _UNREADABLE
        try:
            plain = self._sealer.open(self._record_id, key, self._stored[key])
            value, exact = self._codec.decode_plain(plain)
            self._base[key] = plain if exact else self._codec.encode(value, key)
        except Exception as error:
            # Also what an app type's own decode() raises: nothing that is in a store may break a page.
            if not isinstance(error, UnreadableError):
                error = UnreadableError(f"{type(error).__name__}: {error}")
            log.warning("session %.12s: key %r is kept but cannot be read here: %s", self._record_id, key, error)
            self._base[key] = None
            return _UNREADABLE
        return value

    def _stored_encoding(self, key: str) -> bytes | None:
        """Encoding of what the store has under a key that was assigned; None where it has nothing that opens here."""
        if key not in self._base:
            if key not in self._stored:
                return None
            try:
                self._base[key] = self._sealer.open(self._record_id, key, self._stored[key])
            except UnreadableError:
                self._base[key] = None
        return self._base[key]

    def _is_stored_otherwise(self, key: str, encoded: bytes) -> bool:
        """Whether the store has this very value in another encoding (a long form of a small number): not a change."""
        base = self._base.get(key)
        try:
            return base is not None and self._codec.encode(self._codec.decode(base), key) == encoded
        except (NotStorableError, UnreadableError):
            return False

    def _came_so(self, key: str) -> bool:
        """Whether what the store has was not storable to begin with: none of ours, and it is left as it is."""
        base = self._base.get(key)
        if base is None:
            return False
        try:
            self._codec.encode(self._codec.decode(base), key)
        except NotStorableError:
            return True
        return False

    def _check_total(self, put: Mapping[str, bytes], max_bytes: int) -> None:
        after = {k: v for k, v in self._stored.items() if k not in self._dropped} | dict(put)
        total = sum(len(key) + len(value) for key, value in after.items())
        if total > max_bytes:
            raise TooLargeError("the session", total, max_bytes, "max_session_bytes")

    def _reseal(self, but: AbstractSet[str]) -> dict[str, tuple[bytes, bytes]]:
        """Values under an old key, sealed again; the store swaps them where nobody changed them meanwhile."""
        swap = {}
        for key, sealed in self._stored.items():
            if key not in but and self._sealer.stale(sealed):
                try:
                    plain = self._sealer.open(self._record_id, key, sealed)
                except UnreadableError:
                    continue
                swap[key] = (sealed, self._sealer.seal(self._record_id, key, plain))
        return swap
