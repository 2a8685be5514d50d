"""ZD102: rules/tables/create_if_not_exists.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase


def test_a_table_that_differs_would_go_unnoticed() -> None:
    (change,) = judged("", "CREATE TABLE IF NOT EXISTS orders (id INT PRIMARY KEY)")
    assert_safe(change, phase=Phase.EXPAND)
    assert "keeps it and says nothing" in finding(change, "ZD102").reason


def test_a_table_that_is_there_makes_it_do_nothing() -> None:
    (change,) = judged(USERS, "CREATE TABLE IF NOT EXISTS users (id INT)")
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "users exists already" in finding(change, "ZD102").reason
