"""ZD331."""

from __future__ import annotations

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    NEUTRAL,
    SAFE,
    SHOP,
    check,
    manifest,
    phase_of_revision,
    says,
)

BASE = SHOP + "ALTER TABLE orders ADD CONSTRAINT ck CHECK (price > 0)"
DROP = "ALTER TABLE orders DROP CHECK ck"


def test_readers_may_meet_what_it_kept_out() -> None:
    found = says("ZD331", BASE, DROP)
    check(found, CONDITIONAL, EXPAND, "readers-tolerate-any-value", new=CONDITIONAL, text="against price > 0")
    assert 'op.drop_constraint("ck", "orders", type_="check")' in found.remedy


def test_unmapped_column() -> None:
    found = says("ZD331", BASE, DROP, manifests=[manifest(orders={"id": "INT NOT NULL"})])
    check(found, SAFE, EXPAND)
    assert "not price" in found.evidence


def test_not_enforced() -> None:
    check(says("ZD331", BASE + " NOT ENFORCED", DROP), SAFE, NEUTRAL)


def test_another_goes_on_checking() -> None:
    release = DROP + ", ADD CONSTRAINT ck2 CHECK (price > 0)"
    check(says("ZD331", BASE, release), SAFE, NEUTRAL, text="ck2 goes on checking the same")


def test_what_prepares_the_drop_of_its_column_belongs_to_that() -> None:
    assert phase_of_revision(BASE, DROP, "ALTER TABLE orders DROP COLUMN price") is CONTRACT


def test_with_its_column() -> None:
    check(says("ZD331", BASE, DROP + ", DROP COLUMN price"), SAFE, CONTRACT, text="the drop of the columns decides")
