"""Sessions that a real Flask put, signed, into its cookie."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask, session
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from tests.zdsession.adoption.visits import Visitor, adopting
from zdsession.adoption import FlaskCookieReader
from zdsession.flask import MARKUP

VALUES: dict[str, Any] = {
    "cart": ["tea", {"n": 2}],
    "pair": (1, "two"),
    "id": uuid.UUID(int=7),
    "raw": b"\0\xff",
    "when": datetime(2026, 9, 1, 12, tzinfo=UTC),
}


def old_cookie(key: str = "the key", /, **values: Any) -> str:
    """What the browser got from a Flask app with that SECRET_KEY."""
    app = Flask("old")
    app.secret_key = key

    @app.get("/")
    def put() -> str:
        session.update(values)
        return "ok"

    client = app.test_client()
    client.get("/")
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def test_visitors_stay_logged_in_with_typed_values() -> None:
    ann = Visitor(adopting(FlaskCookieReader("the key")), {"session": old_cookie(**VALUES)})
    assert ann.visit() == VALUES
    assert set(ann.cookies) == {"__Host-session"}
    assert ann.visit() == VALUES


def test_a_long_one_that_flask_compressed() -> None:
    ann = Visitor(adopting(FlaskCookieReader("the key")), {"session": old_cookie(long="tea " * 800)})
    assert ann.visit() == {"long": "tea " * 800}


def test_markup_needs_the_flask_integration() -> None:
    cookie = old_cookie(a=Markup("<b>"), b=1)
    assert Visitor(adopting(FlaskCookieReader("the key")), {"session": cookie}).visit() == {"b": 1}
    ann = Visitor(adopting(FlaskCookieReader("the key"), options={"types": [MARKUP]}), {"session": cookie})
    assert ann.visit() == {"a": Markup("<b>"), "b": 1}


def test_keys_in_rotation() -> None:
    reader = FlaskCookieReader("new key", fallbacks=["the key", "older"])
    for key, kept in (("new key", True), ("the key", True), ("older", True), ("other", False)):
        assert bool(Visitor(adopting(reader), {"session": old_cookie(key, a=1)}).visit()) is kept, key


def test_the_age_is_verified() -> None:
    cookie = old_cookie(a=1)
    assert Visitor(adopting(FlaskCookieReader("the key", max_age=-1)), {"session": cookie}).visit() == {}


def test_used_once_however_its_signature_is_spelled() -> None:
    """The last base64 digit of a signature has bits that say nothing."""
    cookie = old_cookie(a=1)
    sessions = adopting(FlaskCookieReader("the key"), keep_old=True)
    ann = Visitor(sessions, {"session": cookie})
    ann.visit()
    ann.visit(lambda session: session.invalidate())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet:
        assert Visitor(sessions, {"session": cookie[:-1] + last}).visit() == {}
    assert Visitor(sessions, {"session": cookie + "="}).visit() == {}


def test_the_way_back() -> None:
    """Kept, the old cookie goes on opening the old app's session, with what was in it then."""
    cookie = old_cookie(a=1)
    ann = Visitor(adopting(FlaskCookieReader("the key"), keep_old=True), {"session": cookie})
    ann.visit(lambda session: session.update(a=2))
    app = Flask("old")
    app.secret_key = "the key"
    app.add_url_rule("/", view_func=lambda: dict(session))
    client = app.test_client()
    client.set_cookie("session", ann.cookies["session"])
    assert client.get("/").get_json() == {"a": 1}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 200), change=st.text(max_size=3))
def test_forged_cookies(at: int, change: str) -> None:
    cookie = _signed()
    at %= len(cookie)
    forged = cookie[:at] + change + cookie[at + 1 :]
    assert FlaskCookieReader("the key").key(forged) in (None, cookie.rpartition(".")[0])


@pytest.mark.parametrize("cookie", ["", ".", "..", "a.b.c", ".eJw.x.y", "é.é.é", "\ud800"])
def test_no_cookie_of_flasks(cookie: str) -> None:
    assert FlaskCookieReader("the key").key(cookie) is None


def test_signed_and_no_dict() -> None:
    reader = FlaskCookieReader("the key")
    for value in ([1], "text", None):
        assert reader.key(str(reader._serializer.dumps(value))) is None
    payload = urlsafe_b64encode(b"[" * 50_000).decode()
    signed = reader._serializer.make_signer(reader._serializer.salt).sign(payload).decode()
    assert reader.key(signed) is None


_cache: list[str] = []


def _signed() -> str:
    if not _cache:
        _cache.append(old_cookie(a=1))
    return _cache[0]
