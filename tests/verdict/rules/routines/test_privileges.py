"""ZD531."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    MYSQL,
    NEUTRAL,
    SAFE,
    SHOP,
    UNKNOWN,
    UNSAFE,
    check,
    says,
)
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recording import SessionState
from zdmigrate.history.syntax import Privilege
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.routines.privileges import RULE


@pytest.mark.parametrize("sql", ["GRANT SELECT ON app.* TO 'app'@'%'", "CREATE USER 'app'@'%'", "CREATE ROLE reader"])
def test_more_rights(sql: str) -> None:
    check(says("ZD531", SHOP, sql), SAFE, EXPAND, new=CONDITIONAL)


@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("REVOKE SELECT ON app.* FROM 'app'@'%'", "1142"),
        ("DROP USER 'app'@'%'", "1045"),
        ("DROP ROLE reader", "1142"),
        ("RENAME USER 'app'@'%' TO 'new'@'%'", "1045"),
    ],
)
def test_fewer_rights(sql: str, number: str) -> None:
    check(says("ZD531", SHOP, sql), UNSAFE, CONTRACT, text=number)


@pytest.mark.parametrize("sql", ["ALTER USER 'app'@'%' IDENTIFIED BY 'hunter2'", "SET PASSWORD = 'hunter2'"])
def test_other_password(sql: str) -> None:
    found = says("ZD531", SHOP, sql)
    check(found, CONDITIONAL, CONTRACT, "old-code-logs-in-otherwise", new=CONDITIONAL, text="1045")
    assert "hunter2" not in repr(found)


def test_second_password() -> None:
    sql = "ALTER USER 'app'@'%' IDENTIFIED BY 'hunter2' RETAIN CURRENT PASSWORD"
    check(says("ZD531", SHOP, sql), SAFE, EXPAND, text="old code logs in with the old password")


def test_own_session_and_unheard_of() -> None:
    check(says("ZD531", SHOP, "SET ROLE reader"), SAFE, NEUTRAL)
    nothing = Catalog()
    context = Context(nothing, nothing, nothing, OldCode(nothing), MYSQL, SessionState(), None)
    (found,) = RULE.judge(Privilege("BLESS USER", ""), context)
    assert found.old is UNKNOWN


def test_default_roles_are_the_accounts() -> None:
    for sql in ("SET DEFAULT ROLE NONE TO 'app'@'%'", "SET DEFAULT ROLE NONE FOR app", "set default role none"):
        check(says("ZD531", SHOP, sql), UNSAFE, CONTRACT, text="SET DEFAULT ROLE NONE takes away")
    found = says("ZD531", SHOP, "SET DEFAULT ROLE reader TO 'app'@'%'")
    check(found, CONDITIONAL, CONTRACT, "roles-suffice", new=CONDITIONAL)
