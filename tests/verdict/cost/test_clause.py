"""The ALGORITHM clause goes where each grammar takes it."""

import pytest

from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.history.syntax import AlterTable
from zdmigrate.verdict.cost import estimate, with_clause

MYSQL = Flavour.parse("mysql:9.7")
MARIADB = Flavour.parse("mariadb:10.11")
TABLE = "create table t (id int primary key, a int, key ka (a))"
PARTITIONED = (
    "create table t (id int primary key, a int) partition by range (id) "
    "(partition p0 values less than (10), partition p1 values less than (20))"
)


def sent(sql: str, target: Flavour = MYSQL, table: str = TABLE) -> str:
    """The statement as `run` would send it."""
    recorded = record(sql, catalog_of(table, target), target)
    assert isinstance(recorded.statement.node, AlterTable)
    return with_clause(sql, recorded.statement.node, estimate(recorded, target).algorithm_clause)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("ALTER TABLE t ADD x INT", "ALTER TABLE t ADD x INT\n, ALGORITHM=INSTANT"),
        ("ALTER TABLE t ADD x INT;", "ALTER TABLE t ADD x INT\n, ALGORITHM=INSTANT"),
        (
            "ALTER TABLE t ADD INDEX i (a) -- why",
            "ALTER TABLE t ADD INDEX i (a) -- why\n, ALGORITHM=INPLACE, LOCK=NONE",
        ),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a)\nALGORITHM=INPLACE LOCK=NONE"),
        ("DROP INDEX ka ON t", "DROP INDEX ka ON t\nALGORITHM=INPLACE LOCK=NONE"),
        (
            "ALTER TABLE `t` PARTITION BY HASH (id) PARTITIONS 2",
            "ALTER TABLE `t` ALGORITHM=COPY, LOCK=SHARED PARTITION BY HASH (id) PARTITIONS 2",
        ),
        ("ALTER TABLE t ADD x INT, ALGORITHM=COPY", "ALTER TABLE t ADD x INT, ALGORITHM=COPY"),
        ("ALTER TABLE t ORDER BY a", "ALTER TABLE t ALGORITHM=COPY, LOCK=SHARED, ORDER BY a"),
    ],
)
def test_mysql(sql: str, expected: str) -> None:
    assert sent(sql) == expected


def test_partitions_on_mysql() -> None:
    assert sent("ALTER TABLE t DROP PARTITION p1", table=PARTITIONED) == (
        "ALTER TABLE t ALGORITHM=INPLACE, LOCK=NONE, DROP PARTITION p1"
    )
    assert sent("ALTER TABLE t REMOVE PARTITIONING", table=PARTITIONED) == (
        "ALTER TABLE t ALGORITHM=COPY, LOCK=SHARED REMOVE PARTITIONING"
    )


@pytest.mark.parametrize("sql", ["DROP INDEX ka ON t", "ALTER TABLE t DROP PARTITION p1"])
def test_where_mariadb_takes_none(sql: str) -> None:
    assert sent(sql, MARIADB, PARTITIONED if "PARTITION" in sql else TABLE) == sql
