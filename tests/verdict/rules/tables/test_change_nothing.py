"""ZD113: rules/tables/change_nothing.py."""

from __future__ import annotations

from tests.verdict.support import MARIADB, USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase


def test_what_is_there_already() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ALTER qty SET DEFAULT 0")
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "leaves users as it is" in finding(change, "ZD113").reason


def test_if_exists_finds_nothing() -> None:
    column, table = judged(
        USERS, "ALTER TABLE users DROP COLUMN IF EXISTS city", "ALTER TABLE IF EXISTS orders ADD a INT", flavour=MARIADB
    )
    assert_safe(column, phase=Phase.NEUTRAL)
    assert_safe(table, phase=Phase.NEUTRAL)


def test_a_temporary_table() -> None:
    _, change = judged("", "CREATE TEMPORARY TABLE scratch (id INT)", "ALTER TABLE scratch ADD a INT NOT NULL")
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "temporary table" in finding(change, "ZD113").reason


def test_a_refused_statement_is_not_called_nothing() -> None:
    (change,) = judged(USERS, "ALTER TABLE users DROP COLUMN city")
    assert [item.rule for item in change.findings] == ["ZD912"]
