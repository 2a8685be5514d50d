"""ZD211: rules/columns/drop_default.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_conditional, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase


def test_inserts_that_leave_it_out_fail() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ALTER qty DROP DEFAULT")
    assert_unsafe(change, phase=Phase.CONTRACT)
    said = finding(change, "ZD211")
    assert "relied on DEFAULT 0" in said.reason
    assert "1364 (Field 'qty' doesn't have a default value)" in said.reason
    assert 'contract: op.alter_column("users", "qty", server_default=None)' in said.remedy


def test_a_nullable_column_stores_null_instead() -> None:
    (change,) = judged("CREATE TABLE t (a INT DEFAULT 5)", "ALTER TABLE t ALTER a DROP DEFAULT")
    assert_conditional(change, "default-not-relied-on", phase=Phase.CONTRACT)
    assert "store NULL where they stored 5" in finding(change, "ZD211").reason


def test_without_strict_mode_it_is_no_better() -> None:
    _, change = judged(USERS, "SET sql_mode = ''", "ALTER TABLE users ALTER qty DROP DEFAULT")
    assert_unsafe(change)
    assert "not strict" in finding(change, "ZD211").reason


def test_manifests_that_always_write_it() -> None:
    (change,) = judged(
        USERS, "ALTER TABLE users ALTER qty DROP DEFAULT", manifests=[manifest(users={"qty": "INT NOT NULL"})]
    )
    assert_safe(change)


def test_a_column_no_manifest_maps_still_breaks_inserts() -> None:
    (change,) = judged(
        USERS, "ALTER TABLE users ALTER qty DROP DEFAULT", manifests=[manifest(users={"id": "INT NOT NULL"})]
    )
    assert_unsafe(change)
