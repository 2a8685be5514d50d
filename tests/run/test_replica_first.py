"""ALTERs on the replica first, on real pairs: carried to the end, refused, taken back, killed and resumed."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.conftest import MakeReplication
from tests.run.conftest import topology_file, topology_of
from tests.run.ledger import Ledger
from tests.servers.replication import Node, Replication
from tests.verdict.recording import catalog_of, record
from zdmigrate.cli import run
from zdmigrate.flavour import Flavour
from zdmigrate.plan import PlannedChange
from zdmigrate.run import replica_first, runs
from zdmigrate.run.context import RunContext
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.journal import Journal
from zdmigrate.run.lock import RunLock
from zdmigrate.run.policy import Policy
from zdmigrate.run.servers import Servers
from zdmigrate.run.topology import Topology
from zdmigrate.verdict.replication import classify

TARGETS = {"mysql": Flavour.parse("mysql:9.7"), "mariadb": Flavour.parse("mariadb:10.11")}
ACCEPTED = frozenset({"no-standby", "privileged-writers"})
TABLE = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a VARCHAR(20), n INT UNSIGNED, m INT)"


def planned(kind: str, table: str, *clauses: str) -> list[PlannedChange]:
    """The changes as a plan would have them; what only reports read is left out."""
    target, catalog = TARGETS[kind], catalog_of(table, TARGETS[kind])
    changes = []
    for number, clause in enumerate(clauses):
        recorded = record(f"ALTER TABLE t {clause}", catalog, target)
        catalog = recorded.after
        nothing = cast(Any, None)
        changes.append(PlannedChange(f"ab12:{number}", recorded, nothing, nothing, classify(recorded, target), nothing))
    return changes


@contextmanager
def context_of(topology: Topology, policy: Policy | None = None) -> Iterator[RunContext]:
    lock = RunLock(topology.nodes)
    try:
        with Servers(topology) as servers:
            journal = Journal(servers.at(topology.nodes[0])[0], "apply")
            policy = policy or Policy(accept=ACCEPTED)
            yield RunContext(topology, servers, lock, journal, policy, lambda timing: None, "shop")
    finally:
        lock.release()


def apply(pair: Replication, *clauses: str, policy: Policy | None = None, **options: Any) -> replica_first.Result:
    with context_of(topology_of(pair), policy) as context:
        changes = planned(pair.kind, TABLE, *clauses)
        result = replica_first.apply_changes(context, changes, **options)
        assert context.journal.at.node.name == result.switch.new
        return result


def seed(pair: Replication, rows: int = 50) -> None:
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute(TABLE, database="shop")
    values = ", ".join(f"({number}, 'a{number}', 4000000000, {number})" for number in range(rows))
    pair.primary.execute(f"INSERT INTO shop.t VALUES {values}")
    pair.wait_caught_up()


def definition(node: Node) -> str:
    return str(node.execute("SHOW CREATE TABLE shop.t")[0][1])


def conversions(node: Node) -> str:
    return str(node.execute("SHOW GLOBAL VARIABLES LIKE '%%\\_type_conversions'")[0][1])


def as_at_the_start(pair: Replication, before: str) -> None:
    """`a` serves, `b` follows it, read-only, with the old schema and no conversions."""
    assert [node.value("SELECT @@GLOBAL.read_only") for node in pair.nodes] == [0, 1]
    assert [definition(node) for node in pair.nodes] == [before, before]
    assert conversions(pair.replica) == ""
    pair.primary.execute("INSERT INTO shop.t VALUES (999, 'late', 1, 1)")
    pair.wait_caught_up()
    if pair.kind == "mysql":
        assert pair.replica.value("SELECT @@GLOBAL.super_read_only") == 1


def finished(pair: Replication) -> None:
    """`b` serves, `a` follows it, released; both have one schema and the same rows."""
    assert [node.value("SELECT @@GLOBAL.read_only") for node in pair.nodes] == [1, 0]
    assert definition(pair.nodes[0]) == definition(pair.nodes[1])
    assert [conversions(node) for node in pair.nodes] == ["", ""]
    pair.wait_caught_up(source=pair.nodes[1])
    rows = [node.execute("SELECT * FROM shop.t ORDER BY id") for node in pair.nodes]
    assert rows[0] == rows[1]
    assert rows[0]
    if pair.kind == "mysql":
        assert pair.primary.value("SELECT @@GLOBAL.super_read_only") == 1


def test_to_the_end_under_writers(any_replication: Replication) -> None:
    """Two ALTERs, one of which needs conversions, while `t` and a ledger are written to."""
    pair = any_replication
    seed(pair)
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger:
        result = apply(pair, "MODIFY a VARCHAR(300), MODIFY n BIGINT UNSIGNED", "ADD COLUMN x INT DEFAULT 7")
        ledger.wait_for(10)
    pair.wait_caught_up(source=pair.nodes[1])
    ledger.check(pair.nodes)
    assert "x" in definition(pair.replica)
    assert "`n` bigint" in definition(pair.replica)
    assert {text.partition(":")[0] for text in result.compared.values()} == {"equal"}
    finished(pair)
    assert [entry.state for entry in runs.history_of(topology_of(pair))] == ["done"]


def test_there_and_back(mysql_replication: Replication) -> None:
    pair = mysql_replication
    seed(pair)
    with context_of(topology_of(pair)) as context:
        result = replica_first.apply_changes(context, planned("mysql", TABLE, "ADD KEY k (m)"), switch_back=True)
        assert context.journal.at.node.name == "a"
    assert result.switch.new == "a"
    assert [node.value("SELECT @@GLOBAL.read_only") for node in pair.nodes] == [0, 1]
    pair.primary.execute("INSERT INTO shop.t VALUES (999, 'late', 1, 1)")
    pair.wait_caught_up()


def test_other_replicas_first_and_the_candidate_last(make_replication: MakeReplication) -> None:
    pair = make_replication("mariadb", 2)
    seed(pair)
    heard: list[str] = []
    apply(pair, "MODIFY a VARCHAR(300)", policy=Policy(accept=frozenset({"privileged-writers"})), before=heard.append)
    assert [name for name in heard if name.startswith("alter")] == ["alter c", "alter b", "alter a"]
    assert len({definition(node) for node in pair.nodes}) == 1
    assert {conversions(node) for node in pair.nodes} == {""}
    pair.wait_caught_up(source=pair.nodes[1])


@pytest.mark.parametrize(
    ("clauses", "policy", "reason"),
    [
        (["ADD COLUMN x INT AFTER a"], Policy(accept=ACCEPTED), r"ab12:0 must not .* \(class D\).*at the end"),
        (["ADD KEY k (m)"], Policy(accept=frozenset({"privileged-writers"})), r"two nodes only.*--accept no-standby"),
        (["ADD UNIQUE KEY k (n)"], Policy(accept=ACCEPTED), "rows on a speak against it"),
        (["RENAME COLUMN m TO m2"], Policy(accept=ACCEPTED), "a proof that only you can give.*--accept ab12:0"),
        (["MODIFY m BIGINT", "MODIFY n BIGINT UNSIGNED"], Policy(accept=ACCEPTED), "no setting reads both"),
    ],
)
def test_refused(mysql_replication: Replication, clauses: Sequence[str], policy: Policy, reason: str) -> None:
    pair = mysql_replication
    seed(pair)
    before = definition(pair.primary)
    with pytest.raises(RefusedError, match=reason):
        apply(pair, *clauses, policy=policy)
    as_at_the_start(pair, before)
    assert runs.history_of(topology_of(pair)) == []


def test_a_table_that_is_another_one_there(mysql_replication: Replication) -> None:
    pair = mysql_replication
    seed(pair)
    altered_there(pair, "ALTER TABLE shop.t ADD KEY other (m)")
    with pytest.raises(RefusedError, match="t is not the same on b and on a"):
        apply(pair, "ADD KEY k (m)")


def test_somebody_who_reads_the_binary_log(mysql_replication: Replication) -> None:
    pair = mysql_replication
    seed(pair)
    with pair.primary.connect() as connection:
        connection.cursor().execute("SET @source_binlog_checksum = 'NONE', @source_heartbeat_period = 1000000000")
        # COM_BINLOG_DUMP without anything registered, as change data capture sends it
        cast("Any", connection)._execute_command(0x12, b"\x04\x00\x00\x00\x00\x00\x11\x22\x33\x44")
        with pytest.raises(RefusedError, match=r"root@.* read the binary log of a, which will not have the ALTERs"):
            apply(pair, "ADD KEY k (m)")


def altered_there(pair: Replication, statement: str) -> None:
    pair.replica.set_read_only(False)
    with pair.replica.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_log_bin = 0")
        cursor.execute(statement)
    pair.replica.set_read_only(True)


def test_a_replica_that_differs_is_found_before_the_switch_and_all_is_taken_back(any_replication: Replication) -> None:
    pair = any_replication
    seed(pair)
    before = definition(pair.primary)
    altered_there(pair, "UPDATE shop.t SET a = 'other' WHERE id = 7")
    with pytest.raises(AbortedError, match="every node is as it was: b does not hold the rows that a holds"):
        apply(
            pair,
            "MODIFY a VARCHAR(300), MODIFY n BIGINT UNSIGNED, ADD COLUMN x INT, ADD KEY k (m), COMMENT='new'",
            "MODIFY m INT NOT NULL DEFAULT 1",
        )
    as_at_the_start(pair, before)
    assert [entry.state for entry in runs.history_of(topology_of(pair))] == ["aborted"]


def test_null_written_after_the_alter_is_found_at_the_freeze(mariadb_replication: Replication) -> None:
    """The applier stores something else for it, without an error (matrix case 25)."""
    pair = mariadb_replication
    seed(pair)

    def write(name: str) -> None:
        if name == "hold":
            pair.primary.execute("INSERT INTO shop.t VALUES (998, 'null', 1, NULL)")

    with pytest.raises(NeedsPersonError, match=r"speak against it.*\n.*resume"):
        apply(pair, "MODIFY m INT NOT NULL DEFAULT 1", before=write)
    assert [node.value("SELECT @@GLOBAL.read_only") for node in pair.nodes] == [0, 1]
    pair.primary.execute("INSERT INTO shop.t VALUES (999, 'writable', 1, 1)")


def test_taken_back_by_a_person(mysql_replication: Replication) -> None:
    pair = mysql_replication
    seed(pair)
    before = definition(pair.primary)

    def stop(name: str) -> None:
        if name == "switchover":
            raise KeyboardInterrupt

    with pytest.raises(NeedsPersonError, match="the replicas have the ALTER and follow"):
        apply(pair, "ADD COLUMN x INT", "MODIFY a TEXT", before=stop)
    assert "`x`" in definition(pair.replica)
    with context_of(topology_of(pair)) as context:
        entry = runs.history_of(topology_of(pair))[0]
        with pytest.raises(AbortedError, match="taken back"):
            replica_first.resume(context, entry, undo=True)
    as_at_the_start(pair, before)


def test_taken_back_when_asked_from_elsewhere(mariadb_replication: Replication) -> None:
    pair = mariadb_replication
    seed(pair)
    before = definition(pair.primary)

    def ask(name: str) -> None:
        if name == "catch up b":
            run_id = runs.history_of(topology_of(pair))[0].id
            pair.primary.execute("INSERT INTO zdmigrate.request VALUES (%s, 'abort', 'sam@desk', NOW())", run_id)

    with pytest.raises(AbortedError, match="every node is as it was: sam@desk asked for it"):
        apply(pair, "ADD COLUMN x INT", before=ask)
    as_at_the_start(pair, before)


def test_what_cannot_be_taken_back_is_said(mysql_replication: Replication) -> None:
    pair = mysql_replication
    seed(pair)
    altered_there(pair, "UPDATE shop.t SET a = 'other' WHERE id = 7")
    with pytest.raises(NeedsPersonError, match=r"dropped columns of t.*clone b from a"):
        apply(pair, "DROP COLUMN m")
    pair.primary.execute("INSERT INTO shop.t VALUES (999, 'late', 1, 1)")
    pair.wait_caught_up()
    pair.primary.execute("UPDATE shop.t SET a = 'same' WHERE id = 7")
    pair.wait_caught_up()
    with context_of(topology_of(pair)) as context:
        replica_first.resume(context, runs.history_of(topology_of(pair))[0])
    finished(pair)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, os.getcwd())
from tests.run.test_replica_first import TABLE, context_of, planned
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
