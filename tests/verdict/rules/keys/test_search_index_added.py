"""ZD303."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, EXPAND, SAFE, SHOP, check, says


def test_fulltext_is_needed_before_the_code_that_searches() -> None:
    found = says("ZD303", SHOP, "ALTER TABLE users ADD FULLTEXT ft (name, email)")
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="fails with 1191")
    assert [condition.name for condition in found.new_conditions] == ["index-before-search"]
    assert 'op.create_index("ft", "users", ["name", "email"], mysql_prefix="FULLTEXT")' in found.remedy


def test_spatial() -> None:
    base = "CREATE TABLE places (id INT PRIMARY KEY, at POINT NOT NULL SRID 4326)"
    check(says("ZD303", base, "CREATE SPATIAL INDEX sp ON places (at)"), SAFE, EXPAND, text="writes to places wait")
