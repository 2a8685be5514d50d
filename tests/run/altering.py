"""What tests of replica-first runs share: a table with rows, a run over it, and what has to hold afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from tests.run.conftest import topology_of
from tests.servers.replication import Node, Replication
from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.plan import PlannedChange
from zdmigrate.run import replica_first
from zdmigrate.run.context import RunContext
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
