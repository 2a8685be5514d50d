"""From the ids a request came with to the record one of them has a right to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from zdsession.events import emit
from zdsession.record import Record
from zdsession.stores.base import Store
from zdsession.token import Token


class Standing(Enum):
    """What the id a request came with is, to the record it found."""

    CURRENT = "current"
    #: The id before the current one, within its grace.
    PREVIOUS = "previous"
    #: The id from before a change of user, or one older than the previous, within its grace: it gives no data.
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Hit:
    """A record, and the id that found it."""

    token: Token
    record_id: str
    record: Record
    standing: Standing


def find(store: Store, tokens: Sequence[Token], now: int) -> Hit | None:
    """The first of ``tokens`` with a right to a record. An id that nobody was given finds nothing.

    Raises:
        StoreUnavailableError: the store is out.
    """
    superseded = None
    for token in tokens:
        record_id = token.record
        record = store.load(record_id)
        if record is None:
            emit("unknown_id", record_id)
            continue
        standing = standing_of(token, record, now)
        if standing is None:
            emit("wrong_secret", record_id)
        elif standing is Standing.SUPERSEDED:
            superseded = Hit(token, record_id, record, standing)
        else:
            return Hit(token, record_id, record, standing)
    return superseded


def standing_of(token: Token, record: Record, now: int) -> Standing | None:
    """What an id is to the record its selector found; None if it has no right to it."""
    if token.matches(record.secret):
        return Standing.CURRENT
    if not record.previous or now >= record.previous_until:
        return None
    if token.matches(record.previous) and not record.previous_blank:
        return Standing.PREVIOUS
    # Before a login; or before the previous one, which a request may carry where the id changed twice: nobody can tell
    # that from a guess, so it gets no data, and is not answered with another session's cookie either.
    return Standing.SUPERSEDED
