"""`zdmigrate apply`: plan against the live schema, admit, ask, carry out, journal; and go on where a run stopped.

What a rerun goes on with is what the stopped run was admitted to do, kept in its journal: the schema it began with,
and a hash of every statement. How far it came is decided by the version table, then by looking at the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run import replica_first, runs
from zdmigrate.run.carry_out import Run
from zdmigrate.run.context import RunContext
from zdmigrate.run.errors import LostError, RefusedError, ServerError
from zdmigrate.run.journal import Entry, Journal, unfinished
from zdmigrate.run.lock import RunLock
from zdmigrate.run.order import KIND, Order, Outcome, Prepared
from zdmigrate.run.prepare import check_helpers, prepare, serving_primary
from zdmigrate.run.replica_work import KIND as GROUP
from zdmigrate.run.servers import Servers
from zdmigrate.run.steps import Listener, signals_later

Confirm = Callable[[Prepared], bool]


def apply(
    order: Order,
    confirm: Confirm,
    *,
    listener: Listener = lambda timing: None,
    at: Callable[[str], None] = lambda point: None,
    began: Callable[[str, bool], None] = lambda run, continued: None,
    progress: Callable[[str], None] = lambda text: None,
    finish: Callable[[Entry], bool] = lambda entry: True,
) -> Outcome | None:
    """Carry out what is ordered, or go on with the run that stopped; None when `confirm` said no.

    Args:
        confirm: shown what would run; False ends it before anything changed.
        at: told of every point between two writes (`begun:ID`, `sent:ID`, `done:ID`, `version:REV`), for tests; in a
            replica-first group of every step (`step:NAME`) before it begins.
        began: told of the run's id, and whether it goes on with a run that stopped, before anything is written; once
            more after a group in which it had stopped was brought to its end.
        progress: told in words what goes on, about twice a second, where that takes long.
        finish: asked whether a replica-first group in which an `apply` stopped is to be brought to its end first.

    Raises:
        UsageError: the order cannot be used as it is.
        RefusedError: nothing was changed.
        AbortedError: it ended between two revisions; what it says is applied, is applied.
        NeedsPersonError: it stopped inside a revision; says how to go on.
    """
    with _locked(order) as (lock, servers):
        if not _finish_group(order, lock, servers, listener, finish, began):
            return None
        node, database = serving_primary(order, servers)
        connection, _ = servers.at(node)
        prepared = prepare(order, node, database, connection)
        journal = Journal(connection, KIND)
        if prepared.entry is not None:
            journal.id = prepared.entry.id
        context = RunContext(order.topology, servers, lock, journal, order.policy, listener, database)
        prepared = _admitted(context, prepared)
        if not confirm(prepared):
            return None
        left = tuple(item.revision for item in prepared.selection.left)
        if not prepared.selection.revisions:
            return Outcome("", (), left)
        with signals_later() as stop_if_asked:
            began(journal.id, prepared.entry is not None)
            return Run(prepared, context, at, stop_if_asked, progress).run()


def _admitted(context: RunContext, prepared: Prepared) -> Prepared:
    """What may run, with what to know before it does.

    Raises:
        RefusedError: with every reason, those of the judgement and those of the servers together.
    """
    reasons, notes = list(prepared.selection.reasons), prepared.notes
    if prepared.entry is None:
        try:
            notes = check_helpers(context, prepared)
        except RefusedError as error:
            reasons += error.reasons
    if reasons:
        raise RefusedError(reasons)
    return replace(prepared, notes=notes)


@contextmanager
def _locked(order: Order) -> Iterator[tuple[RunLock, Servers]]:
    try:
        lock = RunLock(order.topology.nodes)
    except RefusedError as error:
        raise _named(order, error) from error
    except (LostError, ServerError) as error:
        raise RefusedError([f"{error}; every node has to answer"]) from error
    try:
        with Servers(order.topology) as servers:
            yield lock, servers
    finally:
        lock.release()


def _named(order: Order, error: RefusedError) -> RefusedError:
    """The refusal by another run, with the owner its journal names."""
    with suppress(ZdmigrateError), Servers(order.topology) as servers:
        found = unfinished([servers.at(node)[0] for node in order.topology.nodes])
        if found is not None:
            return RefusedError([f"{error.reasons[0]} ({found.kind} {found.id} of {found.owner})"])
    return error


def _finish_group(
    order: Order,
    lock: RunLock,
    servers: Servers,
    listener: Listener,
    finish: Callable[[Entry], bool],
    began: Callable[[str, bool], None],
) -> bool:
    """Bring a replica-first group to its end in which an `apply` stopped; False when a person does not want to.

    Raises:
        RefusedError: a node does not answer.
        AbortedError: the group was taken back, as somebody had asked.
        NeedsPersonError: a person has to go on.
    """
    try:
        left = unfinished([servers.at(node)[0] for node in order.topology.nodes])
    except LostError as error:
        raise RefusedError([f"{error}; every node has to answer"]) from error
    except ServerError:  # an account that may not see the journal: `prepare` says which GRANT is missing
        return True
    if left is None or left.kind != GROUP or not left.intent.get("parent"):
        return True
    if not finish(left):
        return False
    began(left.intent["parent"], True)
    replica_first.resume_left(runs.Left(order.topology, servers, lock, left, order.policy, listener))
    return True
