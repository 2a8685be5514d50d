"""ALTER the replicas first, move the primary, then ALTER the old one: for changes whose row events cross it unharmed.

Until the promotion everything can be taken back, the replicas' schema included; after it the run only goes forward.
The old primary is *held* from its repointing on: it fetches and does not apply until it has the ALTER itself, because
live replication onto the old schema diverges silently for a third of all ALTERs (docs/replication-classes.md). What a
killed run left is found by looking: at the process list for an ALTER under way, at definitions for one that ended, at
read_only for where the primary is. docs/replica-first.md says why each step is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from zdmigrate.errors import ZdmigrateError
from zdmigrate.plan import PlannedChange
from zdmigrate.run import runs
from zdmigrate.run.connection import Connection
from zdmigrate.run.context import RunContext
from zdmigrate.run.definition import read_definition
from zdmigrate.run.errors import AbortedError, LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.journal import Entry, Journal, ask
from zdmigrate.run.replica_nodes import NodeWork
from zdmigrate.run.replica_prepare import PROOF_SECONDS, disproved, prepare
from zdmigrate.run.replica_work import KIND, DifferentError, RunJournal, SwitchJournal, Work, command
from zdmigrate.run.restore import Frozen, restore_writes
from zdmigrate.run.state import Writable
from zdmigrate.run.steps import Step, StepRunner, Timing, UndoError
from zdmigrate.run.switchover import KIND as SWITCHOVER
from zdmigrate.run.switchover import Result as SwitchResult
from zdmigrate.run.switchover import Switchover
from zdmigrate.run.topology import Node
from zdmigrate.run.traffic import open_traffic

Before = Callable[[str], None]


@dataclass(slots=True)
class Result:
    """What a replica-first run did.

    Attributes:
        switch: the switchover in it.
        compared: by node and table, what its checksum came to, in words.
        notes, todo: what to know; what a person has to do yet.
    """

    switch: SwitchResult
    compared: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    todo: list[str] = field(default_factory=list)


def apply_changes(
    context: RunContext,
    changes: Sequence[PlannedChange],
    *,
    to: str | None = None,
    switch_back: bool = False,
    hold_before: str = "",
    before: Before = lambda name: None,
    progress: Callable[[str], None] = lambda text: None,
) -> Result:
    """Carry a group of ALTERs out replica-first, with one switchover.

    Args:
        to: the node that becomes primary; default: the first replica of the topology.
        switch_back: move the primary back when all is done.
        hold_before: pause before this step ("switchover": all is ready) until `zdmigrate resume` or `abort`.
        before: told of each step before it begins ("switchover" before that); may raise to stop there.
        progress: told in words what is going on, about twice a second.

    Raises:
        RefusedError: nothing was changed.
        AbortedError: it was given up before the switch, and everything is as it was.
        NeedsPersonError: a person has to go on; says the one command.
    """
    work, notes = prepare(context, changes, to=to)
    work.switch_back = switch_back
    work.hold_before = hold_before
    work.parent = context.journal.id
    journal = RunJournal(context.servers.at(context.topology.node(work.old))[0])
    journal.begin(work.as_json())
    result = ReplicaFirst(context, work, journal, before, progress).run()
    result.notes = notes
    return result


def resume(
    context: RunContext, entry: Entry, *, undo: bool = False, progress: Callable[[str], None] = lambda text: None
) -> Result:
    """Go on with a run that stopped, from what the servers say; with `undo`, take it back if that is still possible.

    Raises:
        AbortedError: it was taken back.
        NeedsPersonError: a person has to go on.
    """
    work = Work.of_json(entry.intent)
    topology, servers = context.topology, context.servers
    old, new = topology.node(work.old), topology.node(work.new)
    for node in (old, new):
        now = servers.observe(node).identity
        if now != work.identities[node.name]:
            raise NeedsPersonError(
                f"{node.name} is not the server that the run {entry.id} began with ({now})",
                f"correct {topology.path}, then `zdmigrate resume --topology {topology.path}`",
            )
    promoted = _was_promoted(context, work)
    journal = RunJournal(servers.at(new if promoted else old)[0], entry.id)
    run = ReplicaFirst(context, work, journal, lambda name: None, progress)
    if promoted:
        if undo:
            raise NeedsPersonError(
                f"{new.name} is the primary already: it can only go on", f"zdmigrate resume --topology {topology.path}"
            )
        return run.go_on_after_the_switch()
    if work.switch is not None:
        run.let_writes_on()
    journal.begin(work.as_json())
    if undo or work.phase == "undo":
        run.take_back()
    return run.run()


def resume_left(left: runs.Left) -> SwitchResult:
    """What `zdmigrate resume` calls for a run of this kind."""
    work = Work.of_json(left.entry.intent)
    try:
        old, new = left.topology.node(work.old), left.topology.node(work.new)
        journal = RunJournal(left.servers.at(old)[0], left.entry.id)
        context = RunContext(left.topology, left.servers, left.lock, journal, left.policy, left.listener, work.database)
        if work.switch is not None and work.phase != "switched":
            runs.serve_again(left, work.switch, old, new)
        asked = journal.asked()
        if asked is not None and asked.verb == "pause":
            with suppress(ServerError):  # frozen, it takes no writes; then it is taken back when asked for again
                journal.answered()
        return resume(context, left.entry, undo=asked is not None and asked.verb != "pause").switch
    except LostError as error:
        raise NeedsPersonError(
            f"what became of the run {left.entry.id} cannot be known while a node is away: {error}",
            runs.resume_command(left.topology),
        ) from error


class ReplicaFirst:
    """One run, begun or resumed."""

    def __init__(
        self,
        context: RunContext,
        work: Work,
        journal: Journal,
        before: Before = lambda name: None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._context = context
        self._work = work
        self._journal = journal
        self._before = before
        self._progress = progress
        self._old = context.topology.node(work.old)
        self._new = context.topology.node(work.new)
        self._others = [context.topology.node(name) for name in work.others]
        self._switched: SwitchResult | None = None
        self._nodes = NodeWork(context, work, journal.id, self._keep, progress)
        self._runner = StepRunner(listener=context.listener, before=self._before_step)

    def run(self) -> Result:
        """Replicas, switchover, old primary; see `apply_changes`."""
        # The candidate comes last: between its comparison and the switch nothing else takes time.
        steps = [step for node in (*self._others, self._new) for step in self._steps_of(node)]
        try:
            try:
                self._runner.run(steps)
            except UndoError as error:
                raise NeedsPersonError(str(error), command(self._context)) from error
            except (ZdmigrateError, KeyboardInterrupt) as error:
                self._end("aborted")
                said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
                raise AbortedError(f"given up, and every node is as it was: {said}") from error
            self._switch()
            return self._finish()
        finally:
            self._hand_back()

    def go_on_after_the_switch(self) -> Result:
        """The candidate is the primary: finish, from wherever it stopped."""
        try:
            self._journal.begin(self._work.as_json())
            if self._work.phase != "switched":
                self._switched = self._switchover().forward()
                self._work.phase = "switched"
                self._keep()
            return self._finish()
        finally:
            self._hand_back()

    def let_writes_on(self) -> None:
        """The run stopped in the middle of its switchover: nobody was promoted, so the old primary serves again."""
        assert self._work.switch is not None
        text = self._work.switch.get("deadline")
        deadline = datetime.fromisoformat(text) if text else None
        try:
            outcome = restore_writes(
                Frozen(self._journal.id, self._old, self._new, deadline), self._context.lock, runs.RESTORE_SECONDS
            )
        except ZdmigrateError as error:
            raise NeedsPersonError(
                f"{self._old.name} may be read-only still: {error}", command(self._context)
            ) from error
        if outcome == "promoted":
            raise NeedsPersonError(f"{self._new.name} became writable just now", command(self._context))
        if outcome == "not ours":
            raise AbortedError(f"somebody else ended the run {self._journal.id} meanwhile")
        open_traffic(self._context.topology).release()
        self._work.switch = None
        self._work.phase = "replicas"

    def take_back(self) -> None:
        """Undo everything, from whatever state.

        Raises:
            AbortedError: always, when it is done.
            NeedsPersonError: it could not be done.
        """
        problems = []
        for node in (self._new, *reversed(self._others)):
            try:
                self._nodes.undo_alter(node)
            except ZdmigrateError as error:
                problems.append(str(error))
        if problems:
            raise NeedsPersonError("; ".join(problems), command(self._context))
        self._end("aborted")
        self._hand_back()
        raise AbortedError(f"the {KIND} run {self._journal.id} was taken back; {self._old.name} serves as before")

    def _steps_of(self, node: Node) -> tuple[Step, ...]:
        return (
            Step(f"alter {node.name}", lambda: self._nodes.alter_replica(node), lambda: self._nodes.undo_alter(node)),
            Step(f"catch up {node.name}", lambda: self._nodes.catch_up(node, self._old)),
            Step(f"compare {node.name}", lambda: self._nodes.compare(node, self._old)),
        )

    def _before_step(self, name: str) -> None:
        self._context.lock.check()
        if name == self._work.hold_before:
            ask(self._context.servers.fresh(self._serving())[0], self._journal.id, "pause")
            self._work.hold_before = ""  # once, also when the run is killed while it waits and resumed
            self._keep()
            self._context.listener(Timing(name, "waits", 0.0, 0.0, "all is ready; `zdmigrate resume` lets it go on"))
        self._heed()
        self._before(name)

    def _heed(self) -> None:
        """Wait, or stop, if somebody asked this run to (`zdmigrate pause`, `zdmigrate abort`)."""
        while True:
            self._journal.at = self._context.servers.at(self._serving())[0]
            asked = self._journal.asked()
            if asked is None:
                return
            if asked.verb != "pause":
                raise AbortedError(f"{asked.owner} asked for it")
            self._progress(f"paused by {asked.owner}")
            time.sleep(1.0)

    def _switch(self) -> None:
        work, context = self._work, self._context
        try:
            self._before_step("switchover")
            took = self._prove(PROOF_SECONDS)
            if took > context.policy.freeze_cap / 2:
                raise LostError(
                    self._old.name,
                    f"the proof takes {took:.1f} s and has to be repeated while writes are blocked, for at most "
                    f"{context.policy.freeze_cap:g} s (--freeze-cap): give it an index, or a longer cap",
                    "proof",
                )
            checked = runs.preflight(context.topology, context.servers, self._new, context.policy)
            work.switch = runs.intent_of(checked, held=True)
            work.phase = "switch"
            self._keep()
            self._switched = self._switchover().run()
        except (AbortedError, RefusedError, LostError, ServerError, KeyboardInterrupt) as error:
            said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            work.switch, work.phase = None, "replicas"
            with suppress(ZdmigrateError):  # a resume finds out by itself
                self._keep()
            raise NeedsPersonError(
                f"{self._old.name} serves as before, and the replicas have the ALTER and follow; the switch was not "
                f"made: {said}",
                f"{command(self._context)} tries again; after `zdmigrate abort` it takes the ALTER back",
            ) from error
        work.phase = "switched"
        self._keep()

    def _switchover(self, *, hold_old: bool = True) -> Switchover:
        assert self._work.switch is not None
        context = self._context
        serving = self._serving()
        journal = SwitchJournal(context.servers.at(serving)[0], self._journal.id, self._keep_switch)
        return Switchover(
            context.topology, context.servers, context.lock, journal,
            StepRunner(listener=context.listener, before=self._within_switch), open_traffic(context.topology),
            context.policy, self._old, self._new, self._work.switch, runs.state_folder() / f"{self._journal.id}.log",
            hold_old=hold_old,
        )  # fmt: skip

    def _keep_switch(self, at: Connection, intent: Mapping[str, Any]) -> None:
        self._work.switch = dict(intent)
        self._journal.at = at
        self._journal.intend(self._work.as_json())

    def _within_switch(self, name: str) -> None:
        self._before(name)
        if name == "promote":  # everything is frozen: what is true now stays true
            self._still_as_altered()
            self._prove(self._context.policy.freeze_cap / 2)

    def _still_as_altered(self) -> None:
        """Nobody else altered the tables meanwhile."""
        final = self._work.final()
        for node, expected in ((self._old, self._work.before), (self._new, final)):
            connection, _ = self._context.servers.at(node)
            for table in self._work.tables:
                if read_definition(connection, self._work.database, table) != expected[table]:
                    raise ServerError(node.name, 0, f"somebody else altered {table} meanwhile", "SHOW CREATE TABLE")

    def _prove(self, seconds: float) -> float:
        """Ask the proofs on the primary; how long that took.

        Raises:
            ServerError: a row speaks against it.
            LostError: it was not answered in time.
        """
        began = time.monotonic()
        if self._work.proofs:
            found = disproved(self._context, self._old, self._work.proofs, seconds)
            if found:
                raise ServerError(self._old.name, 0, "; ".join(found), "proof")
        return time.monotonic() - began

    def _finish(self) -> Result:
        """The old primary gets the ALTERs while it is held, then applies what it fetched."""
        work, old, new = self._work, self._old, self._new
        steps = [
            Step("restore conversions", self._nodes.settings_back),
            Step(f"alter {old.name}", self._nodes.alter_old),
            Step(f"release {old.name}", self._nodes.release_old),
            Step(f"catch up {old.name}", lambda: self._nodes.catch_up(old, new)),
            Step("events-old", lambda: self._switchover(hold_old=False).wake_events()),
        ]
        try:
            self._runner.run_on(steps)
            self._runner.run([Step(f"compare {old.name}", lambda: self._nodes.compare(old, new))])
        except NeedsPersonError:
            raise
        except DifferentError as error:
            raise NeedsPersonError(
                f"{new.name} is the primary and serves with the ALTER, but {error}. Look at these rows on both",
                f"clone {old.name} from {new.name}, or correct it, then {command(self._context)}",
            ) from error
        except (ZdmigrateError, KeyboardInterrupt) as error:
            said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            raise NeedsPersonError(
                f"{new.name} is the primary and serves with the ALTER, but the rest is not done: {said}",
                command(self._context),
            ) from error
        self._end("done")
        switched = self._switched or SwitchResult(old.name, new.name)
        result = Result(switched, dict(work.compared), todo=list(switched.todo))
        if work.switch_back:
            try:
                result.switch = self._switch_back()
                result.todo = list(result.switch.todo)
            except (AbortedError, RefusedError, LostError, ServerError) as error:
                result.todo.append(
                    f"{new.name} is the primary still, as it could not be moved back ({error}): zdmigrate switchover "
                    f"--topology {self._context.topology.path} --to {old.name}"
                )
        return result

    def _switch_back(self) -> SwitchResult:
        """The primary goes back to where it was, with the lock and the connections of this run."""
        context = self._context
        checked = runs.preflight(context.topology, context.servers, self._old, context.policy)
        intent = runs.intent_of(checked)
        journal = Journal(context.servers.at(self._new)[0], SWITCHOVER)
        journal.begin(intent)
        runner = StepRunner(listener=context.listener, before=self._before)
        log = runs.state_folder() / f"{journal.id}.log"
        return Switchover(
            context.topology, context.servers, context.lock, journal, runner, open_traffic(context.topology),
            context.policy, self._new, self._old, intent, log,
        ).run()  # fmt: skip

    def _serving(self) -> Node:
        """The node that the journal is written on."""
        return self._new if _was_promoted(self._context, self._work) else self._old

    def _keep(self) -> None:
        """Write how far it is, over a connection that is surely alive: an ALTER may have taken hours."""
        self._journal.at = self._context.servers.fresh(self._serving())[0]
        self._journal.intend(self._work.as_json())

    def _end(self, state: Literal["done", "aborted"]) -> None:
        self._journal.at = self._context.servers.fresh(self._serving())[0]
        for timing in self._runner.timings:
            self._journal.note(timing.name, timing.outcome, timing.seconds * 1000, timing.detail[:500])
        if state == "done" and self._work.parent:  # who goes on with it must not do it again: a rebuild leaves no trace
            parent = Journal(self._journal.at, "apply", self._work.parent)
            for alteration in self._work.alterations:
                parent.statement_done(alteration.id, "replica-first")
        self._journal.end(state)

    def _hand_back(self) -> None:
        """The caller's journal goes on at whoever serves now."""
        with suppress(ZdmigrateError):
            serving = self._serving()
            if self._work.switch_back and self._switched is not None:
                back, dialect = self._context.servers.at(self._old)
                serving = self._old if dialect.writable(back)[0] is Writable.ALL else serving
            self._context.journal.at = self._context.servers.fresh(serving)[0]


def _was_promoted(context: RunContext, work: Work) -> bool:
    """Whether the candidate is the primary by now: it is writable, and this run had announced its promotion."""
    if work.switch is None or work.switch.get("deadline") is None:
        return False
    connection, dialect = context.servers.at(context.topology.node(work.new))
    return dialect.writable(connection)[0] is Writable.ALL
