"""ZD201: rules/columns/add_optional.py."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from pymysql.err import OperationalError

from tests.run.applying import execute
from tests.verdict.support import USERS, assert_conditional, assert_safe, assert_unsafe, finding, judged
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


AUDIT = f"{USERS}; CREATE TABLE audit (uid INT, what TEXT)"
TRIGGER = "CREATE TRIGGER users_ai AFTER INSERT ON users FOR EACH ROW INSERT INTO audit VALUES (NEW.id, 'a')"


@pytest.mark.parametrize(
    "insert",
    ["INSERT INTO audit VALUES (NEW.id, 'a')", "REPLACE audit SELECT NEW.id, 'a'", "INSERT `audit` () VALUES ()"],
)
def test_a_trigger_that_fills_the_table_by_position_breaks(insert: str) -> None:
    trigger = f"CREATE TRIGGER users_ai AFTER INSERT ON users FOR EACH ROW {insert}"
    (change,) = judged(f"{AUDIT}; {trigger}", "ALTER TABLE audit ADD COLUMN at DATETIME")
    assert_unsafe(change)
    assert "added by position in trigger users_ai: that fails with 1136" in finding(change, "ZD201").reason


def test_one_that_names_its_columns_or_fills_another_table_does_not() -> None:
    for trigger in (
        "CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW INSERT INTO audit (uid, what) VALUES (NEW.id, 'a')",
        "CREATE TRIGGER t AFTER INSERT ON users FOR EACH ROW INSERT INTO audit_old VALUES (NEW.id, 'a')",
    ):
        (change,) = judged(f"{AUDIT}; {trigger}", "ALTER TABLE audit ADD COLUMN at DATETIME")
        assert_safe(change)
    (hidden,) = judged(f"{AUDIT}; {TRIGGER}", "ALTER TABLE audit ADD COLUMN at DATETIME INVISIBLE")
    assert_safe(hidden)


def test_a_procedure_that_does_breaks_whoever_calls_it() -> None:
    procedure = "CREATE PROCEDURE note() INSERT INTO audit VALUES (1, 'a')"
    (change,) = judged(f"{AUDIT}; {procedure}", "ALTER TABLE audit ADD COLUMN at DATETIME")
    assert_conditional(change, "routine-not-called")


def test_the_server_says_so_too(any_sql_url: str) -> None:
    for hidden, fails in (("", True), (" INVISIBLE", False)):
        execute(
            any_sql_url, "DROP TABLE IF EXISTS users, audit", "CREATE TABLE users (id INT)",
            "CREATE TABLE audit (uid INT, what TEXT)", TRIGGER, "INSERT INTO users VALUES (1)",
            f"ALTER TABLE audit ADD COLUMN at DATETIME{hidden}",
        )  # fmt: skip
        with pytest.raises(OperationalError, match="1136") if fails else nullcontext():
            execute(any_sql_url, "INSERT INTO users VALUES (2)")
