"""How many requests a page costs, counted by the server: 0 untouched, 1 read, 2 written; and the rarer ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import cast

import pymysql
import pytest
import redis
import sqlalchemy as sa
from flask import Flask, Response, flash, get_flashed_messages, session, stream_with_context

from zdsession import Session, SessionManager
from zdsession.flask import FlaskSession, ZDSession
from zdsession.stores import Store

Counter = Callable[[], int]

#: Commands that a new connection sends, once; and INFO, which is the counting itself.
_HANDSHAKE = {"hello", "client|setinfo", "client|setname", "client|maint_notifications", "info", "select", "auth"}


@pytest.fixture(params=["redis", "mysql", "mariadb"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def counter(store_kind: str, store_url: str) -> Iterator[Counter]:
    """Client requests the server has had so far: commands (scripts count as one), or Questions."""
    if store_kind == "redis":
        with redis.Redis.from_url(store_url) as client:
            yield lambda: _commands(client)
        return
    url = sa.make_url(store_url)
    connection = pymysql.connect(
        host=url.host or "", port=url.port or 0, user=url.username, password=str(url.password or ""), autocommit=True
    )
    with closing(connection), connection.cursor() as cursor:
        own = 0

        def questions() -> int:
            nonlocal own
            own += 1
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
            row = cursor.fetchone()
            assert row is not None
            return int(row[1]) - own

        yield questions


def _commands(client: redis.Redis) -> int:
    stats = client.info("commandstats")
    assert isinstance(stats, dict)
    inside = ("h", "exists", "p", "zadd")  # what our scripts call; nothing else here sends hashes one by one
    total = 0
    for name, stat in stats.items():
        command = name.removeprefix("cmdstat_")
        if command in _HANDSHAKE or (command.startswith(inside) and command not in ("hgetall", "ping")):
            continue
        total += stat["calls"]
    return total


@pytest.fixture
def sessions(store: Store) -> SessionManager:
    return SessionManager(store)


@pytest.fixture
def cookie(sessions: SessionManager) -> str:
    """The Cookie header of a stored session; connections, table and scripts are warm."""
    session = sessions.open(None)
    session["a"] = 1
    session.save()
    cookie = str(session.set_cookie()).split(";")[0]
    session = sessions.open(cookie)
    session["a"] = 2
    session.save()
    return cookie


def cost(sessions: SessionManager, counter: Counter, cookie: str | None, page: Callable[[Session], object]) -> int:
    """Requests of one such page, from ten; one before them fills the server's script cache."""

    def visit() -> None:
        session = sessions.open(cookie)
        page(session)
        session.save()

    visit()
    before = counter()
    for _ in range(10):
        visit()
    total = counter() - before
    assert total % 10 == 0, f"{total} requests for ten pages"
    return total // 10


def test_pages(sessions: SessionManager, counter: Counter, cookie: str) -> None:
    turns = iter(range(1000))
    costs = {
        "untouched": cost(sessions, counter, cookie, lambda s: None),
        "anonymous, read": cost(sessions, counter, None, lambda s: s.get("a")),
        "read": cost(sessions, counter, cookie, lambda s: s.get("a")),
        "written the same": cost(sessions, counter, cookie, lambda s: s.update(a=2)),
        "written": cost(sessions, counter, cookie, lambda s: s.update(a=next(turns) + 100)),
        "new": cost(sessions, counter, None, lambda s: s.update(a=1)),
    }
    assert costs == {"untouched": 0, "anonymous, read": 0, "read": 1, "written the same": 1, "written": 2, "new": 1}


def test_a_touch_is_one_more(store: Store, counter: Counter, cookie: str) -> None:
    always = SessionManager(store, touch_fraction=0)
    assert cost(always, counter, cookie, lambda s: s.get("a")) == 2


def test_a_login_is_at_most_one_more(store_kind: str, sessions: SessionManager, counter: Counter, cookie: str) -> None:
    session = sessions.open(cookie)
    session.user_id = "warm"
    session.save()
    cookie = str(session.set_cookie()).split(";")[0]
    before = counter()
    session = sessions.open(cookie)
    session["a"] = 3
    session.user_id = "ann"
    session.save()
    assert counter() - before == (3 if store_kind == "redis" else 2)


def test_a_conflict_is_two_more_in_sql_and_none_in_redis(
    store_kind: str, sessions: SessionManager, counter: Counter, cookie: str
) -> None:
    one, two = sessions.open(cookie), sessions.open(cookie)
    before = counter()
    one["x"], two["y"] = 1, 2
    one.save()
    two.save()
    assert counter() - before == (4 if store_kind == "redis" else 6)


# the same through whole pages of Flask


def shop(store: Store, **options: float) -> Flask:
    """Pages that each do one thing to their session."""
    app = Flask(__name__)
    ZDSession(app, store, **options)
    turns = iter(range(1, 10_000))

    @app.get("/about")
    def about() -> str:
        return "tea"

    @app.get("/cart")
    def cart() -> str:
        return f"{len(session.get('cart', []))} of {session.get('name')} {'cart' in session}"

    @app.get("/add")
    def add() -> str:
        session["cart"] = [{"sku": "TEA-1", "quantity": 0}]
        return "added"

    @app.get("/more")
    def more() -> str:
        session["cart"][0]["quantity"] = next(turns)
        session["name"] = f"{session.get('name', '')[:3]}{next(turns)}"
        session.pop("gone", None)
        return "changed deep inside, and twice more"

    @app.get("/same")
    def same() -> str:
        session["fixed"] = {"a": [1, 2]}
        return "as it was"

    @app.get("/flash")
    def leave() -> str:
        flash("saved")
        return "flashed"

    @app.get("/flashed")
    def take() -> str:
        return str(get_flashed_messages())

    @app.get("/stream")
    def stream() -> Response:
        name = session.get("name")

        def lines() -> Iterator[str]:
            yield str(name)
            session["streamed"] = next(turns)
            yield "done"

        return Response(stream_with_context(lines()))

    @app.get("/login")
    def login() -> str:
        cast(FlaskSession, session).user_id = f"u{next(turns)}"
        return "welcome"

    @app.get("/logout")
    def logout() -> str:
        session.clear()
        return "bye"

    return app


def test_flask_pages(store_kind: str, store: Store, counter: Counter) -> None:
    app = shop(store)
    visitor = app.test_client()

    def cost_of(*paths: str, known: bool = True, times: int = 10) -> int:
        """Requests of these pages together, each time by the same visitor, or each time by a new one."""

        def visit() -> None:
            client = visitor if known else app.test_client()
            for path in paths:
                assert client.get(path, buffered=True).status_code in (200, 404), path

        visit()  # the table, the scripts, and the connections
        before = counter()
        for _ in range(times):
            visit()
        total = counter() - before
        assert total % times == 0, f"{paths}: {total} requests, {times} times"
        return total // times

    visitor.get("/add")
    visitor.get("/same")
    costs = {
        "untouched": cost_of("/about"),
        "not found": cost_of("/there-is-no-such-page"),
        "untouched, new visitor": cost_of("/about", known=False),
        "read, new visitor": cost_of("/cart", known=False),
        "read": cost_of("/cart"),
        "changed deep inside": cost_of("/more"),
        "assigned the same": cost_of("/same"),
        "first page of a session": cost_of("/add", known=False),
        "flashed, and read once": cost_of("/flash", "/flashed"),
        "changed while it streams": cost_of("/stream"),
    }
    assert costs == {
        "untouched": 0,
        "not found": 0,
        "untouched, new visitor": 0,
        "read, new visitor": 0,
        "read": 1,
        "changed deep inside": 2,
        "assigned the same": 1,
        "first page of a session": 1,
        "flashed, and read once": 4,
        "changed while it streams": 2,
    }
    # a login is one more where the index of users is apart; a logout destroys what the page before began
    index = 1 if store_kind == "redis" else 0
    assert cost_of("/login") == 2 + index
    assert cost_of("/add", "/logout", known=False) == 1 + 2


def test_a_flask_page_whose_last_seen_is_due(store: Store, counter: Counter) -> None:
    visitor = shop(store, touch_fraction=0).test_client()
    visitor.get("/add")
    visitor.get("/cart")
    before = counter()
    for _ in range(10):
        visitor.get("/cart")
        visitor.get("/about")
    assert counter() - before == 20
