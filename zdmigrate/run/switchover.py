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
from typing import Any, Literal

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.configuration import make_permanent
from zdmigrate.run.connection import ANSWER_SECONDS, Connection
from zdmigrate.run.errors import AbortedError, LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.flavours import Dialect
from zdmigrate.run.journal import Journal, ask
from zdmigrate.run.lock import RunLock
from zdmigrate.run.policy import Policy
from zdmigrate.run.preflight import blocking
from zdmigrate.run.restore import Frozen, let_on, restore_writes
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
#: Seconds in which an event that is being started shows among the sessions, and for sessions that were ended to go.
#: Clients are let in already, so nobody waits for this.
_EVENT_BEGINS_SECONDS, _GONE_SECONDS = 0.1, 2.0
#: Steps at which a run may be held until a person says go: later ones would act on what was checked long ago.
HOLDABLE = ("identity", "traffic-check", "blockers", "catch-up")


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
        log: where the watchdog writes.
        hold_old: leave the old primary held (fetching, not applying), for its own ALTER. The switchover is then part
            of a larger run, which ends the journal itself.
        hold_before: pause before this step (one of HOLDABLE) until a person says go; "" for not at all.
        recheck: the checks of `preflight`, made again after such a pause.
        off: names of nodes that are switched off and stay so, as a person vouched.
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
    hold_before: str = ""
    recheck: Callable[[], object] = lambda: None
    off: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.monotonic
    result: Result = field(init=False)
    _watchdog: Watchdog | None = None
    _deadline: datetime | None = None
    _frozen_at: float | None = None
    _promote_sent: bool = False
    _undone: Literal["", "restored", "promoted", "not ours", "failed"] = ""
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
            Step("watchdog", self._start_watchdog, self._undo_watchdog),
            Step("fence", self._persist_fence, self._unpersist_fence),
            Step("hold", self.traffic.hold, self._release),
            Step("arm", self._arm),
        )
        fast = (
            Step("freeze", self._freeze, self._unfreeze),
            Step("final-wait", self._final_wait),
            Step("promote", self._promote),
        )
        frozen = {step.name for step in fast}
        asked = self.runner.before
        with signals_later() as self._stop_if_asked:

            def before(name: str) -> None:
                self._stop_if_asked()
                if name in frozen:  # two questions; a third node that hangs must not keep writes blocked
                    self.lock.check(only=(self.old.name, self.new.name), retake=False)
                else:
                    self.lock.check()
                    self._wait_for_go(name)
                asked(name)

            self.runner.before = before
            try:
                self.runner.run([*slow, *fast])
            except UndoError as error:
                if self._undone != "promoted":
                    raise NeedsPersonError(str(error), self._resume_command()) from error
            except (ZdmigrateError, KeyboardInterrupt) as error:
                raise self._given_up(error) from error
            self.runner.before = asked
            return self.forward()

    def forward(self) -> Result:
        """What comes after the promotion; may be run again by a resume. A node that does not answer holds nobody else
        up: what belongs to the others is done all the same, and the rest told."""
        groups = (
            (  # first, and before the watchdog is ended: clients wait, and it would do these two if we die
                Step("flip", lambda: self.traffic.flip(self.new)),
                Step("release", self.traffic.release),
            ),
            (
                Step("disarm", self._disarm),
                Step("unfence", self._unfence),
                Step("forget-source", self._forget_source),
                Step("events", self._events),
            ),
            (Step("fence-old", self._fence_old), Step("repoint-old", self._repoint_old))
            if self.old.name not in self.off
            else (),
            (Step("repoint-replicas", self._repoint_replicas),),
            (
                Step("replicates", self._replicates),
                Step("semi-sync", self._semi_sync),
                Step("events-old", self._events_old),
            ),
            (Step("configuration", self._configuration),),
        )
        asked = self.runner.before
        at_the_door = {step.name for step in groups[0]}
        gone: set[str] = set()

        def before(name: str) -> None:
            # Until clients are let in, only the node that they go to is asked: one that is away must not keep them.
            only = (self.new.name,) if name in at_the_door else None
            try:
                self.lock.check(but=gone, only=only)
            except LostError as error:  # what has to be done there will tell
                gone.add(error.node)
            asked(name)

        self.runner.before = before
        problems: list[ZdmigrateError] = []
        for steps in groups:
            try:
                self.runner.run_on(steps)
            except ZdmigrateError as error:
                problems.append(error)
        self.runner.before = asked
        if not problems:
            try:
                self._end_journal("done")
            except ZdmigrateError as error:
                problems.append(error)
        if problems:
            told = "; ".join(dict.fromkeys(str(problem) for problem in problems))
            raise NeedsPersonError(
                f"{self.new.name} is the primary now, but the rest is not done: {told}", self._resume_command()
            ) from problems[0]
        return self.result

    def _given_up(self, error: BaseException) -> ZdmigrateError:
        """What to raise after everything was undone."""
        said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        if isinstance(error, RefusedError):
            said = "; ".join(error.reasons)
        if self._undone == "not ours":
            return NeedsPersonError(f"given up ({said}); another run has ended this one meanwhile", "zdmigrate status")
        with suppress(ZdmigrateError):  # the abort is what has to be told; an entry left open is for `resume`
            self._end_journal("aborted")
        return AbortedError(f"given up, and {self.old.name} serves as before: {said}")

    def _wait_for_go(self, name: str) -> None:
        """Heed what was asked of this run from elsewhere, and pause where a person wants to say go."""
        if name == self.hold_before:
            ask(self.journal.at, self.journal.id, "pause")
        paused = False
        while (asked := self.journal.asked()) is not None:
            if asked.verb != "pause":
                self.journal.answered()
                raise AbortedError(f"{asked.owner} asked it to stop")
            paused = True
            self._stop_if_asked()
            self.lock.check()
            time.sleep(0.3)
        if paused:
            self.recheck()

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
                replica = self.servers.observe(self.new).replica
                why = "; ".join(replica.errors) if replica else "it follows nobody"
                if replica is None or not replica.sql_running:
                    raise LostError(self.new.name, f"it does not apply: {why or 'its applier was stopped'}", "catch-up")
                if self.clock() > end:
                    limit = f"it did not catch up within {self.policy.catch_up:g} s"
                    raise LostError(self.new.name, f"{limit}{f' ({why})' if why else ''}", "catch-up")
            elif self.clock() - began < 0.1:
                return f"level after {rounds} round(s)"

    def _start_watchdog(self) -> str:
        self._watchdog = Watchdog(self.journal.id, self.old, self.new, self.log, self.topology)
        return f"process {self._watchdog.pid}"

    def _undo_watchdog(self) -> None:
        """It is needed on where we could not let writes on again: then it is left to try."""
        if self._undone == "failed" and self._watchdog is not None:
            self._watchdog.leave()
            self._watchdog = None
        self._stop_watchdog()

    def _stop_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.disarm()
            self._watchdog = None

    def _persist_fence(self) -> str:
        """If the old primary restarts from here on, it comes back read-only (where the flavour can be told)."""
        connection, dialect = self.servers.at(self.old)
        return "persisted" if dialect.persist(connection, writable=False) else "not possible on this flavour"

    def _unpersist_fence(self) -> None:
        """Where a freeze was tried, taking it back did this too, or must not be done."""
        if not self._undone:
            self._insist()

    def _release(self) -> None:
        self.traffic.release()

    def _arm(self) -> str:
        """Announce when the lease on promotion ends to the journal and the watchdog, and get ready to freeze.

        From here on an answer that is late is a lost one: writes are not to be blocked for longer than was said.
        """
        frozen, dialect = self.servers.at(self.old)
        dialect.prepare_freeze(frozen, self.policy.freeze_wait)
        new, dialect = self.servers.at(self.new)
        _, now = dialect.writable(new)
        self._deadline = now + timedelta(seconds=self.policy.lease)
        self.intent = {**self.intent, "deadline": self._deadline.isoformat()}
        self.journal.intend(self.intent)
        assert self._watchdog is not None
        self._watchdog.arm(self._deadline, self.policy.lease, min(self.lock.ids(self.old)))
        self._answer_within(max(2.0, self.policy.freeze_wait + 1.0))
        return f"until {self._deadline:%H:%M:%S} by the clock of {self.new.name}"

    def _answer_within(self, seconds: float) -> None:
        self.lock.answer_within(seconds)
        for node in (self.old, self.new):
            self.servers.at(node)[0].answer_within(seconds)

    def _freeze(self) -> str:
        connection, dialect = self.servers.at(self.old)
        self._frozen_at = self.clock()
        dialect.freeze(connection)
        return f"nobody writes to {self.old.name}"

    def _unfreeze(self) -> None:
        """Writes go on at the old primary, unless the candidate was, or could still be, promoted."""
        self._undone = "failed"
        self.servers.close(self.old)  # on MariaDB this gives the lock back too
        if not self._promote_sent:
            self._insist()
            return
        frozen = Frozen(self.journal.id, self.old, self.new, self._deadline)
        outcome = restore_writes(frozen, self.lock, UNDO_SECONDS)
        if outcome == "promoted":
            self._undone = "promoted"
            raise LostError(self.new.name, "it is writable already, so the run goes forward", "promote")
        self._undone = "not ours" if outcome == "not ours" else "restored"

    def _insist(self) -> None:
        """Let writes on again; nobody was asked to promote the candidate."""
        end = self.clock() + UNDO_SECONDS
        while True:
            try:
                outcome = let_on(self.journal.id, self.old, self.lock)
                break
            except (LostError, ServerError):
                if self.clock() > end:
                    self._undone = "failed"
                    raise
                time.sleep(0.1)
        self._undone = "not ours" if outcome == "not ours" else "restored"

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
        with suppress(ZdmigrateError):  # a node may be gone; what has to be done there will tell
            self._answer_within(ANSWER_SECONDS)
        return "nothing is left to restore"

    def _unfence(self) -> str:
        """If the new primary restarts from here on, it comes back writable (where the flavour can be told)."""
        connection, dialect = self._at(self.new)
        return "persisted" if dialect.persist(connection, writable=True) else "not possible on this flavour"

    def _fence_old(self) -> str:
        """Sessions that stay on the old primary are ended, then the freeze lets go; nobody may write there still."""
        connection, dialect = self._at(self.old)
        dialect.fence(connection)
        stopped = bool(self.intent.get("events")) and dialect.event_scheduler(connection, running=False)
        if stopped:  # an event that was just begun is not a session yet, and its definer may write through the fence
            time.sleep(_EVENT_BEGINS_SECONDS)
        if self.policy.end_sessions:
            ours = self.servers.ids(self.old)
            others = [item for item in dialect.sessions(connection) if item.id not in ours | self.lock.ids(self.old)]
            self.result.ended_sessions += dialect.end_sessions(connection, others)
            self._until_gone(connection, dialect, {item.id for item in others})
        dialect.let_go(connection)
        if dialect.writable(connection)[0] is Writable.ALL:
            raise ServerError(self.old.name, 0, "it is writable although it was fenced", "fence")
        return f"ended {self.result.ended_sessions} session(s)"

    def _until_gone(self, connection: Connection, dialect: Dialect, ids: set[int]) -> None:
        """Wait, but not for long, until sessions that were ended have left.

        One that waits for the lock of the freeze may get it before it hears that it was ended, and may write then.
        """
        end = self.clock() + _GONE_SECONDS
        while self.clock() < end and any(item.id in ids for item in dialect.sessions(connection)):
            time.sleep(0.02)

    def _forget_source(self) -> str:
        connection, dialect = self._at(self.new)
        if not dialect.replica_rows(connection):
            return "follows nobody already"
        dialect.forget_source(connection)
        return "follows nobody"

    def _repoint_old(self) -> str:
        """The old primary fetches from the new one; held, it does not apply.

        A write it got after the freeze is an alarm: following would bury it.
        """
        source = self.servers.observe(self.new)
        connection, dialect = self._at(self.old)
        rows = dialect.replica_rows(connection)
        if rows and dialect.replica_of(rows[0]).source_id == source.own_id:
            return "follows already"
        here, _ = self.servers.at(self.new)
        extra = dialect.errant(connection, here)
        if extra:
            raise NeedsPersonError(
                f"{self.old.name} has transactions that {self.new.name} lacks: {extra}. It stays fenced; look at them "
                f"(mysqlbinlog), save what matters, and clone {self.old.name} from {self.new.name}",
                self._resume_command(),
            )
        if names := self.intent.get("semi_sync"):
            dialect.set_semi_sync(connection, names, source=False)
        dialect.follow(connection, self.servers.source(self.new, held=self.hold_old), demoted=True)
        return "held" if self.hold_old else "follows"

    def _repoint_replicas(self) -> str:
        source = self.servers.observe(self.new)
        moved = []
        for node in self.topology.nodes:
            if node in (self.old, self.new) or node.name in self.off:
                continue
            connection, dialect = self._at(node)
            rows = dialect.replica_rows(connection)
            if rows and dialect.replica_of(rows[0]).source_id == source.own_id:
                continue
            dialect.follow(connection, self.servers.source(self.new), demoted=False)
            moved.append(node.name)
        return ", ".join(moved) or "none"

    def _events(self) -> str:
        """What the old primary ran by its event scheduler, the new one runs now; ALTER EVENT replicates the rest."""
        wanted = self.intent.get("events", [])
        connection, dialect = self._at(self.new)
        enabled = set(self.servers.observe(self.new).events)
        missing = [event for event in wanted if event not in enabled]
        for event in missing:
            connection.run(dialect.event_statement(event, "ENABLE"))
        return f"enabled {len(missing)}"

    def _replicates(self) -> str:
        """A row written now (the journal's own) is seen on every node that applies."""
        connection, dialect = self._at(self.new)
        self.journal.at = connection
        self.journal.intend(self.intent)
        position = dialect.position(connection)
        for node in self.topology.nodes:
            if node == self.new or (node == self.old and self.hold_old) or node.name in self.off:
                continue
            there, _ = self._at(node)
            if not dialect.wait_for(there, position, 10.0):
                errors = "; ".join(self._errors(node)) or "it is slow"
                raise LostError(node.name, f"it does not follow {self.new.name}: {errors}", "replicates")
        return position

    def _errors(self, node: Node) -> tuple[str, ...]:
        replica = self.servers.observe(node).replica
        return replica.errors if replica else ("it follows nobody",)

    def _semi_sync(self) -> str:
        """The roles of semi-synchronous replication move too; not before somebody acknowledges, or commits wait."""
        names = self.intent.get("semi_sync")
        if not names:
            return "not in use"
        connection, dialect = self._at(self.new)
        dialect.set_semi_sync(connection, names, source=True)
        source, replica = names
        for node, on, off in ((self.new, source, replica), (self.old, replica, source)):
            todo = f"write `{on} = ON` and `{off} = OFF` into the [mysqld] section of {node.name}'s configuration file"
            if todo not in self.result.todo:
                self.result.todo.append(todo)
        return f"{self.new.name} waits for acknowledgements"

    def _events_old(self) -> str:
        return "it is held" if self.hold_old else self.wake_events()

    def wake_events(self) -> str:
        """The event scheduler of the old primary, stopped by us, runs again: its events were disabled by then.

        Whoever left the old primary held calls this when it has applied what the new one wrote.
        """
        if not self.intent.get("events") or self.old.name in self.off:
            return "nothing to do"
        connection, dialect = self._at(self.old)
        enabled = self.servers.observe(self.old).events
        if enabled:
            raise LostError(self.old.name, f"it would still run {', '.join(enabled)}", "event_scheduler = ON")
        dialect.event_scheduler(connection, running=True)
        return f"{self.old.name} runs none of them"

    def _configuration(self) -> str:
        """What a restart brings back is right on both servers, or a person is told the line to write."""
        for node, writable in ((self.new, True), (self.old, False)):
            if node.name in self.off:
                self.result.todo.append(f"clone {node.name} from {self.new.name} before it is used again")
                continue
            todo = make_permanent(self.servers, node, writable=writable)
            if todo and todo not in self.result.todo:
                self.result.todo.append(todo)
        return "; ".join(self.result.todo) or "right"

    # --- helpers

    def _at(self, node: Node) -> tuple[Connection, Dialect]:
        """The connection to a node, replaced when the last one was lost."""
        connection, dialect = self.servers.at(node)
        try:
            connection.value("SELECT 1")
        except LostError:
            return self.servers.fresh(node)
        return connection, dialect

    def _end_journal(self, state: str) -> None:
        self._stop_watchdog()
        node = self.new if state == "done" else self.old
        self.journal.at = self.servers.fresh(node)[0]
        for timing in self.runner.timings:
            self.journal.note(timing.name, timing.outcome, timing.seconds * 1000, timing.detail[:500])
        if self.hold_old:
            self.journal.flush()
            return
        self.journal.end("done" if state == "done" else "aborted")

    def _resume_command(self) -> str:
        return f"zdmigrate resume --topology {self.topology.path}"
