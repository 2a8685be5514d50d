"""Where a backfill sits: one server, or whichever node of a topology is the primary at the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import LostError, RefusedError, ServerError
from zdmigrate.run.flavours import Dialect, dialect_of
from zdmigrate.run.keys import Session
from zdmigrate.run.pace import Behind, Commits
from zdmigrate.run.state import Replica, Writable
from zdmigrate.run.topology import Node, Topology

#: Seconds the answer to one batch may take.
ANSWER_SECONDS = 120.0
#: Seconds a replica may take to say how far it is.
_LOOK_SECONDS = 3.0
#: From here on the server's own estimate counts: below it is mostly the rounding to whole seconds.
_COARSE = 2


class Seat(Protocol):
    """A place to work from.

    Attributes:
        lasting: whether `open` can be called again after the connection was lost.
    """

    lasting: bool

    def open(self) -> Session:
        """A connection to the primary; an earlier one is closed.

        Raises:
            LostError: there is none now; trying again may help.
        """

    def behind(self, backfill: str, batches: int, commits: Commits, now: float) -> Mapping[str, Behind | None]:
        """How far behind each replica is, None for one that does not say; `batches` were committed so far."""

    def check(self) -> None:
        """Whether we may go on; raises ZdmigrateError when not."""

    def close(self) -> None:
        """Close what `open` opened."""


class OneServer:
    """A server by its URL. Its replicas are not known, so their lag is not watched."""

    lasting = True

    def __init__(self, node: Node, database: str) -> None:
        self._node = node
        self._database = database
        self._connection: Connection | None = None

    def open(self) -> Session:
        """See `Seat.open`."""
        self.close()
        self._connection = Connection(self._node, answer_seconds=ANSWER_SECONDS, database=self._database)
        return self._connection

    def behind(self, backfill: str, batches: int, commits: Commits, now: float) -> Mapping[str, Behind | None]:
        """See `Seat.behind`."""
        return {}

    def check(self) -> None:
        """See `Seat.check`."""

    def close(self) -> None:
        """See `Seat.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Primary:
    """The primary of a topology; it may move meanwhile."""

    lasting = True

    def __init__(self, topology: Topology, database: str, check: Callable[[], None] = lambda: None) -> None:
        self._topology = topology
        self._database = database
        self._check = check
        self._connection: Connection | None = None
        self._replicas: dict[str, tuple[Connection, Dialect]] = {}

    def open(self) -> Session:
        """See `Seat.open`. The primary is the node that follows nobody and lets everybody write.

        Raises:
            RefusedError: there are two.
        """
        self.close()
        found: list[Node] = []
        silent: list[str] = []
        for node in self._topology.nodes:
            try:
                with Connection(node, answer_seconds=_LOOK_SECONDS) as connection:
                    dialect = dialect_of(connection)
                    if not dialect.replica_rows(connection) and dialect.writable(connection)[0] is Writable.ALL:
                        found.append(node)
            except LostError:
                silent.append(node.name)
        if len(found) > 1:
            raise RefusedError([f"{' and '.join(node.name for node in found)} are both writable and follow nobody"])
        if not found:
            why = f"{', '.join(silent)} did not answer" if silent else "every node is read-only or follows another"
            raise LostError("the topology", f"no primary was found: {why}", "who is primary")
        self._connection = Connection(found[0], answer_seconds=ANSWER_SECONDS, database=self._database)
        return self._connection

    def behind(self, backfill: str, batches: int, commits: Commits, now: float) -> Mapping[str, Behind | None]:
        """See `Seat.behind`. A replica that is told to lag (a delayed one, or one that a run holds) does not count."""
        primary = self._connection.node if self._connection is not None else None
        found: dict[str, Behind | None] = {}
        for node in self._topology.nodes:
            if node == primary:
                continue
            try:
                replica, applied = self._ask(node, backfill)
            except (LostError, ServerError):
                self._drop(node.name)
                found[node.name] = None
                continue
            if replica is not None and replica.delay:
                continue
            if replica is None or not (replica.sql_running and replica.io_running):
                found[node.name] = None
                continue
            ours, coarse = commits.lag(applied, now), float(replica.lag or 0)
            seconds = max(ours, coarse) if coarse >= _COARSE else ours
            found[node.name] = Behind(seconds, max(0, batches - applied))
        return found

    def _ask(self, node: Node, backfill: str) -> tuple[Replica | None, int]:
        """How a node replicates, and how many of the batches it has."""
        if node.name not in self._replicas:
            connection = Connection(node, answer_seconds=_LOOK_SECONDS)
            self._replicas[node.name] = (connection, dialect_of(connection))
        connection, dialect = self._replicas[node.name]
        rows = dialect.replica_rows(connection)
        if not rows:
            return None, 0
        applied = 0
        with suppress(ServerError):  # the table has not arrived there yet
            applied = int(connection.value("SELECT batches FROM zdmigrate.backfill WHERE id = %s", (backfill,)) or 0)
        return dialect.replica_of(rows[0]), applied

    def check(self) -> None:
        """See `Seat.check`."""
        self._check()

    def close(self) -> None:
        """See `Seat.close`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        for name in list(self._replicas):
            self._drop(name)

    def _drop(self, name: str) -> None:
        with suppress(KeyError):
            self._replicas.pop(name)[0].close()
