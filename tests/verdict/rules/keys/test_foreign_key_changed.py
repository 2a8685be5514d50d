"""ZD323."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, NEUTRAL, SAFE, SHOP, UNSAFE, check, manifest, says

FK = SHOP + "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)"
CHANGE = "ALTER TABLE orders DROP FOREIGN KEY fk, ADD CONSTRAINT fk2 FOREIGN KEY (user_id) REFERENCES "


@pytest.mark.parametrize("actions", ["", " ON DELETE RESTRICT"])
def test_another_name(actions: str) -> None:
    check(says("ZD323", FK, CHANGE + "users (id)" + actions), SAFE, NEUTRAL, text="only names differ")


def test_renamed_parent() -> None:
    check(says("ZD323", FK, "RENAME TABLE users TO people"), SAFE, NEUTRAL)


def test_other_actions() -> None:
    found = says("ZD323", FK, CHANGE + "users (id) ON DELETE CASCADE")
    check(found, CONDITIONAL, CONTRACT, "tolerates-new-actions", new=CONDITIONAL)
    assert "fails with 1451 as long as a row of orders points at it under ON DELETE NO ACTION" in found.reason
    assert "also deletes the rows of orders that point at it under ON DELETE CASCADE" in found.reason
    assert "ALTER TABLE `orders` DROP FOREIGN KEY `fk`, ADD CONSTRAINT `fk2`" in found.remedy


def test_unmapped_parent() -> None:
    deployed = [manifest(orders={"id": "INT NOT NULL"})]
    found = says("ZD323", FK, CHANGE + "users (id) ON DELETE CASCADE", manifests=deployed)
    check(found, SAFE, CONTRACT)
    assert found.evidence


def test_another_parent() -> None:
    base = FK + "; CREATE TABLE people (id INT PRIMARY KEY)"
    check(says("ZD323", base, CHANGE + "people (id)"), UNSAFE, CONTRACT, text="1452")
