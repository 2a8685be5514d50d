"""The WSGI face: headers, streaming, errors. Every request here passes ``wsgiref.validate``."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

import pytest

from tests.zdsession.helpers import Browser, Spy
from zdsession import (
    HeadersSentError,
    NotStorableError,
    Session,
    SessionManager,
    SessionMiddleware,
    StoreUnavailableError,
)
from zdsession.stores.memory import MemoryStore

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

NAME = "__Host-session"
TEXT = ("Content-Type", "text/plain")
View = Callable[[Session], "Iterable[bytes] | None"]


def browser(
    view: View, *, headers: list[tuple[str, str]] | None = None, spy: Spy | None = None, **options: Any
) -> Browser:
    """A browser on an app that runs ``view`` before its response begins, and sends the body it returns."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = view(environ["zdsession"])
        start_response("200 OK", [TEXT, *(headers or [])])
        return [b"ok"] if body is None else body

    return Browser(SessionMiddleware(app, spy or MemoryStore(), **options))


def switch(browser: Browser, view: View) -> Browser:
    """The same browser, and another view over the same sessions."""
    middleware = browser.app
    assert isinstance(middleware, SessionMiddleware)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = view(environ["zdsession"])
        start_response("200 OK", [TEXT])
        return [b"ok"] if body is None else body

    return Browser(SessionMiddleware(app, middleware.sessions), browser.cookies, browser.patience)


def put(key: str, value: Any) -> View:
    return lambda session: session.__setitem__(key, value)


def stored(browser: Browser) -> dict[str, Any]:
    """What a later request sees."""
    seen: dict[str, Any] = {}
    switch(browser, lambda session: seen.update(session)).get()
    return seen


# headers


def test_untouched_leaves_the_response_alone() -> None:
    answer = browser(lambda session: None).get()
    assert answer.headers == [TEXT]


def test_a_new_session_sets_the_cookie_and_forbids_storing_it() -> None:
    answer = browser(put("a", 1)).get()
    cookie = answer.one("Set-Cookie")
    assert cookie
    assert cookie.startswith(f"{NAME}=")
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert answer.one("Cache-Control") == "no-store"
    assert answer.one("Vary") == "Cookie"


@pytest.mark.parametrize("look", [len, list, bool, lambda s: "a" in s, lambda s: s.get("a"), lambda s: s.user_id])
def test_every_look_makes_the_response_depend_on_the_cookie(look: Callable[[Session], object]) -> None:
    def view(session: Session) -> None:
        look(session)

    answer = browser(view).get()
    assert answer.one("Vary") == "Cookie"
    assert answer.one("Cache-Control") == "private, no-cache"
    assert answer.one("Set-Cookie") is None


def test_what_the_app_says_about_caching_stays_unless_there_is_a_cookie(caplog: pytest.LogCaptureFixture) -> None:
    said = [("Cache-Control", "public, max-age=60"), ("vary", "Accept, COOKIE")]
    answer = browser(lambda session: session.get("a"), headers=said).get()
    assert answer.all("Cache-Control") == ["public, max-age=60"]
    assert answer.all("Vary") == ["Accept, COOKIE"]
    with caplog.at_level(logging.WARNING, "zdsession"):
        assert browser(put("a", 1), headers=said).get().all("Cache-Control") == ["no-store"]
    assert "became no-store" in caplog.text


def test_no_cookie_when_nothing_is_new() -> None:
    client = browser(put("a", 1))
    client.get()
    assert client.get().one("Set-Cookie") is None
    assert switch(client, put("a", 2)).get().one("Set-Cookie") is None


def test_logout_removes_the_cookie() -> None:
    client = browser(put("a", 1))
    client.get()
    answer = switch(client, lambda session: session.invalidate()).get()
    assert str(answer.one("Set-Cookie")).startswith(f"{NAME}=; Max-Age=0;")
    assert client.cookies == {}
    assert answer.one("Cache-Control") == "no-store"


def test_an_unknown_cookie_is_neither_adopted_nor_removed() -> None:
    answer = browser(lambda session: session.get("a")).get(cookie=f"{NAME}={'x' * 64}")
    assert answer.one("Set-Cookie") is None
    answer = browser(put("a", 1)).get(cookie=f"{NAME}={'x' * 64}")
    assert "x" * 64 not in str(answer.one("Set-Cookie"))


@pytest.mark.parametrize(
    "cookie", ["=", ";;;", f"{NAME}", f"{NAME}=\xff\xfe", f'{NAME}="', "a" * 60_000, f"{NAME}=" * 999]
)
def test_hostile_cookie_headers(cookie: str) -> None:
    assert browser(lambda session: session.get("a")).get(cookie=cookie).status == "200 OK"


def test_insecure_http() -> None:
    with pytest.warns(UserWarning, match="without TLS"):
        client = browser(put("a", 1), insecure_http=True)
    assert str(client.get().one("Set-Cookie")).startswith("insecure-session=")
    assert stored(client) == {"a": 1}


# bodies


def streaming(*steps: Callable[[Session], object]) -> View:
    """A body of one chunk a step; every step runs after the headers left."""

    def view(session: Session) -> Iterator[bytes]:
        session.get("a")

        def body() -> Iterator[bytes]:
            for step in steps:
                step(session)
                yield b"chunk"

        return body()

    return view


def test_what_a_body_changes_is_saved_at_its_end() -> None:
    client = browser(put("a", 1))
    client.get()
    assert switch(client, streaming(put("b", 2), put("c", 3))).get().body == b"chunkchunk"
    assert stored(client) == {"a": 1, "b": 2, "c": 3}


def test_and_when_it_is_closed_before() -> None:
    client = browser(put("a", 1))
    client.get()
    client.patience = 1
    switch(client, streaming(put("b", 2), put("c", 3))).get()
    client.patience = None
    assert stored(client) == {"a": 1, "b": 2}


def test_and_what_a_bodys_close_changes() -> None:
    client = browser(put("a", 1))
    client.get()

    def view(session: Session) -> Iterable[bytes]:
        session.get("a")

        def body() -> Iterator[bytes]:
            try:
                yield b"1"
                yield b"2"
            finally:
                session["closed"] = True

        return body()

    client.patience = 1
    switch(client, view).get()
    client.patience = None
    assert stored(client) == {"a": 1, "closed": True}


@pytest.mark.parametrize("step", [put("a", 1), lambda s: s.flash("x"), lambda s: setattr(s, "user_id", "ann")])
def test_a_new_id_in_a_body_is_an_error(step: Callable[[Session], object]) -> None:
    with pytest.raises(HeadersSentError, match="before the response begins"):
        browser(streaming(step)).get()


def test_the_first_touch_in_a_body_is_an_error() -> None:
    with pytest.raises(HeadersSentError, match="touched first"):
        browser(_late).get()


def _late(session: Session) -> Iterator[bytes]:
    yield str(session.get("a")).encode()


def test_changes_between_start_response_and_return() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["zdsession"].setdefault("a", 1)
        start_response("200 OK", [TEXT])
        environ["zdsession"]["b"] = 2
        return [b"ok"]

    client = Browser(SessionMiddleware(app, MemoryStore()))
    client.get()
    assert stored(client) == {"a": 1, "b": 2}


def test_a_new_session_between_start_response_and_return() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        environ["zdsession"]["a"] = 1
        return [b"ok"]

    client = Browser(SessionMiddleware(app, MemoryStore()))
    client.get()
    assert NAME in client.cookies
    assert stored(client) == {"a": 1}


def test_an_app_that_raises_after_start_response_saves_nothing() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["zdsession"]["a"] = 1
        start_response("200 OK", [TEXT])
        raise LookupError

    spy, begun = Spy(MemoryStore()), []
    with pytest.raises(LookupError):
        SessionMiddleware(app, spy)({}, lambda *answer: begun.append(answer))  # type: ignore[arg-type]
    assert (spy.taken(), begun) == ([], [])


def test_what_cannot_be_stored_closes_the_body() -> None:
    class Body(list[bytes]):
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            yield b"ok"

        def close(self) -> None:
            self.closed = True

    body = Body()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["zdsession"]["a"] = [1]
        environ["zdsession"]["a"].append(object())
        start_response("200 OK", [TEXT])
        return body

    with pytest.raises(NotStorableError):
        SessionMiddleware(app, MemoryStore())({}, lambda *answer: print)
    assert body.closed


def test_an_app_that_begins_twice_without_an_error() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        start_response("200 OK", [TEXT])
        return []

    with pytest.raises(AssertionError, match="twice"):
        SessionMiddleware(app, MemoryStore())({}, lambda *answer: print)


def test_an_app_that_is_a_generator() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        environ["zdsession"].setdefault("a", 1)
        start_response("200 OK", [TEXT])
        yield b"first"
        environ["zdsession"]["b"] = 2
        yield b"second"

    client = Browser(SessionMiddleware(app, MemoryStore()))
    assert client.get().body == b"firstsecond"
    assert stored(client) == {"a": 1, "b": 2}


def test_an_app_that_writes() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["zdsession"]["a"] = 1
        start_response("200 OK", [TEXT])(b"written ")
        return [b"returned"]

    client = Browser(SessionMiddleware(app, MemoryStore()))
    assert client.get().body == b"written returned"
    assert stored(client) == {"a": 1}


def test_an_app_that_changes_its_mind() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["zdsession"]["a"] = 1
        start_response("200 OK", [TEXT])
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            start_response("500 Oops", [TEXT], sys.exc_info())
        return [b"sorry"]

    client = Browser(SessionMiddleware(app, MemoryStore()))
    answer = client.get()
    assert answer.status == "500 Oops"
    assert answer.one("Set-Cookie"), "the session was saved, so its cookie must arrive"
    assert stored(client) == {"a": 1}


def test_a_file_is_left_to_the_server() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["zdsession"]["a"] = 1
        start_response("200 OK", [TEXT])
        return FileWrapper(io.BytesIO(b"file"))

    environ = {"wsgi.file_wrapper": FileWrapper}
    body = SessionMiddleware(app, MemoryStore())(environ, lambda *args: lambda data: None)
    assert type(body) is FileWrapper


def test_an_app_that_raises_saves_nothing() -> None:
    spy = Spy(MemoryStore())

    def view(session: Session) -> None:
        session["a"] = 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        browser(view, spy=spy).get()
    assert spy.taken() == []


def test_what_cannot_be_stored_is_an_error_before_the_headers() -> None:
    def view(session: Session) -> None:
        session["cart"] = []
        session["cart"].append(object())

    with pytest.raises(NotStorableError, match=r"cart\[0\]"):
        browser(view).get()


# the store is out


def broken(**options: Any) -> tuple[Browser, Spy]:
    """A browser with a session, and the store about to go out."""
    spy = Spy(MemoryStore())
    client = browser(put("a", 1), spy=spy, **options)
    client.get()
    return client, spy


def unavailable(answer: Any, client: Browser) -> None:
    assert answer.status == "503 Service Unavailable"
    assert answer.one("Retry-After") == "7"
    assert answer.one("Set-Cookie") is None
    assert answer.one("Cache-Control") == "no-store"
    assert b"temporarily unavailable" in answer.body
    assert client.cookies, "an outage logs nobody out"


def test_pages_without_session_do_not_notice() -> None:
    client, spy = broken()
    spy.out = True
    assert switch(client, lambda session: None).get().status == "200 OK"


def test_fail_on_read() -> None:
    client, spy = broken()
    spy.out = True
    unavailable(switch(client, lambda session: session.get("a")).get(), client)


@pytest.mark.parametrize("on_outage", ["fail", "degrade"])
def test_fail_on_save(on_outage: str) -> None:
    client, spy = broken(on_outage=on_outage)

    def view(session: Session) -> None:
        session["a"] = 2
        spy.out = True

    unavailable(switch(client, view).get(), client)
    spy.out = False
    assert stored(client) == {"a": 1}


def test_fail_in_a_generator() -> None:
    client, spy = broken()
    assert isinstance(client.app, SessionMiddleware)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        environ["zdsession"]["a"] = 2
        spy.out = environ["PATH_INFO"] == "/save"
        start_response("200 OK", [TEXT])
        yield b"never seen"

    generating = Browser(SessionMiddleware(app, client.app.sessions), client.cookies)
    unavailable(generating.get("/save"), client)
    unavailable(generating.get("/read"), client)


def test_a_framework_that_makes_its_own_500_of_it() -> None:
    client, spy = broken()
    assert isinstance(client.app, SessionMiddleware)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            environ["zdsession"].get("a")
        except Exception:
            start_response("500 Internal Server Error", [TEXT])
        return [b"framework's page"]

    spy.out = True
    unavailable(Browser(SessionMiddleware(app, client.app.sessions), client.cookies).get(), client)


def test_an_uncaught_degraded_write_is_a_503() -> None:
    client, spy = broken(on_outage="degrade")
    spy.out = True
    answer = switch(client, put("a", 2)).get()
    assert (answer.status, answer.one("Set-Cookie")) == ("503 Service Unavailable", None)


def test_an_app_may_answer_an_outage_itself() -> None:
    client, spy = broken()
    assert isinstance(client.app, SessionMiddleware)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with contextlib.suppress(StoreUnavailableError):
            environ["zdsession"].get("a")
        start_response("503 Sorry", [TEXT])
        return [b"app's page"]

    spy.out = True
    assert Browser(SessionMiddleware(app, client.app.sessions), client.cookies).get().body == b"app's page"


def test_logging_out_a_visitor_sends_nothing() -> None:
    assert browser(lambda session: session.invalidate()).get().one("Set-Cookie") is None


def test_degrade_serves_the_page() -> None:
    client, spy = broken(on_outage="degrade")
    spy.out = True
    answer = switch(client, lambda session: [str(session.get("a")).encode()]).get()
    assert (answer.status, answer.body) == ("200 OK", b"None")
    assert answer.one("Vary") == "Cookie"
    assert client.cookies


def test_lost_while_the_body_streams_is_loud() -> None:
    client, spy = broken()

    def fail(session: Session) -> None:
        session["b"] = 2
        spy.out = True

    with pytest.raises(Exception, match="spy: out"):
        switch(client, streaming(fail)).get()


def test_a_ready_manager_takes_no_options() -> None:
    with pytest.raises(TypeError, match="SessionManager"):
        SessionMiddleware(lambda environ, start: [], SessionManager("memory://"), grace=1)
