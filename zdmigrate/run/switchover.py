"""Move the primary to another node: catch up, freeze, wait, promote, repoint. Nothing acknowledged is lost.

The point of no return is `promote`, one leased statement on the candidate. Every failure before it lets writes on
again; after it the run only goes forward, and `resume` does the same from what the servers say. The order of the
steps, and why each is there, is docs/switchover.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.configuration import make_permanent
from zdmigrate.run.errors import AbortedError, LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.journal import Journal
from zdmigrate.run.lock import RunLock
from zdmigrate.run.policy import Policy
from zdmigrate.run.preflight import blocking
from zdmigrate.run.restore import Frozen, restore_writes
from zdmigrate.run.servers import Servers
from zdmigrate.run.state import Writable
from zdmigrate.run.steps import Step, StepRunner, UndoError, signals_later
from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.traffic import Traffic
from zdmigrate.run.watchdog import Watchdog

KIND = "switchover"
#: Seconds that letting writes on again may take, counted anew when it begins.
UNDO_SECONDS = 20.0
#: Seconds to find out whether a promotion whose answer was lost took place.
DOUBT_SECONDS = 5.0


@dataclass(slots=True)
class Result:
    """What a switchover did.

    Attributes:
        blocked_ms: for how long nobody could write anywhere: from just before the freeze was sent until the
            candidate had answered that it is writable.
        position: GTIDs at the freeze; both servers had exactly these.
        todo: what a person has to do yet, one sentence each.
    """

    old: str
    new: str
    blocked_ms: float = 0.0
    position: str = ""
    ended_sessions: int = 0
    todo: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Switchover:
    """One switchover from `old` to `new`; both were checked by `preflight`.

    Attributes:
        intent: what a resume needs to know; see `runs.py`.
        hold_old: leave the old primary held (fetching, not applying), for its own ALTER.
        log: where the watchdog writes.
    """

    topology: Topology
    servers: Servers
    lock: RunLock
    journal: Journal
    runner: StepRunner
    traffic: Traffic
    policy: Policy
    old: Node
    new: Node
    intent: Mapping[str, Any]
    log: Path
    hold_old: bool = False
    clock: Callable[[], float] = time.monotonic
    result: Result = field(init=False)
    _watchdog: Watchdog | None = None
    _deadline: datetime | None = None
    _frozen_at: float | None = None
    _promote_sent: bool = False
    _stop_if_asked: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.result = Result(self.old.name, self.new.name)

    # --- the whole

    def run(self) -> Result:
        """Do it.

        Raises:
            AbortedError: it was given up before the point of no return, and everything is as it was.
            NeedsPersonError: it cannot go on, or could not be undone; says the one command.
        """
        slow = (
            Step("identity", self._identity),
            Step("traffic-check", self.traffic.check),
            Step("blockers", self._blockers),
            Step("catch-up", self._catch_up),
            Step("watchdog", self._start_watchdog, self._stop_watchdog),
            Step("fence", self._persist_fence, self._unpersist_fence),
            Step("hold", self._hold, self._release),
        )
        asked = self.runner.before
        with signals_later() as self._stop_if_asked:

            def before(name: str) -> None:
                self._stop_if_asked()
                self.lock.check()
                asked(name)

            fast = (
                Step("freeze", self._freeze, self._unfreeze),
                Step("final-wait", self._final_wait),
                Step("promote", self._promote),
            )
            self.runner.before = before
            try:
                self.runner.run([*slow, *fast])
            except UndoError as error:
                raise NeedsPersonError(str(error), self._resume_command()) from error
            except (ZdmigrateError, KeyboardInterrupt) as error:
                with suppress(ZdmigrateError):  # the abort is what has to be told
                    self._end_journal("aborted")
                said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
                raise AbortedError(f"given up, and {self.old.name} serves as before: {said}") from error
            return self.forward()

    def forward(self) -> Result:
        """What comes after the promotion; may be run again by a resume."""
        steps = [
            Step("disarm", self._disarm),
            Step("flip", lambda: self.traffic.flip(self.new)),
            Step("release", self.traffic.release),
            Step("fence-old", self._fence_old),
            Step("forget-source", self._forget_source),
            Step("repoint-old", self._repoint_old),
            Step("repoint-replicas", self._repoint_replicas),
            Step("events", self._events),
            Step("replicates", self._replicates),
            Step("configuration", self._configuration),
        ]
        try:
            self.runner.run_on(steps)
            self._end_journal("done")
        except ZdmigrateError as error:
            raise NeedsPersonError(
                f"{self.new.name} is the primary now and serves, but the rest is not done: {error}",
                self._resume_command(),
            ) from error
        return self.result

    # --- before the point of no return

    def _identity(self) -> str:
        """The servers are still who preflight saw: an address may point elsewhere by now."""
        intent = self.intent
        for node in (self.old, self.new):
            now = self.servers.observe(node).identity
            if now != intent["identities"][node.name]:
                raise ServerError(
                    node.name, 0, f"it was {intent['identities'][node.name]} and is {now} now", "identity"
                )
        return "as before"

    def _blockers(self) -> str:
        """Long transactions: wait for them, end them, or give up."""
        end = self.clock() + self.policy.blockers_wait
        while True:
            self._stop_if_asked()
            primary = self.servers.observe(self.old)
            found = blocking(primary, self.policy)
            if not found:
                return "none"
            if self.policy.blockers == "kill":
                late = [s for s in primary.long_transactions if s.seconds >= self.policy.long_transaction]
                connection, dialect = self.servers.at(self.old)
                return f"ended {dialect.end_sessions(connection, late)}"
            if self.policy.blockers == "abort" or self.clock() > end:
                raise RefusedError([*found, "wait for it, or say --blockers kill"])
            time.sleep(0.2)

    def _catch_up(self) -> str:
        """The candidate reaches where the primary is now: what is left for the freeze is what comes meanwhile."""
        old, dialect = self.servers.at(self.old)
        new, _ = self.servers.at(self.new)
        end = self.clock() + self.policy.catch_up
        rounds = 0
        while True:
            self._stop_if_asked()
            rounds += 1
            began = self.clock()
            if not dialect.wait_for(new, dialect.position(old), max(0.1, min(end - began, 1.0))):
                if self.clock() > end:
                    raise LostError(self.new.name, f"it did not catch up within {self.policy.catch_up:g} s", "catch-up")
                continue
            if self.clock() - began < 0.1:
                return f"level after {rounds} round(s)"

    def _start_watchdog(self) -> str:
        self._watchdog = Watchdog(self.old, self.new, self.log)
        return f"process {self._watchdog.pid}"

    def _stop_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.disarm()
            self._watchdog = None

    def _persist_fence(self) -> str:
        """If the old primary restarts from here on, it comes back read-only (where the flavour can be told)."""
        connection, dialect = self.servers.at(self.old)
        return "persisted" if dialect.persist(connection, writable=False) else "not possible on this flavour"

    def _unpersist_fence(self) -> None:
        connection, dialect = self.servers.fresh(self.old)
        dialect.persist(connection, writable=True)

    def _hold(self) -> str:
        """Announce the deadline to the journal and the watchdog, then let new work wait at the door."""
        new, dialect = self.servers.at(self.new)
        _, now = dialect.writable(new)
        self._deadline = now + timedelta(seconds=self.policy.lease)
        self.intent = {**self.intent, "deadline": self._deadline.isoformat()}
        self.journal.intend(self.intent)
        assert self._watchdog is not None
        self._watchdog.arm(self._deadline, self.policy.lease)
        return self.traffic.hold()

    def _release(self) -> None:
        self.traffic.release()

    def _freeze(self) -> str:
        connection, dialect = self.servers.at(self.old)
        self._frozen_at = self.clock()
        dialect.freeze(connection, self.policy.freeze_wait)
        return f"nobody writes to {self.old.name}"

    def _unfreeze(self) -> None:
        """Writes go on at the old primary, unless the candidate was, or could still be, promoted."""
        self.servers.close(self.old)  # on MariaDB this gives the lock back too
        deadline = self._deadline if self._promote_sent else None
        if self._promote_sent:
            outcome = restore_writes(Frozen(self.old, self.new, deadline), UNDO_SECONDS)
            if outcome == "promoted":
                raise LostError(self.new.name, "it is writable already; the run has to go forward", "promote")
            return
        end = self.clock() + UNDO_SECONDS
        while True:
            try:
                connection, dialect = self.servers.fresh(self.old)
                dialect.unfreeze(connection)
                if dialect.writable(connection)[0] is Writable.ALL:
                    return
                raise LostError(self.old.name, "it is still read-only", "SET GLOBAL read_only = OFF")
            except ZdmigrateError:
                if self.clock() > end:
                    raise
                time.sleep(0.1)

    def _final_wait(self) -> str:
        """The candidate has everything the frozen primary has, and the primary did not move meanwhile."""
        assert self._frozen_at is not None
        old, dialect = self.servers.at(self.old)
        new, _ = self.servers.at(self.new)
        frozen = dialect.position(old)
        left = self.policy.freeze_cap - (self.clock() - self._frozen_at)
        if left <= 0 or not dialect.wait_for(new, frozen, left):
            raise LostError(
                self.new.name,
                f"it did not reach {frozen} within {self.policy.freeze_cap:g} s of the freeze",
                "final wait",
            )
        again = dialect.position(old)
        if again != frozen:
            raise ServerError(
                self.old.name, 0, f"it moved from {frozen} to {again} although it is frozen", "final wait"
            )
        extra = dialect.errant(new, old)
        if extra:
            raise ServerError(
                self.new.name, 0, f"it has transactions that {self.old.name} lacks: {extra}", "final wait"
            )
        self.result.position = frozen
        return frozen

    def _promote(self) -> str:
        """The point of no return."""
        assert self._deadline is not None
        assert self._frozen_at is not None
        connection, dialect = self.servers.at(self.new)
        self._promote_sent = True
        try:
            now = dialect.promote(connection, self._deadline)
        except LostError:
            now = self._doubt()
        if now is not Writable.ALL:
            raise LostError(self.new.name, "the time to promote it was over", "promote")
        self.result.blocked_ms = (self.clock() - self._frozen_at) * 1000
        return f"{self.new.name} is writable; writes were blocked for {self.result.blocked_ms:.1f} ms"

    def _doubt(self) -> Writable:
        """The answer to the promotion was lost: ask the candidate on a fresh connection."""
        end = self.clock() + DOUBT_SECONDS
        while True:
            try:
                connection, dialect = self.servers.fresh(self.new)
                return dialect.writable(connection)[0]
            except ZdmigrateError:
                if self.clock() > end:
                    raise
                time.sleep(0.1)

    # --- after it

    def _disarm(self) -> str:
        self._stop_watchdog()
        return "nothing is left to restore"

    def _fence_old(self) -> str:
        """Sessions that stay on the old primary are ended, then the freeze lets go; nobody may write there still."""
        connection, dialect = self.servers.at(self.old)
        dialect.fence(connection)
        if self.policy.end_sessions:
            ours = self.servers.ids(self.old)
            others = [item for item in dialect.sessions(connection) if item.id not in ours | self.lock.ids(self.old)]
            self.result.ended_sessions += dialect.end_sessions(connection, others)
        dialect.let_go(connection)
        if dialect.writable(connection)[0] is Writable.ALL:
            raise ServerError(self.old.name, 0, "it is writable although it was fenced", "fence")
        return f"ended {self.result.ended_sessions} session(s)"

    def _forget_source(self) -> str:
        connection, dialect = self.servers.at(self.new)
        if not dialect.replica_rows(connection):
            return "follows nobody already"
        dialect.forget_source(connection)
        return "follows nobody"

    def _repoint_old(self) -> str:
        """The old primary fetches from the new one; held, it does not apply.

        A write it got after the freeze is an alarm: following would bury it.
        """
        connection, dialect = self.servers.at(self.old)
        rows = dialect.replica_rows(connection)
        if rows and dialect.replica_of(rows[0]).source_id == self.servers.observe(self.new).own_id:
            return "follows already"
        here, _ = self.servers.at(self.new)
        extra = dialect.errant(connection, here)
        if extra:
            raise NeedsPersonError(
                f"{self.old.name} has transactions that {self.new.name} lacks: {extra}. It stays fenced; look at them "
                f"(mysqlbinlog), save what matters, and clone {self.old.name} from {self.new.name}",
                self._resume_command(),
            )
        dialect.follow(connection, self.servers.source(self.new, held=self.hold_old), demoted=True)
        return "held" if self.hold_old else "follows"

    def _repoint_replicas(self) -> str:
        source = self.servers.observe(self.new)
        moved = []
        for node in self.topology.nodes:
            if node in (self.old, self.new):
                continue
            connection, dialect = self.servers.at(node)
            rows = dialect.replica_rows(connection)
            if rows and dialect.replica_of(rows[0]).source_id == source.own_id:
                continue
            dialect.follow(connection, self.servers.source(self.new), demoted=False)
            moved.append(node.name)
        return ", ".join(moved) or "none"

    def _events(self) -> str:
        """What the old primary ran by its event scheduler, the new one runs now; ALTER EVENT replicates the rest."""
        wanted = self.intent.get("events", [])
        connection, dialect = self.servers.at(self.new)
        enabled = set(self.servers.observe(self.new).events)
        missing = [event for event in wanted if event not in enabled]
        for event in missing:
            connection.run(dialect.event_statement(event, "ENABLE"))
        return f"enabled {len(missing)}"

    def _replicates(self) -> str:
        """A row written now (the journal's own) is seen on every node that applies."""
        self.journal.at = self.servers.at(self.new)[0]
        self.journal.intend(self.intent)
        connection, dialect = self.servers.at(self.new)
        position = dialect.position(connection)
        for node in self.topology.nodes:
            if node == self.new or (node == self.old and self.hold_old):
                continue
            there, _ = self.servers.at(node)
            if not dialect.wait_for(there, position, 10.0):
                errors = "; ".join(self._errors(node)) or "it is slow"
                raise LostError(node.name, f"it does not follow {self.new.name}: {errors}", "replicates")
        return position

    def _errors(self, node: Node) -> tuple[str, ...]:
        replica = self.servers.observe(node).replica
        return replica.errors if replica else ("it follows nobody",)

    def _configuration(self) -> str:
        """What a restart brings back is right on both servers, or a person is told the line to write."""
        for node, writable in ((self.new, True), (self.old, False)):
            todo = make_permanent(self.servers, node, writable=writable)
            if todo:
                self.result.todo.append(todo)
        return "; ".join(self.result.todo) or "right"

    # --- helpers

    def _end_journal(self, state: str) -> None:
        self._stop_watchdog()
        node = self.new if state == "done" else self.old
        self.journal.at = self.servers.fresh(node)[0]
        for timing in self.runner.timings:
            self.journal.note(timing.name, timing.outcome, timing.seconds * 1000, timing.detail[:500])
        self.journal.end("done" if state == "done" else "aborted")

    def _resume_command(self) -> str:
        return f"zdmigrate resume --topology {self.topology.path}"
