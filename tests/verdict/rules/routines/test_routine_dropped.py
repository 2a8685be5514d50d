"""ZD523."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, NEUTRAL, SAFE, SHOP, UNSAFE, check, says


def test_calls_fail() -> None:
    found = says("ZD523", SHOP + "CREATE PROCEDURE tidy() DELETE FROM orders", "DROP PROCEDURE tidy")
    check(found, UNSAFE, CONTRACT, text="1305 (PROCEDURE tidy does not exist)")
    function = SHOP + "CREATE FUNCTION one() RETURNS INT DETERMINISTIC RETURN 1"
    check(says("ZD523", function, "DROP FUNCTION one"), UNSAFE, CONTRACT)


def test_event() -> None:
    base = SHOP + "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders"
    check(says("ZD523", base, "DROP EVENT tidy"), CONDITIONAL, CONTRACT, "nobody-needs-the-event")


def test_never_seen() -> None:
    check(says("ZD523", SHOP, "DROP PROCEDURE tidy", complete=False), UNSAFE, CONTRACT)
    check(says("ZD523", SHOP, "DROP PROCEDURE IF EXISTS tidy"), SAFE, NEUTRAL)
