"""ZD213: rules/columns/narrow.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict


def test_old_code_writes_what_no_longer_fits() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY nick VARCHAR(20)")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert change.new is Verdict.SAFE
    said = finding(change, "ZD213")
    assert "users.nick that VARCHAR(50) holds and VARCHAR(20) does not" in said.reason
    assert "1406" in said.reason
    assert "type_=sa.String(20)" in said.remedy


@pytest.mark.parametrize(
    ("was", "now", "error"),
    [
        ("INT", "SMALLINT", "1264"),
        ("BIGINT", "INT", "1264"),
        ("DECIMAL(10,2)", "DECIMAL(8,2)", "1264"),
        ("TEXT", "VARCHAR(100)", "1406"),
        ("DATETIME", "TIMESTAMP NULL", "1292"),
        ("DATETIME(6)", "DATETIME", "rounds them without an error"),
        ("DECIMAL(10,4)", "DECIMAL(8,2)", "rounded away without an error"),
    ],
)
def test_each_family_names_its_error(was: str, now: str, error: str) -> None:
    (change,) = judged(f"CREATE TABLE t (a {was})", f"ALTER TABLE t MODIFY a {now}")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert error in finding(change, "ZD213").reason


def test_digits_moved_across_the_point_break_both() -> None:
    (change,) = judged("CREATE TABLE t (a DECIMAL(10,2))", "ALTER TABLE t MODIFY a DECIMAL(10,4)")
    assert_unsafe(change, phase=Phase.SPLIT)
    assert change.new is Verdict.UNSAFE


def test_manifests_whose_types_fit() -> None:
    sql = "ALTER TABLE users MODIFY nick VARCHAR(20)"
    (change,) = judged(USERS, sql, manifests=[manifest(users={"nick": "VARCHAR(20)"})])
    assert_safe(change, phase=Phase.CONTRACT)
    (wide,) = judged(USERS, sql, manifests=[manifest(users={"nick": "VARCHAR(50)"})])
    assert_unsafe(wide)
    (unmapped,) = judged(USERS, sql, manifests=[manifest(users={"id": "INT"})])
    assert_safe(unmapped)


def test_without_strict_mode_values_are_cut() -> None:
    _, change = judged(USERS, "SET sql_mode = ''", "ALTER TABLE users MODIFY nick VARCHAR(20)")
    assert_unsafe(change)
    assert "silently replaced or cut" in finding(change, "ZD213").reason


def test_a_longer_binary_pads_what_old_code_wrote() -> None:
    base, change = "CREATE TABLE t (id INT PRIMARY KEY, a BINARY(4))", "ALTER TABLE t MODIFY a BINARY(8)"
    for deployed in ((), (manifest(t={"id": "INT", "a": "BINARY(4)"}),)):
        (judged_change,) = judged(base, change, manifests=deployed)
        assert_unsafe(judged_change, phase=Phase.SPLIT)
        said = finding(judged_change, "ZD213")
        assert "reads back other bytes than it wrote" in said.reason
        assert "VARBINARY(8)" in said.remedy
    (unmapped,) = judged(base, change, manifests=(manifest(t={"id": "INT"}),))
    assert_safe(unmapped)
