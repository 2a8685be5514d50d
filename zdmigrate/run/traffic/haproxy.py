"""HAProxy in TCP mode, steered by its runtime API: queue new connections, move the servers, let the queue in.

    [traffic]
    kind = "haproxy"
    sockets = ["/run/haproxy/admin.sock", "10.0.0.5:9999"]     # every process, on every machine; level admin
    backend = "mysql"
    servers = { db1 = "first", db2 = "second" }                # where they are not called like the nodes
    flip = "state"                                             # or "health", where checks ask `health-agent`
    maxconn = 500                                              # of these servers, where the configuration has one

New connections wait in the backend's queue because the server's limit is lowered to one connection; 0 would mean none.
(`set maxconn frontend F 0`, which is often recommended, kills HAProxy 2.6.12 of Debian 12 when the limit is raised
again: haproxy issue 2726, run.) Source: HAProxy 2.6 management guide, 9.3. What the runtime API set is lost on reload.
"""

from __future__ import annotations

import csv
import io
import re
import socket
from collections.abc import Callable, Mapping

from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.traffic.options import Options, TrafficError, joined

#: Seconds for one command, connecting included.
_SECONDS = 2.0
_NAME = re.compile(r"[\w.:-]+")
#: Statuses of a server that gets connections.
_SERVING = ("UP", "no check")
#: The limit of a server that is held.
_HELD = 1
#: Above any limit: a queue is let in when the limit is raised, not when it is taken away (0).
_HIGH = 1_000_000

Rows = Mapping[tuple[str, str], Mapping[str, str]]


class HAProxyProcess:
    """One HAProxy process behind its stats socket: a path, or host:port."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.limits: dict[str, int] = {}  # of the servers, before we held them; 0 for none

    def tell(self, command: str) -> None:
        """Send a command that says nothing when it succeeds.

        Raises:
            TrafficError: it said something, or did not answer.
        """
        said = self.ask(command).strip()
        if said:
            raise TrafficError(f"haproxy {self.address}", f"refused `{command}`: {said.splitlines()[0]}")

    def ask(self, command: str) -> str:
        """What it answers.

        Raises:
            TrafficError: it does not answer.
        """
        try:
            with self._connect() as connection:
                connection.sendall(command.encode() + b"\n")
                parts = []
                while part := connection.recv(65536):
                    parts.append(part)
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise TrafficError(f"haproxy {self.address}", f"did not answer `{command}`: {why}") from error
        return b"".join(parts).decode(errors="replace")

    def rows(self) -> Rows:
        """Its statistics by (proxy, server)."""
        answer = self.ask("show stat").removeprefix("# ")
        return {(row["pxname"], row["svname"]): row for row in csv.DictReader(io.StringIO(answer)) if "svname" in row}

    def _connect(self) -> socket.socket:
        host, _, port = self.address.rpartition(":")
        if host and port.isdigit() and "/" not in self.address:
            return socket.create_connection((host.strip("[]"), int(port)), timeout=_SECONDS)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(_SECONDS)
            connection.connect(self.address.removeprefix("unix@"))
        except BaseException:
            connection.close()
            raise
        return connection


class HAProxyTraffic:
    """Every HAProxy process in front of the nodes. See `Traffic` for the methods."""

    def __init__(self, topology: Topology) -> None:
        """Read the table.

        Raises:
            UsageError: it cannot be used.
        """
        options = Options(topology, {"sockets", "backend", "servers", "flip", "maxconn"})
        self._processes = [HAProxyProcess(address) for address in options.texts("sockets")]
        self._backend = options.text("backend")
        self._servers = options.by_node("servers")
        self._flip = options.text("flip", "state")
        if self._flip not in ("state", "health"):
            raise options.error(f"flip = {self._flip!r}; write state or health")
        self._limit = options.number("maxconn")
        for name in (self._backend, *self._servers.values()):
            if not _NAME.fullmatch(name):
                raise options.error(f"{name!r} is no name of HAProxy's")

    def check(self) -> str:
        """See `Traffic.check`."""
        self._each(self._check)
        return f"{len(self._processes)} haproxy process(es) answer"

    def hold(self) -> str:
        """See `Traffic.hold`. New connections wait; those that are open go on, and meet a frozen server."""
        self._each(self._hold)
        return f"new connections to {self._backend} wait"

    def flip(self, primary: Node) -> str:
        """See `Traffic.flip`. Where it worked when it did not everywhere, clients are let in at once."""
        try:
            self._each(lambda process: self._move(process, self._servers[primary.name]))
        except TrafficError:
            self._each(self._let_in_if_moved(self._servers[primary.name]), quietly=True)
            raise
        return f"{self._backend} leads to {self._servers[primary.name]}"

    def release(self) -> str:
        """See `Traffic.release`."""
        self._each(self._release)
        return f"{self._backend} lets connections in"

    def _each(self, act: Callable[[HAProxyProcess], None], *, quietly: bool = False) -> None:
        """Tell all, whatever one of them says; then raise what they said."""
        errors = []
        for process in self._processes:
            try:
                act(process)
            except TrafficError as error:
                errors.append(error)
        if errors and not quietly:
            raise joined(errors)

    def _check(self, process: HAProxyProcess) -> None:
        level = process.ask("show cli level").strip()
        if level != "admin":
            raise TrafficError(
                f"haproxy {process.address}", f"gives us level {level!r}; write `level admin` on that stats socket"
            )
        self._servers_of(process)

    def _servers_of(self, process: HAProxyProcess) -> dict[str, Mapping[str, str]]:
        """Our servers' rows, by server."""
        rows = process.rows()
        if (self._backend, "BACKEND") not in rows:
            known = ", ".join(name for name, kind in rows if kind == "BACKEND")
            raise TrafficError(f"haproxy {process.address}", f"has no backend {self._backend}; it has {known}")
        for server in self._servers.values():
            if (self._backend, server) not in rows:
                raise TrafficError(
                    f"haproxy {process.address}",
                    f"backend {self._backend} has no server {server}; add it (disabled), or say what it is called: "
                    'servers = { node = "…" }',
                )
        return {server: rows[self._backend, server] for server in self._servers.values()}

    def _hold(self, process: HAProxyProcess) -> None:
        for server, row in self._servers_of(process).items():
            if row["status"].startswith(_SERVING):
                limit = int(row["slim"] or 0)
                if limit != _HELD:
                    process.limits[server] = limit
                process.tell(f"set maxconn server {self._backend}/{server} {_HELD}")

    def _release(self, process: HAProxyProcess) -> None:
        """Only what is held is released. A process that did not hold it does not know the limit it had."""
        for server, row in self._servers_of(process).items():
            if row["slim"] != str(_HELD):
                continue
            limit = self._limit or process.limits.get(server, 0)
            for value in (limit,) if limit else (_HIGH, 0):
                process.tell(f"set maxconn server {self._backend}/{server} {value}")

    def _move(self, process: HAProxyProcess, new: str) -> None:
        on, off = ("state ready", "state maint") if self._flip == "state" else ("health up", "health down")
        process.tell(f"set server {self._backend}/{new} {on}")
        others = [server for server in self._servers.values() if server != new]
        for server in others:
            process.tell(f"set server {self._backend}/{server} {off}")
            process.tell(f"shutdown sessions server {self._backend}/{server}")
        if not self._moved(process, new):
            raise TrafficError(f"haproxy {process.address}", f"does not lead to {self._backend}/{new}")

    def _moved(self, process: HAProxyProcess, new: str) -> bool:
        rows = self._servers_of(process)
        return [server for server, row in rows.items() if row["status"].startswith(_SERVING)] == [new]

    def _let_in_if_moved(self, new: str) -> Callable[[HAProxyProcess], None]:
        def let_in(process: HAProxyProcess) -> None:
            if self._moved(process, new):
                self._release(process)

        return let_in
