"""What every server promises, on every provider: `tests.servers.base.Server`, on real ones."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pymysql
import pytest
import redis
import sqlalchemy

from tests.conftest import require_containers
from tests.servers import KINDS, Kind, Provider, Server, ServerError, open_server
from tests.servers.providers import PROVIDERS

ARGUMENTS: dict[Kind, tuple[str, ...]] = {
    "mysql": ("--max-connections=77",),
    "mariadb": ("--max-connections=77",),
    "redis": ("--appendonly", "yes", "--appendfsync", "always", "--maxclients", "77"),
}


def connect(server: Server, read_timeout: float = 30) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """A plain connection; with SQLAlchemy a pool would hide what the server does to it."""
    url = sqlalchemy.make_url(server.url())
    return pymysql.connect(
        host=url.host,
        port=url.port or 0,
        user=url.username,
        password=str(url.password),
        autocommit=True,
        read_timeout=read_timeout,
    )


def ask(server: Server, question: str, timeout: float = 30) -> tuple[object, ...]:
    """The first row of an answer, on a connection of its own."""
    with closing(connect(server, timeout)) as connection, connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone() or ()


def client(server: Server, timeout: float = 30) -> redis.Redis:
    """A client that tries once."""
    once = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    return redis.Redis.from_url(server.url(), socket_timeout=timeout, retry=once)


def write(server: Server, number: int) -> None:
    """Have a number acknowledged."""
    if server.kind == "redis":
        with client(server) as connection:
            connection.sadd("numbers", number)
        return
    with closing(connect(server)) as connection_, connection_.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS kept")
        cursor.execute("CREATE TABLE IF NOT EXISTS kept.numbers (id INT PRIMARY KEY)")
        cursor.execute("INSERT INTO kept.numbers VALUES (%s)", (number,))


def has(server: Server, number: int, timeout: float = 30) -> bool:
    """Whether a number is there."""
    if server.kind == "redis":
        with client(server, timeout) as connection:
            return bool(connection.sismember("numbers", str(number)))
    return ask(server, f"SELECT COUNT(*) FROM kept.numbers WHERE id = {number}", timeout) == (1,)


def port_of(server: Server) -> int:
    """The port in its URL."""
    return int(server.url().rsplit(":", 1)[1].split("/")[0])


def listens(port: int) -> bool:
    """Whether anybody accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait, bounded, until something holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return true()


def end_group(leader: "subprocess.Popen[str]", fate: signal.Signals) -> None:
    """Send a signal to a process and its group until it has ended.

    Once is not enough: a KeyboardInterrupt that hits a finalizer is printed and forgotten by Python.
    """
    for _ in range(6):
        os.killpg(leader.pid, fate)
        with contextlib.suppress(subprocess.TimeoutExpired):
            leader.wait(10)
            return
    raise AssertionError(f"process {leader.pid} survived {fate.name}")


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    """Processes, then containers; a machine that cannot run containers says so."""
    if request.param == "containers":
        require_containers()
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, provider: Provider) -> Iterator[Server]:
    """One of each kind from each provider, for all tests of this file; each leaves it running."""
    kind: Kind = request.param
    opened = open_server(kind, binlog=True, args=ARGUMENTS[kind], provider=provider)
    yield opened
    opened.close()


def test_it_is_what_it_says(server: Server) -> None:
    assert isinstance(server, Server)
    assert server.running
    assert listens(port_of(server))
    assert server.log()
    assert server.kind in repr(server)
    if server.kind == "redis":
        with client(server) as connection:
            assert connection.info("server")["redis_version"] == server.version
        return
    (version,) = ask(server, "SELECT VERSION()")
    assert str(version).startswith(server.version)
    assert ("MariaDB" in str(version)) == (server.kind == "mariadb")


def test_further_options_reach_it(server: Server) -> None:
    if server.kind == "redis":
        with client(server) as connection:
            assert connection.config_get("maxclients") == {"maxclients": "77"}
    else:
        assert ask(server, "SELECT @@max_connections") == (77,)


def test_its_binary_log_begins_empty(server: Server) -> None:
    """A replica of this server would lack a transaction otherwise. The first test that writes is below."""
    if server.kind == "redis":
        return
    position = "SELECT @@global.gtid_executed" if server.kind == "mysql" else "SELECT @@global.gtid_binlog_pos"
    assert ask(server, "SELECT @@log_bin") == (1,)
    assert ask(server, position) == ("",)


def test_no_account_is_without_a_password(server: Server) -> None:
    if server.kind == "redis":
        return
    url = sqlalchemy.make_url(server.url())
    for user in ("root", ""):
        with pytest.raises(pymysql.OperationalError):
            pymysql.connect(host=url.host, port=url.port or 0, user=user, password="")


def test_stop_and_start_keep_port_and_data(server: Server) -> None:
    port = port_of(server)
    write(server, 1)

    server.stop()
    assert not server.running
    assert not listens(port)
    server.stop()
    server.kill()
    server.resume()
    with pytest.raises(ServerError, match="is not running"):
        server.pause()

    server.start()
    server.start()
    assert port_of(server) == port
    assert has(server, 1)
    server.restart()
    assert has(server, 1)


def test_what_was_acknowledged_survives_kill_9(server: Server) -> None:
    for number in range(100, 110):
        write(server, number)
    server.kill()
    assert not server.running
    assert not listens(port_of(server))
    server.start()
    assert all(has(server, number) for number in range(100, 110))


def test_paused_it_answers_nobody_until_resumed(server: Server) -> None:
    write(server, 2)
    server.pause()
    server.pause()
    assert server.running
    with pytest.raises((pymysql.OperationalError, redis.TimeoutError)):
        has(server, 2, timeout=0.5)
    server.resume()
    server.resume()
    assert has(server, 2)


@pytest.mark.parametrize("fate", ["stop", "kill"])
def test_it_can_be_ended_when_paused(server: Server, fate: str) -> None:
    server.pause()
    getattr(server, fate)()
    assert not server.running
    server.start()
    assert server.running


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_cannot_start_says_why_in_one_line_and_is_gone(provider: Provider, kind: Kind) -> None:
    with pytest.raises(ServerError, match=r"before it was ready: .*(no.such|Bad directive)") as caught:
        open_server(kind, args=("--no-such", "1") if kind == "redis" else ("--no-such=1",), provider=provider)
    assert "\n" not in str(caught.value)


def test_closed_it_is_gone_for_good(provider: Provider) -> None:
    server = open_server("redis", provider=provider)
    port = port_of(server)
    server.close()
    server.close()
    assert not server.running
    assert not listens(port)
    with pytest.raises(ServerError, match="was closed"):
        server.start()
    with pytest.raises(ServerError):
        server.pause()
    server.stop()
    server.kill()
    server.resume()
