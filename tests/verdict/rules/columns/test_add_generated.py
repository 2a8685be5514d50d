"""ZD202: rules/columns/add_generated.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_a_virtual_column_is_safe() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD lower_name VARCHAR(50) AS (LOWER(name)) VIRTUAL")
    assert_safe(change, phase=Phase.EXPAND)
    assert "the server computes it" in finding(change, "ZD202").reason


def test_not_null_over_columns_that_are_never_null_is_safe() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD twice INT AS (qty + qty) STORED NOT NULL")
    assert_safe(change)


def test_not_null_over_a_nullable_column_names_its_condition_with_a_query() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD loud VARCHAR(50) AS (UPPER(nick)) STORED NOT NULL")
    (condition,) = assert_conditional(change, "expression-never-null")
    assert "1048" in finding(change, "ZD202").reason
    assert condition.proof is not None
    assert condition.proof.startswith("SELECT 1 FROM `users` WHERE (")
    assert condition.proof.endswith("IS NULL LIMIT 1")


def test_coalesce_makes_it_safe_and_a_division_does_not() -> None:
    first, second = judged(
        USERS,
        "ALTER TABLE users ADD shown VARCHAR(50) AS (COALESCE(nick, '')) VIRTUAL NOT NULL",
        "ALTER TABLE users ADD part INT AS (10 / qty) VIRTUAL NOT NULL",
    )
    assert_safe(first)
    assert_conditional(second, "expression-never-null")


def test_nobody_inserts_into_a_table_no_manifest_maps() -> None:
    (change,) = judged(
        USERS,
        "ALTER TABLE users ADD loud VARCHAR(50) AS (UPPER(nick)) STORED NOT NULL",
        manifests=[manifest(orders={"id": "INT NOT NULL"})],
    )
    assert_safe(change)
    assert "maps no table users" in finding(change, "ZD202").evidence
