"""Runs from the outside: begin a switchover, look at one, resume one. What the command line and `apply` call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import AbortedError, LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.journal import Entry, Journal, history, unfinished
from zdmigrate.run.lock import RunLock
from zdmigrate.run.policy import Policy
from zdmigrate.run.preflight import blocking, reasons_to_refuse
from zdmigrate.run.restore import Frozen, restore_writes
from zdmigrate.run.roles import Roles, find_roles
from zdmigrate.run.servers import Servers
from zdmigrate.run.state import Server, Writable
from zdmigrate.run.steps import Listener, StepRunner
from zdmigrate.run.switchover import KIND, Result, Switchover
from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.traffic import open_traffic

#: How long a resume waits for the servers to show that writes may be let on again.
RESTORE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the checks before a switchover found."""

    roles: Roles
    candidate: Server
    notes: tuple[str, ...] = ()


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a run writes on this machine (the watchdog's log): $XDG_STATE_HOME/zdmigrate."""
    root = environ.get("XDG_STATE_HOME")
    return (Path(root) if root else Path.home() / ".local" / "state") / "zdmigrate"


def preflight(topology: Topology, servers: Servers, to: Node, policy: Policy) -> Preflight:
    """Every check, changing nothing.

    Raises:
        RefusedError: with every reason.
    """
    try:
        found = servers.observe_all()
    except (LostError, ServerError) as error:
        raise RefusedError([f"{error}; every node has to answer before the primary may move"]) from error
    roles, reasons = find_roles(found)
    if roles is None:
        raise RefusedError(reasons)
    candidate = roles.replica(to.name)
    if candidate is None:
        raise RefusedError([f"{to.name} is the primary already"])
    reasons = reasons_to_refuse(roles, candidate, policy)
    reasons += _errant(topology, servers, roles)
    reasons += _account_missing(topology, servers, to)
    if policy.blockers == "abort":
        reasons += blocking(roles.primary, policy)
    if reasons:
        raise RefusedError(reasons)
    return Preflight(roles, candidate)


def _errant(topology: Topology, servers: Servers, roles: Roles) -> tuple[str, ...]:
    """Transactions that a replica has and the primary lacks, or that a future replica could not get any more."""
    connection, dialect = servers.at(topology.node(roles.primary.name))
    reasons = []
    for replica in roles.replicas:
        there, _ = servers.at(topology.node(replica.name))
        extra = dialect.errant(there, connection)
        if extra:
            reasons.append(
                f"{replica.name} has transactions that {roles.primary.name} lacks ({extra}): somebody wrote to it; "
                "compare the data, then rebuild it or replay them on the primary"
            )
        gone = dialect.purged_for(there, connection)
        if gone:
            reasons.append(f"{replica.name} has purged {gone}, which {roles.primary.name} would need to follow it")
    return tuple(reasons)


def _account_missing(topology: Topology, servers: Servers, to: Node) -> tuple[str, ...]:
    connection, _ = servers.at(to)
    user = topology.account.user
    found = connection.value("SELECT COUNT(*) FROM mysql.user WHERE User = %s AND Repl_slave_priv = 'Y'", (user,))
    if found:
        return ()
    return (f"{to.name} has no replication account {user!r}: GRANT REPLICATION SLAVE ON *.* TO {user!r}@'%'",)


def switch(
    topology: Topology,
    to: str,
    policy: Policy,
    *,
    listener: Listener = lambda timing: None,
    before: Callable[[str], None] = lambda name: None,
) -> Result:
    """Move the primary to the node called `to`.

    Raises:
        UsageError: no such node.
        RefusedError: nothing was changed.
        AbortedError: it was given up, everything is as it was.
        NeedsPersonError: a person has to go on.
    """
    node = topology.node(to)
    traffic = open_traffic(topology)
    with _locked(topology) as (lock, servers):
        left = unfinished([servers.at(item)[0] for item in topology.nodes])
        if left is not None:
            raise RefusedError([f"the {left.kind} {left.id} of {left.owner} did not end; `zdmigrate resume` it first"])
        checked = preflight(topology, servers, node, policy)
        old = topology.node(checked.roles.primary.name)
        journal = Journal(servers.at(old)[0], KIND)
        intent = {
            "old": old.name,
            "new": node.name,
            "held": False,
            "events": list(checked.roles.primary.events),
            "identities": {item.name: item.identity for item in (checked.roles.primary, *checked.roles.replicas)},
            "deadline": None,
        }
        journal.begin(intent)
        runner = StepRunner(listener=listener, before=before)
        return Switchover(
            topology, servers, lock, journal, runner, traffic, policy, old, node, intent, _log(journal.id)
        ).run()


def history_of(topology: Topology) -> list[Entry]:
    """The newest runs, newest first, as the nodes that answer have them; an ended one is ended."""
    found: dict[str, Entry] = {}
    with Servers(topology) as servers:
        for connection in _reachable(topology, servers):
            for entry in history(connection):
                if entry.id not in found or found[entry.id].state == "running":
                    found[entry.id] = entry
    return list(found.values())


def resume(
    topology: Topology, policy: Policy, *, listener: Listener = lambda timing: None
) -> tuple[Entry | None, Result | None]:
    """Bring the newest unfinished run to an end, by what the servers say: undo it before the point of no return,
    finish it after.

    Returns:
        The run that was found, and what it did; (None, None) when none was unfinished.

    Raises:
        AbortedError: it was undone.
        NeedsPersonError: a person has to go on.
    """
    with _locked(topology) as (lock, servers):
        left = unfinished(list(_reachable(topology, servers)))
        if left is None:
            return None, None
        if left.kind != KIND:
            raise ZdmigrateError(f"the run {left.id} is a {left.kind}, which this version cannot resume")
        old, new = topology.node(left.intent["old"]), topology.node(left.intent["new"])
        if (
            _writable(servers, new) is Writable.ALL
            and servers.observe(new).identity == left.intent["identities"][new.name]
        ):
            if _writable(servers, old) is Writable.ALL:
                raise NeedsPersonError(
                    f"{old.name} and {new.name} are both writable",
                    f"SET GLOBAL read_only = ON on {old.name}, then resume",
                )
            journal = Journal(servers.at(new)[0], KIND, left.id)
            journal.begin(left.intent)
            switchover = Switchover(
                topology, servers, lock, journal, StepRunner(listener=listener), open_traffic(topology), policy,
                old, new, left.intent, _log(left.id), hold_old=bool(left.intent["held"]),
            )  # fmt: skip
            return left, switchover.forward()
        _undo(topology, servers, left, old, new)
        raise AbortedError(f"the {left.kind} {left.id} was undone; {old.name} serves as before")


def _undo(topology: Topology, servers: Servers, left: Entry, old: Node, new: Node) -> None:
    text = left.intent.get("deadline")
    deadline = datetime.fromisoformat(text) if text else None
    command = f"zdmigrate resume --topology {topology.path}"
    try:
        outcome = restore_writes(Frozen(old, new, deadline), RESTORE_SECONDS)
    except ZdmigrateError as error:
        raise NeedsPersonError(f"{old.name} may be read-only still: {error}", command) from error
    if outcome == "promoted":
        raise NeedsPersonError(f"{new.name} became writable just now", command)
    open_traffic(topology).release()
    journal = Journal(servers.fresh(old)[0], left.kind, left.id)
    journal.begin(left.intent)
    journal.end("aborted")


def _reachable(topology: Topology, servers: Servers) -> Iterator[Connection]:
    for node in topology.nodes:
        try:
            yield servers.at(node)[0]
        except (LostError, ServerError):
            continue


def _writable(servers: Servers, node: Node) -> Writable | None:
    """Who may write there; None when it does not answer."""
    try:
        connection, dialect = servers.at(node)
        return dialect.writable(connection)[0]
    except (LostError, ServerError):
        return None


@contextmanager
def _locked(topology: Topology) -> Iterator[tuple[RunLock, Servers]]:
    lock = RunLock(topology.nodes)
    try:
        with Servers(topology) as servers:
            yield lock, servers
    finally:
        lock.release()


def _log(run: str) -> Path:
    return state_folder() / f"{run}.log"
