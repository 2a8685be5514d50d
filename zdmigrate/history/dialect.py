"""The replay dialect: SQLAlchemy's own MySQL dialect over the recording DBAPI.

Reflection needs no code here: the dialect asks SHOW CREATE TABLE and friends, and the server answers them from the
catalog, so a revision sees through `inspect()` exactly what SQLAlchemy would make of the real table.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.engine import Engine
from sqlalchemy.engine.url import make_url
from sqlalchemy.pool import NullPool

from zdmigrate.history.dbapi import Driver
from zdmigrate.history.dictionary import DATABASE
from zdmigrate.history.server import Server


class ReplayDialect(MySQLDialect_pymysql):
    """PyMySQL's dialect that sends nothing of its own accord."""

    supports_statement_cache = True

    def initialize(self, connection: Any) -> None:
        """As on a real server, minus a correction (SQLAlchemy 1.4) that our answers do not need."""
        super().initialize(connection)
        self._needs_correct_for_88718_96365 = False

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Isolation changes nothing that is recorded."""

    def get_isolation_level(self, dbapi_connection: Any) -> Any:
        """As MySQL starts."""
        return "REPEATABLE READ"

    def reset_isolation_level(self, dbapi_conn: Any) -> None:
        """Isolation changes nothing that is recorded."""


def make_engine(server: Server) -> Engine:
    """An engine whose every connection is that server."""
    driver = Driver(server)
    dialect = ReplayDialect(dbapi=driver)
    url = make_url(f"mysql+pymysql://replay@localhost/{DATABASE}")
    pool = NullPool(driver.connect, dialect=dialect)
    engine = Engine(pool, dialect, url)
    dialect.default_schema_name = DATABASE
    with engine.connect() as connection:
        dialect.initialize(connection)
    return engine
