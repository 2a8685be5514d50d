"""Values at the edges of types: values.py."""

from __future__ import annotations

from decimal import Decimal

import pytest

from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.statements import parse_type
from zdmigrate.proof.values import edges, literal, plain

_TYPES = (
    "TINYINT", "INT UNSIGNED", "BIGINT", "DECIMAL(10,2)", "DECIMAL(3,3)", "FLOAT", "DOUBLE", "FLOAT(7,2)", "BIT(8)",
    "CHAR(1)", "VARCHAR(2)", "VARCHAR(300)", "TINYTEXT", "TEXT", "LONGTEXT", "BINARY(4)", "VARBINARY(9)", "TINYBLOB",
    "BLOB", "ENUM('a','b')", "SET('a','b')", "DATE", "DATETIME(3)", "TIMESTAMP", "TIME", "YEAR", "JSON",
)  # fmt: skip


@pytest.mark.parametrize("kind", _TYPES)
def test_every_type_has_ordinary_values_and_edges(kind: str) -> None:
    found = parse_type(kind)
    assert plain(found, 0) is not None
    assert edges(found)
    assert edges(found, spare=True)
    assert len(set(edges(found))) == len(edges(found))


def test_ordinary_values_differ_where_the_type_has_room() -> None:
    for kind in ("TINYINT", "DECIMAL(10,2)", "VARCHAR(20)", "DATE", "DATETIME", "VARBINARY(20)", "JSON"):
        assert len({plain(parse_type(kind), number) for number in range(100)}) == 100, kind


def test_edges_are_the_longest_the_largest_and_what_is_not_ascii() -> None:
    assert {2**31 - 1, -(2**31), 0} <= set(edges(parse_type("INT")))
    assert Decimal("99999999.99") in edges(parse_type("DECIMAL(10,2)"))
    texts = edges(parse_type("VARCHAR(5) CHARACTER SET utf8mb4"))
    assert "zzzzz" in texts
    assert "😀😀😀😀z" in texts
    assert "" in texts
    assert edges(parse_type("ENUM('a','b','c')")) == ("a", "b", "c")
    assert all(ord(letter) < 128 for item in edges(parse_type("CHAR(5) CHARACTER SET ascii")) for letter in str(item))


def test_an_unknown_type_has_no_value() -> None:
    assert plain(ColumnType("unknown"), 0) is None


def test_literals_are_sql() -> None:
    assert literal(None) == "NULL"
    assert literal("it's \\") == "'it''s \\\\'"
    assert literal(b"\x00a") == "x'0061'"
    assert literal(Decimal("1.50")) == "1.50"
