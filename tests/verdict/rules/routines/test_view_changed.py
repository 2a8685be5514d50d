"""ZD502."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, EXPAND, SAFE, SHOP, check, manifest, rules_that_speak, says

BASE = SHOP + "CREATE VIEW mails AS SELECT id, email FROM users"
CHANGE = "CREATE OR REPLACE VIEW mails AS SELECT email FROM users"


def test_other_definition() -> None:
    found = says("ZD502", BASE, CHANGE)
    check(found, CONDITIONAL, EXPAND, "view-keeps-old-meaning", new=CONDITIONAL, text="fails with 1054")
    assert "CREATE VIEW `mails_v2` AS" in found.remedy


def test_unmapped() -> None:
    found = says("ZD502", BASE, CHANGE, manifests=[manifest(users={"id": "INT NOT NULL"})])
    check(found, SAFE, EXPAND, new=CONDITIONAL)
    assert "maps no table mails" in found.evidence


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("CREATE OR REPLACE ALGORITHM=TEMPTABLE VIEW {}", "ALGORITHM=TEMPTABLE: no row can be written"),
        ("CREATE OR REPLACE VIEW {} WITH CHECK OPTION", "fails with 1369"),
        ("CREATE OR REPLACE DEFINER=`app`@`%` VIEW {}", "DEFINER=app@%: an account"),
        ("ALTER SQL SECURITY INVOKER VIEW {}", "SQL SECURITY INVOKER: an account"),
    ],
)
def test_another_option(sql: str, text: str) -> None:
    found = says("ZD502", BASE, sql.format("mails AS SELECT id, email FROM users"))
    check(found, CONDITIONAL, EXPAND, "view-options-suit-old-code", new=CONDITIONAL, text=text)


def test_an_option_taken_away() -> None:
    base = SHOP + "CREATE VIEW mails AS SELECT id, email FROM users WITH LOCAL CHECK OPTION"
    found = says("ZD502", base, "CREATE OR REPLACE VIEW mails AS SELECT id, email FROM users")
    check(found, CONDITIONAL, EXPAND, "view-options-suit-old-code", new=CONDITIONAL, text="is no longer an option")


@pytest.mark.parametrize(
    ("made", "replaced"),
    [
        ("CREATE VIEW", "CREATE OR REPLACE VIEW"),
        ("CREATE VIEW", "CREATE OR REPLACE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW"),
        ("CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW", "CREATE OR REPLACE VIEW"),
        ("CREATE DEFINER=`root`@`%` VIEW", "CREATE OR REPLACE DEFINER='root'@'%' VIEW"),
        ("CREATE SQL SECURITY INVOKER VIEW", "ALTER VIEW"),
    ],
)
def test_the_same_text_and_options(made: str, replaced: str) -> None:
    text = "mails AS SELECT id, email FROM users"
    assert says("ZD501", f"{SHOP}{made} {text}", f"{replaced} {text}").old is SAFE
    assert "ZD502" not in rules_that_speak(f"{SHOP}{made} {text}", f"{replaced} {text}")
