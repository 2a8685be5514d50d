"""The connections of one process to one SQL server.

SQLAlchemy opens them and knows each driver. A request uses the driver's own connection, as SQLAlchemy's part of a
small statement takes as long as the server's; rarer work gets a connection of SQLAlchemy's from the same few.

Connections are in autocommit and SQLAlchemy's ROLLBACK on return is off, so that a SELECT is one question to the
server and not two (needs SQLAlchemy 2.0.43; older ones send a ROLLBACK or COMMIT more here and there, and everything
else works).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionError

from zdsession.stores.connections import Connections

_RECYCLE_SECONDS = 300
_SQLA = tuple(int(part) for part in sa.__version__.split(".")[:3] if part.isdigit())


@dataclass(frozen=True, slots=True)
class Held:
    """A connection: SQLAlchemy's hold on it and the driver's own, since when (monotonic), and of which era."""

    pooled: sa.PoolProxiedConnection
    raw: Any
    since: float
    era: int


class SqlConnections:
    """At most ``most`` connections to ``url``, opened when needed. Not to be used after a fork.

    Args:
        url: SQLAlchemy's.
        budget: seconds that whoever sets no deadline has to connect.
        most: how many connections.
    """

    def __init__(self, url: URL, *, budget: float, most: int) -> None:
        self._budget = budget
        self._pymysql = url.drivername.endswith("pymysql")
        self._connecting = threading.local()
        self._held: Connections[Held] = Connections(most)
        #: One more each time that all connections were given up: those in use then are not used again.
        self._era = 0
        self.engine = self._new_engine(url, most)
        #: The root of the driver's errors, and of those that mean a duplicate key.
        self.errors: type[Exception] = self.engine.dialect.dbapi.Error  # type: ignore[union-attr]
        self.integrity_errors: type[Exception] = self.engine.dialect.dbapi.IntegrityError  # type: ignore[union-attr]

    def take(self, deadline: float) -> Held:
        """A connection that keeps to a deadline. Give it back with :meth:`put` or :meth:`lose`.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: none can be had.
        """
        held = self._place(deadline)
        now = time.monotonic()
        if held is not None and (now - held.since > _RECYCLE_SECONDS or held.era != self._era):
            held.pooled.invalidate()
            held = None
        if held is None:
            held = self._open(deadline, now)
        if self._pymysql:
            # It takes its timeouts when it connects; the budget is for this operation. Rounded, so that the same one
            # comes again and costs no system call.
            held.raw._read_timeout = held.raw._write_timeout = max(0.01, math.ceil((deadline - now) * 100) / 100)
        return held

    def put(self, held: Held) -> None:
        """Give back a connection that is good for another use."""
        if held.era == self._era:
            self._held.put(held)
        else:
            self.lose(held)

    def lose(self, held: Held) -> None:
        """Give up a connection."""
        try:
            held.pooled.invalidate()
        finally:
            self._held.lose()

    def connect(self, deadline: float) -> sa.Connection:
        """A connection of SQLAlchemy's, in place of one of ours. Close it, and then :meth:`leave`.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: none can be had.
        """
        held = self._place(deadline)
        try:
            if held is not None:
                held.pooled.close()  # the pool hands it out again
            self._connecting.deadline = deadline
            connection = self.engine.connect()
            if self._pymysql:
                raw: Any = connection.connection.dbapi_connection
                raw._read_timeout = raw._write_timeout = self._left()
        except BaseException:
            self._held.lose()
            raise
        return connection

    def leave(self) -> None:
        """Say that a connection of SQLAlchemy's was closed."""
        self._held.lose()

    @contextmanager
    def patient(self, deadline: float) -> Iterator[sa.Connection]:
        """A connection of SQLAlchemy's that is there by a deadline, and then waits for answers without one.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: none can be had.
        """
        connection = self.connect(deadline)
        try:
            if self._pymysql:
                raw: Any = connection.connection.dbapi_connection
                raw._read_timeout = raw._write_timeout = None
            yield connection
        finally:
            connection.close()
            self.leave()

    def close_all(self) -> None:
        """Close the connections nobody is using, and the others when they are given back."""
        self._era += 1
        for held in self._held.take_idle():
            held.pooled.close()
        self.engine.dispose()

    def _place(self, deadline: float) -> Held | None:
        try:
            return self._held.take(deadline)
        except TimeoutError as error:
            raise NoConnectionError(str(error)) from error

    def _open(self, deadline: float, now: float) -> Held:
        era = self._era
        try:
            self._connecting.deadline = deadline
            try:
                pooled = self.engine.raw_connection()
            except self.errors as error:
                raise DBAPIError("connect", None, error) from error
        except BaseException:
            self._held.lose()
            raise
        return Held(pooled, pooled.dbapi_connection, now, era)

    def _left(self) -> float:
        """Seconds, for whoever is connecting in this thread."""
        deadline: float = getattr(self._connecting, "deadline", time.monotonic() + self._budget)
        return max(0.01, deadline - time.monotonic())

    def _new_engine(self, url: URL, most: int) -> sa.Engine:
        options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
        if url.drivername == "sqlite":
            options["connect_args"] = {"check_same_thread": False}  # each is handed to one thread at a time
        if _SQLA >= (2, 0, 43):
            options["skip_autocommit_rollback"] = True
        engine = sa.create_engine(
            url,
            poolclass=sa.pool.QueuePool,
            pool_size=most,
            max_overflow=1,  # for whoever makes the table: the others may all be held
            pool_timeout=self._budget,
            pool_recycle=_RECYCLE_SECONDS,
            pool_use_lifo=True,
            hide_parameters=True,
            **options,
        )
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
