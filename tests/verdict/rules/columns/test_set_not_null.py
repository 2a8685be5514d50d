"""ZD208: rules/columns/set_not_null.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, MYSQL, USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Phase

MODIFY = "ALTER TABLE users MODIFY nick VARCHAR(50) NOT NULL"


def test_old_code_writes_null() -> None:
    (change,) = judged(USERS, MODIFY)
    assert_unsafe(change, phase=Phase.CONTRACT)
    said = finding(change, "ZD208")
    assert "1048 (Column 'nick' cannot be null)" in said.reason
    assert "1364" in said.reason
    assert "SELECT 1 FROM `users` WHERE `nick` IS NULL LIMIT 1" in said.reason
    assert 'contract: op.alter_column("users", "nick", nullable=False, existing_type=sa.String(50))' in said.remedy


def test_a_default_does_not_help_an_orm() -> None:
    (change,) = judged(USERS, f"{MODIFY} DEFAULT ''")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert "sends NULL explicitly" in finding(change, "ZD208").reason


def test_a_backfill_in_the_release_changes_nothing() -> None:
    *_, last = judged(USERS, "UPDATE users SET nick = '' WHERE nick IS NULL", MODIFY)
    assert_unsafe(last)


@pytest.mark.parametrize(("flavour", "error"), [(MYSQL, "1138"), (MARIADB, "1265")])
def test_the_error_of_the_alter_itself(flavour: Flavour, error: str) -> None:
    (change,) = judged(USERS, MODIFY, flavour=flavour)
    assert error in finding(change, "ZD208").reason


def test_the_default_dropped_afterwards_is_said_again() -> None:
    _, second = judged(USERS, f"{MODIFY} DEFAULT ''", "ALTER TABLE users ALTER nick DROP DEFAULT")
    assert_unsafe(second)
    assert "1364" in finding(second, "ZD208").reason


def test_manifests_that_never_write_null() -> None:
    always = manifest(users={"id": "INT NOT NULL", "nick": "VARCHAR(50) NOT NULL"})
    (change,) = judged(USERS, MODIFY, manifests=[always])
    assert_safe(change, phase=Phase.CONTRACT)
    assert "users.nick as VARCHAR(50) NOT NULL" in finding(change, "ZD208").evidence


def test_a_column_no_manifest_maps_is_left_out_of_inserts() -> None:
    without = manifest(users={"id": "INT NOT NULL"})
    (change,) = judged(USERS, MODIFY, manifests=[without])
    assert_unsafe(change)
    assert "1364" in finding(change, "ZD208").reason
    assert "1048" not in finding(change, "ZD208").reason
    (defaulted,) = judged(USERS, f"{MODIFY} DEFAULT ''", manifests=[without])
    assert_safe(defaulted)


def test_restating_not_null_is_nothing() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY name VARCHAR(60) NOT NULL")
    assert_safe(change, phase=Phase.EXPAND)
