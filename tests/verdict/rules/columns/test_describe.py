"""ZD222: rules/columns/describe.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase, Verdict


def test_a_comment_is_neutral() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY nick VARCHAR(50) COMMENT 'shown'")
    assert_safe(change, phase=Phase.NEUTRAL)
    assert change.new is Verdict.SAFE
    assert "users.nick changes its comment" in finding(change, "ZD222").reason


def test_how_a_number_is_shown_is_neutral() -> None:
    (change,) = judged("CREATE TABLE t (a TINYINT(1))", "ALTER TABLE t MODIFY a TINYINT")
    assert_safe(change, phase=Phase.NEUTRAL)
