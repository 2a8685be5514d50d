"""ZD404."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import MIGRATE, NEUTRAL, SAFE, SHOP, check, manifest, rules_that_speak, says

ADD = "ALTER TABLE users ADD COLUMN full_name VARCHAR(90)"


def test_new_column() -> None:
    found = says("ZD404", SHOP, ADD, "UPDATE users SET full_name = name")
    check(found, SAFE, MIGRATE, text="users.full_name, which this release adds, is filled")
    assert "UPDATE `users` SET `full_name` = ... WHERE `full_name` IS NULL AND `id` BETWEEN" in found.remedy


def test_on_update_columns_move_along() -> None:
    base = SHOP + "ALTER TABLE users ADD COLUMN changed DATETIME DEFAULT NOW() ON UPDATE NOW()"
    found = says("ZD404", base, ADD, "UPDATE users SET full_name = name")
    check(found, SAFE, MIGRATE, text="changed of users has ON UPDATE CURRENT_TIMESTAMP")
    assert "`changed` = `changed`" in found.remedy
    kept = says("ZD404", base, ADD, "UPDATE users SET full_name = name, changed = changed")
    assert "ON UPDATE" not in kept.reason


def test_unmapped_column() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    found = says("ZD404", SHOP, "UPDATE users SET email = ''", manifests=deployed)
    check(found, SAFE, MIGRATE, text="which the deployed code does not map")
    assert found.evidence.endswith("maps users(id), not email")


def test_new_table() -> None:
    check(says("ZD404", SHOP, "CREATE TABLE t (a INT)", "UPDATE t SET a = 1"), SAFE, MIGRATE)


@pytest.mark.parametrize("sql", ["UPDATE users SET email = email", "UPDATE users SET email = 'x' WHERE 1 = 0"])
def test_nothing_changes(sql: str) -> None:
    check(says("ZD404", SHOP, sql), SAFE, NEUTRAL, text="no value changes, or no row can match")


def test_each_column_is_judged() -> None:
    assert rules_that_speak(SHOP, ADD, "UPDATE users SET full_name = name, email = 'x'") == ["ZD404", "ZD406"]


def test_new_column_of_a_renamed_table() -> None:
    release = (ADD, "RENAME TABLE users TO people", "UPDATE people SET full_name = name")
    check(says("ZD404", SHOP, *release), SAFE, MIGRATE)
