"""A server on loopback that does what a test tells it: hangs, trickles, hangs up, refuses."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from zdsession.stores.redis_url import Address

Behaviour = Callable[[socket.socket], None]


class Scripted:
    """Accepts connections on loopback and hands each to ``behave``, in a thread of its own."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.accepted = 0
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self._listener.getsockname()[1])

    def _accept(self) -> None:
        with ThreadPoolExecutor(20) as serving:
            while True:
                try:
                    connection, _ = self._listener.accept()
                except OSError:
                    return
                self.accepted += 1
                serving.submit(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._behave(connection)
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(10)


def pong(connection: socket.socket) -> None:
    while connection.recv(100):
        connection.sendall(b"+PONG\r\n")
