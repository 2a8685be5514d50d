"""ZD210: rules/columns/set_default.py."""

from __future__ import annotations

import sqlalchemy

from tests.verdict.support import USERS, assert_conditional, assert_safe, finding, judged, manifest
from zdmigrate.verdict.model import Phase
from zdsession.manifest import MappedColumn


def test_a_default_where_leaving_it_out_was_an_error() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ALTER name SET DEFAULT 'x'")
    assert_safe(change, phase=Phase.EXPAND)
    assert [condition.name for condition in change.new_conditions] == ["new-code-writes-value"]
    assert "NOT NULL without a default" in finding(change, "ZD210").reason


def test_null_replaced_by_a_value_changes_what_an_insert_means() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ALTER nick SET DEFAULT 'x'")
    assert_conditional(change, "default-not-relied-on", phase=Phase.EXPAND)
    assert "now stores 'x' where it stored NULL" in finding(change, "ZD210").reason


def test_an_enum_without_default_had_its_first_member(any_sql_url: str) -> None:
    base = "CREATE TABLE users (id INT PRIMARY KEY, status ENUM('new','done') NOT NULL)"
    (change,) = judged(base, "ALTER TABLE users ALTER status SET DEFAULT 'done'")
    assert_conditional(change, "default-not-relied-on", phase=Phase.EXPAND)
    assert "now stores 'done' where it stored 'new'" in finding(change, "ZD210").reason
    (change,) = judged(base, "ALTER TABLE users ALTER status SET DEFAULT 'new'")
    assert_safe(change)
    engine = sqlalchemy.create_engine(any_sql_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(base)
        connection.exec_driver_sql("INSERT INTO users (id) VALUES (1)")
        assert connection.exec_driver_sql("SELECT status FROM users").scalar() == "new"
    engine.dispose()


def test_another_value() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ALTER qty SET DEFAULT 9")
    (condition,) = assert_conditional(change, "default-not-relied-on")
    assert "means the same by 9 as by 0" in condition.text


def test_the_same_value_is_nothing() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ALTER qty SET DEFAULT 0")
    assert_safe(change, phase=Phase.NEUTRAL)


def test_manifests_that_always_write_it_or_do_not_map_it() -> None:
    sql = "ALTER TABLE users ALTER qty SET DEFAULT 9"
    (always,) = judged(USERS, sql, manifests=[manifest(users={"qty": "INT NOT NULL"})])
    assert_safe(always)
    (never,) = judged(USERS, sql, manifests=[manifest(users={"id": "INT NOT NULL"})])
    assert_safe(never)
    relies = manifest(users={"qty": MappedColumn("INT", nullable=False, server_default="0")})
    (sometimes,) = judged(USERS, sql, manifests=[relies])
    assert_conditional(sometimes, "default-not-relied-on")
