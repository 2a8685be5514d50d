"""The parts of a replica-first run that touch one node: alter, take back, catch up, compare, release.

Each looks before it acts, so that running it again does no harm; that is all a resume needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from zdmigrate.run.alter import Alteration, NodeAlterer, marker
from zdmigrate.run.checksum import Comparer
from zdmigrate.run.connection import Connection
from zdmigrate.run.context import RunContext
from zdmigrate.run.definition import parse_definition, reversal
from zdmigrate.run.errors import LostError, NeedsPersonError, ServerError
from zdmigrate.run.flavours import Dialect
from zdmigrate.run.replica_work import DifferentError, Work, command
from zdmigrate.run.state import Writable
from zdmigrate.run.topology import Node

#: Seconds without any progress after which a replica that does not catch up counts as stuck.
STUCK_SECONDS = 120.0


class NodeWork:
    """Carries the parts out for one run; `keep` writes `work` to the journal."""

    def __init__(
        self,
        context: RunContext,
        work: Work,
        run: str,
        keep: Callable[[], None],
        progress: Callable[[str], None],
    ) -> None:
        self._context = context
        self._work = work
        self._run = run
        self._keep = keep
        self._progress = progress
        self._old = context.topology.node(work.old)
        self._new = context.topology.node(work.new)
        self._others = [context.topology.node(name) for name in work.others]

    def alter_replica(self, node: Node) -> str:
        """The replica gets every ALTER while its applier stands still; it goes on fetching."""
        connection, dialect = self._context.servers.fresh(node)
        server = dialect.observe(connection)
        if server.replica is None:
            raise ServerError(node.name, 0, f"it does not follow {self._old.name} any more", "alter")
        self._remember(node, connection, dialect)
        dialect.stop_replica(connection, applier_only=True)
        said = self._alter(node)
        connection, dialect = self._context.servers.fresh(node)
        dialect.stop_replica(connection, applier_only=True)  # a restart meanwhile started it, and forgot conversions
        self._convert(node, connection, dialect)
        self._lock_again(node)
        dialect.start_replica(connection)
        return said

    def _convert(self, node: Node, connection: Connection, dialect: Dialect) -> None:
        """Let the applier convert what the ALTER has made different."""
        if self._work.needs:
            own = filter(None, self._work.conversions[node.name].split(","))
            value = ",".join(dict.fromkeys([*own, *self._work.needs]))
            connection.run(f"SET GLOBAL {_conversions(dialect)} = %s", (value,))

    def _remember(self, node: Node, connection: Connection, dialect: Dialect) -> None:
        """Write down what will have to be put back, before it is changed."""
        if node.name not in self._work.done:
            if self._work.needs:
                found = connection.value(f"SELECT @@GLOBAL.{_conversions(dialect)}")
                self._work.conversions[node.name] = str(found or "")
            self._note_lock(node, connection, dialect)
            self._work.done[node.name] = 0
            self._keep()

    def _note_lock(self, node: Node, connection: Connection, dialect: Dialect) -> None:
        if dialect.writable(connection)[0] is Writable.NOBODY and node.name not in self._work.locked:
            self._work.locked.append(node.name)

    def _alter(self, node: Node) -> str:
        """Bring a node whose applier stands still to the end of the list, from wherever it is."""
        work, alterer = self._work, self._alterer(node)
        for place in range(work.done[node.name], len(work.alterations)):
            alteration = work.alterations[place]
            known = work.after[place] if place < len(work.after) else None
            now = alterer.alter(alteration, work.before_of(place), known)
            if known is None:
                self._as_judged(node, alteration, place, now)
                work.after.append(now)
            work.done[node.name] = place + 1
            self._keep()
        return f"{len(work.alterations)} ALTER(s) of {', '.join(work.tables)}"

    def _as_judged(self, node: Node, alteration: Alteration, place: int, now: str) -> None:
        """The first node has the columns that the plan expected."""
        expected, found = self._work.columns[place], list(parse_definition(now).columns)
        if [name.lower() for name in found] != [name.lower() for name in expected]:
            raise ServerError(
                node.name,
                0,
                f"{alteration.table} has the columns {', '.join(found)} now; the plan expected {', '.join(expected)}",
                alteration.sql,
            )

    def _lock_again(self, node: Node) -> None:
        """A killed run may have left super_read_only off."""
        if node.name in self._work.locked:
            connection, dialect = self._context.servers.at(node)
            dialect.fence(connection)

    def catch_up(self, node: Node, source: Node) -> str:
        """Wait as long as the node gets further."""
        began, moved, last = time.monotonic(), time.monotonic(), ""
        while True:
            self._context.lock.check()
            here, dialect = self._context.servers.fresh(source)
            there, _ = self._context.servers.fresh(node)
            wanted = dialect.position(here)
            if dialect.wait_for(there, wanted, 5.0):
                return f"level after {time.monotonic() - began:.1f} s"
            now = dialect.position(there)
            if now != last:
                last, moved = now, time.monotonic()
            rows = dialect.replica_rows(there)
            replica = dialect.replica_of(rows[0]) if rows else None
            if replica is None or (not replica.sql_running and replica.errors):
                errors = "; ".join(replica.errors) if replica else "it follows nobody"
                raise ServerError(node.name, 0, f"its applier stopped: {errors}", "catch up")
            if time.monotonic() - moved > STUCK_SECONDS:
                raise LostError(node.name, f"it does not get further towards {source.name}", "catch up")
            self._progress(f"{node.name} catches up: {replica.lag} s behind")

    def compare(self, node: Node, source: Node) -> str:
        comparer = Comparer(source, node, self._work.database, self._progress, self._context.lock.check)
        for table in self._work.tables:
            found = comparer.compare(table)
            self._work.compared[f"{node.name} {table}"] = str(found)
            if not found.equal:
                raise DifferentError(node.name, source.name, found)
        return "; ".join(text for key, text in self._work.compared.items() if key.startswith(f"{node.name} "))

    def undo_alter(self, node: Node) -> None:
        """The replica's tables as they were, by ALTERs back to the primary's definitions; then it follows as before."""
        work = self._work
        if node.name not in work.done:
            return
        alterer = self._alterer(node)
        for alteration in work.alterations:
            alterer.cancel(marker(self._run, alteration))
        backwards = self._backwards(node, alterer)
        work.phase = "undo"
        self._keep()
        connection, dialect = self._context.servers.fresh(node)
        dialect.stop_replica(connection, applier_only=True)
        for back, now in backwards:
            alterer.alter(back, now, work.before[back.table])
        connection, dialect = self._context.servers.fresh(node)
        self._restore_conversions(node)
        self._lock_again(node)
        dialect.start_replica(connection)
        self.catch_up(node, self._old)
        del work.done[node.name]
        self._keep()

    def _backwards(self, node: Node, alterer: NodeAlterer) -> list[tuple[Alteration, str]]:
        """The ALTERs that take the tables of a node back, with the definitions they have now.

        Raises:
            NeedsPersonError: no ALTER can: values are gone. The node follows with what it has.
        """
        found = []
        for table, before in self._work.before.items():
            now = alterer.definition(table)
            back = reversal(table, before, now)
            if back is None:
                self._work.phase = "replicas"
                self._keep()
                connection, dialect = self._context.servers.fresh(node)
                dialect.start_replica(connection)
                raise NeedsPersonError(
                    f"{node.name} has dropped columns of {table}, whose values only another node has: it goes on "
                    f"following with the ALTER; to take it back, clone {node.name} from {self._old.name}",
                    f"to go forward, {command(self._context)}",
                )
            if back:
                found.append((Alteration(f"undo-{table}", back, table, {"sql_mode": "'STRICT_ALL_TABLES'"}), now))
        return found

    def _restore_conversions(self, node: Node) -> None:
        if node.name in self._work.conversions:
            connection, dialect = self._context.servers.at(node)
            value = self._work.conversions.pop(node.name)
            connection.run(f"SET GLOBAL {_conversions(dialect)} = %s", (value,))

    def settings_back(self) -> str:
        """Every replica is past the switch, whose events have the new schema: conversions are not needed any more."""
        nodes = [node for node in (self._new, *self._others) if node.name in self._work.conversions]
        for node in nodes:
            connection, dialect = self._context.servers.fresh(node)
            follows = bool(dialect.replica_rows(connection))
            if follows:
                self.catch_up(node, self._new)
                connection, dialect = self._context.servers.fresh(node)
                dialect.stop_replica(connection, applier_only=True)
            self._restore_conversions(node)
            if follows:
                dialect.start_replica(connection)
            self._keep()
        return f"on {len(nodes)} node(s)"

    def alter_old(self) -> str:
        old, work = self._old, self._work
        connection, dialect = self._context.servers.fresh(old)
        if work.done.get(old.name, 0) < len(work.alterations):
            replica = dialect.observe(connection).replica
            if replica is None or not replica.held:
                raise NeedsPersonError(
                    f"{old.name} is not held any more: it may have applied events of the new schema to the old one",
                    f"clone {old.name} from {self._new.name}, then {command(self._context)}",
                )
            dialect.stop_replica(connection, applier_only=True)  # after a restart it runs, and waits
        if old.name not in work.done:
            self._note_lock(old, connection, dialect)
            work.done[old.name] = 0
            self._keep()
        said = self._alter(old)
        self._lock_again(old)
        alterer = self._alterer(old)
        for table, expected in work.final().items():
            if alterer.definition(table) != expected:
                raise ServerError(old.name, 0, f"{table} is not as on {self._new.name}", "SHOW CREATE TABLE")
        return said

    def release_old(self) -> str:
        connection, dialect = self._context.servers.fresh(self._old)
        rows = dialect.replica_rows(connection)
        if rows and dialect.replica_of(rows[0]).delay == 0:
            dialect.start_replica(connection)
            return "was released already"
        dialect.stop_replica(connection)
        dialect.set_delay(connection, 0)
        dialect.start_replica(connection)
        return f"{self._old.name} applies"

    def _alterer(self, node: Node) -> NodeAlterer:
        return NodeAlterer(node, self._work.database, self._run, self._progress)


def _conversions(dialect: Dialect) -> str:
    """The variable that says which types the applier converts."""
    return "slave_type_conversions" if dialect.flavour.is_mariadb else "replica_type_conversions"
