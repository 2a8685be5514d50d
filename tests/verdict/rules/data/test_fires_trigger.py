"""ZD410: rules/data/fires_trigger.py."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, NEUTRAL, SHOP, UNKNOWN, check, judged, rules_that_speak, says

AUDIT = f"{SHOP}CREATE TABLE audit (id INT);"
BODY = "FOR EACH ROW INSERT INTO audit VALUES (1)"


@pytest.mark.parametrize(
    ("event", "sql"),
    [
        ("INSERT", "INSERT INTO users (name) VALUES ('a')"),
        ("UPDATE", "UPDATE users SET name = name"),
        ("UPDATE", "INSERT INTO users (name) VALUES ('a') ON DUPLICATE KEY UPDATE name = name"),
        ("DELETE", "REPLACE INTO users (name) VALUES ('a')"),
        ("DELETE", "DELETE FROM users"),
        ("INSERT", "LOAD DATA INFILE 'x' INTO TABLE users"),
    ],
)
def test_the_trigger_writes_another_table(event: str, sql: str) -> None:
    base = f"{AUDIT}CREATE TRIGGER tr AFTER {event} ON users {BODY}"
    found = says("ZD410", base, sql)
    check(found, CONDITIONAL, NEUTRAL, "trigger-writes-suit-old-code", text="which writes audit for every row")
    assert judged(base, sql).old >= CONDITIONAL


def test_a_new_tables_trigger_reaches_old_ones() -> None:
    trigger = "CREATE TRIGGER tr AFTER INSERT ON n FOR EACH ROW UPDATE users SET name = 'x'"
    found = says("ZD410", SHOP, "CREATE TABLE n (a INT)", trigger, "INSERT INTO n VALUES (1)")
    check(found, CONDITIONAL, NEUTRAL, "trigger-writes-suit-old-code", text="users.name")


def test_a_trigger_fired_by_a_trigger_and_through_a_view() -> None:
    first = f"CREATE TRIGGER one AFTER INSERT ON users {BODY.replace('audit', 'n')}"
    second = f"CREATE TRIGGER two AFTER INSERT ON n {BODY.replace('audit', 'orders')}"
    release = ("CREATE TABLE n (id INT)", first, second, "INSERT INTO users (name) VALUES ('a')")
    assert "This fires two" in says("ZD410", SHOP, *release).reason
    base = f"{AUDIT}CREATE VIEW v AS SELECT id, name FROM users; CREATE TRIGGER tr AFTER INSERT ON users {BODY}"
    assert "This fires tr" in says("ZD410", base, "INSERT INTO v (name) VALUES ('a')").reason


def test_what_it_calls_may_write_anything() -> None:
    for body in ("CALL tidy()", "SET @x = wipe()"):
        base = f"{SHOP}CREATE TRIGGER tr AFTER INSERT ON users FOR EACH ROW {body}"
        assert says("ZD410", base, "INSERT INTO users (name) VALUES ('a')").old is UNKNOWN


def test_triggers_that_do_not_matter() -> None:
    for trigger in (
        f"CREATE TRIGGER tr AFTER DELETE ON users {BODY}",
        f"CREATE TRIGGER tr AFTER INSERT ON orders {BODY}",
        "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.email = UPPER(NEW.name)",
    ):
        assert "ZD410" not in rules_that_speak(AUDIT + trigger, "INSERT INTO users (name) VALUES ('a')")
    new = f"CREATE TRIGGER tr AFTER INSERT ON users {BODY.replace('audit', 'n')}"
    release = ("CREATE TABLE n (a INT)", new, "INSERT INTO users (name) VALUES ('a')")
    assert "ZD410" not in rules_that_speak(SHOP, *release)
