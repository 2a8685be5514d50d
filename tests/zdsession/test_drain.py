"""A node that drains shows it to the app."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from flask import Flask, request

from tests.zdsession.helpers import Browser
from zdsession import SessionManager, SessionMiddleware
from zdsession.asgi import SessionMiddleware as AsgiMiddleware
from zdsession.drain import Draining
from zdsession.flask import ZDSession


def test_the_switch() -> None:
    draining = Draining()
    assert not draining
    assert not draining.wait(0)
    waiting = threading.Thread(target=draining.wait)
    waiting.start()
    draining.begin()
    draining.begin()
    waiting.join(10)
    assert not waiting.is_alive()
    assert draining
    assert repr(draining) == "<Draining True>"
    draining.end()
    assert not draining


def test_wsgi_and_sessions_go_on() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["zdsession"]["n"] = environ["zdsession"].get("n", 0) + 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{environ['zdsession.draining']} {environ['zdsession']['n']}".encode()]

    sessions = SessionManager("memory://")
    browser = Browser(SessionMiddleware(app, sessions))
    assert browser.get().body == b"False 1"
    sessions.draining.begin()
    assert browser.get().body == b"True 2"
    sessions.draining.end()
    assert browser.get().body == b"False 3"


def test_flask() -> None:
    app = Flask(__name__)
    integration = ZDSession(app, "memory://")
    app.add_url_rule("/", view_func=lambda: str(request.environ["zdsession.draining"]))
    client = app.test_client()
    assert client.get("/").text == "False"
    integration.sessions.draining.begin()
    assert client.get("/").text == "True"


def test_asgi() -> None:
    seen: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["zdsession.draining"])

    middleware = AsgiMiddleware(app, "memory://")
    scope = {"type": "http", "headers": []}
    asyncio.run(middleware(dict(scope), None, None))  # type: ignore[arg-type]
    middleware.sessions.draining.begin()
    asyncio.run(middleware(dict(scope), None, None))  # type: ignore[arg-type]
    assert seen == [False, True]
