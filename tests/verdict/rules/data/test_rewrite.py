"""ZD406."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONTRACT, MYSQL, NEUTRAL, SHOP, UNKNOWN, UNSAFE, check, says
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recording import SessionState
from zdmigrate.history.syntax import Update
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.data.rewrite import RULE


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE users SET email = 'x'",
        "UPDATE users SET email = lower(email) WHERE id > 3",
        "UPDATE users u JOIN orders o ON o.user_id = u.id SET u.email = 'x'",
    ],
)
def test_other_values_than_old_code_wrote(sql: str) -> None:
    found = says("ZD406", SHOP, sql)
    check(found, UNSAFE, CONTRACT, text="Values of users.email that old code wrote, and reads, are replaced")
    assert found.remedy.startswith("1. expand: add users.email_new, nullable")


def test_member_old_code_does_not_know() -> None:
    widen = "ALTER TABLE users MODIFY status ENUM('new','done','hold') NOT NULL"
    found = says("ZD406", SHOP, widen, "UPDATE users SET status = 'hold' WHERE status = 'done'")
    check(found, UNSAFE, CONTRACT, text="'hold' is no member of users.status as old code knows it")


def test_null_old_code_does_not_expect() -> None:
    widen = "ALTER TABLE users MODIFY name VARCHAR(50) NULL"
    found = says("ZD406", SHOP, widen, "UPDATE users SET name = NULL")
    check(found, UNSAFE, CONTRACT, text="users.name was NOT NULL")


def test_unseen_table() -> None:
    check(says("ZD406", SHOP, "UPDATE shops SET a = 1", complete=False), UNSAFE, CONTRACT)


def test_column_that_turned_up_in_an_unseen_table() -> None:
    release = ("ALTER TABLE shops ADD COLUMN a INT", "UPDATE shops SET a = 1")
    found = says("ZD406", SHOP, *release, complete=False)
    assert found.old is UNKNOWN
    assert "Which it is was never seen" in found.reason
    assert "--schema dump.sql" in found.remedy


def test_unreadable_update() -> None:
    nothing = Catalog()
    context = Context(nothing, nothing, nothing, OldCode(nothing), MYSQL, SessionState(), None)
    (found,) = RULE.judge(Update(("users",), ()), context)
    assert (found.old, found.phase) == (UNKNOWN, NEUTRAL)
