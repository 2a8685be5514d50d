"""ZD302 over expressions, and ZD201 with a DEFAULT over columns: what a write must compute."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, MYSQL, USERS, assert_conditional, assert_safe, judged
from zdmigrate.flavour import Flavour


@pytest.mark.parametrize("expression", ["CAST(nick AS SIGNED)", "qty + 1"])
def test_an_index_over_an_expression_that_may_be_an_error(expression: str) -> None:
    (change,) = judged(USERS, f"ALTER TABLE users ADD INDEX i (({expression}))")
    assert_conditional(change, "expression-fits")


def test_an_index_over_lower_case_is_safe() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ADD INDEX i ((LOWER(nick)))")
    assert_safe(change)


@pytest.mark.parametrize(("flavour", "safe"), [(MYSQL, True), (MARIADB, False)])
def test_an_index_makes_mariadb_compute_a_virtual_column(flavour: Flavour, safe: bool) -> None:
    base = "CREATE TABLE t (id INT PRIMARY KEY, b INT, g INT AS (b + b) VIRTUAL)"
    (change,) = judged(base, "ALTER TABLE t ADD INDEX i (g)", flavour=flavour)
    if safe:
        assert_safe(change)
    else:
        assert_conditional(change, "expression-fits")


def test_a_default_over_a_column_that_may_be_null_or_too_long() -> None:
    for column in ("w VARCHAR(50) NOT NULL DEFAULT (nick)", "w VARCHAR(3) DEFAULT (UPPER(nick))"):
        (change,) = judged(USERS, f"ALTER TABLE users ADD {column}")
        assert_conditional(change, "expression-fits")
    for column in ("w VARCHAR(50) DEFAULT (nick)", "w VARCHAR(40) DEFAULT (UUID())"):
        (change,) = judged(USERS, f"ALTER TABLE users ADD {column}")
        assert_safe(change)
