"""ZD305."""

from __future__ import annotations

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    MARIADB,
    NEUTRAL,
    SAFE,
    SHOP,
    check,
    manifest,
    says,
)


def test_plans_may_depend_on_it() -> None:
    found = says("ZD305", SHOP, "DROP INDEX ix_email ON users")
    check(found, CONDITIONAL, CONTRACT, "no-plan-depends-on-it", text="index hints that name it fail with 1176")
    assert found.remedy.splitlines()[0] == (
        '1. contract: op.execute("ALTER TABLE `users` ALTER INDEX `ix_email` INVISIBLE")'
    )
    assert found.remedy.endswith('3. contract: op.drop_index("ix_email", table_name="users")')


def test_mariadb_says_ignored() -> None:
    found = says("ZD305", SHOP, "DROP INDEX ix_email ON users", flavour=MARIADB)
    assert "ALTER INDEX `ix_email` IGNORED" in found.remedy
    assert "ALTER INDEX `ix_email` NOT IGNORED" in found.remedy


def test_a_longer_index_serves_its_queries() -> None:
    release = "ALTER TABLE users DROP INDEX ix_email, ADD INDEX ix2 (email, name)"
    check(says("ZD305", SHOP, release), SAFE, NEUTRAL, text="begins with the columns of ix_email")


def test_an_index_that_begins_otherwise_does_not() -> None:
    for index in ("(name, email)", "(email(10))", "(email DESC)"):
        release = f"ALTER TABLE users DROP INDEX ix_email, ADD INDEX ix2 {index}"
        check(says("ZD305", SHOP, release), CONDITIONAL, CONTRACT, "no-plan-depends-on-it")


def test_follows_a_renamed_column() -> None:
    release = "ALTER TABLE users DROP INDEX ix_email, CHANGE email mail VARCHAR(50), ADD INDEX ix2 (mail, id)"
    check(says("ZD305", SHOP, release), SAFE, NEUTRAL)


def test_goes_with_its_column() -> None:
    check(
        says("ZD305", SHOP, "ALTER TABLE users DROP COLUMN email"),
        SAFE,
        CONTRACT,
        text="the drop of the columns decides",
    )


def test_code_that_does_not_map_the_column_cannot_use_it() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    found = says("ZD305", SHOP, "DROP INDEX ix_email ON users", manifests=deployed)
    check(found, SAFE, CONTRACT)
    assert found.evidence.endswith("maps users(id), not email")
    check(
        says("ZD305", SHOP, "DROP INDEX ix_email ON users", manifests=[manifest(orders={"id": "INT"})]), SAFE, CONTRACT
    )
