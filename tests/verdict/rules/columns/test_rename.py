"""ZD207: rules/columns/rename.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, MYSQL, USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Phase, Verdict


def test_both_versions_break() -> None:
    (change,) = judged(USERS, "ALTER TABLE users RENAME COLUMN nick TO alias")
    assert_unsafe(change, phase=Phase.SPLIT)
    assert change.new is Verdict.UNSAFE
    said = finding(change, "ZD207")
    assert "1054 (Unknown column 'nick')" in said.reason
    assert "1054 (Unknown column 'alias')" in said.reason
    assert 'alias = mapped_column("nick", sa.String(50))' in said.remedy
    assert 'op.add_column("users", sa.Column("alias", sa.String(50), nullable=True))' in said.remedy


@pytest.mark.parametrize(("flavour", "error"), [(MYSQL, "3105"), (MARIADB, "1906")])
def test_a_generated_column_of_the_old_name_refuses_writes(flavour: Flavour, error: str) -> None:
    (change,) = judged(
        "CREATE TABLE posts (id INT PRIMARY KEY, qty INT)",
        "ALTER TABLE posts RENAME COLUMN id TO uid, ADD COLUMN id INT AS (uid)",
        flavour=flavour,
    )
    assert_unsafe(change)
    assert {item.rule for item in change.findings if item.old is Verdict.UNSAFE} == {"ZD207"}
    assert any(error in item.reason and "SELECTs work" in item.reason for item in change.findings)


def test_a_new_column_of_the_old_name_does_not_hold_its_values() -> None:
    _, second = judged(
        USERS, "ALTER TABLE users RENAME COLUMN nick TO alias", "ALTER TABLE users ADD COLUMN nick VARCHAR(50)"
    )
    assert_unsafe(second)
    assert "does not hold its values" in finding(second, "ZD207").reason


def test_a_later_statement_on_the_renamed_column_is_not_blamed() -> None:
    _, second = judged(
        USERS,
        "ALTER TABLE users RENAME COLUMN nick TO alias",
        "ALTER TABLE users MODIFY alias VARCHAR(50) COMMENT 'shown'",
    )
    assert_safe(second, phase=Phase.NEUTRAL)


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(
        USERS,
        "ALTER TABLE users CHANGE nick alias VARCHAR(50)",
        manifests=[manifest(users={"id": "INT NOT NULL"})],
    )
    assert_safe(change, phase=Phase.EXPAND)
    assert change.new is Verdict.UNSAFE


def test_another_spelling_is_no_rename() -> None:
    (change,) = judged(USERS, "ALTER TABLE users RENAME COLUMN nick TO Nick")
    assert_safe(change)
