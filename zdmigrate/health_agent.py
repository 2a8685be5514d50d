"""An HTTP check that tells a load balancer whether a node is the primary: for HAProxy's `option httpchk`.

    GET /          200 when the node is the primary and writable, else 503      (also /primary)
    GET /replica   200 when it follows, applies, and is not too far behind, else 503

The body is one line that says why. The node is asked at most four times a second, however many ask us, over one
connection whose answers are bounded; while it does not answer, the answer is 503.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from socket import socket
from typing import Any

from zdmigrate.errors import UsageError, ZdmigrateError
from zdmigrate.run.connection import Connection
from zdmigrate.run.flavours import Dialect, dialect_of
from zdmigrate.run.state import Replica, Writable
from zdmigrate.run.topology import Node

#: Seconds an answer of the node is good for.
FRESH_SECONDS = 0.25
#: Seconds for one answer of the node.
_ANSWER_SECONDS = 1.0
#: Seconds a request waits for an answer that another request has asked for.
_TURN_SECONDS = 2.0
#: Seconds for a client to send its request.
_REQUEST_SECONDS = 2.0
#: Requests at one time; more are closed at once.
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Health:
    """What a node may be used for, and why."""

    primary: bool
    replica: bool
    reason: str


def judge(name: str, writable: Writable, replica: Replica | None, max_lag: float) -> Health:
    """What a node may be used for. A replica that is writable is neither: somebody made a mistake, or is switching."""
    if replica is None:
        return Health(writable is Writable.ALL, False, f"{name} is {writable.shown} and follows nobody")
    follows = f"{name} follows {replica.source_host}:{replica.source_port}"
    if writable is Writable.ALL:
        return Health(False, False, f"{follows} and is writable")
    if replica.held:
        return Health(False, False, f"{follows} and is held")
    if not replica.io_running or not replica.sql_running:
        thread = "does not fetch" if not replica.io_running else "does not apply"
        return Health(False, False, f"{follows} and {thread}")
    if replica.lag is None or replica.lag > max_lag:
        lag = "an unknown time" if replica.lag is None else f"{replica.lag} s"
        return Health(False, False, f"{follows}, {lag} behind (the limit is {max_lag:g} s)")
    return Health(False, True, f"{follows}, {replica.lag} s behind")


class Probe:
    """Asks one node, and remembers the answer for a moment. For use by many threads."""

    def __init__(self, node: Node, *, max_lag: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._node = node
        self._max_lag = max_lag
        self._clock = clock
        self._turn = threading.Lock()
        self._open: tuple[Connection, Dialect] | None = None
        self._last: tuple[float, Health] | None = None

    def health(self) -> Health:
        """What the node is now, or was a quarter of a second ago."""
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            return Health(False, False, f"{self._node.name} does not answer")
        try:
            if self._last is None or self._clock() - self._last[0] > FRESH_SECONDS:
                asked = self._clock()
                health = self._ask()
                # What was asked long before it was answered is not told to anybody else.
                self._last = (asked, health) if health.primary or health.replica else (self._clock(), health)
            return self._last[1]
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close the connection."""
        if self._open is not None:
            self._open[0].close()
            self._open = None

    def _ask(self) -> Health:
        fresh = self._open is None
        try:
            return self._judged()
        except ZdmigrateError as error:
            self.close()
            problem = error
        if not fresh:  # it may have been closed while nobody asked
            try:
                return self._judged()
            except ZdmigrateError as error:
                self.close()
                problem = error
        return Health(False, False, str(problem))

    def _judged(self) -> Health:
        if self._open is None:
            connection = Connection(self._node, answer_seconds=_ANSWER_SECONDS)
            try:
                self._open = connection, dialect_of(connection)
            except BaseException:
                connection.close()
                raise
        connection, dialect = self._open
        rows = dialect.replica_rows(connection)
        writable, _ = dialect.writable(connection)
        replica = dialect.replica_of(rows[0]) if rows else None
        return judge(self._node.name, writable, replica, self._max_lag)


class HealthServer(ThreadingHTTPServer):
    """Answers load balancers. `serve_forever` until `shutdown`, then `server_close`."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], probe: Probe) -> None:
        """Listen.

        Raises:
            UsageError: the address cannot be listened on.
        """
        self.probe = probe
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise UsageError(f"cannot listen on {address[0]}:{address[1]}: {error.strerror or error}") from error

    def server_bind(self) -> None:
        """See `HTTPServer.server_bind`; without its look-up of our own name, which may take long."""
        super(HTTPServer, self).server_bind()

    def process_request(self, request: Any, client_address: Any) -> None:
        """See `ThreadingMixIn.process_request`; bounded."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """See `ThreadingMixIn.process_request_thread`."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A load balancer that does not wait for our answer is nothing to report."""

    def server_close(self) -> None:
        """Stop listening, and let go of the node."""
        super().server_close()
        self.probe.close()


class _Handler(BaseHTTPRequestHandler):
    server: HealthServer
    timeout = _REQUEST_SECONDS
    server_version = "zdmigrate"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_OPTIONS(self) -> None:
        """What HAProxy asks when its configuration names no method."""
        self._answer()

    def _answer(self) -> None:
        path = self.path.partition("?")[0].rstrip("/")
        if path not in ("", "/primary", "/replica"):
            self._send(HTTPStatus.NOT_FOUND, "ask for /primary or /replica")
            return
        health = self.server.probe.health()
        good = health.replica if path == "/replica" else health.primary
        self._send(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, health.reason)

    def _send(self, status: HTTPStatus, text: str) -> None:
        body = (" ".join(text.split()) + "\n").encode()
        with suppress(OSError):  # nobody waits for it any more
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Checks come several times a second; what matters is in the answer."""
