"""ZD330."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    MARIADB,
    MYSQL,
    NEUTRAL,
    SAFE,
    SHOP,
    UNSAFE,
    check,
    manifest,
    says,
)
from zdmigrate.flavour import Flavour

ADD = "ALTER TABLE orders ADD CONSTRAINT ck CHECK (price > 0)"


@pytest.mark.parametrize(("flavour", "number"), [(MYSQL, "3819"), (MARIADB, "4025")])
def test_old_code_may_violate_it(flavour: Flavour, number: str) -> None:
    found = says("ZD330", SHOP, ADD, flavour=flavour)
    check(found, UNSAFE, CONTRACT, text=f"that violates price > 0 fails with {number}")
    assert "SELECT 1 FROM `orders` WHERE NOT (price > 0) LIMIT 1" in found.remedy
    assert 'op.create_check_constraint("ck", "orders", "price > 0")' in found.remedy
    assert ("NOT ENFORCED" in found.remedy) == (flavour is MYSQL)


def test_not_enforced() -> None:
    check(says("ZD330", SHOP, ADD + " NOT ENFORCED"), SAFE, EXPAND, text="NOT ENFORCED")


@pytest.mark.parametrize(
    ("definition", "verdict"),
    [
        ("VARCHAR(9) NULL", SAFE),
        ("VARCHAR(9) NOT NULL DEFAULT 'card'", SAFE),
        ("VARCHAR(9) NOT NULL DEFAULT 'none'", UNSAFE),
        ("VARCHAR(9) NOT NULL", UNSAFE),
        ("VARCHAR(9) AS (concat('c', 'ard'))", UNSAFE),
    ],
)
def test_about_a_new_column_alone(definition: str, verdict: object) -> None:
    sql = f"ALTER TABLE orders ADD COLUMN pay {definition}, ADD CONSTRAINT ck CHECK (pay IN ('card', 'cash'))"
    found = says("ZD330", SHOP, sql)
    assert found.old is verdict
    assert found.phase is (EXPAND if verdict is SAFE else CONTRACT)


def test_about_a_new_column_and_an_old_one() -> None:
    sql = "ALTER TABLE orders ADD COLUMN pay INT, ADD CONSTRAINT ck CHECK (pay < price)"
    check(says("ZD330", SHOP, sql), UNSAFE, CONTRACT)


def test_unmapped_column_leaves_the_rows_that_are_there() -> None:
    deployed = [manifest(orders={"id": "INT NOT NULL"})]
    found = says("ZD330", SHOP, ADD, manifests=deployed)
    check(found, CONDITIONAL, CONTRACT, "no-violating-rows")
    assert found.conditions[0].proof == "SELECT 1 FROM `orders` WHERE NOT (price > 0) LIMIT 1"
    assert "not price" in found.evidence


def test_unmapped_column_whose_default_violates() -> None:
    base = SHOP + "ALTER TABLE orders ADD COLUMN n INT NOT NULL DEFAULT 0"
    deployed = [manifest(orders={"id": "INT NOT NULL"})]
    sql = "ALTER TABLE orders ADD CONSTRAINT ck CHECK (n > 0)"
    check(says("ZD330", base, sql, manifests=deployed), UNSAFE, CONTRACT)


def test_the_same_under_another_name() -> None:
    base = SHOP + ADD
    release = "ALTER TABLE orders DROP CHECK ck, ADD CONSTRAINT ck2 CHECK (price > 0)"
    check(says("ZD330", base, release), SAFE, NEUTRAL, text="it says what ck says")
