"""ZD216: rules/columns/append_member.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict
from zdsession.manifest import MappedColumn

MODIFY = "ALTER TABLE users MODIFY status ENUM('new','done','hold') NOT NULL DEFAULT 'new'"


def test_readers_must_accept_it_before_anyone_writes_it() -> None:
    (change,) = judged(USERS, MODIFY)
    (condition,) = assert_conditional(change, "readers-accept-member", phase=Phase.EXPAND)
    assert "users.status accepts 'hold'" in condition.text
    assert "LookupError" in condition.text
    assert change.new is Verdict.UNSAFE
    assert "1265" in finding(change, "ZD216").reason


@pytest.mark.parametrize(
    ("mapped", "safe"),
    [
        (MappedColumn("ENUM('new','done')", nullable=False, members=("new", "done")), False),
        (MappedColumn("ENUM('new','done','hold')", nullable=False, members=("new", "done", "hold")), True),
        (MappedColumn("VARCHAR(20)", nullable=False), True),
        (MappedColumn("VARCHAR(20)", nullable=False, members=("new", "done")), False),
    ],
)
def test_manifests_say_what_readers_accept(mapped: MappedColumn, safe: bool) -> None:
    (change,) = judged(USERS, MODIFY, manifests=[manifest(users={"status": mapped})])
    if safe:
        assert_safe(change)
    else:
        assert_conditional(change, "readers-accept-member")


def test_a_set_is_judged_alike() -> None:
    (change,) = judged("CREATE TABLE t (a SET('x'))", "ALTER TABLE t MODIFY a SET('x','y')")
    assert_conditional(change, "readers-accept-member")
