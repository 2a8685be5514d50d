"""A store in this process's memory: for tests, and for nothing that should outlive a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable

from msgspec.structs import replace

from zdsession.clock import now_ms
from zdsession.record import Change, Found, Outcome, Record, Saved, is_live, merge
from zdsession.stores.base import RESERVED_IDS


class MemoryStore:
    """Every method holds one lock. ``clock`` gives milliseconds since the epoch."""

    def __init__(self, *, clock: Callable[[], int] = now_ms) -> None:
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()
        self._clock = clock

    def load(self, record_id: str) -> Record | None:
        with self._lock:
            return self._live(record_id)

    def create(self, record_id: str, record: Record) -> bool:
        with self._lock:
            taken = self._live(record_id)
            if taken is not None:
                return taken.secret == record.secret
            self._records[record_id] = record
            return True

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        with self._lock:
            record = self._live(record_id)
            if record is None:
                return Saved(Outcome.GONE)
            merged, outcome = merge(record, change)
            self._records[record_id] = merged
            return Saved(outcome, merged)

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        with self._lock:
            record = self._live(record_id)
            if record is not None:
                later = max(seen, record.seen), max(expires, record.expires)
                self._records[record_id] = replace(record, seen=later[0], expires=later[1])

    def destroy(self, record_id: str) -> bool:
        with self._lock:
            return self._records.pop(record_id, None) is not None

    def sessions_of(self, user: str) -> list[Found]:
        with self._lock:
            now = self._clock()
            found = [
                Found(record_id, record.created, record.seen, record.expires)
                for record_id, record in self._records.items()
                if record.user == user and is_live(record, now)
            ]
        return sorted(found, key=lambda f: (f.created, f.id))

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        with self._lock:
            now = self._clock()
            doomed = [i for i, record in self._records.items() if record.user == user and i != keep]
            return sum(is_live(self._records.pop(record_id), now) for record_id in doomed)

    def sweep(self, limit: int = 1000) -> int:
        with self._lock:
            now = self._clock()
            dead = [i for i, record in self._records.items() if not is_live(record, now)][:limit]
            for record_id in dead:
                del self._records[record_id]
        return len(dead)

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        with self._lock:
            ids = sorted(record_id for record_id in self._records if record_id > cursor)[:limit]
        return [one for one in ids if one not in RESERVED_IDS], ids[-1] if len(ids) == limit else ""

    def close(self) -> None:
        """Nothing to close; the records stay."""

    def _live(self, record_id: str) -> Record | None:
        record = self._records.get(record_id)
        return record if record is not None and is_live(record, self._clock()) else None
