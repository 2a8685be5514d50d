"""ZD226: rules/columns/change_expression.py."""

from __future__ import annotations

from tests.verdict.support import assert_conditional, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase

BASE = "CREATE TABLE t (a INT, g INT AS (a + 1) STORED)"


def test_another_expression_gives_other_values() -> None:
    (change,) = judged(BASE, "ALTER TABLE t MODIFY g INT AS (a + 2) STORED")
    assert_conditional(change, "expressions-agree", phase=Phase.EXPAND)
    assert "every version reads other values" in finding(change, "ZD226").reason


def test_stored_or_virtual_gives_the_same() -> None:
    (change,) = judged(BASE, "ALTER TABLE t MODIFY g INT AS (a + 1) VIRTUAL")
    assert_safe(change, phase=Phase.NEUTRAL)
