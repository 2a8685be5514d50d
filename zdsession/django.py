"""Django's sessions in a store of ours: ``SESSION_ENGINE = "zdsession.django"``.

    ZDSESSION_STORE = "redis://localhost"
    ZDSESSION_OPTIONS = {"keyring": keyring}  # see zdsession.options.Options

Django's own SessionMiddleware stays, and with it the cookie as the SESSION_COOKIE_* settings say.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, MutableMapping
from functools import cache
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString

from zdsession.codec import AppType
from zdsession.cookie import MAX_AGE
from zdsession.drain import DRAINING_KEY
from zdsession.headers import refusal
from zdsession.lookup import find
from zdsession.manager import SessionManager
from zdsession.record import MAX_USER_BYTES
from zdsession.session import Session
from zdsession.token import Token

#: Options that Django's settings say: SESSION_COOKIE_AGE and the others; ids are replaced as Django replaces them.
_DJANGOS = frozenset({"idle_timeout", "persistent", "cookie_name", "same_site", "insecure_http", "grace"})
_USER = "_auth_user_id"
_SAFE = AppType("django.SafeString", SafeString, str.__str__, SafeString)  # str() gives back the same object


@cache
def sessions() -> SessionManager:
    """The manager of this process, for ``revoke_user`` and the like. Made from the settings when first asked for.

    Raises:
        ImproperlyConfigured: ``ZDSESSION_STORE`` is missing, or an option is Django's to say.
    """
    store = getattr(settings, "ZDSESSION_STORE", None)
    options = dict(getattr(settings, "ZDSESSION_OPTIONS", {}))
    if store is None:
        raise ImproperlyConfigured('SESSION_ENGINE = "zdsession.django" needs ZDSESSION_STORE, the URL of a store')
    if clash := _DJANGOS & options.keys():
        raise ImproperlyConfigured(f"ZDSESSION_OPTIONS has {sorted(clash)}: Django's SESSION_* settings say that")
    options = {"absolute_timeout": datetime.timedelta(seconds=MAX_AGE), "renewal_timeout": None, **options}
    manager = SessionManager(store, idle_timeout=options["absolute_timeout"], grace=0, **options)
    manager.codec.register(_SAFE)
    return manager


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting.startswith("ZDSESSION_"):
        sessions.cache_clear()


setting_changed.connect(_forget)


class _Kept(Session):
    """Django stores a session with nothing in it too."""

    keep_empty = True

    @property
    def gone(self) -> bool:
        """Whether the last save found no record any more."""
        return self._life is not None and self._life.gone

    @property
    def token(self) -> str:
        """The id, as the cookie has it."""
        return self._reading().token.text

    @property
    def renamed(self) -> bool:
        """Whether it has an id that the request did not come with."""
        return self._reading().cookie_due

    @property
    def unsaved(self) -> bool:
        """Whether a save has something to write."""
        return self._reading().is_due(self.idle_ms)


class SessionStore(SessionBase):
    """``request.session``. A save merges the keys that changed, nested changes included.

    A session is bound to the user who logs in, so ``sessions().revoke_user(str(user.pk))`` logs out everywhere.
    """

    def __init__(self, session_key: str | None = None) -> None:
        self._flagged = self._cleared = False
        self._opened: _Kept | None = None
        super().__init__(session_key)

    @property
    def modified(self) -> bool:
        """Whether Django's middleware has to save, so also when "last seen" is due, and send the cookie."""
        if self._flagged or not self._is_loaded:
            return self._flagged
        if self.session_key is None:
            return bool(self._values())
        if self._inner.degraded:
            return self._flagged
        self._push()
        return self._inner.unsaved

    @modified.setter
    def modified(self, value: bool) -> None:
        self._flagged = value

    def load(self) -> MutableMapping[str, Any]:  # type: ignore[override]
        """What the store has, each value decoded when it is asked for; an id it does not know is forgotten."""
        self._opened = self._open(self.session_key)
        if self._inner.renamed:  # adopted from Django's own engine: the cookie has to bring the new id
            self._session_key = self._inner.token
            self._flagged = True
        if self._inner.is_new and not self._inner.degraded:
            self._session_key = None
        return self._inner

    def exists(self, session_key: str) -> bool:
        """Whether the store has such a session."""
        return self._find(session_key) is not None

    def create(self) -> None:
        """Store a new session, with what this one has in it."""
        self._session_key = None
        self.save()
        self.modified = True

    def save(self, must_create: bool = False) -> None:
        """Write what changed.

        Raises:
            UpdateError: the session was ended meanwhile; Django answers 400.
            CreateError: ``must_create``, and there is one.
        """
        if must_create and self.session_key is not None and self.exists(self.session_key):
            raise CreateError
        self._values(no_load=must_create)
        if self.session_key is None or must_create:
            self._opened = self._open(None)
        self._push()
        self._inner.save()
        if self._inner.gone:
            raise UpdateError
        self._session_key = self._inner.token

    def delete(self, session_key: str | None = None) -> None:
        """End a session, finally."""
        key = self.session_key if session_key is None else session_key
        record_id = None if key is None else self._find(key)
        if record_id is not None:
            sessions().store.destroy(record_id)

    def clear(self) -> None:
        """Drop every value, also those this code cannot read."""
        super().clear()
        self._cleared = True

    def cycle_key(self) -> None:
        """A new id for the same data, at once; the old one is dead."""
        self._values()
        if self.session_key is None:
            self.create()
            return
        self._inner.regenerate(grace=0)
        self.save()
        self.modified = True

    async def acycle_key(self) -> None:
        """See :meth:`cycle_key`."""
        await sync_to_async(self.cycle_key)()

    @classmethod
    def clear_expired(cls) -> None:
        """``manage.py clearsessions``; nothing to do in Redis."""
        while sessions().store.sweep():
            pass

    @property
    def outage(self) -> Exception | None:
        """Why the store could not be asked, if it could not."""
        return None if self._opened is None else self._opened.outage

    @property
    def _inner(self) -> _Kept:
        """Our session, made when it is first needed: a page that looks at none costs nothing."""
        if self._opened is None:
            self._opened = self._open(None)
        return self._opened

    @property
    def _is_loaded(self) -> bool:
        return hasattr(self, "_session_cache")

    def _values(self, no_load: bool = False) -> MutableMapping[str, Any]:
        values: MutableMapping[str, Any] = self._get_session(no_load)  # type: ignore[attr-defined]
        return values

    def _push(self) -> None:
        """Bring what Django has put beside our session, in a dict of its own, into it."""
        inner, values = self._inner, self._values()
        if self._cleared and not inner.is_new:
            inner.clear()
        self._cleared = False
        if values is not inner:
            for key in [key for key in inner if key not in values]:
                del inner[key]
            for key, value in values.items():
                inner[key] = value
            self._session_cache = inner
        inner.idle_ms = self.get_expiry_age() * 1000
        user = inner.get(_USER)
        if user is None or (isinstance(user, str) and 1 <= len(user.encode()) <= MAX_USER_BYTES):
            inner.user_id = user

    def _open(self, key: str | None) -> _Kept:
        manager = sessions()
        if key is None:
            return _Kept(manager, None)
        header = f"{manager.cookie.name}={key}"
        if manager.adoption is not None:
            header += f"; {manager.adoption.reader.cookie.name}={key}"
        return _Kept(manager, header)

    def _find(self, key: str) -> str | None:
        token = Token.parse(key)
        hit = None if token is None else find(sessions().store, [token], sessions().clock())
        return None if hit is None else hit.record_id


class OutageMiddleware:
    """Answers 503 with Retry-After, rather than 500, where the store was out. Put it above SessionMiddleware.

    It also sets ``request.META["zdsession.draining"]``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META[DRAINING_KEY] = bool(sessions().draining)
        response = self._get_response(request)
        outage = getattr(getattr(request, "session", None), "outage", None)
        if outage is None or response.status_code != 500:
            return response
        status, headers, body = refusal(outage.retry_after)
        return HttpResponse(body, status=int(status[:3]), headers=dict(headers))
