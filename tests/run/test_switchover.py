"""Switchovers on real pairs, under writers that remember what was acknowledged."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MakeReplication
from tests.run.conftest import topology_file, topology_of
from tests.run.ledger import Ledger
from tests.servers.replication import Node, Replication
from zdmigrate.cli import run
from zdmigrate.run import runs
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.policy import Policy


def writable(node: Node) -> bool:
    return bool(node.value("SELECT @@GLOBAL.read_only") == 0)


def writable_nodes(pair: Replication) -> list[str]:
    return [node.name for node in pair.nodes if writable(node)]


def test_there_and_back_under_writers_loses_nothing(any_replication: Replication) -> None:
    pair = any_replication
    topology = topology_of(pair)
    with Ledger(pair.nodes, pause=0.002) as ledger:
        for to in ("b", "a"):
            result = runs.switch(topology, to, Policy())
            assert (result.new, writable_nodes(pair)) == (to, [to])
            assert result.blocked_ms < 2000
            ledger.wait_for(20)
    pair.wait_caught_up()
    ledger.check(pair.nodes)


def test_other_replicas_follow_the_new_primary(make_replication: MakeReplication) -> None:
    pair = make_replication("mariadb", 2)
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger:
        runs.switch(topology_of(pair), "b", Policy())
        ledger.wait_for(10)
    pair.wait_caught_up(source=pair.nodes[1])
    ledger.check(pair.nodes)
    assert {node.replica_status() is None for node in (pair.nodes[0], pair.nodes[2])} == {False}


def test_a_write_that_runs_too_long_ends_the_freeze_not_the_service(any_replication: Replication) -> None:
    pair = any_replication
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute("CREATE TABLE shop.t (id INT PRIMARY KEY)")
    pair.wait_caught_up()
    with pair.primary.connect() as busy:
        busy.cursor().execute("LOCK TABLES shop.t WRITE")
        with pytest.raises(AbortedError, match="a serves as before"):
            runs.switch(topology_of(pair), "b", Policy(freeze_wait=1, accept=frozenset({"privileged-writers"})))
    assert writable_nodes(pair) == ["a"]
    pair.primary.execute("INSERT INTO shop.t VALUES (1)")
    assert runs.switch(topology_of(pair), "b", Policy()).new == "b"


def test_a_candidate_that_stops_applying_ends_the_freeze(any_replication: Replication) -> None:
    pair = any_replication
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger:
        with pytest.raises(AbortedError, match=r"did not reach|not running"):
            runs.switch(topology_of(pair), "b", Policy(freeze_cap=1.0), before=_at("freeze", pair))
        ledger.wait_for(5)
        assert writable_nodes(pair) == ["a"]
        pair.replica.start_replication()
    pair.wait_caught_up()
    ledger.check(pair.nodes)


def _at(wanted: str, pair: Replication) -> Callable[[str], None]:
    """Stops the candidate's applier before a step, and lets the primary get further."""

    def before(step: str) -> None:
        if step == wanted:
            pair.replica.stop_replication("applier")
            pair.primary.execute("CREATE DATABASE IF NOT EXISTS late")

    return before


@pytest.mark.parametrize("stage", ["hold", "promote"])
def test_ctrl_c_before_the_promotion_puts_everything_back(any_replication: Replication, stage: str) -> None:
    pair = any_replication

    def interrupt(step: str) -> None:
        if step == stage:
            raise KeyboardInterrupt

    with pytest.raises(AbortedError, match="interrupted"):
        runs.switch(topology_of(pair), "b", Policy(), before=interrupt)
    assert writable_nodes(pair) == ["a"]
    pair.primary.execute("CREATE DATABASE shop")
    entry = runs.history_of(topology_of(pair))[0]
    assert entry.state == "aborted"


KILLED = """
import os, signal, sys
sys.path.insert(0, os.getcwd())
from pathlib import Path
from zdmigrate.run import runs
from zdmigrate.run.policy import Policy
from zdmigrate.run.topology import read_topology
def die(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
def ended(timing):
    if timing.name + "." == sys.argv[2]:
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
runs.switch(read_topology(Path(sys.argv[1])), "b", Policy(freeze_cap=3.0, lease=3.0), before=die, listener=ended)
"""


def killed_at(topology: Path, stage: str, how: str = "SIGKILL") -> "subprocess.Popen[bytes]":
    """A switchover in a process of its own that gets a signal before (`stage`) or after (`stage.`) a step."""
    command = [sys.executable, "-c", KILLED, str(topology), stage, how]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ)


@pytest.mark.parametrize("stage", ["promote"])
def test_the_watchdog_lets_writes_on_when_the_tool_is_killed(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    steered = tmp_path / "steered"
    with topology.open("a") as file:
        file.write(f'\n[traffic]\nkind = "command"\ncommand = ["sh", "-c", "echo $0 >> {steered}"]\n')
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger:
        tool = killed_at(topology, stage)
        assert tool.wait(30) == -signal.SIGKILL
        assert writable_nodes(pair) == []
        assert steered.read_text().split()[-1] == "hold"
        _wait(lambda: writable_nodes(pair) == ["a"], 15)
        _wait(lambda: steered.read_text().split()[-1] == "release", 15)
        ledger.wait_for(5)
    assert run(["resume", "--topology", str(topology)]) == 4
    assert runs.history_of(topology_of(pair))[0].state == "aborted"
    ledger.check([pair.primary])
    assert run(["switchover", "--topology", str(topology), "--to", "b", "--yes"]) in (0, 5)
    assert writable_nodes(pair) == ["b"]


def test_a_stalled_tool_that_wakes_up_after_the_watchdog_promotes_nobody(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    tool = killed_at(topology, "promote", "SIGSTOP")
    _wait(lambda: writable_nodes(pair) == [], 20)
    _wait(lambda: writable_nodes(pair) == ["a"], 15)
    pair.primary.execute("CREATE DATABASE written_meanwhile")
    tool.send_signal(signal.SIGCONT)
    assert tool.wait(30) == 1
    assert writable_nodes(pair) == ["a"]
    pair.primary.execute("CREATE DATABASE and_now")


@pytest.mark.parametrize("stage", ["promote.", "repoint-old."])
def test_resume_finishes_what_was_killed_after_the_promotion(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger:
        assert killed_at(topology, stage).wait(30) == -signal.SIGKILL
        assert writable_nodes(pair) == ["b"]
        assert run(["resume", "--topology", str(topology)]) in (0, 5)
        ledger.wait_for(5)
    assert writable_nodes(pair) == ["b"]
    pair.wait_caught_up(source=pair.nodes[1])
    ledger.check(pair.nodes)


def test_a_candidate_that_is_off_for_good_leaves_the_primary_frozen_until_a_person_vouches(
    mysql_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = mysql_replication
    monkeypatch.setattr("zdmigrate.run.runs.RESTORE_SECONDS", 1.0)
    topology = topology_file(pair, tmp_path, monkeypatch)
    assert killed_at(topology, "promote").wait(30) == -signal.SIGKILL
    pair.replica.server.kill()
    assert run(["resume", "--topology", str(topology)]) == 5
    assert "--off b" in capsys.readouterr().err
    assert not writable(pair.primary)
    assert run(["resume", "--topology", str(topology), "--off", "b"]) == 4
    assert writable(pair.primary)
    pair.replica.server.start()  # so that the watchdog, which still tries, sees that the run has ended
    _wait(lambda: _log_says(tmp_path, "not ours"), 30)
    assert writable_nodes(pair) == ["a"]


def test_an_old_primary_that_is_off_for_good_is_left_behind(
    mysql_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = mysql_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    assert killed_at(topology, "promote.").wait(30) == -signal.SIGKILL
    pair.primary.server.kill()
    assert run(["resume", "--topology", str(topology)]) == 5
    assert writable(pair.replica)
    assert run(["resume", "--topology", str(topology), "--off", "a"]) in (0, 5)
    assert runs.history_of(topology_of(pair))[0].state == "done"
    pair.primary.server.start()
    assert writable_nodes(pair) == ["b"], "it came back fenced"


def test_a_second_run_is_refused_at_once_and_says_who_runs(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    tool = killed_at(topology, "catch-up", "SIGSTOP")
    _wait(lambda: _is_stopped(tool.pid), 20)
    began = time.monotonic()
    with pytest.raises(RefusedError, match="another run holds a: root from"):
        runs.switch(topology_of(pair), "b", Policy())
    assert time.monotonic() - began < 5
    tool.kill()
    tool.wait()


def test_a_switchover_that_is_at_work_is_aborted_from_elsewhere(
    mysql_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = mysql_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    tool = killed_at(topology, "catch-up", "SIGSTOP")
    _wait(lambda: _is_stopped(tool.pid), 20)
    assert run(["abort", "--topology", str(topology)]) == 0
    tool.send_signal(signal.SIGCONT)
    assert tool.wait(30) == 1
    assert writable_nodes(pair) == ["a"]
    assert runs.history_of(topology_of(pair))[0].state == "aborted"


def test_a_run_that_did_not_end_is_resumed_first(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    assert killed_at(topology, "catch-up").wait(30) == -signal.SIGKILL
    with pytest.raises(RefusedError, match="resume"):
        runs.switch(topology_of(pair), "b", Policy())
    assert run(["resume", "--topology", str(topology)]) == 4
    assert run(["resume", "--topology", str(topology)]) == 0
    assert writable_nodes(pair) == ["a"]


def test_a_write_to_the_fenced_old_primary_is_an_alarm(
    mariadb_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = mariadb_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    assert killed_at(topology, "forget-source.").wait(30) == -signal.SIGKILL
    pair.primary.execute("CREATE DATABASE errant")  # root has READ_ONLY ADMIN
    with pytest.raises(NeedsPersonError, match="a has transactions that b lacks"):
        runs.resume(topology_of(pair), Policy())
    assert writable_nodes(pair) == ["b"]


def test_a_client_that_may_write_through_read_only_is_refused(mariadb_replication: Replication) -> None:
    pair = mariadb_replication
    with pair.primary.connect(), pytest.raises(RefusedError, match="may write through read_only"):
        runs.switch(topology_of(pair), "b", Policy())
    with pair.primary.connect():
        runs.switch(topology_of(pair), "b", Policy(accept=frozenset({"privileged-writers"})))


def test_a_dry_run_changes_nothing_and_prints_every_statement(
    any_replication: Replication,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    before = [node.position() for node in pair.nodes]
    assert run(["switchover", "--topology", str(topology), "--to", "b", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert [node.position() for node in pair.nodes] == before
    assert writable_nodes(pair) == ["a"]
    assert "read_only" in said
    assert pair.primary.replication_password not in said
    assert "***" in said


def test_status_says_who_is_what(
    any_replication: Replication,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    topology = topology_file(any_replication, tmp_path, monkeypatch)
    assert run(["status", "--topology", str(topology)]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("a ")
    assert "writable" in first
    assert "follows 127.0.0.1" in second


def test_status_of_who_does_not_answer_is_not_a_success(
    mariadb_replication: Replication,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    topology = topology_file(mariadb_replication, tmp_path, monkeypatch)
    mariadb_replication.replica.server.kill()
    assert run(["status", "--topology", str(topology)]) == 3
    first, second = capsys.readouterr().out.splitlines()
    assert "writable" in first
    assert second.startswith("b ")
    assert run(["status", "--url", "mysql+pymysql://root@127.0.0.1:1/shop"]) == 3
    assert capsys.readouterr().out


def _log_says(folder: Path, text: str) -> bool:
    return any(text in log.read_text() for log in (folder / "state" / "zdmigrate").glob("*.log"))


def _is_stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)
