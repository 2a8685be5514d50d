"""ZD405."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, MIGRATE, SAFE, SHOP, check, manifest, rules_that_speak, says


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE users SET email = '' WHERE email IS NULL",
        "UPDATE users SET email = '' WHERE email IS NULL AND id < 100",
        "UPDATE users SET email = COALESCE(email, '')",
        "UPDATE users SET email = IFNULL(`email`, '')",
    ],
)
def test_null_may_mean_something_else(sql: str) -> None:
    found = says("ZD405", SHOP, sql)
    check(found, CONDITIONAL, MIGRATE, "null-means-the-same", text="Rows whose users.email is NULL get")


def test_recipe() -> None:
    found = says("ZD405", SHOP, "UPDATE users SET email = '' WHERE email IS NULL")
    assert found.conditions[0].text == "Old code treats '' in users.email as it treats NULL."
    assert "SET `email` = '' WHERE `email` IS NULL LIMIT 1000" in found.remedy


def test_other_guards_do_not_count() -> None:
    for sql in (
        "UPDATE users SET email = '' WHERE name IS NULL",
        "UPDATE users SET email = '' WHERE email IS NULL OR id = 1",
        "UPDATE users JOIN orders ON users.id = orders.user_id SET users.email = COALESCE(orders.email, '')",
    ):
        assert rules_that_speak(SHOP, sql) == ["ZD406"]


def test_a_column_that_holds_no_null() -> None:
    assert rules_that_speak(SHOP, "UPDATE users SET name = '' WHERE name IS NULL") == ["ZD404"]


def test_member_old_code_does_not_know() -> None:
    base = "CREATE TABLE jobs (id INT PRIMARY KEY, state ENUM('a'))"
    release = ("ALTER TABLE jobs MODIFY state ENUM('a','b')", "UPDATE jobs SET state = 'b' WHERE state IS NULL")
    assert rules_that_speak(base, *release) == ["ZD406"]


def test_deployed_versions_that_know_no_null_prove_it() -> None:
    sql = "UPDATE users SET email = '' WHERE email IS NULL"
    strict = manifest(users={"id": "INT", "email": "VARCHAR(50) NOT NULL"})
    found = says("ZD405", SHOP, sql, manifests=[strict])
    check(found, SAFE, MIGRATE, text="maps it NOT NULL")
    assert "users.email as VARCHAR(50) NOT NULL" in found.evidence
    loose = manifest("0.9", users={"id": "INT", "email": "VARCHAR(50)"})
    check(says("ZD405", SHOP, sql, manifests=[strict, loose]), CONDITIONAL, MIGRATE, "null-means-the-same")
    leaves_out = manifest("0.8", users={"id": "INT"})
    check(says("ZD405", SHOP, sql, manifests=[strict, leaves_out]), CONDITIONAL, MIGRATE, "null-means-the-same")
