"""ZD532."""

from __future__ import annotations

from tests.verdict.rules.scene import CONTRACT, EXPAND, NEUTRAL, SAFE, SHOP, UNSAFE, check, says


def test_drop() -> None:
    check(says("ZD532", SHOP, "DROP DATABASE foo_db"), UNSAFE, CONTRACT, text="1049 (Unknown database)")


def test_create_and_alter() -> None:
    check(says("ZD532", SHOP, "CREATE DATABASE foo_db"), SAFE, EXPAND)
    check(says("ZD532", SHOP, "ALTER DATABASE foo_db CHARACTER SET utf8mb4"), SAFE, NEUTRAL)


def test_read_only() -> None:
    found = says("ZD532", SHOP, "ALTER DATABASE foo_db READ ONLY = 1")
    check(found, UNSAFE, CONTRACT, new=UNSAFE, text="3989")
