"""ZD541."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, NEUTRAL, SAFE, SHOP, UNSAFE, check, says


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SET foreign_key_checks = 0", "orphans stay"),
        ("SET SESSION unique_checks = 0", "duplicates"),
        ("SET sql_mode = ''", "Not strict"),
        ("SET lock_wait_timeout = 2", "gives up (1205)"),
        ("SET @x = 1", "user variable"),
        ("SET SESSION group_concat_max_len = 9", "own session alone"),
    ],
)
def test_own_session(sql: str, text: str) -> None:
    check(says("ZD541", SHOP, sql), SAFE, NEUTRAL, text=text)


def test_strict_mode_is_not_lamented() -> None:
    assert "Not strict" not in says("ZD541", SHOP, "SET sql_mode = 'STRICT_TRANS_TABLES'").reason


@pytest.mark.parametrize("scope", ["GLOBAL", "PERSIST"])
def test_server(scope: str) -> None:
    found = says("ZD541", SHOP, f"SET {scope} max_connections = 5")
    name = "server-setting-suits-old-code"
    check(found, CONDITIONAL, NEUTRAL, name, new=CONDITIONAL, text="outlives the migration")


@pytest.mark.parametrize("name", ["read_only", "super_read_only"])
def test_read_only(name: str) -> None:
    check(says("ZD541", SHOP, f"SET GLOBAL {name} = ON"), UNSAFE, CONTRACT, new=UNSAFE, text="1290")
    check(
        says("ZD541", SHOP, f"SET GLOBAL {name} = 0"),
        CONDITIONAL,
        NEUTRAL,
        "server-setting-suits-old-code",
        new=CONDITIONAL,
    )


def test_not_logged() -> None:
    found = says("ZD541", SHOP, "SET sql_log_bin = 0")
    check(found, CONDITIONAL, NEUTRAL, "every-server-changed-by-hand", new=CONDITIONAL)
