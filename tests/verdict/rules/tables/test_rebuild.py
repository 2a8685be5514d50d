"""ZD110: rules/tables/rebuild.py."""

from __future__ import annotations

import pytest

from tests.verdict.support import MARIADB, USERS, assert_safe, assert_unsafe, finding, judged, manifest
from zdmigrate.verdict.model import Phase, Verdict


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE users FORCE",
        "ALTER TABLE users ENGINE=InnoDB",
        "ALTER TABLE users ORDER BY name",
        "OPTIMIZE TABLE users",
        "ANALYZE TABLE users",
        "ALTER TABLE users DISABLE KEYS",
    ],
)
def test_every_row_stays(sql: str) -> None:
    (change,) = judged(USERS, sql)
    assert_safe(change, phase=Phase.NEUTRAL)
    assert "every row stays" in finding(change, "ZD110").reason


def test_a_tablespace_discarded_or_imported() -> None:
    discard, import_ = "ALTER TABLE users DISCARD TABLESPACE", "ALTER TABLE users IMPORT TABLESPACE"
    gone, filled = judged(USERS, discard, import_)
    assert_unsafe(gone, phase=Phase.CONTRACT)
    assert "1814" in finding(gone, "ZD110").reason
    assert filled.old is Verdict.UNKNOWN
    (gone,) = judged("", discard, complete=False)
    assert_unsafe(gone)
    (unmapped,) = judged(USERS, discard, manifests=[manifest(orders={"id": "INT"})])
    assert_safe(unmapped, phase=Phase.CONTRACT)
    *_, fresh = judged("", "CREATE TABLE users (id INT)", discard)
    assert_safe(fresh)


BOOKINGS = "CREATE TABLE bookings (id INT PRIMARY KEY, a DATE, b DATE)"


def test_a_period_over_columns_old_code_writes() -> None:
    add = "ALTER TABLE bookings ADD PERIOD FOR p(a, `b`)"
    (change,) = judged(BOOKINGS, add, flavour=MARIADB)
    assert_unsafe(change, phase=Phase.CONTRACT)
    said = finding(change, "ZD110").reason
    for word in ("1048", "4025", "a and b"):
        assert word in said
    (change,) = judged("", add, flavour=MARIADB, complete=False)
    assert_unsafe(change)
    (change,) = judged(BOOKINGS, add, flavour=MARIADB, manifests=[manifest(users={"id": "INT"})])
    assert_safe(change)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ("DATE NOT NULL DEFAULT '2020-01-01'", "DATE NOT NULL DEFAULT '2020-01-01'", Verdict.UNSAFE),
        ("DATE NOT NULL DEFAULT '2020-01-01'", "DATE NOT NULL DEFAULT '9999-01-01'", Verdict.SAFE),
        ("DATE NOT NULL DEFAULT CURDATE()", "DATE NOT NULL DEFAULT '9999-01-01'", Verdict.CONDITIONAL),
        ("DATE", "DATE NOT NULL DEFAULT '9999-01-01'", Verdict.UNSAFE),
    ],
)
def test_a_period_over_columns_added_beside_it(first: str, second: str, verdict: Verdict) -> None:
    sql = f"ALTER TABLE bookings ADD s {first}, ADD e {second}, ADD PERIOD FOR p(s, e)"
    (change,) = judged(BOOKINGS, sql, flavour=MARIADB)
    assert finding(change, "ZD110").old is verdict


def test_a_period_dropped() -> None:
    base = BOOKINGS.replace("b DATE)", "b DATE, PERIOD FOR p(a, b))")
    (change,) = judged(base, "ALTER TABLE bookings DROP PERIOD FOR p", flavour=MARIADB)
    assert change.old is Verdict.CONDITIONAL
