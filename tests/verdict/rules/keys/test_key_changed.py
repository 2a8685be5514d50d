"""ZD309."""

from __future__ import annotations

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    NEUTRAL,
    SAFE,
    SHOP,
    UNSAFE,
    check,
    says,
)

WIDE = SHOP + "CREATE UNIQUE INDEX uq ON users (email, status)"


def test_narrowed_unique_key() -> None:
    found = says("ZD309", WIDE, "ALTER TABLE users DROP INDEX uq, ADD UNIQUE uq (email)")
    check(found, UNSAFE, CONTRACT, text="1062")


def test_unique_key_that_loses_a_dropped_column() -> None:
    found = says("ZD309", WIDE, "ALTER TABLE users DROP COLUMN status")
    check(found, UNSAFE, CONTRACT, text="1062")


def test_widened_unique_key() -> None:
    found = says("ZD309", SHOP, "ALTER TABLE users DROP INDEX uq_name, ADD UNIQUE uq_name (name, status)")
    check(found, SAFE, EXPAND, new=CONDITIONAL, text="still succeeds")


def test_unique_key_made_plain_and_back() -> None:
    plain = "ALTER TABLE users DROP INDEX uq_name, ADD INDEX uq_name (name)"
    check(says("ZD309", SHOP, plain), SAFE, EXPAND, new=CONDITIONAL)
    unique = "ALTER TABLE users DROP INDEX ix_email, ADD UNIQUE ix_email (email)"
    check(says("ZD309", SHOP, unique), UNSAFE, CONTRACT)


def test_index_on_other_columns() -> None:
    found = says("ZD309", SHOP, "ALTER TABLE users DROP INDEX ix_email, ADD INDEX ix_email (status)")
    check(found, CONDITIONAL, CONTRACT, "no-plan-depends-on-it")
    assert found.remedy.startswith('1. expand: op.create_index("ix_email_new", "users", ["status"])')
    longer = says("ZD309", SHOP, "ALTER TABLE users DROP INDEX ix_email, ADD INDEX ix_email (email, status)")
    check(longer, SAFE, NEUTRAL)


def test_index_that_loses_a_dropped_column() -> None:
    base = SHOP + "CREATE INDEX ix ON users (email, status)"
    found = says("ZD309", base, "ALTER TABLE users DROP COLUMN status")
    check(found, SAFE, CONTRACT, text="loses the columns that are dropped")


def test_details() -> None:
    found = says("ZD309", SHOP, "ALTER TABLE users DROP INDEX ix_email, ADD INDEX ix_email (email) COMMENT 'x'")
    check(found, SAFE, NEUTRAL, text="keeps its columns")


def test_fulltext() -> None:
    base = SHOP + "ALTER TABLE users ADD FULLTEXT ft (name)"
    change = "ALTER TABLE users DROP INDEX ft, ADD FULLTEXT ft (name, email)"
    check(says("ZD309", base, change), UNSAFE, CONTRACT, text="1191")
    parser = "ALTER TABLE users DROP INDEX ft, ADD FULLTEXT ft (name) WITH PARSER ngram"
    found = says("ZD309", base, parser)
    check(found, CONDITIONAL, CONTRACT, "search-tolerates-parser", new=CONDITIONAL, text="the parser ngram")
