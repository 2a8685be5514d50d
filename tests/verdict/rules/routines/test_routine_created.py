"""ZD521."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, EXPAND, MARIADB, NEUTRAL, SAFE, SHOP, check, says

PROCEDURE = "CREATE PROCEDURE tidy() DELETE FROM orders"


def test_nobody_calls_it_yet() -> None:
    found = says("ZD521", SHOP, PROCEDURE)
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="New code that calls it on the old schema fails with 1305")


def test_an_event_runs_by_itself() -> None:
    found = says("ZD521", SHOP, "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders")
    check(found, CONDITIONAL, EXPAND, "event-keeps-old-meaning")
    assert "DISABLE DO" in found.remedy


def test_may_replace_one_never_seen() -> None:
    sql = PROCEDURE.replace("CREATE", "CREATE OR REPLACE")
    found = says("ZD521", SHOP, sql, flavour=MARIADB, complete=False)
    check(found, CONDITIONAL, EXPAND, "callers-tolerate-new-body", new=CONDITIONAL)


def test_the_same_again() -> None:
    again = PROCEDURE.replace("PROCEDURE", "PROCEDURE IF NOT EXISTS")
    check(says("ZD521", SHOP + PROCEDURE, again), SAFE, NEUTRAL, text="stands already")
