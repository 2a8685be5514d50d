"""Whether two nodes hold the same rows of a table, while both work: a chunked checksum over their common columns.

Nothing is frozen and no applier is stopped. For each chunk a snapshot is opened on the source, then one on the replica
as soon as that has applied whatever the source had logged by then; in these both are read, at the same time. If both
readings agree, every change from before the first snapshot arrived. Only a write within the moment between the two can
make them differ without need. A chunk that differs is halved, so that what differs is soon a small one; that is read on
the source, then on the replica once level, then on the source again. When both readings of the source agree, the chunk
did not change in between, so the replica must agree as well: if it still does not after several rounds, it differs. A
small chunk that never holds still is read under shared row locks on the source, which writers of these few rows wait
for, bounded to a second.

What a row comes to is in `row_hash`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from zdmigrate.run.connection import Connection, quoted
from zdmigrate.run.errors import LostError, ServerError
from zdmigrate.run.flavours import Dialect, dialect_of
from zdmigrate.run.row_hash import Column, TablePair, above, hash_of, match
from zdmigrate.run.topology import Node

#: What a chunk should take, in seconds, and the rows it begins with and may grow to.
CHUNK_SECONDS = 0.5
FIRST_ROWS = 1000
MOST_ROWS = 200_000
#: By how much chunks grow while none has moved, and once one has.
FIRST_GROWTH, LATER_GROWTH = 2.0, 1.2
#: Rows of a chunk that is read under locks.
LOCKED_ROWS = 200
#: So many different ranges are enough to know.
MOST_DIFFERENT = 20
#: Rounds in which a chunk may differ before it counts as different.
ROUNDS = 4
#: Seconds the replica may take to get to where the source was.
CATCH_UP_SECONDS = 60.0
#: Bytes that a row may come to as text: 65,535 of them in columns that are not hashed apart, all quoted in utf8mb4.
LONGEST_ROW = 1024 * 1024
#: Different ranges that are named to people.
_SHOWN = 5
#: Running statements on the source from which on we wait between chunks.
BUSY_THREADS = 32


@dataclass(slots=True)
class Comparison:
    """What comparing a table came to.

    Attributes:
        different: ranges of the primary key that differ, for people.
        locked: chunks that had to be read under locks.
        columns: how many columns were compared.
    """

    table: str
    rows: int = 0
    chunks: int = 0
    locked: int = 0
    columns: int = 0
    seconds: float = 0.0
    different: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """No chunk differs."""
        return not self.different

    def __str__(self) -> str:
        what = f"{self.rows} rows of {self.table} in {self.chunks} chunks, {self.columns} columns, {self.seconds:.1f} s"
        more = "; and more" if len(self.different) > _SHOWN else ""
        return (
            f"equal: {what}" if self.equal else f"{self.table} differs where {'; '.join(self.different[:_SHOWN])}{more}"
        )


@dataclass(slots=True)
class ChunkSize:
    """How many rows a chunk has: as the time of a reading allows, and so few that writes seldom hit one. Pure.

    It doubles until one moved; from then on it grows by a fifth, and halves after each that moved.
    """

    rows: int = FIRST_ROWS
    growth: float = FIRST_GROWTH

    def adapt(self, moved: bool, seconds: float) -> None:
        """After a chunk that took so long, and moved or did not."""
        if moved:
            self.growth = LATER_GROWTH
        factor = 0.5 if moved else min(self.growth, CHUNK_SECONDS / max(seconds, 0.001))
        self.rows = int(min(MOST_ROWS, max(FIRST_ROWS, self.rows * factor)))


@dataclass(slots=True)
class Comparer:
    """Compares tables of `source` and of `replica`, which follows it.

    Attributes:
        progress: told in words how far it is.
        check: called between chunks; may raise to stop.
    """

    source: Node
    replica: Node
    database: str
    progress: Callable[[str], None] = lambda text: None
    check: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic

    def compare(self, table: str) -> Comparison:
        """Compare one table, completely.

        Raises:
            LostError: the replica does not get to where the source is, or a node is away.
            ServerError: a node refused to answer.
        """
        began = self.clock()
        with (
            Connection(self.source, answer_seconds=600.0, database=self.database) as source,
            Connection(self.replica, answer_seconds=600.0, database=self.database) as replica,
        ):
            for connection in (source, replica):
                _require_long_rows(connection)
                connection.run("SET SESSION sql_mode = '', time_zone = '+00:00', group_concat_max_len = 1048576")
                connection.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            pair = match(
                _columns(source, self.database, table),
                _columns(replica, self.database, table),
                _key(source, self.database, table),
            )
            with ThreadPoolExecutor(1, "zdmigrate compare") as beside:
                found = _Table(self, source, replica, dialect_of(source), table, pair, beside).compare()
        found.seconds = self.clock() - began
        return found


def _require_long_rows(connection: Connection) -> None:
    """A row longer than a packet would hash to NULL on both nodes, and count as equal."""
    if int(connection.value("SELECT @@max_allowed_packet")) < LONGEST_ROW:
        raise ServerError(
            connection.node.name, 0, f"max_allowed_packet is too small to compare rows; set {LONGEST_ROW}", "compare"
        )


def _columns(connection: Connection, database: str, table: str) -> list[Column]:
    rows = connection.rows(
        "SELECT COLUMN_NAME AS name, DATA_TYPE AS type, COLUMN_TYPE AS full_type, COLLATION_NAME AS collation, "
        "NUMERIC_SCALE AS scale, GENERATION_EXPRESSION AS expression FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
        (database, table),
    )
    return [
        Column(
            str(row["name"]),
            str(row["type"]).lower(),
            str(row["full_type"]).lower(),
            str(row["collation"] or ""),
            int(row["scale"] or 0),
            bool(row["expression"]),
        )
        for row in rows
    ]


def _key(connection: Connection, database: str, table: str) -> list[str]:
    rows = connection.rows(
        "SELECT COLUMN_NAME AS name FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s "
        "AND INDEX_NAME = 'PRIMARY' ORDER BY SEQ_IN_INDEX",
        (database, table),
    )
    return [str(row["name"]) for row in rows]


Bound = Sequence[Any] | None
_Sum = tuple[int, int]


@contextmanager
def _snapshot(at: Connection) -> Iterator[None]:
    """What is read inside is as of now."""
    at.run("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    try:
        yield
    finally:
        with suppress(LostError):
            at.run("ROLLBACK")


class _Table:
    """One table being compared."""

    def __init__(
        self,
        owner: Comparer,
        source: Connection,
        replica: Connection,
        dialect: Dialect,
        table: str,
        pair: TablePair,
        beside: Executor,
    ) -> None:
        self._owner = owner
        self._source, self._replica, self._dialect = source, replica, dialect
        self._pair = pair
        self._beside = beside
        self._name = f"{quoted(owner.database)}.{quoted(table)}"
        self._result = Comparison(table, columns=len(pair.source))
        self._on_source = self._select(pair.source, pair.replica)
        self._on_replica = self._select(pair.replica, pair.source)
        self._size = ChunkSize()

    def _select(self, own: Sequence[Column], other: Sequence[Column]) -> str:
        return f"SELECT COUNT(*) AS n, BIT_XOR({hash_of(own, other)}) AS h FROM {self._name}"

    def compare(self) -> Comparison:
        low = None
        while True:
            self._owner.check()
            self._wait_while_busy()
            high = self._boundary(low, self._size.rows)
            began = self._owner.clock()
            moved = self._chunk(low, high)
            self._size.adapt(moved, self._owner.clock() - began)
            self._owner.progress(f"comparing {self._result.table}: {self._result.rows} rows")
            if high is None or len(self._result.different) >= MOST_DIFFERENT:
                return self._result
            low = high

    def _boundary(self, low: Bound, rows: int) -> Bound:
        """The key of the last row of the chunk that begins after `low`; None for the rest of the table."""
        key = self._pair.key
        if not key:
            return None
        names = ", ".join(map(quoted, key))
        where, args = ("TRUE", []) if low is None else above(key, low)
        found = self._source.rows(
            f"SELECT {names} FROM {self._name} WHERE {where} ORDER BY {names} LIMIT 1 OFFSET {rows - 1}", args
        )
        return None if not found else [found[0][name] for name in key]

    def _chunk(self, low: Bound, high: Bound) -> bool:
        """One chunk; one that differs is halved, settled when it is small, under locks if it will not hold still.

        Returns whether it was read in vain.
        """
        same, rows = self._in_snapshots(low, high)
        if same:
            self._result.chunks += 1
            self._result.rows += rows
            return False
        if rows > FIRST_ROWS and self._halves(low, high, rows):
            return True
        outcome, rows = self._settle(low, high)
        if outcome == "moving" and rows > LOCKED_ROWS and self._halves(low, high, rows):
            return True
        self._result.chunks += 1
        if outcome == "moving":
            self._result.locked += 1
            outcome, rows = self._under_locks(low, high)
        self._result.rows += rows
        if outcome != "equal":
            self._result.different.append(f"{self._range(low, high)} ({outcome})")
        return True

    def _halves(self, low: Bound, high: Bound, rows: int) -> bool:
        """Both halves of a chunk, one after the other; False where it cannot be cut."""
        middle = self._boundary(low, rows // 2)
        if middle is None or middle == high:
            return False
        self._chunk(low, middle)
        if len(self._result.different) < MOST_DIFFERENT:
            self._chunk(middle, high)
        return True

    def _in_snapshots(self, low: Bound, high: Bound) -> tuple[bool, int]:
        """Whether both nodes have the same rows, the replica as of a moment later; and how many the source has."""
        with _snapshot(self._source):
            self._wait_for_replica()
            with _snapshot(self._replica):
                reading = self._beside.submit(
                    self._read, self._replica, self._on_replica, self._pair.replica_key, low, high
                )
                try:
                    here = self._read(self._source, self._on_source, self._pair.key, low, high)
                finally:
                    wait([reading])  # a connection is used by one thread at a time
                return here == reading.result(), here[0]

    def _settle(self, low: Bound, high: Bound) -> tuple[str, int]:
        """Read source, replica, source, until both readings of the source agree and the replica is like them."""
        before = self._read(self._source, self._on_source, self._pair.key, low, high)
        differed = 0
        for _ in range(ROUNDS):
            self._wait_for_replica()
            there = self._read(self._replica, self._on_replica, self._pair.replica_key, low, high)
            after = self._read(self._source, self._on_source, self._pair.key, low, high)
            if before == after == there:
                return "equal", there[0]
            differed += before == after
            before = after
        return ("different" if differed == ROUNDS else "moving"), before[0]

    def _under_locks(self, low: Bound, high: Bound) -> tuple[str, int]:
        """Read the source with its rows locked against writers, wait for the replica, and let go."""
        self._source.run("SET SESSION innodb_lock_wait_timeout = 1")
        for attempt in range(ROUNDS * 5):
            self._source.run("START TRANSACTION")
            try:
                here = self._read(self._source, self._on_source, self._pair.key, low, high, "LOCK IN SHARE MODE")
                if self._dialect.wait_for(self._replica, self._dialect.position(self._source), 1.0):
                    there = self._read(self._replica, self._on_replica, self._pair.replica_key, low, high)
                    return ("equal" if here == there else "different"), here[0]
            except ServerError as error:
                if error.errno not in (1205, 1213):
                    raise
            finally:
                with suppress(LostError):
                    self._source.run("ROLLBACK")
            time.sleep(0.1 * (attempt + 1))
        raise LostError(
            self._replica.node.name,
            f"it never was where {self._source.node.name} was while {self._range(low, high)} stood still",
            f"compare {self._result.table}",
        )

    def _read(self, at: Connection, select: str, key: Sequence[str], low: Bound, high: Bound, suffix: str = "") -> _Sum:
        conditions, args = [], []
        if low is not None:
            condition, values = above(key, low)
            conditions.append(condition)
            args += values
        if high is not None:
            condition, values = above(key, high)
            conditions.append(f"NOT {condition}")
            args += values
            conditions.append(f"{quoted(key[0])} <= %s")  # the range that the server's optimizer understands
            args.append(high[0])
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        row = at.rows(f"{select}{where} {suffix}".rstrip(), args)[0]
        return int(row["n"]), int(row["h"] or 0)

    def _wait_for_replica(self) -> None:
        position = self._dialect.position(self._source)
        if not self._dialect.wait_for(self._replica, position, CATCH_UP_SECONDS):
            rows = self._dialect.replica_rows(self._replica)
            errors = "; ".join(self._dialect.replica_of(rows[0]).errors) if rows else "it follows nobody"
            raise LostError(
                self._replica.node.name,
                f"it did not get to where {self._source.node.name} was ({errors or 'it is slow'})",
                f"compare {self._result.table}",
            )

    def _wait_while_busy(self) -> None:
        """Leave the source alone for up to ten seconds while many statements run there."""
        for _ in range(50):
            row = self._source.rows("SHOW GLOBAL STATUS LIKE 'Threads_running'")
            if not row or int(row[0]["Value"]) < BUSY_THREADS:
                return
            time.sleep(0.2)

    def _range(self, low: Bound, high: Bound) -> str:
        def shown(values: Sequence[Any]) -> str:
            return ", ".join(map(str, values))

        key = ", ".join(self._pair.key)
        if low is None and high is None:
            return "any row"
        if high is None:
            return f"({key}) > ({shown(low or ())})"
        return f"({key}) <= ({shown(high)})" if low is None else f"({shown(low)}) < ({key}) <= ({shown(high)})"
