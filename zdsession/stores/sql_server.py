"""One SQL server as a store needs it: a budget in seconds, retries on fresh connections, and no statement extra.

Connections are in autocommit and SQLAlchemy's ROLLBACK on return is off, so that a SELECT is one question to the
server and not two (needs SQLAlchemy 2.0.43; older ones send a ROLLBACK or COMMIT more here and there, and everything
else works).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from zdsession.errors import StoreUnavailableError

T = TypeVar("T")
log = logging.getLogger("zdsession.store")

_RECYCLE_SECONDS = 300
_LEAVE_SECONDS = 1.0
_SQLA = tuple(int(part) for part in sa.__version__.split(".")[:3] if part.isdigit())


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


class SqlServer:
    """Runs small pieces of work on connections of its own, one pool for each process.

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
        self._pymysql = url.drivername.endswith("pymysql")
        self._driver_error: type[Exception] = DBAPIError  # the driver's own, once an engine has loaded it
        self._budget = budget
        self._connections = connections
        self._repair = repair
        self._begun = begun
        self._engines: dict[int, sa.Engine] = {}
        self._attempt = threading.local()
        self._left_at = float("-inf")

    @property
    def engine(self) -> sa.Engine:
        """The engine of this process; a forked child gets its own and leaves its parent's alone."""
        pid = os.getpid()
        engine = self._engines.get(pid)
        if engine is None:
            engine = self._engines.setdefault(pid, self._new_engine())
            if self._begun is not None:
                self._begun()
        return engine

    def deadline(self) -> float:
        """When an operation that begins now must have ended, on the monotonic clock."""
        return time.monotonic() + self._budget

    def run(self, work: Callable[[sa.Connection], T], deadline: float) -> T:
        """What ``work`` returns; tried again, all of it, after trouble that a new try can get past.

        Raises:
            StoreUnavailableError: the deadline passed, or the trouble is none of those.
            IntegrityError: as the driver raised it.
        """
        return self._run(self._connection, work, deadline)

    def read(self, statement: str, parameters: tuple[Any, ...], deadline: float) -> Any:
        """The first row, or None, of a SELECT in the driver's own terms: what a page waits for most often.

        SQLAlchemy's own part of it takes as long as the server's. Tried again as in :meth:`run`.
        """

        def work(connection: Any) -> Any:
            cursor = connection.dbapi_connection.cursor()
            try:
                cursor.execute(statement, parameters)
                return cursor.fetchone()
            except self._driver_error as error:
                raise DBAPIError(statement, None, error) from error
            finally:
                cursor.close()

        return self._run(self._raw_connection, work, deadline)

    def _run(self, connect: Callable[[float], Any], work: Callable[[Any], T], deadline: float) -> T:
        pause = 0.005
        while True:
            connection = None
            try:
                connection = connect(deadline)
                return work(connection)
            except IntegrityError:
                raise
            except SQLAlchemyError as error:
                trouble = diagnose(error)
                if trouble is Trouble.SERVER:
                    self._leave(connection)
                if trouble is Trouble.OTHER or time.monotonic() + pause >= deadline:
                    raise _unavailable(error) from error
                if trouble is Trouble.NO_TABLE:
                    self._make_table(error)
                log.info("%s: trying again", _short(error))
            finally:
                if connection is not None:
                    connection.close()
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def close(self) -> None:
        """Close idle connections of this process."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def _leave(self, connection: Any) -> None:
        """Give up a connection, and the idle ones with it; those not more than once a second, as many may fail."""
        if connection is not None:
            connection.invalidate()
        now = time.monotonic()
        if now - self._left_at > _LEAVE_SECONDS:
            self._left_at = now
            self.engine.dispose()

    def _make_table(self, error: SQLAlchemyError) -> None:
        if self._repair is None:
            raise _unavailable(error) from error
        try:
            self._repair(self.engine)
        except SQLAlchemyError as refused:
            raise _unavailable(refused) from refused

    def _connection(self, deadline: float) -> sa.Connection:
        self._attempt.deadline = deadline
        connection = self.engine.connect()
        self._limit(connection.connection.dbapi_connection)
        return connection

    def _raw_connection(self, deadline: float) -> sa.PoolProxiedConnection:
        self._attempt.deadline = deadline
        engine = self.engine
        try:
            connection = engine.raw_connection()
        except self._driver_error as error:
            raise DBAPIError("connect", None, error) from error
        self._limit(connection.dbapi_connection)
        return connection

    def _limit(self, raw: Any) -> None:
        """PyMySQL takes its timeouts when it connects; the budget is for this operation."""
        if self._pymysql:
            raw._read_timeout = raw._write_timeout = self._left()

    def _left(self) -> float:
        deadline: float = getattr(self._attempt, "deadline", self.deadline())
        return max(0.01, deadline - time.monotonic())

    def _new_engine(self) -> sa.Engine:
        options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
        if self._url.drivername == "sqlite":
            options["connect_args"] = {"check_same_thread": False}  # the pool hands a connection to one at a time
        if _SQLA >= (2, 0, 43):
            options["skip_autocommit_rollback"] = True
        engine = sa.create_engine(
            self._url,
            poolclass=sa.pool.QueuePool,
            pool_size=self._connections,
            max_overflow=0,
            pool_timeout=self._budget,
            pool_recycle=_RECYCLE_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,
            **options,
        )
        self._driver_error = engine.dialect.dbapi.Error  # type: ignore[union-attr]
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", self._prepare_sqlite)
        else:
            sa.event.listen(engine, "do_connect", self._limit_connect)
        return engine

    def _limit_connect(self, dialect: Any, record: Any, args: Any, params: dict[str, Any]) -> None:
        params["connect_timeout"] = params["read_timeout"] = params["write_timeout"] = self._left()

    def _prepare_sqlite(self, connection: Any, record: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout = {int(self._budget * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


def _short(error: SQLAlchemyError) -> str:
    """The driver's words, without the statement."""
    return str(getattr(error, "orig", None) or error)


def _unavailable(error: SQLAlchemyError) -> StoreUnavailableError:
    return StoreUnavailableError(f"sql store: {_short(error)}")
