"""The process that lets writes on again, and the tool's handle on it."""

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.run.conftest import topology_of
from tests.servers.replication import Replication
from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.topology import Node
from zdmigrate.run.watchdog import Watchdog, _Commands


@pytest.fixture
def nodes(mariadb_replication: Replication) -> tuple[Node, Node]:
    old, new = topology_of(mariadb_replication).nodes
    return old, new


def test_one_that_is_not_needed_ends_at_once(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    watchdog = Watchdog("run", *nodes, tmp_path / "log")
    watchdog.arm(datetime(2100, 1, 1), 60, 1)
    watchdog.disarm()
    assert (tmp_path / "log").read_text() == ""
    with pytest.raises(ProcessLookupError):
        os.kill(watchdog.pid, 0)
    watchdog.disarm()  # again is fine


def test_one_that_was_never_armed_touches_nothing(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    watchdog = Watchdog("run", *nodes, tmp_path / "log")
    watchdog.leave()
    _until_ended(watchdog.pid)
    assert (tmp_path / "log").read_text() == ""


def test_a_run_that_somebody_else_ended_is_left_alone(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    watchdog = Watchdog("unheard-of", *nodes, tmp_path / "log")
    watchdog.arm(datetime(2000, 1, 1), 60, 0)
    watchdog.leave()
    _until_ended(watchdog.pid)
    assert "a: not ours" in (tmp_path / "log").read_text()


def test_a_log_that_cannot_be_written_is_told_before_anything_is_frozen(
    nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ZdmigrateError, match=r"cannot be started, so nothing was frozen: .*XDG_STATE_HOME"):
        Watchdog("run", *nodes, tmp_path / "file" / "log")


def test_servers_it_does_not_reach_are_told_before_anything_is_frozen(
    nodes: tuple[Node, Node], mariadb_replication: Replication, tmp_path: Path
) -> None:
    mariadb_replication.replica.server.kill()
    with pytest.raises(ZdmigrateError, match=r"did not become ready, so nothing was frozen \(.*b did not answer"):
        Watchdog("run", *nodes, tmp_path / "log")


def test_no_password_is_on_its_command_line(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    watchdog = Watchdog("run", *nodes, tmp_path / "log")
    command = Path(f"/proc/{watchdog.pid}/cmdline").read_bytes().decode()
    watchdog.disarm()
    assert str(nodes[0].url.password) not in command


def test_lines_arrive_whole_however_they_were_cut() -> None:
    """Two lines in one write must not hide from `select` what was read already."""
    read, write = os.pipe()
    commands = _Commands(read)
    os.write(write, b"one\ntwo\nthr")
    assert commands.line(1) == "one"
    assert commands.line(1) == "two"
    assert commands.line(0.05) is None
    os.write(write, b"ee\n")
    assert commands.line(1) == "three"
    os.close(write)
    assert commands.line(1) == ""
    os.close(read)


def test_nothing_to_watch_is_nothing_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zdmigrate.run.watchdog"], stdin=subprocess.DEVNULL, timeout=60, check=False
    )
    assert done.returncode == 0


def _until_ended(process: int) -> None:
    end = datetime.now() + timedelta(seconds=30)
    while _is_running(process):
        assert datetime.now() < end, "the watchdog does not end"
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
