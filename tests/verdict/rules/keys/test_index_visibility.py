"""ZD308."""

from __future__ import annotations

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    MARIADB,
    NEUTRAL,
    SAFE,
    SHOP,
    check,
    judged,
    says,
)

HIDE = "ALTER TABLE users ALTER INDEX ix_email INVISIBLE"


def test_hiding_is_the_trial_before_a_drop() -> None:
    found = says("ZD308", SHOP, HIDE)
    check(found, CONDITIONAL, CONTRACT, "no-plan-depends-on-it", text="undone in an instant")
    assert "ALTER INDEX `ix_email` VISIBLE" in found.remedy
    assert [item.rule for item in judged(SHOP, HIDE).findings] == ["ZD308"]


def test_mariadb() -> None:
    found = says("ZD308", SHOP, "ALTER TABLE users ALTER INDEX ix_email IGNORED", flavour=MARIADB)
    check(found, CONDITIONAL, CONTRACT, "no-plan-depends-on-it", text="becomes IGNORED")


def test_a_hidden_unique_key_still_refuses() -> None:
    found = says("ZD308", SHOP, "ALTER TABLE users ALTER INDEX uq_name INVISIBLE")
    check(found, CONDITIONAL, CONTRACT, "no-plan-depends-on-it", text="goes on refusing duplicates (1062)")


def test_another_index_serves() -> None:
    check(says("ZD308", SHOP + "CREATE INDEX ix2 ON users (email, id)", HIDE), SAFE, NEUTRAL, text="serves its queries")


def test_showing() -> None:
    check(says("ZD308", SHOP + HIDE, "ALTER TABLE users ALTER INDEX ix_email VISIBLE"), SAFE, EXPAND)
