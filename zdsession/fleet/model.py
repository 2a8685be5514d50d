"""What is known of a node and its processes. Values and pure functions.

Times are milliseconds since the epoch, durations milliseconds. The clocks of two machines are compared only to tell
that a heartbeat is overdue.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal

import msgspec

from zdsession.fleet.hold import HoldAnswer, HoldOrder
from zdsession.manifest import Manifest

#: A heartbeat is overdue after so many of its intervals, and never before ``_LEAST_SILENCE_MS``.
_MISSED = 5
_LEAST_SILENCE_MS = 10_000

Policy = Literal["allow", "defer"]


class State(Enum):
    """What a node or a process is doing."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    #: Silent without having said goodbye: it may be dead, or run on where it cannot reach the store.
    LOST = "lost"
    #: Said goodbye.
    GONE = "gone"


class Process(msgspec.Struct, frozen=True, omit_defaults=True):
    """One process of a node, as it described itself in its last heartbeat.

    Attributes:
        id: unique for all time.
        pid, parent, born: of the process on its host; ``born`` tells it from a later one with its pid, "" if unknown.
        host: name of the machine or container, for people.
        machine: where pids mean the same, "" if unknown.
        version, heads: of the app's code, and the Alembic heads it was written for.
        manifest: digest of what that code maps, "" for none.
        state: starting, ready or draining.
        started, beat: when it started, and when it was last heard of, by its own clock.
        every_ms: interval of its heartbeats.
        waiting_for: why it is not ready.
        in_flight: requests it is answering, health checks left out.
        requests: how many it has begun to answer.
        idle_ms: since it last had a request in flight; 0 while it has.
        busy: what apps said must be let finish.
        order: id of the drain order it obeys, "" for none.
        ignores: id of the drain order that was for those before it, "" for none.
        draining_ms: since it began to drain.
        holds: whether it can delay its transactions (see :mod:`zdsession.fleet.hold`).
        hold: what it made of the order to do so; None without one.
    """

    id: str
    pid: int
    host: str
    version: str
    state: State
    started: int
    beat: int
    every_ms: int
    parent: int = 0
    born: str = ""
    machine: str = ""
    heads: tuple[str, ...] = ()
    manifest: str = ""
    waiting_for: tuple[str, ...] = ()
    in_flight: int = 0
    requests: int = 0
    idle_ms: int = 0
    busy: tuple[str, ...] = ()
    order: str = ""
    ignores: str = ""
    draining_ms: int = 0
    holds: bool = False
    hold: HoldAnswer | None = None

    def is_lost(self, now: int) -> bool:
        """Whether its heartbeat is overdue."""
        return now - self.beat > max(_LEAST_SILENCE_MS, _MISSED * self.every_ms)

    def state_at(self, now: int) -> State:
        """Its state, or LOST."""
        return State.LOST if self.is_lost(now) else self.state


class DrainOrder(msgspec.Struct, frozen=True):
    """That a node is to drain.

    Attributes:
        id: unique for all time.
        least_ms: drain at least so long, for the balancer to see the health check fail.
        quiet_ms: the balancer has stopped sending when no request came for so long.
        new_sessions: ``defer`` asks visitors without a session to come back later.
        retry_after: seconds they are told to wait.
    """

    id: str
    least_ms: int
    quiet_ms: int
    new_sessions: Policy = "allow"
    retry_after: int = 5


class Gone(msgspec.Struct, frozen=True):
    """A column that a contract removes, or with ``column`` None a whole table."""

    table: str
    column: str | None = None

    def __str__(self) -> str:
        return self.table if self.column is None else f"{self.table}.{self.column}"


class Barrier(msgspec.Struct, frozen=True):
    """Keeps code that maps what is about to go, or went, from becoming ready.

    Attributes:
        name: of the barrier, such as the revision that removes these.
        gone: what the schema no longer offers.
        at: when it was put up.
        refused: digests of manifests that were judged to break by something else that changed, such as a NOT NULL.
    """

    name: str
    gone: tuple[Gone, ...]
    at: int
    refused: tuple[str, ...] = ()

    def keeps_out(self, manifest: Manifest) -> bool:
        """Whether code with this manifest may not become ready."""
        return bool(self.against(manifest)) or manifest.digest in self.refused

    def against(self, manifest: Manifest) -> list[Gone]:
        """What ``manifest`` maps of it. Names are compared without case and schema: doubt keeps a node out."""
        mapped = {
            (_bare(table), column.lower()) for table, columns in manifest.tables.items() for column in columns.columns
        }
        tables = {_bare(table) for table in manifest.tables}
        return [
            one
            for one in self.gone
            if (_bare(one.table) in tables if one.column is None else (_bare(one.table), one.column.lower()) in mapped)
        ]


class Node(msgspec.Struct, frozen=True):
    """One node: its processes as they last described themselves, and the orders to drain or to hold if there are any.

    ``damaged`` counts entries that could not be read; whoever wrote them counts as unknown, never as absent.
    """

    id: str
    processes: tuple[Process, ...] = ()
    order: DrainOrder | None = None
    damaged: int = 0
    #: The store knew the node and has lost what it knew.
    missing: bool = False
    hold: HoldOrder | None = None

    def state(self, now: int) -> State:
        """What most concerns whoever looks: a live node by its processes, then LOST, then GONE."""
        return joint_state((process.state_at(now) for process in self.processes), unknown=self.unknown)

    @property
    def unknown(self) -> bool:
        """Whether something is known to be there of which nothing is known."""
        return bool(self.damaged) or self.missing

    def live(self, now: int) -> tuple[Process, ...]:
        """The processes whose heartbeat is not overdue."""
        return tuple(process for process in self.processes if not process.is_lost(now))

    def in_flight(self, now: int) -> int:
        """Requests its live processes are answering."""
        return sum(process.in_flight for process in self.live(now))


def joint_state(states: Iterable[State], *, unknown: bool = False) -> State:
    """One state for several processes."""
    found = set(states)
    for state in (State.DRAINING, State.READY, State.STARTING, State.LOST):
        if state in found:
            return state
    return State.LOST if unknown else State.GONE


def not_drained_yet(node: Node, order: DrainOrder, now: int) -> list[str]:
    """What a node that was ordered to drain still has to wait for; empty when it has drained, or is gone.

    A process judges its own times; what it says of them is as old as its last heartbeat.
    """
    reasons = []
    for process in node.processes:
        name = f"process {process.pid}"
        if process.is_lost(now):
            silent = (now - process.beat) // 1000
            reasons.append(f"{name} has been silent for {silent} s; if it is dead: zdsession forget {node.id}")
        elif process.order != order.id:
            reasons.append(f"{name} has not heard of it")
        else:
            reasons += [f"{name} {what}" for what in _unfinished(process, order)]
    if node.unknown:
        reasons.append("part of what the node wrote to the store is missing or damaged")
    return reasons


def _unfinished(process: Process, order: DrainOrder) -> list[str]:
    reasons = []
    if process.in_flight:
        reasons.append(f"has {process.in_flight} request{'' if process.in_flight == 1 else 's'} in flight")
    elif process.idle_ms < order.quiet_ms:
        reasons.append(f"had a request {process.idle_ms / 1000:.1f} s ago")
    if process.busy:
        reasons.append(f"is busy: {', '.join(process.busy)}")
    if process.draining_ms < order.least_ms:
        reasons.append(f"has drained for {process.draining_ms / 1000:.1f} of at least {order.least_ms / 1000:.1f} s")
    return reasons


def _bare(table: str) -> str:
    return table.rpartition(".")[2].lower()
