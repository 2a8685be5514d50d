"""ZD201: rules/columns/add_optional.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase, Verdict


def test_a_nullable_column_is_safe_and_runs_before_the_deploy() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD COLUMN city VARCHAR(40)")
    assert_safe(change, phase=Phase.EXPAND)
    assert change.new is Verdict.UNSAFE
    assert "users.city; its INSERTs leave it NULL" in finding(change, "ZD201").reason
    assert "1054" in finding(change, "ZD201").reason


def test_not_null_with_a_default_is_safe() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD COLUMN plan VARCHAR(9) NOT NULL DEFAULT 'free'")
    assert_safe(change, phase=Phase.EXPAND)
    assert "DEFAULT 'free'" in finding(change, "ZD201").reason


def test_a_default_expression_is_safe_and_the_recipe_avoids_its_cost() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD COLUMN token CHAR(36) NOT NULL DEFAULT (uuid())")
    assert_safe(change)
    said = finding(change, "ZD201")
    assert "no INSTANT change" in said.reason
    assert 'op.add_column("users", sa.Column("token", mysql.CHAR(36), nullable=True))' in said.remedy
    assert 'op.alter_column("users", "token", server_default=sa.text("(uuid())"))' in said.remedy


def test_a_column_in_between_says_who_would_notice() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD COLUMN city VARCHAR(40) AFTER id")
    assert_safe(change)
    assert "INSERT without a column list" in finding(change, "ZD201").reason


def test_a_default_set_on_a_column_of_this_release_is_still_the_same_new_column() -> None:
    first, second = judged(USERS, "ALTER TABLE users ADD foo INT; ALTER TABLE users ALTER foo SET DEFAULT 10")
    assert_safe(first)
    assert_safe(second)
    assert "DEFAULT 10" in finding(second, "ZD201").reason


def test_a_column_of_a_table_never_seen_needs_no_definition() -> None:
    (change,) = judged("", "ALTER TABLE orders ADD COLUMN note TEXT", complete=False)
    assert_safe(change, phase=Phase.EXPAND)
