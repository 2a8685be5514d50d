"""ZD111: rules/tables/versioning.py."""

from __future__ import annotations

from tests.verdict.support import MARIADB, USERS, assert_conditional, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase


def test_added_old_code_sees_the_current_rows() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD SYSTEM VERSIONING", flavour=MARIADB)
    assert_safe(change, phase=Phase.EXPAND)
    assert "4119" in finding(change, "ZD111").reason


def test_dropped_the_history_is_gone() -> None:
    (change,) = judged(
        "CREATE TABLE t (id INT) WITH SYSTEM VERSIONING", "ALTER TABLE t DROP SYSTEM VERSIONING", flavour=MARIADB
    )
    assert_conditional(change, "history-unused", phase=Phase.CONTRACT)
    assert "4124" in finding(change, "ZD111").reason
