"""ZD203: rules/columns/add_not_null.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase
from zdsession.manifest import MappedColumn


def test_old_inserts_fail_and_the_recipe_says_how() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD COLUMN city VARCHAR(40) NOT NULL")
    assert_unsafe(change, phase=Phase.SPLIT)
    said = finding(change, "ZD203")
    assert "1364 (Field 'city' doesn't have a default value)" in said.reason
    assert said.remedy.splitlines()[0] == (
        '1. expand: op.add_column("users", sa.Column("city", sa.String(40), nullable=True))'
    )
    assert 'contract: op.alter_column("users", "city", nullable=False, existing_type=sa.String(40))' in said.remedy


def test_a_default_dropped_in_the_same_release_does_not_count() -> None:
    first, second = judged(
        USERS,
        "ALTER TABLE users ADD COLUMN city VARCHAR(40) NOT NULL DEFAULT ''",
        "ALTER TABLE users ALTER city DROP DEFAULT",
    )
    assert_safe(first)
    assert_unsafe(second, phase=Phase.SPLIT)


def test_a_new_column_made_not_null_later_in_the_release() -> None:
    _, backfill, last = judged(
        USERS,
        "ALTER TABLE users ADD bar BIGINT; UPDATE users SET bar = 1; ALTER TABLE users MODIFY bar BIGINT NOT NULL",
    )
    assert_safe(backfill)
    assert_unsafe(last, phase=Phase.SPLIT)


def test_a_later_comment_does_not_say_it_again() -> None:
    _, second = judged(
        USERS,
        "ALTER TABLE users ADD bar BIGINT NOT NULL",
        "ALTER TABLE users MODIFY bar BIGINT NOT NULL COMMENT 'b'",
    )
    assert_safe(second, phase=Phase.EXPAND)


def test_a_date_warns_of_the_zero_date() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD COLUMN born DATE NOT NULL")
    assert "0000-00-00" in finding(change, "ZD203").reason


def test_without_strict_mode_it_is_no_better() -> None:
    _, change = judged(USERS, "SET SESSION sql_mode = ''", "ALTER TABLE users ADD COLUMN city VARCHAR(40) NOT NULL")
    assert_unsafe(change)
    assert "silently replaced" in finding(change, "ZD203").reason


def test_a_manifest_that_writes_it_already_proves_it_safe() -> None:
    sql = "ALTER TABLE users ADD COLUMN city VARCHAR(40) NOT NULL"
    writes = manifest(users={"id": "INT NOT NULL", "city": "VARCHAR(40) NOT NULL"})
    (change,) = judged(USERS, sql, manifests=[writes])
    assert_safe(change)
    assert "users.city" in finding(change, "ZD203").evidence
    (mixed,) = judged(USERS, sql, manifests=[writes, manifest("0.9", users={"id": "INT NOT NULL"})])
    assert_unsafe(mixed)
    (elsewhere,) = judged(USERS, sql, manifests=[manifest(orders={"id": "INT NOT NULL"})])
    assert_safe(elsewhere)


def test_a_manifest_that_may_write_null_proves_nothing() -> None:
    sql = "ALTER TABLE users ADD COLUMN city VARCHAR(40) NOT NULL"
    nullable = MappedColumn("VARCHAR(40)", client_default=True)
    (change,) = judged(USERS, sql, manifests=[manifest(users={"id": "INT NOT NULL", "city": nullable})])
    assert_unsafe(change)
