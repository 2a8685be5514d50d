"""Runs from the outside: begin a switchover, look at one, resume one. What the command line and `apply` call."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from zdmigrate.errors import UsageError, ZdmigrateError
from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import AbortedError, LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.flavours import dialect_of
from zdmigrate.run.grants import GRANTS, missing_grants
from zdmigrate.run.journal import Entry, Journal, Verb, ask, history, take_back, unfinished
from zdmigrate.run.lock import NAME as LOCK
from zdmigrate.run.lock import RunLock
from zdmigrate.run.policy import Policy
from zdmigrate.run.preflight import addresses, blocking, reasons_to_refuse, semi_sync_names
from zdmigrate.run.restore import Frozen, has_served, restore_writes
from zdmigrate.run.roles import Roles, find_roles
from zdmigrate.run.servers import Servers
from zdmigrate.run.state import Server, Writable
from zdmigrate.run.steps import Listener, StepRunner
from zdmigrate.run.switchover import HOLDABLE, KIND, Result, Switchover
from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.traffic import open_traffic

#: How long a resume waits for the servers to show that writes may be let on again.
RESTORE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the checks before a switchover found."""

    roles: Roles
    candidate: Server


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a run writes on this machine (the watchdog's log): $XDG_STATE_HOME/zdmigrate."""
    root = environ.get("XDG_STATE_HOME")
    return (Path(root) if root else Path.home() / ".local" / "state") / "zdmigrate"


def preflight(topology: Topology, servers: Servers, to: Node, policy: Policy) -> Preflight:
    """Every check, changing nothing.

    Raises:
        RefusedError: with every reason.
    """
    checked, reasons = examine(topology, servers, to, policy)
    if reasons:
        raise RefusedError(reasons)
    return checked


def examine(topology: Topology, servers: Servers, to: Node, policy: Policy) -> tuple[Preflight, tuple[str, ...]]:
    """Every check, changing nothing: who is who, and what stands against it, for one who has more to check.

    Raises:
        RefusedError: with every reason, where nobody can say who is who.
    """
    try:
        _may_ask(topology, servers, policy)
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
    reasons += addresses(roles, topology)
    reasons += _errant(topology, servers, roles, candidate)
    reasons += _account_missing(topology, servers, to)
    if policy.blockers == "abort":
        reasons += blocking(roles.primary, policy)
    return Preflight(roles, candidate), reasons


def _may_ask(topology: Topology, servers: Servers, policy: Policy) -> None:
    """The account may see and do what a switchover needs, on every node."""
    if GRANTS in policy.accept:
        return
    reasons = tuple(reason for item in topology.nodes for reason in missing_grants(*servers.at(item)))
    if reasons:
        raise RefusedError(reasons)


def _errant(topology: Topology, servers: Servers, roles: Roles, candidate: Server) -> tuple[str, ...]:
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
    chosen, dialect = servers.at(topology.node(candidate.name))
    for follower in (roles.primary, *roles.replicas):
        gone = dialect.purged_for(chosen, servers.at(topology.node(follower.name))[0])
        if gone and follower is not candidate:
            reasons.append(
                f"{candidate.name} has purged {gone}, which {follower.name} lacks and would need to follow it; let "
                f"{follower.name} catch up, or clone it anew"
            )
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
    hold_before: str = "",
    began: Callable[[str], None] = lambda run: None,
) -> Result:
    """Move the primary to the node called `to`.

    Args:
        hold_before: pause before this step (one of `switchover.HOLDABLE`) until `zdmigrate resume` or `abort`.
        began: told of the run's id.

    Raises:
        UsageError: no such node, or a step that nothing can be held before.
        RefusedError: nothing was changed.
        AbortedError: it was given up, everything is as it was.
        NeedsPersonError: a person has to go on.
    """
    node = topology.node(to)
    if hold_before and hold_before not in HOLDABLE:
        raise UsageError(f"--hold-before {hold_before}: a switchover can be held before {', '.join(HOLDABLE)}")
    traffic = open_traffic(topology)
    with locked(topology) as (lock, servers):
        _may_ask(topology, servers, policy)
        left = unfinished([servers.at(item)[0] for item in topology.nodes])
        if left is not None:
            raise RefusedError([f"the {left.kind} {left.id} of {left.owner} did not end; `zdmigrate resume` it first"])
        checked = preflight(topology, servers, node, policy)
        old = topology.node(checked.roles.primary.name)
        journal = Journal(servers.at(old)[0], KIND)
        intent = intent_of(checked)
        journal.begin(intent)
        began(journal.id)
        return Switchover(
            topology, servers, lock, journal, StepRunner(listener=listener, before=before), traffic, policy,
            old, node, intent, _log(journal.id), hold_before=hold_before,
            recheck=lambda: preflight(topology, servers, node, policy),
        ).run()  # fmt: skip


def switch_back(topology: Topology, done: Result, policy: Policy, *, listener: Listener) -> Result:
    """Move the primary back to where it was before a switchover that is done.

    Raises:
        NeedsPersonError: it stays where it is now; says the command that tries again.
    """
    try:
        return switch(topology, done.old, policy, listener=listener)
    except (RefusedError, AbortedError) as error:
        said = "; ".join(error.reasons) if isinstance(error, RefusedError) else str(error)
        raise NeedsPersonError(
            f"{done.new} is the primary and serves, and was not moved back to {done.old}: {said}",
            f"zdmigrate switchover --topology {topology.path} --to {done.old}",
        ) from error


def intent_of(checked: Preflight, *, held: bool = False) -> dict[str, Any]:
    """What a resume of a switchover needs to know, as the journal keeps it."""
    primary = checked.roles.primary
    return {
        "old": primary.name,
        "new": checked.candidate.name,
        "held": held,
        "events": list(primary.events) if primary.setting("event_scheduler") == "on" else [],
        "semi_sync": semi_sync_names(primary),
        "identities": {item.name: item.identity for item in (primary, *checked.roles.replicas)},
        "deadline": None,
    }


def history_of(topology: Topology) -> list[Entry]:
    """The newest runs, newest first, as the nodes that answer have them; an ended one is ended."""
    found: dict[str, Entry] = {}
    with Servers(topology) as servers:
        for connection in _reachable(topology, servers):
            for entry in history(connection):
                if entry.id not in found or found[entry.id].state == "running":
                    found[entry.id] = entry
    return sorted(found.values(), key=lambda entry: entry.age)


def tell(topology: Topology, verb: Verb | None) -> Entry | None:
    """Ask something of the run that is at work now (None: take back what was asked); None when none is, or had to be.

    It heeds it between steps, and before the freeze only.
    """
    with Servers(topology) as servers:
        reached = list(_reachable(topology, servers))
        entry = unfinished(reached)
        at_work = any(connection.value("SELECT IS_USED_LOCK(%s)", (LOCK,)) is not None for connection in reached)
        if entry is None or not at_work:
            return None
        for connection in reached:
            if dialect_of(connection).writable(connection)[0] is Writable.ALL:
                if verb is not None:
                    ask(connection, entry.id, verb)
                    return entry
                return entry if take_back(connection, entry.id) else None
    return None


def tell_any(topology: Topology, verb: Verb, *, but: str) -> Entry | None:
    """Ask something of the newest run that did not end, at work or not; None when it is of the kind `but`, or none."""
    with Servers(topology) as servers:
        reached = list(_reachable(topology, servers))
        entry = unfinished(reached)
        if entry is None or entry.kind == but:
            return None
        for connection in reached:
            if dialect_of(connection).writable(connection)[0] is Writable.ALL:
                ask(connection, entry.id, verb)
                return entry
    return None


def go_on(topology: Topology) -> str:
    """Let a paused run go on; says so, or "" when none is paused."""
    entry = tell(topology, None)
    return f"the {entry.kind} {entry.id} of {entry.owner} goes on" if entry else ""


@dataclass(frozen=True, slots=True)
class Left:
    """A run that did not end, and what is needed to bring it to an end.

    Attributes:
        off: names of nodes that a person vouches are switched off and stay so.
    """

    topology: Topology
    servers: Servers
    lock: RunLock
    entry: Entry
    policy: Policy
    listener: Listener
    off: frozenset[str] = frozenset()


#: Who resumes a run, by its kind. Raises AbortedError when it was undone.
RESUMERS: dict[str, Callable[[Left], Result]] = {}


def resume(
    topology: Topology,
    policy: Policy,
    *,
    listener: Listener = lambda timing: None,
    off: Collection[str] = (),
    began: Callable[[Entry], None] = lambda entry: None,
) -> tuple[Entry | None, Result | None]:
    """Bring the newest unfinished run to an end, by what the servers say: undo it before the point of no return,
    finish it after. Nodes that do not answer are no hindrance where they are not needed.

    Args:
        off: names of nodes that a person vouches are switched off and will not come back as they were.
        began: told of the run that was found.

    Returns:
        The run that was found, and what it did; (None, None) when none was unfinished.

    Raises:
        AbortedError: it was undone.
        NeedsPersonError: a person has to go on.
    """
    for name in off:
        topology.node(name)
    with locked(topology, reachable=True) as (lock, servers):
        left = unfinished(list(_reachable(topology, servers)))
        if left is None:
            return None, None
        if left.kind not in RESUMERS:
            raise ZdmigrateError(f"the run {left.id} is a {left.kind}, which this version cannot resume")
        began(left)
        return left, RESUMERS[left.kind](Left(topology, servers, lock, left, policy, listener, frozenset(off)))


def resume_switchover(left: Left) -> Result:
    """Finish a switchover whose candidate was promoted; undo another one.

    Raises:
        AbortedError: it was undone.
        NeedsPersonError: a person has to go on.
    """
    topology, servers, entry = left.topology, left.servers, left.entry
    old, new = topology.node(entry.intent["old"]), topology.node(entry.intent["new"])
    serve_again(left, entry.intent, old, new)
    was_promoted = (
        entry.intent.get("deadline") is not None
        and new.name not in left.off
        and _writable(servers, new) is Writable.ALL
        and servers.observe(new).identity == entry.intent["identities"][new.name]
    )
    if not was_promoted:
        _undo(left, old, new)
        raise AbortedError(f"the {entry.kind} {entry.id} was undone; {old.name} serves as before")
    if _writable(servers, old) is Writable.ALL:  # it was restarted without its fence: a second writable server
        connection, dialect = servers.at(old)
        dialect.fence(connection)
    journal = Journal(servers.at(new)[0], entry.kind, entry.id)
    journal.begin(entry.intent)
    return Switchover(
        topology, servers, left.lock, journal, StepRunner(listener=left.listener), open_traffic(topology), left.policy,
        old, new, entry.intent, _log(entry.id), hold_old=bool(entry.intent["held"]), off=left.off,
    ).forward()  # fmt: skip


def serve_again(left: Left, intent: Mapping[str, Any], old: Node, new: Node) -> None:
    """Make a candidate writable again that was promoted, crashed, and came back read-only as it was configured.

    Raises:
        NeedsPersonError: each server has transactions that the other lacks, or the old primary serves meanwhile.
    """
    if intent.get("deadline") is None or {old.name, new.name} & left.off:
        return
    try:
        (there, dialect), (here, _) = left.servers.at(new), left.servers.at(old)
        if dialect.writable(there)[0] is Writable.ALL or not has_served(there, here):
            return
        problem = ""
        if left.servers.observe(new).identity != intent["identities"][new.name]:
            return
        if dialect.writable(here)[0] is Writable.ALL:
            problem = f"{old.name} is writable now, and serves"
        elif lacks := dialect.errant(here, there):
            problem = f"it lacks {lacks}, which {old.name} has"
    except (LostError, ServerError):
        return  # what is needed of it is asked again, by who can say what to do
    if problem:
        raise NeedsPersonError(
            f"{new.name} was the primary for a moment and was restarted; {problem}. Compare both (mysqlbinlog), save "
            f"what only {new.name} has, and clone it from {old.name}",
            f"{resume_command(left.topology)} --off {new.name}  (once {new.name} is switched off)",
        )
    dialect.unfreeze(there)
    dialect.persist(there, writable=True)


def _resume_replica_first(left: Left) -> Result:
    from zdmigrate.run.replica_first import resume_left  # it needs this module

    return resume_left(left)


RESUMERS[KIND] = resume_switchover
RESUMERS["replica-first"] = _resume_replica_first


def _undo(left: Left, old: Node, new: Node) -> None:
    topology, entry = left.topology, left.entry
    text = entry.intent.get("deadline")
    frozen = Frozen(entry.id, old, new, datetime.fromisoformat(text) if text else None, new.name in left.off)
    command = resume_command(topology)
    try:
        outcome = restore_writes(frozen, left.lock, RESTORE_SECONDS)
    except ZdmigrateError as error:
        if isinstance(error, LostError) and error.node == new.name:
            command += (
                f"  (when {new.name} answers again; if it is switched off for good, add `--off {new.name}`: writes go "
                f"on at {old.name} without asking it)"
            )
        raise NeedsPersonError(f"{old.name} may be read-only still: {error}", command) from error
    if outcome == "promoted":
        raise NeedsPersonError(f"{new.name} became writable just now", command)
    if outcome == "not ours":
        raise NeedsPersonError("another run has ended this one meanwhile", "zdmigrate status")
    open_traffic(topology).release()
    journal = Journal(left.servers.fresh(old)[0], entry.kind, entry.id)
    journal.begin(entry.intent)
    journal.end("aborted")


def resume_command(topology: Topology) -> str:
    """The command that brings a run to an end."""
    return f"zdmigrate resume --topology {topology.path}"


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
def locked(topology: Topology, *, reachable: bool = False) -> Iterator[tuple[RunLock, Servers]]:
    """The run's lock on every node (or on those that answer), and connections to them.

    Raises:
        RefusedError: another run holds it, or a node does not answer.
    """
    try:
        lock = RunLock(topology.nodes, reachable=reachable)
    except (LostError, ServerError) as error:
        raise RefusedError([f"{error}; every node has to answer"]) from error
    try:
        with Servers(topology) as servers:
            yield lock, servers
    finally:
        lock.release()


def _log(run: str) -> Path:
    return state_folder() / f"{run}.log"
