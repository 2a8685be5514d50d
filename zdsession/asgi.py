"""Sessions for Starlette, FastAPI and any other ASGI app on asyncio: ``request.session``.

    app = FastAPI()
    app.add_middleware(SessionMiddleware, store="redis://localhost")

``scope["session"]`` and ``scope["zdsession"]`` are the session. The store is asked in a thread, never on the event
loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from zdsession.drain import DRAINING_KEY
from zdsession.errors import SessionNotLoadedError, StoreUnavailableError
from zdsession.headers import Header
from zdsession.lifecycle import Lifecycle
from zdsession.manager import SessionManager
from zdsession.response import SessionResponse
from zdsession.session import Session
from zdsession.stores.base import Store

#: As permissive as Starlette's own types for middleware.
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Close code of a WebSocket whose session cannot be had: try again later.
TRY_AGAIN_LATER = 1013
_STARTS = ("http.response.start", "websocket.http.response.start", "websocket.accept")


class AsgiSession(Session):
    """The session as ``request.session``.

    On the event loop it must have been loaded before it is touched: by the middleware (``preload``), or with
    ``await request.session.load()``. In a worker thread, where Starlette runs ``def`` endpoints, it loads when touched.
    ``invalidate()`` and ``clear()``, with which Starlette apps log out, end the session before the response begins.
    """

    def __init__(self, manager: SessionManager, cookie_header: str | None) -> None:
        super().__init__(manager, cookie_header)
        adoption = manager.adoption
        self._needs_store = bool(manager.cookie.tokens(cookie_header)) or (
            adoption is not None and adoption.has_cookie(cookie_header)
        )
        self._unread: StoreUnavailableError | None = None

    async def load(self) -> None:
        """Read the session in a thread, if it is not read yet. Loading is not touching.

        A store that is out is reported by the first touch, so that pages which do not look do not notice.
        """
        if self._life is None and self._unread is None and self._needs_store:
            await asyncio.to_thread(self._load_ahead)

    def clear(self) -> None:
        """End the session, finally; what is set after this begins a new one."""
        self.invalidate()

    def invalidate(self) -> None:
        """End the session. The store hears of it before the response begins, also of one the app fails to give."""
        self._changing().end_later()

    def save(self) -> None:
        """See :meth:`Session.save`. What was only loaded is not saved, so that "last seen" stays too."""
        if self.touched:
            super().save()

    def abandon(self) -> None:
        """Save nothing, and end what was invalidated."""
        if self._life is not None:
            self._life.destroy_doomed()

    def _load_ahead(self) -> None:
        try:
            life = self._load()
            if life.cookie_due or life.replaced_cookies:
                self._touch()  # adopted from another system: the response has to bring the cookie, whoever looks
        except StoreUnavailableError as error:
            self._unread, self.outage = error, None

    def _reading(self) -> Lifecycle:
        if self.touched and self._life is not None:
            return self._life
        self._touch()
        if self._unread is not None:
            self.outage = self._unread
            raise self._unread
        if self._life is not None:
            return self._life
        if self._needs_store and _on_event_loop():
            raise SessionNotLoadedError(
                "reading the session here would block the event loop: say `await request.session.load()` first, "
                "or give SessionMiddleware preload=True"
            )
        return self._load()


class SessionMiddleware:
    """Gives ``app`` a session.

    It is saved before ``http.response.start`` is sent, and what changes while a body streams before its last part is,
    or when the app ends. A WebSocket's is saved when it is accepted, with the cookie, and when it ends.

    Args:
        app: the ASGI app.
        store: a store, the URL of one, or a ready :class:`~zdsession.SessionManager`.
        preload: read the session before the app runs, where the request has an id of ours; so it costs such a
            page one store request whether it looks or not. A function of the scope chooses by page. With False
            nothing is read before it is touched: async code says ``await request.session.load()`` first.
        options: see :class:`zdsession.options.Options`; none with a ready manager.
    """

    def __init__(
        self,
        app: ASGIApp,
        store: Store | str | SessionManager,
        preload: bool | Callable[[Scope], bool] = True,
        **options: Any,
    ) -> None:
        self.app = app
        self.sessions = SessionManager.of(store, **options)
        self._preload = preload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        session = AsgiSession(self.sessions, _cookie_header(scope["headers"]))
        scope["session"] = scope["zdsession"] = session
        scope[DRAINING_KEY] = bool(self.sessions.draining)
        if self._preload(scope) if callable(self._preload) else self._preload:
            await session.load()
        response = _Response(session, send)
        try:
            await self.app(scope, receive, response.send)
        except StoreUnavailableError as error:
            if response.refused is None:
                await response.answer_outage(scope["type"], error)
        finally:
            await response.end()


class _Response(SessionResponse):
    """The server's ``send``, with the session saved before what the client must not see earlier."""

    session: AsgiSession

    def __init__(self, session: AsgiSession, send: Send) -> None:
        super().__init__(session)
        self._send = send

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self.refused is not None:
            return
        if kind in _STARTS:
            await self._start(message)
            return
        last = kind.endswith("response.body") and not message.get("more_body", False)
        if (last or kind == "websocket.close") and self.session.touched:
            await asyncio.to_thread(self.finish)
        await self._send(message)

    async def answer_outage(self, kind: str, error: StoreUnavailableError) -> None:
        """Answer 503, or close the WebSocket. Raises ``error`` if the app's own response has begun."""
        await self._refuse(kind == "websocket", *self.refuse(error))

    async def end(self) -> None:
        """Save for the last time, as the app has returned, raised or was cancelled; nothing if it never answered."""
        session = self.session
        if session.touched and not session.finished:
            await asyncio.to_thread(self.finish if session.headers_sent else session.abandon)

    async def _start(self, message: Message) -> None:
        if not self.session.touched:
            self.session.headers_sent = True
            await self._send(message)
            return
        websocket = message["type"] == "websocket.accept"
        status = "101" if websocket else str(message["status"])
        status, headers = await asyncio.to_thread(self.begin, status, _text(message.get("headers", ())))
        if self.refused is not None:
            await self._refuse(websocket, status, headers)
            return
        if websocket:  # nobody caches it
            headers = [header for header in headers if header[0] not in ("Vary", "Cache-Control")]
        await self._send({**message, "headers": _bytes(headers)})

    async def _refuse(self, websocket: bool, status: str, headers: list[Header]) -> None:
        if websocket:
            await self._send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
            return
        await self._send({"type": "http.response.start", "status": int(status[:3]), "headers": _bytes(headers)})
        await self._send({"type": "http.response.body", "body": self.refused})


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _cookie_header(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The Cookie header; HTTP/2 may send it in several parts."""
    return "; ".join(value.decode("latin-1") for name, value in headers if name == b"cookie") or None


def _text(headers: Iterable[tuple[bytes, bytes]]) -> list[Header]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _bytes(headers: Iterable[Header]) -> list[tuple[bytes, bytes]]:
    """As ASGI wants them: names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
