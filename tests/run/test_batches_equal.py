"""For any table, key and statement that can be cut: batches leave what the one statement leaves."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from tests.servers import Server
from zdmigrate.run.batches import Backfill
from zdmigrate.run.connection import Connection
from zdmigrate.run.cut import cut
from zdmigrate.run.pace import Limits
from zdmigrate.run.seats import OneServer
from zdmigrate.run.topology import Node


@dataclass(frozen=True)
class KeyKind:
    """A way to write a primary key.

    Attributes:
        columns: their definitions.
        values: one tuple of values each row.
    """

    columns: tuple[str, ...]
    values: Any


_small = st.integers(-40, 40)
_text = st.text(st.sampled_from("abAB éß'\\%_\"z0"), max_size=6).map(str.rstrip)
_dates = st.dates().filter(lambda day: day.year >= 1000).map(str)

KEYS = (
    KeyKind(("INT",), st.tuples(st.integers(-(2**31), 2**31 - 1))),
    KeyKind(("BIGINT UNSIGNED",), st.tuples(st.integers(0, 2**64 - 1))),
    KeyKind(("DECIMAL(20,4)",), st.tuples(st.decimals(-999, 999, places=4))),
    KeyKind(("VARCHAR(20)",), st.tuples(_text)),
    KeyKind(("VARCHAR(20) CHARACTER SET latin1",), st.tuples(_text)),
    KeyKind(("CHAR(8) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",), st.tuples(_text)),
    KeyKind(("VARBINARY(8)",), st.tuples(st.binary(max_size=8))),
    KeyKind(("BINARY(4)",), st.tuples(st.binary(min_size=4, max_size=4))),
    KeyKind(("DATE",), st.tuples(_dates)),
    KeyKind(("DATETIME(6)",), st.tuples(st.datetimes().filter(lambda at: at.year >= 1000).map(str))),
    KeyKind(("ENUM('b','a','c','zz','m')",), st.tuples(st.sampled_from(["b", "a", "c", "zz", "m"]))),
    KeyKind(("BIT(9)",), st.tuples(st.integers(0, 511))),
    KeyKind(("INT", "INT"), st.tuples(_small, _small)),
    KeyKind(("TINYINT", "VARCHAR(10)", "INT"), st.tuples(st.integers(1, 2), _text, _small)),
    KeyKind(("VARCHAR(10)", "DATE"), st.tuples(st.sampled_from(["x", "X ", "y"]), _dates)),
    KeyKind(("ENUM('b','a')", "INT"), st.tuples(st.sampled_from(["b", "a"]), _small)),
)
STATEMENTS = (
    "UPDATE t SET n = n + 1",
    "UPDATE t SET n = n + 1 WHERE n > 3 OR note IS NULL",
    "UPDATE t SET note = CONCAT(n, '%s ; -- ') WHERE note IS NULL",
    "UPDATE t AS x SET x.note = IF(x.n % 2, NULL, 'even'), n = -n WHERE n BETWEEN 2 AND 7",
    "UPDATE t JOIN o ON o.id = t.n SET t.note = o.name WHERE t.note IS NULL",
    "UPDATE t SET note = (SELECT MAX(o.name) FROM o WHERE o.id > t.n) WHERE n < 5",
    "DELETE FROM t",
    "DELETE FROM t WHERE n IN (SELECT id FROM o WHERE name <> 'c') -- and no more",
    "DELETE t FROM t LEFT JOIN o ON o.id = t.n WHERE o.id IS NULL AND t.note IS NOT NULL",
)


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Node, str]]:
    server: Server = request.getfixturevalue(f"{request.param}_server")
    name = f"t_{secrets.token_hex(6)}"
    url = make_url(server.url())
    node = Node("db", url, url.host or "", url.port or 0)
    with Connection(node) as connection:
        connection.run(f"CREATE DATABASE {name}")
        connection.run(f"CREATE TABLE {name}.o (id INT PRIMARY KEY, name VARCHAR(10))")
        connection.run(f"INSERT INTO {name}.o VALUES (1, 'a'), (3, 'b'), (4, NULL), (7, 'c')")
    yield node, name
    with Connection(node) as connection:
        connection.run(f"DROP DATABASE {name}")


@settings(max_examples=8)
@given(data=st.data())
def test_batches_leave_what_one_statement_leaves(place: tuple[Node, str], data: st.DataObject) -> None:
    check(*place, data)


@pytest.mark.soak
@settings(max_examples=1000)
@given(data=st.data())
def test_and_so_they_do_for_long(place: tuple[Node, str], data: st.DataObject) -> None:
    check(*place, data)


def check(node: Node, database: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KEYS))
    statement = data.draw(st.sampled_from(STATEMENTS))
    rows = data.draw(
        st.lists(st.tuples(kind.values, st.integers(0, 9), st.sampled_from([None, "a", "b"])), max_size=25)
    )
    limits = Limits(target=data.draw(st.sampled_from([0.0001, 0.1])), running=1000, rows=data.draw(st.integers(1, 9)))
    with Connection(node, database=database, answer_seconds=60) as connection:
        names = [f"k{number}" for number in range(len(kind.columns))]
        columns = ", ".join(f"{name} {column} NOT NULL" for name, column in zip(names, kind.columns, strict=True))
        connection.run("DROP TABLE IF EXISTS t, whole")
        connection.run(f"CREATE TABLE t ({columns}, n INT, note VARCHAR(20), PRIMARY KEY ({', '.join(names)}))")
        marks = ", ".join(["%s"] * (len(names) + 2))
        for key, number, note in rows:
            connection.run(f"INSERT IGNORE INTO t VALUES ({marks})", [*key, number, note])
        connection.run("CREATE TABLE whole LIKE t")
        connection.run("INSERT INTO whole SELECT * FROM t")
        result = Backfill(OneServer(node, database), cut(statement), limits=limits).do()
        connection.run("RENAME TABLE t TO cut, whole TO t")
        changed = connection.run(statement)
        both = [connection.rows(f"SELECT * FROM {name} ORDER BY {', '.join(names)}") for name in ("cut", "t")]
        connection.run("DROP TABLE cut")
    assert both[0] == both[1]
    assert result.changed == changed
