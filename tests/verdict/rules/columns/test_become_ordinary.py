"""ZD225: rules/columns/become_ordinary.py."""

from __future__ import annotations

from tests.verdict.support import assert_conditional, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase

BASE = "CREATE TABLE t (id INT PRIMARY KEY, a INT NOT NULL, g INT AS (a + 1) STORED)"


def test_old_rows_go_stale() -> None:
    (change,) = judged(BASE, "ALTER TABLE t MODIFY g INT")
    assert_conditional(change, "writer-fills-column", phase=Phase.EXPAND)
    assert "hold NULL there" in finding(change, "ZD225").reason
    assert [condition.name for condition in change.new_conditions] == ["new-code-does-not-write"]


def test_not_null_breaks_old_inserts() -> None:
    (change,) = judged(BASE, "ALTER TABLE t MODIFY g INT NOT NULL")
    assert_unsafe(change)
    assert "1364" in finding(change, "ZD225").reason


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(BASE, "ALTER TABLE t MODIFY g INT", manifests=[manifest(t={"a": "INT NOT NULL"})])
    assert_safe(change)
