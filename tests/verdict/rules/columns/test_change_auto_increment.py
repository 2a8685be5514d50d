"""ZD223: rules/columns/change_auto_increment.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_conditional, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_removed_old_inserts_get_no_number() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY id INT NOT NULL")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert "1364 (Field 'id' doesn't have a default value)" in finding(change, "ZD223").reason
    assert "autoincrement=False" in finding(change, "ZD223").remedy


def test_added_zero_means_the_next_number() -> None:
    (change,) = judged("CREATE TABLE t (id INT PRIMARY KEY)", "ALTER TABLE t MODIFY id INT NOT NULL AUTO_INCREMENT")
    assert_conditional(change, "no-zero-keys", phase=Phase.EXPAND)
    assert [condition.name for condition in change.new_conditions] == ["new-code-writes-value"]


def test_manifests_that_always_write_the_key() -> None:
    (change,) = judged(
        USERS,
        "ALTER TABLE users MODIFY id INT NOT NULL",
        manifests=[manifest(users={"id": "INT NOT NULL"})],
    )
    assert_safe(change)
