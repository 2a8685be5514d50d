"""The evaluator of CHECK expressions."""

from __future__ import annotations

import pytest

from zdmigrate.history.catalog import Check, Column, ColumnType, Default, Generated
from zdmigrate.verdict.rules.keys.check_value import (
    UndecidedError,
    Value,
    columns_of,
    members,
    passes,
    value_when_omitted,
)


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        ("a > 0", None, True),
        ("a > 0", 1.0, True),
        ("a > 0", 0.0, False),
        ("a >= 0 AND a < 10", 10.0, False),
        ("a BETWEEN 1 AND 5", 3.0, True),
        ("a IS NOT NULL", None, False),
        ("a IS NULL OR a > 0", None, True),
        ("NOT (a IS NULL)", None, False),
        ("a IN ('x', 'y')", "x", True),
        ("a IN ('x', 'y')", "z", False),
        ("a IN ('x', 'y')", None, True),
        ("a IN ('x', 'y')", "X", None),  # the collation decides
        ("a IN (_utf8mb4'x')", "x", True),
        ("a <> 'x'", "z", True),
        ("a = -1", -1.0, True),
        ("char_length(a) > 3", None, True),
        ("char_length(a) > 3", "abcd", None),
        ("json_valid(a)", "x", None),
        ("coalesce(a, 0) > 0", None, None),
        ("coalesce(a, 0) > 0 OR a IS NULL", None, True),
        ("(`a` BETWEEN 1 AND 2) OR (a = 7)", 7.0, True),
        ("a NOT IN (1, 2)", 3.0, True),
        ("a NOT BETWEEN 1 AND 5", 3.0, False),
        ("NOT a LIKE 'x%'", None, True),
        ("a IS TRUE", 0.0, False),
        ("a + 1 > 0", None, True),
        ("(a)", 0.0, False),
        ("a <=> NULL", None, None),
        ("b > 0", None, None),
        ("a >", None, None),
    ],
)
def test_passes(expression: str, value: Value, expected: bool | None) -> None:
    assert passes(Check("ck", expression), {"a": value}) is expected


def test_columns() -> None:
    assert columns_of(Check("ck", "`A` > 0 AND b < a")) == ("a", "b")
    assert columns_of(Check("ck", "a > 'x")) is None
    assert columns_of(Check("n", "json_valid(`n`)", column="n")) == ("n",)


def test_members() -> None:
    assert members(Check("ck", "(`S` IN ('a', 'b'))")) == ("s", frozenset({"a", "b"}))
    assert members(Check("ck", "s > 1")) is None


def test_value_when_omitted() -> None:
    number = ColumnType("int")
    assert value_when_omitted(Column("a", number)) is None
    assert value_when_omitted(Column("a", number, nullable=False, default=Default("5"))) == 5
    assert value_when_omitted(Column("a", ColumnType("varchar", (9,)), default=Default("x"))) == "x"
    for column in (
        Column("a", number, nullable=False),
        Column("a", number, auto_increment=True),
        Column("a", number, generated=Generated("1")),
        Column("a", number, default=Default("now()", "now")),
    ):
        with pytest.raises(UndecidedError):
            value_when_omitted(column)
