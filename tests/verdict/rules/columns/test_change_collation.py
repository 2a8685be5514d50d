"""ZD219: rules/columns/change_collation.py."""

from __future__ import annotations

from tests.verdict.support import assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase

BASE = "CREATE TABLE t (a VARCHAR(20) COLLATE utf8mb4_0900_ai_ci, b VARCHAR(20), UNIQUE KEY uq (a))"


def test_a_unique_key_asks_for_duplicates_with_a_query() -> None:
    (change,) = judged(BASE, "ALTER TABLE t MODIFY a VARCHAR(20) COLLATE utf8mb4_general_ci")
    duplicates, _ = assert_conditional(change, "no-duplicates", "comparisons-agree", phase=Phase.CONTRACT)
    assert duplicates.proof == ("SELECT 1 FROM `t` GROUP BY `a` COLLATE utf8mb4_general_ci HAVING COUNT(*) > 1 LIMIT 1")
    assert "1062" in finding(change, "ZD219").reason
    assert "1267" in finding(change, "ZD219").reason


def test_without_a_unique_key_only_comparisons_count() -> None:
    (change,) = judged(BASE, "ALTER TABLE t MODIFY b VARCHAR(20) COLLATE utf8mb4_bin")
    assert_conditional(change, "comparisons-agree", phase=Phase.CONTRACT)


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(
        BASE, "ALTER TABLE t MODIFY b VARCHAR(20) COLLATE utf8mb4_bin", manifests=[manifest(t={"a": "VARCHAR(20)"})]
    )
    assert_safe(change)
