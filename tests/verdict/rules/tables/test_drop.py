"""ZD103: rules/tables/drop.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict


def test_old_code_uses_it() -> None:
    (change,) = judged(USERS, "DROP TABLE users")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert change.new is Verdict.SAFE
    said = finding(change, "ZD103")
    assert "1146 (Table 'users' doesn't exist)" in said.reason
    assert 'op.rename_table("users", "users_old")' in said.remedy


def test_manifests_prove_it_safe_and_it_stays_contract() -> None:
    (change,) = judged(USERS, "DROP TABLE users", manifests=[manifest(orders={"id": "INT"})])
    assert_safe(change, phase=Phase.CONTRACT)
    assert "maps no table users" in finding(change, "ZD103").evidence


def test_a_view_old_code_maps_still_reads_it() -> None:
    base = f"{USERS}; CREATE VIEW people AS SELECT id FROM users"
    (change,) = judged(base, "DROP TABLE users", manifests=[manifest(people={"id": "INT"})])
    assert_unsafe(change)
    assert "View people still reads users" in finding(change, "ZD103").reason


def test_a_table_never_seen_may_be_used() -> None:
    (change,) = judged("", "DROP TABLE orders", complete=False)
    assert_unsafe(change, phase=Phase.CONTRACT)


def test_tables_that_old_code_cannot_know() -> None:
    _, fresh, missing, _, temporary = judged(
        USERS,
        "CREATE TABLE orders (id INT)",
        "DROP TABLE orders",
        "DROP TABLE IF EXISTS orders",
        "CREATE TEMPORARY TABLE scratch (id INT)",
        "DROP TABLE scratch",
    )
    for change in (fresh, missing, temporary):
        assert_safe(change, phase=Phase.NEUTRAL)
    assert "created in this release" in finding(fresh, "ZD103").reason
    assert "IF EXISTS" in finding(missing, "ZD103").reason


def test_several_tables_in_one_statement() -> None:
    (change,) = judged(f"{USERS}; CREATE TABLE orders (id INT)", "DROP TABLE users, orders")
    assert sorted(str(item.table) for item in change.findings) == ["orders", "users"]


def test_a_trigger_of_a_table_old_code_writes_to_still_needs_it() -> None:
    trigger = "CREATE TRIGGER note AFTER INSERT ON users FOR EACH ROW INSERT INTO seen (id) VALUES (NEW.id)"
    *_, dropped = judged(USERS, "CREATE TABLE seen (id INT)", trigger, "DROP TABLE seen")
    assert_unsafe(dropped, phase=Phase.CONTRACT)
    assert "Trigger note still names seen" in finding(dropped, "ZD103").reason
    *_, dropped = judged(USERS, "CREATE TABLE seen (id INT)", trigger, "DROP TRIGGER note", "DROP TABLE seen")
    assert_safe(dropped)


def test_a_trigger_outlives_the_proof_that_nobody_maps_the_table() -> None:
    base = f"{USERS}; CREATE TABLE seen (id INT)"
    base += "; CREATE TRIGGER note AFTER INSERT ON users FOR EACH ROW INSERT INTO `seen` (id) VALUES (NEW.id)"
    (dropped,) = judged(base, "DROP TABLE seen", manifests=[manifest(users={"id": "INT NOT NULL"})])
    assert_unsafe(dropped)
