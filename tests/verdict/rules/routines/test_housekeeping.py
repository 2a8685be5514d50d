"""ZD542."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, NEUTRAL, SAFE, SHOP, check, says


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM users", "SHOW TABLES", "BEGIN", "COMMIT", "SAVEPOINT a", "UNLOCK TABLES"]
)
def test_changes_nothing(sql: str) -> None:
    check(says("ZD542", SHOP, sql), SAFE, NEUTRAL)


@pytest.mark.parametrize("sql", ["LOCK TABLES users WRITE", "FLUSH TABLES WITH READ LOCK"])
def test_makes_old_code_wait(sql: str) -> None:
    check(says("ZD542", SHOP, sql), CONDITIONAL, NEUTRAL, "short-lock", new=CONDITIONAL)


def test_kill() -> None:
    check(says("ZD542", SHOP, "KILL 7"), CONDITIONAL, NEUTRAL, "kills-no-app", new=CONDITIONAL)
