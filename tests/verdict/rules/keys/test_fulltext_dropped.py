"""ZD306."""

from __future__ import annotations

from tests.verdict.rules.scene import CONTRACT, NEUTRAL, SAFE, SHOP, UNSAFE, check, manifest, says

BASE = SHOP + "ALTER TABLE users ADD FULLTEXT ft (name, email)"


def test_match_against_fails() -> None:
    found = says("ZD306", BASE, "DROP INDEX ft ON users")
    check(found, UNSAFE, CONTRACT, text="MATCH (name, email) AGAINST (...), which fails in old code with 1191")
    assert '3. contract: op.drop_index("ft", table_name="users")' in found.remedy


def test_a_twin_serves_it() -> None:
    twin = BASE + "; ALTER TABLE users ADD FULLTEXT ft2 (name, email)"
    check(says("ZD306", twin, "DROP INDEX ft ON users"), SAFE, NEUTRAL, text="ft2 on the same columns")
    check(says("ZD306", BASE, "ALTER TABLE users DROP INDEX ft, ADD FULLTEXT ft2 (name)"), UNSAFE, CONTRACT)


def test_code_that_does_not_map_a_column_cannot_search_by_it() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL", "name": "VARCHAR(50)"})]
    found = says("ZD306", BASE, "DROP INDEX ft ON users", manifests=deployed)
    check(found, SAFE, CONTRACT)
    assert "not email" in found.evidence


def test_goes_with_its_columns() -> None:
    release = "ALTER TABLE users DROP COLUMN name, DROP COLUMN email"
    check(says("ZD306", BASE, release), SAFE, CONTRACT, text="goes with its columns")
