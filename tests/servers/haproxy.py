"""HAProxy as a process, with a socket for its statistics and commands."""

from __future__ import annotations

import csv
import io
import re
import socket
import subprocess
from pathlib import Path

from tests.servers import ports
from tests.servers.base import Kind, ServerError, ServerUnavailableError
from tests.servers.binaries import Binary, find_tool
from tests.servers.processes import STOP_SECONDS, ProcessServer, telling_line

# What a process that was replaced may still be busy with ends after ten seconds: nobody else would end it.
_GLOBAL = "global\n  stats socket unix@stats level admin expose-fd listeners\n  hard-stop-after 10s\n"


class HAProxy(ProcessServer):
    """One HAProxy with a configuration that can be replaced without refusing a connection.

    Args:
        binary: The program.
        config: Sections after `global`. `{port}` stands for the port in `url()`, `{port:NAME}` for `port_of("NAME")`.
    """

    # It is no kind of `open_server`: this names its home and its messages.
    kind: Kind = "haproxy"  # type: ignore[assignment]

    def __init__(self, binary: Binary, config: str) -> None:
        super().__init__(binary)
        self._ports: dict[str, int] = {}
        self._config = config

    @property
    def stats_socket(self) -> Path:
        """The Unix socket of its runtime API, at level admin."""
        return self._home / "stats"

    def port_of(self, name: str) -> int:
        """The loopback port that `{port:NAME}` stands for."""
        if name not in self._ports:
            self._ports[name] = ports.lease()
        return self._ports[name]

    def url(self, database: str | None = None) -> str:
        """The address that `{port}` stands for, as HTTP."""
        return f"http://127.0.0.1:{self._port}/{database or ''}"

    def command(self, command: str) -> str:
        """What the runtime API answers, for example to `disable server web/one`.

        Raises:
            OSError: Nobody answers.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.stats_socket))
            connection.sendall(command.encode() + b"\n")
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts).decode()

    def states(self) -> dict[str, str]:
        """What it thinks of each server, by `backend/server`: `UP`, `DOWN`, `MAINT`, `no check` …"""
        rows = csv.DictReader(io.StringIO(self.command("show stat").removeprefix("# ")))
        return {
            f"{row['pxname']}/{row['svname']}": row["status"]
            for row in rows
            if row["svname"] not in ("FRONTEND", "BACKEND")
        }

    def reload(self, config: str | None = None) -> None:
        """Go on with another configuration, or the same read once more. No connection is refused meanwhile.

        Raises:
            ServerError: It does not accept the configuration; the old one goes on.
        """
        old_config, old = self._config, self._process
        if old is None or not self.running:
            raise ServerError(f"{self} is not running")
        self._config = old_config if config is None else config
        try:
            self._check()
        except ServerError:
            self._config = old_config
            raise
        self._spawn()
        self._wait_until_ready()
        old.wait(STOP_SECONDS)

    def close(self) -> None:
        """See `Server.close`."""
        if not self._closed:
            super().close()
            for port in self._ports.values():
                ports.release(port)

    def _lay_out(self) -> None:
        self._check()

    def _options(self) -> list[str]:
        self._write()
        replaced = ["-x", "stats", "-sf", str(self.pid)] if self.running else []
        return ["-db", "-f", "haproxy.cfg", *replaced]

    def _write(self) -> None:
        def port(match: re.Match[str]) -> str:
            return str(self.port_of(match[1]) if match[1] else self._port)

        text = re.sub(r"\{port(?::(\w+))?\}", port, self._config)
        (self._home / "haproxy.cfg").write_text(_GLOBAL + text.rstrip() + "\n")

    def _check(self) -> None:
        self._write()
        done = subprocess.run(
            [*self._binary.command, "-c", "-f", "haproxy.cfg"],
            cwd=self._home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode != 0:
            alerts = [line for line in done.stderr.splitlines() if "[ALERT]" in line]
            raise ServerError(f"haproxy refuses its configuration: {(alerts or [telling_line(done.stderr)])[0]}")

    def _ping(self) -> bool:
        return f"\nPid: {self.pid}\n" in self.command("show info")


def open_haproxy(config: str) -> HAProxy:
    """Start an HAProxy with this configuration; it answers on its stats socket. See `HAProxy` for what may be in it.

    Raises:
        ServerUnavailableError: There is none on this machine.
        ServerError: It refuses the configuration, or does not start.
    """
    path = find_tool("haproxy")
    if path is None:
        raise ServerUnavailableError("haproxy", "no haproxy on PATH (run scripts/prepare_servers)")
    said = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=30, check=True).stdout
    version = re.search(r"version (\d+(?:\.\d+)*)", said)
    server = HAProxy(Binary(path, version[1] if version else "unknown", (str(path),)), config)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server
