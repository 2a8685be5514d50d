"""The contract between sessions and whatever keeps them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from zdsession.record import Change, Found, Record, Saved


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

        ``base`` is the record as last loaded or saved by this writer, a hint that saves a read. A record that is
        gone stays gone: the outcome says so, nothing is written, and no error is raised.

        One request, two more for each conflict, one more when a user is bound (see ``create``).
        """

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        """Set the two times of a record, in milliseconds; a record that is gone stays gone. One request."""

    def destroy(self, record_id: str) -> bool:
        """Remove the record, finally. False when there was none, which is fine. One request."""

    def sessions_of(self, user: str) -> list[Found]:
        """The live sessions bound to ``user``, oldest first; empty for a user never heard of."""

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        """Destroy all sessions bound to ``user`` except the record ``keep``; how many there were.

        A login that ends after this call began may survive it.
        """

    def sweep(self, limit: int = 1000) -> int:
        """Remove at most ``limit`` expired records and say how many. 0 where the server does so by itself."""

    def close(self) -> None:
        """Close connections. The store may be used again, and opens new ones."""
