"""The behaviours of tower-sessions' HTTP suite, from outside: ten small routes, and what a browser sees of them.

Ours differs in two: a cookie that is none of ours is not answered with one of ours before something is kept, and there
is no Domain to flush with, as ``__Host-`` forbids it. Django's SessionTestsMixin is in ``test_django.py``, race tests
of other libraries in ``test_races.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.zdsession.helpers import Answer, Browser
from zdsession import Session, SessionMiddleware
from zdsession.stores import Store

pytestmark = pytest.mark.parametrize("store_kind", ["memory", "redis", "mysql"], indirect=True)

NAME = "__Host-session"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def _set_expiry(session: Session) -> None:
    session.idle_ms, session.persistent = round(DAY.total_seconds() * 1000), True
    session["kept for"] = "a day"


def _remove_expiry(session: Session) -> None:
    session.persistent = False
    session["kept for"] = "the browser's session"
    session.resend_cookie()


ROUTES: dict[str, Callable[[Session], object]] = {
    "/": lambda session: "hello",
    "/insert": lambda session: session.update(foo=42),
    "/get": lambda session: session["foo"],
    "/get_value": lambda session: session.get("foo"),
    "/remove": lambda session: session.pop("foo"),
    "/remove_value": lambda session: session.pop("foo", None),
    "/cycle_id": lambda session: session.regenerate(),
    "/flush": lambda session: session.invalidate(),
    "/set_expiry": _set_expiry,
    "/remove_expiry": _remove_expiry,
}


def app(environ: Any, start_response: Any) -> list[bytes]:
    said = ROUTES[environ["PATH_INFO"]](environ["zdsession"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(said).encode()]


def a_browser(store: Store, max_age: timedelta | None = HOUR) -> Browser:
    options: dict[str, Any] = {"absolute_timeout": timedelta(days=7)}
    if max_age is not None:
        options |= {"idle_timeout": max_age, "persistent": True}
    return Browser(SessionMiddleware(app, store, **options))


@pytest.fixture
def browser(store: Store) -> Browser:
    return a_browser(store)


def attributes(answer: Answer) -> dict[str, str]:
    """The one cookie of a response: its value under ``value``, and its attributes."""
    (cookie,) = answer.all("Set-Cookie")
    pair, *rest = cookie.split("; ")
    name, _, value = pair.partition("=")
    assert name == NAME
    return {"value": value, **{key: given for key, _, given in (part.partition("=") for part in rest)}}


def max_age(answer: Answer) -> timedelta:
    return timedelta(seconds=int(attributes(answer)["Max-Age"]))


def test_no_session_set(browser: Browser) -> None:
    assert browser.get().all("Set-Cookie") == []


def test_bogus_session_cookie(browser: Browser) -> None:
    bogus = "A" * 64
    answer = browser.get("/insert", cookie=f"{NAME}={bogus}")
    assert answer.status == "200 OK"
    assert attributes(answer)["value"] != bogus


def test_malformed_session_cookie(browser: Browser) -> None:
    answer = browser.get("/", cookie=f"{NAME}=malformed")
    assert (answer.status, answer.all("Set-Cookie")) == ("200 OK", [])
    assert attributes(browser.get("/insert", cookie=f"{NAME}=malformed"))["value"] != "malformed"


def test_insert_session(browser: Browser) -> None:
    answer = browser.get("/insert")
    assert attributes(answer).keys() == {"value", "Max-Age", "Path", "Secure", "HttpOnly", "SameSite"}
    assert max_age(answer) <= HOUR
    assert (attributes(answer)["Path"], attributes(answer)["SameSite"]) == ("/", "Lax")


def test_session_max_age(store: Store) -> None:
    answer = a_browser(store, None).get("/insert")
    assert attributes(answer).keys() == {"value", "Path", "Secure", "HttpOnly", "SameSite"}


def test_get_session(browser: Browser) -> None:
    browser.get("/insert")
    assert browser.get("/get").body == b"42"


def test_get_no_value(browser: Browser) -> None:
    assert browser.get("/get_value").body == b"None"


@pytest.mark.parametrize("remove", ["/remove", "/remove_value"])
def test_remove_last_value(browser: Browser, remove: str) -> None:
    browser.get("/insert")
    browser.get(remove)
    assert browser.get("/get_value").body == b"None"


def test_cycle_session_id(browser: Browser) -> None:
    first = attributes(browser.get("/insert"))["value"]
    second = attributes(browser.get("/cycle_id"))["value"]
    assert first != second
    assert browser.get("/get").body == b"42"


def test_flush_session(browser: Browser) -> None:
    browser.get("/insert")
    gone = attributes(browser.get("/flush"))
    assert (gone["value"], gone["Max-Age"], gone["Path"]) == ("", "0", "/")
    assert "Domain" not in gone
    assert browser.get("/get_value").body == b"None"


def test_set_expiry(browser: Browser) -> None:
    second = timedelta(seconds=30)  # a busy machine's
    assert HOUR - second <= max_age(browser.get("/insert")) <= HOUR
    assert DAY - second <= max_age(browser.get("/set_expiry")) <= DAY


def test_change_expiry_type(store: Store) -> None:
    browser = a_browser(store, None)
    assert "Max-Age" not in attributes(browser.get("/insert"))
    assert max_age(browser.get("/set_expiry")) > DAY - HOUR
    browser = a_browser(store)
    assert "Max-Age" in attributes(browser.get("/insert"))
    assert "Max-Age" not in attributes(browser.get("/remove_expiry"))
