"""The tool's connections to the nodes of a topology: one each, opened when needed, replaced when lost."""

from __future__ import annotations

from types import TracebackType

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import LostError
from zdmigrate.run.flavours import Dialect, Source, dialect_of
from zdmigrate.run.state import Server
from zdmigrate.run.topology import Node, Topology


class Servers:
    """Connections by node. Use as a context manager: leaving closes them all."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._open: dict[str, tuple[Connection, Dialect]] = {}

    def at(self, node: Node) -> tuple[Connection, Dialect]:
        """The connection to a node and the dialect it speaks.

        Raises:
            LostError, ServerError: when it cannot be opened.
        """
        if node.name not in self._open:
            connection = Connection(node)
            try:
                self._open[node.name] = (connection, dialect_of(connection))
            except BaseException:
                connection.close()
                raise
        return self._open[node.name]

    def fresh(self, node: Node) -> tuple[Connection, Dialect]:
        """A new connection in place of one that may be broken, or that waits for an answer nobody needs."""
        self.close(node)
        return self.at(node)

    def close(self, node: Node) -> None:
        """Close the connection to a node, and with it every lock it holds."""
        if node.name in self._open:
            self._open.pop(node.name)[0].close()

    def observe(self, node: Node) -> Server:
        """What the node says of itself now; a connection that was lost meanwhile is replaced."""
        try:
            connection, dialect = self.at(node)
            return dialect.observe(connection)
        except LostError:
            connection, dialect = self.fresh(node)
            return dialect.observe(connection)

    def observe_all(self) -> list[Server]:
        """Every node, those that follow somebody first: their positions are then no further than their source's."""
        found = {node.name: self.observe(node) for node in self._topology.nodes}
        for node in self._topology.nodes:
            if found[node.name].replica is None:
                found[node.name] = self.observe(node)
        return [found[node.name] for node in self._topology.nodes]

    def ids(self, node: Node) -> set[int]:
        """The server's numbers of our connections to a node."""
        return {self._open[node.name][0].id} if node.name in self._open else set()

    def source(self, node: Node, *, held: bool = False) -> Source:
        """`node` as a source for others."""
        return Source(node.replication_host, node.replication_port, self._topology.account, held)

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self._topology.nodes:
            self.close(node)
