"""ZD101: rules/tables/create.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase, Verdict


def test_old_code_does_not_know_it() -> None:
    (change,) = judged("", "CREATE TABLE orders (id INT PRIMARY KEY)")
    assert_safe(change, phase=Phase.EXPAND)
    assert change.new is Verdict.UNSAFE
    assert "1146 (Table 'orders' doesn't exist)" in finding(change, "ZD101").reason


def test_from_a_query_too() -> None:
    (change,) = judged(USERS, "CREATE TABLE orders AS SELECT * FROM users")
    assert finding(change, "ZD101").old is Verdict.SAFE


def test_a_temporary_table_is_neutral() -> None:
    (change,) = judged("", "CREATE TEMPORARY TABLE scratch (id INT)")
    assert_safe(change, phase=Phase.NEUTRAL)
