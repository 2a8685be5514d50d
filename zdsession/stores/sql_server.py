"""One SQL server as a store needs it: a budget in seconds, retries on fresh connections, and no statement extra."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from zdsession.errors import StoreUnavailableError
from zdsession.stores.sql_connections import SqlConnections

T = TypeVar("T")
log = logging.getLogger("zdsession.store")

_LEAVE_SECONDS = 1.0


class Trouble(Enum):
    """What kind of error a server gave, as far as it decides what to do next."""

    #: The connection is dead, or leads to a server that no longer takes writes: try again on a fresh one.
    SERVER = auto()
    #: Another statement was in the way: try again.
    BUSY = auto()
    NO_TABLE = auto()
    OTHER = auto()


_MYSQL = {
    **dict.fromkeys((1290, 1792, 1836), Trouble.SERVER),  # read-only: demoted, or frozen for a switchover
    **dict.fromkeys((0, 2002, 2003, 2006, 2013, 2014, 2055), Trouble.SERVER),  # the client lost it
    **dict.fromkeys((1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161), Trouble.SERVER),  # going down, or full
    **dict.fromkeys((1203, 1927, 4031), Trouble.SERVER),  # the server closed it
    **dict.fromkeys((1020, 1205, 1213, 3572), Trouble.BUSY),  # locks; 1020 is MariaDB's snapshot isolation
    1146: Trouble.NO_TABLE,
}


def diagnose(error: SQLAlchemyError) -> Trouble:
    """The kind of an error, from the server's own code where there is one."""
    if not isinstance(error, DBAPIError):
        return Trouble.OTHER
    arguments = getattr(error.orig, "args", ())
    if error.connection_invalidated:
        return Trouble.SERVER
    if arguments and isinstance(arguments[0], int):
        return _MYSQL.get(arguments[0], Trouble.OTHER)
    text = str(error.orig)
    if "no such table" in text:
        return Trouble.NO_TABLE
    return Trouble.BUSY if "locked" in text or "busy" in text else Trouble.OTHER


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the driver takes it, and the names of its parameters in its order; None: it takes them by name."""

    text: str
    names: tuple[str, ...] | None

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """``values`` by name, as the driver takes them."""
        return values if self.names is None else tuple([values[name] for name in self.names])


class SqlServer:
    """Runs small pieces of work on connections of its own, a few for each process.

    Args:
        url: SQLAlchemy's.
        budget: seconds for one store operation, all tries together.
        connections: most connections of one process.
        repair: called when the table is missing, before the next try; None raises instead.
        begun: called when a process opens its first connection.
    """

    def __init__(
        self,
        url: URL,
        *,
        budget: float,
        connections: int,
        repair: Callable[[sa.Engine], None] | None,
        begun: Callable[[], None] | None = None,
    ) -> None:
        self._url = url
        self._budget = budget
        self._most = connections
        self._repair = repair
        self._begun = begun
        self._processes: dict[int, SqlConnections] = {}
        self._left_at = float("-inf")

    @property
    def engine(self) -> sa.Engine:
        """The engine of this process; a forked child gets its own and leaves its parent's alone."""
        return self._connections().engine

    def deadline(self) -> float:
        """When an operation that begins now must have ended, on the monotonic clock."""
        return time.monotonic() + self._budget

    def compile(self, statement: sa.ClauseElement, columns: Iterable[str] = ()) -> Statement:
        """The text of a statement for this kind of server, which is asked nothing.

        Args:
            statement: SQLAlchemy's.
            columns: what an INSERT or UPDATE sets, each from a parameter of its name.
        """
        compiled: Any = statement.compile(dialect=self._url.get_dialect()(), column_keys=list(columns) or None)
        names = compiled.positiontup
        return Statement(str(compiled), None if names is None else tuple(names))

    def first(self, text: str, parameters: Any, deadline: float) -> Any:
        """The first row, or None, of a SELECT, as the driver has it.

        Raises:
            StoreUnavailableError: the deadline passed, or the trouble is none that a new try can get past.
        """

        def work(cursor: Any) -> Any:
            cursor.execute(text, parameters)
            return cursor.fetchone()

        return self._ask(work, deadline)

    def execute(self, statement: Statement, values: Mapping[str, Any], deadline: float) -> int:
        """Run a statement and say how many rows it found to change.

        Raises:
            StoreUnavailableError: as :meth:`first`.
            IntegrityError: there is such a row.
        """
        parameters = statement.parameters(values)

        def work(cursor: Any) -> int:
            cursor.execute(statement.text, parameters)
            return int(cursor.rowcount)

        return self._ask(work, deadline)

    def run(self, work: Callable[[sa.Connection], T], deadline: float) -> T:
        """What ``work`` returns, on a connection of SQLAlchemy's; all of it is tried again where that may help.

        Raises:
            StoreUnavailableError: as :meth:`first`.
            IntegrityError: as the driver raised it.
        """

        def attempt(connections: SqlConnections) -> T:
            connection = connections.connect(deadline)
            try:
                return work(connection)
            except SQLAlchemyError as error:
                if diagnose(error) is Trouble.SERVER:
                    connection.invalidate()
                raise
            finally:
                connection.close()
                connections.leave()

        return self._try(attempt, deadline)

    def patient_connection(self) -> AbstractContextManager[sa.Connection]:
        """A connection of SQLAlchemy's that waits for answers as long as they take. Nothing is tried again.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the server cannot be reached.
        """
        return self._connections().patient(self.deadline())

    def close(self) -> None:
        """Close idle connections of this process."""
        connections = self._processes.pop(os.getpid(), None)
        if connections is not None:
            connections.close_all()

    def _ask(self, work: Callable[[Any], T], deadline: float) -> T:
        """What ``work`` returns, on a cursor of the driver's; tried again where that may help."""

        def attempt(connections: SqlConnections) -> T:
            held = connections.take(deadline)
            try:
                cursor = held.raw.cursor()
                try:
                    answer = work(cursor)
                finally:
                    cursor.close()
            except connections.errors as error:
                wrapped = _wrapped(error, connections)
                if diagnose(wrapped) is Trouble.SERVER:
                    connections.lose(held)
                else:
                    connections.put(held)
                raise wrapped from error
            except BaseException:  # it may be in the middle of an answer
                connections.lose(held)
                raise
            connections.put(held)
            return answer

        return self._try(attempt, deadline)

    def _try(self, attempt: Callable[[SqlConnections], T], deadline: float) -> T:
        pause = 0.005
        while True:
            connections = self._connections()
            try:
                return attempt(connections)
            except IntegrityError:
                raise
            except SQLAlchemyError as error:
                trouble = diagnose(error)
                if trouble is Trouble.SERVER:
                    self._leave(connections)
                if trouble is Trouble.OTHER or time.monotonic() + pause >= deadline:
                    raise _unavailable(error) from error
                if trouble is Trouble.NO_TABLE:
                    self._make_table(error)
                log.info("%s: trying again", _short(error))
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def _connections(self) -> SqlConnections:
        pid = os.getpid()
        connections = self._processes.get(pid)
        if connections is None:
            made = SqlConnections(self._url, budget=self._budget, most=self._most)
            connections = self._processes.setdefault(pid, made)
            if self._begun is not None:
                self._begun()
        return connections

    def _leave(self, connections: SqlConnections) -> None:
        """Give up all connections, as one is dead; not more than once a second, as many may fail."""
        now = time.monotonic()
        if now - self._left_at > _LEAVE_SECONDS:
            self._left_at = now
            connections.close_all()

    def _make_table(self, error: SQLAlchemyError) -> None:
        if self._repair is None:
            raise _unavailable(error) from error
        try:
            self._repair(self.engine)
        except SQLAlchemyError as refused:
            raise _unavailable(refused) from refused


def _wrapped(error: Exception, connections: SqlConnections) -> DBAPIError:
    """A driver's error as SQLAlchemy has it."""
    kind = IntegrityError if isinstance(error, connections.integrity_errors) else DBAPIError
    return kind("", None, error)


def _short(error: SQLAlchemyError) -> str:
    """The driver's words, without the statement."""
    return str(getattr(error, "orig", None) or error)


def _unavailable(error: SQLAlchemyError) -> StoreUnavailableError:
    return StoreUnavailableError(f"sql store: {_short(error)}")
