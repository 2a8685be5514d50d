"""ALTERs on the replica first, on real pairs: carried to the end, refused, taken back."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from tests.conftest import MakeReplication
from tests.run.altering import (
    ACCEPTED,
    TABLE,
    apply,
    as_at_the_start,
    context_of,
    conversions,
    definition,
    finished,
    planned,
    seed,
)
from tests.run.conftest import topology_of
from tests.run.ledger import Ledger
from tests.servers.replication import Replication
from zdmigrate.run import replica_first, runs
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.policy import Policy


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
