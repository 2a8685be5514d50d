"""ZD206: rules/columns/replace.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, MYSQL, USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Phase


def test_the_values_are_gone() -> None:
    (change,) = judged(USERS, "ALTER TABLE users DROP COLUMN nick, ADD COLUMN nick TEXT")
    assert_unsafe(change, phase=Phase.SPLIT)
    said = finding(change, "ZD206")
    assert "users.nick is dropped and added again as TEXT" in said.reason
    assert 'op.add_column("users", sa.Column("nick_new", sa.Text(), nullable=True))' in said.remedy


@pytest.mark.parametrize(("flavour", "error"), [(MYSQL, "3105"), (MARIADB, "1906")])
def test_a_generated_successor_refuses_writes(flavour: Flavour, error: str) -> None:
    (change,) = judged(
        USERS,
        "ALTER TABLE users DROP COLUMN nick, ADD COLUMN nick VARCHAR(50) AS (UPPER(name)) VIRTUAL",
        flavour=flavour,
    )
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert error in finding(change, "ZD206").reason


def test_manifests_that_do_not_map_it() -> None:
    mapped = manifest(users={"id": "INT NOT NULL"})
    (change,) = judged(USERS, "ALTER TABLE users DROP COLUMN nick, ADD COLUMN nick TEXT", manifests=[mapped])
    assert_safe(change)
    (required,) = judged(USERS, "ALTER TABLE users DROP COLUMN nick, ADD COLUMN nick TEXT NOT NULL", manifests=[mapped])
    assert_unsafe(required)
    assert "1364" in finding(required, "ZD206").reason
