"""Primaries with replicas on real servers: they replicate, suffer the faults they should, and can be used again."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pymysql
import pytest

from tests.conftest import MakeReplication
from tests.servers import Kind, ServerError
from tests.servers.dialects import dialect
from tests.servers.replication import Node, Replication, open_replicas
from tests.servers.test_processes import eventually, listens

READ_ONLY = 1290


def seed(replication: Replication) -> None:
    """A table with one row, on all nodes."""
    replication.primary.execute("CREATE DATABASE shop")
    replication.primary.execute("CREATE TABLE shop.item (id INT PRIMARY KEY, name VARCHAR(20))")
    replication.primary.execute("INSERT INTO shop.item VALUES (1, %s)", "Käse")
    replication.wait_caught_up()


def count(node: Node) -> int:
    """Rows of that table."""
    return int(node.value("SELECT COUNT(*) FROM shop.item"))


def status(node: Node, holds: Callable[[object], bool]) -> bool:
    """Wait until the replica's status is as wanted."""
    return eventually(lambda: holds(node.replica_status()))


def test_rows_arrive_and_replicas_refuse_writes(any_replication: Replication) -> None:
    seed(any_replication)
    primary, replica = any_replication.primary, any_replication.replica
    assert replica.value("SELECT name FROM shop.item") == "Käse"
    assert replica.position() == primary.position() != ""
    for node in any_replication.nodes:
        settings = node.execute("SELECT @@GLOBAL.binlog_format, @@GLOBAL.binlog_row_image, @@GLOBAL.log_bin")
        assert settings == [("ROW", "FULL", 1)]
    if any_replication.kind == "mysql":  # MariaDB lets its administrator write all the same
        with pytest.raises(pymysql.OperationalError) as refused:
            replica.execute("INSERT INTO shop.item VALUES (2, '')")
        assert refused.value.args[0] == READ_ONLY
    assert replica.value("SELECT @@GLOBAL.read_only") == 1
    assert primary.value("SELECT @@GLOBAL.read_only") == 0


def test_nodes_carry_what_a_topology_needs(any_replication: Replication) -> None:
    primary, replica = any_replication.nodes
    assert [primary.name, replica.name] == ["a", "b"]
    assert primary.replica_status() is None
    seen = replica.replica_status()
    assert seen is not None
    assert seen.source_port == primary.replication_port == primary.link.port
    assert primary.link.connections >= 1
    assert eventually(lambda: replica.link.connections == 0), "what an earlier test left has not gone"
    login = pymysql.connect(
        host=replica.replication_host,
        port=replica.replication_port,
        user=replica.replication_user,
        password=replica.replication_password,
    )
    with contextlib.closing(login) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GRANTS")
        assert "REPLICATION SLAVE" in str(cursor.fetchall())
    listing = "SHOW REPLICAS" if any_replication.kind == "mysql" else "SHOW SLAVE HOSTS"
    assert [row[1:3] for row in primary.execute(listing)] == [("127.0.0.1", replica.replication_port)]


def test_replication_can_be_cut_alone_and_goes_on_after_it(any_replication: Replication) -> None:
    seed(any_replication)
    primary, replica = any_replication.primary, any_replication.replica
    primary.link.cut()
    primary.execute("INSERT INTO shop.item VALUES (2, '')")
    with pytest.raises(ServerError, match=r"<node b: .*has not applied .* after 1 s: fetches Yes"):
        any_replication.wait_caught_up(1)
    assert count(replica) == 1
    primary.link.heal()
    any_replication.wait_caught_up()
    assert count(replica) == 2

    primary.link.cut(reset=True)
    primary.execute("INSERT INTO shop.item VALUES (3, '')")
    assert status(replica, lambda seen: getattr(seen, "io", None) == "Connecting")
    assert count(replica) == 2
    primary.link.heal()
    any_replication.wait_caught_up()
    assert count(replica) == 3


def test_replication_survives_kill_9_of_either_node(any_replication: Replication) -> None:
    seed(any_replication)
    primary, replica = any_replication.primary, any_replication.replica
    replica.server.kill()
    primary.execute("INSERT INTO shop.item VALUES (2, '')")
    with pytest.raises(ServerError, match=r"<node b: .*has not applied .* after 0 s: it does not answer"):
        any_replication.wait_caught_up(0)
    replica.server.start()
    assert replica.value("SELECT @@GLOBAL.read_only") == 1, "its option file makes it read-only again"
    any_replication.wait_caught_up()
    primary.server.kill()
    primary.server.start()
    assert primary.value("SELECT @@GLOBAL.read_only") == 0
    primary.execute("INSERT INTO shop.item VALUES (3, '')")
    any_replication.wait_caught_up()
    assert count(replica) == 3


def test_threads_are_stopped_and_started_one_by_one(any_replication: Replication) -> None:
    seed(any_replication)
    primary, replica = any_replication.primary, any_replication.replica
    replica.stop_replication("applier")
    primary.execute("INSERT INTO shop.item VALUES (2, '')")
    seen = replica.replica_status()
    assert seen is not None
    assert (seen.io, seen.applier, seen.applier_errno) == ("Yes", False, 0)
    assert count(replica) == 1
    replica.start_replication("applier")
    any_replication.wait_caught_up()
    replica.stop_replication("io")
    seen = replica.replica_status()
    assert seen is not None
    assert (seen.io, seen.applier) == ("No", True)
    any_replication.stop_replication()
    any_replication.start_replication()
    assert status(replica, lambda seen: getattr(seen, "io", None) == "Yes")


def test_a_stopped_applier_is_reported_with_its_error(any_replication: Replication) -> None:
    seed(any_replication)
    replica = any_replication.replica
    replica.set_read_only(False)
    with contextlib.closing(replica.connect("shop")) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("INSERT INTO item VALUES (2, 'in the way')")
    any_replication.primary.execute("INSERT INTO shop.item VALUES (2, '')")
    with pytest.raises(ServerError, match=r"<node b: .*stopped applying: 1062 "):
        any_replication.wait_caught_up()
    replica.unfollow()
    with pytest.raises(ServerError, match="follows nobody"):
        any_replication.wait_caught_up()


def test_roles_can_be_swapped(any_replication: Replication) -> None:
    seed(any_replication)
    old, new = any_replication.nodes
    new.unfollow()
    new.set_read_only(False)
    old.set_read_only(True)
    if any_replication.kind == "mariadb":
        old.execute("SET GLOBAL gtid_slave_pos = %s", old.position())
    old.follow(new)
    new.execute("INSERT INTO shop.item VALUES (2, '')")
    any_replication.wait_caught_up(source=new)
    assert count(old) == 2


def vandalise(replication: Replication, left: contextlib.ExitStack) -> None:
    """What a bad test, killed half way through a switchover, may leave; its connections are in `left`."""
    seed(replication)
    primary, replica = replication.nodes
    primary.execute("CREATE USER stranger@'%' IDENTIFIED BY 'x'")
    primary.execute("CREATE DATABASE `odd``name`")
    primary.execute("SET GLOBAL max_connections = 77")
    primary.execute("SET GLOBAL binlog_row_image = MINIMAL")
    replication.wait_caught_up()
    transaction, lock = (left.enter_context(contextlib.closing(primary.connect("shop"))) for _ in range(2))
    transaction.begin()
    transaction.cursor().execute("UPDATE item SET name = 'locked' WHERE id = 1")
    prepared = primary.connect("shop")
    for statement in ("XA START 'left'", "INSERT INTO item VALUES (9, '')", "XA END 'left'", "XA PREPARE 'left'"):
        prepared.cursor().execute(statement)
    prepared.close()
    primary.execute("SET GLOBAL event_scheduler = ON")
    replica.stop_replication()
    replica.set_read_only(False)
    replica.execute("INSERT INTO shop.item VALUES (3, 'errant')")
    conversions = "replica_type_conversions" if replication.kind == "mysql" else "slave_type_conversions"
    replica.execute(f"SET GLOBAL {conversions} = ALL_NON_LOSSY")
    if replication.kind == "mysql":
        replica.execute("SET PERSIST max_connections = 78")
        replica.execute("CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 2147483647")
    else:
        replica.execute("CHANGE MASTER TO MASTER_DELAY = 2147483647")
    replica.server.configure(max_connections="79")
    replica.server.restart()
    primary.set_read_only(True)
    lock.cursor().execute("FLUSH TABLES WITH READ LOCK")
    primary.link.cut(reset=True)
    replica.link.cut()
    primary.server.pause()


def test_a_reset_undoes_whatever_a_test_did(any_replication: Replication) -> None:
    before = [node.execute("SHOW GLOBAL VARIABLES LIKE 'max_connections'") for node in any_replication.nodes]
    with contextlib.ExitStack() as left:
        vandalise(any_replication, left)
        any_replication.replica.server.kill()
        any_replication.reset()

    primary, replica = any_replication.nodes
    assert [node.execute("SHOW GLOBAL VARIABLES LIKE 'max_connections'") for node in (primary, replica)] == before
    assert primary.value("SELECT @@GLOBAL.binlog_row_image") == "FULL"
    assert [node.value("SELECT @@GLOBAL.read_only") for node in (primary, replica)] == [0, 1]
    for node in (primary, replica):
        assert node.position() == ""
        assert not node.execute("SELECT user FROM mysql.user WHERE user = 'stranger'")
        assert not node.execute("SHOW DATABASES LIKE 'shop'")
        assert not node.execute("SHOW DATABASES LIKE 'odd%%'")
        assert not node.execute("XA RECOVER")
    seed(any_replication)
    assert count(replica) == 1
    replica.server.restart()
    assert replica.execute("SHOW GLOBAL VARIABLES LIKE 'max_connections'") == before[1]
    assert replica.value("SELECT @@GLOBAL.read_only") == 1


def test_a_pair_beyond_repair_says_so(make_replication: MakeReplication) -> None:
    pair = make_replication("mariadb")
    pair.primary.execute("SET PASSWORD FOR root@'%' = PASSWORD('lost')")
    with pytest.raises(ServerError, match=r"could not be reset: .*Access denied"):
        pair.reset()


OWNER = """
import os, sys
from tests.servers.replication import open_replicas
from tests.servers.workspace import workspace
disk = 150 * 1024 * 1024 if os.geteuid() == 0 else None
try:
    pair = open_replicas("mariadb", disk=disk)
except Exception:
    pair = open_replicas("mariadb")  # root that may not mount
print(workspace().path, *(port for node in pair.nodes for port in (node.server.port, node.link.port)), flush=True)
sys.stdin.read()
"""


def test_two_runs_at_once_share_nothing_and_nothing_outlives_them() -> None:
    fates = (signal.SIGKILL, signal.SIGINT)
    owners = [
        subprocess.Popen(
            [sys.executable, "-c", OWNER],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        for _ in fates
    ]
    with contextlib.ExitStack() as ended:
        for owner in owners:
            ended.enter_context(owner)
            ended.callback(owner.kill)
        lines = [owner.stdout.readline().split() for owner in owners if owner.stdout]
        folders = [Path(folder) for folder, *_ in lines]
        ports = [int(port) for _, *listed in lines for port in listed]
        assert len(set(folders)) == 2
        assert len(set(ports)) == len(ports) == 8
        assert all(map(listens, ports))
        for owner, fate in zip(owners, fates, strict=True):
            os.killpg(owner.pid, fate)
            owner.wait(30)

    assert eventually(lambda: not any(map(listens, ports)), 30), "a server or a link outlived its owner"
    assert eventually(lambda: not any(folder.exists() for folder in folders), 30), "data was left behind"
    mounts = Path("/proc/self/mountinfo")
    assert not mounts.exists() or not any(str(folder) in mounts.read_text() for folder in folders)


@pytest.mark.parametrize(("kind", "replicas"), [pytest.param("mysql", 1, marks=pytest.mark.soak), ("mariadb", 2)])
def test_replicas_with_semi_sync_and_durable_logs(make_replication: MakeReplication, kind: Kind, replicas: int) -> None:
    pair = make_replication(kind, replicas, durable=True, semi_sync=True, appliers=1)
    primary = pair.primary
    clients = "Rpl_semi_sync_source_clients" if kind == "mysql" else "Rpl_semi_sync_master_clients"
    assert eventually(lambda: primary.execute(f"SHOW STATUS LIKE '{clients}'")[0][1] == str(replicas))
    assert primary.execute("SELECT @@GLOBAL.sync_binlog, @@GLOBAL.innodb_flush_log_at_trx_commit") == [(1, 1)]
    seed(pair)
    assert [count(node) for node in pair.replicas] == [1] * replicas

    for node in pair.replicas:
        node.stop_replication("io")
    waits = threading.Thread(target=primary.execute, args=("INSERT INTO shop.item VALUES (2, '')",))
    waits.start()
    time.sleep(0.3)
    assert waits.is_alive(), "acknowledged although no replica has it"
    pair.start_replication()
    waits.join(30)
    assert not waits.is_alive()
    pair.wait_caught_up()
    pair.reset()
    assert primary.execute("SELECT @@GLOBAL.read_only") == [(0,)]


def test_another_version_by_name(make_replication: MakeReplication) -> None:
    pair = make_replication("mariadb", version="11.8")
    seed(pair)
    assert pair.replica.server.version.startswith("11.8.")
    assert count(pair.replica) == 1


def test_what_does_not_replicate_is_refused() -> None:
    with pytest.raises(ValueError, match="redis has no GTID replication"):
        open_replicas("redis")


def test_nothing_is_left_of_a_replication_that_could_not_start() -> None:
    with pytest.raises(ServerError, match=r"before it was ready: .*no.such"):
        open_replicas("mariadb", args=("--no-such=1",))


def test_old_and_new_column_names_are_read() -> None:
    common = {"Last_IO_Errno": 2003, "Last_IO_Error": "gone", "Last_SQL_Errno": 0, "Last_SQL_Error": ""}
    old = {"Master_Port": 1, "Slave_IO_Running": "Connecting", "Slave_SQL_Running": "Yes", **common}
    new = {"Source_Port": 1, "Replica_IO_Running": "Connecting", "Replica_SQL_Running": "Yes", **common}
    for kind, row in (("mariadb", old), ("mysql", new)):
        seen = dialect(kind).status(row)  # type: ignore[arg-type]
        assert (seen.io, seen.applier, seen.source_port, seen.io_errno, seen.io_error) == (
            "Connecting",
            True,
            1,
            2003,
            "gone",
        )
