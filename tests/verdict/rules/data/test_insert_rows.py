"""ZD401."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    NEUTRAL,
    SAFE,
    SHOP,
    UNKNOWN,
    UNSAFE,
    check,
    manifest,
    says,
)

WIDER_ENUM = "ALTER TABLE users MODIFY status ENUM('new','done','hold') NOT NULL DEFAULT 'new'"


def test_rows_old_code_could_have_written() -> None:
    found = says("ZD401", SHOP, "INSERT INTO users (name, status) VALUES ('ann', 'new'), ('bob', 'DONE')")
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="Old code could have written these rows into users itself")
    assert "knows all rows of users by heart" in found.reason
    assert "INSERT IGNORE INTO `users`" in found.remedy


def test_without_a_column_list() -> None:
    found = says("ZD401", SHOP, "INSERT INTO orders VALUES (1, 2, 3)")
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="names no columns")


def test_member_that_old_code_does_not_know() -> None:
    found = says("ZD401", SHOP, WIDER_ENUM, "INSERT INTO users (name, status) VALUES ('ann', 'hold')")
    check(found, UNSAFE, CONTRACT, text="'hold' is no member of users.status as old code knows it")
    assert "LookupError" in found.reason
    assert found.column == "status"


def test_value_by_position() -> None:
    found = says("ZD401", SHOP, WIDER_ENUM, "INSERT INTO users VALUES (1, NULL, 'ann', 'hold')")
    check(found, UNSAFE, CONTRACT)


def test_member_the_manifest_does_not_know() -> None:
    base = "CREATE TABLE jobs (id INT PRIMARY KEY, state VARCHAR(20))"
    deployed = [manifest(jobs={"id": "INT NOT NULL", "state": "ENUM('new','done')"})]
    found = says("ZD401", base, "INSERT INTO jobs (id, state) VALUES (1, 'hold')", manifests=deployed)
    check(found, UNSAFE, CONTRACT, text="LookupError")


@pytest.mark.parametrize(
    ("widen", "values", "name"),
    [
        ("MODIFY name VARCHAR(50) NULL", "(name) VALUES (NULL)", "tolerates-null"),
        ("MODIFY name VARCHAR(90) NOT NULL", f"(name) VALUES ('{'x' * 60}')", "reads-wide-values"),
        ("MODIFY status VARCHAR(9) NOT NULL", "(name, status) VALUES ('a', UPPER('x'))", "values-fit-old-code"),
    ],
)
def test_values_only_the_widened_column_can_hold(widen: str, values: str, name: str) -> None:
    found = says("ZD401", SHOP, f"ALTER TABLE users {widen}", f"INSERT INTO users {values}")
    check(found, CONDITIONAL, EXPAND, name)


def test_number_beyond_the_old_range() -> None:
    release = ("ALTER TABLE orders MODIFY price BIGINT", "INSERT INTO orders (id, price) VALUES (1, 3000000000)")
    check(
        says("ZD401", SHOP, *release), CONDITIONAL, EXPAND, "reads-wide-values", text="3000000000 is longer or larger"
    )


def test_new_column_is_not_old_codes() -> None:
    release = ("ALTER TABLE orders ADD COLUMN note VARCHAR(5)", "INSERT INTO orders (id, note) VALUES (1, 'abcdefgh')")
    check(says("ZD401", SHOP, *release), SAFE, EXPAND, new=CONDITIONAL)


def test_tables_old_code_does_not_read() -> None:
    release = ("CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)")
    check(says("ZD401", SHOP, *release), SAFE, EXPAND, new=CONDITIONAL, text="created in this release")
    temporary = ("CREATE TEMPORARY TABLE t (a INT)", "INSERT INTO t VALUES (1)")
    check(says("ZD401", SHOP, *temporary), SAFE, NEUTRAL)
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    found = says("ZD401", SHOP, "INSERT INTO orders (id) VALUES (1)", manifests=deployed)
    check(found, SAFE, EXPAND, new=CONDITIONAL)
    assert "maps no table orders" in found.evidence


def test_unseen_table() -> None:
    check(says("ZD401", SHOP, "INSERT INTO shops (a) VALUES (1)", complete=False), SAFE, EXPAND, new=CONDITIONAL)


def test_the_largest_id_leaves_none_for_old_code() -> None:
    for sql in (
        "INSERT INTO users (id, name) VALUES (2147483647, 'a')",
        "INSERT INTO users VALUES (2147483647, 'a@b', 'a', 'new')",
        "INSERT INTO users (name, id) VALUES ('a', 1), ('b', '2147483647')",
    ):
        check(says("ZD401", SHOP, sql), UNSAFE, CONTRACT, text="users.id holds")
    assert says("ZD401", SHOP, "INSERT INTO users (id, name) VALUES (2147483, 'a')").old is SAFE
    release = ("SET INSERT_ID = 2147483647", "INSERT INTO users (name) VALUES ('a')")
    check(says("ZD401", SHOP, *release), UNSAFE, CONTRACT, text="users.id holds")


def test_a_table_in_a_database_nobody_saw() -> None:
    for table in ("shop.users", "shop.other", "Users"):
        found = says("ZD401", SHOP, f"INSERT INTO {table} (name) VALUES ('a')")
        assert found.old is UNKNOWN
        assert "is not known" in found.reason
