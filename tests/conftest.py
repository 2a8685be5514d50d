"""Fixtures every test may use: real servers, started once a run, and a fresh database for each test.

A test that cannot get its server fails with one line saying which and why; it is never skipped. A failing test
shows the last lines its servers logged.
"""

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import hypothesis
import pymysql
import pytest
import redis
import sqlalchemy

from tests.servers import Kind, Server, ServerError, open_server

MakeServer = Callable[..., Server]

_made_by_test: list[Server] = []

# Time limits for one example say more about the machine than about the code; `make soak` looks longer.
hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True, max_examples=5000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[Server]:
    """The MySQL of this run, shared: do not stop it, take `make_server` for that."""
    yield from _shared("mysql")


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """The MariaDB of this run, shared: do not stop it, take `make_server` for that."""
    yield from _shared("mariadb")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """The Redis of this run, shared: do not stop it, take `make_server` for that."""
    yield from _shared("redis")


@pytest.fixture(scope="session", params=["mysql", "mariadb"])
def any_sql_server(request: pytest.FixtureRequest) -> Server:
    """The shared MySQL, then the shared MariaDB: the test runs once on each."""
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def make_server() -> Iterator[MakeServer]:
    """Starts servers of the test's own, with the arguments of `open_server`, and closes them after the test."""

    def make(kind: Kind, *, binlog: bool = False, args: tuple[str, ...] = ()) -> Server:
        _made_by_test.append(_open(kind, binlog=binlog, args=args))
        return _made_by_test[-1]

    yield make
    while _made_by_test:
        _made_by_test.pop().close()


@pytest.fixture
def mysql_url(mysql_server: Server) -> Iterator[str]:
    """URL of an empty database on MySQL, dropped after the test."""
    yield from _fresh_database(mysql_server)


@pytest.fixture
def mariadb_url(mariadb_server: Server) -> Iterator[str]:
    """URL of an empty database on MariaDB, dropped after the test."""
    yield from _fresh_database(mariadb_server)


@pytest.fixture
def any_sql_url(any_sql_server: Server) -> Iterator[str]:
    """URL of an empty database, once on MySQL and once on MariaDB."""
    yield from _fresh_database(any_sql_server)


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """URL of an empty Redis database."""
    with redis.Redis.from_url(redis_server.url()) as client:
        client.flushall()
    return redis_server.url()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers of a failed test logged last."""
    report = yield
    if report.failed:
        for server in _servers_of(item):
            report.sections.append((f"last lines logged by {server!r}", server.log()))
    return report


def _servers_of(item: pytest.Item) -> list[Server]:
    """The servers behind a test's fixtures, the ones it made included."""
    arguments: dict[str, object] = getattr(item, "funcargs", {})
    servers = [value for value in arguments.values() if isinstance(value, Server)]
    if "make_server" in arguments:
        servers += _made_by_test
    return servers


def _open(kind: Kind, *, binlog: bool = False, args: tuple[str, ...] = ()) -> Server:
    try:
        return open_server(kind, binlog=binlog, args=args)
    except ServerError as error:
        pytest.fail(str(error), pytrace=False)


def _shared(kind: Kind) -> Iterator[Server]:
    server = _open(kind)
    yield server
    server.close()


def _fresh_database(server: Server) -> Iterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    _execute(server, f"CREATE DATABASE {name}")
    yield server.url(name)
    # A connection the test left open must not make this wait for ever.
    _execute(server, "SET lock_wait_timeout = 20", f"DROP DATABASE {name}")


def _execute(server: Server, *statements: str) -> None:
    url = sqlalchemy.make_url(server.url())
    connection = pymysql.connect(
        host=url.host or "", port=url.port or 0, user=url.username, password=str(url.password or "")
    )
    with closing(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
