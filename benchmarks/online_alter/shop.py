"""The servers of one contender: the table and its rows, the room they take, and whether all is exact at the end."""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pymysql
from sqlalchemy.engine import URL, make_url

from benchmarks.online_alter.load import Load
from tests.servers import ServerError
from tests.servers.replication import Node, Replication, open_replicas

DATABASE = "shop"
TABLE = "orders"
#: The change: MySQL can make it by ALGORITHM=COPY only.
CHANGE = "MODIFY amount BIGINT NOT NULL"
#: Production's defaults where the test servers' own are smaller. gh-ost asks performance_schema about locks. Both peers
#: count rows by EXPLAIN and understand its old form only: with 9.7's, pt-online-schema-change takes the table for empty
#: and copies all of it in one statement.
SERVER_OPTIONS = (
    "--innodb-buffer-pool-size=512M",
    "--innodb-redo-log-capacity=512M",
    "--performance-schema=ON",
    "--explain-format=TRADITIONAL",
)
CREATE = (
    f"CREATE TABLE {TABLE} (id BIGINT NOT NULL PRIMARY KEY, customer INT NOT NULL, amount INT NOT NULL, "
    "touched INT NOT NULL, note VARCHAR(100) NOT NULL, KEY customer (customer))"
)
_FILL = (
    f"INSERT INTO {TABLE} WITH RECURSIVE n (i) AS (SELECT %s UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s) "
    "SELECT i, i MOD 1000, i MOD 100000, 0, SHA2(i, 256) FROM n"
)
_TYPE = (
    "SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND COLUMN_NAME = %s"
)
_WHOLE = (
    "SELECT COUNT(*), SUM(touched), "
    f"BIT_XOR(CAST(CRC32(CONCAT_WS('#', id, customer, amount, touched, note)) AS UNSIGNED)) FROM {TABLE}"
)
_BLOCK = 20_000
_LEVEL_SECONDS = 900
_LOOK = 0.2


@dataclass
class Shop:
    """A primary and a replica with the table filled, an account for the app and one for tools.

    Attributes:
        pair: the servers.
        rows: rows of the table at the start.
        app: every node, as the app reaches it: an account that may read and write the tables.
        tool: every node, as tools reach it: an account that may do everything, the same on all.
    """

    pair: Replication
    rows: int
    app: list[URL] = field(init=False)
    tool: list[URL] = field(init=False)

    def __post_init__(self) -> None:
        self.app = self._account("app", f"SELECT, INSERT, UPDATE ON {DATABASE}.*")
        self.tool = self._account("tool", "ALL ON *.*")
        primary = self.pair.primary
        primary.execute(f"CREATE DATABASE {DATABASE}")
        primary.execute(CREATE, database=DATABASE)
        primary.execute("CREATE TABLE beat (id INT PRIMARY KEY, at DOUBLE NOT NULL)", database=DATABASE)
        primary.execute("INSERT INTO beat VALUES (1, %s)", time.time(), database=DATABASE)
        with contextlib.closing(primary.connect(DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION cte_max_recursion_depth = %s", (_BLOCK,))
            for start in range(0, self.rows, _BLOCK):
                cursor.execute(_FILL, (start, min(start + _BLOCK, self.rows)))
        # Tools choose their chunks by the statistics, which still speak of an empty table.
        primary.execute(f"ANALYZE TABLE {TABLE}", database=DATABASE)
        self.pair.wait_caught_up(_LEVEL_SECONDS)
        self._untouched = _digest(primary, self.rows)

    def _account(self, name: str, privileges: str) -> list[URL]:
        password = secrets.token_urlsafe(18)
        self.pair.primary.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", password)
        self.pair.primary.execute(f"GRANT {privileges} TO {name}@'%'")
        return [make_url(node.url(DATABASE)).set(username=name, password=password) for node in self.pair.nodes]

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *error: object) -> None:
        self.pair.close()

    def wait_for_both(self, seconds: float = _LEVEL_SECONDS) -> None:
        """Wait until every node has the change and has applied what the primary of now had logged.

        Raises:
            TimeoutError: that took longer.
        """
        end = time.monotonic() + seconds
        while not all(self._is_changed(node) for node in self.pair.nodes):
            if time.monotonic() > end:
                raise TimeoutError(f"a server lacks the change {seconds:.0f} s later")
            time.sleep(0.05)
        self.pair.wait_caught_up(max(1.0, end - time.monotonic()), source=self.serving())

    def serving(self) -> Node:
        """The node that takes writes.

        Raises:
            ServerError: none, or more than one.
        """
        writable = [node for node in self.pair.nodes if not node.value("SELECT @@global.read_only")]
        if len(writable) != 1:
            raise ServerError(f"{len(writable)} nodes take writes")
        return writable[0]

    def binlog(self) -> int:
        """Bytes that the first primary has written to its binary log."""
        return sum(int(row[1]) for row in self.pair.primary.execute("SHOW BINARY LOGS"))

    def processor(self) -> dict[str, float]:
        """Seconds of a processor that each server has used since it started."""
        used = {}
        for node in self.pair.nodes:
            pid = Path(str(node.value("SELECT @@pid_file"))).read_text().strip()
            used[node.name] = processor_seconds(Path(f"/proc/{pid}/stat").read_text(), os.sysconf("SC_CLK_TCK"))
        return used

    def wrong(self, load: Load) -> tuple[str, ...]:
        """What is not as it must be, when the load has ended and both are level."""
        found = []
        states = [node.execute(_WHOLE, database=DATABASE) for node in self.pair.nodes]
        if any(state != states[0] for state in states):
            found.append("the servers differ")
        for node in self.pair.nodes:
            new = {
                int(row[0])
                for row in node.execute(f"SELECT id FROM {TABLE} WHERE id >= %s", self.rows, database=DATABASE)
            }
            if lost := len(load.acknowledged - new):
                found.append(f"{node.name} lost {lost}")
            if invented := len(new - load.acknowledged - load.unknown):
                found.append(f"{node.name} has {invented} that nobody wrote")
            if int(node.value(f"SELECT SUM(touched) FROM {TABLE}", database=DATABASE)) != len(new):
                found.append(f"the counters of {node.name} do not add up")
            if _digest(node, self.rows) != self._untouched:
                found.append(f"rows of {node.name} that nobody wrote to have other values")
        return tuple(found)

    def _is_changed(self, node: Node) -> bool:
        try:
            return bool(node.value(_TYPE, DATABASE, TABLE, "amount") == "bigint")
        except pymysql.MySQLError:
            return False


class Room:
    """How much each node's folder grows, looked at all the time from `with` to its end.

    Attributes:
        peak: the most bytes more than at the start; by node. Files that are deleted and still open do not show.
    """

    def __init__(self, pair: Replication) -> None:
        folders = "SELECT @@datadir, @@tmpdir"
        self._folders = {node.name: [Path(str(path)) for path in node.execute(folders)[0]] for node in pair.nodes}
        self._start = {name: bytes_under(folders) for name, folders in self._folders.items()}
        self.peak = dict.fromkeys(self._folders, 0)

    def __enter__(self) -> Room:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK):
            for name, folders in self._folders.items():
                self.peak[name] = max(self.peak[name], bytes_under(folders) - self._start[name])


def open_shop(rows: int) -> Shop:
    """Fresh servers with durable logs and the table filled; to be closed by `with`."""
    with contextlib.ExitStack() as undo:
        pair = undo.enter_context(open_replicas("mysql", durable=True, args=SERVER_OPTIONS))
        shop = Shop(pair, rows)
        undo.pop_all()
    return shop


def processor_seconds(stat: str, ticks: int) -> float:
    """User and system time in a line of `/proc/PID/stat` (proc(5)): the name in parentheses may hold anything."""
    after = stat.rpartition(")")[2].split()
    return (int(after[11]) + int(after[12])) / ticks


def _digest(node: Node, rows: int) -> object:
    """Of the columns that nobody changes, in the rows of the start."""
    columns = "BIT_XOR(CAST(CRC32(CONCAT_WS('#', id, customer, amount, note)) AS UNSIGNED))"
    return node.execute(f"SELECT COUNT(*), {columns} FROM {TABLE} WHERE id < %s", rows, database=DATABASE)


def bytes_under(folders: list[Path]) -> int:
    """Bytes on the disk under these folders; files may come and go meanwhile."""
    total, pending = 0, [str(folder) for folder in folders]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_blocks * 512
        except FileNotFoundError:
            continue
    return total
