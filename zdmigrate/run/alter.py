"""One ALTER on one node, outside the binary log: sent once, watched, and decided by what the node shows.

The server finishes an ALTER whose client died and rolls back one it died itself in. So nothing is ever concluded
from an answer that did not come: a running ALTER is found by its marker and waited for, and then the table's
definition is read (DESIGN, idea 4; each was run on both flavours).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from zdmigrate.errors import ZdmigrateError
from zdmigrate.history.recording import DEFAULT_SQL_MODE, SessionState
from zdmigrate.run.connection import Connection
from zdmigrate.run.definition import read_definition
from zdmigrate.run.errors import LostError, ServerError
from zdmigrate.run.flavours import dialect_of
from zdmigrate.run.state import Writable
from zdmigrate.run.topology import Node

#: Seconds an ALTER may take before its connection counts as lost (poll() takes no more than 24 days).
ALTER_SECONDS = 14 * 86400.0
#: Seconds one attempt waits for the table's metadata lock; readers queue behind it meanwhile.
LOCK_WAIT_SECONDS = 5
#: Seconds for which a node may be away in the middle of an ALTER.
AWAY_SECONDS = 60.0
_POLL_SECONDS = 0.5
_LOCK_TIMEOUT = 1205
_NO_SUCH_THREAD = 1094

Progress = Callable[[str], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Alteration:
    """One ALTER of the plan.

    Attributes:
        id: `revision:index` of the plan.
        sql: as it was judged.
        settings: session variables it ran under when it was judged, where they are not the server's own.
    """

    id: str
    sql: str
    table: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        return {**asdict(self), "settings": dict(self.settings)}


@dataclass(frozen=True, slots=True)
class Running:
    """An ALTER of ours that a server works on.

    Attributes:
        seconds: since it began.
        done: 0 to 1, or None when the server does not tell.
    """

    connection: int
    seconds: float
    state: str
    done: float | None = None

    def __str__(self) -> str:
        part = "" if self.done is None else f", {self.done:.0%}"
        return f"{self.state or 'running'} for {self.seconds:.0f} s{part}"


def settings_of(session: SessionState) -> dict[str, str]:
    """Session variables that the history set before a statement, as SQL values."""
    found = {}
    if session.sql_mode != DEFAULT_SQL_MODE:
        found["sql_mode"] = "'" + ",".join(sorted(session.sql_mode)) + "'"
    if not session.foreign_key_checks:
        found["foreign_key_checks"] = "0"
    for name, value in session.variables:
        if re.fullmatch(r"[a-z_]+", name) and re.fullmatch(r"[\w.+-]+", value):
            found[name] = value if re.fullmatch(r"[\d.]+", value) else f"'{value}'"
    return found


def marker(run: str, alteration: Alteration) -> str:
    """The comment by which any later run finds this ALTER in the list of processes."""
    return f"/* zdmigrate {run}:{alteration.id.replace('*/', '')} */"


def find_running(connection: Connection, mark: str) -> Running | None:
    """The ALTER with that marker, when the server works on it now."""
    rows = connection.rows(
        "SELECT ID AS id, TIME AS seconds, STATE AS state FROM information_schema.PROCESSLIST WHERE INFO LIKE %s",
        (mark.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%",),
    )
    if not rows:
        return None
    row = rows[0]
    number = int(row["id"])
    return Running(number, float(row["seconds"] or 0), str(row["state"] or ""), _done(connection, number))


def _done(connection: Connection, number: int) -> float | None:
    """How far it is: performance_schema's stages (MySQL, where they are switched on), the process list (MariaDB)."""
    for query in (
        "SELECT WORK_COMPLETED / NULLIF(WORK_ESTIMATED, 0) AS done FROM performance_schema.events_stages_current "
        "JOIN performance_schema.threads USING (THREAD_ID) WHERE PROCESSLIST_ID = %s",
        "SELECT PROGRESS / 100 AS done FROM information_schema.PROCESSLIST WHERE ID = %s AND PROGRESS > 0",
    ):
        with suppress(ServerError):
            found = connection.value(query, (number,))
            if found is not None:
                return min(1.0, float(found))
    return None


@dataclass(slots=True)
class NodeAlterer:
    """Carries ALTERs out on one node whose applier is stopped.

    Attributes:
        run: id of the run, for the marker.
        progress: told in words what the node is doing, about twice a second.
        lock_wait: seconds altogether to wait for the table's metadata lock.
    """

    node: Node
    database: str
    run: str
    progress: Progress = lambda text: None
    lock_wait: float = 60.0

    def definition(self, table: str) -> str:
        """The table's definition now."""
        with Connection(self.node) as connection:
            return read_definition(connection, self.database, table)

    def alter(self, alteration: Alteration, before: str, after: str | None = None) -> str:
        """Carry it out, unless the node shows that it has been.

        Args:
            before: the definition without it.
            after: the definition with it, as another node has it; None on the first.

        Returns:
            The definition it has now.

        Raises:
            ServerError: the node refused it, and the table is as it was; or the table is neither as before nor as
                after, which somebody else must have done.
            LostError: the node is away for more than a minute.
        """
        mark = marker(self.run, alteration)
        while True:
            self._wait_while_running(mark)
            now = self._definition_when_back(alteration.table)
            if now != before:
                break
            try:
                self._send(mark, alteration)
                now = self._definition_when_back(alteration.table)
                break
            except LostError:
                self.progress(f"{self.node.name} was lost in the middle of it; looking what became of it")
                self._definition_when_back(alteration.table)
                if before == after:
                    continue  # a rebuild leaves no trace; one more does no harm
        if after is not None and now != after:
            raise ServerError(
                self.node.name,
                0,
                f"{alteration.table} is not as another node has it after {alteration.id}: somebody else altered it",
                alteration.sql,
            )
        return now

    def cancel(self, mark: str) -> None:
        """End the ALTER with that marker, if it runs, and wait until the server has rolled it back."""
        with Connection(self.node) as connection:
            while (running := find_running(connection, mark)) is not None:
                try:
                    connection.run(f"KILL QUERY {running.connection}")
                except ServerError as error:
                    if error.errno != _NO_SUCH_THREAD:
                        raise
                time.sleep(_POLL_SECONDS)

    # --- sending

    def _send(self, mark: str, alteration: Alteration) -> None:
        end = time.monotonic() + self.lock_wait
        while True:
            try:
                return self._send_once(mark, alteration)
            except ServerError as error:
                if error.errno != _LOCK_TIMEOUT or time.monotonic() > end:
                    raise
                self.progress(f"{self.node.name}: somebody uses {alteration.table}; trying again")
                time.sleep(1.0)

    def _send_once(self, mark: str, alteration: Alteration) -> None:
        with Connection(self.node, answer_seconds=ALTER_SECONDS, database=self.database) as connection:
            connection.run("SET SESSION sql_log_bin = 0")
            connection.run("SET SESSION lock_wait_timeout = %s", (LOCK_WAIT_SECONDS,))
            for name, value in alteration.settings.items():
                connection.run(f"SET SESSION {name} = {value}")
            with _writes_of_admins(self.node):
                self._watch(connection, f"{mark} {alteration.sql}", mark)

    def _watch(self, connection: Connection, sql: str, mark: str) -> None:
        """Run a statement in a thread, because its answer may take hours; the caller's thread looks after it."""
        outcome: list[BaseException | None] = []

        def run() -> None:
            try:
                connection.run(sql)
                outcome.append(None)
            except BaseException as error:  # handed to the caller's thread
                outcome.append(error)

        thread = threading.Thread(target=run, name=f"alter {self.node.name}", daemon=True)
        thread.start()
        unseen = 0.0
        try:
            thread.join(0.1)
            while thread.is_alive():
                running = self._look(mark)
                unseen = 0.0 if running else unseen + _POLL_SECONDS
                if unseen > 10.0 and thread.is_alive():
                    raise LostError(self.node.name, "the server does not know the connection any more", sql)
                if running:
                    self.progress(f"{self.node.name}: {running}")
                thread.join(_POLL_SECONDS)
        except KeyboardInterrupt:
            self.cancel(mark)
            thread.join(60.0)
            raise
        if outcome and outcome[0] is not None:
            raise outcome[0]

    def _look(self, mark: str) -> Running | None:
        """The running ALTER; None also when the node does not answer just now."""
        with suppress(ZdmigrateError), Connection(self.node) as connection:
            return find_running(connection, mark)
        return None

    def _wait_while_running(self, mark: str) -> None:
        """Wait for an ALTER that an earlier, killed run of the tool sent."""
        while True:
            running = self._when_back(lambda connection: find_running(connection, mark))
            if running is None:
                return
            self.progress(f"{self.node.name}: still at what was sent before: {running}")
            time.sleep(_POLL_SECONDS)

    def _definition_when_back(self, table: str) -> str:
        return self._when_back(lambda connection: read_definition(connection, self.database, table))

    def _when_back(self, ask: Callable[[Connection], _T]) -> _T:
        end = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                with Connection(self.node) as connection:
                    return ask(connection)
            except LostError:
                if time.monotonic() > end:
                    raise
                time.sleep(_POLL_SECONDS)


class _writes_of_admins:  # noqa: N801  # used as a function: a context manager
    """super_read_only (MySQL) refuses an ALTER of ours, also one that is not logged: lower it to read_only meanwhile.

    If we die in between, read_only is still on; `ReplicaFirst` raises it again from what the journal says.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._raised = False

    def __enter__(self) -> None:
        with Connection(self._node) as connection:
            if dialect_of(connection).writable(connection)[0] is Writable.NOBODY:
                connection.run("SET GLOBAL super_read_only = OFF")
                self._raised = True

    def __exit__(self, *_: object) -> None:
        if self._raised:
            with suppress(LostError), Connection(self._node) as connection:
                dialect_of(connection).fence(connection)
