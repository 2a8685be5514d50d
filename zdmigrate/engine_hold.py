"""Delays an engine's transactions when the fleet is asked to hold, so that a switchover aborts none.

A transaction is counted from BEGIN to the answer to COMMIT or ROLLBACK; on a connection in AUTOCOMMIT each statement is
one, unless the app began a transaction around them. A connection that an app keeps while nothing runs on it, and that
leads to the old primary, is replaced before its next transaction begins, so the app sees nothing.

Meanwhile the process looks for itself: once the candidate is writable the switch has happened, and waiting on would
only cost time. So it does not matter whether the store that holds the order can be read at that moment.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from zdmigrate.engine_nodes import Place, PrimaryFinder, Probe, Seen, time_left

if TYPE_CHECKING:
    from zdsession.fleet.hold import Gate

log = logging.getLogger("zdmigrate.engine")

#: Where a pooled connection leads, and what runs on it, in the info of its pool record.
PLACE = "zdmigrate.place"
_RUNS = "zdmigrate.transaction"
#: Seconds for which the first transaction of a process waits until it knows whether the fleet holds just now.
_FIRST_LOOK = 1.0
#: How much of the time that is left a transaction may be delayed for.
_PART = 0.8
#: What a dialect is asked to do when a transaction ends; the last two are given the Connection itself.
_ENDS = ("do_commit", "do_rollback", "do_commit_twophase", "do_rollback_twophase")


class Member(Protocol):
    """This process in the fleet; a `zdsession.fleet.FleetMember`."""

    @property
    def gate(self) -> Gate:
        """What transactions pass."""

    def start(self, *, wait: float = 0.0) -> None:
        """Begin to listen to orders."""


class _Transaction:
    """One that runs.

    Attributes:
        explicit: the app began it; else it began with a statement.
    """

    def __init__(self, explicit: bool) -> None:
        self.explicit = explicit


class Hold:
    """An engine behind the gate of a process. Made by `PrimaryEngine.join_fleet`.

    Args:
        patience: seconds a transaction is delayed for at most; after that it is let through.
    """

    def __init__(self, engine: Engine, finder: PrimaryFinder, member: Member, patience: float) -> None:
        self._finder = finder
        self._member = member
        self._gate = member.gate
        self._patience = patience
        self._over = threading.Event()
        self._listen(engine)
        self._gate.attach(self)

    def after_fork(self) -> None:
        """In a child process: who looked for the primary is not there."""
        self._over = threading.Event()

    # --- what the gate tells

    def closed(self) -> None:
        """See `zdsession.fleet.hold.Held`: begin to look where the primary goes."""
        self._over = over = threading.Event()
        probe, place = self._finder.probe, self._finder.known
        if probe is None or place is None:  # nobody has connected yet: whoever does will look
            return
        arguments = (place, probe, over)
        try:
            threading.Thread(target=self._look, args=arguments, name="zdmigrate-hold", daemon=True).start()
        except RuntimeError as error:  # no more threads: the release, or the lease, will end it
            log.warning("nobody looks where the primary goes: %s", error)

    def opening(self) -> None:
        """See `zdsession.fleet.hold.Held`: every connection is asked before it is used again."""
        self._over.set()
        self._finder.doubt()

    def _look(self, home: Place, connect: Callable[[Any], Any], over: threading.Event) -> None:
        targets = self._finder.targets
        told = threading.Condition()
        probes = [Probe(target, connect, told) for target in targets]
        for probe in probes:
            probe.start()
        frozen = False
        try:
            with told:
                while not over.is_set():
                    seen = [probe.seen for probe in probes]
                    at_home = seen[targets.index(home.target)]
                    frozen = frozen or (at_home is not None and at_home.writable is False)
                    found = serves_again(seen, targets.index(home.target), frozen=frozen)
                    if found is not None:
                        break
                    told.wait(0.1)
                else:
                    return
        finally:
            for probe in probes:
                probe.finish()
        if targets[found] != home.target:
            self._finder.moved_to(home, targets[found])
        if not over.is_set():
            self._gate.open()

    # --- transactions

    def wait(self) -> None:
        """A connection is asked for: wait while transactions are held. Before it takes a place in the pool."""
        self._member.start(wait=_FIRST_LOOK)
        self._gate.wait(self._left())

    def begin(self, connection: Connection, *, explicit: bool) -> None:
        """A transaction is about to begin, unless it has.

        Raises:
            SQLAlchemyError: the connection led elsewhere, and none to the primary could be had.
        """
        if _RUNS in connection.info:
            return
        transaction = _Transaction(explicit)
        self._gate.enter(transaction, self._left())
        try:
            if not self._is_current(connection):
                _replace(connection)
            connection.info[_RUNS] = transaction
        except BaseException:
            self._gate.leave(transaction)
            raise

    def end(self, info: dict[str, Any]) -> None:
        """What ran on a connection, if anything did, has ended."""
        transaction = info.pop(_RUNS, None)
        if transaction is not None:
            self._gate.leave(transaction)

    def end_of_statement(self, connection: Connection) -> None:
        """Where every statement commits, its end is the end of a transaction."""
        transaction = connection.info.get(_RUNS)
        if transaction is not None and not transaction.explicit and _has_committed(connection):
            self.end(connection.info)

    def _left(self) -> float:
        """Seconds to wait: of a budget for more than this, something is kept for finding the primary."""
        return min(self._patience, _PART * time_left())

    def _is_current(self, connection: Connection) -> bool:
        place, driver = connection.info.get(PLACE), connection.connection.dbapi_connection
        if place is None:  # opened by a listener of the app's
            return True
        try:
            return self._finder.is_current(place, driver, float("inf"))
        except Exception:  # of whatever driver: it is of no use
            return False

    def _listen(self, engine: Engine) -> None:
        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            if isinstance(connection, PrimaryConnection):
                self.begin(connection, explicit=True)

        @event.listens_for(engine, "before_execute")
        def before_execute(connection: Connection, *what: Any) -> None:
            if isinstance(connection, PrimaryConnection):
                self.begin(connection, explicit=False)

        @event.listens_for(engine, "after_execute")
        def after_execute(
            connection: Connection, what: Any, multi: Any, parameters: Any, options: Any, result: Any
        ) -> None:
            if isinstance(connection, PrimaryConnection) and not _is_streamed(options):
                self.end_of_statement(connection)

        @event.listens_for(engine, "handle_error")
        def handle_error(context: Any) -> None:
            connection = context.connection
            if isinstance(connection, PrimaryConnection) and not (connection.closed or connection.invalidated):
                self.end_of_statement(connection)

        def gone(connection: Any, record: Any, *error: Any) -> None:
            self.end(record.info)

        for what in ("checkin", "invalidate", "close", "detach"):
            event.listen(engine, what, gone)
        for name in _ENDS:
            setattr(engine.dialect, name, self._ending(getattr(engine.dialect, name), always="rollback" in name))

    def _ending(self, call: Callable[..., Any], *, always: bool) -> Callable[..., Any]:
        """A dialect's method, and what ran on its connection has ended with it. A COMMIT that failed has not."""

        def ended(connection: Any, *arguments: Any, **options: Any) -> None:
            done = always
            try:
                call(connection, *arguments, **options)
                done = True
            finally:
                if done:
                    self.end(_info_of(connection))

        return ended


class PrimaryConnection(Connection):
    """A connection of such an engine. SQLAlchemy tells nobody before `exec_driver_sql` has made its cursor."""

    def exec_driver_sql(self, *arguments: Any, **options: Any) -> Any:
        """See `Connection.exec_driver_sql`."""
        hold: Hold | None = getattr(self.engine, "_hold", None)
        if hold is None:
            return super().exec_driver_sql(*arguments, **options)
        hold.begin(self, explicit=False)
        result = super().exec_driver_sql(*arguments, **options)
        if not _is_streamed({**self.get_execution_options(), **(options.get("execution_options") or {})}):
            hold.end_of_statement(self)
        return result


def serves_again(seen: Sequence[Seen | None], home: int, *, frozen: bool) -> int | None:
    """Which node takes writes after a freeze, by index; None while that is not seen.

    Args:
        seen: what each node said last.
        home: which one was primary.
        frozen: whether it was seen to be read-only meanwhile; else that it is writable says nothing.
    """
    writable = [index for index, item in enumerate(seen) if item is not None and item.writable]
    if len(writable) != 1 or seen[home] is None:
        return None
    return writable[0] if writable[0] != home or frozen else None


def _replace(connection: Connection) -> None:
    """Let it lead to where the primary is now. Nothing runs on it: at most SQLAlchemy thinks that something has begun,
    which on a connection in AUTOCOMMIT is nothing to the server."""
    connection.invalidate()
    if connection.in_transaction():
        connection.rollback()
    level = connection.get_execution_options().get("isolation_level")
    if level is not None:  # it belonged to the connection that is gone
        connection.execution_options(isolation_level=level)


def _info_of(connection: Any) -> dict[str, Any]:
    """What is noted on a connection; nothing on one that SQLAlchemy makes for itself, to get to know the server."""
    try:
        info: dict[str, Any] = connection.info
    except (NotImplementedError, AttributeError):
        return {}
    return info


def _is_streamed(options: Mapping[str, Any]) -> bool:
    """Whether rows are fetched after the statement has returned; it ends when the connection is given back."""
    return bool(options.get("stream_results") or options.get("yield_per"))


def _has_committed(connection: Connection) -> bool:
    """Whether the server has nothing open on it, as the driver was last told; no, where it does not know."""
    driver: Any = connection.connection.dbapi_connection
    known = getattr(driver, "get_autocommit", None)
    if not callable(known):
        return False
    try:
        return bool(known()) and not _is_open(driver)
    except Exception:  # of whatever driver; it is lost
        return False


def _is_open(driver: Any) -> bool:
    """Whether a transaction was begun by hand: the server's own flag (SERVER_STATUS_IN_TRANS), where it is kept."""
    return bool(getattr(driver, "server_status", 0) & 1)
