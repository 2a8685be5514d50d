"""The replay dialect: SQLAlchemy's own MySQL dialect over the recording DBAPI.

Reflection needs no code here: the dialect asks SHOW CREATE TABLE and friends, and the server answers them from the
catalog, so a revision sees through `inspect()` exactly what SQLAlchemy would make of the real table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.engine import Engine
from sqlalchemy.engine.url import make_url
from sqlalchemy.pool import NullPool

from zdmigrate.history.recorder.dbapi import Driver
from zdmigrate.history.recorder.dictionary import DATABASE
from zdmigrate.history.server import Server


class TableNames(list[str]):
    """The names of the tables we know; looking for one that is not there is a question an open schema leaves open."""

    def __init__(self, names: list[str], server: Server) -> None:
        super().__init__(names)
        self._server = server

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            return True
        return self._server.answers.has_table(str(name), None, self._server.catalog)

    def __iter__(self) -> Iterator[str]:
        if not self._server.catalog.complete:
            self._server.answers.unsure.append("the list of tables")
        return super().__iter__()


class ReplayDialect(MySQLDialect_pymysql):
    """PyMySQL's dialect that sends nothing of its own accord."""

    supports_statement_cache = True

    def __init__(self, *, server: Server) -> None:
        super().__init__(dbapi=Driver(server))
        self._server = server

    def initialize(self, connection: Any) -> None:
        """As on a real server, minus a correction (SQLAlchemy 1.4) that our answers do not need."""
        super().initialize(connection)
        self._needs_correct_for_88718_96365 = False

    def has_table(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        """Whether the catalog has the table or view; SQLAlchemy's versions ask in different ways."""
        return self._server.answers.has_table(table_name, schema, self._server.catalog)

    def get_table_names(self, connection: Any, schema: str | None = None, **kw: Any) -> list[str]:
        """The tables we know."""
        unsure = self._server.answers.unsure
        asked = len(unsure)
        names: list[str] = super().get_table_names(connection, schema, **kw)
        del unsure[asked:]
        return names if isinstance(names, TableNames) else TableNames(names, self._server)

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Isolation changes nothing that is recorded."""

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """As MySQL starts."""
        return "REPEATABLE READ"

    def reset_isolation_level(self, dbapi_conn: Any) -> None:
        """Isolation changes nothing that is recorded."""


def make_engine(server: Server) -> Engine:
    """An engine whose every connection is that server."""
    dialect = ReplayDialect(server=server)
    url = make_url(f"mysql+pymysql://replay@localhost/{DATABASE}")
    connect: Any = Driver(server).connect
    pool = NullPool(connect, dialect=dialect)
    engine = Engine(pool, dialect, url)
    dialect.default_schema_name = DATABASE
    with engine.connect() as connection:
        dialect.initialize(connection)
    return engine
