"""ZD511."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    EXPAND,
    MARIADB,
    NEUTRAL,
    SAFE,
    SHOP,
    UNSAFE,
    check,
    manifest,
    says,
)

ADD = "ALTER TABLE users ADD COLUMN full_name VARCHAR(90)"
NEW_TABLE = "CREATE TABLE mails (id INT PRIMARY KEY, email VARCHAR(50))"


def trigger(body: str, when: str = "BEFORE INSERT ON users") -> str:
    return f"CREATE TRIGGER tr {when} FOR EACH ROW {body}"


def test_changes_what_old_code_writes() -> None:
    found = says("ZD511", SHOP, trigger("SET NEW.name = trim(NEW.name)"))
    check(found, CONDITIONAL, EXPAND, "trigger-keeps-old-meaning", text="writes users.name")


@pytest.mark.parametrize(
    "body",
    [
        "SIGNAL SQLSTATE '45000'",
        "BEGIN IF NEW.email IS NULL THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; END",
    ],
)
def test_raises(body: str) -> None:
    check(says("ZD511", SHOP, trigger(body)), UNSAFE, CONTRACT, text="1644")


@pytest.mark.parametrize(
    "body",
    [
        "SET NEW.full_name = NEW.name",
        "BEGIN IF NEW.full_name IS NULL THEN SET NEW.full_name = NEW.name; ELSE SET NEW.full_name = ''; END IF; END",
        "INSERT INTO mails (id, email) VALUES (NEW.id, NEW.email)",
        "UPDATE users SET full_name = NEW.name WHERE id = NEW.id",
    ],
)
def test_fills_what_this_release_adds(body: str) -> None:
    check(says("ZD511", SHOP, ADD, NEW_TABLE, trigger(body)), SAFE, EXPAND, text="alone, which old code does not read")


@pytest.mark.parametrize(
    "body",
    [
        "BEGIN SET NEW.full_name = NEW.name; SET NEW.email = ''; END",
        "SET NEW.full_name = CASE WHEN NEW.id > 1 THEN 'a' ELSE 'b' END, NEW.email = 'x'",
        "INSERT INTO orders (id) VALUES (NEW.id)",
        "DELETE FROM orders WHERE user_id = NEW.id",
        "CALL audit(NEW.id)",
        "SET @last = NEW.id",
    ],
)
def test_anything_else(body: str) -> None:
    found = says("ZD511", SHOP, ADD, NEW_TABLE, trigger(body))
    check(found, CONDITIONAL, EXPAND, "trigger-keeps-old-meaning")


def test_unmapped_column_and_table() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    found = says("ZD511", SHOP, trigger("SET NEW.email = ''"), manifests=deployed)
    check(found, SAFE, EXPAND)
    assert "not email" in found.evidence
    other = says("ZD511", SHOP, trigger("SET NEW.price = 1", "BEFORE INSERT ON orders"), manifests=deployed)
    check(other, SAFE, EXPAND, text="Old code does not map orders")


def test_on_a_new_table() -> None:
    release = (NEW_TABLE, trigger("SIGNAL SQLSTATE '45000'", "BEFORE INSERT ON mails"))
    check(says("ZD511", SHOP, *release), SAFE, EXPAND, text="old code does not fire it")


def test_may_replace_one_never_seen() -> None:
    sql = trigger("SET NEW.full_name = ''").replace("CREATE", "CREATE OR REPLACE")
    found = says("ZD511", SHOP, ADD, sql, flavour=MARIADB, complete=False)
    check(found, CONDITIONAL, EXPAND, "trigger-keeps-old-meaning", text="may also replace a trigger")


def test_the_same_again() -> None:
    sql = trigger("SET NEW.name = 'x'")
    again = sql.replace("TRIGGER tr", "TRIGGER IF NOT EXISTS tr")
    check(says("ZD511", SHOP + sql, again), SAFE, NEUTRAL, text="stands already")
