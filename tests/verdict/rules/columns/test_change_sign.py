"""ZD215: rules/columns/change_sign.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_negative_values_are_refused() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY qty INT UNSIGNED NOT NULL DEFAULT 0")
    assert_unsafe(change, phase=Phase.CONTRACT)
    said = finding(change, "ZD215")
    assert "negative values to users.qty" in said.reason
    assert "1264" in said.reason
    assert "SELECT 1 FROM `users` WHERE `qty` < 0 LIMIT 1" in said.remedy
    assert [condition.name for condition in change.new_conditions] == ["new-code-stays-in-range"]


def test_the_upper_half_is_refused() -> None:
    (change,) = judged("CREATE TABLE t (a INT UNSIGNED)", "ALTER TABLE t MODIFY a INT")
    assert_unsafe(change)
    assert "above the largest INT" in finding(change, "ZD215").reason


def test_signed_and_wide_enough_is_a_widening() -> None:
    (change,) = judged("CREATE TABLE t (a INT UNSIGNED)", "ALTER TABLE t MODIFY a BIGINT")
    assert [item.rule for item in change.findings] == ["ZD212"]


def test_manifests_whose_types_fit() -> None:
    (change,) = judged(
        USERS,
        "ALTER TABLE users MODIFY qty INT UNSIGNED NOT NULL DEFAULT 0",
        manifests=[manifest(users={"qty": "INT UNSIGNED NOT NULL"})],
    )
    assert_safe(change)
