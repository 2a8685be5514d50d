"""ZD220: rules/columns/widen_charset.py."""

from __future__ import annotations

from tests.verdict.support import assert_conditional, assert_safe, assert_unsafe, finding, judged
from zdmigrate.verdict.model import Phase

BASE = "CREATE TABLE t (a VARCHAR(900) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci, KEY ix (a))"
WIDER = "ALTER TABLE t MODIFY a VARCHAR({}) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"


def test_every_old_character_is_still_there() -> None:
    (change,) = judged(BASE.replace("900", "100"), WIDER.format(100))
    assert_safe(change, phase=Phase.EXPAND)
    assert "1366" in finding(change, "ZD220").reason
    assert [condition.name for condition in change.new_conditions] == ["new-code-keeps-old-characters"]


def test_an_index_that_grows_too_long_is_refused() -> None:
    (change,) = judged(BASE, WIDER.format(900))
    assert_unsafe(change)
    assert "index ix" in finding(change, "ZD220").reason
    assert "1071" in finding(change, "ZD220").reason


def test_another_way_to_sort_is_said_beside_it_and_stays_on_the_same_side() -> None:
    (change,) = judged(
        BASE.replace("900", "100"), "ALTER TABLE t MODIFY a VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )
    assert_conditional(change, "comparisons-agree", phase=Phase.EXPAND)
