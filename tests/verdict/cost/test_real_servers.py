"""The clause we would send is accepted by a real server, and the next cheaper one is refused."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pymysql
import pytest
import sqlalchemy
from pymysql.cursors import Cursor

from tests.verdict.cost.probes import TABLES
from tests.verdict.recording import catalog_of, record
from zdmigrate.flavour import Flavour
from zdmigrate.history.syntax import AlterTable
from zdmigrate.verdict.cost import Cost, estimate, with_clause

#: ER_ALTER_OPERATION_NOT_SUPPORTED, with and without a reason.
NOT_SUPPORTED = {1845, 1846}

SAMPLE = [
    ("plain", "add column z int null"),
    ("plain", "add column z int null after a, drop column d"),
    ("plain", "add column z int, add index i1 (z)"),
    ("plain", "add column z int as (a+1) stored"),
    ("plain", "modify column d bigint null"),
    ("plain", "modify column b varchar(60) null"),
    ("plain", "modify column b varchar(100) null"),
    ("plain", "modify column a int not null"),
    ("plain", "modify column e enum('r','g','b') null"),
    ("plain", "modify column e enum('r','b','g') null"),
    ("plain", "add index i1 (a)"),
    ("plain", "add fulltext index f1 (tx)"),
    ("plain", "add constraint fk1 foreign key (d) references par (id)"),
    ("plain", "partition by hash (id) partitions 2"),
    ("fulltext", "add column z int"),
    ("v_indexed", "modify column v varchar(20) collate utf8mb4_bin null"),
]


@contextmanager
def _cursor(url: str) -> Iterator[Cursor]:
    parsed = sqlalchemy.make_url(url)
    connection = pymysql.connect(
        host=parsed.host or "",
        port=parsed.port or 0,
        user=parsed.username,
        password=str(parsed.password or ""),
        database=parsed.database,
        autocommit=True,
    )
    with closing(connection), connection.cursor() as cursor:
        yield cursor


def _fresh(cursor: Cursor, table: str) -> None:
    cursor.execute("DROP TABLE IF EXISTS t, par")
    for sql in TABLES[table].split(";"):
        cursor.execute(sql)


def _version(cursor: Cursor) -> Flavour:
    cursor.execute("SELECT VERSION()")
    row = cursor.fetchone()
    assert row is not None
    text = str(row[0])
    vendor = "mariadb" if "mariadb" in text.lower() else "mysql"
    return Flavour.parse(f"{vendor}:{text.split('-')[0]}")


def _cheaper(cost: Cost, target: Flavour) -> list[str]:
    """Clauses that promise more than the estimate: a cheaper algorithm, and a weaker lock."""
    ladder = ["INSTANT", "NOCOPY", "INPLACE", "COPY"] if target.is_mariadb else ["INSTANT", "INPLACE", "COPY"]
    found = [f"ALGORITHM={name}" for name in ladder[: ladder.index(cost.algorithm)][-1:]]
    if cost.lock == "SHARED":
        found.append(f"ALGORITHM={cost.algorithm}, LOCK=NONE")
    return found


def test_the_server_agrees(any_sql_url: str) -> None:
    with _cursor(any_sql_url) as cursor:
        target = _version(cursor)
        for table, clause in SAMPLE:
            recorded = record(f"ALTER TABLE t {clause}", catalog_of(TABLES[table], target), target)
            node, sql = recorded.statement.node, recorded.statement.sql
            assert isinstance(node, AlterTable)
            cost = estimate(recorded, target)
            for promise in _cheaper(cost, target):
                if clause.startswith("partition") and target.is_mariadb and "LOCK" not in promise:
                    continue  # before 11.2 MariaDB accepts any ALGORITHM there, and copies
                _fresh(cursor, table)
                with pytest.raises(pymysql.MySQLError) as refusal:
                    cursor.execute(with_clause(sql, node, promise))
                assert refusal.value.args[0] in NOT_SUPPORTED, (clause, promise)
            _fresh(cursor, table)
            cursor.execute(with_clause(sql, node, cost.algorithm_clause))
