"""A primary and its replica, made for one case after the other."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import pymysql
import pymysql.cursors

from scripts.replication_matrix.cases import Vendor
from tests.servers.dialects import ReplicaStatus, dialect
from tests.servers.replication import Node, open_replicas

DATABASE = "matrix"
#: How long replication may take over a handful of rows before the pair counts as broken.
DEADLINE_SECONDS = 60.0
#: The ALTER of the second side runs this much later by its session's clock: an hour is what a real one takes.
LATER_SECONDS = 3600

#: Tables with the names of their columns, and their rows as hexadecimal bytes.
Contents = dict[str, list[tuple[str | None, ...]]]


class PairError(Exception):
    """The pair did not do what every pair must: the matrix cannot be measured."""


class Side:
    """One server of the pair, and the one connection that a case uses: thousands of new ones would take minutes."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.dialect = dialect(node.server.kind)
        self._connection = node.connect(read_timeout=DEADLINE_SECONDS)

    def run(self, *statements: str) -> None:
        """Run statements.

        Raises:
            pymysql.MySQLError: The server refused one.
        """
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def value(self, query: str, *parameters: object) -> Any:
        """The first column of the first row."""
        return self.rows(query, parameters)[0][0]

    def position(self) -> str:
        """The GTIDs in its binary log."""
        return str(self.value(self.dialect.position)).replace("\n", "")

    def status(self) -> ReplicaStatus:
        """How it replicates.

        Raises:
            PairError: It follows nobody.
        """
        with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(self.dialect.status_query)
            row: Any = cursor.fetchone()
        if row is None:
            raise PairError(f"{self.node} follows nobody any more")
        return self.dialect.status(row)

    def alter(self, statement: str, *, later: bool = False) -> int | None:
        """Run one statement outside the binary log; the server's error number when it refuses.

        Args:
            later: by a session clock that is `LATER_SECONDS` ahead.
        """
        clock = str(int(time.time()) + LATER_SECONDS) if later else "DEFAULT"
        self.run("SET SESSION sql_log_bin = 0", f"SET SESSION timestamp = {clock}")
        try:
            self.run(statement)
        except pymysql.MySQLError as error:
            return int(error.args[0])
        finally:
            self.run("SET SESSION timestamp = DEFAULT", "SET SESSION sql_log_bin = 1")
        return None

    def contents(self) -> Contents:
        """What every table of the database holds, invisible columns included, in no order of rows."""
        columns = self.rows(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = %s "
            "ORDER BY table_name, ordinal_position",
            (DATABASE,),
        )
        found: Contents = {}
        for table in dict.fromkeys(table for table, _, _ in columns):
            own = [(name, kind) for of, name, kind in columns if of == table]
            # FLOAT is printed with six digits; as DOUBLE it shows all that was stored.
            terms = [f"HEX(CAST(`{name}`{' + 0e0' if kind == 'float' else ''} AS BINARY))" for name, kind in own]
            rows = self.rows(f"SELECT {', '.join(terms)} FROM `{DATABASE}`.`{table}`")
            found[f"{table} ({', '.join(name for name, _ in own)})"] = sorted(rows, key=repr)
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Pair:
    """A source and its replica, both writable. A context manager; both servers end with it.

    Args:
        vendor: Whose servers.
        version: The beginning of a version; the machine's own when None.

    Raises:
        ServerError: This machine cannot provide them, or they do not start.
    """

    def __init__(self, vendor: Vendor, version: str | None = None) -> None:
        self.vendor = vendor
        with contextlib.ExitStack() as stack:
            # One applier: with several the error number is now and then a later worker's.
            replication = stack.enter_context(open_replicas(vendor, version=version, appliers=1))
            replication.replica.set_read_only(False)
            self.source, self.replica = Side(replication.primary), Side(replication.replica)
            stack.callback(self.source.close)
            stack.callback(self.replica.close)
            self.version = replication.primary.server.version
            self._stack = stack.pop_all()

    def __enter__(self) -> Pair:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def fresh(self) -> None:
        """An empty database on both sides.

        Raises:
            PairError: Replication does not work.
        """
        if self.replica.status().applier_errno:
            self._start_anew()
        self.source.run(f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        self.synchronise("the empty database")
        for side in (self.source, self.replica):
            side.run(f"USE {DATABASE}")

    def configure(self, conversions: str, row_image: str, binlog_format: str) -> None:
        """What the applier converts, and how the source's connection writes its binary log from now on."""
        prefix = "replica" if self.vendor == "mysql" else "slave"
        self.stop_applier()
        self.replica.run(f"SET GLOBAL {prefix}_type_conversions = '{conversions}'")
        self.start_applier()
        self.source.run(f"SET SESSION binlog_row_image = {row_image}", f"SET SESSION binlog_format = {binlog_format}")

    def stop_applier(self) -> None:
        """Fetch without applying."""
        self.replica.run(self.replica.dialect.stop["applier"])

    def start_applier(self) -> None:
        """Apply again."""
        self.replica.run(self.replica.dialect.start["applier"])

    def synchronise(self, what: str) -> None:
        """Wait until the replica has applied what the source wrote.

        Raises:
            PairError: It stopped, or took too long.
        """
        if self.applied() is not None:
            raise PairError(f"{what} did not replicate: the applier stopped: {self.replica.status().applier_error}")

    def applied(self) -> int | None:
        """Wait until the replica has applied everything, or its applier stopped: None or the error number.

        Raises:
            PairError: Neither happened in time, or it cannot fetch.
        """
        position = self.source.position()

        def over(status: ReplicaStatus) -> bool:
            stopped = not status.applier and status.applier_errno
            return bool(stopped) or self.replica.value(self.replica.dialect.reached, position) == 1

        return self._wait(over).applier_errno or None

    def received(self) -> None:
        """Wait until the replica has fetched everything.

        Raises:
            PairError: It took too long, or it cannot fetch.
        """
        position = self.source.position()

        def fetched(status: ReplicaStatus) -> bool:
            if self.vendor == "mariadb":
                return bool(status.raw["Gtid_IO_Pos"] == position)
            known = ",".join(filter(None, (status.raw["Retrieved_Gtid_Set"], status.raw["Executed_Gtid_Set"])))
            return bool(self.replica.value("SELECT GTID_SUBSET(%s, %s)", position, known) == 1)

        self._wait(fetched)

    def _start_anew(self) -> None:
        """Forget every transaction and replicate from an empty beginning: what a stopped applier needs."""
        self.replica.node.stop_replication()
        for side in (self.source, self.replica):
            side.node.forget()
        self.replica.node.follow(self.source.node)

    def _wait(self, over: Callable[[ReplicaStatus], bool]) -> ReplicaStatus:
        """The replica's status after `over` has said yes."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not over(status := self.replica.status()):
            if status.io == "No" and status.io_errno:
                raise PairError(f"the replica stopped fetching: {status.io_errno} {status.io_error}")
            if time.monotonic() > deadline:
                raise PairError(f"replication did nothing for {DEADLINE_SECONDS:.0f} s: {status}")
            time.sleep(0.005)
        return status
