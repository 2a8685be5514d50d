"""Adoption through each integration: the headers a browser sees."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.zdsession.adoption.test_adopt import DictReader
from tests.zdsession.adoption.visits import SECRET
from tests.zdsession.helpers import Browser
from zdsession import SessionMiddleware
from zdsession.adoption import Adoption
from zdsession.asgi import SessionMiddleware as AsgiMiddleware

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def test_wsgi() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        n = environ["zdsession"].get("n")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(n).encode()]

    adoption = Adoption(DictReader(ann={"n": 7}), secret=SECRET)
    browser = Browser(SessionMiddleware(app, "memory://", adopt=adoption), {"old": "ann"})
    answer = browser.get()
    assert answer.body == b"7"
    assert len(answer.all("Set-Cookie")) == 2
    assert answer.one("Cache-Control") == "no-store"
    assert answer.one("Vary") == "Cookie"
    assert set(browser.cookies) == {"__Host-session"}
    assert browser.get().body == b"7"
    assert browser.get().all("Set-Cookie") == []


@pytest.mark.parametrize("preload", [True, False])
def test_asgi(preload: bool) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/untouched":
            await scope["session"].load()
            seen.append(scope["session"].get("n"))
        if scope["path"] == "/logout":
            scope["session"].invalidate()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    reader = DictReader(ann={"n": 7})
    adoption = Adoption(reader, secret=SECRET, keep_old=True)
    middleware = AsgiMiddleware(app, "memory://", preload=preload, adopt=adoption)

    def visit(cookie: str, path: str = "/") -> list[str]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            raise AssertionError

        scope = {"type": "http", "path": path, "headers": [(b"cookie", cookie.encode())]}
        asyncio.run(middleware(scope, receive, send))
        return [value.decode() for name, value in sent[0]["headers"] if name == b"set-cookie"]

    (cookie,) = visit("old=ann")
    ours = cookie.split(";")[0]
    assert visit(f"old=ann; {ours}") == []
    gone = visit(f"old=ann; {ours}", "/logout")
    assert len(gone) == 2
    assert all("Max-Age=0" in value for value in gone)
    assert reader.sessions == {}
    visit("old=ann")
    assert seen == [7, 7, 7, None]
    reader.sessions["bob"] = {"n": 8}
    sent = visit("old=bob", "/untouched")
    assert len(sent) == preload, "what is adopted ahead of the app sends its cookie, whether the app looks or not"
    visit(sent[0].split(";")[0] if preload else "old=bob")
    assert seen[-1] == 8
