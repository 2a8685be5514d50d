"""ZD402."""

from __future__ import annotations

import pytest

from tests.verdict.rules.scene import CONDITIONAL, MIGRATE, NEUTRAL, SAFE, SHOP, check, manifest, says

NEW = "CREATE TABLE mails (id INT PRIMARY KEY, email VARCHAR(50))"


@pytest.mark.parametrize(
    "release",
    [
        (NEW, "INSERT INTO mails SELECT id, email FROM users"),
        ("CREATE TABLE mails AS SELECT id, email FROM users",),
    ],
)
def test_copy_into_a_new_table_misses_later_writes(release: tuple[str, ...]) -> None:
    found = says("ZD402", SHOP, *release)
    check(found, SAFE, MIGRATE, new=CONDITIONAL, text="it goes on writing users")
    assert [condition.name for condition in found.new_conditions] == ["old-writes-after-copy"]
    assert "triggers on users" in found.remedy


def test_copy_between_new_tables() -> None:
    release = (NEW, "CREATE TABLE copies (id INT PRIMARY KEY)", "INSERT INTO copies SELECT id FROM mails")
    check(says("ZD402", SHOP, *release), SAFE, MIGRATE)


def test_copy_into_a_table_old_code_reads() -> None:
    found = says("ZD402", SHOP, "INSERT INTO orders (id) SELECT id FROM users")
    check(found, CONDITIONAL, MIGRATE, "rows-fit-old-code", new=CONDITIONAL)
    seed = "INSERT INTO orders (id) SELECT 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM orders WHERE id = 1)"
    check(says("ZD402", SHOP, seed), CONDITIONAL, MIGRATE, "rows-fit-old-code")


def test_unmapped_and_temporary_tables() -> None:
    deployed = [manifest(users={"id": "INT NOT NULL"})]
    found = says("ZD402", SHOP, "INSERT INTO orders (id) SELECT id FROM users", manifests=deployed)
    check(found, SAFE, MIGRATE, new=CONDITIONAL)
    assert found.evidence
    release = ("CREATE TEMPORARY TABLE t (a INT)", "INSERT INTO t SELECT id FROM users")
    check(says("ZD402", SHOP, *release), SAFE, NEUTRAL)
