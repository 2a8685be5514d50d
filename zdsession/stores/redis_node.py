"""One Redis server: its connections in one process, and requests that end by a deadline.

The sockets are our own rather than redis-py's: its client spends as long on a request as the server does, its
handshake has a time limit for every step and none for the whole, and a page waits for both. Packing and parsing is
hiredis, encryption is the standard library's. Deadlines are values of :func:`time.monotonic`.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

import hiredis

from zdsession.stores.connections import Connections
from zdsession.stores.redis_url import Access, Address

_MORE = object()
_CHUNK = 65536


class RefusedError(ConnectionError):
    """It is no use to try again: a wrong password, a database that does not exist, a certificate of a stranger."""


def pack(*command: Any) -> bytes:
    """A command as Redis reads it. Parts are text, bytes or numbers."""
    packed: bytes = hiredis.pack_command(command)
    return packed


class Connection:
    """A socket to a server that let us in. An exchange that fails leaves it useless: close it."""

    def __init__(self, address: Address, access: Access, until: float) -> None:
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._socket = _open_socket(address, access, until)
        try:
            self._enter(access, until)
        except BaseException:
            self._socket.close()
            raise

    def exchange(self, request: bytes, answers: int, until: float) -> list[Any]:
        """Send packed commands and read as many answers, as RESP2 has them; what the server refuses is a ReplyError.

        Raises:
            OSError: the server is gone, or did not answer by ``until`` (TimeoutError).
        """
        connection, reader, read = self._socket, self._reader, []
        connection.settimeout(_left(until))
        connection.sendall(request)
        if len(request) > _CHUNK:  # else sending took no time
            connection.settimeout(_left(until))
        while True:
            data = connection.recv(_CHUNK)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            reader.feed(data)
            try:
                while (answer := reader.gets()) is not _MORE:
                    read.append(answer)
                    if len(read) == answers:
                        return read
            except hiredis.ProtocolError as error:
                raise ConnectionError(f"it does not speak Redis' protocol: {error}") from error
            connection.settimeout(_left(until))

    def close(self) -> None:
        """Close this process's end."""
        self._socket.close()

    def __del__(self) -> None:
        if hasattr(self, "_socket"):  # else nothing was opened
            self._socket.close()

    def _enter(self, access: Access, until: float) -> None:
        commands = []
        if access.password is not None:
            user = () if access.user is None else (access.user,)
            commands.append(pack("AUTH", *user, access.password))
        if access.client_name is not None:
            commands.append(pack("CLIENT", "SETNAME", access.client_name))
        if access.database:
            commands.append(pack("SELECT", access.database))
        if commands:
            for answer in self.exchange(b"".join(commands), len(commands), until):
                if isinstance(answer, hiredis.ReplyError):
                    kind = ConnectionError if "max number of clients" in str(answer) else RefusedError
                    raise kind(str(answer))


class Node:
    """A server, and this process's connections to it: the last one used is used next. Safe to share between threads.

    Args:
        address: of the server.
        access: to it.
        max_connections: at the same time; who needs one more waits.
    """

    def __init__(self, address: Address, access: Access, max_connections: int) -> None:
        self.address = address
        self._access = access
        self._connections: Connections[Connection] = Connections(max_connections)

    def exchange(self, request: bytes, answers: int, until: float) -> list[Any]:
        """See :meth:`Connection.exchange`; opens a connection if none is idle.

        Raises:
            OSError: also when all connections stayed in use until the deadline (TimeoutError).
        """
        connection = self._connections.take(until)
        try:
            if connection is None:
                connection = Connection(self.address, self._access, until)
            read = connection.exchange(request, answers, until)
        except BaseException:
            if connection is not None:
                connection.close()
            self._connections.lose()
            raise
        self._connections.put(connection)
        return read

    def close_idle(self) -> None:
        """Close connections nobody is using."""
        for connection in self._connections.take_idle():
            connection.close()

    def __repr__(self) -> str:
        return f"<Node {self.address}>"


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left


def _open_socket(address: Address, access: Access, until: float) -> socket.socket:
    """A connected socket: of a host's addresses the first that answers, each with its share of the time."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise RefusedError(f"{address.host} is no host name") from error
    for left, (family, kind, protocol, _, where) in zip(range(len(found), 0, -1), found, strict=True):
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            opened.settimeout(_left(until) / left)
            opened.connect(where)
            if access.tls is None:
                return opened
            opened.settimeout(_left(until) / left)
            return access.tls.wrap_socket(opened, server_hostname=address.host)
        except ssl.SSLCertVerificationError as error:
            opened.close()
            raise RefusedError(f"its certificate is not trusted: {error}") from error
        except BaseException as error:
            opened.close()
            if left == 1 or not isinstance(error, OSError):
                raise
    raise ConnectionError(f"{address.host} has no address")
