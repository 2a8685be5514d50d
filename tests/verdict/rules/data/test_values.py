"""Which literals a column can hold."""

from __future__ import annotations

import pytest

from zdmigrate.history.statements import parse_type
from zdmigrate.verdict.rules.data.values import Misfit, in_words, misfit_of


@pytest.mark.parametrize(
    ("column_type", "value", "expected"),
    [
        ("ENUM('a','b')", "A", None),
        ("ENUM('a','b')", "c", Misfit.MEMBER),
        ("ENUM('a','b')", 1, None),
        ("SET('a','b')", "a,b", None),
        ("SET('a','b')", "a,c", Misfit.MEMBER),
        ("SET('a','b')", "", None),
        ("VARCHAR(3)", "abc", None),
        ("VARCHAR(3)", "abcd", Misfit.SIZE),
        ("BINARY(2)", b"abc", Misfit.SIZE),
        ("TINYTEXT", "x" * 256, Misfit.SIZE),
        ("TINYTEXT", "x" * 255, None),
        ("TINYINT", 127, None),
        ("TINYINT", "128", Misfit.SIZE),
        ("TINYINT UNSIGNED", 255, None),
        ("TINYINT UNSIGNED", -1, Misfit.SIZE),
        ("TINYINT", True, None),
        ("INT", "abc", None),
        ("DECIMAL(5,2)", 999.99, None),
        ("DECIMAL(5,2)", 1000, Misfit.SIZE),
        ("DECIMAL(5)", 99999, None),
        ("DECIMAL(5)", 100000, Misfit.SIZE),
        ("DATE", "2026-01-01", None),
    ],
)
def test_misfit(column_type: str, value: object, expected: Misfit | None) -> None:
    assert misfit_of(value, [parse_type(column_type)]) is expected


def test_in_words() -> None:
    assert in_words(None) == "NULL"
    assert in_words("it's") == '"it\'s"'
    assert in_words(7) == "7"
    assert in_words("x" * 99) == "'" + "x" * 35 + "...'"
