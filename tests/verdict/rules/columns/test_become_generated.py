"""ZD224: rules/columns/become_generated.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, MYSQL, USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Phase
from zdsession.manifest import MappedColumn

SQL = "ALTER TABLE users MODIFY nick VARCHAR(50) AS (UPPER(name)) STORED"


@pytest.mark.parametrize(("flavour", "error"), [(MYSQL, "3105"), (MARIADB, "1906")])
def test_old_writes_are_refused(flavour: Flavour, error: str) -> None:
    (change,) = judged(USERS, SQL, flavour=flavour)
    assert_unsafe(change, phase=Phase.CONTRACT)
    said = finding(change, "ZD224")
    assert "users.nick becomes GENERATED ALWAYS AS" in said.reason
    assert error in said.reason


def test_manifests_that_never_write_it() -> None:
    mapped = manifest(users={"nick": MappedColumn("VARCHAR(50)", generated=True)})
    (change,) = judged(USERS, SQL, manifests=[mapped])
    assert_safe(change)
    (writes,) = judged(USERS, SQL, manifests=[manifest(users={"nick": "VARCHAR(50)"})])
    assert_unsafe(writes)
