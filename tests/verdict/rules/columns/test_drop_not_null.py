"""ZD209: rules/columns/drop_not_null.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict

MODIFY = "ALTER TABLE users MODIFY name VARCHAR(50) NULL"


def test_readers_may_meet_null() -> None:
    (change,) = judged(USERS, MODIFY)
    (condition,) = assert_conditional(change, "tolerates-null", phase=Phase.EXPAND)
    assert condition.text == "Old code that reads users.name copes with NULL, which new code may write."
    assert change.new is Verdict.UNSAFE
    assert "1048" in finding(change, "ZD209").reason


def test_manifests_that_map_it_nullable() -> None:
    (change,) = judged(USERS, MODIFY, manifests=[manifest(users={"name": "VARCHAR(50)"})])
    assert_safe(change)
    (strict,) = judged(USERS, MODIFY, manifests=[manifest(users={"name": "VARCHAR(50) NOT NULL"})])
    assert_conditional(strict, "tolerates-null")
