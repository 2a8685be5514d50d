"""rules/names.py: what is not in the catalog and may be there all the same."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, USERS, assert_safe, judged
from zdmigrate.verdict.model import Verdict

BASE = (
    f"{USERS}; CREATE VIEW v_users AS SELECT id FROM users; CREATE PROCEDURE tidy() DELETE FROM users; "
    "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.nick = 'x'"
)


@pytest.mark.parametrize(
    ("sql", "rule", "why"),
    [
        ("DROP TABLE IF EXISTS shop.users", "ZD103", "if shop is the database the app is connected to"),
        ("DROP TABLE IF EXISTS shop.other", "ZD103", "nobody saw the database shop"),
        ("DROP TABLE IF EXISTS Users", "ZD103", "Users and users differ by case alone"),
        ("DROP VIEW IF EXISTS shop.v_users", "ZD503", "if shop is"),
        ("DROP VIEW IF EXISTS V_users", "ZD503", "differ by case alone"),
        ("CREATE OR REPLACE TABLE shop.users (id INT)", "ZD104", "if shop is"),
        ("CREATE OR REPLACE TABLE shop.n (id INT)", "ZD104", "nobody saw"),
        ("CREATE OR REPLACE TABLE USERS (id INT)", "ZD104", "differ by case alone"),
        ("CREATE OR REPLACE VIEW shop.v_users AS SELECT 1 AS id", "ZD501", "if shop is"),
        ("ALTER TABLE IF EXISTS shop.users DROP COLUMN IF EXISTS nick", "ZD113", "if shop is"),
        ("ALTER TABLE IF EXISTS Users DROP COLUMN IF EXISTS nick", "ZD113", "differ by case alone"),
        ("DROP TRIGGER IF EXISTS shop.tr", "ZD513", "if shop is"),
        ("DROP PROCEDURE IF EXISTS Tidy", "ZD523", "differ by case alone"),
        ("DROP PROCEDURE IF EXISTS shop.tidy", "ZD523", "if shop is"),
        ("ALTER TABLE shop.users DROP COLUMN nick", "ZD912", "if shop is"),
        ("DROP TABLE shop.users", "ZD912", "if shop is"),
    ],
)
def test_nobody_can_say_that_it_is_absent(sql: str, rule: str, why: str) -> None:
    (change,) = judged(BASE, sql, flavour=MARIADB)
    assert change.old is Verdict.UNKNOWN
    (said,) = [item for item in change.findings if item.old is Verdict.UNKNOWN]
    assert said.rule == rule
    assert why in said.reason, said.reason
    assert "leave it out of the name" in said.remedy


def test_each_name_of_a_drop_is_looked_at() -> None:
    (change,) = judged(BASE, "DROP TABLE IF EXISTS shop.a, b")
    assert sorted((item.table, item.old.value) for item in change.findings) == [("b", "safe"), ("shop.a", "unknown")]


def test_what_the_release_made_itself_is_known() -> None:
    _, dropped = judged(BASE, "CREATE TABLE shop.n (id INT)", "DROP TABLE IF EXISTS shop.n")
    assert_safe(dropped)


def test_a_database_that_the_history_made_is_known() -> None:
    base = "CREATE TABLE shop.users (id INT)"
    for sql in ("DROP TABLE IF EXISTS shop.other", "DROP VIEW IF EXISTS shop.other", "DROP TABLE IF EXISTS missing"):
        (change,) = judged(base, sql)
        assert_safe(change)
    (change,) = judged(base, "DROP TABLE IF EXISTS users")
    assert change.old is Verdict.UNKNOWN


def test_a_table_never_seen_may_be_replaced() -> None:
    (change,) = judged("", "CREATE OR REPLACE TABLE orders (id INT)", flavour=MARIADB, complete=False)
    assert change.old is Verdict.UNKNOWN
    (change,) = judged(USERS, "CREATE OR REPLACE TABLE orders (id INT)", flavour=MARIADB)
    assert_safe(change)
