"""From a visitor's old cookie to a session of ours: once, whatever arrives in parallel.

The new id is derived from the old one with a secret of the app's, so two first requests of one visitor, on any two
nodes, make the same record and send the same cookie. The old id finds that record for ``grace`` longer, should an
answer get lost. A second, small record says for ``remember`` that this old session was taken over, so that it cannot
come back after a logout, whatever became of the old record and the old cookie.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from zdsession.adoption.reader import Reader, RefusedError
from zdsession.cookie import MAX_CANDIDATES, values_of
from zdsession.errors import ConfigurationError, NotStorableError, StoreUnavailableError, TooLargeError
from zdsession.events import emit
from zdsession.lookup import Hit, Standing, standing_of
from zdsession.options import Duration, milliseconds
from zdsession.record import MAX_USER_BYTES, Record
from zdsession.token import Token
from zdsession.values import check_key

if TYPE_CHECKING:
    from zdsession.manager import SessionManager

log = logging.getLogger("zdsession")

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of a request's old cookies: the session, if there is one, and the Set-Cookie values to send."""

    hit: Hit | None
    cookies: tuple[str, ...]


class Adoption:
    """Takes over the sessions that ``reader`` finds.

    Args:
        reader: of the old system.
        secret: at least 32 random bytes, the same on all nodes: ids are derived with it. It may be forgotten with the
            adoption.
        user: gives who is logged in, from the old values, so that ``revoke_user`` finds adopted sessions too.
            Default: as far as the reader knows, which is Django's.
        keep_old: leave the old record and the old cookie in place, for the way back; a logout removes them.
        grace: the old id finds the new session for so long after it was taken over. Until then, who can plant an old
            cookie in a browser can share a session with it, as in the old system; a login ends that.
        remember: an old session is not taken over twice within this; at least as long as one of them may live.

    Raises:
        ConfigurationError: ``secret`` is too short.
    """

    def __init__(
        self,
        reader: Reader,
        *,
        secret: bytes,
        user: Callable[[Mapping[str, Any]], str | None] | None = None,
        keep_old: bool = False,
        grace: Duration = timedelta(minutes=10),
        remember: Duration = timedelta(days=31),
    ) -> None:
        if not isinstance(secret, bytes) or len(secret) < _SECRET_BYTES:
            raise ConfigurationError(f"adoption needs a secret of at least {_SECRET_BYTES} bytes, as bytes")
        self.reader = reader
        self.keep_old = keep_old
        self._secret = secret
        self._user = user or reader.user
        self._grace_ms = milliseconds(grace)
        self._remember_ms = milliseconds(remember)

    def has_cookie(self, header: str | None) -> bool:
        """Whether a request's Cookie header has a cookie of the old system's name."""
        return next(values_of(header, self.reader.cookie.name), None) is not None

    def adopt(self, manager: SessionManager, header: str | None) -> Adopted:
        """The session for the old cookies of a request that has none of ours.

        Raises:
            StoreUnavailableError: the old store or ours is out: nothing is known, and no cookie should change.
        """
        if not self.has_cookie(header):
            return Adopted(None, ())
        cookies = () if self.keep_old else (self.reader.cookie.expire(),)
        for key in self._keys(header):
            hit = self._take(manager, key)
            if hit is not None:
                return Adopted(hit, cookies)
        return Adopted(None, cookies)

    def end(self, manager: SessionManager, header: str | None) -> tuple[str, ...]:
        """The visitor logs out: their old sessions must not come back either. The Set-Cookie values to send.

        Raises:
            StoreUnavailableError: our store is out: an old session may still be adopted.
        """
        if not self.has_cookie(header):
            return ()
        for key in self._keys(header):
            self._mark(manager, key, secrets.token_bytes(_SECRET_BYTES))
            self._remove(key)
        return (self.reader.cookie.expire(),)

    def _keys(self, header: str | None) -> Iterator[str]:
        seen = set()
        for count, text in enumerate(values_of(header, self.reader.cookie.name), 1):
            if count > MAX_CANDIDATES:
                return
            key = self.reader.key(text)
            if key is None:
                self._refuse("", "no id of the old system, or its signature is wrong or too old")
            elif key not in seen:
                seen.add(key)
                yield key

    def _take(self, manager: SessionManager, key: str) -> Hit | None:
        token = self._token(key)
        record = manager.store.load(token.record)
        if record is not None:
            return self._again(manager, token, record)
        if manager.store.load(self._marker_id(key)) is not None:
            record = manager.store.load(token.record)  # made since we looked, and before the mark, or ended
            if record is not None:
                return self._again(manager, token, record)
            self._refuse(token.record, "taken over before")
            return None
        try:
            old = self.reader.read(key)
        except RefusedError as refusal:
            self._refuse(token.record, str(refusal))
            return None
        if old is None:
            record = manager.store.load(token.record)  # or taken over, and removed, since we looked
            if record is not None:
                return self._again(manager, token, record)
            self._refuse(token.record, "unknown or expired")
            return None
        return self._create(manager, key, token, old)

    def _create(self, manager: SessionManager, key: str, token: Token, old: Mapping[str, Any]) -> Hit | None:
        values, dropped = _storable(manager, token.record, old)
        user = self._user_of(old)
        if not values and user is None:
            self._refuse(token.record, "nothing in it can be kept" if old else "empty")
            return None
        now = manager.clock()
        deadline = now + manager.absolute_ms
        record = Record(
            secret=token.hash,
            created=now,
            seen=now,
            renewed=now,
            expires=min(now + manager.idle_ms, deadline),
            deadline=deadline,
            previous=secrets.token_bytes(_SECRET_BYTES),  # names this copy of the record; an id of nobody
            user=user,
            values=values,
        )
        # True as well where a parallel request has just stored its copy, which has the same id and secret.
        manager.store.create(token.record, record)
        there = manager.store.load(token.record)
        if there is None:
            self._refuse(token.record, "ended meanwhile")
            return None
        if there.secret != token.hash:
            return self._again(manager, token, there)
        if not self._mark(manager, key, there.previous):
            # Marked for another copy: that one has been ended since we looked, and this one came after it.
            manager.store.destroy(token.record)
            self._refuse(token.record, "ended meanwhile")
            return None
        if there.previous != record.previous:
            return Hit(token, token.record, there, Standing.CURRENT)
        if not self.keep_old:
            self._remove(key)
        emit("adopted", token.record, source=self.reader.name, kept=len(values), dropped=dropped)
        return Hit(token, token.record, there, Standing.CURRENT)

    def _again(self, manager: SessionManager, token: Token, record: Record) -> Hit | None:
        """The session that was made of this old id before."""
        now = manager.clock()
        standing = standing_of(token, record, now)
        if standing is None or (standing is Standing.CURRENT and now - record.created >= self._grace_ms):
            self._refuse(token.record, "taken over before")
            return None
        return Hit(token, token.record, record, standing)

    def _mark(self, manager: SessionManager, key: str, whose: bytes) -> bool:
        """Note that this old session is taken over, as the copy ``whose``. False if it was, as another one."""
        now = manager.clock()
        until = now + self._remember_ms
        return manager.store.create(self._marker_id(key), Record(whose, now, now, now, until, until))

    def _remove(self, key: str) -> None:
        try:
            self.reader.remove(key)
        except StoreUnavailableError as error:
            emit("old_session_left", "", source=self.reader.name, error=error)

    def _refuse(self, record_id: str, reason: str) -> None:
        emit("adoption_refused", record_id, source=self.reader.name, reason=reason)

    def _user_of(self, old: Mapping[str, Any]) -> str | None:
        try:
            user = self._user(old)
        except Exception:  # the app's function: its error must not keep a visitor out until the old session expires
            log.exception("the user of an adopted session is not known: the function given to Adoption failed")
            return None
        if not isinstance(user, str):
            return None
        try:
            return user if 1 <= len(user.encode()) <= MAX_USER_BYTES else None
        except UnicodeEncodeError:
            return None

    def _token(self, key: str) -> Token:
        selector, secret = (
            hmac.digest(self._secret, b"\0".join((part, self.reader.name.encode(), key.encode())), "sha256")
            for part in (b"zdsession adopted selector", b"zdsession adopted secret")
        )
        return replace(Token.new(selector[:16]), secret=secret)

    def _marker_id(self, key: str) -> str:
        return sha256(b"\0".join((b"zdsession adopted", self.reader.name.encode(), key.encode()))).hexdigest()


def _storable(manager: SessionManager, record_id: str, old: Mapping[Any, Any]) -> tuple[dict[str, bytes], list[str]]:
    """Sealed values by name, and the names of those that cannot be kept."""
    values: dict[str, bytes] = {}
    dropped: list[str] = []
    left = manager.options.max_session_bytes
    for name, value in old.items():
        try:
            check_key(name)
            encoded = manager.codec.encode(value, name)
            manager.sealer.check_size(name, encoded)
        except (NotStorableError, TooLargeError, TypeError, ValueError):
            dropped.append(f"{name!r:.80}")
            continue
        sealed = manager.sealer.seal(record_id, name, encoded)
        if len(name) + len(sealed) > left:
            dropped.append(f"{name!r:.80}")
            continue
        left -= len(name) + len(sealed)
        values[name] = sealed
    return values, dropped
