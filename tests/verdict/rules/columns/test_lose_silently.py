"""ZD231: rules/columns/lose_silently.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import USERS, assert_safe, finding, judged
from zdmigrate.verdict.model import Verdict


def test_a_comment_that_drops_not_null_and_default() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY qty INTEGER NULL COMMENT 'pieces'")
    said = finding(change, "ZD231")
    assert said.old is Verdict.UNKNOWN
    assert "changes the comment of users.qty and drops its NOT NULL and DEFAULT 0" in said.reason
    assert said.remedy.splitlines()[:2] == [
        "Pass existing_nullable=False and existing_server_default='0':",
        'op.alter_column("users", "qty", comment=\'pieces\', existing_type=sa.Integer(), existing_nullable=False, '
        "existing_server_default='0')",
    ]


def test_what_is_lost_is_judged_as_well() -> None:
    (change,) = judged(USERS, "ALTER TABLE users MODIFY qty BIGINT NULL")
    assert {"ZD209", "ZD211", "ZD212", "ZD231"} <= {item.rule for item in change.findings}


def test_a_rename_that_drops_not_null() -> None:
    (change,) = judged(USERS, "ALTER TABLE users CHANGE name full_name VARCHAR(50) NULL")
    said = finding(change, "ZD231")
    assert 'new_column_name="full_name"' in said.remedy
    assert "existing_nullable=False" in said.remedy


@pytest.mark.parametrize(
    ("definition", "modify", "lost", "argument"),
    [
        ("INT COMMENT 'pieces'", "INT NOT NULL", "COMMENT 'pieces'", "existing_comment='pieces'"),
        (
            "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP",
            "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP COMMENT 'c'",
            "ON UPDATE CURRENT_TIMESTAMP",
            'existing_server_default=sa.text("CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP")',
        ),
        (
            "VARCHAR(20) COLLATE utf8mb4_bin",
            "VARCHAR(20) COMMENT 'c'",
            "COLLATE utf8mb4_bin",
            "existing_type=mysql.VARCHAR(20, collation='utf8mb4_bin')",
        ),
        ("INT NOT NULL AUTO_INCREMENT PRIMARY KEY", "BIGINT NOT NULL", "AUTO_INCREMENT", "existing_autoincrement=True"),
    ],
)
def test_every_attribute_names_the_argument_that_keeps_it(
    definition: str, modify: str, lost: str, argument: str
) -> None:
    (change,) = judged(f"CREATE TABLE t (a {definition}, z INT)", f"ALTER TABLE t MODIFY a {modify}")
    said = finding(change, "ZD231")
    assert lost in said.reason
    assert argument in said.remedy


def test_generatedness_has_no_argument_so_all_is_restated() -> None:
    (change,) = judged("CREATE TABLE t (a INT, g INT AS (a + 1) STORED)", "ALTER TABLE t MODIFY g BIGINT")
    said = finding(change, "ZD231")
    assert "GENERATED ALWAYS AS" in said.reason
    assert "op.execute(" in said.remedy
    assert "STORED" in said.remedy


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE users MODIFY name VARCHAR(50) NULL",
        "ALTER TABLE users MODIFY qty INT NOT NULL",
        "ALTER TABLE users ALTER qty DROP DEFAULT",
        "ALTER TABLE users MODIFY qty BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE users MODIFY nick VARCHAR(50) NOT NULL",
    ],
)
def test_a_single_change_says_what_it_means(sql: str) -> None:
    (change,) = judged(USERS, sql)
    assert "ZD231" not in [item.rule for item in change.findings]


def test_a_table_of_this_release_is_free() -> None:
    _, change = judged("", "CREATE TABLE t (a INT NOT NULL DEFAULT 0)", "ALTER TABLE t MODIFY a BIGINT")
    assert_safe(change)
