"""ZD503."""

from __future__ import annotations

from tests.verdict.rules.scene import (
    CONTRACT,
    NEUTRAL,
    SAFE,
    SHOP,
    UNSAFE,
    check,
    judged,
    manifest,
    rules_that_speak,
    says,
)

BASE = SHOP + "CREATE VIEW mails AS SELECT id, email FROM users; CREATE VIEW ids AS SELECT id FROM mails"
UNMAPPED = [manifest(users={"id": "INT NOT NULL"})]


def test_statements_that_name_it_fail() -> None:
    found = says("ZD503", BASE, "DROP VIEW ids")
    check(found, UNSAFE, CONTRACT, text="fails with 1146 (Table 'ids' doesn't exist)")
    assert '3. contract: op.execute("DROP VIEW `ids`")' in found.remedy


def test_a_view_that_reads_it_fails_too() -> None:
    check(says("ZD503", BASE, "DROP VIEW mails", manifests=UNMAPPED), UNSAFE, CONTRACT, text="fails with 1356")


def test_unmapped() -> None:
    found = says("ZD503", BASE, "DROP VIEW ids", manifests=UNMAPPED)
    check(found, SAFE, CONTRACT)
    assert "maps no table ids" in found.evidence


def test_never_seen() -> None:
    check(says("ZD503", SHOP, "DROP VIEW a", complete=False), UNSAFE, CONTRACT)
    assert len(judged(SHOP, "DROP VIEW a, b", complete=False).findings) == 2
    check(says("ZD503", SHOP, "DROP VIEW IF EXISTS a"), SAFE, NEUTRAL, text="There is no view a")


def test_of_this_release() -> None:
    assert rules_that_speak(SHOP, "CREATE VIEW v AS SELECT id FROM users", "DROP VIEW v") == []
