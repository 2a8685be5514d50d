"""ZD403."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, EXPAND, SAFE, SHOP, UNSAFE, check, manifest, says

ROW = "INSERT INTO orders (id, price) VALUES (1, 2) ON DUPLICATE KEY UPDATE "


@pytest.mark.parametrize("update", ["id = id", "id = VALUES(id)", "orders.price = orders.price"])
def test_upsert_that_keeps_what_is_there(update: str) -> None:
    check(says("ZD403", SHOP, ROW + update), SAFE, EXPAND, new=CONDITIONAL)


def test_upsert_that_overwrites() -> None:
    found = says("ZD403", SHOP, ROW + "price = VALUES(price)")
    check(found, UNSAFE, CONTRACT, text="orders.price is overwritten")
    assert "INSERT IGNORE INTO `orders`" in found.remedy


def test_upsert_of_a_new_column() -> None:
    release = ("ALTER TABLE orders ADD COLUMN note INT", ROW + "note = 1")
    check(says("ZD403", SHOP, *release), SAFE, EXPAND, new=CONDITIONAL)


def test_replace() -> None:
    check(says("ZD403", SHOP, "REPLACE INTO orders (id) VALUES (1)"), UNSAFE, CONTRACT, text="REPLACE deletes the row")
    new = ("CREATE TABLE t (a INT PRIMARY KEY)", "REPLACE INTO t VALUES (1)")
    check(says("ZD403", SHOP, *new), SAFE, EXPAND, new=CONDITIONAL)
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    found = says("ZD403", SHOP, "REPLACE INTO orders (id) VALUES (1)", manifests=deployed)
    check(found, SAFE, EXPAND, new=CONDITIONAL)


def test_value_old_code_cannot_decode() -> None:
    widen = "ALTER TABLE users MODIFY status ENUM('new','done','hold') NOT NULL"
    upsert = "INSERT INTO users (id, name) VALUES (1, 'a') ON DUPLICATE KEY UPDATE status = 'hold'"
    check(says("ZD403", SHOP, widen, upsert), UNSAFE, CONTRACT, text="LookupError")
