"""MySQL and MariaDB as processes."""

import abc
import os
import secrets
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pymysql

from tests.servers.base import Kind, ServerError, ServerUnavailableError
from tests.servers.binaries import Binary, mariadb_installer
from tests.servers.disk import SmallDisk, require
from tests.servers.options import COMMON, binlog_options, data_options, flavour_options
from tests.servers.processes import ProcessServer, telling_line
from tests.servers.templates import template

INITIALISE_SECONDS = 120


class SQLProcess(ProcessServer, abc.ABC):
    """What MySQL and MariaDB share: data from a template, a random root password, one account for any host."""

    def __init__(
        self, binary: Binary, *, binlog: bool = False, args: tuple[str, ...] = (), disk: int | None = None
    ) -> None:
        super().__init__(binary)
        self._binlog = binlog
        self._args = args
        self._password = secrets.token_urlsafe(18)
        self._disk: SmallDisk | None = None
        place = self._home
        if disk is not None:
            place = self._home / "disk"
            try:
                self._disk = SmallDisk(place, disk, self.kind)
            except ServerUnavailableError:
                self.close()
                raise
        self._data = place / "data"
        self._tmp = place / "tmp"
        self._first_statements = self._home / "first.sql"
        self.configure()

    @abc.abstractmethod
    def _initialise(self, data: Path) -> None:
        """Make an initialised data folder, as the server's own tool does."""

    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""
        return f"mysql+pymysql://root:{self._password}@127.0.0.1:{self._port}/{database or ''}"

    def configure(self, **options: str) -> None:
        """Write its option file, which holds these options only; they count from its next start.

        A person or a tool that wants a setting to outlive a restart on MariaDB has to do this.
        """
        self.configuration = options
        lines = ["[mysqld]", *(f"{name} = {value}" for name, value in options.items())]
        (self._home / "server.cnf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """See `Server.start`. The statements that set the password run at the first start and are then removed."""
        super().start()
        self._first_statements.unlink(missing_ok=True)

    @property
    def has_disk(self) -> bool:
        """Whether it was opened with a disk of its own."""
        return self._disk is not None

    def fill_disk(self, leave: int = 0) -> None:
        """Fill its disk but for `leave` bytes. What needs room now fails as on any full disk.

        With a binary log, MySQL and MariaDB do not fail: they wait, and look again each minute.

        Raises:
            ServerError: It was not opened with `disk=`.
        """
        require(self._disk, self).fill(leave)

    def free_disk(self) -> None:
        """Make room again on its disk."""
        require(self._disk, self).release()

    def close(self) -> None:
        """See `Server.close`."""
        self.kill()
        if self._disk is not None:
            self._disk.close()
        super().close()

    def _lay_out(self) -> None:
        recipe = (*self._binary.command, *self._init_options())
        ready = template(f"{self.kind}-{self.version}", recipe, self._initialise)
        shutil.copytree(ready, self._data)
        self._tmp.mkdir()
        self._first_statements.touch(mode=0o600)
        # Not in the binary log: a server must not begin with a transaction that its replicas lack.
        self._first_statements.write_text(
            "SET sql_log_bin = 0;\n"
            f"CREATE USER root@'%' IDENTIFIED BY '{self._password}';\n"
            "GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;\n"
            "DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1', ''@localhost;\n"
        )

    def _init_options(self) -> tuple[str, ...]:
        """Options that shape the files of a fresh data folder."""
        return (*(("--user=root",) if os.geteuid() == 0 else ()), *data_options(self.kind))

    def _options(self) -> list[str]:
        options = [
            f"--defaults-file={self._home / 'server.cnf'}",  # must come first
            *self._binary.options,
            f"--datadir={self._data}",
            f"--port={self._port}",
            f"--socket={self._home / 'sock'}",
            f"--pid-file={self._home / 'server.pid'}",
            f"--tmpdir={self._tmp}",
            f"--server-id={self._port}",
            "--bind-address=127.0.0.1",
            *COMMON,
            *self._init_options(),
            *flavour_options(self.kind),
            *binlog_options(self.kind, self._binlog),
            *self._args,
        ]
        if self._first_statements.exists():
            options.append(f"--init-file={self._first_statements}")
        return options

    def _ping(self) -> bool:
        connection = pymysql.connect(
            host="127.0.0.1", port=self._port, user="root", password=self._password, connect_timeout=2, read_timeout=2
        )
        with closing(connection), connection.cursor() as cursor:
            return cursor.execute("SELECT 1") == 1  # nobody else knows the password

    def _run_tool(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            env={**os.environ, **self._binary.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INITIALISE_SECONDS,
            check=False,
            text=True,
        )
        (self._home / "log").write_text(done.stdout)
        if done.returncode != 0:
            why = telling_line(done.stdout)
            raise ServerError(f"{self.kind} could not initialise its data (code {done.returncode}): {why}")


class MySQLProcess(SQLProcess):
    """MySQL 8.0 or later."""

    kind: Kind = "mysql"

    def _initialise(self, data: Path) -> None:
        options = [*self._binary.options, f"--datadir={data}", *self._init_options()]
        self._run_tool([*self._binary.command, "--no-defaults", *options, "--initialize-insecure"])
        (data / "auto.cnf").unlink()  # each copy makes its own server_uuid


class MariaDBProcess(SQLProcess):
    """MariaDB 10.6 or later."""

    kind: Kind = "mariadb"

    def _initialise(self, data: Path) -> None:
        installer = mariadb_installer(self._binary, self._home / "installer")
        options = [f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        options += ["--skip-name-resolve"]  # no account for the name of this machine
        self._run_tool([installer[0], "--no-defaults", *installer[1:], *options, *self._init_options()])
