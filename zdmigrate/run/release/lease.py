"""One release at a time, across machines: a record in the session store that its holder renews.

It also carries a copy of the journal, so that a release can be gone on with from another machine.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from zdmigrate.run.errors import AbortedError, RefusedError
from zdmigrate.run.journal import owner
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.fleet import process
from zdsession.record import Change, Outcome, Record
from zdsession.stores.base import Store

_ID = sha256(b"zdmigrate release").hexdigest()
_SECRET = b"zdmigrate release".ljust(32, b"\0")
#: The year 2200: never, as far as a store can say so.
_NEVER = 7_258_118_400_000
_LEASE_MS = 30_000
_RENEW_SECONDS = 5.0
_HOLDER, _JOURNAL = "holder", "journal"
_FREE = b""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lease, until when by its clock (milliseconds); zero, once it gave it back.

    ``turn`` is how many held it before: what tells a later holder from an earlier one that a store went back to.
    """

    turn: int
    token: str
    owner: str
    until: int
    pid: int
    born: str
    machine: str

    def ended(self, now: int) -> bool:
        """Whether it let go: its time is over, or it was on this machine and its process is gone."""
        if now > self.until:
            return True
        here = bool(self.machine) and self.machine == process.machine()
        return here and process.is_gone(self.pid, self.born)


class Lease:
    """Take it with `with`; leaving gives it back.

    Raises:
        RefusedError: another release holds it.
        StoreUnavailableError: the store does not answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._token = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._turn = 1
        self._mine = _FREE
        self._taken: Holder | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="zdmigrate-release-lease", daemon=True)

    def __enter__(self) -> Lease:
        for _ in range(_TRIES):
            base, there = self._load()
            found = _holder(there)
            if found is not None and not found.ended(now_ms()):
                raise RefusedError(
                    [f"another release is at work: {found.owner}; wait for it (zdmigrate release FILE --status)"]
                )
            self._turn = 1 if found is None else found.turn + 1
            if self._swap(base, there):
                self._thread.start()
                return self
        raise RefusedError(["another release took the lease at the same time; wait for it"])

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        self._thread.join()
        try:
            with self._lock:
                base = self._store.load(_ID)
                if base is not None and base.values.get(_HOLDER) == self._mine:
                    self._save(base, swap={_HOLDER: (self._mine, self._packed(until=0))})
        except StoreUnavailableError:
            pass  # it ends by itself

    def check(self) -> None:
        """Make sure that nobody took it meanwhile. A store that is out, or that lost it, takes nothing away.

        Raises:
            AbortedError: somebody did.
        """
        if self._taken is not None:
            raise AbortedError(f"the release's lease was taken over by {self._taken.owner}; it goes on there")

    def keep(self, journal: Mapping[str, Any]) -> None:
        """Keep a copy of the journal. Best effort: the local one decides where both are there."""
        try:
            with self._lock:
                base = self._store.load(_ID)
                if base is not None:
                    self._save(base, put={_JOURNAL: json.dumps(journal).encode()})
        except StoreUnavailableError:
            pass  # it comes with the next step

    def _renew(self) -> None:
        while not self._ended.wait(_RENEW_SECONDS):
            try:
                with self._lock:
                    base, there = self._load()
                    found = _holder(there)
                    if found is not None and found.token != self._token and found.turn >= self._turn:
                        self._taken = found  # even if it gave it back since
                        return
                    self._swap(base, there)
            except StoreUnavailableError:
                continue

    def _load(self) -> tuple[Record, bytes]:
        """The record, made if need be, and who holds it."""
        base = self._store.load(_ID)
        if base is None:
            now = now_ms()
            self._store.create(_ID, Record(_SECRET, now, now, now, _NEVER, _NEVER, values={_HOLDER: _FREE}))
            base = self._store.load(_ID)
        if base is None:
            raise StoreUnavailableError("what was written to the session store is not there")
        return base, base.values.get(_HOLDER, _FREE)

    def _swap(self, base: Record, there: bytes) -> bool:
        """Put us in the place of `there`, if that is still who holds it."""
        mine = self._packed(now_ms() + _LEASE_MS)
        self._save(base, swap={_HOLDER: (there, mine)})
        after = self._store.load(_ID)
        if after is None or after.values.get(_HOLDER) != mine:
            return False
        self._mine = mine
        return True

    def _packed(self, until: int) -> bytes:
        me = Holder(self._turn, self._token, owner(), until, os.getpid(), process.born(os.getpid()), process.machine())
        return json.dumps({name: getattr(me, name) for name in Holder.__slots__}).encode()

    def _save(
        self,
        base: Record,
        *,
        put: Mapping[str, bytes] | None = None,
        swap: Mapping[str, tuple[bytes, bytes]] | None = None,
    ) -> None:
        change = Change(now_ms(), _NEVER, put or {}, swap=swap or {})
        saved = self._store.save(_ID, base, change)
        if saved.outcome is Outcome.GONE:
            raise StoreUnavailableError("the record of the release was removed")


def kept_journal(store: Store) -> dict[str, Any] | None:
    """The copy of the journal of the newest release; None when there is none that can be read.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    record = store.load(_ID)
    try:
        found = json.loads(record.values[_JOURNAL]) if record is not None and _JOURNAL in record.values else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def holder_now(store: Store) -> Holder | None:
    """Who holds the lease now, or None.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    record = store.load(_ID)
    found = None if record is None else _holder(record.values.get(_HOLDER, _FREE))
    return None if found is None or found.ended(now_ms()) else found


def _holder(packed: bytes) -> Holder | None:
    try:
        return Holder(**json.loads(packed)) if packed else None
    except (ValueError, TypeError):
        return None
