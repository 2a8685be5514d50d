"""Comparing column types: what changes, and which values still fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.flavour import DEFAULT_TARGET
from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.charsets import settle_type
from zdmigrate.history.statements import parse_type
from zdmigrate.verdict.types import TypeAspect, byte_capacity, compare_types, decodes, family, fits

A = TypeAspect

TEXTS = (
    "TINYINT",
    "TINYINT(1)",
    "SMALLINT",
    "MEDIUMINT UNSIGNED",
    "INT",
    "INT UNSIGNED",
    "BIGINT",
    "BIGINT UNSIGNED",
    "DECIMAL(10,2)",
    "DECIMAL(12,2)",
    "DECIMAL(12,4)",
    "DECIMAL(5)",
    "FLOAT",
    "DOUBLE",
    "FLOAT(7,4)",
    "BIT(1)",
    "BIT(8)",
    "CHAR(1)",
    "CHAR(10)",
    "VARCHAR(10)",
    "VARCHAR(300)",
    "TINYTEXT",
    "TEXT",
    "MEDIUMTEXT",
    "LONGTEXT",
    "VARCHAR(10) CHARACTER SET latin1",
    "VARCHAR(10) CHARACTER SET utf8mb3",
    "VARCHAR(10) COLLATE utf8mb4_bin",
    "BINARY(16)",
    "VARBINARY(16)",
    "BLOB",
    "ENUM('a','b')",
    "ENUM('a','b','c')",
    "ENUM('b','a')",
    "ENUM('a')",
    "SET('a','b')",
    "SET('a','b','c')",
    "DATE",
    "TIME",
    "TIME(3)",
    "DATETIME",
    "DATETIME(6)",
    "TIMESTAMP",
    "YEAR",
    "JSON",
    "POINT",
    "GEOMETRY",
)


def read(text: str) -> ColumnType:
    """The type as a table of a utf8mb4 schema would have it."""
    return settle_type(parse_type(text), ("utf8mb4", "utf8mb4_0900_ai_ci"), DEFAULT_TARGET)


any_type = st.sampled_from(TEXTS).map(read)


@pytest.mark.parametrize(
    ("before", "after", "aspects", "lossless"),
    [
        ("INT", "INT", set(), True),
        ("INT(11)", "INT", set(), True),
        ("INT", "BIGINT", {A.WIDENED, A.KIND}, True),
        ("BIGINT", "INT", {A.NARROWED, A.KIND}, False),
        ("INT", "INT UNSIGNED", {A.WIDENED, A.NARROWED, A.SIGNEDNESS}, False),
        ("INT UNSIGNED", "BIGINT", {A.WIDENED, A.KIND, A.SIGNEDNESS}, True),
        ("TINYINT(1)", "TINYINT", {A.DISPLAY}, True),
        ("DECIMAL(10,2)", "DECIMAL(12,2)", {A.WIDENED}, True),
        ("DECIMAL(10,2)", "DECIMAL(8,2)", {A.NARROWED}, False),
        ("DECIMAL(10,2)", "DECIMAL(10,4)", {A.WIDENED, A.NARROWED}, False),
        ("DECIMAL", "DECIMAL(10,0)", set(), True),
        ("FLOAT", "DOUBLE", {A.WIDENED, A.KIND}, True),
        ("DOUBLE", "FLOAT", {A.NARROWED, A.KIND}, False),
        ("VARCHAR(20)", "VARCHAR(21)", {A.WIDENED}, True),
        ("VARCHAR(20)", "VARCHAR(19)", {A.NARROWED}, False),
        ("VARCHAR(20)", "TEXT", {A.WIDENED, A.KIND}, True),
        ("VARCHAR(300)", "TINYTEXT", {A.NARROWED, A.KIND}, False),
        ("TEXT", "VARCHAR(500)", {A.NARROWED, A.KIND}, False),
        ("TEXT", "MEDIUMTEXT", {A.WIDENED, A.KIND}, True),
        ("CHAR(10)", "VARCHAR(10)", {A.KIND}, True),
        ("VARCHAR(10)", "CHAR(10)", {A.KIND, A.NARROWED}, False),
        ("BINARY(16)", "VARBINARY(16)", {A.KIND}, True),
        ("BINARY(4)", "BINARY(8)", {A.WIDENED, A.PADDED}, False),
        ("VARCHAR(10)", "VARBINARY(10)", {A.FAMILY}, False),
        ("INT", "VARCHAR(20)", {A.FAMILY}, False),
        ("TEXT", "JSON", {A.FAMILY}, False),
        ("DATE", "DATETIME", {A.FAMILY}, False),
        ("DATETIME", "DATETIME(6)", {A.FRACTION_RAISED}, True),
        ("DATETIME(6)", "DATETIME", {A.FRACTION_LOWERED}, False),
        ("TIMESTAMP", "DATETIME", {A.KIND, A.TIME_ZONE, A.WIDENED}, True),
        ("DATETIME", "TIMESTAMP", {A.KIND, A.TIME_ZONE, A.NARROWED}, False),
        ("ENUM('a','b')", "ENUM('a','b','c')", {A.MEMBERS_APPENDED}, True),
        ("ENUM('a','b')", "ENUM('a','x','b')", {A.MEMBERS_INSERTED}, True),
        ("ENUM('a','b')", "ENUM('b','a')", {A.MEMBERS_REORDERED}, True),
        ("ENUM('a','b')", "ENUM('a')", {A.MEMBERS_REMOVED}, False),
        ("ENUM('a','b')", "ENUM('a','c')", {A.MEMBERS_REMOVED, A.MEMBERS_APPENDED}, False),
        ("ENUM('a','b')", "ENUM('x','b','a','y')", {A.MEMBERS_REORDERED, A.MEMBERS_INSERTED, A.MEMBERS_APPENDED}, True),
        ("ENUM('a','bcd')", "VARCHAR(3)", {A.ENUM_TO_TEXT}, True),
        ("ENUM('a','bcd')", "VARCHAR(2)", {A.FAMILY}, False),
        ("VARCHAR(3)", "ENUM('a','b')", {A.FAMILY}, False),
        ("VARCHAR(9) CHARACTER SET utf8mb3", "VARCHAR(9)", {A.CHARSET_WIDENED, A.COLLATION}, True),
        (
            "VARCHAR(9) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci",
            "VARCHAR(9) COLLATE utf8mb4_general_ci",
            {A.CHARSET_WIDENED},
            True,
        ),
        ("VARCHAR(9)", "VARCHAR(9) CHARACTER SET latin1", {A.CHARSET_NARROWED, A.COLLATION}, False),
        ("VARCHAR(9)", "VARCHAR(9) COLLATE utf8mb4_bin", {A.COLLATION}, True),
        ("POINT", "GEOMETRY", {A.KIND, A.WIDENED}, True),
        ("GEOMETRY", "POINT", {A.KIND, A.NARROWED}, False),
        ("BIT(1)", "BIT(8)", {A.WIDENED}, True),
    ],
)
def test_what_changes(before: str, after: str, aspects: set[TypeAspect], lossless: bool) -> None:
    found = compare_types(read(before), read(after))
    assert found.aspects == aspects
    assert found.lossless is lossless
    assert found.same is not bool(aspects)


def test_members_added_and_removed() -> None:
    found = compare_types(read("ENUM('a','b')"), read("ENUM('b','c')"))
    assert (found.added, found.removed) == (("c",), ("a",))


def test_a_type_never_seen_is_unknown() -> None:
    found = compare_types(ColumnType("unknown"), read("INT"))
    assert found.aspects == {A.UNKNOWN}
    assert not found.lossless


def test_a_model_that_names_no_charset_fits_any() -> None:
    assert fits(parse_type("VARCHAR(10)"), read("VARCHAR(10) CHARACTER SET latin1"))
    assert not fits(read("VARCHAR(10)"), read("VARCHAR(10) CHARACTER SET latin1"))


def test_decoding_is_fitting_the_other_way() -> None:
    assert decodes(read("INT"), read("BIGINT"))
    assert not decodes(read("BIGINT"), read("INT"))
    assert not decodes(read("ENUM('a','b')"), read("ENUM('a')"))


@pytest.mark.parametrize(
    ("text", "size"),
    [("VARCHAR(20)", 80), ("CHAR(3) CHARACTER SET latin1", 3), ("VARBINARY(16)", 16), ("TEXT", 65_535), ("INT", None)],
)
def test_byte_capacity(text: str, size: int | None) -> None:
    assert byte_capacity(read(text)) == size


def test_families() -> None:
    assert family(read("TINYINT")) == family(read("BIGINT UNSIGNED")) == "integer"
    assert family(read("CHAR(1)")) == family(read("LONGTEXT")) == "text"
    assert family(read("YEAR")) == "year"


@given(any_type)
def test_nothing_changes_from_a_type_to_itself(column_type: ColumnType) -> None:
    assert compare_types(column_type, column_type).same
    assert fits(column_type, column_type)


@given(any_type, any_type)
def test_widening_one_way_is_narrowing_the_other(one: ColumnType, other: ColumnType) -> None:
    there, back = compare_types(one, other), compare_types(other, one)
    if there.has(A.WIDENED) and there.lossless and not there.has(A.TIME_ZONE):
        assert not back.lossless
    assert there.has(A.FRACTION_RAISED) == back.has(A.FRACTION_LOWERED)
    assert there.has(A.KIND) == back.has(A.KIND)
    assert (there.same and back.same) or not (there.same or back.same)


@given(any_type, any_type, any_type)
def test_fitting_is_transitive(one: ColumnType, two: ColumnType, three: ColumnType) -> None:
    if fits(one, two) and fits(two, three):
        assert fits(one, three)
