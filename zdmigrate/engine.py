"""The app's side of a switchover: a SQLAlchemy engine that follows the primary.

    engine = follow_primary(["mysql+pymysql://app:…@db1/shop", "mysql+pymysql://app:…@db2/shop"], budget=10)

    with engine.retrying() as attempt:
        order = attempt(place_order, form)          # place_order(connection, form), one transaction

    Session = sessionmaker(engine)

    @engine.retried(Session)
    def place_order(session, form): ...

Nobody has to tell it where the primary is: connections are opened to the node that says it is writable, waiting within
the budget while none does, and pooled ones that lead elsewhere are dropped. Docs: docs/clients.md.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.engine.base import OptionEngine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool

from zdmigrate.engine_errors import (
    CommitUnknownError,
    NoPrimaryError,
    TwoPrimariesError,
    is_ended,
    is_read_only,
    is_suspicious,
)
from zdmigrate.engine_hold import PLACE, Hold, Member, PrimaryConnection
from zdmigrate.engine_nodes import Place, PrimaryFinder, Target, bounded
from zdmigrate.engine_retry import Committed, Retrying
from zdmigrate.errors import UsageError

__all__ = ["CommitUnknownError", "NoPrimaryError", "PrimaryEngine", "TwoPrimariesError", "follow_primary"]

#: Seconds to open a connection, unless the URL or connect_args say otherwise.
_CONNECT_SECONDS = 3
#: Seconds for each answer to a question who is primary.
_PROBE_SECONDS = 2
#: What drivers call the time to connect, and which of them bound answers by `read_timeout` and `write_timeout`.
_CONNECT_TIMEOUT = {"pymysql": "connect_timeout", "mysqldb": "connect_timeout", "mysqlconnector": "connection_timeout"}
_BOUNDS_ANSWERS = ("pymysql", "mysqldb")

Result = TypeVar("Result")
Work = Callable[..., Result]


class PrimaryEngine(Engine):
    """An engine whose connections lead to the writable node. Made by `follow_primary`."""

    _finder: PrimaryFinder
    _budget: float
    _hold: Hold | None = None
    _connection_cls = PrimaryConnection

    def raw_connection(self, *args: Any, **options: Any) -> Any:
        """See `Engine.raw_connection`. Ends within the budget, plus the pool's own time-out when it is exhausted, plus
        the budget once more where the fleet holds.

        Raises:
            NoPrimaryError: no node was writable within the budget.
            TwoPrimariesError: more than one node is writable.
        """
        if self._hold is not None:
            self._hold.wait()
        with bounded(self._budget):
            return super().raw_connection(*args, **options)

    def join_fleet(self, member: Member) -> None:
        """Let this process's member of the fleet delay transactions during a switchover: `[traffic] kind = "fleet"`.

        The same as `follow_primary(…, fleet=member)`, for an engine that is made before its member. Before the first
        connection is opened, and before a server forks its workers.

        Raises:
            UsageError: it has joined already.
        """
        if self._hold is not None:
            raise UsageError("this engine has joined a fleet already")
        self._hold = Hold(self, self._finder, member, self._budget)

    def retrying(
        self,
        session: Callable[[], Any] | None = None,
        *,
        budget: float | None = None,
        committed: Committed | None = None,
        idempotent: bool = False,
    ) -> Retrying:
        """Transactions that are repeated as a whole when the primary moved while they ran.

            with engine.retrying() as attempt:
                order = attempt(place_order, form)

        `attempt(work, …)` calls `work(connection, …)`, or `work(session, …)`, in a transaction, commits, and returns
        what it returned. It begins again only when the server certainly kept nothing: it was read-only, or went away
        before COMMIT was sent. So `work` must not act outside the database, or must bear to do so twice. Every other
        error is raised as it is. Work that commits by itself is not repeated.

        Args:
            session: a sessionmaker bound to this engine; without it, `work` gets a Connection.
            budget: seconds for everything inside, searching and repeating included (default: the engine's).
            committed: when the answer to COMMIT was lost, `committed(connection, …)` is asked, on a new connection and
                with the arguments of `work`, whether the transaction took effect.
            idempotent: doing it twice does no harm, so repeat when the answer to COMMIT was lost.

        Raises (from attempt):
            UsageError: the engine commits every statement.
            CommitUnknownError: the answer to COMMIT was lost, and neither `committed` nor `idempotent` was given.
            NoPrimaryError: the budget is over.
        """
        return Retrying(self, session, self._budget if budget is None else budget, committed, idempotent, self._where)

    def retried(
        self,
        session: Callable[[], Any] | None = None,
        *,
        budget: float | None = None,
        committed: Committed | None = None,
        idempotent: bool = False,
    ) -> Callable[[Work[Result]], Work[Result]]:
        """The same as a decorator: each call of the function is one transaction with a budget of its own.

        The function is given the connection, or the session, before its other arguments.
        """
        return self.retrying(session, budget=budget, committed=committed, idempotent=idempotent).each_call

    def _where(self, connection: Connection) -> Place | None:
        """Where a connection of ours leads."""
        found = connection.connection.info.get(PLACE)
        return found if isinstance(found, Place) else None


class _WithOptions:
    """What `execution_options` makes of a `PrimaryEngine`: the same pool, and whatever its parent knows."""

    _proxied: PrimaryEngine

    @property
    def _finder(self) -> PrimaryFinder:
        return self._proxied._finder

    @property
    def _budget(self) -> float:
        return self._proxied._budget

    @property
    def _hold(self) -> Hold | None:
        return self._proxied._hold

    def join_fleet(self, member: Member) -> None:
        """See `PrimaryEngine.join_fleet`."""
        self._proxied.join_fleet(member)


PrimaryEngine._option_cls = type("PrimaryOptionEngine", (_WithOptions, OptionEngine, PrimaryEngine), {})


def _primary(kind: Any) -> type[PrimaryEngine]:
    """A `PrimaryEngine` of the kind that SQLAlchemy made: 1.4 has a second one, with `future=True`."""
    if kind is Engine:
        return PrimaryEngine
    made: Any = type("PrimaryEngine", (PrimaryEngine, kind), {})
    if kind._connection_cls is not Connection:
        made._connection_cls = type("PrimaryConnection", (PrimaryConnection, kind._connection_cls), {})
    made._option_cls = type("PrimaryOptionEngine", (_WithOptions, kind._option_cls, made), {})
    return made  # type: ignore[no-any-return]


def follow_primary(
    urls: Sequence[str | URL],
    *,
    budget: float = 10.0,
    check_every: float = 0.5,
    fleet: Member | None = None,
    **options: Any,
) -> PrimaryEngine:
    """An engine over several nodes of which one is writable.

    Args:
        urls: the nodes, one URL each; same driver, same database.
        budget: seconds that opening a connection may take altogether while no node is writable.
        check_every: a pooled connection is asked on checkout whether its node is writable still (one short query),
            when that was last known so many seconds ago. 0 asks at every checkout: for accounts that may write to a
            read-only server, which should not be an app's.
        fleet: this process's `zdsession.fleet.FleetMember`: a switchover may then ask it to delay transactions for a
            moment (within the budget, and its lease), so that none is aborted; see docs/clients.md.
        options: of `sqlalchemy.create_engine`, `creator` excepted.

    Raises:
        UsageError: no URL, URLs of different drivers or databases, or an option that contradicts them.
    """
    parsed = [make_url(url) for url in urls]
    _same_kind(parsed)
    if "creator" in options:
        raise UsageError("follow_primary() opens connections itself; leave `creator` out")
    if budget <= 0:
        raise UsageError(f"budget = {budget!r}: write the seconds a connection may take while the primary moves")
    driver = parsed[0].get_driver_name()
    given = dict(options.pop("connect_args", {}))
    timeout = _CONNECT_TIMEOUT.get(driver)
    if timeout and timeout not in parsed[0].query:
        given.setdefault(timeout, max(1, min(_CONNECT_SECONDS, int(budget))))
    options.setdefault("pool_timeout", budget)
    if "poolclass" in options or "pool" in options:
        options.pop("pool_timeout")
    engine = create_engine(parsed[0], connect_args=given, **options)
    # The pool, the dialect and the listeners already refer to this object, so it becomes ours in place.
    engine.__class__ = _primary(type(engine))
    assert isinstance(engine, PrimaryEngine)
    engine._finder = PrimaryFinder(_targets(engine, parsed), budget)
    engine._budget = budget
    _listen(engine, check_every, driver)
    if fleet is not None:
        engine.join_fleet(fleet)
    with _forking:
        _engines.add(engine)
    return engine


def _same_kind(urls: Sequence[URL]) -> None:
    if not urls:
        raise UsageError("follow_primary() needs the URL of every node")
    for url in urls:
        if url.get_backend_name() not in ("mysql", "mariadb"):
            raise UsageError(f"{url.render_as_string(hide_password=True)} is neither MySQL nor MariaDB")
        if (url.drivername, url.database) != (urls[0].drivername, urls[0].database):
            raise UsageError(
                f"{url.render_as_string(hide_password=True)} and {urls[0].render_as_string(hide_password=True)} differ "
                "in driver or database; the nodes of one primary have the same"
            )


def _targets(engine: Engine, urls: Sequence[URL]) -> list[Target]:
    arguments = [engine.dialect.create_connect_args(url)[1] for url in urls]
    targets = []
    for url, own in zip(urls, arguments, strict=True):
        port = f":{url.port}" if url.port else ""
        targets.append(Target(f"{url.host or 'localhost'}{port}", dict(own)))
    if len({target.name for target in targets}) < len(targets):
        raise UsageError("two of the URLs name the same node")
    return targets


def _listen(engine: PrimaryEngine, check_every: float, driver: str) -> None:
    finder = engine._finder

    @event.listens_for(engine, "do_connect")
    def do_connect(dialect: Any, record: Any, cargs: Any, cparams: dict[str, Any]) -> Any:
        first = finder.first.arguments

        def connect(target: Target, **more: Any) -> Any:
            # Whatever stands in for the first node's own arguments (connect_args, other listeners) stays.
            own = {name: value for name, value in target.arguments.items() if first.get(name) != value}
            return dialect.connect(*cargs, **{**cparams, **own, **more})

        def probe(target: Target) -> Any:
            bounds = {"read_timeout": _PROBE_SECONDS, "write_timeout": _PROBE_SECONDS}
            return connect(target, **(bounds if driver in _BOUNDS_ANSWERS else {}))

        connection, place = finder.connect(connect, probe)
        record.info[PLACE] = place
        return connection

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, record: Any, proxy: Any) -> None:
        try:
            if finder.is_current(record.info[PLACE], connection, check_every):
                return
        except Exception as error:  # of whatever driver: this connection is of no use
            raise DisconnectionError(str(error)) from error
        raise DisconnectionError("this connection leads to a node that is not the primary any more")

    @event.listens_for(engine, "handle_error")
    def handle_error(context: Any) -> None:
        error = context.original_exception
        place = engine._where(context.connection) if _has_connection(context) else None
        if is_read_only(error):
            context.is_disconnect = True
            if place is not None:
                finder.moved(place)
        elif is_ended(error):
            context.is_disconnect = True
        elif is_suspicious(error) and place is not None:
            place.checked = float("-inf")  # asked at the next checkout


def _has_connection(context: Any) -> bool:
    connection = context.connection
    return connection is not None and not connection.closed and not connection.invalidated


_engines: weakref.WeakSet[PrimaryEngine] = weakref.WeakSet()
_forking = threading.Lock()
#: Pools whose sockets belong to our parent process: a driver may say goodbye on them when they are collected.
_of_parent: list[Pool] = []


def _after_fork() -> None:
    """In a child: forget the parent's connections without touching them."""
    global _forking
    _forking = threading.Lock()
    for engine in list(_engines):
        _of_parent.append(engine.pool)
        engine._finder.after_fork()
        if engine._hold is not None:
            engine._hold.after_fork()
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
