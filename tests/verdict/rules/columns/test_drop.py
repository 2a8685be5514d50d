"""ZD205: rules/columns/drop.py."""

from __future__ import annotations

from tests.verdict.support import USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict


def test_old_code_names_it() -> None:
    (change,) = judged(USERS, "ALTER TABLE users DROP COLUMN nick")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert change.new is Verdict.SAFE
    said = finding(change, "ZD205")
    assert "SELECT, INSERT and UPDATE name users.nick" in said.reason
    assert "1054" in said.reason
    assert 'contract: op.drop_column("users", "nick")' in said.remedy


def test_new_code_cannot_leave_out_a_required_column_before_the_drop() -> None:
    (change,) = judged(USERS, "ALTER TABLE users DROP COLUMN name")
    assert change.new is Verdict.UNSAFE
    said = finding(change, "ZD205")
    assert "1364" in said.reason
    assert said.remedy.startswith(
        '1. expand: op.alter_column("users", "name", nullable=True, existing_type=sa.String(50))'
    )


def test_manifests_prove_it_safe_and_it_stays_contract() -> None:
    newer = manifest("2.4.1", users={"id": "INT NOT NULL", "name": "VARCHAR(50) NOT NULL"})
    (change,) = judged(USERS, "ALTER TABLE users DROP COLUMN nick", manifests=[newer])
    assert_safe(change, phase=Phase.CONTRACT)
    assert finding(change, "ZD205").evidence == f"manifest 2.4.1 ({newer.digest[:8]}) maps users(id, name), not nick"
    older = manifest("2.3.0", users={"id": "INT NOT NULL", "nick": "VARCHAR(50)"})
    (mixed,) = judged(USERS, "ALTER TABLE users DROP COLUMN nick", manifests=[newer, older])
    assert_unsafe(mixed)


def test_a_trigger_that_names_it_breaks_every_version() -> None:
    trigger = "CREATE TRIGGER sync BEFORE INSERT ON users FOR EACH ROW SET NEW.name = COALESCE(NEW.name, NEW.nick)"
    mapped = manifest(users={"id": "INT NOT NULL"})
    (change,) = judged(f"{USERS}; {trigger}", "ALTER TABLE users DROP COLUMN nick", manifests=[mapped])
    assert_unsafe(change)
    assert "trigger sync still name users.nick" in finding(change, "ZD205").reason
    (other,) = judged(f"{USERS}; {trigger}", "ALTER TABLE users DROP COLUMN status", manifests=[mapped])
    assert_safe(other)


def test_a_view_old_code_maps_breaks_with_the_column_its_text_names() -> None:
    base = f"{USERS}; CREATE VIEW people AS SELECT id, nick FROM users"
    mapped = manifest(people={"id": "INT"}, users={"id": "INT NOT NULL"})
    (change,) = judged(base, "ALTER TABLE users DROP COLUMN nick", manifests=[mapped])
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert "view people still name users.nick" in finding(change, "ZD205").reason
    (other,) = judged(base, "ALTER TABLE users DROP COLUMN status", manifests=[mapped])
    assert_safe(other)


def test_a_column_of_a_table_never_seen() -> None:
    (change,) = judged("", "ALTER TABLE orders DROP COLUMN note", complete=False)
    assert_unsafe(change)
    assert [condition.name for condition in change.new_conditions] == ["column-may-be-omitted"]


def test_a_column_of_this_release_is_free() -> None:
    _, change = judged(USERS, "ALTER TABLE users ADD x INT", "ALTER TABLE users DROP COLUMN x")
    assert_safe(change)


def test_an_earlier_statement_of_the_release_may_have_made_it_optional() -> None:
    _, change = judged(USERS, "ALTER TABLE users MODIFY name VARCHAR(50) NULL", "ALTER TABLE users DROP COLUMN name")
    assert_unsafe(change, phase=Phase.CONTRACT)
    assert change.new is Verdict.SAFE
    assert "1364" not in finding(change, "ZD205").reason
