"""ZD512."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, MARIADB, SHOP, UNSAFE, check, says

BASE = SHOP + "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.name = trim(NEW.name)"


def replaced(body: str) -> str:
    return f"CREATE OR REPLACE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW {body}"


def test_does_something_else() -> None:
    found = says("ZD512", BASE, replaced("SET NEW.email = ''"), flavour=MARIADB)
    check(found, CONDITIONAL, CONTRACT, "trigger-keeps-old-meaning", new=CONDITIONAL)
    assert found.reason == "tr now writes users.email; when old code was written, it wrote users.name."


def test_dropped_and_created() -> None:
    release = ("DROP TRIGGER tr", "CREATE TRIGGER tr BEFORE UPDATE ON users FOR EACH ROW SET NEW.email = ''")
    found = says("ZD512", BASE, *release)
    check(found, CONDITIONAL, CONTRACT, "trigger-keeps-old-meaning", new=CONDITIONAL, text="Between DROP and CREATE")
    assert "BEFORE UPDATE ON users instead of BEFORE INSERT ON users" in found.reason


def test_raises_now() -> None:
    found = says("ZD512", BASE, replaced("SIGNAL SQLSTATE '45000'"), flavour=MARIADB)
    check(found, UNSAFE, CONTRACT, text="1644")
