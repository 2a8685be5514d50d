"""The mapping an app sees.

Nothing is read until it is touched, and nothing is written that did not change. What one request changed is merged
into what the store has then, key by key, so requests that run side by side keep each other's keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from zdsession.errors import DegradedWriteError, HeadersSentError, StoreUnavailableError
from zdsession.events import emit
from zdsession.lifecycle import Lifecycle
from zdsession.options import Duration, milliseconds
from zdsession.record import MAX_USER_BYTES
from zdsession.values import HIDDEN, check_key

if TYPE_CHECKING:
    from zdsession.manager import SessionManager

_FLASH = HIDDEN + "flash:"


class Session(MutableMapping[str, Any]):
    """One visitor's session, for one request. Not for several threads at once.

    Top-level keys are text. Values are what :mod:`zdsession.codec` can carry, and are refused with
    ``NotStorableError`` when they are assigned; what is put into a nested list or dict later, when it is saved.

    Any access may raise ``StoreUnavailableError`` (with ``on_outage="fail"``), and ``HeadersSentError`` when it is
    the first one and the headers have left; any change ``DegradedWriteError`` (with ``on_outage="degrade"``).
    """

    #: Whether a session with nothing in it is stored too.
    keep_empty = False

    def __init__(self, manager: SessionManager, cookie_header: str | None) -> None:
        self.manager = manager
        #: Idle limit in milliseconds, and whether the cookie outlives the browser: the manager's, unless changed.
        self.idle_ms = manager.idle_ms
        self.persistent = manager.options.persistent
        #: Whether anything looked at or changed this session; the response then depends on the cookie.
        self.touched = False
        #: Set by the integration when the response's headers leave.
        self.headers_sent = False
        #: Set by :meth:`finish`.
        self.finished = False
        #: The error that kept this request from its session, if one did.
        self.outage: StoreUnavailableError | None = None
        self._header = cookie_header
        self._life: Lifecycle | None = None
        self._read_only = False
        self._flashed = 0

    # the mapping

    def __getitem__(self, key: str) -> Any:
        return self._reading().values.get(key)

    def __setitem__(self, key: str, value: Any) -> None:
        check_key(key)
        self._set(key, value)

    def __delitem__(self, key: str) -> None:
        self._changing().values.delete(key)

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._reading().values if not key.startswith(HIDDEN))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        try:
            self._reading().values.get(key)  # type: ignore[arg-type]
        except KeyError:
            return False
        return True

    def clear(self) -> None:
        """Drop every value, also those this code cannot read. Who is logged in and the id stay: see invalidate."""
        self._changing().values.clear()

    def __repr__(self) -> str:
        if self._life is None:
            return f"<{type(self).__name__} not read yet>"
        return f"<{type(self).__name__} {self._life.record_id:.12}{' new' if self._life.is_new else ''}>"

    # what it is

    @property
    def id(self) -> str:
        """Id of the record: a hash, safe to log and to list; it opens no session."""
        return self._reading().record_id

    @property
    def is_new(self) -> bool:
        """Whether the store has no such session yet."""
        return self._reading().is_new

    @property
    def created(self) -> datetime:
        """When it began, UTC."""
        record = self._reading().record
        return _when(self.manager.clock() if record is None else record.created)

    @property
    def last_seen(self) -> datetime:
        """When it was last used before this request, UTC, to within ``touch_fraction`` of the idle timeout."""
        record = self._reading().record
        return _when(self.manager.clock() if record is None else record.seen)

    @property
    def degraded(self) -> bool:
        """Whether this is the empty, read-only stand-in for a session the store could not give."""
        self._reading()
        return self._read_only

    # who is logged in, and ids

    @property
    def user_id(self) -> str | None:
        """The user this session is bound to, for "log out everywhere". Text of 1 to 255 UTF-8 bytes.

        Assigning another user gives the session a new id, and the old one no data any more.
        """
        return self._reading().user

    @user_id.setter
    def user_id(self, user: str | None) -> None:
        life = self._changing()
        if user is not None:
            if not isinstance(user, str):
                raise TypeError(f"user_id is str or None, not {type(user).__name__}: use str(user.id)")
            if not 1 <= len(user.encode()) <= MAX_USER_BYTES:
                raise ValueError(f"user_id must have 1 to {MAX_USER_BYTES} bytes")
        if user != life.user:
            self._need_headers("a change of user changes the id: do it before the response begins")
            life.bind(user)

    def regenerate(self, grace: Duration | None = None) -> None:
        """Give the session a new id; its data stays.

        The old id works for ``grace`` longer (default: the manager's), so that requests already under way keep
        their session. With ``grace=0`` it ends when this request is saved.
        """
        life = self._changing()
        self._need_headers("a new id needs a cookie: call regenerate() before the response begins")
        life.rotate(self.manager.grace_ms if grace is None else milliseconds(grace))

    def invalidate(self) -> None:
        """End the session, at once and finally: also requests that are still using it save nothing any more.

        What follows in this request is a new, empty session.

        Raises:
            StoreUnavailableError: the store is out, and the session may live on.
        """
        life = self._changing()
        try:
            life.end()
        except StoreUnavailableError as error:
            self._failed(error)
            raise

    # values that are read once

    def flash(self, value: Any, category: str = "message") -> None:
        """Keep a value for whoever asks ``flashes()`` next; parallel requests do not lose each other's."""
        self.manager.codec.encode(value, f"flashed as {category}")  # refused by that name, not by our key's
        self._flashed += 1
        key = f"{_FLASH}{self.manager.clock():014d}:{self._flashed:04d}:{secrets.token_hex(4)}"
        self._set(key, [category, value])

    def flashes(self, category: str | None = None) -> list[tuple[str, Any]]:
        """(category, value) of what was flashed and not yet asked for, oldest first; of one category, or all."""
        values = self._reading().values
        taken: list[tuple[str, Any]] = []
        for key in sorted(key for key in values if key.startswith(_FLASH)):
            flashed = values.get(key)
            if not isinstance(flashed, list) or len(flashed) != 2 or not isinstance(flashed[0], str):
                continue  # none of ours: damaged, planted, or of a later version, which may still want it
            kept, value = flashed
            if category is None or category == kept:
                taken.append((kept, value))
                del self[key]
        return taken

    # for integrations

    def save(self) -> None:
        """Write what changed. Called by the integration before the headers leave, and again after the body.

        Raises:
            StoreUnavailableError: something had to be written, and the store is out.
            NotStorableError, TooLargeError: a nested value cannot be stored.
        """
        if self._life is None or self._read_only:
            return
        try:
            wrote = self._life.save(self.idle_ms, keep_empty=self.keep_empty)
        except StoreUnavailableError as error:
            self._failed(error)
            raise
        if wrote and self.persistent:
            self.resend_cookie()

    def finish(self) -> None:
        """Save for the last time, as the response is complete: later looks do no harm, later changes are refused."""
        self.save()
        self.headers_sent = self.finished = True

    def resend_cookie(self) -> None:
        """Send the cookie again, with its age counted from now; not where another response brings a newer id."""
        if self._life is not None and self._life.record is not None and not self._life.by_previous:
            self._life.cookie_due = True

    def set_cookie(self) -> str | None:
        """The Set-Cookie value this response needs, after :meth:`save`; None if it needs none."""
        life = self._life
        if life is None or not (life.cookie_due or life.ended):
            return None
        if not life.cookie_due or life.record is None:
            return self.manager.cookie.delete()
        left = max(0, life.record.expires - self.manager.clock())
        return self.manager.cookie.set(life.token, -(-left // 1000) if self.persistent else None)

    def cookies(self) -> list[str]:
        """All Set-Cookie values this response needs, after :meth:`save`: also those that end an adopted session's."""
        own = self.set_cookie()
        replaced = [] if self._life is None else self._life.replaced_cookies
        return [*replaced, *([] if own is None else [own])]

    def _set(self, key: str, value: Any) -> None:
        life = self._changing()
        if life.is_new and not life.superseded:
            self._need_headers("this session is new, and its id needs a cookie: set a value before the response begins")
        life.values.assign(key, value)

    def _reading(self) -> Lifecycle:
        return self._life or self._open()

    def _changing(self) -> Lifecycle:
        life = self._reading()
        if self._read_only:
            raise DegradedWriteError("the session store is out: this session is empty and takes no changes")
        if self.finished:
            raise HeadersSentError("the request is over: this change to its session would not be saved")
        return life

    def _open(self) -> Lifecycle:
        self._touch()
        return self._load()

    def _touch(self) -> None:
        if not self.finished:
            self._need_headers("the session must be touched first before the response begins, which then says so")
        self.touched = True

    def _load(self) -> Lifecycle:
        adoptable = None if self.headers_sent else self._header  # an adopted session has to send a cookie
        try:
            self._life = Lifecycle(self.manager, self.manager.cookie.tokens(self._header), adoptable)
        except StoreUnavailableError as error:
            self._failed(error)
            if self.manager.options.on_outage == "fail":
                raise
            self._read_only = True
            self._life = Lifecycle(self.manager, [])
        return self._life

    def _need_headers(self, why: str) -> None:
        if self.headers_sent:
            raise HeadersSentError(f"the response's headers have left: {why}")

    def _failed(self, error: StoreUnavailableError) -> None:
        self.outage = error
        emit("store_error", "", error=error)


def _when(milliseconds_: int) -> datetime:
    return datetime.fromtimestamp(milliseconds_ / 1000, UTC)
