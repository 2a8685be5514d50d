"""ZD202: rules/columns/add_generated.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, USERS, assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_a_virtual_column_is_safe() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD lower_name VARCHAR(50) AS (LOWER(name)) VIRTUAL")
    assert_safe(change, phase=Phase.EXPAND)
    assert "the server computes it" in finding(change, "ZD202").reason


def test_not_null_over_columns_that_are_never_null_is_safe() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD same INT AS (qty) STORED NOT NULL")
    assert_safe(change)


@pytest.mark.parametrize(
    "column",
    [
        "g INT AS (qty + qty) VIRTUAL",
        "g VARCHAR(10) AS (LOWER(nick)) VIRTUAL",
        "g VARCHAR(49) AS (nick) STORED",
        "g VARCHAR(20) AS (JSON_VALUE(nick, '$.a')) STORED",
        "g INT AS (nick) STORED",
        "g DATETIME AS (1) STORED",
    ],
)
def test_an_expression_that_may_overflow_its_column_is_conditional(column: str) -> None:
    """Found by running it (tests/proof): 1264 and 1406, on MySQL for a VIRTUAL column too."""
    (change,) = judged(USERS, f"ALTER TABLE users ADD {column}")
    (condition,) = assert_conditional(change, "expression-fits")
    assert condition.kind == "workload"
    assert "1264" in finding(change, "ZD202").reason
    assert "room for every value" in finding(change, "ZD202").remedy


@pytest.mark.parametrize(
    "column",
    [
        "g INT AS (qty) VIRTUAL",
        "g BIGINT AS (qty % 10) STORED",
        "g VARCHAR(50) AS (TRIM(nick)) VIRTUAL",
        "g TINYINT AS (1) STORED",
    ],
)
def test_an_expression_that_surely_fits_is_safe(column: str) -> None:
    (change,) = judged(USERS, f"ALTER TABLE users ADD {column}")
    assert_safe(change)


def test_mariadb_computes_a_virtual_column_on_write_only_for_an_index() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD g INT AS (qty + qty) VIRTUAL", flavour=MARIADB)
    assert_safe(change)
    (change,) = judged(USERS, "ALTER TABLE users ADD g INT AS (qty + qty) VIRTUAL, ADD INDEX (g)", flavour=MARIADB)
    assert_conditional(change, "expression-fits")


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
    assert_conditional(second, "expression-never-null", "expression-fits")


def test_nobody_inserts_into_a_table_no_manifest_maps() -> None:
    (change,) = judged(
        USERS,
        "ALTER TABLE users ADD loud VARCHAR(50) AS (UPPER(nick)) STORED NOT NULL",
        manifests=[manifest(orders={"id": "INT NOT NULL"})],
    )
    assert_safe(change)
    assert "maps no table users" in finding(change, "ZD202").evidence
