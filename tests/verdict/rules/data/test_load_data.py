"""ZD409."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, MIGRATE, SAFE, SHOP, check, says


def test_what_the_file_holds_is_not_in_the_statement() -> None:
    found = says("ZD409", SHOP, "LOAD DATA INFILE '/tmp/x' INTO TABLE orders")
    check(found, CONDITIONAL, MIGRATE, "rows-fit-old-code", new=CONDITIONAL, text="puts into orders")


def test_new_table() -> None:
    check(says("ZD409", SHOP, "CREATE TABLE t (a INT)", "LOAD DATA INFILE '/tmp/x' INTO TABLE t"), SAFE, MIGRATE)
