"""What is recorded of a run: statements without passwords, where steps were at work, servers that do not answer."""

from collections.abc import Sequence

import pytest
from sqlalchemy.engine import make_url

from tests.run.conftest import topology_of
from tests.servers.replication import Replication
from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import AbortedError, NeedsPersonError, ServerError
from zdmigrate.run.record import settings_in
from zdmigrate.run.recorder import Recorder, look
from zdmigrate.run.steps import Timing
from zdmigrate.run.topology import Account, Node, Topology

AWAY = Topology(
    (Node("a", make_url("mysql+pymysql://root@127.0.0.1:1/x"), "127.0.0.1", 1),), Account("", ""), path="t.toml"
)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SET GLOBAL read_only = 1", [("read_only", "1")]),
        ("SET GLOBAL `rpl_semi_sync_source_enabled` = %s", [("rpl_semi_sync_source_enabled", "%s")]),
        (
            "SET PERSIST_ONLY super_read_only = ON, PERSIST_ONLY read_only = ON",
            [("super_read_only", "ON"), ("read_only", "ON")],
        ),
        (
            "SET GLOBAL read_only = IF(UTC_TIMESTAMP(6) < %s, 0, 1)",
            [("read_only", "IF(UTC_TIMESTAMP(6) < %s, 0, 1)")],
        ),
        ("SET SESSION sql_log_bin = 0", []),
        ("STOP REPLICA", []),
    ],
)
def test_which_variables_a_statement_sets(sql: str, found: list[tuple[str, str]]) -> None:
    assert settings_in(sql) == found


def recorded(names: Sequence[str]) -> list[tuple[str, str]]:
    recorder = Recorder("replica-first", AWAY, "zdmigrate apply")
    recorder.begin("r")
    for name in names:
        recorder.step(Timing(name, "done", 0.0, 0.0))
    record = recorder.end()
    assert record is not None
    return [(step.name, step.node) for step in record.steps]


def test_a_step_that_names_its_node_is_there() -> None:
    assert recorded(["alter a", "alter elsewhere", "flip"]) == [("alter a", "a"), ("alter elsewhere", ""), ("flip", "")]


def test_nothing_began() -> None:
    recorder = Recorder("apply", AWAY, "zdmigrate apply")
    recorder.step(Timing("early", "done", 0.0, 0.0))
    assert recorder.end() is None


@pytest.mark.parametrize(
    ("error", "outcome", "exit_code", "next_"),
    [
        (None, "done", 0, ""),
        (AbortedError("no"), "aborted", 4, ""),
        (NeedsPersonError("look", "zdmigrate resume"), "needs a person", 5, "zdmigrate resume"),
        (ServerError("a", 1064, "bad", "X"), "failed", 4, ""),
        (KeyboardInterrupt(), "failed", 1, ""),
    ],
)
def test_how_it_ended(error: BaseException | None, outcome: str, exit_code: int, next_: str) -> None:
    recorder = Recorder("apply", AWAY, "zdmigrate apply")
    recorder.begin("r")
    record = recorder.end(error)
    assert record is not None
    assert (record.outcome, record.exit_code, record.next) == (outcome, exit_code, next_)
    assert record.before[0].problem, "it does not answer, and that is said"


def test_what_is_sent_is_heard_without_passwords_and_in_rows(mysql_replication: Replication) -> None:
    topology = topology_of(mysql_replication)
    recorder = Recorder("switchover", topology, "zdmigrate switchover")
    recorder.begin("r")
    with Connection(topology.nodes[0]) as connection:
        connection.run("CREATE DATABASE heard")
        for _ in range(3):
            connection.run("DO %s", (7,))
        connection.run("SET SESSION wait_timeout = 100")
        connection.run("START TRANSACTION")
        connection.run("CREATE USER heard IDENTIFIED BY %s /* PASSWORD */", ("s3cret",))
        with pytest.raises(ServerError):
            connection.run("SET GLOBAL nothing_of_the_kind = 1")
        connection.run("SET GLOBAL max_connections = 99")
    record = recorder.end()
    assert record is not None
    assert "s3cret" not in repr(record)
    assert [(item.sql.partition(" ")[0], item.times, item.values) for item in record.statements] == [
        ("CREATE", 1, ()), ("DO", 3, ("7",)), ("CREATE", 1, ()), ("SET", 1, ()), ("SET", 1, ()),
    ]  # fmt: skip
    assert "nothing_of_the_kind" in record.statements[3].error
    assert record.variables["a"]["max_connections"][1] == "99"
    assert record.old == "a"
    assert [node.writable for node in record.before] == ["writable", "frozen"]
    with Connection(topology.nodes[0]) as connection:
        connection.run("DO 1")
    assert len(record.statements) == 5, "it listens no more"


def test_an_account_that_may_not_ask_whom_a_server_follows(mysql_replication: Replication) -> None:
    pair = mysql_replication
    pair.primary.execute("CREATE USER small@'%%' IDENTIFIED BY %s", "x1-Small")
    node = topology_of(pair).nodes[0]
    small = Node("a", node.url.set(username="small", password="x1-Small"), "127.0.0.1", 1)
    found = look(small)
    assert found.writable == "writable"
    assert "whom it follows is not known" in found.problem
