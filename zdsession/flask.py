"""``flask.session`` in a store of ours.

    app = Flask(__name__)
    ZDSession(app, "redis://localhost")

No ``SECRET_KEY`` is needed for it, and Flask's ``SESSION_COOKIE_*`` settings are not read: see ``Options``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.sessions import SessionInterface, SessionMixin
from flask.wrappers import Request, Response
from markupsafe import Markup
from werkzeug.datastructures import Headers

from zdsession.body import SavingBody
from zdsession.codec import AppType
from zdsession.drain import DRAINING_KEY
from zdsession.errors import StoreUnavailableError
from zdsession.headers import additions, refusal
from zdsession.manager import SessionManager
from zdsession.options import milliseconds
from zdsession.session import Session
from zdsession.stores.base import Store

MARKUP = AppType("markupsafe.Markup", Markup, str, Markup)


class FlaskSession(Session, SessionMixin):
    """The session as ``flask.session``.

    ``permanent`` gives it Flask's ``PERMANENT_SESSION_LIFETIME`` as its idle timeout and a cookie that outlives the
    browser. ``modified`` may be set, as with other session interfaces, and does nothing: changes are seen.
    ``clear()``, with which Flask apps log out, is :meth:`invalidate`.
    """

    #: Set by Flask on every access to ``flask.session``, also where nothing is read: ``touched`` says that.
    accessed = False

    def __init__(self, manager: SessionManager, cookie_header: str | None, app: Flask) -> None:
        super().__init__(manager, cookie_header)
        self._app = app

    @property
    def new(self) -> bool:  # type: ignore[override]
        """Whether the store has no such session yet."""
        return self.is_new

    @property
    def modified(self) -> bool:
        """Always False: what changed is found out when the session is saved."""
        return False

    @modified.setter
    def modified(self, value: bool) -> None:
        """Accepted and not needed."""

    @property
    def permanent(self) -> bool:
        """Whether the session outlives the browser."""
        return bool(self.get("_permanent", self.manager.options.persistent))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        if bool(value) != self.permanent:
            self["_permanent"] = bool(value)
            self._permanence_changed = True

    _permanence_changed = False

    def clear(self) -> None:
        """End the session, finally; what is set after this begins a new one."""
        self.invalidate()

    def save(self) -> None:
        """See :meth:`Session.save`."""
        if self.touched and self.outage is None:
            self.persistent = self.permanent
            if self.persistent:
                self.idle_ms = milliseconds(self._app.permanent_session_lifetime)
        super().save()
        if self._permanence_changed:
            self.resend_cookie()


class ZDSession(SessionInterface):
    """Keeps an app's ``flask.session`` in ``store``.

    Args:
        app: the app; its ``session_interface`` becomes this.
        store: a store, the URL of one, or a ready :class:`~zdsession.SessionManager`.
        options: see :class:`zdsession.options.Options`. ``absolute_timeout`` defaults to the longer of a day and
            Flask's ``PERMANENT_SESSION_LIFETIME``.
    """

    def __init__(self, app: Flask, store: Store | str | SessionManager, **options: Any) -> None:
        if isinstance(store, SessionManager):
            if options:
                raise TypeError("give options to the SessionManager, or let ZDSession make it")
            self.sessions = store
        else:
            options.setdefault("absolute_timeout", max(timedelta(hours=24), app.permanent_session_lifetime))
            self.sessions = SessionManager(store, **options)
        self.sessions.codec.register(MARKUP)
        app.session_interface = self
        app.extensions["zdsession"] = self
        app.register_error_handler(StoreUnavailableError, _unavailable)

    def open_session(self, app: Flask, request: Request) -> FlaskSession:
        """The session of a request; the store is not asked before it is touched."""
        request.environ[DRAINING_KEY] = bool(self.sessions.draining)
        return FlaskSession(self.sessions, request.environ.get("HTTP_COOKIE"), app)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save it and put the cookie into the response; a streamed one is saved again when it is closed."""
        assert isinstance(session, FlaskSession)
        streamed = response.is_streamed and not response.direct_passthrough  # which is a file the server sends
        try:
            if streamed:
                session.save()
            else:
                session.finish()
        except StoreUnavailableError as error:
            _refuse(response, error)
            return
        finally:
            session.headers_sent = True
        if session.outage is not None and response.status_code == 500:
            _refuse(response, session.outage)  # an error handler of the app's made a page of the error we raised
            return
        if session.touched:
            cookies = session.cookies()
            added = additions(response.headers, cookies)
            if cookies:
                response.headers.remove("Cache-Control")
            for name, value in added:
                response.headers.add(name, value)
        if streamed:
            body: Iterable[Any] = response.response
            response.response = SavingBody(body, session.save, session.finish)


def _unavailable(error: StoreUnavailableError) -> Response:
    return _refuse(Response(), error)


def _refuse(response: Response, error: StoreUnavailableError) -> Response:
    status, headers, body = refusal(error.retry_after)
    response.status = status
    response.headers = Headers(headers)
    response.set_data(body)
    return response
