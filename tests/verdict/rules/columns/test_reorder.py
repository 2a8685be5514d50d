"""ZD229: rules/columns/reorder.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase


def test_statements_that_list_their_columns_go_on() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY nick VARCHAR(50) FIRST")
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "nick, id, name, qty and status" in finding(change, "ZD229").reason
