"""ZD322."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import (
    CONTRACT,
    EXPAND,
    NEUTRAL,
    SAFE,
    SHOP,
    UNSAFE,
    check,
    manifest,
    phase_of_revision,
    says,
)

FK = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)"
DROP = "ALTER TABLE orders DROP FOREIGN KEY fk"


@pytest.mark.parametrize("action", ["", " ON DELETE RESTRICT ON UPDATE NO ACTION"])
def test_that_only_refused(action: str) -> None:
    check(says("ZD322", SHOP + FK + action, DROP), SAFE, EXPAND, text="no longer refused (1452, 1451)")


@pytest.mark.parametrize("action", ["ON DELETE CASCADE", "ON DELETE SET NULL", "ON UPDATE CASCADE"])
def test_that_did_something_for_old_code(action: str) -> None:
    found = says("ZD322", f"{SHOP}{FK} {action}", DROP)
    check(found, UNSAFE, CONTRACT, text=f"Old code may count on {action} of fk")
    assert found.remedy.endswith('op.drop_constraint("fk", "orders", type_="foreignkey")')


def test_unmapped_parent() -> None:
    deployed = [manifest(orders={"id": "INT NOT NULL"})]
    found = says("ZD322", f"{SHOP}{FK} ON DELETE CASCADE", DROP, manifests=deployed)
    check(found, SAFE, EXPAND)
    assert found.evidence


def test_with_its_column_it_belongs_to_the_contract_step() -> None:
    check(says("ZD322", SHOP + FK, DROP + ", DROP COLUMN user_id"), SAFE, CONTRACT)


def test_what_prepares_the_drop_of_its_column_belongs_to_that() -> None:
    column = "ALTER TABLE orders DROP COLUMN user_id"
    assert phase_of_revision(SHOP + FK, DROP, "ALTER TABLE orders DROP INDEX fk", column) is CONTRACT
    assert phase_of_revision(SHOP + FK, DROP, "DROP TABLE orders") is CONTRACT
    assert phase_of_revision(SHOP + FK, DROP, "ALTER TABLE orders DROP COLUMN price") is EXPAND


def test_renamed_column() -> None:
    rename = "ALTER TABLE orders RENAME COLUMN user_id TO owner"
    check(says("ZD322", SHOP + FK, rename), SAFE, NEUTRAL, text="old code notices nothing")
