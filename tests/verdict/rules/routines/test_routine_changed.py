"""ZD522."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, EXPAND, MARIADB, SHOP, check, says


def test_callers_meet_the_new_body() -> None:
    base = SHOP + "CREATE PROCEDURE tidy() DELETE FROM orders"
    found = says("ZD522", base, "CREATE OR REPLACE PROCEDURE tidy() DELETE FROM users", flavour=MARIADB)
    check(found, CONDITIONAL, EXPAND, "callers-tolerate-new-body", new=CONDITIONAL, text="1318")
    assert "tidy_v2" in found.remedy


def test_event() -> None:
    base = SHOP + "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders"
    release = ("DROP EVENT tidy", "CREATE EVENT tidy ON SCHEDULE EVERY 2 DAY DO DELETE FROM orders")
    found = says("ZD522", base, *release)
    check(found, CONDITIONAL, EXPAND, "event-keeps-old-meaning", new=CONDITIONAL)
