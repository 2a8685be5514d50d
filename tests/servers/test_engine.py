"""Finding a Docker engine, and keeping a private one: with a stand-in for dockerd, so that every end can be tried."""

import fcntl
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import pytest

from tests.servers import engine, keeper
from tests.servers.engine import EngineError
from tests.servers.test_conformance import eventually

# Answers pings on its socket until it is told to end; `deaf` does not end on SIGTERM, `broken` never starts.
STAND_IN = """#!{python}
import os, pathlib, signal, socket, sys
address = next(option for option in sys.argv if option.startswith("--host="))
if "{manner}" == "broken":
    sys.exit("failed to start daemon: no room")
if "{manner}" == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[sys.argv.index("--pidfile") + 1]).write_text(str(os.getpid()))
listener = socket.socket(socket.AF_UNIX)
listener.bind(address.removeprefix("--host=unix://"))
listener.listen()
while True:
    connection, _ = listener.accept()
    connection.recv(999)
    connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nOK")
    connection.close()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a private engine."""
    made = tmp_path / "docker"
    (made / "exec").mkdir(parents=True)
    return made


def stand_in(folder: Path, manner: str = "well") -> list[str]:
    """The command of an engine."""
    program = folder / "dockerd"
    program.write_text(STAND_IN.format(python=sys.executable, manner=manner))
    program.chmod(0o755)
    return [str(program), f"--host=unix://{keeper.socket_of(folder)}", "--pidfile", str(folder / "dockerd.pid")]


def start_keeper(folder: Path, command: list[str]) -> "subprocess.Popen[str]":
    """A keeper that has said `ready`, or ended."""
    kept = subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, str(folder), *command], stdout=subprocess.PIPE, text=True
    )
    assert kept.stdout is not None
    assert kept.stdout.readline() in ("ready\n", "")
    kept.stdout.close()
    return kept


def new_user(folder: Path) -> IO[str]:
    """Somebody who uses the engine until this is closed."""
    lock = (folder / "users.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def test_the_engine_ends_after_its_last_user(folder: Path) -> None:
    first, second = new_user(folder), new_user(folder)
    kept = start_keeper(folder, stand_in(folder))
    pid = keeper.engine_pid(folder)
    assert pid is not None
    first.close()
    with pytest.raises(subprocess.TimeoutExpired):
        kept.wait(0.5)
    assert keeper.answers(keeper.socket_of(folder)), "it was ended under a user"

    second.close()
    assert kept.wait(30) == 0
    assert keeper.engine_pid(folder) is None
    assert not keeper.socket_of(folder).exists()
    assert not (folder / "exec").exists()


def test_an_engine_whose_keeper_was_killed_gets_another(folder: Path) -> None:
    user = new_user(folder)
    command = stand_in(folder)
    killed = start_keeper(folder, command)
    pid = keeper.engine_pid(folder)
    killed.kill()
    killed.wait(30)
    assert keeper.answers(keeper.socket_of(folder))

    next_one = start_keeper(folder, command)
    assert keeper.engine_pid(folder) == pid, "a second engine in the same folder"
    user.close()
    assert next_one.wait(30) == 0
    assert eventually(lambda: keeper.engine_pid(folder) is None)


def test_an_engine_that_does_not_end_is_killed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = new_user(folder)
    kept = start_keeper(folder, stand_in(folder, "deaf"))
    monkeypatch.setattr(keeper, "END_SECONDS", 0.5)
    keeper._end(folder, None)
    assert keeper.engine_pid(folder) is None
    assert kept.wait(30) == 0
    user.close()


def test_a_keeper_goes_with_its_engine(folder: Path) -> None:
    user = new_user(folder)
    kept = start_keeper(folder, stand_in(folder))
    pid = keeper.engine_pid(folder)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert kept.wait(30) == 0
    assert not keeper.socket_of(folder).exists()
    user.close()


def test_no_signal_of_a_terminal_ends_the_keeper(folder: Path) -> None:
    user = new_user(folder)
    kept = start_keeper(folder, stand_in(folder))
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        kept.send_signal(name)
    with pytest.raises(subprocess.TimeoutExpired):
        kept.wait(0.5)
    user.close()
    assert kept.wait(30) == 0


def test_a_pid_that_belongs_to_somebody_else_is_no_engine(folder: Path) -> None:
    (folder / "dockerd.pid").write_text(str(os.getpid()))
    assert keeper.engine_pid(folder) is None
    (folder / "dockerd.pid").write_text("nonsense")
    assert keeper.engine_pid(folder) is None


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine where no engine answers, and a root who may run one; its folder of servers, short as sockets need."""
    with TemporaryDirectory(prefix="zd-", dir="/tmp") as folder:
        yield _no_engine(Path(folder), monkeypatch)


def _no_engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZDRELEASE_SERVERS_DIR", str(folder))
    monkeypatch.setattr(engine, "_usual_addresses", lambda: [f"unix://{folder}/none.sock", "tcp://192.0.2.1:2375"])
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "_may_run_one", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for cached in (engine.answering_engine, engine.private_engine, engine.users_lock):
        monkeypatch.setattr(engine, cached.__name__, cached.__wrapped__)
    return folder


def test_an_engine_that_does_not_start_says_its_last_word(no_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (no_engine / "docker").mkdir()
    monkeypatch.setattr(engine, "find_dockerd", lambda: stand_in(no_engine / "docker", "broken")[0])
    with pytest.raises(EngineError, match="dockerd did not start: failed to start daemon: no room") as caught:
        engine.any_engine()
    assert caught.value.expected
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", [None, "tcp://192.0.2.1:2375", "unix:///nonexistent/docker.sock"])
def test_no_engine_answers_where_none_is(no_engine: Path, monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    if address:
        monkeypatch.setenv("DOCKER_HOST", address)
    assert engine.answering_engine() is None


def test_engines_are_looked_for_where_a_docker_client_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    addresses = engine._usual_addresses()
    assert addresses[0] == "unix:///var/run/docker.sock"
    assert f"unix://{tmp_path}/docker.sock" in addresses
    assert f"unix://{tmp_path}/.docker/run/docker.sock" in addresses
    monkeypatch.setenv("DOCKER_CONTEXT", "no-such-context")
    assert engine._usual_addresses()[-1] == f"unix://{tmp_path}/.docker/desktop/docker.sock"


def test_what_a_machine_lacks_is_said_in_one_line(no_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "find_dockerd", lambda: "/usr/sbin/dockerd")
    assert engine.why_no_private_engine() is None

    with monkeypatch.context() as bare:
        bare.setattr(engine, "find_dockerd", lambda: None)
        bare.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
        assert "dockerd is not installed" in (engine.why_no_private_engine() or "")
        with pytest.raises(
            EngineError, match=r"no Docker engine answers on a local socket; .*prepare_servers"
        ) as caught:
            engine.any_engine()
        assert caught.value.expected, "apt could have installed it"

    with monkeypatch.context() as confined:
        confined.setattr(engine, "_may_run_one", lambda: False)
        assert "may not mount" in (engine.why_no_private_engine() or "")
        with pytest.raises(EngineError) as caught:
            engine.any_engine()
        assert not caught.value.expected

    with monkeypatch.context() as user:
        user.setattr(os, "geteuid", lambda: 1000)
        assert "takes root" in (engine.why_no_private_engine() or "")

    with monkeypatch.context() as mac:
        mac.setattr(platform, "system", lambda: "Darwin")
        assert "Darwin cannot" in (engine.why_no_private_engine() or "")

    monkeypatch.setenv("ZDRELEASE_SERVERS_DIR", str(no_engine / ("x" * 90)))
    assert "too long for a socket" in (engine.why_no_private_engine() or "")
