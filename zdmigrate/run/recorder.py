"""Listens while a run goes on, and makes the record of it. For reports; nothing is decided here.

What cannot be found out (a server that does not answer) is left out: it never stands in the way of the run.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.connection import Connection, Sent, witnessed
from zdmigrate.run.flavours import Dialect, dialect_of
from zdmigrate.run.kept import digest
from zdmigrate.run.record import (
    ChangeRecord,
    LagRecord,
    NodeRecord,
    RevisionRecord,
    RunRecord,
    StatementRecord,
    StepRecord,
    ending_of,
    settings_in,
)
from zdmigrate.run.state import Writable
from zdmigrate.run.steps import Timing
from zdmigrate.run.topology import Node, Topology

if TYPE_CHECKING:
    from zdmigrate.run.order import Prepared

#: Seconds between two looks at how far replicas are behind.
LAG_SECONDS = 1.0
#: Of nodes that follow nobody it is asked less often whether they do now: each look is a connection of its own.
_IDLE_LOOKS = 5

#: The tool's own bookkeeping, and what ends with its connection.
_OWN = re.compile(
    r"\s*(?:(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|CREATE\s+TABLE\s+IF\s+NOT\s+EXISTS)\s+zdmigrate\.|"
    r"CREATE\s+DATABASE\s+IF\s+NOT\s+EXISTS\s+zdmigrate|START\s+TRANSACTION|SET\s+TRANSACTION|COMMIT|ROLLBACK|"
    r"SET\s+SESSION\s+(?:wait_timeout|lock_wait_timeout|innodb_lock_wait_timeout|max_statement_time|sql_select_limit)|"
    r"DO\s+LAST_INSERT_ID\()",
    re.IGNORECASE,
)
#: Variables that change by themselves.
_VOLATILE = ("gtid_", "timestamp", "last_", "innodb_buffer_pool_load", "rpl_semi_sync_source_wait", "wsrep_")

#: At which of the two servers of a switchover a step is at work; what is not here concerns all.
_AT_OLD = frozenset({"blockers", "watchdog", "fence", "freeze", "fence-old", "repoint-old", "events-old"})
_AT_NEW = frozenset({"catch-up", "arm", "final-wait", "promote", "unfence", "forget-source", "events", "semi-sync"})


class Recorder:
    """Listens to one run from `begin` on; `end` makes the record.

    Attributes:
        new: the node that is to become primary; found out from the steps where it is not given.
        reports: of runs that were part of this one: there are none.
        figures, revisions, accepted, notes, todo, exit_code: as in `RunRecord`; whoever runs fills them in.
    """

    reports = None

    def __init__(self, kind: str, topology: Topology, command: str, *, new: str = "") -> None:
        self.kind = kind
        self.new = new
        self.figures: dict[str, str | int | float] = {}
        self.revisions: tuple[RevisionRecord, ...] = ()
        self.accepted: dict[str, str] = {}
        self.notes: tuple[str, ...] = ()
        self.todo: tuple[str, ...] = ()
        self.exit_code = 0
        self.run = ""
        self.continued = False
        self.began: datetime | None = None
        self._topology = topology
        self._command = command
        self._start = 0.0
        self._steps: list[StepRecord] = []
        self._statements: list[StatementRecord] = []
        self._before: tuple[NodeRecord, ...] = ()
        self._variables: dict[str, dict[str, str]] = {}
        self._looking: threading.Thread | None = None
        self._mutex = threading.Lock()
        self._open = ExitStack()
        self._lag = _LagWatch(topology)

    def begin(self, run: str, *, continued: bool = False, kind: str = "") -> None:
        """The run begins; what came before is not part of it. Told twice of one run, it began at the first time."""
        if self.began is not None:
            return
        self.run, self.continued, self.kind = run, continued, kind or self.kind
        if continued:  # nodes may be away, and writes may be blocked: whoever ends that must not wait for us
            self._looking = threading.Thread(target=self._look_before, name="zdmigrate look", daemon=True)
            self._looking.start()
        else:
            self._look_before()
        self.began, self._start = datetime.now(UTC), time.monotonic()
        self._open.enter_context(witnessed(self._sent))
        if len(self._topology.nodes) > 1:
            self._lag.start(self._start)

    def _look_before(self) -> None:
        self._before = tuple(look(node) for node in self._topology.nodes)
        answering = [node for node, seen in zip(self._topology.nodes, self._before, strict=True) if seen.server]
        self._variables = {node.name: variables_of(node) for node in answering}

    def step(self, timing: Timing) -> None:
        """A step ended."""
        if self.began is not None:
            end = time.monotonic() - self._start
            start = max(0.0, end - timing.seconds)
            self._steps.append(StepRecord(timing.name, "", timing.outcome, start, timing.seconds, timing.detail))

    def _sent(self, sent: Sent) -> None:
        if _OWN.match(sent.sql):
            return
        values = tuple(str(value) for value in sent.values)
        with self._mutex:
            last = next((item for item in reversed(self._statements) if item.node == sent.node), None)
            if last is not None and (last.sql, last.error) == (sent.sql, sent.error):
                last.times += 1
                last.seconds += sent.seconds
                last.values = last.values if last.values == values else ()
                return
            start = max(0.0, sent.began - self._start)
            self._statements.append(
                StatementRecord(sent.node, sent.sql, digest(sent.sql), start, sent.seconds, values, error=sent.error)
            )

    def end(self, error: BaseException | None = None) -> RunRecord | None:
        """The run ended, with `error` or well; None when it never began."""
        if self.began is None:
            self.close()
            return None
        seconds = time.monotonic() - self._start
        self.close()
        if self._looking is not None:
            self._looking.join()  # each look is bounded
        outcome, said, command = ending_of(error)
        exit_code = self.exit_code if error is None else int(getattr(error, "exit_code", 1))
        old = next((item.name for item in self._before if item.writable == Writable.ALL.shown and not item.follows), "")
        new = self.new or _candidate(self._steps)
        return RunRecord(
            run=self.run, kind=self.kind, continued=self.continued, command=self._command, began=self.began,
            ended=datetime.now(UTC), seconds=seconds, outcome=outcome, exit_code=exit_code, message=said,
            next=command, old=old, new=new, before=self._before,
            after=tuple(look(node) for node in self._topology.nodes),
            steps=tuple(_placed(self._steps, self._topology, old, new, self.revisions)),
            statements=tuple(self._statements),
            lag=tuple(self._lag.found), revisions=self.revisions, figures=dict(self.figures),
            variables=self._changed(), accepted=dict(self.accepted), notes=self.notes, todo=self.todo,
        )  # fmt: skip

    def close(self) -> None:
        """Stop listening."""
        self._open.close()
        self._lag.stop()

    def _changed(self) -> dict[str, dict[str, tuple[str, str]]]:
        touched = {(item.node, name) for item in self._statements for name, _ in settings_in(item.sql)}
        found: dict[str, dict[str, tuple[str, str]]] = {}
        for node in self._topology.nodes:
            before = self._variables.get(node.name, {})
            now = variables_of(node) if before else {}
            if not now:
                continue
            for name in sorted(before.keys() | now.keys()):
                pair = (before.get(name, ""), now.get(name, ""))
                if pair[0] != pair[1] or (node.name, name) in touched:
                    found.setdefault(node.name, {})[name] = pair
        return found


def look(node: Node) -> NodeRecord:
    """What a server says of itself now, to an account that may not see much, too."""
    address = f"{node.url.host or 'localhost'}:{node.url.port or 3306}"
    try:
        with Connection(node) as connection:
            dialect = dialect_of(connection)
            shown = dialect.writable(connection)[0].shown
            problem = ""
            try:
                rows = dialect.replica_rows(connection)
            except ZdmigrateError as error:
                rows, problem = [], f"whom it follows is not known: {error}"
            if not rows:
                return NodeRecord(node.name, address, str(dialect.flavour), shown, problem=problem)
            replica = dialect.replica_of(rows[0])
            follows = f"{replica.source_host}:{replica.source_port}"
            return NodeRecord(
                node.name, address, str(dialect.flavour), shown, follows, replica.lag, replica.held,
                "; ".join(replica.errors),
            )  # fmt: skip
    except ZdmigrateError as error:
        return NodeRecord(node.name, address, problem=str(error))


def variables_of(node: Node) -> dict[str, str]:
    """Its global variables, but for those that change by themselves; empty when it does not say."""
    with suppress(ZdmigrateError), Connection(node) as connection:
        return {
            str(row["Variable_name"]).lower(): str(row["Value"])
            for row in connection.rows("SHOW GLOBAL VARIABLES")
            if not str(row["Variable_name"]).lower().startswith(_VOLATILE)
        }
    return {}


class _LagWatch:
    """Asks, over connections of its own, how far each replica is behind; keeps what changes."""

    def __init__(self, topology: Topology) -> None:
        self.found: list[LagRecord] = []
        self._nodes = topology.nodes
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._open: dict[str, tuple[Connection, Dialect]] = {}
        self._last: dict[str, int | None] = {}

    def start(self, start: float) -> None:
        """Begin; times are counted from `start`."""
        self._thread = threading.Thread(target=self._watch, args=(start,), name="zdmigrate lag", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it; a server that does not answer is not waited for."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)
            self._thread = None

    def _watch(self, start: float) -> None:
        turn = 0
        while not self._stop.is_set():
            for node in self._nodes:
                if node.name in self._open or turn % _IDLE_LOOKS == 0:
                    self._ask(node, start)
            turn += 1
            self._stop.wait(LAG_SECONDS)
        for connection, _ in self._open.values():
            connection.close()

    def _ask(self, node: Node, start: float) -> None:
        lag: int | None = None
        try:
            if node.name not in self._open:
                connection = Connection(node, answer_seconds=3.0)
                self._open[node.name] = (connection, dialect_of(connection))
            connection, dialect = self._open[node.name]
            rows = dialect.replica_rows(connection)
            if not rows:  # not kept open: sessions on a primary may be ended, and are counted
                self._close(node)
                if node.name not in self._last:
                    return
            else:
                lag = dialect.replica_of(rows[0]).lag
        except ZdmigrateError:
            self._close(node)
        if node.name not in self._last or self._last[node.name] != lag:
            self._last[node.name] = lag
            self.found.append(LagRecord(node.name, time.monotonic() - start, lag))

    def _close(self, node: Node) -> None:
        if node.name in self._open:
            self._open.pop(node.name)[0].close()


def _candidate(steps: Sequence[StepRecord]) -> str:
    """The replica that a replica-first run altered last before it switched."""
    found = ""
    for step in steps:
        if step.name == "freeze":
            return found
        if step.name.startswith("alter "):
            found = step.name.removeprefix("alter ")
    return ""


def _placed(
    steps: Sequence[StepRecord], topology: Topology, old: str, new: str, revisions: Sequence[RevisionRecord]
) -> Iterator[StepRecord]:
    """The steps with where each was at work. From a second switchover on, the roles are the other way round."""
    names = {node.name for node in topology.nodes}
    planned = {item.revision for item in revisions} | {change.id for item in revisions for change in item.changes}
    frozen, there, serving = old, new, old
    begun = 0
    for step in steps:
        if step.name == "identity" and step.outcome == "done":
            begun += 1
            if begun > 1:
                frozen, there = there, frozen
        last = step.name.rpartition(" ")[2]
        node = last if last in names and " " in step.name else ""
        if step.name in _AT_OLD:
            node = frozen
        elif step.name in _AT_NEW:
            node = there
        elif (step.name in planned or step.name.rpartition(":")[0] in planned) and step.detail != "replica-first":
            node = serving
        if step.name == "promote" and step.outcome == "done":
            serving = there
        yield replace(step, node=node)


def revisions_of(prepared: Prepared) -> tuple[RevisionRecord, ...]:
    """The revisions that `apply` was to carry out (an `apply.Prepared`), with what makes each statement safe."""
    found = []
    for revision in prepared.selection.revisions:
        ways = {task.change.id: task.way for task in prepared.tasks if task.revision is revision}
        changes = []
        for change in revision.changes:
            conditions = []
            for condition in change.judgement.conditions:
                proof = change.proofs.get(condition)
                met = "not asked" if proof is None else ("met: " if proof.met else "not met: ") + proof.text
                conditions.append(f"{condition.text} ({met})")
            sql = change.recorded.statement.sql
            accepted = prepared.asked.reason(change, revision) or prepared.asked.accept.get(revision.revision, "")
            changes.append(
                ChangeRecord(
                    change.id, sql, digest(sql), ways.get(change.id, ""), change.verdict.value, tuple(conditions),
                    accepted,
                )
            )  # fmt: skip
        found.append(RevisionRecord(revision.revision, revision.phase.value, revision.verdict.value, tuple(changes)))
    return tuple(found)
