"""Writers that remember every write a server acknowledged, and the comparison with what is there afterwards.

Each writer looks for the writable node by itself, as an app would, and writes rows with tokens of its own. A write
whose answer was lost may be there or not; one that was acknowledged must be there once, on every node.
"""

import contextlib
import itertools
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

import pymysql
from sqlalchemy.engine import make_url

from tests.servers.replication import Node

TABLE = "zd_ledger.entry"
PASSWORD = secrets.token_urlsafe(12)


@dataclass
class Ledger:
    """Writers against the nodes, from `with` to its end.

    Attributes:
        acknowledged: Tokens whose COMMIT was answered.
        unknown: Tokens whose COMMIT was sent and not answered.
        gaps: Seconds between two acknowledged writes of one writer, the longest of each.
        also: A statement that belongs to each write, in the same transaction, with one %s for its token.
        grants: What the writers' account may do for that.
    """

    nodes: Sequence[Node]
    writers: int = 4
    pause: float = 0.0
    also: str = ""
    grants: Sequence[str] = ()
    acknowledged: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    gaps: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._numbers = itertools.count(1)

    def __enter__(self) -> "Ledger":
        primary = self.nodes[0]
        primary.execute("CREATE DATABASE IF NOT EXISTS zd_ledger")
        primary.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (token BIGINT NOT NULL PRIMARY KEY, text VARCHAR(40))")
        # An app's account: root would write through MariaDB's read_only.
        primary.execute("CREATE USER IF NOT EXISTS ledger@'%%' IDENTIFIED BY %s", PASSWORD)
        for grant in ("SELECT, INSERT ON zd_ledger.*", *self.grants):
            primary.execute(f"GRANT {grant} TO ledger@'%'")
        for node in self.nodes[1:]:
            while not node.has_applied(primary.position()):
                pass
        for _ in range(self.writers):
            thread = threading.Thread(target=self._write, daemon=True)
            thread.start()
            self._threads.append(thread)
        self.wait_for(self.writers * 3)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the writers."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def wait_for(self, more: int, seconds: float = 30.0) -> None:
        """Wait until so many further writes were acknowledged."""
        wanted = len(self.acknowledged) + more
        end = time.monotonic() + seconds
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, f"only {len(self.acknowledged)} of {wanted} writes after {seconds:.0f} s"
            time.sleep(0.005)

    def check(self, nodes: Sequence[Node]) -> None:
        """Every acknowledged token is on each node once (the primary key sees to once), and no other node has more."""
        for node in nodes:
            there = {row[0] for row in node.execute(f"SELECT token FROM {TABLE}")}
            lost = self.acknowledged - there
            assert not lost, f"{node.name} lost {len(lost)} of {len(self.acknowledged)}: {sorted(lost)[:10]}"
            invented = there - self.acknowledged - self.unknown
            assert not invented, f"{node.name} has {len(invented)} that nobody wrote: {sorted(invented)[:10]}"

    def _write(self) -> None:
        connection: pymysql.connections.Connection[pymysql.cursors.Cursor] | None = None
        turn = 0
        last, longest = time.monotonic(), 0.0
        while not self._stop.is_set():
            if connection is None:
                with contextlib.suppress(pymysql.MySQLError, OSError):
                    connection = self._connect(self.nodes[turn % len(self.nodes)])
                turn += 1
                if connection is None:
                    time.sleep(0.005)
                    continue
            token = next(self._numbers)
            try:
                with connection.cursor() as cursor:
                    if self.also:
                        connection.begin()
                        cursor.execute(self.also, (token,))
                    cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, %s)", (token, "x" * 30))
                    if self.also:
                        connection.commit()
            except (pymysql.MySQLError, OSError) as error:
                if _is_unknown(error):
                    self.unknown.add(token)
                with contextlib.suppress(pymysql.MySQLError):
                    connection.close()
                connection = None
                time.sleep(0.005)
                continue
            self.acknowledged.add(token)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            if self.pause:
                time.sleep(self.pause)
        self.gaps.append(longest)
        if connection is not None:
            connection.close()

    def _connect(self, node: Node) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        url = make_url(node.url())
        return pymysql.connect(
            host=url.host,
            port=url.port or 0,
            user="ledger",
            password=PASSWORD,
            autocommit=True,
            connect_timeout=2,
            read_timeout=20,
        )


def _is_unknown(error: Exception) -> bool:
    """A refusal is an answer; a lost connection is none."""
    number = error.args[0] if error.args else 0
    return not isinstance(number, int) or number in (0, 1053, 1927, 2006, 2013, 4031)
