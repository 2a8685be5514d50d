"""The process provider on real servers: life, death, and nothing left behind."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pymysql
import pytest
import redis
import sqlalchemy

from tests.conftest import MakeServer
from tests.servers import KINDS, Kind, Server, ServerError, open_server
from tests.servers.binaries import find
from tests.servers.test_conformance import end_group

CHECKOUT = Path(__file__).parents[2]
SQL: tuple[Kind, ...] = ("mysql", "mariadb")


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """This file is about processes, whatever provider the run has."""
    monkeypatch.setenv("ZDRELEASE_SERVERS", "processes")


def connect(
    server: Server, read_timeout: float | None = None, *, port: int | None = None
) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    """A plain connection; with SQLAlchemy a pool would hide what the server does to it."""
    url = sqlalchemy.make_url(server.url())
    return pymysql.connect(
        host=url.host,
        port=port or url.port or 0,
        user=url.username,
        password=str(url.password),
        autocommit=True,
        read_timeout=read_timeout,
    )


def port_of(server: Server) -> int:
    """The port in its URL."""
    return int(server.url().rsplit(":", 1)[1].split("/")[0])


def listens(port: int) -> bool:
    """Whether anybody accepts connections on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(true: Callable[[], bool], seconds: float = 15) -> bool:
    """Wait, bounded, until something holds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return true()


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_starts_stops_and_leaves_nothing(make_server: MakeServer, kind: Kind) -> None:
    server = make_server(kind)
    port = port_of(server)

    assert server.running
    assert server.kind == kind
    assert server.version == find(kind).version
    assert listens(port)
    assert server.log()

    server.stop()
    assert not server.running
    assert not listens(port)
    server.stop()  # once more is fine

    server.restart()
    assert port_of(server) == port
    assert listens(port)
    server.start()  # once more is fine

    server.close()
    server.close()
    assert not listens(port)
    with pytest.raises(ServerError, match="was closed"):
        server.start()


@pytest.mark.parametrize("kind", SQL)
def test_acknowledged_rows_survive_kill_9(make_server: MakeServer, kind: Kind) -> None:
    server = make_server(kind, binlog=True)
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE kept")
        cursor.execute("CREATE TABLE kept.row_ (id INT PRIMARY KEY)")
        for number in range(50):
            cursor.execute("INSERT INTO kept.row_ VALUES (%s)", (number,))
        server.kill()
        with pytest.raises(pymysql.OperationalError):
            cursor.execute("SELECT 1")
    server.start()

    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM kept.row_")
        assert cursor.fetchone() == (50,)


@pytest.mark.parametrize("kind", SQL)
def test_binlog_is_off_unless_asked_for_and_starts_empty(make_server: MakeServer, kind: Kind) -> None:
    position = "SELECT @@global.gtid_executed" if kind == "mysql" else "SELECT @@global.gtid_binlog_pos"
    for wanted in (False, True):
        server = make_server(kind, binlog=wanted)
        with closing(connect(server)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@log_bin")
            assert cursor.fetchone() == (int(wanted),)
            cursor.execute(position)
            assert cursor.fetchone() == ("",), "a replica of this server would lack a transaction"


def test_two_mysql_servers_share_a_template_and_nothing_else(mysql_server: Server, make_server: MakeServer) -> None:
    other = make_server("mysql")
    seen: list[tuple[object, ...]] = []
    for server in (mysql_server, other):
        with closing(connect(server)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@server_uuid, @@server_id, @@datadir")
            seen.append(cursor.fetchone() or ())
            cursor.execute("SELECT user, host FROM mysql.user WHERE user = 'root' OR authentication_string = ''")
            assert cursor.fetchall() == (("root", "%"),), "an account without a password"
    first, second = seen
    assert not set(first) & set(second)


def test_the_root_password_is_on_no_command_line_and_in_no_file_left(make_server: MakeServer) -> None:
    server = make_server("mysql")
    password = sqlalchemy.make_url(server.url()).password
    assert isinstance(password, str)
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@datadir")
        (data,) = cursor.fetchone() or ("",)

    listing = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
    assert data.rstrip("/") in listing
    assert password not in listing
    home = Path(data).parent
    assert not [path for path in home.iterdir() if path.is_file() and password in path.read_text(errors="replace")]


@pytest.mark.parametrize("kind", SQL)
def test_a_paused_sql_server_answers_nobody_until_resumed(make_server: MakeServer, kind: Kind) -> None:
    server = make_server(kind)
    with closing(connect(server, read_timeout=0.5)) as connection:
        server.pause()
        with pytest.raises(pymysql.OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    assert server.running
    server.resume()
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        assert cursor.execute("SELECT 1") == 1


def test_a_paused_redis_answers_nobody_until_resumed_and_stops_when_paused(make_server: MakeServer) -> None:
    server = make_server("redis")
    retry = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    with redis.Redis.from_url(server.url(), socket_timeout=0.3, retry=retry) as client:
        client.set("key", "value")
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.get("key")
        server.resume()
        assert client.get("key") == b"value"
    server.pause()
    server.stop()
    assert not server.running


def test_further_options_reach_the_server(make_server: MakeServer) -> None:
    server = make_server("mysql", args=("--max-connections=7",))
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@max_connections")
        assert cursor.fetchone() == (7,)


@pytest.mark.parametrize(
    ("kind", "option"), [("mysql", "--no-such=1"), ("mariadb", "--no-such=1"), ("redis", "--no-such")]
)
def test_a_server_that_does_not_start_says_why_in_one_line(kind: Kind, option: str) -> None:
    with pytest.raises(ServerError, match=r"before it was ready: .*(no.such|Bad directive)") as caught:
        open_server(kind, args=(option,))
    assert "\n" not in str(caught.value)


OWNER = """
import sys
from tests.servers import open_server
from tests.servers.workspace import workspace
servers = [open_server(kind) for kind in sys.argv[1:]]
print(workspace().path, *(server.url() for server in servers), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_servers_end_with_their_owner_however_it_ends(fate: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, "redis", "mariadb"],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with owner:
        assert owner.stdout is not None
        folder, *urls = owner.stdout.readline().split()
        ports = [int(url.rsplit(":", 1)[1].split("/")[0]) for url in urls]
        assert len(ports) == 2
        assert all(map(listens, ports))
        assert len(list(Path(folder).glob("*/pid"))) == 2

        end_group(owner, fate)

    assert eventually(lambda: not any(map(listens, ports))), "a server outlived its owner"
    assert eventually(lambda: not Path(folder).exists()), "its data was left behind"
