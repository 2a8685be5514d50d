"""This process as a member of the fleet: registers, sends heartbeats, obeys orders to drain, knows whether it is ready.

All of it happens in threads. A request is counted, and waits for nothing.
"""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import socket
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from zdsession import health
from zdsession.background import Background
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.fleet import process as processes
from zdsession.fleet.hold import Gate, HoldOrder, Obedience
from zdsession.fleet.load import Busy, Load
from zdsession.fleet.model import DrainOrder, Node, Process, State
from zdsession.fleet.registry import Registry, checked_node_id
from zdsession.manager import SessionManager
from zdsession.manifest import Manifest

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger("zdsession.fleet")

#: The roster and the manifest are looked for again so often, in case the store lost them.
_ENLIST_SECONDS = 15.0
_BUSY_SECONDS = 900.0
#: While there is an order to hold it is read again so often.
_HOLD_SECONDS = 0.05


class FleetMember:
    """Make one for an app, where its processes are made or before they are forked; it starts with the first request.

    Args:
        sessions: whose store holds the fleet, and whose ``draining`` a drain sets.
        version: of the app, as its releases are called.
        manifest: what this version maps, from ``zdmigrate manifest``. Without it the schema is not checked, and no
            contract can be proved while this node lives.
        database: an engine or a URL; the node is ready when it has every table and column of the manifest.
        node: this node's name, the same for all its processes and after a restart; the environment variable
            ``ZDSESSION_NODE``, else the name of the host.
        heartbeat: seconds between two.
        patience: seconds for which the store may be out before a ready node is no longer ready.

    Raises:
        ConfigurationError: a name that cannot be one, or a database without a manifest.
    """

    def __init__(
        self,
        sessions: SessionManager,
        *,
        version: str,
        manifest: Manifest | None = None,
        database: Engine | str | None = None,
        node: str | None = None,
        heartbeat: float = 1.0,
        patience: float = 5.0,
    ) -> None:
        if database is not None and manifest is None:
            raise ConfigurationError("without a manifest there is nothing to look for in the database")
        if not 0 < len(version) <= 100:
            raise ConfigurationError("a version has 1 to 100 characters")
        self.node = checked_node_id(node or os.environ.get("ZDSESSION_NODE") or socket.gethostname())
        self.sessions = sessions
        self.registry = Registry(sessions.store, clock=sessions.clock)
        self.version = version
        self.manifest = manifest
        self._digest = "" if manifest is None else manifest.digest
        self._heartbeat = heartbeat
        self._patience = patience
        self._schema = None if database is None or manifest is None else health.SchemaCheck(manifest, database)
        self._order: DrainOrder | None = None
        #: What transactions pass, so that a switchover of the database can delay them.
        self.gate = Gate()
        self._renew()
        self._beating = Background("zdsession-fleet", self._step, pause_after_error=heartbeat)
        myself = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _after_fork(myself()))

    def _renew(self) -> None:
        """Be a process that nobody has heard of yet."""
        self.load = Load()
        self._started = self.sessions.clock()
        self._pid = os.getpid()
        self._id = f"{self._pid}-{secrets.token_hex(6)}"
        self._born, self._machine = processes.born(self._pid), processes.machine()
        self._looked = threading.Event()
        self._is_ready = False
        self._registered = False
        self._begun = self._schema_is_there = False
        self._waiting_for: tuple[str, ...] = ("not registered in the session store yet",)
        self._heard_of_store = time.monotonic()
        self._enlisted = float("-inf")
        if self._order is not None:  # it was given to the process this one was forked from
            self.sessions.draining.end()
        self._order = None
        self._not_for_us = ""
        self.gate.renew()
        self._hold = Obedience(self.gate)
        self._answered = ("", "")
        self._beaten = float("-inf")

    def start(self, *, wait: float = 0.0) -> None:
        """Begin in this process. Costs next to nothing when it has begun.

        Args:
            wait: seconds to wait, the first time, until the process knows what it is ordered to.
        """
        if self.gate.is_aside:  # it is us
            return
        self._beating.start()
        if not self._begun:
            self._begun = True
            myself = weakref.ref(self)
            atexit.register(lambda: _at_exit(myself()))  # twice, if two threads were here, does no harm
        if wait:
            self._looked.wait(wait)

    def busy(self, what: str, *, seconds: float = _BUSY_SECONDS) -> Busy:
        """Mark something that a drain should let finish: ``with fleet.busy("checkout"): ...``

        Args:
            what: shown to whoever drains the node; nothing secret.
            seconds: it ends by itself after so many.
        """
        return self.load.mark(what[:100], seconds)

    def close(self) -> None:
        """Say goodbye: this process ends. Also done when the interpreter exits, not when it is killed."""
        self._beating.stop()
        self.gate.open()
        if self._schema is not None:
            self._schema.close()
        if self._registered and self._pid == os.getpid():
            self._registered = False
            try:
                self.registry.goodbye(self.node, self._id)
            except StoreUnavailableError as error:
                log.warning("no goodbye, so %s will be listed as lost: %s", self.node, error)

    # readiness

    @property
    def state(self) -> State:
        """What this process is doing."""
        if self.sessions.draining:
            return State.DRAINING
        return State.READY if self._is_ready else State.STARTING

    def why_unready(self, wait: float = 1.0) -> list[str]:
        """Why no traffic should be sent here; empty if it may.

        Args:
            wait: seconds to give a process that was just started to find out.
        """
        self.start()
        self._looked.wait(wait)
        if self.sessions.draining:
            return ["draining"]
        if not self._is_ready:
            return list(self._waiting_for)
        silent = time.monotonic() - self._heard_of_store
        if silent > self._patience and not self._hold.is_urgent:  # a store may live in what is being switched over
            return [f"the session store has not answered for {silent:.0f} s"]
        return []

    def details(self) -> dict[str, Any]:
        """What the health page shows."""
        return {
            "node": self.node,
            "process": self._id,
            "version": self.version,
            "heads": list(self._heads()),
            "manifest": self._digest,
            "state": self.state.value,
            "waiting_for": list(self._waiting_for),
            "started_ms": self._started,
            "in_flight": self.load.in_flight,
            "requests": self.load.requests,
            "busy": list(self.load.busy()),
            "store_silent_s": round(time.monotonic() - self._heard_of_store, 1),
            "draining_s": round(self.sessions.draining.seconds, 1),
        }

    def _heads(self) -> tuple[str, ...]:
        return () if self.manifest is None else self.manifest.heads

    # heartbeats

    def _step(self) -> float:
        began = time.monotonic()
        try:
            with self.gate.aside():
                if self._hold.is_urgent and began - self._beaten < self._heartbeat:
                    self._heed(self.registry.hold_of(self.node))
                else:
                    self._beaten = began
                    self._beat()
                    if not self._is_ready:
                        self._become_ready()
            self._heard_of_store = time.monotonic()
        except StoreUnavailableError as error:
            log.info("no heartbeat of %s: %s", self.node, error)
        finally:
            self._hold.tick()
            self._looked.set()
        every = min(self._heartbeat, _HOLD_SECONDS) if self._hold.is_urgent else self._heartbeat
        return max(0.0, every - (time.monotonic() - began))

    def _beat(self) -> None:
        if time.monotonic() - self._enlisted > _ENLIST_SECONDS:
            if self.manifest is not None:
                self.registry.publish(self.manifest, self.version)
            self.registry.enlist(self.node)
            self._enlisted = time.monotonic()
        before = self.registry.beat(self.node, self._entry(), self._has_ended)
        first, self._registered = not self._registered, True
        if not first and all(one.id != self._id for one in before.processes):
            self.registry.enlist(self.node)  # forgotten, though alive
        self._obey(before, first)
        self._heed(before.hold)

    def _heed(self, order: HoldOrder | None) -> None:
        """Obey an order to hold, and answer as soon as there is something new to say."""
        self._hold.obey(order, self.sessions.clock())
        if self.gate.is_closed:
            self.gate.wait_until_quiet(_HOLD_SECONDS)
        answer = self._hold.answer()
        told = ("", "") if answer is None else (answer.order, answer.stage)
        if told != self._answered:
            self.registry.beat(self.node, self._entry(), self._has_ended)
            self._answered = told

    def _become_ready(self) -> None:
        """In this order: we are in the list, then the barriers are read. Whoever puts one up does it the other way."""
        self._waiting_for = (*self._what_the_schema_lacks(), *self._what_keeps_us_out())
        if not self._waiting_for:
            self._is_ready = True
            self.registry.beat(self.node, self._entry(), self._has_ended)

    def _what_the_schema_lacks(self) -> list[str]:
        """Once everything was there this asks no more: what a later release changes is no reason to stop serving."""
        from sqlalchemy.exc import SQLAlchemyError

        if self._schema is None or self._schema_is_there:
            return []
        try:
            lacks = self._schema.missing()
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            log.warning("%s is not ready: its database cannot be asked: %s", self.node, cause)
            return [f"the database cannot be asked ({type(cause).__name__})"]
        if lacks:
            return [f"the database lacks {health.named(lacks)}"]
        self._schema_is_there = True
        self._schema.close()
        return []

    def _what_keeps_us_out(self) -> list[str]:
        if self.manifest is None:
            return []
        return [
            f"version {self.version} maps {health.named([str(one) for one in gone])}, which {barrier.name} removes"
            if (gone := barrier.against(self.manifest))
            else f"version {self.version} was judged to break by what {barrier.name} changes"
            for barrier in self.registry.barriers()
            if barrier.keeps_out(self.manifest)
        ]

    def _obey(self, before: Node, first: bool) -> None:
        order, draining = before.order, self.sessions.draining
        if order is not None and first and not self._concerns_us(before, order):
            self._not_for_us = order.id
        if order is not None and order.id != self._not_for_us:
            if self._order != order:
                self._order = order
                draining.begin(defer_new=order.retry_after if order.new_sessions == "defer" else None)
                self.registry.beat(self.node, self._entry(), self._has_ended)
        elif self._order is not None:
            self._order = None
            draining.end()

    def _concerns_us(self, node: Node, order: DrainOrder) -> bool:
        """Whether an order that is older than this process is for it too: for a new worker among those that drain.

        Not for the first process after a restart: the order was for whoever ran here before.
        """
        parent = os.getppid()
        return any(
            other.machine == self._machine and parent in (other.parent, other.pid) and other.ignores != order.id
            for other in node.processes
        )

    def _has_ended(self, other: Process) -> bool:
        """Whether another process of this node has ended, as seen from here."""
        return bool(self._machine) and other.machine == self._machine and processes.is_gone(other.pid, other.born)

    def _entry(self) -> Process:
        draining = self.sessions.draining
        return Process(
            id=self._id,
            pid=self._pid,
            host=socket.gethostname(),
            version=self.version,
            state=self.state,
            started=self._started,
            beat=self.sessions.clock(),
            every_ms=round(self._heartbeat * 1000),
            parent=os.getppid(),
            born=self._born,
            machine=self._machine,
            heads=self._heads(),
            manifest=self._digest,
            waiting_for=self._waiting_for,
            in_flight=self.load.in_flight,
            requests=self.load.requests,
            idle_ms=self.load.idle_ms,
            busy=self.load.busy(),
            order="" if self._order is None else self._order.id,
            ignores=self._not_for_us,
            draining_ms=round(draining.seconds * 1000),
            holds=self.gate.is_used,
            hold=self._hold.answer(),
        )


def _after_fork(member: FleetMember | None) -> None:
    if member is not None:
        member._renew()


def _at_exit(member: FleetMember | None) -> None:
    if member is not None:
        member.close()
