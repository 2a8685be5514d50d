"""ZD105: rules/tables/rename.py."""

from __future__ import annotations

from tests.verdict.support import (
    MARIADB,
    USERS,
    assert_conditional,
    assert_safe,
    assert_unsafe,
    finding,
    judged,
    manifest,
)
from zdmigrate.verdict.model import Phase, Verdict


def test_both_versions_break() -> None:
    for sql in ("RENAME TABLE users TO members", "ALTER TABLE users RENAME TO members"):
        (change,) = judged(USERS, sql)
        assert_unsafe(change, phase=Phase.SPLIT)
        assert change.new is Verdict.UNSAFE
        said = finding(change, "ZD105")
        assert "Table 'users' doesn't exist" in said.reason
        assert "Table 'members' doesn't exist" in said.reason
        assert '__tablename__ = "users"' in said.remedy


def test_a_view_of_the_old_name_that_follows_leaves_a_gap() -> None:
    rename, _ = judged(USERS, "RENAME TABLE users TO members; CREATE VIEW users AS SELECT * FROM members")
    assert_conditional(rename, "gap-is-tolerated", "view-is-updatable", phase=Phase.EXPAND)


def test_a_view_of_another_name_helps_nobody() -> None:
    rename, _ = judged(USERS, "RENAME TABLE users TO members; CREATE VIEW people AS SELECT * FROM members")
    assert_unsafe(rename)


def test_a_swap_goes_on_with_the_other_table() -> None:
    _, change = judged(
        USERS, "CREATE TABLE users_new LIKE users", "RENAME TABLE users TO users_old, users_new TO users"
    )
    assert_conditional(change, "copy-is-complete", phase=Phase.EXPAND)
    _, change = judged(
        USERS,
        "CREATE TABLE users_new (id INT PRIMARY KEY)",
        "RENAME TABLE users TO users_old, users_new TO users",
    )
    assert_unsafe(change)
    assert "without name, nick, qty and status" in finding(change, "ZD105").reason


def test_manifests_that_do_not_map_it() -> None:
    (change,) = judged(USERS, "RENAME TABLE users TO members", manifests=[manifest(orders={"id": "INT"})])
    assert_safe(change, phase=Phase.EXPAND)
    assert change.new is Verdict.UNSAFE


def test_a_table_never_seen_may_be_used() -> None:
    for sql in ("RENAME TABLE orders TO sales", "ALTER TABLE orders RENAME TO sales"):
        (change,) = judged("", sql, complete=False)
        assert_unsafe(change, phase=Phase.SPLIT)


def test_if_exists_finds_nothing() -> None:
    (change,) = judged(USERS, "RENAME TABLE IF EXISTS orders TO sales", flavour=MARIADB)
    assert_safe(change, phase=Phase.NEUTRAL)


def test_pairs_are_followed() -> None:
    (change,) = judged(USERS, "RENAME TABLE users TO a, a TO b")
    assert_unsafe(change)
    assert "Table 'b' doesn't exist" in finding(change, "ZD105").reason


def test_a_table_of_this_release_is_free() -> None:
    _, change = judged("", "CREATE TABLE a (id INT)", "RENAME TABLE a TO b")
    assert_safe(change, phase=Phase.EXPAND)


def test_a_swap_leaves_foreign_keys_behind() -> None:
    base = f"{USERS}; CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, CONSTRAINT fk_u FOREIGN KEY (user_id) "
    base += "REFERENCES users (id))"
    swap = ("CREATE TABLE users_new LIKE users", "RENAME TABLE users TO users_old, users_new TO users")
    *_, change = judged(base, *swap)
    assert_unsafe(change)
    said = finding(change, "ZD105").reason
    assert "foreign key fk_u of orders goes on pointing to users_old" in said
    assert "1452" in said
    *_, change = judged(base, swap[0], "ALTER TABLE orders DROP FOREIGN KEY fk_u", swap[1])
    assert finding(change, "ZD105").old is Verdict.CONDITIONAL
