"""ZD110: rules/tables/rebuild.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Phase


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE users FORCE",
        "ALTER TABLE users ENGINE=InnoDB",
        "ALTER TABLE users ORDER BY name",
        "OPTIMIZE TABLE users",
        "ANALYZE TABLE users",
        "ALTER TABLE users DISABLE KEYS",
    ],
)
def test_every_row_stays(sql: str) -> None:
    (change,) = judged(USERS, sql)
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "every row stays" in finding(change, "ZD110").reason
