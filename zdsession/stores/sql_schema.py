"""Making the sessions table, and bringing an older one up to date while it is in use.

The schema only ever grows, by what older code neither reads nor has to write: a column that may be NULL or has a
default, an index. So old and new versions of this library work side by side on either schema, except that a new one
needs its columns; and there is nothing to undo. What is missing is told from the table itself.
"""

from __future__ import annotations

import logging

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable

log = logging.getLogger("zdsession.store")

#: Changes when a version of this library needs more of its table; 1: the table as ``sessions_table`` has it.
SCHEMA_VERSION = 1
#: What a server says when another node was faster: table, column or index is there.
_THERE_MYSQL = frozenset((1050, 1060, 1061))


def create_statements(table: sa.Table, dialect: Dialect) -> list[str]:
    """The statements that make the table, on a server that has none."""
    made = _text(CreateTable(table, if_not_exists=True), dialect)
    return [made, *(_text(CreateIndex(index), dialect) for index in _indexes(table))]


def missing(connection: sa.Connection, table: sa.Table) -> list[str]:
    """The statements that bring the server's table up to this version; none if it is."""
    dialect, found = connection.dialect, sa.inspect(connection)
    if not found.has_table(table.name):
        return create_statements(table, dialect)
    columns = {column["name"] for column in found.get_columns(table.name)}
    indexes = {index["name"] for index in found.get_indexes(table.name)}
    name = dialect.identifier_preparer.format_table(table)
    added = [
        f"ALTER TABLE {name} ADD COLUMN {_text(CreateColumn(column), dialect)}"
        for column in table.columns
        if column.name not in columns
    ]
    return added + [_text(CreateIndex(index), dialect) for index in _indexes(table) if index.name not in indexes]


def complete(connection: sa.Connection, table: sa.Table) -> None:
    """Run what is :func:`missing`. Safe by several nodes at once.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the account may not, or the server cannot be reached.
    """
    for statement in missing(connection, table):
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            if not _is_there(error):
                raise
    log.info("table %s is complete (schema %d)", table.name, SCHEMA_VERSION)


def _indexes(table: sa.Table) -> list[sa.Index]:
    return sorted(table.indexes, key=lambda index: str(index.name))


def _text(element: CreateTable | CreateIndex | CreateColumn, dialect: Dialect) -> str:
    return str(element.compile(dialect=dialect)).strip()


def _is_there(error: DBAPIError) -> bool:
    code = next(iter(getattr(error.orig, "args", ())), None)
    return code in _THERE_MYSQL or "already exists" in str(error.orig) or "duplicate column" in str(error.orig)
