"""What SQLAlchemy takes for PyMySQL while a revision's own upgrade() runs: every text goes to one `Session` instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.engine import Engine
from sqlalchemy.engine.url import URL
from sqlalchemy.pool import NullPool

from zdmigrate.history.recorder import dbapi
from zdmigrate.history.server import Result, Server


@dataclass(slots=True)
class Transaction:
    """What one connection of a revision did since it ended a transaction.

    Attributes:
        sent: how many statements were sent, and are committed by now.
        savepoints: how many there were at each savepoint, by name.
    """

    sent: int = 0
    savepoints: dict[str, int] = field(default_factory=dict)


class Session(Protocol):
    """Who carries out what the driver is given."""

    def run(self, sql: str, parameters: Any) -> Result:
        """One text, with the values to bind, as the driver's cursor has them."""

    #: That of the connection whose text is carried out.
    transaction: Transaction

    def committed(self, transaction: Transaction) -> None:
        """The revision ended a transaction."""

    def rolled_back(self, transaction: Transaction) -> None:
        """The revision takes back what it did since it ended one."""

    @property
    def server_info(self) -> str:
        """The server's version, in its own words."""


class ManyRows(list[Any]):
    """The sets of values of one executemany()."""


class _Cursor(dbapi.Cursor):
    connection: _Connection

    def execute(self, query: str | bytes, args: Any = None) -> int:
        """Send one text."""
        self.connection.session.transaction = self.connection.transaction
        return super().execute(query, args)

    def executemany(self, query: str | bytes, args: Any) -> int:
        """Send one text with several sets of parameters."""
        rows = ManyRows(args)
        return self.execute(query, rows) if rows else 0


class _Connection(dbapi.Connection):
    """Every connection of a run is the same session."""

    def __init__(self, session: Any) -> None:
        super().__init__(session)
        self.session: Session = session
        self.transaction = Transaction()

    def cursor(self, kind: object = None) -> dbapi.Cursor:
        """A cursor that has all rows at once, whatever kind is asked for."""
        return _Cursor(self)

    def commit(self) -> None:
        """Every statement is committed with its row in the journal."""
        self.session.committed(self.transaction)

    def rollback(self) -> None:
        """What was sent stays; the session decides what comes of that."""
        self.session.rolled_back(self.transaction)

    def get_server_info(self) -> str:
        """The version."""
        return self.session.server_info

    @property
    def server_version(self) -> str:
        """The version."""
        return self.session.server_info


class _Driver(dbapi.Driver):
    def __init__(self, session: Any) -> None:
        super().__init__(session)

    def connect(self, *args: Any, **kwargs: Any) -> dbapi.Connection:
        """A connection; nothing is opened."""
        return _Connection(self.server)


class InterceptDialect(MySQLDialect_pymysql):
    """PyMySQL's dialect without RETURNING: a run that goes on could not answer again with rows of a statement."""

    supports_statement_cache = True
    insert_returning = update_returning = delete_returning = False
    insert_executemany_returning = False

    def __init__(self, *, session: Server) -> None:
        super().__init__(dbapi=_Driver(session))

    def initialize(self, connection: Any) -> None:
        """As on any server; MariaDB's RETURNING is found there, and put away again."""
        super().initialize(connection)
        self.insert_returning = self.update_returning = self.delete_returning = False
        self.insert_executemany_returning = False


def make_engine(session: Any, database: str) -> Engine:
    """An engine whose every connection is that session. Exceptions show no values."""
    dialect = InterceptDialect(session=session)
    url = URL.create("mysql+pymysql", host="primary", database=database)
    connect: Callable[..., Any] = _Driver(session).connect
    engine = Engine(NullPool(connect, dialect=dialect), dialect, url, hide_parameters=True)
    with engine.connect() as connection:
        dialect.initialize(connection)
    return engine
