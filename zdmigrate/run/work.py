"""The connection by which a run sends the app's statements: one session for all of them, as Alembic has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pymysql
from pymysql.constants import CLIENT
from pymysql.cursors import Cursor

from zdmigrate.run.connection import Connection, error_of
from zdmigrate.run.message import Answer, Message, without_data
from zdmigrate.run.topology import Node


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query answered."""

    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class WorkConnection(Connection):
    """Counts the rows a statement finds, not those it changes, as SQLAlchemy has its connections do."""

    def __init__(self, node: Node, *, answer_seconds: float, database: str) -> None:
        super().__init__(node, answer_seconds=answer_seconds, database=database, client_flag=CLIENT.FOUND_ROWS)

    @property
    def server_info(self) -> str:
        """The server's version, in its own words."""
        return str(self._raw.get_server_info())  # type: ignore[no-untyped-call]

    def final(self, message: Message) -> tuple[str, ...]:
        """The texts the server is sent, values in their places.

        Raises:
            TypeError, ValueError: as the driver's, when values and text do not fit.
        """
        with self._raw.cursor(Cursor) as cursor:
            if message.many:
                rows: Any = message.values
                return tuple(cursor.mogrify(message.sql, row) for row in rows)
            return (cursor.mogrify(message.sql, message.values),)

    def deliver(self, message: Message) -> Answer:
        """Send a statement that changes something; its values are told to nobody.

        Raises:
            ServerError: the server refused; the driver's own exception is its cause.
            LostError: nobody knows.
        """
        words = without_data if message.shown else str
        with self._telling(message.told, words=words), self._raw.cursor(Cursor) as cursor:
            if message.many:
                rows: Any = message.values
                found = cursor.executemany(message.sql, rows)
            else:
                found = cursor.execute(message.sql, message.values)
            return Answer(int(found or 0), int(cursor.lastrowid or 0))

    def read(self, message: Message, *, writes: bool = False) -> Rows:
        """Send a query, which cannot change anything: unless it `writes`, a function that does is refused.

        Raises:
            ServerError, LostError: as `deliver`.
        """
        try:
            with self._raw.cursor(Cursor) as cursor:
                cursor.execute("START TRANSACTION" if writes else "START TRANSACTION READ ONLY")
                try:
                    cursor.execute(message.sql, message.values)
                    names = tuple(str(item[0]) for item in cursor.description or ())
                    return Rows(names, list(cursor.fetchall()))
                finally:
                    if self._raw.open:
                        cursor.execute("COMMIT")
        except (pymysql.MySQLError, OSError) as error:
            raise error_of(error, self.node.name, message.told, without_data) from error
