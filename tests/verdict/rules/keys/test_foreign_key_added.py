"""ZD320."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    NEUTRAL,
    SAFE,
    SHOP,
    UNSAFE,
    check,
    judged,
    manifest,
    says,
)
from tests.verdict.support import judged as judged_by_all
from zdmigrate.flavour import Flavour

ADD = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)"
NEW_COLUMN = "ALTER TABLE orders ADD COLUMN payer INT NULL"
ADD_ON_NEW = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (payer) REFERENCES users (id)"


def test_on_old_columns() -> None:
    found = says("ZD320", SHOP, ADD)
    check(found, UNSAFE, CONTRACT, text="fails with 1452, and a DELETE of a users row fails with 1451")
    assert (
        "SELECT 1 FROM `orders` AS child WHERE child.`user_id` IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM `users` AS parent WHERE parent.`id` = child.`user_id`) LIMIT 1" in found.remedy
    )
    assert found.remedy.endswith('4. contract: op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"])')
    assert judged(SHOP, ADD).phase is CONTRACT


def test_without_foreign_key_checks_it_is_no_better() -> None:
    found = says("ZD320", SHOP, "SET foreign_key_checks = 0", ADD)
    check(found, UNSAFE, CONTRACT, text="the orphans that are there stay, unverified")


def test_cascade() -> None:
    found = says("ZD320", SHOP, ADD + " ON DELETE CASCADE")
    check(found, UNSAFE, CONTRACT, text="also deletes the rows of orders")
    assert 'ondelete="CASCADE"' in found.remedy


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("", "fails with 1451 as long as a row of orders points at it"),
        (" ON DELETE SET NULL", "also sets payer of orders to NULL"),
        (" ON DELETE CASCADE ON UPDATE CASCADE", "an UPDATE of its id also changes payer of orders"),
    ],
)
def test_on_a_new_column_only_the_parent_side_is_left(action: str, what: str) -> None:
    found = says("ZD320", SHOP, NEW_COLUMN, ADD_ON_NEW + action)
    check(found, CONDITIONAL, CONTRACT, "parent-deletes-tolerate-children", text=what)


def test_a_new_column_with_a_default_is_checked() -> None:
    add = "ALTER TABLE orders ADD COLUMN payer INT NOT NULL DEFAULT 1"
    check(says("ZD320", SHOP, add, ADD_ON_NEW), UNSAFE, CONTRACT)


def test_parent_of_this_release() -> None:
    release = (
        "CREATE TABLE shops (id INT PRIMARY KEY)",
        "ALTER TABLE orders ADD COLUMN shop INT, ADD CONSTRAINT fk FOREIGN KEY (shop) REFERENCES shops (id)",
    )
    check(says("ZD320", SHOP, *release), SAFE, EXPAND, text="shops is created in this release")


def test_unmapped_child_column() -> None:
    deployed = [manifest(orders={"id": "INT NOT NULL"}, users={"id": "INT NOT NULL"})]
    found = says("ZD320", SHOP, ADD, manifests=deployed)
    check(found, CONDITIONAL, CONTRACT, "no-orphans", "parent-deletes-tolerate-children")
    assert "maps orders(id), not user_id" in found.evidence


def test_unmapped_child_and_parent() -> None:
    found = says("ZD320", SHOP, ADD, manifests=[manifest(other={"id": "INT NOT NULL"})])
    check(found, CONDITIONAL, CONTRACT, "no-orphans")
    assert "maps no table orders" in found.evidence
    assert "maps no table users" in found.evidence


def test_the_same_again_under_another_name_and_after_a_rename() -> None:
    check(says("ZD320", SHOP + ADD, ADD.replace("CONSTRAINT fk", "CONSTRAINT fk2")), SAFE, NEUTRAL)
    rename = "ALTER TABLE orders RENAME COLUMN user_id TO owner"
    check(says("ZD320", SHOP + ADD, rename), SAFE, NEUTRAL, text="old code already lives with it")


def test_references_inside_a_column_make_a_foreign_key_only_where_the_server_honours_them() -> None:
    base = "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE t (id INT PRIMARY KEY)"
    sql = "ALTER TABLE t ADD c INT REFERENCES p (id)"
    said = {
        name: [item.rule for item in judged_by_all(base, sql, flavour=Flavour.parse(name))[0].findings]
        for name in ("mysql:8.4", "mysql:9.7", "mariadb:10.11")
    }
    assert "ZD320" not in said["mysql:8.4"]
    assert "ZD320" in said["mysql:9.7"]
    assert "ZD320" in said["mariadb:10.11"]
