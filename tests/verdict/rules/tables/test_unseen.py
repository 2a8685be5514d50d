"""ZD112: rules/tables/unseen.py."""

from __future__ import annotations

from typing import Any

import pytest

from tests.verdict.support import (
    assert_conditional,
    assert_safe,
    assert_unknown,
    assert_unsafe,
    finding,
    judged,
    manifest,
)
from zdmigrate.verdict.judge import Judgement
from zdmigrate.verdict.model import Phase, Verdict


def unseen(action: str, **options: Any) -> Judgement:
    (change,) = judged("", f"ALTER TABLE orders {action}", complete=False, **options)
    return change


@pytest.mark.parametrize(
    "action",
    [
        "MODIFY note TEXT",
        "ALTER note DROP DEFAULT",
        "DROP INDEX ix",
        "DROP FOREIGN KEY fk",
        "DROP CHECK ck",
        "DROP CONSTRAINT c",
        "ALTER INDEX ix INVISIBLE",
        "CONVERT TO CHARACTER SET utf8mb4",
    ],
)
def test_what_depends_on_the_definition_is_unknown(action: str) -> None:
    change = unseen(action)
    assert_unknown(change)
    said = finding(change, "ZD112")
    assert "on orders, whose definition was never seen" in said.reason
    assert all(option in said.remedy for option in ("--schema", "--metadata", "--url"))


@pytest.mark.parametrize(
    "action",
    [
        "COMMENT='x'",
        "AUTO_INCREMENT=5",
        "FORCE",
        "RENAME INDEX a TO b",
        "ALTER note SET INVISIBLE",
        "REMOVE PARTITIONING",
    ],
)
def test_what_is_the_same_for_every_table_is_safe(action: str) -> None:
    assert_safe(unseen(action))


def test_what_breaks_every_table_is_unsafe() -> None:
    change = unseen("CHANGE note remark TEXT")
    assert_unsafe(change, phase=Phase.SPLIT)
    assert "1054 (Unknown column 'note')" in finding(change, "ZD112").reason
    assert_unsafe(unseen("DROP COLUMN note"))
    assert_unsafe(unseen("ADD COLUMN note TEXT NOT NULL"))


def test_what_is_conditional_for_every_table() -> None:
    assert_conditional(unseen("ALTER note SET DEFAULT 5"), "default-not-relied-on")
    assert_conditional(unseen("ENGINE=MyISAM"), "loses-transactions")
    assert_conditional(unseen("PARTITION BY HASH (id) PARTITIONS 2"), "queries-name-partition-key")


def test_manifests_that_do_not_map_the_table() -> None:
    change = unseen("MODIFY note TEXT", manifests=[manifest(users={"id": "INT"})])
    assert_safe(change)
    assert change.new is Verdict.UNKNOWN
