"""ZD109: rules/tables/partitions.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import assert_conditional, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase

PLAIN = "CREATE TABLE log (id INT PRIMARY KEY, line TEXT)"
RANGED = f"{PLAIN} PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20))"


def test_partitioning_keeps_every_statement_and_names_its_condition() -> None:
    (change,) = judged(PLAIN, "ALTER TABLE log PARTITION BY HASH (id) PARTITIONS 4")
    assert_conditional(change, "queries-name-partition-key", phase=Phase.EXPAND)


def test_ranges_without_an_end_refuse_rows() -> None:
    (change,) = judged(PLAIN, "ALTER TABLE log PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10))")
    assert_conditional(change, "queries-name-partition-key", "rows-fit-partitions")
    assert any("1526" in condition.text for condition in change.conditions)
    (open_ended,) = judged(PLAIN, "ALTER TABLE log PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN MAXVALUE)")
    assert_conditional(open_ended, "queries-name-partition-key")


def test_what_the_server_refuses() -> None:
    (change,) = judged(
        "CREATE TABLE log (id INT PRIMARY KEY, day INT)", "ALTER TABLE log PARTITION BY HASH (day) PARTITIONS 4"
    )
    assert_unsafe(change)
    assert "1503" in finding(change, "ZD109").reason


def test_removing_partitioning_keeps_every_row() -> None:
    (change,) = judged(RANGED, "ALTER TABLE log REMOVE PARTITIONING")
    assert_safe(change, phase=Phase.EXPAND)


@pytest.mark.parametrize(
    ("clause", "phase"),
    [
        ("ADD PARTITION (PARTITION p2 VALUES LESS THAN (30))", Phase.EXPAND),
        ("REORGANIZE PARTITION p1 INTO (PARTITION q1 VALUES LESS THAN (15), PARTITION q2 VALUES LESS THAN (20))", None),
        ("REBUILD PARTITION p0", Phase.NEUTRAL),
        ("ANALYZE PARTITION ALL", Phase.NEUTRAL),
    ],
)
def test_clauses_that_keep_every_row(clause: str, phase: Phase | None) -> None:
    (change,) = judged(RANGED, f"ALTER TABLE log {clause}")
    assert_safe(change, phase=phase)
    assert len(change.findings) == 1


@pytest.mark.parametrize("clause", ["TRUNCATE PARTITION p0", "DROP PARTITION p0"])
def test_clauses_that_lose_rows(clause: str) -> None:
    (change,) = judged(RANGED, f"ALTER TABLE log {clause}")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert len(change.findings) == 1
    assert "PARTITION p0 of log: the rows old code stored there are gone" in finding(change, "ZD109").reason
    (proven,) = judged(RANGED, f"ALTER TABLE log {clause}", manifests=[manifest(users={"id": "INT"})])
    assert_safe(proven)
    (unseen,) = judged("", f"ALTER TABLE log {clause}", complete=False)
    assert_unsafe(unseen)


def test_an_exchange_wants_an_empty_partition() -> None:
    (change,) = judged(
        f"{RANGED}; {PLAIN.replace('log', 'old')}", "ALTER TABLE log EXCHANGE PARTITION p0 WITH TABLE old"
    )
    (condition,) = assert_conditional(change, "partition-is-empty", phase=Phase.CONTRACT)
    assert condition.proof == "SELECT 1 FROM `log` PARTITION (`p0`) LIMIT 1"
