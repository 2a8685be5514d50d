"""MySQL and MariaDB as processes."""

import abc
import os
import secrets
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pymysql

from tests.servers.base import Kind, ServerError
from tests.servers.binaries import Binary, find_tool
from tests.servers.processes import ProcessServer, telling_line
from tests.servers.templates import template

INITIALISE_SECONDS = 120

# Small and quick, yet nothing that a kill -9 could corrupt: the log is written (not synced) at each commit, and
# the doublewrite buffer stays on, because the kernel may cut a page's write short when the process is killed.
_COMMON = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=32M",
    "--innodb-use-native-aio=OFF",
    "--sync-binlog=0",
    "--max-connections=200",
    "--table-open-cache=400",
    "--performance-schema=OFF",
)


class SQLProcess(ProcessServer, abc.ABC):
    """What MySQL and MariaDB share: data from a template, a random root password, one account for any host."""

    def __init__(self, binary: Binary, *, binlog: bool = False, args: tuple[str, ...] = ()) -> None:
        super().__init__(binary)
        self._binlog = binlog
        self._args = args
        self._password = secrets.token_urlsafe(18)
        self._data = self._home / "data"
        self._first_statements = self._home / "first.sql"

    @abc.abstractmethod
    def _initialise(self, data: Path) -> None:
        """Make an initialised data folder, as the server's own tool does."""

    @abc.abstractmethod
    def _own_options(self) -> tuple[str, ...]:
        """Options that only this flavour knows."""

    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""
        return f"mysql+pymysql://root:{self._password}@127.0.0.1:{self._port}/{database or ''}"

    def start(self) -> None:
        """See `Server.start`. The statements that set the password run at the first start and are then removed."""
        super().start()
        self._first_statements.unlink(missing_ok=True)

    def _lay_out(self) -> None:
        recipe = (*self._binary.command, *self._init_options())
        ready = template(f"{self.kind}-{self.version}", recipe, self._initialise)
        shutil.copytree(ready, self._data)
        (self._home / "tmp").mkdir()
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
        return ("--user=root",) if os.geteuid() == 0 else ()

    def _options(self) -> list[str]:
        options = [
            "--no-defaults",  # must come first
            *self._binary.options,
            f"--datadir={self._data}",
            f"--port={self._port}",
            f"--socket={self._home / 'sock'}",
            f"--pid-file={self._home / 'server.pid'}",
            f"--tmpdir={self._home / 'tmp'}",
            f"--server-id={self._port}",
            *_COMMON,
            *self._init_options(),
            *self._own_options(),
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

    def _init_options(self) -> tuple[str, ...]:
        quiet = ("--secure-file-priv=NULL", "--mysqlx=OFF")  # else it looks for a folder and listens on 33060
        return (*super()._init_options(), "--innodb-redo-log-capacity=32M", *quiet)

    def _own_options(self) -> tuple[str, ...]:
        if not self._binlog:
            return ("--skip-log-bin",)
        return ("--log-bin=binlog", "--gtid-mode=ON", "--enforce-gtid-consistency=ON")


class MariaDBProcess(SQLProcess):
    """MariaDB 10.6 or later."""

    kind: Kind = "mariadb"

    def _initialise(self, data: Path) -> None:
        tool = find_tool("mariadb-install-db")
        if tool is None:
            raise ServerError("mariadb has no mariadb-install-db beside it: install the whole server package")
        options = [f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        options += ["--skip-name-resolve"]  # no account for the name of this machine
        self._run_tool([str(tool), "--no-defaults", *options, *self._init_options()])

    def _init_options(self) -> tuple[str, ...]:
        return (*super()._init_options(), "--innodb-log-file-size=32M")

    def _own_options(self) -> tuple[str, ...]:
        common = ("--innodb-buffer-pool-dump-at-shutdown=OFF", "--character-set-server=utf8mb4")
        if not self._binlog:
            return (*common, "--skip-log-bin")
        return (*common, "--log-bin=binlog", "--binlog-format=ROW", "--gtid-strict-mode=ON", "--log-slave-updates=ON")
