"""ZD543."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, NEUTRAL, SHOP, check, says


def test_names_mean_other_tables() -> None:
    found = says("ZD543", SHOP, "USE other")
    check(found, CONDITIONAL, NEUTRAL, "same-database", new=CONDITIONAL, text="After USE other")
