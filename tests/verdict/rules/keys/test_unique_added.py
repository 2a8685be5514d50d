"""ZD301."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    SAFE,
    SHOP,
    SPLIT,
    UNSAFE,
    check,
    manifest,
    says,
)


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("CREATE UNIQUE INDEX uq ON users (email)", "`email`"),
        ("ALTER TABLE users ADD CONSTRAINT uq UNIQUE (email)", "`email`"),
        ("CREATE UNIQUE INDEX uq ON users (email, status)", "`email`, `status`"),
        ("CREATE UNIQUE INDEX uq ON users (name(10))", "LEFT(`name`, 10)"),
        ("CREATE UNIQUE INDEX uq ON users ((lower(name)))", "(lower(name))"),
    ],
)
def test_old_code_may_write_duplicates(sql: str, value: str) -> None:
    found = says("ZD301", SHOP, sql)
    check(found, UNSAFE, CONTRACT, text="fails with 1062 Duplicate entry for key uq")
    assert f"SELECT {value}, COUNT(*) FROM `users`" in found.remedy
    assert f"GROUP BY {value} HAVING COUNT(*) > 1 LIMIT 1" in found.remedy
    assert '4. contract: op.create_index("uq", "users", [' in found.remedy


@pytest.mark.parametrize("columns", ["name", "name, email", "email, name", "id, email", "name, status"])
def test_an_existing_unique_key_on_a_part_of_the_columns_already_refuses(columns: str) -> None:
    found = says("ZD301", SHOP, f"CREATE UNIQUE INDEX uq ON users ({columns})")
    check(found, SAFE, EXPAND, text=f"uq on users({columns}) cannot collide")


def test_the_narrow_key_may_go_in_the_same_alter_but_not_before() -> None:
    exchange = "ALTER TABLE users DROP INDEX uq_name, ADD UNIQUE uq (name, email)"
    check(says("ZD301", SHOP, exchange), SAFE, EXPAND)
    late = says("ZD301", SHOP, "DROP INDEX uq_name ON users", "CREATE UNIQUE INDEX uq ON users (name, email)")
    check(late, UNSAFE, CONTRACT)


def test_a_prefix_of_an_existing_unique_column_is_narrower() -> None:
    check(says("ZD301", SHOP, "CREATE UNIQUE INDEX uq ON users (name(10), id)"), SAFE, EXPAND)
    check(says("ZD301", SHOP, "CREATE UNIQUE INDEX uq ON users (name(10))"), UNSAFE, CONTRACT)


def test_new_nullable_column_stays_null() -> None:
    found = says("ZD301", SHOP, "ALTER TABLE users ADD COLUMN code INT NULL UNIQUE")
    check(found, SAFE, EXPAND, text="hold NULL there, and NULLs never collide")


def test_new_nullable_column_beside_an_old_one_collides_when_new_code_has_filled_it() -> None:
    release = ("ALTER TABLE users ADD COLUMN code INT NULL", "CREATE UNIQUE INDEX uq ON users (email, code)")
    check(
        says("ZD301", SHOP, *release), CONDITIONAL, EXPAND, "no-colliding-updates", text="when new code has filled code"
    )


@pytest.mark.parametrize("definition", ["INT NOT NULL DEFAULT 5", "INT DEFAULT 5", "VARCHAR(9) NOT NULL"])
def test_new_column_with_one_value_cannot_be_unique(definition: str) -> None:
    found = says("ZD301", SHOP, f"ALTER TABLE users ADD COLUMN code {definition} UNIQUE")
    check(found, UNSAFE, SPLIT, text="1062 Duplicate entry")
    lines = found.remedy.splitlines()
    assert lines[0].startswith('1. expand: op.add_column("users", sa.Column("code", ')
    assert "nullable=True" in lines[0]
    assert "server_default" not in found.remedy
    assert lines[3] == '4. contract: op.create_index("code", "users", ["code"], unique=True)'
    assert (len(lines) == 5) == ("NOT NULL" in definition)


def test_new_column_with_a_constant_tells_nothing_apart() -> None:
    add = "ALTER TABLE users ADD COLUMN tenant INT NOT NULL DEFAULT 1"
    check(says("ZD301", SHOP, add, "CREATE UNIQUE INDEX uq ON users (name, tenant)"), SAFE, EXPAND)
    check(says("ZD301", SHOP, add, "CREATE UNIQUE INDEX uq ON users (email, tenant)"), UNSAFE, CONTRACT)


def test_new_column_with_values_of_the_server() -> None:
    add = "ALTER TABLE users ADD COLUMN code CHAR(36) NOT NULL DEFAULT (uuid())"
    found = says("ZD301", SHOP, add, "CREATE UNIQUE INDEX uq ON users (code)")
    check(found, SAFE, EXPAND, text="a value of its own for every row")


def test_new_generated_column_may_collide() -> None:
    add = "ALTER TABLE users ADD COLUMN low VARCHAR(50) AS (lower(email)) VIRTUAL"
    check(says("ZD301", SHOP, add, "CREATE UNIQUE INDEX uq ON users (low)"), UNSAFE, CONTRACT)


def test_unmapped_columns_leave_only_the_rows_that_are_there() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL", "name": "VARCHAR(50) NOT NULL"})]
    found = says("ZD301", SHOP, "CREATE UNIQUE INDEX uq ON users (email)", manifests=deployed)
    check(found, CONDITIONAL, CONTRACT, "no-duplicates", text="Old code never writes users(email)")
    assert found.conditions[0].proof == (
        "SELECT `email`, COUNT(*) FROM `users` WHERE `email` IS NOT NULL GROUP BY `email` HAVING COUNT(*) > 1 LIMIT 1"
    )
    assert "maps users(id, name), not email" in found.evidence


def test_unmapped_column_with_a_default_collides_with_every_insert() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    check(says("ZD301", SHOP, "CREATE UNIQUE INDEX uq ON users (status)", manifests=deployed), UNSAFE, CONTRACT)


def test_unseen_table() -> None:
    check(says("ZD301", SHOP, "CREATE UNIQUE INDEX uq ON shops (code)", complete=False), UNSAFE, CONTRACT)
