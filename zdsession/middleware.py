"""Sessions for any WSGI app: ``environ["zdsession"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from zdsession.body import SavingBody, close_body
from zdsession.errors import StoreUnavailableError
from zdsession.headers import Header, refusal, with_session
from zdsession.manager import SessionManager
from zdsession.session import Session
from zdsession.stores.base import Store

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

#: Key of the session in the WSGI environment.
ENVIRON_KEY = "zdsession"


class SessionMiddleware:
    """Gives ``app`` a session.

    It is saved when the app begins its response, before the headers leave. What changes later, while the body is
    made, is saved when the body ends or is closed; a new id is not possible then (``HeadersSentError``). An app that
    raises before it begins a response saves nothing.

    Args:
        app: the WSGI app.
        store: a store, the URL of one, or a ready :class:`~zdsession.SessionManager`.
        options: see :class:`zdsession.options.Options`; none with a ready manager.
    """

    def __init__(self, app: WSGIApplication, store: Store | str | SessionManager, **options: Any) -> None:
        self.app = app
        if isinstance(store, SessionManager):
            if options:
                raise TypeError("give options to the SessionManager, or let SessionMiddleware make it")
            self.sessions = store
        else:
            self.sessions = SessionManager(store, **options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        session = self.sessions.open(environ.get("HTTP_COOKIE"))
        environ[ENVIRON_KEY] = session
        response = _Response(session, start_response)
        try:
            body = self.app(environ, response.start)
        except StoreUnavailableError as error:
            return [response.refuse(error)]
        if response.refused is not None:
            close_body(body)
            return [response.refused]
        if isinstance(body, (list, tuple)) or _is_file(body, environ):
            session.finish()  # with what changed between start_response and return; no app code runs after this
            return body
        return _Body(body, response)


class _Response:
    """The server's ``start_response``, with the session saved before it is called."""

    def __init__(self, session: Session, start_response: StartResponse) -> None:
        self.session = session
        self._start_response = start_response
        #: Body of the 503 that took the place of the app's response.
        self.refused: bytes | None = None

    def start(self, status: str, headers: list[Header], exc_info: ExcInfo | None = None) -> Callable[[bytes], object]:
        session = self.session
        if self.refused is not None:
            return _discard
        try:
            session.save()
        except StoreUnavailableError as error:
            self.refuse(error)
            return _discard
        if session.outage is not None and status.startswith("500") and not session.headers_sent:
            self.refuse(session.outage)  # the framework made a page of its own of the error we raised
            return _discard
        session.headers_sent = True
        if session.touched:
            headers = with_session(headers, touched=True, cookie=session.set_cookie())
        if exc_info is None:
            return self._start_response(status, headers)
        return self._start_response(status, headers, exc_info)

    def save(self) -> None:
        """Save what changed since the response began."""
        if self.refused is None:
            self.session.save()

    def finish(self) -> None:
        """The same, for the last time."""
        if self.refused is None:
            self.session.finish()

    def refuse(self, error: StoreUnavailableError) -> bytes:
        """Answer 503 instead. Raises ``error`` if the app's own response has begun."""
        if self.session.headers_sent:
            raise error
        status, headers, self.refused = refusal(error.retry_after)
        self.session.headers_sent = True
        self._start_response(status, headers)
        return self.refused


class _Body(SavingBody[bytes]):
    """The app's body, replaced by a refusal if the store went out before the response began."""

    def __init__(self, body: Iterable[bytes], response: _Response) -> None:
        super().__init__(body, response.save, response.finish)
        self._response = response

    def __next__(self) -> bytes:
        response = self._response
        try:
            chunk = super().__next__()
        except StoreUnavailableError as error:
            self._chunks = iter(())
            return response.refuse(error)
        if response.refused is not None:
            self._chunks = iter(())
            return response.refused
        return chunk


def _is_file(body: object, environ: WSGIEnvironment) -> bool:
    """Whether the server can send this body by itself, which it only does when we leave it as it is."""
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _discard(data: bytes) -> None:
    """``write`` of a response that was replaced."""
