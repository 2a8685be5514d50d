"""A candidate that was promoted, took writes, crashed and came back read-only: what it acknowledged is not left behind.

Found by the fault matrix (`fence-old`, kill -9 of the replica): the run was undone, and those writes were lost.
"""

import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.run.conftest import topology_file, topology_of
from tests.run.ledger import Ledger
from tests.run.test_switchover import killed_at, writable_nodes
from tests.servers.replication import Replication
from zdmigrate.cli import run
from zdmigrate.run import runs
from zdmigrate.run.lock import RunLock
from zdmigrate.run.restore import Frozen, restore_writes


def test_it_is_made_writable_again_and_the_run_goes_forward(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    with Ledger(pair.nodes, writers=2, pause=0.01) as ledger:
        assert killed_at(topology, "promote.").wait(60) == -signal.SIGKILL
        ledger.wait_for(6)
        pair.replica.server.kill()
        pair.replica.server.start()
        assert writable_nodes(pair) == [], "it came back as it was configured"
        _nobody_lets_the_old_primary_on(pair)
        assert run(["resume", "--topology", str(topology), "--accept", "privileged-writers"]) in (0, 5)
        assert writable_nodes(pair) == ["b"]
        ledger.wait_for(6)
    pair.wait_caught_up(source=pair.replica)
    ledger.check(pair.nodes)


def _nobody_lets_the_old_primary_on(pair: Replication) -> None:
    """A watchdog, or an undo, that comes after the restart."""
    topology = topology_of(pair)
    entry = runs.history_of(topology)[0]
    deadline = datetime.fromisoformat(entry.intent["deadline"]) - timedelta(minutes=1)
    lock = RunLock(topology.nodes)
    try:
        frozen = Frozen(entry.id, topology.nodes[0], topology.nodes[1], deadline)
        assert restore_writes(frozen, lock, 5) == "promoted"
    finally:
        lock.release()


def test_when_the_old_primary_serves_meanwhile_a_person_decides(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = any_replication
    topology = topology_file(pair, tmp_path, monkeypatch)
    with Ledger(pair.nodes, writers=2, pause=0.01) as ledger:
        assert killed_at(topology, "promote.").wait(60) == -signal.SIGKILL
        ledger.wait_for(6)
    pair.replica.server.kill()
    pair.replica.server.start()
    pair.primary.set_read_only(False)  # somebody helped themselves
    assert run(["resume", "--topology", str(topology)]) == 5
    said = capsys.readouterr().err
    assert "b was the primary for a moment" in said
    assert "--off b" in said
    assert writable_nodes(pair) == ["a"]
