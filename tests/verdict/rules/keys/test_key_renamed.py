"""ZD307."""

from __future__ import annotations

from tests.verdict.rules.scene import NEUTRAL, SAFE, SHOP, check, says


def test_statements_do_not_name_indexes() -> None:
    found = says("ZD307", SHOP, "ALTER TABLE users RENAME INDEX ix_email TO ix_mail")
    check(found, SAFE, NEUTRAL, text="INDEX (ix_email) fails with 1176")


def test_errors_do() -> None:
    found = says("ZD307", SHOP, "ALTER TABLE users RENAME INDEX uq_name TO uq_n")
    check(found, SAFE, NEUTRAL, text="looks for uq_name in the text of a 1062 error")
