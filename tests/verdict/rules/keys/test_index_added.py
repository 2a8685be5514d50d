"""ZD302."""

from __future__ import annotations

from tests.verdict.rules.scene import EXPAND, NEUTRAL, SAFE, SHOP, check, rules_that_speak, says


def test_a_plain_index_changes_no_result() -> None:
    found = says("ZD302", SHOP, "CREATE INDEX ix ON users (status, name(10))")
    check(found, SAFE, EXPAND, text="The index ix on users(status, name(10)) changes no result of old code")


def test_the_index_of_a_foreign_key_goes_with_it() -> None:
    release = "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id)"
    check(says("ZD302", SHOP, release), SAFE, NEUTRAL, text="The server makes the index fk")


def test_new_tables_are_free() -> None:
    assert not rules_that_speak(SHOP, "CREATE TABLE t (a INT)", "CREATE INDEX ix ON t (a)")
