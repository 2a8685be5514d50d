"""The recording DBAPI: what SQLAlchemy's PyMySQL dialect takes for the driver, over a `Server`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pymysql
from pymysql import err

from zdmigrate.history.server import Result, Server

_FIELD_TYPE = 253  # VAR_STRING: rows need no conversion


class Cursor:
    """One cursor; the rows are all there once execute() returns."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.rownumber = 0
        self._result = Result()

    @property
    def description(self) -> tuple[tuple[Any, ...], ...] | None:
        """Labels of the result, or None for a statement without one."""
        if not self._result.names:
            return None
        return tuple((name, _FIELD_TYPE, None, None, None, None, True) for name in self._result.names)

    @property
    def rowcount(self) -> int:
        """Rows changed, or answered."""
        return self._result.rowcount

    @property
    def lastrowid(self) -> int:
        """The AUTO_INCREMENT value the last INSERT was given."""
        return self._result.lastrowid

    def execute(self, query: str | bytes, args: Any = None) -> int:
        """Send one text."""
        text = query.decode() if isinstance(query, bytes) else query
        self.rownumber = 0
        self._result = Result()
        self._result = self.connection.server.run(text, args)
        return self._result.rowcount

    def executemany(self, query: str | bytes, args: Sequence[Any]) -> int:
        """Send one text with several sets of parameters."""
        if not args:
            return 0
        rows = list(args)
        done = self.execute(query, rows if len(rows) > 1 else rows[0])
        if done and len(rows) > 1:
            self._result.rowcount = done = len(rows)
        return done

    def callproc(self, name: str, args: Sequence[Any] = ()) -> Sequence[Any]:
        """CALL a procedure."""
        marks = ", ".join(["%s"] * len(args))
        self.execute(f"CALL {name}({marks})", tuple(args))
        return args

    def fetchone(self) -> tuple[object, ...] | None:
        """The next row."""
        rows = self.fetchmany(1)
        return rows[0] if rows else None

    def fetchmany(self, size: int | None = None) -> list[tuple[object, ...]]:
        """The next rows."""
        start = self.rownumber
        rows = self._result.rows[start : start + (self.arraysize if size is None else size)]
        self.rownumber = start + len(rows)
        return rows

    def fetchall(self) -> list[tuple[object, ...]]:
        """The rows left."""
        return self.fetchmany(len(self._result.rows))

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        while (row := self.fetchone()) is not None:
            yield row

    def nextset(self) -> None:
        """There is never another result."""

    def close(self) -> None:
        """Nothing is open."""

    def setinputsizes(self, *args: Any) -> None:
        """Required by the DBAPI."""

    def setoutputsizes(self, *args: Any) -> None:
        """Required by the DBAPI."""

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Connection:
    """One connection; every connection of a replay is the same session."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.open = True

    def cursor(self, kind: object = None) -> Cursor:
        """A cursor; its kind does not matter."""
        return Cursor(self)

    def commit(self) -> None:
        """DDL has committed by itself."""

    def rollback(self) -> None:
        """DDL cannot be rolled back."""

    def begin(self) -> None:
        """Transactions change nothing here."""

    def close(self) -> None:
        """Nothing is open."""

    def ping(self, reconnect: bool = True) -> None:
        """Always alive."""

    def autocommit(self, value: bool) -> None:
        """Transactions change nothing here."""

    def get_autocommit(self) -> bool:
        """As a driver starts."""
        return False

    def character_set_name(self) -> str:
        """What the dialect asks for first."""
        return "utf8mb4"

    def escape(self, value: object, mapping: Any = None) -> object:
        """A literal, as PyMySQL writes it."""
        return pymysql.converters.escape_item(value, "utf8mb4", mapping)

    literal = escape

    def get_server_info(self) -> str:
        """The version."""
        return self.server.answers.version

    @property
    def server_version(self) -> str:
        """The version."""
        return self.server.answers.version


class Driver:
    """The module SQLAlchemy takes for PyMySQL: its errors, and connections to the recording server."""

    apilevel = "2.0"
    threadsafety = 1
    paramstyle = "pyformat"
    __name__ = "pymysql"
    __version__ = "1.1.0"
    VERSION = (1, 1, 0, "final", 0)
    VERSION_STRING = "1.1.0"
    version_info = (1, 4, 6, "final", 1)

    Warning = err.Warning
    Error = err.Error
    InterfaceError = err.InterfaceError
    DatabaseError = err.DatabaseError
    DataError = err.DataError
    OperationalError = err.OperationalError
    IntegrityError = err.IntegrityError
    InternalError = err.InternalError
    ProgrammingError = err.ProgrammingError
    NotSupportedError = err.NotSupportedError

    STRING = pymysql.STRING
    BINARY = pymysql.BINARY
    NUMBER = pymysql.NUMBER
    DATETIME = pymysql.DATETIME
    ROWID = pymysql.ROWID
    Binary = staticmethod(pymysql.Binary)
    err = err
    constants = pymysql.constants
    cursors = pymysql.cursors
    converters = pymysql.converters

    def __init__(self, server: Server) -> None:
        self.server = server

    def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """A connection; nothing is opened."""
        return Connection(self.server)
