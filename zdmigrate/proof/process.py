"""A throwaway server from a program on this machine: its own folder, loopback port and password."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pymysql

from zdmigrate.proof.binaries import Binary, UnusableError, installer
from zdmigrate.proof.workspace import Workspace, end, spawn

#: Seconds to lay out the data, and to answer the first query.
INITIALISE_SECONDS = 180.0
READY_SECONDS = 120.0
#: The account of the server's only user.
USER = "prover"

_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    # What a crash would lose is thrown away anyhow.
    "--innodb-flush-log-at-trx-commit=2",
    "--performance-schema=OFF",
)


#: MySQL's own: else it listens on one more port, and looks for a folder that its package makes.
_MYSQL_OPTIONS = ("--loose-mysqlx=OFF", "--secure-file-priv=NULL")


class StartError(Exception):
    """A server that was found and did not start; the message has its own words."""


class LocalServer:
    """The server's process. `start`, use `url`, `close`; its guard does the last when we cannot."""

    def __init__(self, binary: Binary) -> None:
        self.binary = binary
        self._workspace = Workspace()
        self._home = self._workspace.home("server")
        self._password = secrets.token_urlsafe(18)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the server, with its password: never to be shown."""
        return f"mysql+pymysql://{USER}:{self._password}@127.0.0.1:{self._port}/"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def start(self) -> None:
        """Lay out the data and start; returns when it answers a query of ours.

        Raises:
            StartError: when it cannot, with the telling line of its log.
        """
        self._initialise()
        for _ in range(5):
            self._port = _free_port()
            self._run()
            if self._answers():
                self._first_statements.unlink()
                return
            if "already in use" not in self.log():  # somebody took the port between our look and its start
                break
        raise StartError(f"{self.binary.path} did not start: {telling_line(self.log())}")

    def log(self, lines: int = 40) -> str:
        """The last lines it logged."""
        try:
            with (self._home / "log").open(errors="replace") as log:
                return "".join(deque(log, lines))
        except FileNotFoundError:
            return ""

    def close(self) -> None:
        """End it and remove everything of it; once more is fine."""
        if self._process is not None and self._process.poll() is None:
            end(self._process)
        self._workspace.close()

    @property
    def _first_statements(self) -> Path:
        return self._home / "first.sql"

    def _initialise(self) -> None:
        data = self._home / "data"
        (self._home / "tmp").mkdir()
        options = [f"--datadir={data}", *self._own_options(), "--initialize-insecure"]
        command = [str(self.binary.path), "--no-defaults", *options]
        if self.binary.flavour.is_mariadb:
            try:
                tool, *rest = installer(self.binary)
            except UnusableError as error:
                raise StartError(str(error)) from error
            normal = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
            command = [tool, "--no-defaults", *rest, f"--datadir={data}", *normal, *self._own_options()]
        with (self._home / "log").open("ab") as log:
            self._process = spawn(self._home, command, log=log)
            try:
                code = self._process.wait(INITIALISE_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise StartError(f"{self.binary.path} laid out no data in {INITIALISE_SECONDS:.0f} s") from error
        if code != 0:
            raise StartError(f"{self.binary.path} could not lay out its data (code {code}): {telling_line(self.log())}")
        self._first_statements.touch(mode=0o600)
        self._first_statements.write_text(
            f"CREATE USER {USER}@'%' IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO {USER}@'%' WITH GRANT OPTION;\n"
            "DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1', ''@localhost;\n"
        )

    def _run(self) -> None:
        options = [
            "--no-defaults",
            f"--datadir={self._home / 'data'}",
            f"--tmpdir={self._home / 'tmp'}",
            f"--port={self._port}",
            f"--socket={self._home / 'sock'}",
            f"--pid-file={self._home / 'server.pid'}",
            f"--init-file={self._first_statements}",
            *self._own_options(),
            *_OPTIONS,
        ]
        with (self._home / "log").open("wb") as log:
            self._process = spawn(self._home, [str(self.binary.path), *options], log=log)

    def _own_options(self) -> tuple[str, ...]:
        user = ("--user=root",) if os.geteuid() == 0 else ()
        return user if self.binary.flavour.is_mariadb else (*user, *_MYSQL_OPTIONS)

    def _answers(self) -> bool:
        """Wait until it does; False when it ended."""
        assert self._process is not None
        deadline = time.monotonic() + READY_SECONDS
        while self._process.poll() is None:
            if answers("127.0.0.1", self._port, USER, self._password):
                return True
            if time.monotonic() > deadline:
                raise StartError(f"{self.binary.path} did not answer in {READY_SECONDS:.0f} s")
            time.sleep(0.05)
        return False


def answers(host: str, port: int, user: str, password: str) -> bool:
    """Whether the server that knows this password answers a query there."""
    try:
        connection = pymysql.connect(
            host=host, port=port, user=user, password=password, connect_timeout=5, read_timeout=5
        )
        with closing(connection), connection.cursor() as cursor:
            return cursor.execute("SELECT 1") == 1
    except (pymysql.MySQLError, OSError):
        return False


def telling_line(log: str) -> str:
    """The line of a log that says why a server gave up: its first error, else its last line."""
    lines: Sequence[str] = log.strip().splitlines() or ["it logged nothing"]
    return next((line for line in lines if "[ERROR]" in line or "FATAL ERROR" in line), lines[-1])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
