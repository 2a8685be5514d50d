"""An app for tests of holding: threads of one process that write transactions of several statements, and never retry.

`Apps` starts such processes, waits for what they do, and compares what they were told with what the servers have.
The process itself is `python -m tests.run.hold_app`: it reads its settings as one line of JSON, prints a line of JSON
for each thing that happens, and ends with its standard input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import sessionmaker

from tests.servers.replication import Node, Replication
from zdmigrate.engine import follow_primary
from zdsession import SessionManager, open_store
from zdsession.clock import now_ms
from zdsession.fleet import FleetMember
from zdsession.record import Change, Record
from zdsession.stores.base import UNKNOWN_VERSION

PASSWORD = "app-password-of-a-test"
TOKENS = 10_000_000
HOUR_MS = 3_600_000
#: Ways to use an engine, one a thread.
STYLES = ("begin", "kept", "session", "driver", "by_hand", "statements")


def with_shop(pair: Replication) -> Replication:
    """Tables and an account of the app's own, which may not write to a read-only server."""
    primary = pair.primary
    primary.execute("CREATE DATABASE shop")
    primary.execute("CREATE TABLE shop.orders (token BIGINT PRIMARY KEY, style VARCHAR(20))")
    primary.execute("CREATE TABLE shop.line (token BIGINT, number INT, PRIMARY KEY (token, number))")
    primary.execute("CREATE TABLE shop.stock (id INT PRIMARY KEY, sold BIGINT NOT NULL)")
    primary.execute("CREATE USER app@'%%' IDENTIFIED BY %s", PASSWORD)
    primary.execute("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX ON shop.* TO app@'%'")
    pair.wait_caught_up()
    return pair


def first_token(process: int) -> int:
    """Where the tokens of a process begin; those of its styles follow each other, `TOKENS` for each."""
    return (process + 1) * 100 * TOKENS


def session_of(node: str) -> str:
    """The id of the session that the app of a node writes to."""
    return sha256(node.encode()).hexdigest()


def app_url(node: Node) -> str:
    """The app's address of a node."""
    return f"mysql+pymysql://app:{PASSWORD}@127.0.0.1:{node.server.port}/shop"


@dataclass
class Apps:
    """Running app processes.

    Attributes:
        acknowledged: tokens of transactions that were committed, as the app was told.
        errors: whatever a transaction ended with instead, in words.
        longest: seconds between two commits of one thread, the longest of all.
    """

    pair: Replication
    store: str
    nodes: Sequence[str] = ("web1", "web2")
    styles: Sequence[str] = STYLES
    options: dict[str, Any] = field(default_factory=lambda: {"pause": 0.01})
    acknowledged: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    longest: float = 0.0
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    readers: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Apps:
        try:
            for number, node in enumerate(self.nodes):
                self._start(number, node)
            self.wait_for(len(self.nodes) * len(self.styles) * 3)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def wait_for(self, more: int, seconds: float = 20.0) -> None:
        """Wait for so many commits more, or an error."""
        wanted, end = len(self.acknowledged) + more, time.monotonic() + seconds
        while len(self.acknowledged) < wanted and not self.errors:
            assert time.monotonic() < end, f"the app does not get on: {len(self.acknowledged)} of {wanted}"
            time.sleep(0.01)

    def is_busy(self) -> bool:
        """Whether commits come."""
        before = len(self.acknowledged)
        time.sleep(0.5)
        return len(self.acknowledged) > before + 10

    def check(self, nodes: Sequence[Node]) -> None:
        """Each node has what was acknowledged and nothing else, whole."""
        for node in nodes:
            assert {row[0] for row in node.execute("SELECT token FROM shop.orders")} == self.acknowledged
            halves = node.execute("SELECT token FROM shop.line GROUP BY token HAVING COUNT(*) <> 2")
            assert list(halves) == []
            assert node.value("SELECT COUNT(*) FROM shop.line") == 2 * len(self.acknowledged)
            assert node.value("SELECT SUM(sold) FROM shop.stock") == len(self.acknowledged)

    def _start(self, number: int, node: str) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.run.hold_app"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )  # fmt: skip
        self.processes.append(process)
        assert process.stdin is not None
        told = {"urls": [app_url(one) for one in self.pair.nodes], "store": self.store, "node": node,
                "styles": list(self.styles), "first": first_token(number), **self.options}  # fmt: skip
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        self.readers.append(threading.Thread(target=self._read, args=(process,), daemon=True))
        self.readers[-1].start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                told = json.loads(line)
                self.acknowledged.update(told["committed"])
                self.errors += told["errors"]
                self.longest = max(self.longest, told["longest"])

    def _end(self) -> None:
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self.readers:
            reader.join(30)


# --- the process


class App:
    """One process: its engine, its member of the fleet, and a thread for each style."""

    def __init__(self, told: dict[str, Any]) -> None:
        # Patient, as a session is lost to its visitor when the store is not there on a busy machine.
        self.store = open_store(told["store"], budget=20.0)
        self.visitor = session_of(told["node"])
        self.member = FleetMember(SessionManager(told["store"]), version="1.0", node=told["node"])
        self.engine = follow_primary(
            told["urls"],
            fleet=self.member if told.get("holds", True) else None,
            budget=told.get("budget", 30.0),
            connect_args={"ssl_disabled": True},  # else PyMySQL reads the machine's certificates for every connection
        )
        self.member.start()
        self.session = sessionmaker(self.engine)
        self.statements = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.pause = told.get("pause", 0.002)
        self.stop = threading.Event()
        self.telling = threading.Lock()
        self.committed: list[int] = []
        self.errors: list[str] = []
        self.longest = 0.0

    def run(self, styles: Sequence[str], first: int) -> None:
        threads = []
        for number, style in enumerate(styles):
            start = first + number * TOKENS
            threads.append(threading.Thread(target=self._work, args=(style, start, first // 1_000_000 + number)))
        for thread in threads:
            thread.start()
        threading.Thread(target=self._until_told, daemon=True).start()
        while not self.stop.wait(0.05):
            self._tell()
        for thread in threads:
            thread.join()
        self._tell()
        self.member.close()

    def _until_told(self) -> None:
        sys.stdin.read()
        self.stop.set()

    def _tell(self) -> None:
        with self.telling:
            told = {"committed": self.committed, "errors": self.errors, "longest": self.longest}
            self.committed, self.errors = [], []
        print(json.dumps(told), flush=True)

    def _work(self, style: str, token: int, stock: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("INSERT INTO stock VALUES (:id, 0)"), {"id": stock})
        write = getattr(self, f"_{style}")
        kept: list[Any] = []
        last = time.monotonic()
        while not self.stop.is_set():
            token += 1
            try:
                write(kept, token, stock)
            except Exception as error:
                with self.telling:
                    self.errors.append(f"{style}: {type(error).__name__}: {error}"[:600])
                while kept:
                    kept.pop().close()
                time.sleep(0.05)
                continue
            now = time.monotonic()
            with self.telling:
                self.committed.append(token)
                self.longest = max(self.longest, now - last)
            last = now
            self.stop.wait(self.pause)
        while kept:
            kept.pop().close()

    def _begin(self, kept: list[Any], token: int, stock: int) -> None:
        """A transaction on a connection from the pool."""
        with self.engine.begin() as connection:
            self._order(connection, token, stock, "begin")

    def _kept(self, kept: list[Any], token: int, stock: int) -> None:
        """A connection that is kept, and begins by itself with the first statement."""
        connection = self._keep(kept, self.engine)
        self._order(connection, token, stock, "kept")
        connection.commit()

    def _session(self, kept: list[Any], token: int, stock: int) -> None:
        """The ORM's, which asks for a second connection while its transaction runs."""
        with self.session() as session:
            session.execute(text("SELECT sold FROM stock WHERE id = :id FOR UPDATE"), {"id": stock})
            with self.engine.connect() as other:
                other.execute(text("SELECT COUNT(*) FROM stock"))
            self._order(session, token, stock, "session")
            session.commit()

    def _driver(self, kept: list[Any], token: int, stock: int) -> None:
        """SQL that SQLAlchemy does not look at."""
        connection = self._keep(kept, self.engine)
        connection.exec_driver_sql("INSERT INTO orders VALUES (%s, 'driver')", (token,))
        connection.exec_driver_sql("INSERT INTO line VALUES (%s, 1), (%s, 2)", (token, token))
        connection.exec_driver_sql("UPDATE stock SET sold = sold + 1 WHERE id = %s", (stock,))
        connection.commit()

    def _by_hand(self, kept: list[Any], token: int, stock: int) -> None:
        """Transactions begun in SQL where every other statement commits."""
        with self.statements.connect() as connection:
            connection.exec_driver_sql("START TRANSACTION")
            self._order(connection, token, stock, "by hand")
            connection.exec_driver_sql("COMMIT")

    def _statements(self, kept: list[Any], token: int, stock: int) -> None:
        """A connection that is kept, on which every statement commits; between them the primary may move too."""
        self._order(self._keep(kept, self.statements), token, stock, "statements")

    def _visits(self, kept: list[Any], token: int, stock: int) -> None:
        """A request: it writes to its session, then places an order."""
        now = now_ms()
        base = Record(b"s" * 32, now, now, now, now + HOUR_MS, now + HOUR_MS, version=UNKNOWN_VERSION)
        self.store.create(self.visitor, base)
        self.store.save(self.visitor, base, Change(now, now + HOUR_MS, {"last": str(token).encode()}))
        self._begin(kept, token, stock)

    def _keep(self, kept: list[Any], engine: Any) -> Any:
        if not kept:
            kept.append(engine.connect())
        return kept[0]

    def _order(self, connection: Any, token: int, stock: int, style: str) -> None:
        connection.execute(text("INSERT INTO orders VALUES (:token, :style)"), {"token": token, "style": style})
        time.sleep(0.001)
        connection.execute(text("INSERT INTO line VALUES (:token, 1), (:token, 2)"), {"token": token})
        connection.execute(text("UPDATE stock SET sold = sold + 1 WHERE id = :id"), {"id": stock})


if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    App(given).run(given["styles"], given["first"])
