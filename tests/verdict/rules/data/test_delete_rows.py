"""ZD407."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, MIGRATE, NEUTRAL, SAFE, SHOP, UNSAFE, check, manifest, says


def test_rows_old_code_reads() -> None:
    found = says("ZD407", SHOP, "DELETE FROM users WHERE status = 'done'")
    check(found, UNSAFE, CONTRACT, text="Old code wrote, and reads, the rows of users with status = 'done'")
    assert "DELETE FROM `users` WHERE status = 'done' ORDER BY `id` LIMIT 1000" in found.remedy


def test_all_rows() -> None:
    check(says("ZD407", SHOP, "DELETE FROM users"), UNSAFE, CONTRACT, text="all rows of users")


def test_no_limit_where_the_server_refuses_one() -> None:
    found = says("ZD407", SHOP, "DELETE users FROM users JOIN orders ON orders.user_id = users.id")
    check(found, UNSAFE, CONTRACT)
    assert "LIMIT" not in found.remedy


def test_rows_old_code_cannot_reach() -> None:
    check(says("ZD407", SHOP, "CREATE TABLE Tmp (a INT)", "DELETE FROM Tmp"), SAFE, MIGRATE, text="Tmp is created")
    check(says("ZD407", SHOP, "CREATE TEMPORARY TABLE t (a INT)", "DELETE FROM t"), SAFE, NEUTRAL)
    found = says("ZD407", SHOP, "DELETE FROM orders", manifests=[manifest(users={"id": "INT NOT NULL"})])
    check(found, SAFE, MIGRATE, text="Old code does not map orders")
    assert found.evidence


def test_cascade_into_rows_old_code_reads() -> None:
    base = SHOP + ("ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE")
    found = says("ZD407", base, "DELETE FROM users", manifests=[manifest(orders={"id": "INT NOT NULL"})])
    check(found, CONDITIONAL, CONTRACT, "no-cascade-into-old-rows", text="orders (ON DELETE CASCADE)")
    assert found.conditions[0].proof == "SELECT 1 FROM `orders` WHERE `user_id` IS NOT NULL LIMIT 1"
