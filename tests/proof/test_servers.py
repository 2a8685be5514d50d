"""Servers that are started for the user, and their end: servers.py, process.py, workspace.py, guard.py, signals.py."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pymysql
import pytest
import sqlalchemy

from tests.apps import ADD_AGE, App, assert_one_sentence
from tests.conftest import MakeServer
from tests.servers import Kind, Server
from tests.servers.binaries import find
from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.proof import binaries, container, servers
from zdmigrate.proof import scratch as scratch_module
from zdmigrate.proof.process import LocalServer, StartError
from zdmigrate.proof.scratch import PREFIX, scratch
from zdmigrate.proof.servers import throwaway

ROOT = Path(__file__).parents[2]
MARIADB = Flavour.parse("mariadb:10.11")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return App(tmp_path / "app", monkeypatch)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the servers of this test live, by TMPDIR; a socket's path must be short, so pytest's own will not do."""
    folder = Path(f"/tmp/zd{os.getpid()}")
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    folder.rmdir()  # fails when anything was left


def program(kind: Kind, folder: Path) -> Path:
    """A program `mysqld` or `mariadbd` as a user has it: a prepared tree needs its loader and options."""
    binary = find(kind)
    path = folder / ("mysqld" if kind == "mysql" else "mariadbd")
    variables = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in binary.environment.items())
    path.write_text(f'#!/bin/sh\n{variables}exec {shlex.join(binary.command)} "$@" {shlex.join(binary.options)}\n')
    path.chmod(0o755)
    return path


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_server_for_one_proof(kind: Kind, tmp_path: Path, temporary: Path) -> None:
    target = Flavour.parse("mysql:9.7" if kind == "mysql" else "mariadb:10.11")
    said: list[str] = []
    with throwaway(target, binary=program(kind, tmp_path), say=said.append) as made:
        url = sqlalchemy.make_url(made.url)
        password = str(url.password)
        commands = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
        assert str(temporary) in commands
        assert password not in commands
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        readable = [path for path in folder.rglob("*") if path.suffix in (".sql", "") and path.is_file()]
        assert not [path for path in readable if password.encode() in path.read_bytes()]
        with scratch(made.url) as database:
            assert Flavour.parse(f"{kind}:{database.version().split('-')[0]}").vendor == kind
    assert len(said) == 1
    assert str(target.vendor) in said[0]
    with pytest.raises(UsageError, match="cannot be used"), scratch(made.url):
        raise AssertionError
    assert not list(temporary.iterdir())


def test_nothing_is_left_when_its_owner_is_killed(temporary: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from zdmigrate.proof.process import LocalServer\n"
        "from zdmigrate.proof.binaries import inspect\n"
        f"server = LocalServer(inspect(Path({str(program('mariadb', tmp_path))!r}))); server.start()\n"
        "print(server.pid, flush=True); input()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert runs(pid)
        owner.kill()
    assert eventually(lambda: not runs(pid) and not list(temporary.iterdir()))


def test_sigterm_drops_the_database_and_ends_the_command(app: App, mysql_server: Server) -> None:
    app.users('op.execute("DO SLEEP(55)")')
    running = app.process("prove", "--server", mysql_server.url(), "--from", "aaaa1", "--target", "mysql:9.7")
    with running:
        assert eventually(lambda: bool(_sleeping(mysql_server)))
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)
    assert running.returncode == 128 + signal.SIGTERM
    assert not _databases(mysql_server)


def _rows(server: Server, sql: str) -> list[tuple[object, ...]]:
    url = sqlalchemy.make_url(server.url())
    connection = pymysql.connect(host=url.host, port=url.port or 0, user=url.username, password=str(url.password))
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _sleeping(server: Server) -> list[tuple[object, ...]]:
    return _rows(server, "SELECT id FROM information_schema.processlist WHERE info = 'DO SLEEP(55)'")


def _databases(server: Server) -> list[tuple[object, ...]]:
    return _rows(server, f"SHOW DATABASES LIKE '{PREFIX}%'")


@pytest.mark.usefixtures("gone_for_good")
def test_a_server_that_dies_half_way_is_named_with_what_it_was_doing(app: App, make_server: MakeServer) -> None:
    server = make_server("mariadb")
    app.users('op.execute("DO SLEEP(55)")')

    def kill_it() -> None:
        if eventually(lambda: bool(_sleeping(server))):
            server.kill()

    killer = threading.Thread(target=kill_it)
    killer.start()
    result = app.run("prove", "--server", server.url(), "--from", "aaaa1", "--target", "mariadb:10.11")
    killer.join()
    assert_one_sentence(result, "ended the connection while it ran `DO SLEEP(55)`", f"the database {PREFIX}")


def test_a_server_that_comes_back_gets_the_database_dropped(make_server: MakeServer) -> None:
    server = make_server("mariadb")

    def lose_it() -> None:
        with scratch(server.url()) as made:
            session = made.connect()
            server.kill()
            server.start()
            session.run("SELECT 1")

    with pytest.raises(UsageError, match="ended the connection while it ran `SELECT 1`") as caught:
        lose_it()
    assert "could not be dropped" not in str(caught.value)
    assert not _databases(server)


@pytest.mark.usefixtures("gone_for_good")
def test_a_server_of_ours_that_dies_shows_its_log(make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = make_server("mariadb")
    ours = SimpleNamespace(url=server.url(), log=server.log, close=lambda: closed.append(True))
    closed: list[bool] = []
    monkeypatch.setattr(servers, "_started", lambda *_: (ours, "mariadbd"))

    def lose_it() -> None:
        with throwaway(MARIADB) as made, scratch(made.url) as database:
            session = database.connect()
            server.kill()
            session.run("SELECT 1")

    with pytest.raises(UsageError, match=r"ended the connection while .*; the last it logged: \S+") as caught:
        lose_it()
    assert "drop it by its name" not in str(caught.value), "its database goes with it"
    assert closed == [True]


@pytest.fixture
def gone_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the server to come back."""
    monkeypatch.setattr(scratch_module, "RETURN_SECONDS", 0.5)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no Docker engine and no server; the folder is its PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(binaries, "MORE_PATH", ())
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    return folder


def test_no_docker_and_no_program_says_what_was_tried_and_the_ways_out(app: App, bare: Path) -> None:
    app.users(ADD_AGE)
    result = app.run("prove", "--from", "aaaa1", "--target", "mysql:8.4")
    assert_one_sentence(
        result,
        "there is no server of mysql to prove on; container: ",
        "program: there is no mysqld on PATH",
        "Start Docker or install the server",
        "--server URL",
    )


@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(
    ("says", "target", "error"),
    [
        ("mysqld  Ver 8.4.3 for Linux on x86_64", "mariadb:10.11", "is mysql:8.4.3, and the target is mariadb:10.11"),
        ("mysql  Ver 8.4.3 for Linux on x86_64", "mysql:8.4", "is neither a MySQL nor a MariaDB server"),
        ("mysqld  Ver 8.4.3 for Linux on x86_64", "mysql:8.4", "could not lay out its data (code 1): no room at all"),
    ],
)
def test_a_program_that_does_not_do(app: App, bare: Path, says: str, target: str, error: str) -> None:
    path = bare / "given"
    path.write_text(f'#!/bin/sh\ncase "$1" in --version) echo "{says}";; *) echo no room at all; exit 1;; esac\n')
    path.chmod(0o755)
    app.users(ADD_AGE)
    result = app.run("prove", "--from", "aaaa1", "--target", target, "--server-binary", str(path))
    assert result.code == 2
    assert error in result.err
    assert "Traceback" not in result.err


def test_nothing_pending_starts_no_server(app: App, bare: Path) -> None:
    app.users(ADD_AGE)
    result = app.run("prove", "--from", "bbbb2", "--target", "mysql:8.4")
    assert (result.code, result.out) == (0, "Nothing was run: no change is pending.\n"), result.err
    assert app.run("check", "--prove", "--from", "bbbb2", "--target", "mysql:8.4").code == 0


def test_both_ways_to_name_a_server_are_one_too_many(app: App) -> None:
    app.users(ADD_AGE)
    result = app.run("prove", "--server", "mysql://h/", "--server-binary", "mysqld", "--from", "aaaa1")
    assert_one_sentence(result, "give one of them")


def test_the_reason_why_containers_will_not_do(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert container.no_engine().startswith("no Docker engine answers at unix://")
    monkeypatch.setitem(sys.modules, "docker", None)
    assert container.no_engine() == "testcontainers is not installed (pip install 'zdrelease[prove]')"


def test_an_image_that_cannot_be_had_leaves_the_program(
    bare: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class NoImage:
        def __init__(self, flavour: Flavour) -> None:
            self.flavour = flavour

        def start(self) -> None:
            raise StartError(f"the image {self.flavour} cannot be started: no such host")

        def close(self) -> None:
            closed.append(self.flavour)

    closed: list[Flavour] = []
    monkeypatch.setattr(container, "no_engine", lambda: "")
    monkeypatch.setattr(servers, "ContainerServer", NoImage)
    with (
        pytest.raises(UsageError, match=r"container: the image mysql:8\.4 cannot be started: no such host"),
        throwaway(Flavour.parse("mysql:8.4")),
    ):
        raise AssertionError
    assert closed == [Flavour.parse("mysql:8.4")]


def test_a_start_that_is_interrupted_leaves_nothing(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(server: LocalServer) -> bool:
        assert list(temporary.iterdir())
        raise KeyboardInterrupt

    path = tmp_path / "mysqld"
    path.write_text('#!/bin/sh\ncase "$1" in --version) echo "mysqld  Ver 8.4.3";; *) exit 0;; esac\n')
    path.chmod(0o755)
    monkeypatch.setattr(LocalServer, "_answers", interrupted)
    with pytest.raises(KeyboardInterrupt), throwaway(Flavour.parse("mysql:8.4"), binary=path):
        raise AssertionError
    assert not list(temporary.iterdir())
