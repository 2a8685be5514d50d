"""Two nodes compared while both work: equal ones are found equal, and no difference escapes."""

import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.run.conftest import topology_of
from tests.servers.replication import Replication
from zdmigrate.run.checksum import MOST_DIFFERENT, ChunkSize, Comparer, Comparison
from zdmigrate.run.errors import LostError
from zdmigrate.run.row_hash import Column, above, match, value_of

TYPES = (
    "CREATE TABLE shop.t (id INT NOT NULL, k VARCHAR(10) NOT NULL, i INT ZEROFILL, u BIGINT UNSIGNED, d DECIMAL(10,2), "
    "f FLOAT, g DOUBLE, b BIT(10), c CHAR(8), v VARCHAR(30) CHARACTER SET latin1, x TEXT, e ENUM('a', 'b'), "
    "s SET('p', 'q'), n BINARY(6), o VARBINARY(10), l BLOB, j JSON, da DATE, ti TIME(3), dt DATETIME(6), "
    "ts TIMESTAMP NULL, y YEAR, p POINT, w INT AS (i + 1), PRIMARY KEY (id, k)) CHARACTER SET utf8mb4"
)
ROW = (
    "INSERT INTO shop.t (id, k, i, u, d, f, g, b, c, v, x, e, s, n, o, l, j, da, ti, dt, ts, y, p) VALUES "
    "({0}, 'k{0}', {0}, 18446744073709551615, 1.10, 0.1, 1e-300, b'1010', 'abc', 'café', 'näive', 'b', 'p,q', x'0102', "
    "x'ff00', x'00ff', '{{\"a\": 1}}', '2024-02-29', '10:11:12.123', '2024-02-29 10:11:12.123456', "
    "'2024-02-29 10:11:12', 2024, POINT(1, 2))"
)
#: One ALTER for each way in which both sides may hold one value differently.
WIDER = (
    "MODIFY i BIGINT, MODIFY d DECIMAL(14,4), MODIFY f DOUBLE, MODIFY c VARCHAR(20), MODIFY x LONGTEXT, "
    "MODIFY v VARCHAR(30) CHARACTER SET utf8mb4, MODIFY e ENUM('a', 'b', 'c'), MODIFY n BINARY(9), MODIFY l LONGBLOB, "
    "DROP COLUMN w, ADD COLUMN z INT DEFAULT 7, RENAME COLUMN o TO o2"
)


def compare(pair: Replication, table: str = "t") -> Comparison:
    source, replica = topology_of(pair).nodes[:2]
    return Comparer(source, replica, "shop").compare(table)


def on_replica(pair: Replication, *statements: str) -> None:
    """What went wrong there: outside the binary log, past read_only."""
    if pair.kind == "mysql":
        pair.replica.execute("SET GLOBAL super_read_only = OFF")
    with pair.replica.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_log_bin = 0, SESSION sql_mode = ''")
        for statement in statements:
            cursor.execute(statement)


def fill_plain(pair: Replication, rows: int) -> None:
    """shop.t with so many rows, all alike but for their number, on both nodes."""
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute("CREATE TABLE shop.t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")
    pair.primary.execute(f"INSERT INTO shop.t (v) VALUES {', '.join(['(1)'] * rows)}")
    pair.wait_caught_up()


def seed(pair: Replication, rows: int = 20) -> None:
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute(TYPES)
    for number in range(rows):
        pair.primary.execute(ROW.format(number))
    pair.primary.execute("INSERT INTO shop.t (id, k) VALUES (99, 'nulls')")
    pair.wait_caught_up()


def test_every_type_as_it_is_and_as_it_may_become(any_replication: Replication) -> None:
    pair = any_replication
    seed(pair, 5)
    found = compare(pair)
    assert (found.equal, found.rows, found.columns) == (True, 6, 24)
    on_replica(pair, f"ALTER TABLE t {WIDER}")
    found = compare(pair)
    assert (found.equal, found.columns) == (True, 23), found


CHANGES = (
    "UPDATE t SET {0} = NULL WHERE id = 3",
    "DELETE FROM t WHERE id = 4",
    "INSERT INTO t (id, k) VALUES (5, 'other')",
    "UPDATE t SET c = 'ab', x = CONCAT('c', x) WHERE id = 6",
    "UPDATE t SET c = '' WHERE id = 99",
    "UPDATE t SET g = 1.000000000000001e-300 WHERE id = 7",
    "UPDATE t SET x = 'nEive' WHERE id IN (1, 2)",
    "UPDATE t SET dt = '2024-02-29 10:11:12.123457' WHERE id = 8",
    "UPDATE t SET e = 'a' WHERE id = 9",
    "UPDATE t SET u = u - 1 WHERE id = 10",
)


def test_no_difference_escapes(any_replication: Replication) -> None:
    pair = any_replication
    seed(pair, 11)
    for change in CHANGES[pair.kind == "mysql" :: 2]:  # half of them on either flavour
        on_replica(pair, "DELETE FROM t", *(ROW.format(n) for n in range(11)),
                   "INSERT INTO t (id, k) VALUES (99, 'nulls')", change.format("x"))  # fmt: skip
        found = compare(pair)
        assert not found.equal, change
        assert "(different)" in str(found)


def test_many_chunks_and_a_difference_in_one(any_replication: Replication) -> None:
    pair = any_replication
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute("CREATE TABLE shop.t (k VARCHAR(20), n INT, v INT, PRIMARY KEY (k, n))")
    rows = ", ".join(f"('é{number % 7}', {number}, {number})" for number in range(5000))
    pair.primary.execute(f"INSERT INTO shop.t VALUES {rows}")
    pair.wait_caught_up()
    found = compare(pair)
    assert (found.equal, found.rows) == (True, 5000)
    assert found.chunks > 1
    on_replica(pair, "UPDATE t SET v = v + 1 WHERE n = 2500")
    found = compare(pair)
    assert len(found.different) == 1
    assert "(k, n)" in found.different[0]


def test_differences_everywhere_end_it(any_replication: Replication) -> None:
    pair = any_replication
    fill_plain(pair, 30_000)
    on_replica(pair, "UPDATE t SET v = 2")
    found = compare(pair)
    assert len(found.different) == MOST_DIFFERENT
    assert str(found).endswith("; and more")
    assert found.rows < 30_000, "it did not read on"


def test_a_replica_lost_in_the_middle_is_named(any_replication: Replication) -> None:
    """While both nodes are being read: the other reading is waited for, and nothing hangs."""
    pair = any_replication
    fill_plain(pair, 3000)
    source, replica = topology_of(pair).nodes[:2]
    chunks = 0

    def die() -> None:
        nonlocal chunks
        chunks += 1
        if chunks == 2:
            pair.replica.server.kill()

    with pytest.raises(LostError, match="b "):
        Comparer(source, replica, "shop", check=die).compare("t")


@contextmanager
def writers(pair: Replication) -> Iterator[None]:
    """Updates of few rows, without a pause: their chunk never holds still."""
    stop = threading.Event()

    def write() -> None:
        with pair.primary.connect("shop") as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("UPDATE t SET v = v + 1 WHERE id = 3")
                cursor.execute("INSERT INTO t (v) VALUES (1)")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_under_writes(any_replication: Replication) -> None:
    pair = any_replication
    fill_plain(pair, 3000)
    with writers(pair):
        found = compare(pair)
        assert found.equal, found
        assert found.rows >= 3000
        on_replica(pair, "DELETE FROM t WHERE id = 1000")
        assert not compare(pair).equal


@pytest.mark.parametrize("hits", [0.0, 0.1, 1.0])
def test_random_writes_make_chunks_small_enough_to_hold_still(hits: float) -> None:
    """Of a million rows with so many writes in the time of a thousand: large chunks would always be read in vain."""
    chance, table, micros = random.Random(1), 1_000_000, 2e-6
    size, read, largest = ChunkSize(), 0, 0

    def compare(rows: int) -> bool:
        nonlocal read
        read += 3 * rows
        moved = chance.random() < 1 - math.exp(-hits * 3 * rows / 1000 * rows / table)
        return bool(moved and (rows < 200 or compare(rows // 2) | compare(rows - rows // 2) | True))

    done = 0
    while done < table:
        rows, before = min(size.rows, table - done), read
        moved = compare(rows)
        size.adapt(moved, (read - before) * micros)
        done, largest = done + rows, max(largest, rows)
    assert read < 2 * 3 * table, "less than twice what a table takes that nobody writes to"
    assert largest > 10_000


def test_a_replica_that_does_not_apply_is_named(any_replication: Replication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zdmigrate.run.checksum.CATCH_UP_SECONDS", 1.0)
    pair = any_replication
    seed(pair, 1)
    pair.replica.stop_replication("applier")
    pair.primary.execute(ROW.format(50))
    with pytest.raises(LostError, match="did not get to where a was"):
        compare(pair)


def column(name: str, kind: str = "int", *, collation: str = "", generated: bool = False) -> Column:
    return Column(name, kind, kind, collation, 0, generated)


class TestMatch:
    """Which columns are compared."""

    def test_by_name_then_by_place(self) -> None:
        found = match([column("id"), column("a"), column("b")], [column("id"), column("A2"), column("B")], ["id"])
        assert [(one.name, other.name) for one, other in zip(found.source, found.replica, strict=True)] == [
            ("id", "id"),
            ("a", "A2"),
            ("b", "B"),
        ]

    def test_a_dropped_column_is_not_another_one(self) -> None:
        found = match([column("id"), column("a"), column("b")], [column("id"), column("b")], ["id"])
        assert [one.name for one in found.replica] == ["id", "b"]

    def test_a_column_computed_on_one_side_only_is_left_out(self) -> None:
        assert len(match([column("a")], [column("a", generated=True)], []).source) == 0

    @pytest.mark.parametrize(
        "pair", [(column("k", "enum"), column("k", "enum")), (column("k", "varchar", collation="x"), column("k"))]
    )
    def test_keys_whose_ranges_may_mean_something_else(self, pair: tuple[Column, Column]) -> None:
        assert match([pair[0]], [pair[1]], ["k"]).key == ()

    def test_both_sides_use_one_expression(self) -> None:
        assert value_of(column("a", "varchar"), column("a", "text")) == value_of(
            column("a", "text"), column("a", "varchar")
        )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, unique=True))
def test_above_is_the_order_of_tuples(rows: list[tuple[int, int, int]]) -> None:
    for bound in rows:
        sql, args = above(("a", "b", "c"), bound)
        for row in rows:
            assert _true(sql, args, row) == (row > bound)


def _true(sql: str, args: list[Any], row: tuple[int, int, int]) -> bool:
    text = sql.replace(" = ", " == ").replace("AND", "and").replace("OR", "or")
    for name, value in zip("abc", row, strict=True):
        text = text.replace(f"`{name}`", str(value))
    return bool(eval(text % tuple(args), {}, {}))  # our own text


def test_it_can_be_stopped(mysql_replication: Replication) -> None:
    pair = mysql_replication
    seed(pair, 1)
    source, replica = topology_of(pair).nodes

    def stop() -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        Comparer(source, replica, "shop", check=stop).compare("t")
    assert time.monotonic() - began < 10
