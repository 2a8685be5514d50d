"""From the first touch of a session to its last save: which record it is, and what has to be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from zdsession.errors import SessionError, StoreUnavailableError
from zdsession.events import emit
from zdsession.lookup import Hit, Standing, find
from zdsession.record import Binding, Change, Outcome, Record, Rotation, idle_of
from zdsession.token import Token
from zdsession.values import Edits, Values

if TYPE_CHECKING:
    from zdsession.adoption.adopt import Adoption
    from zdsession.manager import SessionManager


class Lifecycle:
    """One record in one request: found, or to be made, changed, and saved.

    Args:
        manager: the configuration.
        tokens: ids the request came with.
        header: its Cookie header, for the cookie of an old system whose sessions are adopted.

    Raises:
        StoreUnavailableError: the store is out.
    """

    def __init__(self, manager: SessionManager, tokens: list[Token], header: str | None = None) -> None:
        self._manager = manager
        #: The session is over for the browser: its cookie is to be removed, unless a new one is set.
        self.ended = False
        #: The browser needs a cookie it does not have.
        self.cookie_due = False
        self.token: Token
        self.record_id: str
        self.record: Record | None
        self.user: str | None
        self.values: Values
        self.superseded: bool
        self.by_previous: bool
        #: The store has no such record any more: the last save wrote nothing.
        self.gone = False
        #: Set-Cookie values that remove the cookies of an old system.
        self.replaced_cookies: list[str] = []
        self._header = header
        self._doomed: list[str] = []
        self._next: Token
        self._rotation: Rotation | None
        self._expiry_due = False
        hit = find(manager.store, tokens, manager.clock()) if tokens else None
        adopted = None
        if hit is None and manager.adoption is not None:
            hit = adopted = self._adopt(manager.adoption)
        if hit is None or hit.standing is Standing.SUPERSEDED:
            self._start_anew()
            self.superseded = hit is not None
        else:
            self._resume(hit)
        if adopted is not None and adopted.standing is Standing.CURRENT:
            self.cookie_due = self._expiry_due = True

    @property
    def is_new(self) -> bool:
        """Whether the store has no record of it yet."""
        return self.record is None

    def rotate(self, grace_ms: int, *, change_of_user: bool = False) -> None:
        """Have the next save replace the id, if the browser has one."""
        if self.record is None:
            return
        insist = change_of_user or grace_ms == 0
        if self.by_previous and not insist:
            return  # another request has just done it; its answer brings the browser the new id
        now = self._manager.clock()
        self._next = Token.new(self.token.selector)
        self._rotation = Rotation(
            secret=self._next.hash,
            at=now,
            previous_until=now + grace_ms,
            previous_blank=change_of_user,
            expected=None if insist else self.record.secret,
        )

    def bind(self, user: str | None) -> None:
        """Have the next save bind the session to a user: a new id, and nothing more for the old one."""
        if user == self.user:
            return
        self.superseded = False
        self.user = user
        self.rotate(self._manager.grace_ms, change_of_user=True)

    def end(self) -> None:
        """Destroy the record, now and finally, and begin an empty session.

        Raises:
            StoreUnavailableError: the store is out; the session may live on.
        """
        if self.record is not None:
            self._end_adopted()
            self._manager.store.destroy(self.record_id)
            emit("invalidated", self.record_id)
            self.ended = True
        self.cookie_due = False
        self._start_anew()

    def end_later(self) -> None:
        """Begin an empty session; the record of this one is destroyed, finally, by the next :meth:`save`."""
        if self.record is not None:
            self._doomed.append(self.record_id)
        self.cookie_due = False
        self._start_anew()

    def destroy_doomed(self) -> None:
        """Destroy what :meth:`end_later` left.

        Raises:
            StoreUnavailableError: the store is out; the session may live on.
        """
        if self._doomed:
            self._end_adopted()
        while self._doomed:
            self._manager.store.destroy(self._doomed[-1])
            emit("invalidated", self._doomed.pop())
            self.ended = True

    def is_due(self, idle_ms: int) -> bool:
        """Whether :meth:`save` has something to write."""
        if self.record is None or self.superseded:
            return self.values.changed or self.user is not None
        rebound = self.user != self.record.user or self._rotation is not None
        return rebound or self.values.changed or self._touch_due(self.record, self._manager.clock(), idle_ms)

    def save(self, idle_ms: int, *, keep_empty: bool = False) -> bool:
        """Write what changed since the last save. False if nothing did, or the session is gone.

        ``keep_empty`` also creates a record that has nothing in it.

        Raises:
            StoreUnavailableError: the store is out, and something had to be written.
            NotStorableError, TooLargeError: a nested value cannot be stored.
        """
        self.destroy_doomed()
        edits = self.values.edits(self._manager.options.max_session_bytes)
        if self.superseded:
            if edits:
                emit("superseded", self.record_id, dropped=sorted(edits.put))
            return False
        now = self._manager.clock()
        if self.record is None:
            return bool(edits or self.user is not None or keep_empty) and self._create(edits, now, idle_ms)
        binding = None if self.user == self.record.user else Binding(self.user)
        changed = bool(edits or binding or self._rotation)
        if not changed and not self._touch_due(self.record, now, idle_ms):
            return False
        expires = min(now + idle_ms, self.record.deadline)
        extends = not self._idle_changed(self.record, idle_ms)
        change = Change(now, expires, edits.put, edits.drop, edits.swap, self._rotation, binding, extends)
        return self._update(self.record, edits, change) if changed else self._touch(self.record, change)

    def _adopt(self, adoption: Adoption) -> Hit | None:
        adopted = adoption.adopt(self._manager, self._header)
        self.replaced_cookies += adopted.cookies
        return adopted.hit

    def _end_adopted(self) -> None:
        """Have the old system's session, which came along with ours, end with it."""
        if self._manager.adoption is not None:
            self.replaced_cookies = list(self._manager.adoption.end(self._manager, self._header))

    def _start_anew(self) -> None:
        self.superseded = self.by_previous = False
        self.user = self.record = self._rotation = None
        token = Token.new()
        self._identify(token, token.record, {})

    def _resume(self, hit: Hit) -> None:
        self.superseded, self.by_previous = False, hit.standing is Standing.PREVIOUS
        self.user, self.record, self._rotation = hit.record.user, hit.record, None
        self._identify(hit.token, hit.record_id, hit.record.values)
        renewal = self._manager.renewal_ms
        if renewal is not None and self._manager.clock() - hit.record.renewed >= renewal:
            self.rotate(self._manager.grace_ms)

    def _identify(self, token: Token, record_id: str, stored: Mapping[str, bytes]) -> None:
        self.token = self._next = token
        self.record_id = record_id
        self.values = Values(self._manager.codec, self._manager.sealer, self.record_id, stored)

    def _create(self, edits: Edits, now: int, idle_ms: int) -> bool:
        deadline = now + self._manager.absolute_ms
        record = Record(
            secret=self.token.hash,
            created=now,
            seen=now,
            renewed=now,
            expires=min(now + idle_ms, deadline),
            deadline=deadline,
            user=self.user,
            values=edits.put,
        )
        if not self._manager.store.create(self.record_id, record):
            raise SessionError("a new session id was taken: the random number generator of this machine repeats itself")
        self.record = record
        self.values.saved(edits)
        self.cookie_due = True
        emit("created", self.record_id)
        return True

    def _update(self, base: Record, edits: Edits, change: Change) -> bool:
        saved = self._manager.store.save(self.record_id, base, change)
        self._rotation, self._expiry_due = None, False
        self.values.saved(edits)
        if saved.record is None:
            self.gone = True
            event = "expired" if self._manager.clock() >= base.expires else "gone"
            emit(event, self.record_id, dropped=sorted(edits.put))
            return False
        self.record = saved.record
        if saved.conflicts:
            emit("merged", self.record_id, conflicts=saved.conflicts)
        if saved.outcome is Outcome.YIELDED:
            self.by_previous = True
        elif change.rotation is not None:
            self.token, self.by_previous = self._next, False
            self.cookie_due = True
            emit("regenerated", self.record_id)
        return True

    def _touch_due(self, record: Record, now: int, idle_ms: int) -> bool:
        if self._expiry_due and idle_ms != self._manager.idle_ms:
            return True  # it was adopted with the manager's limit, and the integration has another
        return now - record.seen >= self._manager.options.touch_fraction * idle_ms

    @staticmethod
    def _idle_changed(record: Record, idle_ms: int) -> bool:
        """Whether this request gives the session another idle limit than it came with.

        Near its absolute limit nobody can tell, unless it is shorter than what is left.
        """
        capped = record.expires >= record.deadline
        return idle_ms < idle_of(record) if capped else idle_ms != idle_of(record)

    def _touch(self, record: Record, change: Change) -> bool:
        try:
            if change.extends:
                self._manager.store.touch(self.record_id, change.seen, change.expires)
                touched: Record | None = replace(record, seen=change.seen, expires=change.expires)
            else:
                touched = self._manager.store.save(self.record_id, record, change).record
        except StoreUnavailableError as error:
            emit("touch_failed", self.record_id, error=error)  # the page is fine without; the next one tries
            return False
        self._expiry_due = False
        if touched is None:
            self.gone = True
            return False
        self.record = touched
        return True
