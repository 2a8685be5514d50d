"""ZD228: rules/columns/change_visibility.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, MYSQL, USERS, assert_safe, finding, judged
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Phase


@pytest.mark.parametrize("flavour", [MYSQL, MARIADB])
def test_statements_that_list_their_columns_go_on(flavour: Flavour) -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY nick VARCHAR(50) INVISIBLE", flavour=flavour)
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "users.nick becomes INVISIBLE" in finding(change, "ZD228").reason
    assert "SELECT *" in finding(change, "ZD228").reason
