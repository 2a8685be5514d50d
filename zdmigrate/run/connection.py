"""A connection to one node of the topology: bounded, its errors told apart into "refused" and "unknown"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from zdmigrate.run.errors import LostError, ServerError
from zdmigrate.run.topology import Node

#: Seconds to wait for a server to accept a connection.
CONNECT_SECONDS = 3.0
#: Seconds to wait for the answer to a statement, unless the connection was opened for longer ones.
ANSWER_SECONDS = 10.0

#: The client's own error numbers: the server did not answer, so what it did is unknown.
_LOST = frozenset({0, 2002, 2003, 2006, 2013, 2014, 2055, 4031, 1053, 1927})

_NO_THREAD = 1094

#: With the connection's number, the named lock by which runs know each other's connections.
OURS = "zdmigrate.tool."

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A statement that was sent to change something.

    Attributes:
        values: what was bound in place of %s; empty when a password was among it.
        began, seconds: by `time.monotonic`.
        error: what came instead of an answer, "" when it was carried out.
    """

    node: str
    sql: str
    values: tuple[Any, ...]
    began: float
    seconds: float
    error: str


_witnesses: list[Callable[[Sent], None]] = []


@contextmanager
def witnessed(witness: Callable[[Sent], None]) -> Iterator[None]:
    """Tell `witness` of every statement that `Connection.run` sends meanwhile, from whatever thread."""
    _witnesses.append(witness)
    try:
        yield
    finally:
        _witnesses.remove(witness)


class Connection:
    """One connection of the tool, autocommit. Not for use by two threads at once."""

    def __init__(
        self, node: Node, *, answer_seconds: float = ANSWER_SECONDS, database: str | None = None, client_flag: int = 0
    ) -> None:
        """Connect; `client_flag` are bits of `pymysql.constants.CLIENT`.

        Raises:
            LostError: when the node does not answer.
            ServerError: when it refuses the account.
        """
        self.node = node
        url = node.url
        options: dict[str, Any] = {"read_default_file": str(node.option_file)} if node.option_file else {}
        if url.query.get("unix_socket"):
            options["unix_socket"] = url.query["unix_socket"]
        if url.query.get("ssl_ca"):
            options["ssl"] = {"ca": url.query["ssl_ca"]}
        if url.username is not None:
            options["user"] = url.username
        if url.password is not None:
            options["password"] = str(url.password)
        try:
            self._raw: pymysql.connections.Connection[DictCursor] = pymysql.connect(
                host=url.host or "localhost",
                port=url.port or 3306,
                database=database if database is not None else None,
                charset="utf8mb4",
                autocommit=True,
                cursorclass=DictCursor,
                connect_timeout=CONNECT_SECONDS,
                read_timeout=CONNECT_SECONDS,  # one that accepts and says nothing is as far away
                write_timeout=CONNECT_SECONDS,
                client_flag=client_flag,
                **options,
            )
        except (pymysql.MySQLError, OSError) as error:
            raise error_of(error, node.name, "CONNECT") from error
        try:
            self.value("SELECT GET_LOCK(CONCAT(%s, CONNECTION_ID()), 0)", (OURS,))
        except BaseException:
            self.close()
            raise
        self.answer_within(answer_seconds)

    def answer_within(self, seconds: float) -> None:
        """From now on wait at most so long for the answer to a statement; what takes longer is a LostError."""
        self._raw._read_timeout = seconds  # type: ignore[attr-defined]  # PyMySQL has no public way to change it
        self._raw._write_timeout = seconds  # type: ignore[attr-defined]

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement, by column name. `args` are bound in place of %s.

        Raises:
            ServerError: the server refused.
            LostError: nobody knows.
        """
        try:
            with self._raw.cursor() as cursor:
                cursor.execute(sql, tuple(args) if args else None)
                return list(cursor.fetchall())
        except (pymysql.MySQLError, OSError) as error:
            raise error_of(error, self.node.name, sql) from error

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None when there is no row."""
        found = self.rows(sql, args)
        return next(iter(found[0].values())) if found else None

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""
        values = () if "PASSWORD" in sql.upper() else tuple(args)
        with self._telling(sql, values), self._raw.cursor() as cursor:
            return int(cursor.execute(sql, tuple(args) if args else None))

    @contextmanager
    def _telling(
        self, sql: str, values: tuple[Any, ...] = (), words: Callable[[str], str] = lambda message: message
    ) -> Iterator[None]:
        """Tell the witnesses of a statement that is sent inside; `words` is what to say of a server's message."""
        began, problem = time.monotonic(), "it was interrupted"
        try:
            yield
            problem = ""
        except (pymysql.MySQLError, OSError) as error:
            told = error_of(error, self.node.name, sql, words)
            problem = str(told)
            raise told from error
        finally:
            if _witnesses:
                sent = Sent(self.node.name, sql, values, began, time.monotonic() - began, problem)
                for witness in tuple(_witnesses):
                    witness(sent)

    def kill(self, number: int) -> None:
        """End another connection of the server; one that ended by itself is fine."""
        try:
            self.run(f"KILL {number}")
        except ServerError as error:
            if error.errno != _NO_THREAD:
                raise

    @property
    def id(self) -> int:
        """The server's number for this connection."""
        return int(self._raw.thread_id())  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close it, whatever state it is in."""
        with suppress(pymysql.MySQLError):  # it is closed already
            self._raw.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def error_of(
    error: Exception, node: str, sql: str, words: Callable[[str], str] = lambda message: message
) -> ServerError | LostError:
    """What an exception of the driver means here; `words` is what to say of a server's message."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    message = words(str(error.args[-1])) if error.args else type(error).__name__
    shown = _shown(sql)
    if number in _LOST or isinstance(error, OSError | pymysql.InterfaceError):
        return LostError(node, message, shown)
    return ServerError(node, number, message, shown)


def _shown(sql: str) -> str:
    """The statement for people: arguments are bound apart, so no password is in it."""
    text = " ".join(sql.split())
    return text if len(text) <= 120 else text[:117] + "..."


def quoted(name: str) -> str:
    """An identifier between backticks."""
    return "`" + name.replace("`", "``") + "`"
