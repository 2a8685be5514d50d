"""``flask.session`` in our stores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import flask
import pytest
from flask import Blueprint, Flask, flash, get_flashed_messages, session, stream_with_context
from flask.testing import FlaskClient
from markupsafe import Markup

from tests.zdsession.helpers import Clock, Spy
from zdsession import HeadersSentError, SessionManager
from zdsession.flask import FlaskSession, ZDSession
from zdsession.stores.memory import MemoryStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spy(clock: Clock) -> Spy:
    return Spy(MemoryStore(clock=clock))


@pytest.fixture
def app(spy: Spy, clock: Clock) -> Flask:
    app = Flask(__name__)
    app.testing = True
    ZDSession(app, spy, clock=clock)
    pages = Blueprint("pages", __name__)

    @pages.get("/set/<key>/<value>")
    def put(key: str, value: str) -> str:
        session[key] = value
        return "ok"

    @pages.get("/get")
    def show() -> dict[str, Any]:
        return dict(session)

    @pages.get("/add")
    def add() -> str:
        session.setdefault("cart", []).append(1)
        return "ok"

    @pages.get("/plain")
    def plain() -> str:
        return "ok"

    @pages.get("/permanent")
    def permanent() -> str:
        session.permanent = True
        session["a"] = 1
        return "ok"

    @pages.get("/logout")
    def logout() -> str:
        session.clear()
        flash(Markup("<b>bye</b>"), "info")
        return "ok"

    @pages.get("/flashed")
    def flashed() -> str:
        return repr(get_flashed_messages(with_categories=True))

    @pages.get("/stream")
    def stream() -> flask.Response:
        session.get("a")

        def body() -> Iterator[str]:
            yield "1"
            session["streamed"] = True
            yield "2"

        return flask.Response(stream_with_context(body()))

    @pages.get("/late")
    def late() -> flask.Response:
        def body() -> Iterator[str]:
            yield "1"
            session["a"] = 1
            yield "2"

        return flask.Response(stream_with_context(body()))

    @app.after_request
    def cut(response: flask.Response) -> flask.Response:
        spy.out = spy.out or app.config.get("CUT", False)
        return response

    app.register_blueprint(pages)
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_set_and_get(client: FlaskClient, spy: Spy) -> None:
    answer = client.get("/set/a/1")
    assert answer.headers["Set-Cookie"].startswith("__Host-session=")
    assert answer.headers["Vary"] == "Cookie"
    assert answer.headers["Cache-Control"] == "no-store"
    spy.taken()
    answer = client.get("/get")
    assert answer.json == {"a": "1"}
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Vary"] == "Cookie"
    assert spy.taken() == ["load"]


def test_nested_changes_need_no_flag(client: FlaskClient) -> None:
    for _ in range(3):
        client.get("/add")
    assert client.get("/get").json == {"cart": [1, 1, 1]}


def test_untouched(client: FlaskClient, spy: Spy) -> None:
    client.get("/set/a/1")
    spy.taken()
    answer = client.get("/plain")
    assert spy.taken() == []
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_permanent(client: FlaskClient, app: Flask, clock: Clock) -> None:
    app.permanent_session_lifetime = timedelta(days=7)
    client.get("/set/a/0")
    answer = client.get("/permanent")
    assert "; Max-Age=604800;" in answer.headers["Set-Cookie"]
    clock.advance(6.5 * 86400)
    answer = client.get("/get")
    assert answer.json == {"_permanent": True, "a": 1}
    assert "; Max-Age=604800;" in answer.headers["Set-Cookie"], "rolls"
    clock.advance(7 * 86400)
    assert client.get("/get").json == {}


def test_a_session_that_is_not_permanent_ends_with_the_idle_timeout(client: FlaskClient, clock: Clock) -> None:
    assert "Max-Age" not in client.get("/set/a/1").headers["Set-Cookie"]
    clock.advance(2 * 3600)
    assert client.get("/get").json == {}


def test_logout_and_a_flash_after_it(client: FlaskClient, spy: Spy) -> None:
    client.get("/set/a/1")
    old = client.get_cookie("__Host-session")
    client.get("/logout")
    assert client.get_cookie("__Host-session") != old
    assert client.get("/flashed").text == "[('info', Markup('<b>bye</b>'))]"
    assert client.get("/flashed").text == "[]"
    assert "a" not in (client.get("/get").json or {})
    assert spy.calls.count("destroy") == 1


def test_streaming(client: FlaskClient) -> None:
    client.get("/set/a/1")
    assert client.get("/stream").text == "12"
    assert client.get("/get").json == {"a": "1", "streamed": True}


def test_streaming_that_is_not_read_to_the_end(client: FlaskClient) -> None:
    client.get("/set/a/1")
    answer = client.get("/stream", buffered=False)
    chunks = answer.iter_encoded()
    assert [next(iter(chunks)), next(iter(chunks))] == [b"1", b"2"]
    answer.close()
    assert client.get("/get").json == {"a": "1", "streamed": True}


def test_a_new_session_in_a_stream_is_an_error(client: FlaskClient) -> None:
    with pytest.raises(HeadersSentError, match="touched first"):
        client.get("/late").get_data()


def test_session_transaction(client: FlaskClient) -> None:
    with client.session_transaction() as change:
        change["a"] = [1]
    assert client.get("/get").json == {"a": [1]}
    with client.session_transaction() as change:
        change["a"].append(2)
        assert not change.new
        change.modified = True
        assert not change.modified
    assert client.get("/get").json == {"a": [1, 2]}


def test_session_while_the_client_is_open(client: FlaskClient) -> None:
    with client:
        client.get("/set/a/1")
        assert session["a"] == "1"
        assert isinstance(session._get_current_object(), FlaskSession)  # type: ignore[attr-defined]


def test_looking_after_a_page_that_did_not(client: FlaskClient) -> None:
    client.get("/set/a/1")
    with client:
        client.get("/plain")
        assert session["a"] == "1"
        with pytest.raises(HeadersSentError, match="the request is over"):
            session["a"] = "2"


@pytest.mark.parametrize("path", ["/get", "/set/a/2"])
def test_outage(client: FlaskClient, spy: Spy, path: str) -> None:
    client.get("/set/a/1")
    spy.out = True
    answer = client.get(path)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "7"
    assert "Set-Cookie" not in answer.headers
    assert client.get("/plain").status_code == 200
    spy.out = False
    assert client.get("/get").json == {"a": "1"}


def test_an_outage_that_a_blueprint_makes_a_page_of_is_a_503_all_the_same(spy: Spy) -> None:
    app = Flask(__name__)
    ZDSession(app, spy)
    pages = Blueprint("pages", __name__)
    pages.register_error_handler(Exception, lambda error: ("sorry", 500))
    pages.add_url_rule("/", view_func=lambda: str(len(session)))
    app.register_blueprint(pages)
    spy.out = True
    client = app.test_client()
    client.set_cookie("__Host-session", "A" * 64)
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


def test_outage_while_saving(app: Flask, client: FlaskClient, spy: Spy) -> None:
    client.get("/set/a/1")

    app.config["CUT"] = True
    answer = client.get("/set/a/2")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")


def test_degrade() -> None:
    spy = Spy(MemoryStore())
    app = Flask(__name__)
    ZDSession(app, spy, on_outage="degrade")
    app.add_url_rule("/", view_func=lambda: f"{session.get('a')} {session.degraded}")  # type: ignore[attr-defined]
    spy.out = True
    client = app.test_client()
    client.set_cookie("__Host-session", "x" * 64)
    assert client.get("/").text == "None True"


def test_a_ready_manager(app: Flask) -> None:
    sessions = SessionManager("memory://")
    assert ZDSession(Flask("a"), sessions).sessions is sessions
    with pytest.raises(TypeError, match="SessionManager"):
        ZDSession(Flask("b"), sessions, grace=1)
