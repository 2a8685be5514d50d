"""The ASGI face: where the store is asked, when a session is saved, WebSockets, and Starlette on top."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.zdsession.helpers import Answer, Spy
from zdsession.asgi import AsgiSession, Message, Receive, Scope, Send, SessionMiddleware
from zdsession.errors import HeadersSentError, NotStorableError, SessionNotLoadedError
from zdsession.manager import SessionManager
from zdsession.record import Record
from zdsession.stores.memory import MemoryStore

NAME = "__Host-session"
View = Callable[[AsgiSession], object]


class ThreadSpy(Spy):
    """Also knows in which threads it was called."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.threads: set[int] = set()

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.threads.add(threading.get_ident())
        return super()._call(name, *args, **kwargs)


@dataclass
class Client:
    """Speaks ASGI to an app, and keeps the cookie."""

    app: Any
    cookie: str = ""
    sent: list[Message] = field(default_factory=list)

    def ask(self, kind: str = "http") -> list[Message]:
        """Everything the app sent."""
        self.sent = []

        inbox: asyncio.Queue[Message] = asyncio.Queue()
        inbox.put_nowait({"type": "http.request", "body": b""} if kind == "http" else {"type": "websocket.connect"})

        async def send(message: Message) -> None:
            self.sent.append(message)
            self._keep(message.get("headers", ()))

        headers = [(b"cookie", part.encode()) for part in self.cookie.split("; ") if part]
        scope: Scope = {"type": kind, "path": "/", "raw_path": b"/", "query_string": b"", "headers": headers}
        asyncio.run(self.app({**scope, "method": "GET", "server": ("h", 443), "scheme": "https"}, inbox.get, send))
        return self.sent

    def get(self) -> Answer:
        start, *bodies = self.ask()
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        return Answer(str(start["status"]), headers, b"".join(body.get("body", b"") for body in bodies))

    def _keep(self, headers: Any) -> None:
        for name, value in headers:
            if name == b"set-cookie":
                self.cookie = "" if b"Max-Age=0" in value else value.decode().split(";")[0]


def page(view: View) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An app that runs ``view`` before its response begins."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["session"] is scope["zdsession"]
        result = view(scope["session"])
        if asyncio.iscoroutine(result):
            await result
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


def put(key: str, value: Any) -> View:
    return lambda session: session.__setitem__(key, value)


ADD_A = put("a", 1)


def client(view: View = ADD_A, **options: Any) -> tuple[Client, ThreadSpy]:
    spy = ThreadSpy()
    return Client(SessionMiddleware(page(view), SessionManager(spy, **options))), spy


def switch(client: Client, app: Any, **options: Any) -> Client:
    """The same visitor, and another app over the same sessions."""
    return Client(SessionMiddleware(app, client.app.sessions, **options), client.cookie)


def stored(client: Client) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    switch(client, page(lambda session: seen.update(session))).get()
    return seen


# cookie, headers, and who asks the store


def test_a_session_from_page_to_page() -> None:
    one, spy = client()
    answer = one.get()
    assert str(answer.one("set-cookie")).startswith(f"{NAME}=")
    assert (answer.one("cache-control"), answer.one("vary")) == ("no-store", "Cookie")
    assert stored(one) == {"a": 1}
    two = switch(one, page(lambda session: session["a"]))
    answer = two.get()
    assert (answer.one("set-cookie"), answer.one("cache-control")) == (None, "private, no-cache")
    assert spy.threads.isdisjoint({threading.get_ident()}), "the event loop asked the store itself"


def test_a_visitor_without_cookie_costs_nothing() -> None:
    one, spy = client(lambda session: session.get("a"))
    one.get()
    assert spy.taken() == []


def test_preloading_reads_once_and_is_not_a_touch() -> None:
    one, spy = client(touch_fraction=0)
    one.get()
    spy.taken()
    answer = switch(one, page(lambda session: None)).get()
    assert spy.taken() == ["load"]
    assert answer.headers == [("content-type", "text/plain")]


def test_preload_may_choose_by_page() -> None:
    one, spy = client()
    one.get()
    spy.taken()
    switch(one, page(lambda session: None), preload=lambda scope: scope["path"] != "/").get()
    assert spy.taken() == []


def test_without_preload_the_app_says_when() -> None:
    one, spy = client()
    one.get()
    spy.taken()
    switch(one, page(lambda session: None), preload=False).get()
    assert spy.taken() == []

    async def view(session: AsgiSession) -> None:
        await session.load()
        await session.load()
        session["b"] = session["a"] + 1

    switch(one, page(view), preload=False).get()
    assert spy.taken() == ["load", "save"]
    assert stored(one) == {"a": 1, "b": 2}


def test_without_preload_blocking_the_loop_is_an_error() -> None:
    one, _ = client()
    one.get()
    with pytest.raises(SessionNotLoadedError, match=r"await request\.session\.load"):
        switch(one, page(lambda session: session["a"]), preload=False).get()


def test_a_slow_store_does_not_stop_the_loop() -> None:
    class Slow(ThreadSpy):
        def load(self, record_id: str) -> Record | None:
            assert ticked.wait(10), "the loop stood still while the store was asked"
            return super().load(record_id)

    ticked = threading.Event()
    app = SessionMiddleware(page(lambda session: session.get("a")), Slow())
    cookie = f"{NAME}={'x' * 64}".encode()

    async def both() -> None:
        async def nothing(message: Message | None = None) -> Message:
            return {}

        scope = {"type": "http", "headers": [(b"cookie", cookie)]}
        request = asyncio.create_task(app(scope, nothing, nothing))
        await asyncio.sleep(0)
        ticked.set()
        await request

    asyncio.run(both())


def test_other_scopes_pass() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert "session" not in scope

    asyncio.run(SessionMiddleware(app, "memory://")({"type": "lifespan"}, None, None))  # type: ignore[arg-type]


def test_a_ready_manager_takes_no_options() -> None:
    with pytest.raises(TypeError, match="SessionManager"):
        SessionMiddleware(page(put("a", 1)), SessionManager("memory://"), grace=1)


# log out


@pytest.mark.parametrize("logout", [lambda s: s.clear(), lambda s: s.invalidate()])
def test_logout(logout: View) -> None:
    one, spy = client()
    one.get()
    old = one.cookie
    gone = switch(one, page(logout))
    assert str(gone.get().one("set-cookie")).startswith(f"{NAME}=; Max-Age=0;")
    one.cookie = old
    assert stored(one) == {}
    assert threading.get_ident() not in spy.threads


def test_what_follows_a_logout_is_a_new_session() -> None:
    one, _ = client()
    one.get()
    old = one.cookie

    def view(session: AsgiSession) -> None:
        session.clear()
        session["b"] = 2

    two = switch(one, page(view))
    two.get()
    assert two.cookie not in ("", old)
    assert stored(two) == {"b": 2}


def test_an_app_that_raises_saves_nothing_and_still_logs_out() -> None:
    one, spy = client()
    one.get()
    spy.taken()

    def broken(session: AsgiSession) -> None:
        session["b"] = 2
        raise ZeroDivisionError

    def leaving(session: AsgiSession) -> None:
        session.clear()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        switch(one, page(broken)).get()
    assert spy.taken() == ["load"]
    with pytest.raises(ZeroDivisionError):
        switch(one, page(leaving)).get()
    assert spy.taken() == ["load", "destroy"]


# streaming


def streaming(*steps: View) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """A body of one part a step; every step runs after the headers left."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"].get("a")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for step in steps:
            step(scope["session"])
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        await send({"type": "http.response.body"})

    return app


def test_what_a_body_changes_is_saved_before_its_last_part() -> None:
    one, spy = client()
    one.get()
    order: list[str] = []

    class Ordered(Client):
        def ask(self, kind: str = "http") -> list[Message]:
            spy.taken()
            return super().ask(kind)

        def _keep(self, headers: Any) -> None:
            order.extend(spy.taken())
            order.append("sent")

    Ordered(switch(one, streaming(put("b", 2))).app, one.cookie).get()
    assert order == ["load", "sent", "sent", "save", "sent"]
    assert stored(one) == {"a": 1, "b": 2}


def test_and_when_the_body_breaks_off() -> None:
    one, _ = client()
    one.get()

    def fail(session: AsgiSession) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        switch(one, streaming(put("b", 2), fail)).get()
    assert stored(one) == {"a": 1, "b": 2}


def test_a_new_session_in_a_body_is_an_error() -> None:
    with pytest.raises(HeadersSentError, match="before the response begins"):
        Client(SessionMiddleware(streaming(put("a", 1)), "memory://")).get()


def test_a_change_after_the_response_is_an_error() -> None:
    one, _ = client()
    one.get()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await page(put("b", 2))(scope, receive, send)
        scope["session"]["c"] = 3

    with pytest.raises(HeadersSentError, match="would not be saved"):
        switch(one, app).get()


def test_what_cannot_be_stored_is_an_error_before_the_headers() -> None:
    def view(session: AsgiSession) -> None:
        session["cart"] = []
        session["cart"].append(object())

    with pytest.raises(NotStorableError, match=r"cart\[0\]"):
        client(view)[0].get()


# WebSockets


def socket(first: View, then: View = lambda session: None) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first(scope["session"])
        await send({"type": "websocket.accept"})
        then(scope["session"])
        await send({"type": "websocket.send", "text": "hello"})

    return app


def test_a_websocket_is_saved_when_accepted_and_when_it_ends() -> None:
    one, spy = client()
    two = switch(one, socket(put("a", 1), put("b", 2)))
    accept, hello = two.ask("websocket")
    assert [name for name, _ in accept["headers"]] == [b"set-cookie"]
    assert hello["type"] == "websocket.send"
    assert spy.taken() == ["create", "save"]
    assert stored(two) == {"a": 1, "b": 2}


def test_a_websocket_that_looks_sends_no_headers() -> None:
    one, _ = client()
    accept, _ = switch(one, socket(lambda session: session.get("a"))).ask("websocket")
    assert accept["headers"] == []


def test_a_websocket_without_store_is_told_to_try_again() -> None:
    one, spy = client()
    one.get()
    spy.out = True
    (close,) = switch(one, socket(lambda session: session.get("a"))).ask("websocket")
    assert close == {"type": "websocket.close", "code": 1013}


# the store is out


def unavailable(answer: Answer) -> None:
    assert (answer.status, answer.one("retry-after"), answer.one("set-cookie")) == ("503", "7", None)
    assert b"temporarily unavailable" in answer.body


def test_pages_that_do_not_look_do_not_notice() -> None:
    one, spy = client()
    one.get()
    spy.out = True
    assert switch(one, page(lambda session: None)).get().status == "200"


@pytest.mark.parametrize("view", [lambda s: s.get("a"), put("b", 1), lambda s: s.clear()])
def test_the_others_are_a_503(view: View) -> None:
    one, spy = client()
    one.get()
    spy.out = True
    unavailable(switch(one, page(view)).get())


def test_so_is_a_save_that_fails() -> None:
    one, spy = client()
    one.get()

    def view(session: AsgiSession) -> None:
        session["a"] = 2
        spy.out = True

    unavailable(switch(one, page(view)).get())
    spy.out = False
    assert stored(one) == {"a": 1}


def test_degrade_serves_the_page() -> None:
    one, spy = client(on_outage="degrade")
    one.get()
    spy.out = True
    assert switch(one, page(lambda session: session.get("a"))).get().status == "200"
    assert one.cookie


# Starlette


async def add(request: Request) -> Response:
    request.session.setdefault("cart", []).append(request.query_params.get("item", "tea"))
    return JSONResponse(request.session["cart"])


def count(request: Request) -> Response:
    """Not async: Starlette runs it in a thread."""
    return JSONResponse(len(request.session.get("cart", [])))


async def stream(request: Request) -> Response:
    session = request.session
    session.get("cart")

    async def body() -> Any:
        yield b"1"
        session["streamed"] = True
        yield b"2"

    return StreamingResponse(body())


@pytest.mark.parametrize("endpoint", [add, stream])
def test_starlette(endpoint: Any) -> None:
    spy = ThreadSpy()
    sessions = SessionManager(spy)
    one = Client(SessionMiddleware(Starlette(routes=[Route("/", add)]), sessions))
    assert one.get().body == b'["tea"]'
    one.app = SessionMiddleware(Starlette(routes=[Route("/", endpoint)]), sessions)
    assert one.get().body == (b'["tea","tea"]' if endpoint is add else b"12")
    one.app = SessionMiddleware(Starlette(routes=[Route("/", count)]), sessions, preload=False)
    assert one.get().body == (b"2" if endpoint is add else b"1")
    seen: dict[str, Any] = {}
    Client(SessionMiddleware(page(lambda session: seen.update(session)), sessions), one.cookie).get()
    assert seen == ({"cart": ["tea", "tea"]} if endpoint is add else {"cart": ["tea"], "streamed": True})
    assert threading.get_ident() not in spy.threads


@pytest.mark.parametrize("inside", [True, False])
def test_an_outage_in_starlette_is_a_503(inside: bool) -> None:
    spy = ThreadSpy()
    app = Starlette(routes=[Route("/", add)])
    if inside:
        app.add_middleware(SessionMiddleware, store=SessionManager(spy))  # type: ignore[arg-type]
    one = Client(app if inside else SessionMiddleware(app, SessionManager(spy)))
    one.get()
    spy.out = True
    unavailable(one.get())


async def loaded(request: Request) -> AsgiSession:
    session: AsgiSession = request.session  # type: ignore[assignment]
    await session.load()
    return session


@pytest.mark.parametrize("preload", [True, False])
def test_fastapi(preload: bool) -> None:
    """Endpoints that are `def` or `async def`, with the session from the request or as a dependency."""
    app = FastAPI()

    @app.get("/")
    async def asynchronous(session: Annotated[AsgiSession, Depends(loaded)]) -> dict[str, int]:
        session["visits"] = session.get("visits", 0) + 1
        return {"visits": session["visits"]}

    visitor, _ = client(put("visits", 1))
    visitor.get()
    visitor = switch(visitor, app, preload=preload)
    assert [visitor.get().body for _ in range(2)] == [b'{"visits":2}', b'{"visits":3}']

    other = FastAPI()

    @other.get("/")
    def threaded(request: Request) -> dict[str, int]:
        request.session["visits"] += 10
        return {"visits": request.session["visits"]}

    visitor = switch(visitor, other, preload=preload)
    assert visitor.get().body == b'{"visits":13}'
    assert stored(visitor) == {"visits": 13}
