"""What a run meant to do, kept where the next run finds it: in rows of `zdmigrate.run`, on the serving primary.

The journal says what was *meant*; what *is* is read from the servers before every step. It is replicated like
any table, so it survives the old primary. While the primary is frozen nothing can be written to it: what a resume
needs is written before (the intent), and the steps of that moment are written afterwards.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from zdmigrate.run.errors import ServerError

if TYPE_CHECKING:  # whoever only wants `owner` is spared a database driver
    from zdmigrate.run.connection import Connection

State = Literal["running", "done", "aborted"]
#: What was asked of a run from outside: wait between statements, stop there, stop now.
Verb = Literal["pause", "abort", "kill"]

_CREATE = (
    "CREATE DATABASE IF NOT EXISTS zdmigrate",
    "CREATE TABLE IF NOT EXISTS zdmigrate.run ("
    "id CHAR(16) CHARACTER SET ascii NOT NULL, kind VARCHAR(32) CHARACTER SET ascii NOT NULL, "
    "state VARCHAR(16) CHARACTER SET ascii NOT NULL, owner VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL, "
    "intent LONGTEXT CHARACTER SET utf8mb4 NOT NULL, started DATETIME(6) NOT NULL, updated DATETIME(6) NOT NULL, "
    "PRIMARY KEY (id), KEY by_state (state, started)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS zdmigrate.step ("
    "run CHAR(16) CHARACTER SET ascii NOT NULL, seq INT NOT NULL, name VARCHAR(64) CHARACTER SET ascii NOT NULL, "
    "outcome VARCHAR(16) CHARACTER SET ascii NOT NULL, milliseconds DOUBLE NOT NULL, "
    "detail LONGTEXT CHARACTER SET utf8mb4 NOT NULL, PRIMARY KEY (run, seq)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS zdmigrate.plan ("
    "run CHAR(16) CHARACTER SET ascii NOT NULL, plan LONGTEXT CHARACTER SET utf8mb4 NOT NULL, "
    "PRIMARY KEY (run)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS zdmigrate.statement ("
    "run CHAR(16) CHARACTER SET ascii NOT NULL, item VARCHAR(128) CHARACTER SET utf8mb4 NOT NULL, "
    "state VARCHAR(16) CHARACTER SET ascii NOT NULL, sha256 CHAR(64) CHARACTER SET ascii NOT NULL, "
    "node VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL, connection BIGINT UNSIGNED NOT NULL, "
    "shown VARCHAR(1000) CHARACTER SET utf8mb4 NOT NULL, detail LONGTEXT CHARACTER SET utf8mb4 NOT NULL, "
    "started DATETIME(6) NOT NULL, updated DATETIME(6) NOT NULL, PRIMARY KEY (run, item)) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS zdmigrate.request ("
    "run CHAR(16) CHARACTER SET ascii NOT NULL, verb VARCHAR(16) CHARACTER SET ascii NOT NULL, "
    "owner VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL, asked DATETIME(6) NOT NULL, "
    "PRIMARY KEY (run)) ENGINE=InnoDB",
)
_NO_TABLE = 1146
_NO_DATABASE = 1049


@dataclass(frozen=True, slots=True)
class Entry:
    """One run as the journal has it.

    Attributes:
        intent: what a resume needs to know; its keys belong to the kind of run.
        owner: user@host (process) that ran it last.
        age: seconds since it was last heard of, by the server's clock.
    """

    id: str
    kind: str
    state: State
    owner: str
    intent: Mapping[str, Any]
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """One statement (or the version row of one revision) of a run.

    Attributes:
        item: the change's id, `revision:index`; of a version row, `revision`.
        state: begun (it may or may not have happened) or done.
        connection: the server's number of the connection it went over.
        seconds: since it began until it was done or now, by the server's clock.
    """

    item: str
    state: Literal["begun", "done"]
    sha256: str
    node: str
    connection: int
    shown: str
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a run, and who made it."""

    verb: Verb
    owner: str


@dataclass(slots=True)
class Journal:
    """The journal of one run. `at` is a connection to the serving primary: give it a new one after a switch."""

    at: Connection
    kind: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    _steps: int = 0
    _waiting: list[tuple[str, str, float, str]] = field(default_factory=list)

    def begin(self, intent: Mapping[str, Any]) -> None:
        """Write that this run begins, or begins again."""
        for statement in _CREATE:
            self.at.run(statement)
        text = json.dumps(intent, sort_keys=True)
        self.at.run(
            "INSERT INTO zdmigrate.run (id, kind, state, owner, intent, started, updated) "
            "VALUES (%s, %s, 'running', %s, %s, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) "
            "ON DUPLICATE KEY UPDATE state = 'running', owner = VALUES(owner), intent = VALUES(intent), "
            "updated = VALUES(updated)",
            (self.id, self.kind, owner(), text),
        )
        found = self.at.value("SELECT COALESCE(MAX(seq), 0) FROM zdmigrate.step WHERE run = %s", (self.id,))
        self._steps = int(found)

    def intend(self, intent: Mapping[str, Any]) -> None:
        """Replace the intent."""
        self.at.run(
            "UPDATE zdmigrate.run SET intent = %s, updated = UTC_TIMESTAMP(6) WHERE id = %s",
            (json.dumps(intent, sort_keys=True), self.id),
        )

    def note(self, name: str, outcome: str, milliseconds: float, detail: str = "") -> None:
        """Remember a step; it is written with the next `flush`, because the primary may be frozen now."""
        self._waiting.append((name, outcome, milliseconds, detail))

    def flush(self) -> None:
        """Write the steps that were noted."""
        while self._waiting:
            name, outcome, milliseconds, detail = self._waiting[0]
            self.at.run(
                "INSERT INTO zdmigrate.step (run, seq, name, outcome, milliseconds, detail) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                (self.id, self._steps + 1, name, outcome, milliseconds, detail),
            )
            self._steps += 1
            del self._waiting[0]

    def keep_plan(self, plan: str) -> None:
        """Keep what was judged and admitted, so that a rerun can go on with exactly that."""
        self.at.run("INSERT INTO zdmigrate.plan (run, plan) VALUES (%s, %s)", (self.id, plan))

    def statement_begun(self, item: str, sha256: str, connection: int, sql: str) -> None:
        """Write that a statement is about to be sent. May be said again."""
        self.at.run(
            "INSERT INTO zdmigrate.statement "
            "(run, item, state, sha256, node, connection, shown, detail, started, updated) "
            "VALUES (%s, %s, 'begun', %s, %s, %s, %s, '', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) "
            "ON DUPLICATE KEY UPDATE connection = VALUES(connection), node = VALUES(node), "
            "started = VALUES(started), updated = VALUES(updated)",
            (self.id, item, sha256, self.at.node.name, connection, " ".join(sql.split())[:1000]),
        )

    def statement_waits(self, item: str, detail: str) -> None:
        """Write what a statement waits for."""
        self.at.run(
            "UPDATE zdmigrate.statement SET detail = %s, updated = UTC_TIMESTAMP(6) WHERE run = %s AND item = %s",
            (detail, self.id, item),
        )

    def statement_done(self, item: str, detail: str = "", *, over: Connection | None = None) -> None:
        """Write that a statement happened; `over` another connection, to be part of its transaction."""
        (over or self.at).run(
            "UPDATE zdmigrate.statement SET state = 'done', detail = %s, updated = UTC_TIMESTAMP(6) "
            "WHERE run = %s AND item = %s",
            (detail, self.id, item),
        )

    def statement_taken_back(self, item: str) -> None:
        """Forget a statement that was begun: the server refused it, and nothing of it happened."""
        self.at.run("DELETE FROM zdmigrate.statement WHERE run = %s AND item = %s AND state = 'begun'", (self.id, item))

    def asked(self) -> Asked | None:
        """What was asked of this run, or None."""
        rows = self.at.rows("SELECT verb, owner FROM zdmigrate.request WHERE run = %s", (self.id,))
        return Asked(rows[0]["verb"], str(rows[0]["owner"])) if rows else None

    def answered(self) -> None:
        """Forget what was asked."""
        self.at.run("DELETE FROM zdmigrate.request WHERE run = %s", (self.id,))

    def end(self, state: State) -> None:
        """Write how the run ended."""
        self.flush()
        self.at.run("UPDATE zdmigrate.run SET state = %s, updated = UTC_TIMESTAMP(6) WHERE id = %s", (state, self.id))


def unfinished(connections: Sequence[Connection]) -> Entry | None:
    """The newest run that did not end, as the node says that heard of it last; None when there is none."""
    found: list[Entry] = []
    ended: set[str] = set()
    for connection in connections:
        for entry in history(connection, limit=20):
            (found.append(entry) if entry.state == "running" else ended.add(entry.id))
    running = [entry for entry in found if entry.id not in ended]
    return min(running, key=lambda entry: entry.age) if running else None


def history(connection: Connection, limit: int = 20) -> list[Entry]:
    """The newest runs, newest first; empty when no run was ever made here."""
    try:
        rows = connection.rows(
            "SELECT id, kind, state, owner, intent, TIMESTAMPDIFF(MICROSECOND, updated, UTC_TIMESTAMP(6)) / 1e6 AS age "
            "FROM zdmigrate.run ORDER BY started DESC LIMIT %s",
            (limit,),
        )
    except ServerError as error:
        if error.errno in (_NO_TABLE, _NO_DATABASE):
            return []
        raise
    return [
        Entry(row["id"], row["kind"], row["state"], row["owner"], json.loads(row["intent"]), float(row["age"]))
        for row in rows
    ]


def plan_of(connection: Connection, run: str) -> str | None:
    """The plan a run keeps, or None."""
    value = connection.value("SELECT plan FROM zdmigrate.plan WHERE run = %s", (run,))
    return None if value is None else str(value)


def statements_of(connection: Connection, run: str) -> list[StatementEntry]:
    """The statements of a run, in the order they began."""
    rows = connection.rows(
        "SELECT item, state, sha256, node, connection, shown, detail, TIMESTAMPDIFF(MICROSECOND, started, "
        "IF(state = 'done', updated, UTC_TIMESTAMP(6))) / 1e6 AS seconds "
        "FROM zdmigrate.statement WHERE run = %s ORDER BY started, item",
        (run,),
    )
    return [
        StatementEntry(
            str(row["item"]), row["state"], str(row["sha256"]), str(row["node"]), int(row["connection"]),
            str(row["shown"]), str(row["detail"]), float(row["seconds"]),
        )
        for row in rows
    ]  # fmt: skip


def ask(connection: Connection, run: str, verb: Verb) -> None:
    """Ask something of a run; it looks between statements, and every second while one runs."""
    connection.run(
        "INSERT INTO zdmigrate.request (run, verb, owner, asked) VALUES (%s, %s, %s, UTC_TIMESTAMP(6)) "
        "ON DUPLICATE KEY UPDATE verb = VALUES(verb), owner = VALUES(owner), asked = VALUES(asked)",
        (run, verb, owner()),
    )


def take_back(connection: Connection, run: str) -> bool:
    """Take back what was asked of a run; whether anything was."""
    return bool(connection.run("DELETE FROM zdmigrate.request WHERE run = %s", (run,)))


def owner() -> str:
    """Who runs this: user@host (process id)."""
    return f"{getpass.getuser()}@{socket.gethostname()} ({os.getpid()})"
