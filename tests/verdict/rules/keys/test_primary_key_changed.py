"""ZD312."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, SHOP, UNSAFE, check, rules_that_speak, says

PAIRS = "CREATE TABLE pairs (a INT, b INT, c INT, PRIMARY KEY (a, b))"


def test_extension() -> None:
    found = says("ZD312", SHOP, "ALTER TABLE orders DROP PRIMARY KEY, ADD PRIMARY KEY (id, price)")
    check(
        found,
        CONDITIONAL,
        CONTRACT,
        "no-reliance-on-primary-key",
        new=CONDITIONAL,
        text="grows from (id) to (id, price)",
    )
    assert "DROP PRIMARY KEY, ADD PRIMARY KEY (`id`, `price`)" in found.remedy


def test_narrowing_collides() -> None:
    found = says("ZD312", PAIRS, "ALTER TABLE pairs DROP PRIMARY KEY, ADD PRIMARY KEY (a)")
    check(found, UNSAFE, CONTRACT, text="1062")


def test_another_order() -> None:
    found = says("ZD312", PAIRS, "ALTER TABLE pairs DROP PRIMARY KEY, ADD PRIMARY KEY (b, a)")
    check(found, CONDITIONAL, CONTRACT, "no-plan-depends-on-it", new=CONDITIONAL)


def test_a_renamed_column_is_no_change() -> None:
    assert not rules_that_speak(PAIRS, "ALTER TABLE pairs RENAME COLUMN a TO z")
