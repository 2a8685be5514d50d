"""The contract between sessions and whatever keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Protocol, runtime_checkable

from zdsession.record import Change, Found, Record, Saved

#: Records that are about a store, not in it: of a mirrored one, and of the janitor. ``scan`` does not name them.
MEMBERSHIP_ID = sha256(b"zdsession mirrored membership").hexdigest()
OFFICE_ID = sha256(b"zdsession janitor").hexdigest()
RESERVED_IDS = frozenset((MEMBERSHIP_ID, OFFICE_ID))
#: The version of a base that was not read from the store it is given to.
UNKNOWN_VERSION = -1


@runtime_checkable
class Store(Protocol):
    """Keeps records by id. ``tests/zdsession/conformance.py`` is this contract as tests; run it on your own store.

    For every method:

    - Safe to call from many threads, and after a fork: a connection opened before it is not used after it.
    - Answers within the store's time budget (seconds, all tries together) or raises
      :class:`~zdsession.errors.StoreUnavailableError`, which is the only error a caller has to expect. It means
      "not known", never "no such session". Everything below that is not that error is an ordinary result.
    - Ids are 64 hex digits, users are text of 1 to 255 UTF-8 bytes; callers see to it.
    - May be sent again after a lost answer without doing harm.
    """

    def load(self, record_id: str) -> Record | None:
        """The record, or None when there is none, it has expired, or what is stored is no record of ours.

        One request to the server.
        """

    def create(self, record_id: str, record: Record) -> bool:
        """Store a new record. False, and nothing written, when the id is taken by another session.

        One request; one more when it is bound to a user, in stores that keep the index apart.
        """

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        """Merge ``change`` into what is stored *now*, atomically, as :func:`zdsession.record.merge` says.

        ``base`` is the record as last loaded or saved by this writer, a hint that saves a read; with
        ``UNKNOWN_VERSION`` it is none, and the save costs that read. A record that is
        gone stays gone: the outcome says so, nothing is written, and no error is raised.

        One request, two more for each conflict, one more when a user is bound (see ``create``).
        """

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        """Move the two times of a record on, in milliseconds; one that is later already stays.

        A record that is gone stays gone. One request.
        """

    def destroy(self, record_id: str) -> bool:
        """Remove the record, finally. False when there was none, which is fine. One request."""

    def sessions_of(self, user: str) -> list[Found]:
        """The live sessions bound to ``user``, oldest first; empty for a user never heard of."""

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        """Destroy all sessions bound to ``user`` except the record ``keep``; how many live ones there were.

        A login that ends after this call began may survive it.
        """

    def sweep(self, limit: int = 1000) -> int:
        """Remove at most ``limit`` expired records and say how many. 0 where the server does so by itself."""

    def close(self) -> None:
        """Close connections. The store may be used again, and opens new ones."""


@runtime_checkable
class Scannable(Protocol):
    """A store that can name all its records: optional, for copying and for bringing a mirrored store back."""

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        """About ``limit`` ids of stored records from ``cursor`` on, and the cursor to go on from; "" at the end.

        A page may be empty before the end. A record that is there during all of a scan is named at least once, one
        that comes or goes may or may not be; expired ones may be; ``RESERVED_IDS`` are not.

        Raises:
            StoreUnavailableError: as everywhere.
        """


@runtime_checkable
class Forgetful(Protocol):
    """A store that may come back from a restart or a failover without something it has acknowledged."""

    def life(self) -> str:
        """The same text as before, unless the server may have forgotten something since. One request."""


def every_id(store: Scannable) -> Iterator[str]:
    """All ids of a store, page by page."""
    cursor = ""
    while True:
        ids, cursor = store.scan(cursor)
        yield from ids
        if not cursor:
            return
