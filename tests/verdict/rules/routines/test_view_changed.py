"""ZD502."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, EXPAND, SAFE, SHOP, check, manifest, says

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
