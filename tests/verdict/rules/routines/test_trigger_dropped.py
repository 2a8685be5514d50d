"""ZD513."""

from __future__ import annotations

from tests.verdict.rules.scene import (
    CONDITIONAL,
    CONTRACT,
    NEUTRAL,
    SAFE,
    SHOP,
    UNSAFE,
    check,
    manifest,
    rules_that_speak,
    says,
)

SYNC = SHOP + "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.email = NEW.name"
GUARD = SHOP + "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SIGNAL SQLSTATE '45000'"
DROP = "DROP TRIGGER tr"


def test_old_code_counts_on_it() -> None:
    found = says("ZD513", SYNC, DROP)
    check(found, UNSAFE, CONTRACT, new=CONDITIONAL, text="writes users.email for old code")
    assert found.remedy.endswith('3. contract: op.execute("DROP TRIGGER `tr`")')


def test_that_only_refused() -> None:
    found = says("ZD513", GUARD, DROP)
    check(found, CONDITIONAL, CONTRACT, "readers-tolerate-any-value", new=CONDITIONAL, text="1644")


def test_unmapped_column() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    found = says("ZD513", SYNC, DROP, manifests=deployed)
    check(found, CONDITIONAL, CONTRACT, "nobody-reads-it", new=CONDITIONAL)
    assert "not email" in found.evidence


def test_unmapped_table() -> None:
    found = says("ZD513", SYNC, DROP, manifests=[manifest(orders={"id": "INT NOT NULL"})])
    check(found, SAFE, CONTRACT)
    assert found.evidence


def test_goes_with_its_table() -> None:
    check(says("ZD513", SYNC, "DROP TABLE users"), SAFE, CONTRACT, text="the drop of the table decides")


def test_never_seen() -> None:
    check(says("ZD513", SHOP, DROP, complete=False), UNSAFE, CONTRACT, new=CONDITIONAL, text="was never seen")
    check(says("ZD513", SHOP, "DROP TRIGGER IF EXISTS tr"), SAFE, NEUTRAL)


def test_of_this_release() -> None:
    create = "CREATE TRIGGER tr BEFORE INSERT ON users FOR EACH ROW SET NEW.email = NEW.name"
    assert rules_that_speak(SHOP, create, DROP) == []
