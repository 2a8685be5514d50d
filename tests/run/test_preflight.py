"""One test a guard, with the sentence a person reads."""

from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.run.server_values import MARIADB, replica, roles, server
from zdmigrate.flavour import Flavour
from zdmigrate.run.policy import Policy
from zdmigrate.run.preflight import addresses, blocking, reasons_to_refuse, semi_sync_names
from zdmigrate.run.state import HELD_DELAY, Server, Session, Writable
from zdmigrate.run.topology import Account, Node, Topology


def refused(primary: Server | None = None, *replicas: Server, **policy: Any) -> list[str]:
    found = roles(primary, *replicas)
    return list(reasons_to_refuse(found, found.replicas[0], Policy(**policy)))


def test_a_healthy_pair_may_switch() -> None:
    assert refused() == []


PRIMARY_GUARDS: list[tuple[dict[str, Any], str]] = [
    ({"flavour": Flavour("mysql", (8, 0, 25))}, "a is mysql:8.0.25; runs need mysql 8.0.26 or later"),
    (
        {"cluster": "group replication"},
        "a is a member of Group Replication; let the cluster switch: SELECT group_replication_set_as_primary("
        "'<server_uuid>')",
    ),
    ({"cluster": "galera"}, "a is a galera node: every node is writable, there is nothing to switch"),
    (
        {"managed": "Amazon RDS"},
        "a is a managed server (Amazon RDS) that lets nobody set read_only; use the service's own switchover "
        "(docs/switchover.md)",
    ),
    (
        {"writable": Writable.ADMINS},
        "a is the primary and read-only; if nothing else is at work on it, `SET GLOBAL read_only = OFF` there",
    ),
    (
        {"prepared": ("x",)},
        "a has 1 prepared XA transaction(s), which outlive a freeze; XA RECOVER lists them: commit or roll them back",
    ),
    ({"settings": {"log_bin": "OFF"}}, "a writes no binary log; start it with log_bin"),
    (
        {"settings": {"binlog_format": "STATEMENT"}},
        "a has binlog_format=STATEMENT; SET GLOBAL binlog_format = ROW",
    ),
    ({"settings": {"binlog_row_image": "MINIMAL"}}, "a has binlog_row_image=MINIMAL; set it to FULL"),
    (
        {"settings": {"log_replica_updates": "OFF"}},
        "a does not log what it applies; start it with log_replica_updates (log_slave_updates)",
    ),
    ({"settings": {"gtid_mode": "OFF"}}, "a has gtid_mode=OFF; turn GTIDs on (docs/switchover.md)"),
    (
        {"filters": ("Binlog_Do_DB=x",)},
        "a has filters (Binlog_Do_DB=x): it lacks some rows, or does not log them",
    ),
    (
        {"followers": (99,)},
        "a server with server_id 99 follows a and is not in the topology; add it, or it would be left behind",
    ),
    (
        {"users": ("orchestrator@10.0.0.9",)},
        "orchestrator@10.0.0.9 is connected to a: a failover manager may act on our freeze; pause it and say "
        "--ha-paused",
    ),
    (
        {"privileged": ("app@%",)},
        "app@% is connected to a and may write through read_only; an app needs an account without READ_ONLY ADMIN "
        "(REVOKE READ_ONLY ADMIN ON *.* FROM app), or say --accept privileged-writers",
    ),
]


@pytest.mark.parametrize(("changed", "sentence"), PRIMARY_GUARDS)
def test_a_primary_that_may_not_move(changed: dict[str, Any], sentence: str) -> None:
    candidate = replica("b", flavour=changed["flavour"]) if "flavour" in changed else replica("b")
    assert sentence in refused(server("a", **changed), candidate)


REPLICA_GUARDS: list[tuple[dict[str, Any], str]] = [
    (
        {"gtid": False},
        "b follows by file and position; change it to GTID (SOURCE_AUTO_POSITION = 1)",
    ),
    ({"io_running": False, "errors": ("no route",)}, "b does not fetch: no route"),
    ({"sql_running": False}, "b does not apply"),
    ({"lag": None}, "b is an unknown time behind; the limit is 5 s"),
    ({"lag": 6}, "b is 6 s behind; the limit is 5 s"),
    ({"delay": HELD_DELAY}, "b is held by a run that did not end; `zdmigrate resume` it first"),
    ({"delay": 60}, "b is told to lag 60 s; a delayed replica cannot take over"),
]


@pytest.mark.parametrize(("status", "sentence"), REPLICA_GUARDS)
def test_a_replica_that_cannot_take_over(status: dict[str, Any], sentence: str) -> None:
    assert refused(None, replica("b", status=status)) == [sentence]


def test_another_replica_that_lags_is_told_too() -> None:
    assert refused(None, replica("b"), replica("c", status={"lag": 60})) == ["c is 60 s behind; the limit is 5 s"]


CANDIDATE_GUARDS: list[tuple[dict[str, Any], str]] = [
    (
        {"writable": Writable.ALL},
        "b is a replica and writable; SET GLOBAL read_only = ON there before anybody writes to it",
    ),
    (
        {"settings": {"replica_preserve_commit_order": "OFF", "replica_parallel_workers": "4"}},
        "b applies out of order; SET GLOBAL replica_preserve_commit_order = ON there",
    ),
    (
        {"settings": {"sql_mode": ""}},
        "sql_mode is 'strict' on a and '' on b; make them equal, or say --accept sql_mode",
    ),
    (
        {"settings": {"max_connections": "10"}},
        "max_connections is '151' on a and '10' on b, which is less; make them equal, or say --accept max_connections",
    ),
    (
        {"settings": {"sync_binlog": "0"}},
        "sync_binlog is '1' on a and '0' on b, which may lose acknowledged commits in a crash; make them equal, or "
        "say --accept sync_binlog",
    ),
    (
        {"settings": {"innodb_flush_log_at_trx_commit": "2"}},
        "innodb_flush_log_at_trx_commit is '1' on a and '2' on b, which may lose acknowledged commits in a crash; make "
        "them equal, or say --accept innodb_flush_log_at_trx_commit",
    ),
    ({"flavour": MARIADB}, "b is mariadb:10.11.19 and a is mysql:9.7.4"),
    (
        {"flavour": Flavour("mysql", (8, 4, 1))},
        "b is mysql:8.4.1 and a is mysql:9.7.4: replicating from the newer to the older is not supported by the "
        "vendor; upgrade the older first",
    ),
]


@pytest.mark.parametrize(("changed", "sentence"), CANDIDATE_GUARDS)
def test_a_candidate_that_is_not_fit(changed: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(None, replica("b", **changed))


def test_a_difference_may_be_accepted() -> None:
    odd = replica("b", settings={"sql_mode": ""})
    assert refused(None, odd, accept=frozenset({"sql_mode"})) == []
    assert refused(server("a", privileged=("x@%",)), accept=frozenset({"privileged-writers"})) == []
    assert refused(server("a", users=("maxscale@%",)), ha_paused=True) == []


def test_a_candidate_that_would_not_run_the_events() -> None:
    primary = server("a", events=("shop.nightly",))
    assert refused(primary) == []
    assert refused(primary, replica("b", settings={"event_scheduler": "OFF"})) == [
        "a runs 1 event(s) and the event scheduler of b is OFF; SET GLOBAL event_scheduler = ON there, and in its "
        "configuration file"
    ]
    assert refused(server("a"), replica("b", settings={"event_scheduler": "OFF"})) == []


SOURCE, REPLICA = "rpl_semi_sync_source_enabled", "rpl_semi_sync_replica_enabled"


def test_semi_sync_needs_both_roles_on_both_servers() -> None:
    primary = server("a", settings={SOURCE: "ON", REPLICA: "OFF"})
    assert semi_sync_names(primary) == (SOURCE, REPLICA)
    assert semi_sync_names(server("a", settings={SOURCE: "OFF", REPLICA: "OFF"})) is None
    assert refused(primary, replica("b", settings={SOURCE: "OFF", REPLICA: "ON"})) == []
    assert refused(primary, replica("b", settings={REPLICA: "ON"})) == [
        f"a replicates semi-synchronously and b has no {SOURCE}: it could not take that role; install the plugin there"
    ]
    assert refused(primary, replica("b", settings={SOURCE: "OFF", REPLICA: "OFF"})) == [
        f"a waits for acknowledgements and b gives none; SET GLOBAL {REPLICA} = ON there and restart its IO thread"
    ]


def test_swapped_addresses_are_noticed() -> None:
    def node(name: str, host: str) -> Node:
        return Node(name, make_url("mysql+pymysql://x@y/"), host, 3306)

    right = Topology((node("a", "db-a"), node("b", "db-b")), Account("r", "p"))
    swapped = Topology((node("a", "db-b"), node("b", "db-a")), Account("r", "p"))
    assert addresses(roles(), right) == ()
    assert addresses(roles(), swapped) == (
        "b follows db-a:3306, which topology.toml says is b; but the server it finds there is the one that the url of "
        "a leads to: names or addresses are swapped",
    )


def test_old_transactions_are_in_the_way() -> None:
    primary = server("a", long_transactions=(Session(7, "app", "10.0.0.1", 12.4), Session(8, "app", "10.0.0.1", 0.5)))
    assert blocking(primary, Policy()) == ("a: connection 7 (app@10.0.0.1) has had a transaction open for 12 s",)
