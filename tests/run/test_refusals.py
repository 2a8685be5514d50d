"""What stands in the way is refused by the commands themselves: exit 6, one clear sentence, the next step, no change.

The sentences one by one: test_preflight.py, test_roles.py, test_grants.py, test_disk.py, test_replica_first.py.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.conftest import topology_file
from tests.run.test_switchover import writable_nodes
from tests.servers.replication import Replication
from zdmigrate.cli import run
from zdmigrate.run import runs
from zdmigrate.run.topology import read_topology


def statement_format(pair: Replication, topology: Path) -> None:
    pair.primary.execute("SET GLOBAL binlog_format = 'STATEMENT'")


def no_replica(pair: Replication, topology: Path) -> None:
    pair.replica.unfollow()


def broken(pair: Replication, topology: Path) -> None:
    pair.replica.stop_replication("applier")


def filtered(pair: Replication, topology: Path) -> None:
    pair.replica.stop_replication("applier")
    pair.replica.execute("CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = (other)")
    pair.replica.start_replication("applier")


def swapped(pair: Replication, topology: Path) -> None:
    ports = [f"replication_port = {node.replication_port}" for node in pair.nodes]
    text = topology.read_text()
    topology.write_text(text.replace(ports[0], "FIRST").replace(ports[1], ports[0]).replace("FIRST", ports[1]))


def a_stranger(pair: Replication, topology: Path) -> None:
    """A file that does not name the primary."""
    text = topology.read_text()
    first, second = text.index("[[node]]"), text.index("[[node]]", 5)
    topology.write_text(text[:first] + text[second:])


def small_account(pair: Replication, topology: Path) -> None:
    pair.primary.execute("CREATE USER small@'%%' IDENTIFIED BY %s", "x1-Small")
    pair.wait_caught_up()
    topology.write_text(
        topology.read_text()
        .replace("root:${PASSWORD_A}", "small:${SMALL}")
        .replace("root:${PASSWORD_B}", "small:${SMALL}")
    )


def undo_filter(pair: Replication) -> None:
    """A reset does not know of filters."""
    pair.replica.stop_replication("applier")
    pair.replica.execute("CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = ()")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (statement_format, "a has binlog_format=STATEMENT; SET GLOBAL binlog_format = ROW"),
        (no_replica, "a and b follow nobody: one of them has to be made a replica of the other first"),
        (broken, "b does not apply"),
        (filtered, "b has filters (Replicate_Ignore_DB=other): it lacks some rows, or does not log them"),
        (swapped, "names or addresses are swapped"),
        (a_stranger, "every node follows another one: the primary is not in the topology"),
        (small_account, "the account lacks privileges; run on the primary: GRANT CONNECTION_ADMIN, EVENT"),
    ],
)
def test_a_switchover_is_refused_before_anything_changed(
    mysql_replication: Replication,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Replication, Path], None],
    sentence: str,
) -> None:
    pair = mysql_replication
    monkeypatch.setenv("SMALL", "x1-Small")
    topology = topology_file(pair, tmp_path, monkeypatch)
    spoil(pair, topology)
    before = [node.position() for node in pair.nodes]
    try:
        code = run(["switchover", "--topology", str(topology), "--to", "b", "--yes"])
        said = capsys.readouterr().err
        assert (code, sentence in said) == (6, True), said
        assert "a" in writable_nodes(pair)
        assert [node.position() for node in pair.nodes] == before
        if spoil is not small_account:
            assert runs.history_of(read_topology(topology)) == []
    finally:
        if spoil is filtered:
            undo_filter(pair)
