"""ZD501."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, EXPAND, NEUTRAL, SAFE, SHOP, check, says

VIEW = "CREATE VIEW mails AS SELECT email FROM users"


def test_new_view() -> None:
    found = says("ZD501", SHOP, VIEW)
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="Old code does not know the view mails")
    assert "1146" in found.reason


def test_in_place_of_a_table() -> None:
    release = ("RENAME TABLE orders TO bills", "CREATE VIEW orders AS SELECT * FROM bills")
    found = says("ZD501", SHOP, *release)
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="takes the name of a table of old code")


def test_may_replace_one_never_seen() -> None:
    found = says("ZD501", SHOP, VIEW.replace("CREATE", "CREATE OR REPLACE"), complete=False)
    check(found, CONDITIONAL, EXPAND, "view-keeps-old-meaning", new=CONDITIONAL)


def test_the_same_again() -> None:
    check(says("ZD501", SHOP + VIEW, VIEW.replace("CREATE", "CREATE OR REPLACE")), SAFE, NEUTRAL)
