"""Repeats a transaction as a whole, and only when the server certainly kept nothing of it."""

from __future__ import annotations

import functools
import select
import selectors
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import event, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from zdmigrate.engine_errors import CommitUnknownError, NoPrimaryError, is_in_the_way, is_read_only, text_of
from zdmigrate.engine_nodes import Place, bounded
from zdmigrate.errors import UsageError

Result = TypeVar("Result")
Committed = Callable[..., bool]
Where = Callable[[Connection], Place | None]

#: Seconds between a transaction that failed and its repetition, doubled each time up to the last.
_PAUSE, _LONGEST_PAUSE = 0.01, 0.2
#: Seconds for the end of a server session whose COMMIT was not answered.
_SETTLE_SECONDS = 5.0


class _NotCommittedError(Exception):
    """Nothing of the transaction took effect; it may begin again. The cause says why it ended."""


class _Unit:
    """One transaction: its connection, and the session around it if there is one.

    Attributes:
        given: what the work is given.
        commits: how many times COMMIT was about to be sent, by us or by the work itself.
    """

    def __init__(self, engine: Engine, session: Callable[[], Any] | None, where: Where) -> None:
        self.commits = 0
        opened: Any = engine.connect() if session is None else session()
        self.given = opened
        try:
            if session is None:
                self.connection: Connection = opened
                self._commit: Callable[[], Any] = opened.begin().commit
            else:
                self.connection = opened.connection(bind_arguments={"bind": engine})
                self._commit = opened.commit
            if _commits_each_statement(self.connection):
                raise UsageError(
                    "retrying() repeats transactions, and this engine commits every statement (AUTOCOMMIT)"
                )
            self.place = where(self.connection)
            self.number = _number(self.connection)
            event.listen(self.connection, "commit", self._count)
        except BaseException:
            self.close()
            raise

    def _count(self, connection: Connection) -> None:
        self.commits += 1

    def commit(self) -> None:
        """Commit.

        Raises:
            _NotCommittedError: the server had ended the connection before; COMMIT was not sent.
            DBAPIError: see `commits` for whether COMMIT was sent.
        """
        if _ended_by_server(self.connection):
            raise _NotCommittedError from None
        self._commit()

    def close(self) -> None:
        """Roll back what is open; the connection goes back to its pool."""
        with suppress(Exception):  # it is lost, or the error that counts is on its way
            self.given.close()


class Retrying:
    """Runs functions, each in a transaction of its own, within one budget. Made by `PrimaryEngine.retrying`."""

    def __init__(
        self,
        engine: Engine,
        session: Callable[[], Any] | None,
        budget: float,
        committed: Committed | None,
        idempotent: bool,
        where: Where,
    ) -> None:
        self._engine = engine
        self._session = session
        self._budget = budget
        self._committed = committed
        self._idempotent = idempotent
        self._where = where
        self._end: float | None = None

    def __enter__(self) -> Retrying:
        self._end = time.monotonic() + self._budget
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end = None

    def each_call(self, work: Callable[..., Result]) -> Callable[..., Result]:
        """`work` as a function that runs in a transaction of its own and repeats it; see `PrimaryEngine.retried`."""

        @functools.wraps(work)
        def call(*args: Any, **options: Any) -> Result:
            return self._run(time.monotonic() + self._budget, work, args, options)

        return call

    def __call__(self, work: Callable[..., Result], *args: Any, **options: Any) -> Result:
        """Run `work` in a transaction, again if need be, and return what it returned when it was committed.

        Raises:
            NoPrimaryError: the budget is over; nothing of the last try took effect.
            CommitUnknownError: nobody knows whether it took effect.
            Exception: whatever else `work` or the database raised, once.
        """
        if self._end is None:
            raise RuntimeError("write `with engine.retrying() as attempt:`, so that the time is counted from there")
        return self._run(self._end, work, args, options)

    def _run(self, end: float, work: Callable[..., Result], args: Sequence[Any], options: Mapping[str, Any]) -> Result:
        pause = _PAUSE
        with bounded(end - time.monotonic()):
            while True:
                try:
                    return self._once(work, args, options)
                except _NotCommittedError as again:
                    problem = again.__cause__
                if time.monotonic() + pause > end:
                    why = text_of(_original(problem)) if problem is not None else "the server ended the connection"
                    raise NoPrimaryError(self._budget, [f"the last try ended with: {why}"]) from problem
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _once(self, work: Callable[..., Result], args: Sequence[Any], options: Mapping[str, Any]) -> Result:
        unit = self._open()
        try:
            try:
                result = work(unit.given, *args, **options)
            except Exception as error:
                if unit.commits == 0 and _may_begin_again(error, unit.connection):
                    raise _NotCommittedError from error
                raise
            try:
                unit.commit()
            except DBAPIError as error:
                if is_in_the_way(error.orig) and unit.commits <= 1:
                    raise _NotCommittedError from error
                if not error.connection_invalidated:
                    raise
                if unit.commits == 0 or (unit.commits == 1 and is_read_only(error.orig)):
                    raise _NotCommittedError from error
                self._in_doubt(unit, error, args, options)
            return result
        finally:
            unit.close()

    def _open(self) -> _Unit:
        try:
            return _Unit(self._engine, self._session, self._where)
        except DBAPIError as error:
            if error.connection_invalidated:
                raise _NotCommittedError from error
            raise

    def _in_doubt(self, unit: _Unit, error: DBAPIError, args: Sequence[Any], options: Mapping[str, Any]) -> None:
        """The answer to COMMIT was lost. Returns when it took effect.

        Raises:
            _NotCommittedError: it did not, or repeating does no harm.
            CommitUnknownError: nobody knows.
        """
        name = unit.place.target.name if unit.place is not None else "the database"
        unit.close()
        if self._idempotent:
            raise _NotCommittedError from error
        if self._committed is None:
            raise CommitUnknownError(name) from error
        try:
            with self._engine.connect() as connection:
                now = self._where(connection)
                moved = now is not None and unit.place is not None and now.target != unit.place.target
                if not moved and not _is_over(connection, unit.number):
                    raise CommitUnknownError(name) from error
            look = self._open()
        except (_NotCommittedError, SQLAlchemyError) as problem:
            raise CommitUnknownError(name) from problem
        try:
            if not self._committed(look.given, *args, **options):
                raise _NotCommittedError from error
        except DBAPIError as problem:
            raise CommitUnknownError(name) from problem
        finally:
            look.close()


def _may_begin_again(error: BaseException, connection: Connection) -> bool:
    """Whether work failed because its connection is of no use, or in the way of others, however it dressed that up."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DBAPIError) and (cause.connection_invalidated or is_in_the_way(cause.orig)):
            return True
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, SQLAlchemyError) and not connection.closed and connection.invalidated


def _original(error: BaseException) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def _commits_each_statement(connection: Connection) -> bool:
    """What the driver was last told by the server, without asking."""
    known = getattr(_driver(connection), "get_autocommit", None)
    return callable(known) and bool(known())


def _number(connection: Connection) -> int:
    """The server's number of this connection; drivers know it without asking."""
    known = getattr(_driver(connection), "thread_id", None)
    if callable(known):
        return int(known())
    return int(connection.execute(text("SELECT CONNECTION_ID()")).scalar() or 0)


def _ended_by_server(connection: Connection) -> bool:
    """Whether the server has closed the connection although nothing was asked.

    A look at the socket, without a question: it tells a COMMIT that was never sent from one whose answer was lost.
    """
    if connection.closed or connection.invalidated:
        return False
    socket = getattr(_driver(connection), "_sock", None)
    if socket is None:
        return False
    try:
        if hasattr(select, "POLLRDHUP"):
            poll = select.poll()
            poll.register(socket, select.POLLRDHUP)
            return bool(poll.poll(0))
        if isinstance(socket, ssl.SSLSocket):  # TLS sends records of its own accord
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(socket, selectors.EVENT_READ)
            return bool(selector.select(0))
    except (OSError, ValueError):  # closed on our side
        return True


def _is_over(connection: Connection, number: int) -> bool:
    """Wait for the end of another session of this account: a COMMIT in it may still be waiting for its turn."""
    end = time.monotonic() + _SETTLE_SECONDS
    query = text("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = :number")
    while connection.execute(query, {"number": number}).scalar():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
