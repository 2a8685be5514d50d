"""ZD104: rules/tables/replace.py."""

from __future__ import annotations

from tests.verdict.support import MARIADB, USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_dropped_and_created_in_two_statements() -> None:
    drop, create = judged(USERS, "DROP TABLE IF EXISTS users; CREATE TABLE users (id BIGINT PRIMARY KEY)")
    assert_unsafe(drop)
    assert_unsafe(create, phase=Phase.SPLIT)
    assert "every row old code stored is gone" in finding(create, "ZD104").reason


def test_in_one_statement_on_mariadb() -> None:
    (change,) = judged(USERS, "CREATE OR REPLACE TABLE users (id BIGINT PRIMARY KEY)", flavour=MARIADB)
    assert_unsafe(change, phase=Phase.SPLIT)
    assert "op.create_table('users_new', ...)" in finding(change, "ZD104").remedy


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(
        USERS,
        "CREATE OR REPLACE TABLE users (id BIGINT PRIMARY KEY)",
        flavour=MARIADB,
        manifests=[manifest(orders={"id": "INT"})],
    )
    assert_safe(change)
