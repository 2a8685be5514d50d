"""ZD217: rules/columns/reorder_members.py."""

from __future__ import annotations

from tests.verdict.support import assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_another_order_changes_numbers() -> None:
    (change,) = judged("CREATE TABLE t (e ENUM('a','b'))", "ALTER TABLE t MODIFY e ENUM('b','a')")
    assert_conditional(change, "no-ordinal-use", phase=Phase.SPLIT)
    assert "ORDER BY e" in finding(change, "ZD217").reason


def test_a_member_in_between_is_an_append_and_an_order() -> None:
    (change,) = judged("CREATE TABLE t (e ENUM('a','b'))", "ALTER TABLE t MODIFY e ENUM('a','x','b')")
    assert_conditional(change, "no-ordinal-use", "readers-accept-member", phase=Phase.SPLIT)
    assert "type_=sa.Enum('a', 'b', 'x')" in finding(change, "ZD217").remedy


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(
        "CREATE TABLE t (id INT, e ENUM('a','b'))",
        "ALTER TABLE t MODIFY e ENUM('b','a')",
        manifests=[manifest(t={"id": "INT"})],
    )
    assert_safe(change)
