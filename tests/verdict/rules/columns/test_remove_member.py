"""ZD218: rules/columns/remove_member.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict

MODIFY = "ALTER TABLE users MODIFY status ENUM('new') NOT NULL DEFAULT 'new'"


def test_old_code_writes_it() -> None:
    (change,) = judged(USERS, MODIFY)
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert change.new is Verdict.UNSAFE
    said = finding(change, "ZD218")
    assert "writes 'done' to users.status fails with 1265" in said.reason
    assert "UPDATE `users` SET `status` = ... WHERE `status` IN ('done')" in said.remedy


def test_a_rename_is_a_removal_and_an_addition() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY status ENUM('new','complete') NOT NULL DEFAULT 'new'")
    assert_unsafe(change, phase=Phase.SPLIT)
    said = finding(change, "ZD218")
    assert "LookupError" in said.reason
    assert "expand: op.alter_column" in said.remedy
    assert "sa.Enum('new', 'done', 'complete')" in said.remedy


def test_manifests_that_do_not_know_the_member() -> None:
    (change,) = judged(USERS, MODIFY, manifests=[manifest(users={"status": "ENUM('new') NOT NULL"})])
    assert_safe(change, phase=Phase.CONTRACT)
    assert "SELECT 1 FROM `users` WHERE `status` IN ('done') LIMIT 1" in finding(change, "ZD218").reason
    (knows,) = judged(USERS, MODIFY, manifests=[manifest(users={"status": "ENUM('new','done') NOT NULL"})])
    assert_unsafe(knows)
