"""ZD108: rules/tables/change_engine.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_conditional, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_without_transactions_a_rollback_leaves_its_writes() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ENGINE=MyISAM")
    (condition,) = assert_conditional(change, "loses-transactions")
    assert "users" in condition.text
    assert "1196" in finding(change, "ZD108").reason


def test_to_innodb_is_safe() -> None:
    (change,) = judged("CREATE TABLE t (id INT) ENGINE=MyISAM", "ALTER TABLE t ENGINE=InnoDB")
    assert_safe(change, phase=Phase.EXPAND)


def test_engines_that_keep_no_rows() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ENGINE=MEMORY")
    assert_unsafe(change)


def test_manifests_that_do_not_map_the_table() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ENGINE=MyISAM", manifests=[manifest(orders={"id": "INT"})])
    assert_safe(change)
