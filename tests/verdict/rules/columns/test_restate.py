"""ZD232: rules/columns/restate.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged
from zdmigrate.verdict.model import Phase


def test_the_same_definition_is_neutral() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY qty INT NOT NULL DEFAULT 0")
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "users.qty is defined as it already was" in finding(change, "ZD232").reason


def test_going_back_to_what_old_code_knows_is_neutral() -> None:
    first, second = judged(
        USERS,
        "ALTER TABLE users MODIFY nick VARCHAR(20) COMMENT 'c'",
        "ALTER TABLE users MODIFY nick VARCHAR(50) COMMENT 'c'",
    )
    assert_unsafe(first)
    assert_safe(second, phase=Phase.NEUTRAL)
    assert "goes back" in finding(second, "ZD232").reason
