"""One run at a time, across machines: a named lock on every server, checked again at every step.

GET_LOCK belongs to a connection: it ends with the process that holds it, and it is not a write, so a read-only
server gives it too.
"""

from __future__ import annotations

from collections.abc import Sequence

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import LostError, RefusedError
from zdmigrate.run.topology import Node

NAME = "zdmigrate.run"


class RunLock:
    """The lock on every node, each on a connection of its own."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Take it everywhere, or nowhere.

        Raises:
            RefusedError: another run holds it; says who and where.
            LostError: a node does not answer.
        """
        self._connections: dict[str, Connection] = {}
        try:
            for node in nodes:
                self._take(node)
        except BaseException:
            self.release()
            raise

    def _take(self, node: Node) -> None:
        connection = Connection(node)
        self._connections[node.name] = connection
        connection.run("SET SESSION wait_timeout = 2147483")
        if connection.value("SELECT GET_LOCK(%s, 0)", (NAME,)) != 1:
            raise RefusedError([f"another run holds {node.name}: {_holder(connection)}; `zdmigrate status` shows it"])

    def check(self, *, but: str = "") -> None:
        """Make sure that it is still ours, on every node except `but` (one that is known to be gone).

        Raises:
            RefusedError: it is not: somebody ended our connection, or the server was restarted.
        """
        for name, connection in self._connections.items():
            if name == but:
                continue
            try:
                ours = connection.value("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", (NAME,)) == 1
            except LostError:
                ours = self._retake(name)
            if not ours:
                raise RefusedError([f"the run's lock on {name} was lost: {_holder(self._connections[name])}"])

    def _retake(self, name: str) -> bool:
        """After a lost connection: the lock, if nobody took it meanwhile."""
        self._connections[name].close()
        self._connections[name] = Connection(self._connections[name].node)
        return bool(self._connections[name].value("SELECT GET_LOCK(%s, 0)", (NAME,)) == 1)

    def ids(self, node: Node) -> set[int]:
        """The server's numbers of our connections to a node."""
        return {self._connections[node.name].id} if node.name in self._connections else set()

    def release(self) -> None:
        """Give it back everywhere."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


def _holder(connection: Connection) -> str:
    found = connection.rows(
        "SELECT USER AS user, HOST AS host FROM information_schema.PROCESSLIST WHERE ID = IS_USED_LOCK(%s)", (NAME,)
    )
    return f"{found[0]['user']} from {found[0]['host']}" if found else "a connection that is gone by now"
