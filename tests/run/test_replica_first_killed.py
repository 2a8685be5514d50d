"""Replica-first runs whose tool or server dies in the middle, and runs over tables that take their time."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.run.altering import (
    TABLE,
    TARGETS,
    apply,
    definition,
    finished,
    seed,
)
from tests.run.conftest import topology_file, topology_of
from tests.run.ledger import Ledger
from tests.servers.replication import Replication
from zdmigrate.cli import run
from zdmigrate.run import runs

KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from tests.run.altering import TABLE, context_of, planned
from zdmigrate.run import replica_first
from zdmigrate.run.topology import read_topology
def die():
    os.kill(os.getpid(), signal.SIGKILL)
def before(name):
    if name == sys.argv[2]:
        die()
def told(timing):
    if timing.name + "." == sys.argv[2] and timing.outcome == "done":
        die()
def progress(text):
    if sys.argv[2] == "altering" and "0.5" not in text:
        die()
    if sys.argv[2] == "paused" and text.startswith("paused by"):
        die()
hold = "switchover" if sys.argv[2] == "paused" else ""
with context_of(read_topology(Path(sys.argv[1]))) as context:
    context.listener = told
    changes = planned(sys.argv[3], TABLE, *sys.argv[4:])
    replica_first.apply_changes(context, changes, hold_before=hold, before=before, progress=progress)
"""


def killed_at(topology: Path, stage: str, kind: str, *clauses: str) -> int:
    """A run in a process of its own that is killed before (`stage`) or after (`stage.`) a step, or while it waits."""
    command = [sys.executable, "-c", KILLED, str(topology), stage, kind, *clauses]
    return subprocess.run(command, check=False, env=os.environ, timeout=120).returncode


STAGES = (
    "alter b", "alter b.", "catch up b.", "compare b.", "switchover", "freeze.", "promote.", "repoint-old.",
    "replicates.", "restore conversions.", "alter a", "alter a.", "release a.", "catch up a.", "paused",
)  # fmt: skip
#: While a person thinks, before the freeze, within it, past the point of no return, and at the held old primary.
FEW = (
    ("mysql", "paused"),
    ("mysql", "alter b."),
    ("mysql", "promote."),
    ("mariadb", "freeze."),
    ("mariadb", "alter a"),
)


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        pytest.param(kind, stage, marks=[] if (kind, stage) in FEW else [pytest.mark.soak])
        for kind in TARGETS
        for stage in STAGES
    ],
)
def test_killed_and_resumed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, stage: str
) -> None:
    pair: Replication = request.getfixturevalue(f"{kind}_replication")
    seed(pair)
    topology = topology_file(pair, tmp_path, monkeypatch)
    with Ledger(pair.nodes, writers=2, pause=0.01) as ledger:
        clauses = ("MODIFY n BIGINT UNSIGNED", "ADD COLUMN x INT")
        assert killed_at(topology, stage, pair.kind, *clauses) == -signal.SIGKILL
        code = run(["resume", "--topology", str(topology), "--accept", "privileged-writers"])
        assert code in (0, 5)
        ledger.wait_for(5)
    pair.wait_caught_up(source=pair.nodes[1])
    ledger.check(pair.nodes)
    finished(pair)
    assert [entry.state for entry in runs.history_of(topology_of(pair))] == ["done"]


def big(pair: Replication, rows: int) -> None:
    """`t` with many rows, so that an ALTER takes seconds."""
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute(TABLE, database="shop")
    pair.primary.execute("INSERT INTO shop.t VALUES (0, 'a', 4000000000, 1)")
    count = 1
    while count < rows:
        pair.primary.execute(
            f"INSERT INTO shop.t SELECT id + {count}, CONCAT('a', id), n, m FROM shop.t LIMIT {rows - count}"
        )
        count = min(rows, 2 * count)
    pair.wait_caught_up(300.0)


@pytest.mark.parametrize("kind", [pytest.param("mysql", marks=pytest.mark.soak), "mariadb"])
def test_a_copied_table_under_writers(request: pytest.FixtureRequest, kind: str) -> None:
    """200,000 rows, an ALTER that would lock writers out, and nobody notices but for the switch."""
    pair: Replication = request.getfixturevalue(f"{kind}_replication")
    big(pair, 200_000)
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger:
        result = apply(pair, "MODIFY m BIGINT")
        ledger.wait_for(10)
    pair.wait_caught_up(source=pair.nodes[1])
    ledger.check(pair.nodes)
    assert [text.startswith("equal: 200000 rows") for text in result.compared.values()] == [True, True]
    assert definition(pair.nodes[0]) == definition(pair.nodes[1])


def test_killed_while_the_server_alters(
    mysql_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes on alone; the next run waits for it and does not send it again."""
    pair = mysql_replication
    big(pair, 100_000)
    topology = topology_file(pair, tmp_path, monkeypatch)
    assert killed_at(topology, "altering", pair.kind, "MODIFY m BIGINT") == -signal.SIGKILL
    assert run(["resume", "--topology", str(topology)]) in (0, 5)
    assert definition(pair.nodes[0]) == definition(pair.nodes[1])
    assert "`m` bigint" in definition(pair.nodes[0])


@pytest.mark.soak
def test_a_replica_killed_while_it_alters_has_the_table_as_before(mariadb_replication: Replication) -> None:
    """The run waits for it to come back, finds the ALTER undone, and sends it again."""
    pair = mariadb_replication
    big(pair, 200_000)
    killed: list[str] = []

    def progress(text: str) -> None:
        if ("altering" in text or "copy to tmp table" in text) and not killed:
            killed.append(text)
            pair.replica.server.kill()
            threading.Timer(1.0, pair.replica.server.start).start()

    apply(pair, "MODIFY m BIGINT", progress=progress)
    assert killed
    finished_definitions = {definition(node) for node in pair.nodes}
    assert len(finished_definitions) == 1
    assert "`m` bigint" in finished_definitions.pop()
