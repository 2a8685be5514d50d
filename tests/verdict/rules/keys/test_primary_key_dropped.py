"""ZD311."""

from __future__ import annotations

from tests.verdict.rules.scene import CONDITIONAL, CONTRACT, MARIADB, SHOP, check, says

DROP = "ALTER TABLE orders DROP PRIMARY KEY"


def test_nothing_refuses_duplicates_any_more() -> None:
    found = says("ZD311", SHOP, DROP)
    names = ("no-reliance-on-primary-key", "replication-without-primary-key")
    check(found, CONDITIONAL, CONTRACT, *names, new=CONDITIONAL, text="Group Replication refuses its writes (3098)")
    assert "DROP PRIMARY KEY, ADD PRIMARY KEY (...)" in found.remedy


def test_mariadb() -> None:
    assert "Galera" in says("ZD311", SHOP, DROP, flavour=MARIADB).reason


def test_a_unique_key_may_go_on_refusing() -> None:
    base = SHOP + "CREATE UNIQUE INDEX uq ON orders (id)"
    found = says("ZD311", base, DROP)
    check(found, CONDITIONAL, CONTRACT, "replication-without-primary-key", new=CONDITIONAL, text="uq goes on refusing")
