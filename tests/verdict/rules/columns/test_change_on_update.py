"""ZD227: rules/columns/change_on_update.py."""

from __future__ import annotations

from tests.verdict.support import assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase

PLAIN = "CREATE TABLE t (id INT, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)"
MOVING = "at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"


def test_added_updates_move_it() -> None:
    (change,) = judged(PLAIN, f"ALTER TABLE t MODIFY {MOVING}")
    assert_conditional(change, "on-update-not-relied-on", phase=Phase.EXPAND)
    assert "now moves it to the current time" in finding(change, "ZD227").reason


def test_removed_updates_leave_it() -> None:
    (change,) = judged(
        f"CREATE TABLE t (id INT, {MOVING})", "ALTER TABLE t MODIFY at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
    )
    assert_conditional(change, "on-update-not-relied-on", phase=Phase.CONTRACT)


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(PLAIN, f"ALTER TABLE t MODIFY {MOVING}", manifests=[manifest(t={"id": "INT"})])
    assert_safe(change)
