"""What moves with the primary: events, semi-synchronous replication; and a run that waits for a person's word."""

import contextlib
import threading
import time

import pymysql

from tests.conftest import MakeReplication
from tests.run.conftest import topology_of
from tests.servers.replication import Node, Replication
from zdmigrate.run import runs
from zdmigrate.run.errors import AbortedError
from zdmigrate.run.policy import Policy


def _events(node: Node) -> set[str]:
    status = "SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_NAME = 'tick'"
    return {str(row[0]).replace("REPLICA_SIDE", "SLAVESIDE").replace("SLAVESIDE_DISABLED", "asleep")
            for row in node.execute(status)}  # fmt: skip


def test_events_run_on_the_new_primary_and_nowhere_else(any_replication: Replication) -> None:
    pair = any_replication
    for node in pair.nodes:
        node.execute("SET GLOBAL event_scheduler = ON")
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute("CREATE TABLE shop.tick (id INT AUTO_INCREMENT PRIMARY KEY, server INT)")
    # Its definer, the administrator, would write through MariaDB's read_only.
    pair.primary.execute(
        "CREATE EVENT shop.tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.tick (server) VALUES (@@server_id)"
    )
    pair.wait_caught_up()
    for to in ("b", "a"):
        runs.switch(topology_of(pair), to, Policy())
        new, old = sorted(pair.nodes, key=lambda node: node.name != to)
        assert _events(new) == {"ENABLED"}
        assert _events(old) == {"asleep"}
        assert {node.value("SELECT @@GLOBAL.event_scheduler") for node in pair.nodes} == {"ON"}
        pair.wait_caught_up(source=new)


def test_an_event_that_waits_for_the_end_of_the_freeze_writes_nothing(mariadb_replication: Replication) -> None:
    """Many events, so that there is one in the way: their definer may write through MariaDB's read_only."""
    pair = mariadb_replication
    for node in pair.nodes:
        node.execute("SET GLOBAL event_scheduler = ON")
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute("CREATE TABLE shop.tick (id INT AUTO_INCREMENT PRIMARY KEY)")
    for number in range(60):
        pair.primary.execute(
            f"CREATE EVENT shop.tick{number} ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.tick () VALUES ()"
        )
    pair.wait_caught_up()
    for to in ("b", "a", "b"):  # a transaction of the old primary's own would end it with NeedsPersonError
        runs.switch(topology_of(pair), to, Policy())


def test_semi_synchronous_roles_move(make_replication: MakeReplication) -> None:
    pair = make_replication("mariadb", 1, semi_sync=True)
    result = runs.switch(topology_of(pair), "b", Policy())
    roles = "SELECT CONCAT(@@GLOBAL.rpl_semi_sync_master_enabled, @@GLOBAL.rpl_semi_sync_slave_enabled)"
    assert [node.value(roles) for node in pair.nodes] == ["OFFON", "ONOFF"]
    assert any("rpl_semi_sync_master_enabled = ON" in item for item in result.todo)
    began = time.monotonic()
    pair.nodes[1].execute("CREATE DATABASE shop")
    assert time.monotonic() - began < 5, "somebody acknowledges"


def test_a_held_switchover_waits_for_a_word(mariadb_replication: Replication) -> None:
    pair = mariadb_replication
    topology = topology_of(pair)
    ended: list[object] = []

    def switch() -> None:
        try:
            ended.append(runs.switch(topology, "b", Policy(), hold_before="catch-up"))
        except AbortedError as error:
            ended.append(error)

    for word in ("abort", None):
        thread = threading.Thread(target=switch)
        thread.start()
        _wait_until_paused(pair)
        assert pair.primary.value("SELECT @@GLOBAL.read_only = 0")
        assert not ended
        assert runs.tell(topology, "abort") if word else runs.go_on(topology).startswith("the switchover ")
        thread.join(60)
        outcome = ended.pop()
        assert ("asked it to stop" in str(outcome)) is (word == "abort")
    assert pair.replica.value("SELECT @@GLOBAL.read_only = 0")


def _wait_until_paused(pair: Replication) -> None:
    end = time.monotonic() + 30
    while True:
        with contextlib.suppress(pymysql.MySQLError):  # the journal's tables may not be there yet
            if pair.primary.value("SELECT COUNT(*) FROM zdmigrate.request"):
                return
        assert time.monotonic() < end, "it does not pause"
        time.sleep(0.05)
