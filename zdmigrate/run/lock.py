"""One run at a time, across machines: a named lock on every server, checked again at every step.

GET_LOCK belongs to a connection: it ends with the process that holds it, and it is not a write, so a read-only
server gives it too. What must not be done by a run that lost its lock (letting writes on again, above all) is sent
over the very connection that holds it: a server that gave the lock to somebody else has ended that connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import AbortedError, LostError, RefusedError, ServerError
from zdmigrate.run.topology import Node

NAME = "zdmigrate.run"
#: Seconds for a server to see that a process that was killed has gone: whoever goes on comes right after it.
_NOTICED_SECONDS = 0.25


class RunLock:
    """The lock on every node, each on a connection of its own."""

    def __init__(self, nodes: Sequence[Node], *, reachable: bool = False) -> None:
        """Take it everywhere, or nowhere.

        Args:
            reachable: be content with the nodes that answer (a resume: the others may be why it is needed).

        Raises:
            RefusedError: another run holds it; says who and where.
            LostError, ServerError: a node does not answer, or does not let us in.
        """
        self._connections: dict[str, Connection] = {}
        self.missing: tuple[str, ...] = ()
        try:
            for node in nodes:
                try:
                    self._take(node)
                except (LostError, ServerError):
                    if not reachable:
                        raise
                    self.missing = (*self.missing, node.name)
            if not self._connections:
                raise RefusedError(["no node answers; check the topology file and the network"])
        except BaseException:
            self.release()
            raise

    def _take(self, node: Node) -> None:
        connection = Connection(node)
        try:
            connection.run("SET SESSION wait_timeout = 2147483")
            until = time.monotonic() + _NOTICED_SECONDS
            while connection.value("SELECT GET_LOCK(%s, 0)", (NAME,)) != 1:
                if time.monotonic() < until:
                    time.sleep(0.05)
                    continue
                who = _holder(connection)
                raise RefusedError([f"another run holds {node.name}: {who}; `zdmigrate status` shows it"])
        except BaseException:
            connection.close()
            raise
        self._connections[node.name] = connection

    def check(self, *, but: Collection[str] = (), only: Collection[str] | None = None, retake: bool = True) -> None:
        """Make sure that it is still ours.

        Args:
            but: names of nodes not to ask (known to be gone).
            only: ask these alone; None for every node.
            retake: whether a connection that was lost may be replaced, if nobody took the lock meanwhile.

        Raises:
            AbortedError: it is not: somebody ended our connection, or the server was restarted.
            LostError: a node does not answer.
        """
        for name, connection in self._connections.items():
            if name in but or (only is not None and name not in only):
                continue
            try:
                ours = connection.value("SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", (NAME,)) == 1
            except LostError:
                if not retake:
                    raise
                ours = self._retake(name)
            if not ours:
                raise AbortedError(f"the run's lock on {name} was lost: {_holder(self._connections[name])}")

    def over(self, node: Node) -> Connection:
        """The connection that holds the lock on `node` now; made anew, and the lock taken again, when it was lost.

        Raises:
            AbortedError: another run has the lock.
            LostError, ServerError: the node does not answer.
        """
        if node.name not in self._connections:
            try:
                self._take(node)
            except RefusedError as error:
                raise AbortedError("; ".join(error.reasons)) from error
        self.check(only=(node.name,))
        return self._connections[node.name]

    def _retake(self, name: str) -> bool:
        """After a lost connection: the lock, if nobody took it meanwhile."""
        self._connections[name].close()
        self._connections[name] = Connection(self._connections[name].node)
        self._connections[name].run("SET SESSION wait_timeout = 2147483")
        return bool(self._connections[name].value("SELECT GET_LOCK(%s, 0)", (NAME,)) == 1)

    def answer_within(self, seconds: float) -> None:
        """From now on wait at most so long for each answer."""
        for connection in self._connections.values():
            connection.answer_within(seconds)

    def ids(self, node: Node) -> set[int]:
        """The server's numbers of our connections to a node."""
        return {self._connections[node.name].id} if node.name in self._connections else set()

    def release(self) -> None:
        """Give it back everywhere."""
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


class SuccessorLock:
    """The lock on one node, taken over from a process that died or stalled while it held it: the watchdog's.

    Keeps a connection from the start, because a frozen server may soon have none left to give.

    Attributes:
        holder: the server's number of the connection by which that process holds the lock.
    """

    def __init__(self, node: Node, *, said: Callable[[str], None] = lambda text: None) -> None:
        self.holder = 0
        self._node = node
        self._said = said
        self._connection = Connection(node)

    def over(self, node: Node) -> Connection:
        """As `RunLock.over`; ends the connection of the process that stalled, if it still has one.

        Raises:
            AbortedError: another run has the lock.
            LostError, ServerError: the node does not answer.
        """
        assert node == self._node
        try:
            return self._taken()
        except LostError:
            self._connection.close()
            self._connection = Connection(node)
            return self._taken()

    def _taken(self) -> Connection:
        connection = self._connection
        holder = int(connection.value("SELECT COALESCE(IS_USED_LOCK(%s), 0)", (NAME,)))
        if holder == self.holder != 0:
            self._said(f"ending connection {holder} of the tool to {self._node.name}")
            connection.kill(holder)
        if holder != connection.id:
            wait = 5 if holder == self.holder else 0
            if connection.value("SELECT GET_LOCK(%s, %s)", (NAME, wait)) != 1:
                raise AbortedError(f"another run holds {self._node.name}: {_holder(connection)}")
        return connection

    def close(self) -> None:
        """Give it back."""
        self._connection.close()


def _holder(connection: Connection) -> str:
    found = connection.rows(
        "SELECT USER AS user, HOST AS host FROM information_schema.PROCESSLIST WHERE ID = IS_USED_LOCK(%s)", (NAME,)
    )
    return f"{found[0]['user']} from {found[0]['host']}" if found else "a connection that is gone by now"
