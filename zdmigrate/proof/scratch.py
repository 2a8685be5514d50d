"""A database of our own on the server we were given: made, bounded, and dropped again, whatever happens."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from zdmigrate.errors import UsageError

PREFIX = "zdmigrate_proof_"
#: Seconds to wait for the server to answer at all.
CONNECT_SECONDS = 5
#: Seconds one statement may take, and wait for a lock.
STATEMENT_SECONDS = 60
LOCK_SECONDS = 5

#: What old code's session is set to, so that the same statement gives the same result each time.
FIXED = ("SET timestamp = 1700000000", "SET time_zone = '+00:00'")

#: Seconds a server that ended a connection may take to come back, so that our database can still be dropped.
RETURN_SECONDS = 5

#: How a driver says that the connection is gone.
_GONE = frozenset({0, 2006, 2013, 2055})
_RIGHTS = {1044, 1045, 1142, 1227, 1370, 1410, 1419}

if TYPE_CHECKING:
    Connection = pymysql.connections.Connection[Any]


class SqlError(Exception):
    """A statement the server refused: its number and its message."""

    def __init__(self, errno: int, message: str) -> None:
        super().__init__(f"{errno} ({message})")
        self.errno = errno
        self.message = message


class ServerLostError(UsageError):
    """The connection ended in the middle of the run: the server died, was restarted, or ended it."""


class Scratch:
    """The database, and how to reach it. Make one with `scratch`."""

    def __init__(self, url: URL, name: str, control: Connection) -> None:
        self._url = url
        self._control = control
        self.name = name
        self._open: list[Connection] = []
        self._made = False

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database, with its password: never to be shown."""
        return self._url.set(database=self.name).render_as_string(hide_password=False)

    def connect(self, *, fixed: bool = False, seconds: int | None = None) -> Session:
        """A connection into the database; `fixed` is for old code: its clock stands still and batches are allowed.

        Args:
            seconds: how long one statement may take; None for the usual `STATEMENT_SECONDS`.

        Raises:
            UsageError: when the account may not set the clock of its own session.
        """
        connection = _connect(self._url, self.name, batches=fixed, seconds=seconds)
        self._open.append(connection)
        session = Session(connection)
        session.run(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}, innodb_lock_wait_timeout = {LOCK_SECONDS}")
        for statement in FIXED if fixed else ():
            try:
                session.run(statement)
            except SqlError as error:
                raise UsageError(f"{self._shown()} refuses `{statement}`: {error}; {_advice(error.errno)}") from error
        return session

    def empty(self) -> None:
        """Drop the database and make it anew, ending the connections into it."""
        self.drop()
        self.create()

    def create(self) -> None:
        """Make the database.

        Raises:
            UsageError: when the account may not.
        """
        self._made = True  # from here on it may exist, also when Ctrl-C comes before the answer
        try:
            _run(self._control, f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4")
        except SqlError as error:
            self._made = False
            raise UsageError(
                f"{self._shown()} does not let us make a database: {error}; {_advice(error.errno)}"
            ) from error

    def drop(self) -> None:
        """End our connections, also one that a statement still keeps busy, and drop the database."""
        for connection in self._open:
            with suppress(SqlError, ServerLostError):
                _run(self._control, f"KILL {connection.thread_id()}")  # type: ignore[no-untyped-call]
            with suppress(pymysql.MySQLError):
                connection.close()
        self._open.clear()
        if self._made:
            _run(self._control, f"DROP DATABASE IF EXISTS {self.name}")

    def give_back(self) -> str:
        """`drop`, also over a new connection when the server came back; "" or, in a sentence, why it is left there."""
        try:
            self.drop()
        except ServerLostError as error:
            if not self._dropped_anew():
                return f"the database {self.name} could not be dropped ({error}): drop it by its name"
        except SqlError as error:
            return f"the database {self.name} could not be dropped: {error}; drop it by its name"
        return ""

    def _dropped_anew(self) -> bool:
        deadline = time.monotonic() + RETURN_SECONDS
        while time.monotonic() < deadline:
            try:
                with closing(_connect(self._url, None)) as control:
                    _run(control, f"DROP DATABASE IF EXISTS {self.name}")
                return True
            except (UsageError, SqlError):
                time.sleep(0.2)
        return False

    def version(self) -> str:
        """VERSION() of the server."""
        return str(Session(self._control).rows("SELECT VERSION()")[0][0])

    def _shown(self) -> str:
        return self._url.render_as_string(hide_password=True)


class Session:
    """One connection, with errors as `SqlError`."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.cursor()
        self._timed_out = False

    def run(self, sql: str) -> int:
        """Run a statement, all of its results; the number of rows it matched.

        Raises:
            SqlError: when the server refuses it or takes too long.
            ServerLostError: when the server ends the connection.
        """
        try:
            count: int = self._cursor.execute(sql)
            while self._cursor.nextset():
                pass
        except pymysql.MySQLError as error:
            raise self._error(error, sql) from error
        return count

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """The rows of a SELECT.

        Raises:
            SqlError: when the server refuses it or takes too long.
        """
        try:
            self._cursor.execute(sql)
            found: Sequence[tuple[Any, ...]] = self._cursor.fetchall()
        except pymysql.MySQLError as error:
            raise self._error(error, sql) from error
        return found

    def answer(self, sql: str) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
        """The names of a SELECT's columns, and its rows.

        Raises:
            SqlError: when the server refuses it or takes too long.
        """
        rows = self.rows(sql)
        return tuple(str(item[0]) for item in self._cursor.description or ()), rows

    def batch(self, statements: Sequence[str]) -> list[tuple[int, Sequence[tuple[Any, ...]]]]:
        """Run statements in one round trip: the rows each matched or returned.

        Raises:
            SqlError: from the first that fails; those after it do not run.
        """
        found: list[tuple[int, Sequence[tuple[Any, ...]]]] = []
        try:
            self._cursor.execute("; ".join(statements))
            found.append((self._cursor.rowcount, self._cursor.fetchall()))
            while self._cursor.nextset():
                found.append((self._cursor.rowcount, self._cursor.fetchall()))
        except pymysql.MySQLError as error:
            raise self._error(error, "; ".join(statements)) from error
        return found

    def _error(self, error: pymysql.MySQLError, sql: str) -> SqlError | ServerLostError:
        found = _sql_error(error)
        if found.errno not in _GONE:
            return found
        # After a time-out the driver closes the connection itself.
        self._timed_out = self._timed_out or "timed out" in str(error.args[-1] if error.args else "")
        if self._timed_out:
            return found
        text = " ".join(sql.split())
        shown = text if len(text) <= 100 else f"{text[:100]}…"
        return ServerLostError(f"the server ended the connection while it ran `{shown}` ({found})")


@contextmanager
def scratch(url: str) -> Iterator[Scratch]:
    """A scratch database on that server; it is gone when the block ends, after Ctrl-C too.

    Raises:
        UsageError: when the URL cannot be used, the server does not answer, or rights are missing.
    """
    parsed = _parsed(url)
    with closing(_connect(parsed, None)) as control:
        made = Scratch(parsed, PREFIX + secrets.token_hex(6), control)
        try:
            made.create()
            yield made
        except BaseException as error:
            problem = made.give_back()
            if problem and isinstance(error, UsageError | KeyboardInterrupt | SystemExit):
                said = str(error) if isinstance(error, UsageError) else "interrupted"
                raise UsageError(f"{said}; {problem}") from error
            raise
        problem = made.give_back()
        if problem:
            raise UsageError(problem)


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError("--server is not a server's URL; write mysql+pymysql://user@host:3306/") from error
    if parsed.get_backend_name() not in ("mysql", "mariadb"):
        shown = parsed.render_as_string(hide_password=True)
        raise UsageError(f"--server {shown} is not MySQL or MariaDB; write mysql+pymysql://user@host:3306/")
    return parsed


def _connect(url: URL, database: str | None, *, batches: bool = False, seconds: int | None = None) -> Connection:
    options: dict[str, Any] = {}
    if "unix_socket" in url.query:
        options["unix_socket"] = url.query["unix_socket"]
    try:
        return pymysql.connect(
            host=url.host or "localhost",
            port=url.port or 3306,
            user=url.username,
            password=str(url.password or ""),
            database=database,
            charset="utf8mb4",
            autocommit=True,
            client_flag=CLIENT.FOUND_ROWS | (CLIENT.MULTI_STATEMENTS if batches else 0),
            connect_timeout=CONNECT_SECONDS,
            read_timeout=seconds or STATEMENT_SECONDS,
            write_timeout=seconds or STATEMENT_SECONDS,
            **options,
        )
    except pymysql.MySQLError as error:
        shown = url.render_as_string(hide_password=True)
        raise UsageError(f"the server {shown} cannot be used: {error.args[-1]}") from error


def _run(connection: Connection, sql: str) -> None:
    Session(connection).run(sql)


def _sql_error(error: pymysql.MySQLError) -> SqlError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    message = str(error.args[-1]) if error.args else type(error).__name__
    if number == 2013 and "timed out" in message:
        message = f"no answer within {STATEMENT_SECONDS} s"
    return SqlError(number, message)


def _advice(errno: int) -> str:
    if errno == 1227:
        return "grant it SESSION_VARIABLES_ADMIN (MySQL) or BINLOG REPLAY (MariaDB), or use a throwaway server's root"
    if errno in _RIGHTS:
        return f"grant it ALL PRIVILEGES ON `{PREFIX.replace('_', chr(92) + '_')}%`.*"
    return "use a throwaway server"
