"""Fixtures every test may use: real servers, started once a run, and a fresh database for each test.

A test that cannot get its server fails with one line saying which and why; it is never skipped. A failing test
shows the last lines its servers logged.
"""

import collections
import contextlib
import os
import re
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import hypothesis
import pymysql
import pytest
import redis
import sqlalchemy

from tests.servers import Kind, Server, ServerError, open_server
from tests.servers.link import Link
from tests.servers.providers import why_no_containers
from tests.servers.replication import Replication, open_replicas

MakeServer = Callable[..., Server]
MakeReplication = Callable[..., Replication]
MakeLink = Callable[..., Link]

_LOG_LINES = 20_000  # of a failed test's server

_NO_CONTAINERS = "no containers: "

_made_by_test: list[Server] = []
_replications_of_test: list[Replication] = []

# Time limits for one example say more about the machine than about the code; `make soak` looks longer.
# No "explain" phase: it traces every line, and under CPython 3.11.7 a traced call was seen to spin for ever.
_PHASES = [phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain]
hypothesis.settings.register_profile("default", deadline=None, print_blob=True, phases=_PHASES)
hypothesis.settings.register_profile("soak", deadline=None, print_blob=True, phases=_PHASES, max_examples=5000)
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

    def make(kind: Kind, *, version: str | None = None, binlog: bool = False, args: tuple[str, ...] = ()) -> Server:
        _made_by_test.append(_open(kind, version=version, binlog=binlog, args=args))
        return _made_by_test[-1]

    yield make
    while _made_by_test:
        _made_by_test.pop().close()


@pytest.fixture
def make_replication() -> Iterator[MakeReplication]:
    """Starts primaries with replicas of the test's own, with the arguments of `open_replicas`."""

    def make(kind: Kind, replicas: int = 1, **options: Any) -> Replication:
        _replications_of_test.append(_open_replicas(kind, replicas, **options))
        return _replications_of_test[-1]

    yield make
    while _replications_of_test:
        _replications_of_test.pop().close()


@pytest.fixture
def make_link() -> Iterator[MakeLink]:
    """Opens links (`make_link(server.port)`, or `make_link(port_of_url)`) and closes them after the test."""
    with contextlib.ExitStack() as opened:
        yield lambda port, host="127.0.0.1": opened.enter_context(contextlib.closing(Link(port, host)))


@pytest.fixture(scope="session")
def shared_replications() -> Iterator[dict[Kind, Replication]]:
    """The pairs of this run, made when first asked for. Ask for `mysql_replication` or `mariadb_replication`."""
    pairs: dict[Kind, Replication] = {}
    yield pairs
    for pair in pairs.values():
        pair.close()


@pytest.fixture
def mysql_replication(shared_replications: dict[Kind, Replication]) -> Replication:
    """A MySQL primary with one replica, as new: do to it what you like, the next test gets it reset."""
    return _clean_pair(shared_replications, "mysql")


@pytest.fixture
def mariadb_replication(shared_replications: dict[Kind, Replication]) -> Replication:
    """A MariaDB primary with one replica, as new: do to it what you like, the next test gets it reset."""
    return _clean_pair(shared_replications, "mariadb")


@pytest.fixture(params=["mysql", "mariadb"])
def any_replication(request: pytest.FixtureRequest) -> Replication:
    """The MySQL pair, then the MariaDB pair: the test runs once on each."""
    pair: Replication = request.getfixturevalue(f"{request.param}_replication")
    return pair


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


def require_containers() -> None:
    """Fail in one line without containers; skip, said in pytest's summary, on a machine that cannot run an engine."""
    without = why_no_containers()
    if without is not None:
        reason, expected = without
        if expected:
            pytest.fail(_NO_CONTAINERS + reason, pytrace=False)
        pytest.skip(_NO_CONTAINERS + reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests of the container provider did not run, and why: a skipped provider must not go unseen."""
    reports = terminalreporter.stats.get("skipped", [])
    reasons = [str(report.longrepr[2]) for report in reports if isinstance(report.longrepr, tuple)]
    lines = collections.Counter(reason.partition(_NO_CONTAINERS)[2] for reason in reasons if _NO_CONTAINERS in reason)
    for reason, count in lines.items():
        terminalreporter.write_line(f"servers: tests on containers that did not run: {count} ({reason})", yellow=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers of a failed test logged last."""
    report = yield
    if report.failed:
        for number, server in enumerate(_servers_of(item)):
            kept = _keep_log(item, number, server)
            report.sections.append((f"last lines logged by {server!r}{kept}", server.log()))
    return report


def _keep_log(item: pytest.Item, number: int, server: Server) -> str:
    """Save the whole log (the last megabytes of it) where pytest keeps its cache; says where."""
    cache = getattr(item.config, "cache", None)
    if cache is None:
        return ""
    folder: Path = cache.mkdir("server-logs")
    path = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', item.nodeid)[-120:]}-{number}-{server.kind}.log"
    path.write_text(server.log(_LOG_LINES))
    return f" (more in {path})"


def _servers_of(item: pytest.Item) -> list[Server]:
    """The servers behind a test's fixtures, the ones it made included."""
    arguments: dict[str, object] = getattr(item, "funcargs", {})
    servers = [value for value in arguments.values() if isinstance(value, Server)]
    replications = [value for value in arguments.values() if isinstance(value, Replication)]
    if "make_server" in arguments:
        servers += _made_by_test
    if "make_replication" in arguments:
        replications += _replications_of_test
    return [*servers, *(node.server for replication in replications for node in replication.nodes)]


def _open(kind: Kind, *, version: str | None = None, binlog: bool = False, args: tuple[str, ...] = ()) -> Server:
    try:
        return open_server(kind, version=version, binlog=binlog, args=args)
    except ServerError as error:
        pytest.fail(str(error), pytrace=False)


def _open_replicas(kind: Kind, replicas: int = 1, **options: Any) -> Replication:
    try:
        return open_replicas(kind, replicas, **options)
    except ServerError as error:
        pytest.fail(str(error), pytrace=False)


def _clean_pair(pairs: dict[Kind, Replication], kind: Kind) -> Replication:
    if kind in pairs:
        try:
            pairs[kind].reset()
        except ServerError:  # a test broke more than can be mended
            pairs.pop(kind).close()
    if kind not in pairs:
        pairs[kind] = _open_replicas(kind)
    return pairs[kind]


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
