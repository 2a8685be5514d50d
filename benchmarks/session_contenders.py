"""The apps that `benchmarks/sessions.py` measures: one page, with each library's sessions and without.

Every library is set up as its documentation says, with the safe serialiser where it has a choice (JSON for Beaker).
Where it writes on a page that only reads, it also enters with that turned off ("quiet").
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication, WSGIEnvironment

PAGES = ("untouched", "read", "write", "write 10 KB")
BARE, OURS = "bare", "zdsession"
#: The key of a page in its query: WSGI, Flask and Django apps all find it there.
_QUERIES = {f"page={number}": page for number, page in enumerate(PAGES)}

#: What a shop keeps of a visitor, about 600 bytes as JSON.
CART = [
    {"sku": f"TEA-{n:04d}", "name": f"Darjeeling no. {n}", "quantity": 1 + n % 3, "cents": 1250 + n} for n in range(6)
]
_VISITOR = {"user": "ann@example.com", "csrf": "k" * 43, "language": "en", "seen": 0, "cart": CART}


def _history(turn: int) -> list[dict[str, object]]:
    """About 10 KB as JSON, and different for every turn."""
    return [
        {
            "path": f"/products/{(turn * 37 + n * 101) % 9973}",
            "at": 1_790_000_000 + turn * 1000 + n * 7,
            "referrer": f"r{n * turn}",
        }
        for n in range(150)
    ]


_HISTORIES = [_history(turn) for turn in range(1, 17)]
_histories, _numbers = itertools.cycle(_HISTORIES), itertools.count(1)


@dataclass
class Contender:
    """One library under one framework, on one store.

    Attributes:
        name: The library's, `bare` for the same app without sessions.
        framework: Whose bare app is subtracted.
        app: The WSGI app.
        keys: Pattern of its keys in Redis.
        cookie: What its visitor's browser holds.
    """

    name: str
    framework: str
    app: WSGIApplication
    keys: str = ""
    cookie: str = field(default="", repr=False)

    def environ(self, page: str, cookie: str | None = None) -> WSGIEnvironment:
        """A request for a page, with its visitor's cookie."""
        query = next(query for query, name in _QUERIES.items() if name == page)
        return {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "HTTP_COOKIE": self.cookie if cookie is None else cookie,
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }

    def enter(self) -> None:
        """Make the visitor's session, and see that it is there: what is measured has to work."""
        self.cookie = self.new_visitor()
        if self.name == BARE:
            return
        status, _, body = visit(self.app, self.environ("read"))
        if not status.startswith("200") or body != str(len(CART)).encode():
            raise RuntimeError(f"{self.name} under {self.framework} does not keep its session: {status} {body[:200]!r}")

    def new_visitor(self) -> str:
        """The cookies of a new session."""
        environ = self.environ("untouched", cookie="")
        environ["QUERY_STRING"] = "enter"
        status, headers, body = visit(self.app, environ)
        if not status.startswith("200"):
            raise RuntimeError(f"{self.name} under {self.framework}: {status} {body[:200]!r}")
        values = [value for name, value in headers if name.lower() == "set-cookie"]
        return "; ".join(value.partition(";")[0] for value in values)


def visit(app: WSGIApplication, environ: WSGIEnvironment) -> tuple[str, list[tuple[str, str]], bytes]:
    """One request, as a server would send it, and the answer."""
    answer: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        answer[:] = [status, headers]
        return answer.append

    body = app(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
    return answer[0], answer[1], content


def act(values: MutableMapping[str, Any], query: str) -> str:
    """What a page does with its visitor's session."""
    page = _QUERIES.get(query)
    if page == "untouched":
        return "hello"
    if page == "read":
        return str(len(values["cart"]))
    if page == "write":
        values["seen"] = next(_numbers)
    elif page == "write 10 KB":
        values["history"] = next(_histories)
    else:
        values.update(_VISITOR)
    return "saved"


def contenders(kind: str, url: str) -> tuple[list[Contender], dict[str, str]]:
    """All that work on this store; and of the others, why not."""
    makers: list[Callable[[str, str], Iterable[Contender]]] = [_wsgi, _beaker, _flask, _flask_session, _django]
    made: list[Contender] = []
    missing: dict[str, str] = {}
    for maker in makers:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                new = list(maker(kind, url))
                for contender in new:
                    contender.enter()
        except Exception as error:
            if maker in (_wsgi, _flask, _django):
                raise
            missing[maker.__name__.strip("_").replace("_", "-")] = f"{type(error).__name__}: {error}"[:200]
        else:
            made += new
    return made, missing


def driver_url(url: str) -> str:
    """A database's URL for a library that wants to be told the driver."""
    return sa.make_url(url).set(drivername="mysql+pymysql").render_as_string(hide_password=False)


def _wsgi(kind: str, url: str) -> Iterable[Contender]:
    from zdsession import SessionMiddleware

    def pages(environ: WSGIEnvironment, start_response: Any) -> list[bytes]:
        return _answer(act(environ["zdsession"], environ["QUERY_STRING"]), start_response)

    def bare(environ: WSGIEnvironment, start_response: Any) -> list[bytes]:
        return _answer(act(dict(_VISITOR), environ["QUERY_STRING"]), start_response)

    yield Contender(BARE, "WSGI", bare)
    yield Contender(OURS, "WSGI", SessionMiddleware(pages, url), "zdsession:*")


def _answer(text: str, start_response: Any) -> list[bytes]:
    body = text.encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def _beaker(kind: str, url: str) -> Iterable[Contender]:
    from beaker.middleware import SessionMiddleware

    def pages(environ: WSGIEnvironment, start_response: Any) -> list[bytes]:
        session, query = environ["beaker.session"], environ["QUERY_STRING"]
        text = act(session, query)
        if text == "saved":
            session.save()
        return _answer(text, start_response)

    options = {
        "session.type": "ext:redis" if kind == "redis" else "ext:database",
        "session.url": url if kind == "redis" else driver_url(url),
        "session.data_serializer": "json",
        "session.key": "beaker",
    }
    yield Contender("Beaker", "WSGI", SessionMiddleware(pages, options), "beaker_cache:*")
    yield Contender("Beaker, quiet", "WSGI", SessionMiddleware(pages, {**options, "session.save_accessed_time": False}))


def _flask_app() -> Any:
    from flask import Flask, request, session

    app = Flask(__name__)

    @app.get("/")
    def page() -> str:
        return act(session, request.environ["QUERY_STRING"])

    return app


def _flask(kind: str, url: str) -> Iterable[Contender]:
    from flask import Flask, request

    from zdsession.flask import ZDSession

    bare, ours = Flask(__name__), _flask_app()

    @bare.get("/")
    def page() -> str:
        return act(dict(_VISITOR), request.environ["QUERY_STRING"])

    ZDSession(ours, url)
    yield Contender(BARE, "Flask", bare)
    yield Contender(OURS, "Flask", ours)


def _flask_session(kind: str, url: str) -> Iterable[Contender]:
    from flask_session import Session

    for name, refresh in (("Flask-Session", True), ("Flask-Session, quiet", False)):
        app = _flask_app()
        app.config.update(SESSION_REFRESH_EACH_REQUEST=refresh)
        if kind == "redis":
            import redis

            app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.Redis.from_url(url))
        else:
            from flask_sqlalchemy import SQLAlchemy

            app.config.update(SESSION_TYPE="sqlalchemy", SQLALCHEMY_DATABASE_URI=driver_url(url))
            app.config.update(SESSION_SQLALCHEMY=SQLAlchemy(app))
        Session(app)
        yield Contender(name, "Flask", app, "session:*" if refresh else "")


def _django(kind: str, url: str) -> Iterable[Contender]:
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.management import call_command
    from django.http import HttpRequest, HttpResponse
    from django.test import override_settings
    from django.urls import path

    def page(request: HttpRequest) -> HttpResponse:
        session = getattr(request, "session", None)
        return HttpResponse(act(dict(_VISITOR) if session is None else session, request.META["QUERY_STRING"]))

    place: dict[str, Any] = {"ZDSESSION_STORE": url}
    if kind == "redis":
        place["CACHES"] = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
        engine = "django.contrib.sessions.backends.cache"
    else:
        import pymysql

        pymysql.install_as_MySQLdb()  # type: ignore[no-untyped-call]
        where = sa.make_url(url)
        database = {
            "ENGINE": "django.db.backends.mysql",
            "HOST": where.host,
            "PORT": where.port,
            "NAME": where.database,
        }
        database |= {"USER": where.username, "PASSWORD": where.password, "CONN_MAX_AGE": None}
        place["DATABASES"] = {"default": database}
        engine = "django.contrib.sessions.backends.db"
    settings.configure(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["django.contrib.sessions"],
        ROOT_URLCONF=(path("", page),),
        SECRET_KEY="only for this benchmark",
        **place,
    )
    django.setup()
    if kind != "redis":
        call_command("migrate", verbosity=0)
    yield Contender(BARE, "Django", WSGIHandler())
    sessions = ["django.contrib.sessions.middleware.SessionMiddleware"]
    for name, chosen, keys in ((OURS, "zdsession.django", ""), ("Django", engine, ":1:django.contrib*")):
        with override_settings(MIDDLEWARE=sessions, SESSION_ENGINE=chosen):
            yield Contender(name, "Django", WSGIHandler(), keys)


def size_of_visitor() -> int:
    """Bytes of the visitor's values as JSON, for the report."""
    return len(json.dumps(_VISITOR, separators=(",", ":")))


def size_of_history() -> int:
    """The same of what the last page writes."""
    return len(json.dumps(_HISTORIES[0], separators=(",", ":")))
