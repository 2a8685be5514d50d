"""Commands of the operator's own, and daemons."""

from __future__ import annotations

import os
import shlex
import signal
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.run.release.shop import until
from zdmigrate.run.release.commands import Commands, fill, values_of
from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.spec import NodeSpec

NODE = NodeSpec("web1", "http://127.0.0.1:1", "web1", "", None, "", "daemon", group="a b")


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    return Commands(tmp_path, 20)


def test_names_are_filled_in_quoted_and_other_braces_left() -> None:
    command = "run {node} {group} {version} ${HOME} {unknown} awk '{print $1}' {}"
    filled = fill(command, values_of(NODE, "2; rm"))
    assert filled == "run web1 'a b' '2; rm' ${HOME} {unknown} awk '{print $1}' {}"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_no_version_is_a_command(tmp_path_factory: pytest.TempPathFactory, version: str) -> None:
    filled = fill("echo {version}", {"version": version})
    assert shlex.split(filled) == ["echo", version]


def test_what_it_prints_last_and_its_environment(commands: Commands) -> None:
    said = commands.run(
        'echo one; echo "$ZDSESSION_NODE $ZDRELEASE_ADDRESS $ZDRELEASE_URL $ZDRELEASE_VERSION"', NODE, "2"
    )
    assert said == "web1 127.0.0.1:1 http://127.0.0.1:1 2"


def test_failures_are_quoted(commands: Commands) -> None:
    with pytest.raises(StepError, match=r"^`echo no >&2; exit 3` ended with 3: no$"):
        commands.run("echo no >&2; exit 3", NODE, "2")
    with pytest.raises(StepError, match="ended with 1: it printed nothing"):
        commands.run("exit 1", None, "2")


def test_one_that_hangs_is_ended_with_all_it_started(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"did not end within 0\.5 s, and was ended"):
        Commands(tmp_path, 0.5).run(f"sleep 600 & echo $! > {tmp_path}/pid; wait", NODE, "2")
    pid = int((tmp_path / "pid").read_text())
    until(lambda: not _runs(pid), "end of what it started")


def test_a_daemon_is_started_once_and_found_again(tmp_path: Path) -> None:
    first = Commands(tmp_path, 20)
    first.start_daemon(f"echo up; echo $$ >> {tmp_path}/pids; exec sleep 600", NODE, "2")
    until((tmp_path / "pids").exists, "the daemon")
    try:
        second = Commands(tmp_path, 20)
        second.start_daemon(f"echo $$ >> {tmp_path}/pids; exec sleep 600", NODE, "2")
        assert second.daemon_ended(NODE) == ""
        assert second.stop_daemon(NODE, 20).endswith("has ended")
        assert second.stop_daemon(NODE, 20) == "it did not run"
        assert second.daemon_ended(NODE) == "it has ended: up"
        assert len((tmp_path / "pids").read_text().split()) == 1
    finally:
        for pid in (tmp_path / "pids").read_text().split():
            if _runs(int(pid)):
                os.kill(int(pid), signal.SIGKILL)


def test_a_daemon_that_does_not_end_is_named(tmp_path: Path) -> None:
    commands = Commands(tmp_path, 20)
    commands.start_daemon(f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.1; done", NODE, "2")
    until((tmp_path / "up").exists, "the daemon")
    try:
        with pytest.raises(StepError, match=r"^web1 \(pid \d+\) did not end within 0.3 s of SIGTERM"):
            commands.stop_daemon(NODE, 0.3)
    finally:
        commands_pid = commands._daemon(NODE)
        assert commands_pid is not None
        os.killpg(commands_pid, signal.SIGKILL)
        until(lambda: commands._daemon(NODE) is None, "its end")


def test_a_pid_of_somebody_else_is_not_touched(tmp_path: Path, commands: Commands) -> None:
    (tmp_path / "node-web1.pid").write_text(f"{os.getpid()} (x) S\nanother machine\n")
    assert commands.stop_daemon(NODE, 1) == "it did not run"
    (tmp_path / "node-web1.pid").write_text("")
    assert commands.stop_daemon(NODE, 1) == "it did not run"


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    time.sleep(0.01)
    return state != "Z"
