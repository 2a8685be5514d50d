"""One run of `apply` over what was prepared: task by task, revision by revision, with the versions written last."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby

from zdmigrate.errors import ZdmigrateError
from zdmigrate.history.catalog import difference
from zdmigrate.plan import PlannedRevision
from zdmigrate.run import batches, replica_first
from zdmigrate.run import kept as keeping
from zdmigrate.run.connection import Connection
from zdmigrate.run.context import RunContext
from zdmigrate.run.contract_gate import ContractGate, NotProvedError
from zdmigrate.run.direct import Direct, StoppedError, is_setting, statement_of
from zdmigrate.run.errors import AbortedError, LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.grants import journal_refused, with_grant
from zdmigrate.run.intercept.earlier import statement_of_upgrade
from zdmigrate.run.intercept.session import NotSentError
from zdmigrate.run.intercept.upgrade import Upgrade
from zdmigrate.run.journal import Asked as Request_
from zdmigrate.run.journal import statements_of
from zdmigrate.run.order import Outcome, Prepared
from zdmigrate.run.prepare import serving_primary
from zdmigrate.run.schema_check import live_catalog, not_as_after, not_the_same
from zdmigrate.run.selection import Task
from zdmigrate.run.steps import Timing
from zdmigrate.run.topology import Node
from zdmigrate.run.versions import Versions, create_table, read_heads, write
from zdmigrate.run.witness import SecondWitness

_PAUSE_SECONDS = 0.5


@dataclass(slots=True)
class Run:
    """One run over what was prepared."""

    prepared: Prepared
    context: RunContext
    at: Callable[[str], None]
    stop_if_asked: Callable[[], None]
    progress: Callable[[str], None] = lambda text: None
    node: Node = field(init=False)
    _versions: Versions = field(init=False)
    _gate: ContractGate = field(init=False)
    _table: str = field(init=False)
    _applied: list[str] = field(default_factory=list)
    _todo: list[str] = field(default_factory=list)
    _notes: tuple[str, ...] = ()
    _figures: dict[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.node = self.prepared.node
        self._versions = Versions(self.prepared.scripts)
        self._table = self.prepared.order.request.settings.version_table
        self._gate = ContractGate(
            self.prepared.order.fleet, self.prepared.plan, self.prepared.asked, self._pending(), self._allowed,
            resumed=self.prepared.entry is not None,
            witness=SecondWitness(self.context.topology.nodes, self.prepared.database),
            window=self.prepared.order.witness_window,
        )  # fmt: skip

    def run(self) -> Outcome:
        """Carry it out."""
        self._begin()
        try:
            with Direct(self.context, self.node, self.prepared.order.command, self.at, self.stop_if_asked) as direct:
                self._all(direct)
            self.context.journal.end("done")
        except (ServerError, StoppedError, RefusedError, AbortedError, KeyboardInterrupt) as error:
            self._stopped(error)
        except LostError as error:
            raise NeedsPersonError(f"{error}; what is done is in the journal", self.prepared.order.command) from error
        left = tuple(item.revision for item in self.prepared.selection.left)
        proof = self._gate.proof
        notes = (*self._notes, *self._gate.notes, *(() if proof is None else (f"allowed by {proof.quote()}",)))
        return Outcome(
            self.context.journal.id, tuple(self._applied), left, tuple(self._todo), proof, notes, self._figures
        )

    def _begin(self) -> None:
        prepared, journal = self.prepared, self.context.journal
        try:
            journal.begin(
                {
                    "command": prepared.order.command,
                    "revisions": [item.revision for item in prepared.selection.revisions],
                    "statements": len(prepared.tasks),
                    "accepted": dict(prepared.asked.accept),
                    "fleet": None if prepared.plan.fleet is None else prepared.plan.fleet.document(),
                }
            )
            journal.answered()
            if prepared.entry is None:
                asked = prepared.order.asked
                kept = keeping.keep(
                    prepared.heads, prepared.base, prepared.selection.revisions, asked.strategy, asked.accept,
                    str(prepared.plan.target), fleet=prepared.order.fleet is not None, phase=asked.phase or "",
                )  # fmt: skip
                journal.keep_plan(kept.encode())
        except ServerError as error:
            raise journal_refused(error, journal.at) from error
        with Connection(self.node, database=self.context.database) as there:
            if not prepared.heads:
                create_table(there, self._table)

    def _all(self, direct: Direct) -> None:
        heads = self._heads()
        done_before = self.prepared.scripts.ancestors(heads)
        pending = [item for item in self.prepared.selection.revisions if item.revision not in done_before]
        for item in self.prepared.selection.revisions:
            if item.revision in done_before:
                for task in self._tasks(item):
                    if task.way == "direct" and is_setting(task.change):
                        direct.recall(task.change)
        tasks = [task for item in pending for task in self._tasks(item) if task.way != "upgrade"]
        waiting = list(pending)
        for way, group in groupby(tasks, key=lambda task: (task.way == "replica-first", _number(tasks, task))):
            several = list(group)
            while waiting and waiting[0] is not several[0].revision:
                self._finish(direct, waiting.pop(0))  # it sends nothing, all of it is done, or upgrade() sends it
            if way[0]:
                self._replica_first(direct, several)
                direct.move(self.node)
            else:
                self._one(direct, several[0])
        for item in waiting:
            self._finish(direct, item)

    def _pending(self) -> list[PlannedRevision]:
        """The revisions that were not done when this process began."""
        done = self.prepared.scripts.ancestors(self.prepared.heads)
        return [item for item in self.prepared.selection.revisions if item.revision not in done]

    def _tasks(self, revision: PlannedRevision) -> list[Task]:
        return [task for task in self.prepared.tasks if task.revision is revision and task.way != "skip"]

    def _one(self, direct: Direct, task: Task) -> None:
        self._between(task.revision)
        change = task.change
        entry = self.prepared.entries.get(change.id)
        began = time.monotonic()
        if not is_setting(change):
            if entry is not None and entry.state == "done":
                return
            if entry is not None and task.way == "direct" and direct.settle(change, entry.connection):
                self._told(change.id, "done", began, "had happened already")
                return
        if task.way == "batches":
            journal = self.context.journal
            journal.statement_begun(change.id, keeping.digest(change.recorded.statement.sql), 0, statement_of(change))
            result = batches.apply_change(self.context, change)
            journal.statement_done(change.id)
            detail = f"{result.changed:,} rows in {result.batches:,} batches"
            if not result.complete:
                self._todo.append(f"{change.id} leaves {result.rows_left:,} rows that its WHERE finds; look at them")
        else:
            try:
                detail = direct.run(change)
            except ServerError as error:
                raise with_grant(error, self.context.journal.at, self.context.database) from error
        self._told(change.id, "done", began, detail)

    def _replica_first(self, direct: Direct, tasks: Sequence[Task]) -> None:
        self._between(tasks[0].revision)
        wanted = []
        for task in tasks:
            entry = self.prepared.entries.get(task.change.id)
            if entry is None or (entry.state != "done" and not direct.settle(task.change, entry.connection)):
                wanted.append(task.change)
        if not wanted:
            return
        for task in tasks:  # they may be of several revisions
            self._gate.admit(task.revision)
        began = time.monotonic()
        for change in wanted:
            sql = change.recorded.statement.sql
            self.context.journal.statement_begun(change.id, keeping.digest(sql), 0, sql)
        order = self.prepared.order
        result = replica_first.apply_changes(
            self.context, wanted, switch_back=order.switch_back, hold_before=order.hold_before,
            before=lambda step: self.at(f"step:{step}"), progress=self.progress,
        )  # fmt: skip
        self._todo.extend(result.todo)
        self._notes += result.notes
        self._figures |= {
            "sessions ended": result.switch.ended_sessions, "position at the freeze": result.switch.position,
        }  # fmt: skip
        self.node, _ = serving_primary(self.prepared.order, self.context.servers)
        self.context.journal.at, _ = self.context.servers.at(self.node)
        for change in wanted:
            self.context.journal.statement_done(change.id, "replica-first")
            self._told(change.id, "done", began, "replica-first")

    def _finish(self, direct: Direct, revision: PlannedRevision) -> None:
        """The revision's schema is true: write its version, with the journal row that says so, in one transaction."""
        self._between(revision)
        planned = revision
        if revision.recorded.data_dependent:
            revision = self._upgraded(direct, revision)
        name = revision.revision
        began = time.monotonic()
        with Connection(self.node, database=self.context.database) as there:
            promised = difference(revision.recorded.before, revision.recorded.after)
            wrong = not_as_after(promised, live_catalog(there)) if promised.changes else ()
            if wrong:
                raise NeedsPersonError(
                    f"all statements of {name} are done, but the schema is not what they should have made: "
                    f"{'; '.join(wrong[:3])}; so its version is not written",
                    self.prepared.order.command,
                )
            heads = set(read_heads(there, self._table))
            changes = self._versions.changes(heads, name)
            self.context.journal.statement_begun(name, "", there.id, f"{self._table}: {name}")
            self.at(f"begun:{name}")
            there.run("START TRANSACTION")
            write(there, self._table, changes)
            self.context.journal.statement_done(name, over=there)
            self.at(f"sent:{name}")
            there.run("COMMIT")
        self.at(f"version:{name}")
        self._applied.append(name)
        self._todo += self._gate.opened(revision)
        self._told(name, "done", began, f"{self._table} written")
        self._check_foretold(planned, revision)

    def _upgraded(self, direct: Direct, revision: PlannedRevision) -> PlannedRevision:
        """Run its own upgrade(); the revision as it was really carried out."""
        upgrade = Upgrade(self.prepared, direct, self._between, lambda: self._gate.proof or self.prepared.plan.fleet)
        try:
            return upgrade.run(revision)
        except ServerError as error:
            raise with_grant(error, self.context.journal.at, self.context.database) from error

    def _check_foretold(self, planned: PlannedRevision, done: PlannedRevision) -> None:
        """What comes after it was judged for the schema that the replays made of it.

        Raises:
            StoppedError: they made another one, and something comes after it.
        """
        if planned is done or planned.revision == self.prepared.selection.revisions[-1].revision:
            return
        other = not_the_same(planned.recorded.after, done.recorded.after)
        if other:
            raise StoppedError(
                f"the rows made another schema of {planned.revision} than was foreseen ({'; '.join(other[:3])}), and "
                "what comes after it was judged for that; the same command judges the rest anew"
            )

    def _heads(self) -> tuple[str, ...]:
        with Connection(self.node, database=self.context.database) as there:
            return read_heads(there, self._table)

    # --- between two statements

    def _between(self, revision: PlannedRevision) -> None:
        """The lock is ours, nobody asked to wait or to stop, and what runs now allows a contract."""
        self.stop_if_asked()
        try:
            self.context.lock.check()
        except ZdmigrateError as error:  # another run may be at work by now: nothing more is written
            raise NeedsPersonError(str(error), self.prepared.order.command) from error
        told = False
        while True:
            asked = self._asked()
            if asked is None:
                self._gate.admit(revision)
                return
            if asked.verb != "pause":
                raise StoppedError(f"asked to stop by {asked.owner}")
            if not told:
                said = f"paused by {asked.owner}; `zdmigrate resume` lets it go on"
                self._told(revision.revision, "waits", time.monotonic(), said)
                told = True
            self.stop_if_asked()
            time.sleep(_PAUSE_SECONDS)

    def _asked(self) -> Request_ | None:
        try:
            return self.context.journal.asked()
        except LostError:
            self.context.journal.at, _ = self.context.servers.fresh(self.node)
            return self.context.journal.asked()

    def _stopped(self, error: BaseException) -> None:
        """Say where it stopped: between two revisions the run is over, inside one it waits to be gone on with."""
        said = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        if isinstance(error, NotProvedError | NotSentError):  # whether anything changed before is for us to say
            said = "; ".join(error.reasons)
        applied = f"; applied are {', '.join(self._applied)}" if self._applied else ""
        current, done = self._current()
        barriers = self._barriers_down(current, done)
        if done:
            raise NeedsPersonError(
                f"{said}; of revision {current} {done} are done{applied}{barriers}", self.prepared.order.command
            ) from error
        journal = self.context.journal
        with suppress(ZdmigrateError):
            journal.answered()
            journal.end("aborted")
        refusal = isinstance(error, NotProvedError | NotSentError)
        if isinstance(error, RefusedError) and refusal and not self._applied and self.prepared.entry is None:
            raise type(error)([*error.reasons, *([barriers.removeprefix("; ")] if barriers else [])]) from error
        what = "it stopped between two revisions" if self._applied else "nothing was changed"
        raise AbortedError(f"{said}; {what}{applied}{barriers}") from error

    def _barriers_down(self, current: str, done: str) -> str:
        """Nothing of a contract that has not begun keeps old code out; what is left to do, in words."""
        if current == "unknown":  # it may have begun
            return ""
        left = self._gate.lower([*self._applied, *([current] if done else [])])
        return "".join(f"; {item}" for item in left)

    def _current(self) -> tuple[str, str]:
        """The revision it stopped in, and how many of its statements are done, "" for none."""
        with suppress(ZdmigrateError):
            connection, _ = self.context.servers.fresh(self.node)
            self.context.journal.at = connection
            heads = self._heads()
            entries = {item.item: item.state for item in statements_of(connection, self.context.journal.id)}
            before = self.prepared.scripts.ancestors(heads)
            for item in self.prepared.selection.revisions:
                if item.revision in before:
                    continue
                if item.recorded.data_dependent:
                    names = [name for name, state in entries.items() if state == "done"]
                    done = sum(statement_of_upgrade(name, item.revision) for name in names)
                    return item.revision, f"{done} statement(s)" if done else ""
                ids = [task.change.id for task in self._tasks(item) if not is_setting(task.change)]
                count = sum(entries.get(name) == "done" for name in ids)
                return item.revision, f"{count} of {len(ids)} statements" if count else ""
            return "", ""
        return "unknown", "some statements"

    def _allowed(self, timing: Timing) -> None:
        """What let a contract through is kept with the run."""
        self.context.journal.note(timing.name, timing.outcome, timing.seconds * 1000, timing.detail)
        self.context.journal.flush()
        self.context.listener(timing)

    def _told(self, name: str, outcome: str, began: float, detail: str = "") -> None:
        self.context.listener(Timing(name, outcome, 0.0, time.monotonic() - began, detail))


def _number(tasks: Sequence[Task], task: Task) -> int:
    """One number for each task that goes alone; the same for all that go replica-first together."""
    return -1 if task.way == "replica-first" else next(i for i, item in enumerate(tasks) if item is task)
