"""ZD221: rules/columns/narrow_charset.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase

SQL = "ALTER TABLE users MODIFY nick VARCHAR(50) CHARACTER SET latin1"


def test_old_code_may_write_any_character() -> None:
    (change,) = judged(USERS, SQL)
    assert_unsafe(change, phase=Phase.CONTRACT)
    said = finding(change, "ZD221")
    assert "characters of utf8mb4 to users.nick that latin1 lacks" in said.reason
    assert "1366" in said.reason
    assert "CONVERT(CONVERT(`nick` USING latin1) USING utf8mb4)" in said.remedy


def test_a_mapped_type_is_no_proof() -> None:
    (change,) = judged(USERS, SQL, manifests=[manifest(users={"nick": "VARCHAR(50)"})])
    assert_unsafe(change)
    (unmapped,) = judged(USERS, SQL, manifests=[manifest(users={"id": "INT"})])
    assert_safe(unmapped)
