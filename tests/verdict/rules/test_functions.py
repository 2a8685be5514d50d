"""ZD903: rules/functions.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Verdict

BASE = (
    f"{USERS}; CREATE TABLE orders (id INT PRIMARY KEY); "
    "CREATE FUNCTION wipe() RETURNS INT BEGIN DELETE FROM orders; RETURN 1; END"
)


@pytest.mark.parametrize(
    "sql",
    [
        "SET @x = wipe()",
        "DO wipe()",
        "SELECT wipe()",
        "INSERT INTO n VALUES (wipe())",
        "INSERT INTO users (name) VALUES (wipe())",
        "UPDATE users SET added = wipe()",
        "DELETE FROM n WHERE a = wipe()",
        "CREATE TABLE m SELECT wipe() AS a",
        "DO never_seen(1)",
    ],
)
def test_a_stored_function_may_write(sql: str) -> None:
    *_, change = judged(BASE, "CREATE TABLE n (a INT)", "ALTER TABLE users ADD added INT", sql)
    assert change.old is Verdict.UNKNOWN
    said = finding(change, "ZD903")
    assert "(), which may write" in said.reason


def test_built_in_functions_are_known() -> None:
    statements = (
        "SELECT NOW()",
        "SET @x = CONCAT('a', UUID())",
        "DO SLEEP(1)",
        "INSERT INTO users (name) VALUES (HEX(1))",
    )
    for change in judged(BASE, *statements, flavour=MARIADB):
        assert_safe(change)
