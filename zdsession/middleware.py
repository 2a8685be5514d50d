"""Sessions for any WSGI app: ``environ["zdsession"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from zdsession.body import SavingBody, close_body
from zdsession.drain import DRAINING_KEY
from zdsession.errors import StoreUnavailableError
from zdsession.headers import Header
from zdsession.manager import SessionManager
from zdsession.response import SessionResponse
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

    It is saved when the app has returned its body, or begins to write or to make it, before the headers leave. What
    changes later, while the body is made, is saved when the body ends or is closed; a new id is not possible then
    (``HeadersSentError``). An app that raises before that saves nothing.

    Args:
        app: the WSGI app.
        store: a store, the URL of one, or a ready :class:`~zdsession.SessionManager`.
        options: see :class:`zdsession.options.Options`; none with a ready manager.
    """

    def __init__(self, app: WSGIApplication, store: Store | str | SessionManager, **options: Any) -> None:
        self.app = app
        self.sessions = SessionManager.of(store, **options)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        session = self.sessions.open(environ.get("HTTP_COOKIE"))
        environ[ENVIRON_KEY] = session
        environ[DRAINING_KEY] = bool(self.sessions.draining)
        response = _Response(session, start_response)
        try:
            body = self.app(environ, response.start)
        except StoreUnavailableError as error:
            return [response.answer_503(error)]
        whole = isinstance(body, (list, tuple)) or _is_file(body, environ)
        try:
            response.release(last=whole)  # after a whole body no app code runs
        except BaseException:
            close_body(body)
            raise
        if response.refused is not None:
            close_body(body)
            return [response.refused]
        return body if whole else _Body(body, response)


class _Response(SessionResponse):
    """The server's ``start_response``, with the session saved before it is called.

    It is not called before the app returns or writes, so that the session is encoded once, with all that changed.
    """

    def __init__(self, session: Session, start_response: StartResponse) -> None:
        super().__init__(session)
        self._start_response = start_response
        self._held: tuple[str, list[Header], ExcInfo | None] | None = None
        self._holding = True
        self._write: Callable[[bytes], object] = _discard

    def start(self, status: str, headers: list[Header], exc_info: ExcInfo | None = None) -> Callable[[bytes], object]:
        if not self._holding:
            return self._start(status, headers, exc_info)
        if self._held is not None and exc_info is None:
            raise AssertionError("the app called start_response twice, and the second time without an error")
        self._held = status, headers, exc_info
        return self._write_through

    def release(self, *, last: bool = False) -> None:
        """Begin the response that was held back, and let the next one begin at once."""
        if not self._holding:
            if last and self.refused is None:
                self.session.finish()
            return
        held, self._held, self._holding = self._held, None, False
        if held is not None:
            self._write = self._start(*held, last=last)
        elif last:
            self.session.finish()

    def _start(
        self, status: str, headers: list[Header], exc_info: ExcInfo | None = None, *, last: bool = False
    ) -> Callable[[bytes], object]:
        if self.refused is not None:
            return _discard
        status, headers = self.begin(status, headers, last=last)
        if self.refused is not None:
            self._start_response(status, headers)
            return _discard
        if exc_info is None:
            return self._start_response(status, headers)
        return self._start_response(status, headers, exc_info)

    def _write_through(self, data: bytes) -> object:
        self.release()
        return self._write(data)

    def answer_503(self, error: StoreUnavailableError) -> bytes:
        """Answer 503 instead, and its body. Raises ``error`` if the app's own response has begun."""
        self._start_response(*self.refuse(error))
        assert self.refused is not None
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
            return response.answer_503(error)
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
