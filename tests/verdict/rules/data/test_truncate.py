"""ZD408."""

from __future__ import annotations

from tests.verdict.rules.scene import CONTRACT, MIGRATE, SAFE, SHOP, UNSAFE, check, manifest, says


def test_rows_old_code_reads() -> None:
    found = says("ZD408", SHOP, "TRUNCATE TABLE orders")
    check(found, UNSAFE, CONTRACT, text="all of them are lost at once, AUTO_INCREMENT starts again")
    assert 'op.execute("TRUNCATE TABLE `orders`")' in found.remedy


def test_rows_old_code_cannot_reach() -> None:
    check(says("ZD408", SHOP, "CREATE TABLE t (a INT)", "TRUNCATE t"), SAFE, MIGRATE)
    check(says("ZD408", SHOP, "TRUNCATE orders", manifests=[manifest(users={"id": "INT NOT NULL"})]), SAFE, MIGRATE)


def test_unseen_table() -> None:
    check(says("ZD408", SHOP, "TRUNCATE shops", complete=False), UNSAFE, CONTRACT)
