"""ZD106: rules/tables/change_new.py."""

from __future__ import annotations

from tests.verdict.support import assert_safe, finding, judged
from zdmigrate.verdict.model import Phase, Verdict


def test_a_table_of_this_release_is_free() -> None:
    changes = judged(
        "",
        "CREATE TABLE orders (id INT PRIMARY KEY, sku VARCHAR(64))",
        "ALTER TABLE orders ADD CONSTRAINT uq UNIQUE (sku)",
        "ALTER TABLE orders ADD note TEXT NOT NULL",
        "ALTER TABLE orders DROP COLUMN sku",
    )
    for change in changes:
        assert_safe(change, phase=Phase.EXPAND)
        assert change.new is Verdict.UNSAFE
    assert "orders was created in this release" in finding(changes[1], "ZD106").reason
