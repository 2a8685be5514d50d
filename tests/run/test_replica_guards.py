"""Guards of a replica-first run that come on top of a switchover's, as a person reads them."""

from tests.run.altering import TABLE, planned
from tests.run.server_values import replica, roles, server
from zdmigrate.run.policy import Policy
from zdmigrate.run.replica_guards import Tables, notes_on, reasons_against

KEYED = "CREATE TABLE `t` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB"
KEYLESS = "CREATE TABLE `t` (\n  `id` int NOT NULL\n) ENGINE=InnoDB"
MIB = 1024 * 1024


def refused(tables: Tables, *accept: str) -> list[str]:
    policy = Policy(accept=frozenset({"no-standby", *accept}))
    return list(reasons_against(planned("mysql", TABLE, "ADD KEY k (m)"), roles(), tables, "repl", policy))


def tables(a: str = KEYED, b: str | None = KEYED, free: int | None = None) -> Tables:
    definitions = {"a": {"t": a}, "b": {} if b is None else {"t": b}}
    return Tables(definitions, {"t": 100 * MIB}, {"a": free, "b": None})


def test_nothing_stands_in_the_way() -> None:
    assert refused(tables()) == []


def test_a_table_without_primary_key() -> None:
    assert refused(tables(KEYLESS, KEYLESS)) == [
        "t has no primary key: row events cannot tell its rows apart; give it one first, directly"
    ]


def test_a_table_that_a_replica_lacks() -> None:
    assert refused(tables(b=None)) == ["b has no table t; rebuild it from a"]


def test_a_disk_that_is_nearly_full() -> None:
    assert refused(tables(free=120 * MIB)) == [
        "the disk of a is nearly full: 120 MiB are left, and the copy of the table needs about 130 MiB; make room, or "
        "say --accept disk-space when you know better"
    ]
    assert refused(tables(free=120 * MIB), "disk-space") == []
    assert refused(tables(free=131 * MIB)) == []


def test_a_disk_that_cannot_be_asked_is_told() -> None:
    first, *_ = notes_on(roles(), tables(free=10**12))
    assert first == (
        "each node needs about 130 MiB free on its disk while it is altered; how much there is cannot be asked of b: "
        "look"
    )


def test_logs_that_would_be_gone_too_soon() -> None:
    short = roles(server("a", settings={"binlog_expire_logs_seconds": "600"}), replica("b"))
    changes = planned("mysql", TABLE, "ADD KEY k (m)")
    (reason,) = reasons_against(changes, short, tables(), "repl", Policy(accept=frozenset({"no-standby"})))
    assert reason.startswith("a keeps its binary logs for 600 s only")
