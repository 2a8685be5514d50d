"""ZD211: rules/columns/drop_default.py."""

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
from zdmigrate.verdict.model import Phase


def test_inserts_that_leave_it_out_fail() -> None:
    (change,) = judged(USERS, "ALTER TABLE users ALTER qty DROP DEFAULT")
    assert_unsafe(change, phase=Phase.CONTRACT)
    said = finding(change, "ZD211")
    assert "relied on DEFAULT 0" in said.reason
    assert "1364 (Field 'qty' doesn't have a default value)" in said.reason
    assert 'contract: op.alter_column("users", "qty", server_default=None)' in said.remedy


def test_a_nullable_column_stores_null_instead() -> None:
    (change,) = judged("CREATE TABLE t (a INT DEFAULT 5)", "ALTER TABLE t MODIFY a INT")
    assert_conditional(change, "default-not-relied-on", phase=Phase.CONTRACT)
    (change,) = judged("CREATE TABLE t (a INT DEFAULT 5)", "ALTER TABLE t ALTER a DROP DEFAULT", flavour=MARIADB)
    assert_conditional(change, "default-not-relied-on", phase=Phase.CONTRACT)
    assert "store NULL where they stored 5" in finding(change, "ZD211").reason


def test_without_strict_mode_it_is_no_better() -> None:
    _, change = judged(USERS, "SET sql_mode = ''", "ALTER TABLE users ALTER qty DROP DEFAULT")
    assert_unsafe(change)
    assert "not strict" in finding(change, "ZD211").reason


def test_manifests_that_always_write_it() -> None:
    (change,) = judged(
        USERS, "ALTER TABLE users ALTER qty DROP DEFAULT", manifests=[manifest(users={"qty": "INT NOT NULL"})]
    )
    assert_safe(change)


def test_a_column_no_manifest_maps_still_breaks_inserts() -> None:
    (change,) = judged(
        USERS, "ALTER TABLE users ALTER qty DROP DEFAULT", manifests=[manifest(users={"id": "INT NOT NULL"})]
    )
    assert_unsafe(change)


def test_mysql_wants_a_value_after_drop_default_also_where_null_is_allowed() -> None:
    """Found by running it (tests/proof): 1364, with and without a default before, and for AUTO_INCREMENT too."""
    for base in ("a INT DEFAULT 5", "a INT", "a INT AUTO_INCREMENT PRIMARY KEY"):
        (change,) = judged(f"CREATE TABLE t ({base}, b INT)", "ALTER TABLE t ALTER a DROP DEFAULT")
        assert_unsafe(change, phase=Phase.CONTRACT)
        assert "1364" in finding(change, "ZD211").reason
    _, change = judged(
        "CREATE TABLE t (a INT)", "ALTER TABLE t ADD b INT DEFAULT 1", "ALTER TABLE t ALTER b DROP DEFAULT"
    )
    assert_unsafe(change)


def test_mysql_still_has_a_value_for_an_enum_and_asked_for_one_before() -> None:
    for column in ("a ENUM('x')", "a INT NOT NULL"):
        (change,) = judged(f"CREATE TABLE t ({column})", "ALTER TABLE t ALTER a DROP DEFAULT")
        assert_safe(change)


def test_mariadb_stores_null_after_drop_default() -> None:
    (change,) = judged("CREATE TABLE t (a INT)", "ALTER TABLE t ALTER a DROP DEFAULT", flavour=MARIADB)
    assert_safe(change)


def test_who_always_writes_it_does_not_notice_drop_default() -> None:
    mapped = manifest(t={"a": "INT NOT NULL"})
    (change,) = judged("CREATE TABLE t (a INT)", "ALTER TABLE t ALTER a DROP DEFAULT", manifests=[mapped])
    assert_safe(change)
