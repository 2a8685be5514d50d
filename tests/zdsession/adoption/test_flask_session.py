"""Sessions that a real Flask-Session made, in Redis and in SQL."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask, session
from flask.testing import FlaskClient

from tests.zdsession.adoption.visits import SECRET, Visitor, adopting, events
from zdsession import StoreUnavailableError
from zdsession.adoption import Adoption, FlaskSessionReader
from zdsession.flask import ZDSession

VALUES = {"cart": ["tea", {"n": 2}], "user": 42, "who": "Ann \N{PILE OF POO}", "none": None, "pi": 3.14}


def old_app(tmp_path: Path, redis_url: str | None, serializer: str, signed: bool) -> Flask:
    """An app on Flask-Session, in Redis or, without, in SQLite."""
    app = Flask("old")
    app.secret_key = "flask's own"
    app.config.update(SESSION_SERIALIZATION_FORMAT=serializer, SESSION_USE_SIGNER=signed, SESSION_TYPE="sqlalchemy")
    if redis_url:
        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.Redis.from_url(redis_url))
    else:
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/old.db"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it deprecates its signer, and uses what others deprecated
        from flask_session import Session as FlaskSession  # type: ignore[import-untyped]

        if not redis_url:
            from flask_sqlalchemy import SQLAlchemy

            app.config["SESSION_SQLALCHEMY"] = SQLAlchemy(app)
        FlaskSession(app)

    @app.get("/set")
    def put() -> str:
        session.update(VALUES)
        return "ok"

    @app.get("/get")
    def show() -> dict[str, Any]:
        return dict(session)

    return app


def old_visit(client: FlaskClient, page: str = "/set") -> str:
    """The cookie after a page of the old app."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client.get(page)
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def reader_for(tmp_path: Path, redis_url: str | None, signed: bool) -> FlaskSessionReader:
    options = {"signed_with": "flask's own"} if signed else {}
    if redis_url:
        return FlaskSessionReader.in_redis(redis_url, **options)
    return FlaskSessionReader.in_sql(f"sqlite:///{tmp_path}/old.db", **options)


@pytest.mark.parametrize(
    ("place", "serializer", "signed", "keep_old"),
    [
        ("redis", "msgpack", False, False),
        ("redis", "msgpack", True, True),
        ("redis", "json", False, True),
        ("sql", "msgpack", False, True),
        ("sql", "json", True, False),
    ],
)
def test_visitors_stay_logged_in(
    place: str, serializer: str, signed: bool, keep_old: bool, tmp_path: Path, redis_url: str
) -> None:
    url = redis_url if place == "redis" else None
    app = old_app(tmp_path, url, serializer, signed)
    client = app.test_client()
    cookie = old_visit(client)
    sessions = adopting(reader_for(tmp_path, url, signed), keep_old=keep_old)
    ann = Visitor(sessions, {"session": cookie})
    assert ann.visit() == {"_permanent": True, **VALUES}
    assert ann.visit() == {"_permanent": True, **VALUES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = client.get("/get").get_json()
    assert back == ({"_permanent": True, **VALUES} if keep_old else {"_permanent": True}), "the way back"
    ann.visit(lambda session: session.invalidate())
    assert ann.visit() == {}


@pytest.mark.parametrize(
    "cookie", ["", "x", "unknown-but-of-the-right-shape", "../../etc", "é" * 20, "x" * 5000, "session:*"]
)
def test_forged_ids(cookie: str, redis_url: str) -> None:
    assert Visitor(adopting(FlaskSessionReader.in_redis(redis_url)), {"session": cookie}).visit() == {}


def test_a_forged_signature(tmp_path: Path, redis_url: str) -> None:
    cookie = old_visit(old_app(tmp_path, redis_url, "msgpack", True).test_client())
    sid, _, signature = cookie.rpartition(".")
    sessions = adopting(reader_for(tmp_path, redis_url, True))
    for forged in (sid, f"{sid}.{signature[::-1]}", f"{sid}x.{signature}", f"{sid}.é"):
        assert Visitor(sessions, {"session": forged}).visit() == {}
    assert Visitor(sessions, {"session": cookie}).visit()["user"] == 42


def test_its_pickle_is_refused_with_an_event(redis_url: str) -> None:
    sid = "a" * 43
    redis.Redis.from_url(redis_url).set(f"session:{sid}", pickle.dumps({"user": 42}))
    with events() as seen:
        assert Visitor(adopting(FlaskSessionReader.in_redis(redis_url)), {"session": sid}).visit() == {}
    assert ("adoption_refused", {"source": "flask-session", "reason": "pickled"}) in seen


def test_an_expired_row_is_none(tmp_path: Path) -> None:
    import sqlalchemy as sa

    client = old_app(tmp_path, None, "msgpack", False).test_client()
    cookie = old_visit(client)
    engine = sa.create_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        assert connection.execute(sa.text("UPDATE sessions SET expiry = '2020-01-01 00:00:00.000000'")).rowcount == 1
    engine.dispose()
    assert Visitor(adopting(reader_for(tmp_path, None, False)), {"session": cookie}).visit() == {}


@pytest.mark.parametrize("table", [None, "wrong"])
def test_an_old_store_that_cannot_be_asked_is_an_outage(table: str | None, tmp_path: Path) -> None:
    reader = (
        FlaskSessionReader.in_redis("redis://:hunter2@127.0.0.1:1/0")
        if table is None
        else FlaskSessionReader.in_sql(f"sqlite:///{tmp_path}/none.db", table=table)
    )
    ann = Visitor(adopting(reader), {"session": "a" * 43})
    with pytest.raises(StoreUnavailableError, match="old sessions in") as raised:
        ann.visit()
    assert "hunter2" not in str(raised.value)
    assert ann.cookies == {"session": "a" * 43}


def test_a_flask_app_changes_over(tmp_path: Path, redis_url: str) -> None:
    """The same app, once on Flask-Session and then on us: still logged in, and ``permanent`` as before."""
    cookie = old_visit(old_app(tmp_path, redis_url, "msgpack", False).test_client())
    app = Flask("new")
    ZDSession(app, "memory://", adopt=Adoption(FlaskSessionReader.in_redis(redis_url), secret=SECRET))

    @app.get("/")
    def page() -> dict[str, Any]:
        return {"user": session.get("user"), "permanent": session.permanent}

    client = app.test_client()
    client.set_cookie("session", cookie)
    answer = client.get("/")
    assert answer.get_json() == {"user": 42, "permanent": True}
    assert client.get_cookie("session") is None
    ours = client.get_cookie("__Host-session")
    assert ours is not None
    assert ours.max_age is not None
    assert ours.max_age > 30 * 24 * 3600, "the cookie lives as long as a permanent one"
    assert answer.headers["Cache-Control"] == "no-store"
    manager = app.extensions["zdsession"].sessions
    (record,) = [r for r in manager.store._store._records.values() if r.values]
    assert record.expires == record.deadline, "and so does the session"
    assert record.expires - record.seen > 30 * 24 * 3600 * 1000
    assert client.get("/").get_json()["user"] == 42
