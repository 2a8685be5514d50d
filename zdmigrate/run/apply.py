"""`zdmigrate apply`: plan against the live schema, admit, ask, carry out, journal; and go on where a run stopped.

What a rerun goes on with is what the stopped run was admitted to do, kept in its journal: the schema it began with,
and a hash of every statement. How far it came is decided by the version table, then by looking at the schema.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby

from zdmigrate.assemble import Request, assemble
from zdmigrate.errors import UsageError, ZdmigrateError
from zdmigrate.fleet import Fleet, FleetError
from zdmigrate.history.catalog import Catalog, difference
from zdmigrate.history.scripts import Scripts
from zdmigrate.plan import Plan, PlannedRevision
from zdmigrate.run import batches, replica_first, runs
from zdmigrate.run import kept as keeping
from zdmigrate.run.acceptance import check_accepted
from zdmigrate.run.connection import Connection, quoted
from zdmigrate.run.context import RunContext
from zdmigrate.run.contract_gate import ContractGate, NotProvedError, is_contract
from zdmigrate.run.direct import Direct, StoppedError, is_setting, statement_of
from zdmigrate.run.errors import AbortedError, LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.flavours import OLDEST
from zdmigrate.run.journal import Asked as Request_
from zdmigrate.run.journal import Entry, Journal, StatementEntry, plan_of, statements_of, unfinished
from zdmigrate.run.lock import RunLock
from zdmigrate.run.policy import Policy
from zdmigrate.run.replica_work import KIND as GROUP
from zdmigrate.run.roles import find_roles
from zdmigrate.run.schema_check import live_catalog, not_as_after
from zdmigrate.run.selection import Asked, Selection, Strategy, Task, select
from zdmigrate.run.servers import Servers
from zdmigrate.run.state import Writable
from zdmigrate.run.steps import Listener, Timing, signals_later
from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.versions import Versions, create_table, read_heads, write
from zdmigrate.run.versions import statements_of as version_statements
from zdmigrate.verdict.fleet_proof import FleetProof
from zdmigrate.verdict.model import Phase
from zdmigrate.waivers import apply_waivers

KIND = "apply"
_PAUSE_SECONDS = 0.5
#: Errors that are about what the account may do.
_NOT_ALLOWED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1410})


@dataclass(frozen=True)
class Order:
    """What a person ordered.

    Attributes:
        request: where the history is; its URL is that of the serving primary, set by `Apply`.
        single: True when `topology` is one server given by --url, which may have replicas nobody told us of.
        command: how to give the same order again, for people.
        fleet: who says what runs now; None where nobody asks it.
        switch_back: after a replica-first group, the primary goes back to where it was.
        hold_before: "switchover": a replica-first group pauses there until a person says go; "" for not at all.
    """

    request: Request
    topology: Topology
    asked: Asked
    policy: Policy = field(default_factory=Policy)
    single: bool = False
    command: str = "zdmigrate apply"
    fleet: Fleet | None = None
    switch_back: bool = False
    hold_before: str = ""


@dataclass(frozen=True)
class Prepared:
    """What would run.

    Attributes:
        entry: the unfinished run that is gone on with, or None.
        settled: changes and revisions that were done before.
        asked: on which terms it was admitted: those of the run that is gone on with, and what is accepted since.
        notes: what a person should know before it begins.
    """

    order: Order
    plan: Plan
    selection: Selection
    tasks: tuple[Task, ...]
    node: Node
    database: str
    heads: tuple[str, ...]
    scripts: Scripts
    base: Catalog
    entry: Entry | None = None
    entries: dict[str, StatementEntry] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    notes: tuple[str, ...] = ()

    def statements(self) -> Iterator[tuple[str, str]]:
        """(node, statement) in the order they would be sent."""
        versions, heads = Versions(self.scripts), set(self.heads)
        table = self.order.request.settings.version_table
        for revision in self.selection.revisions:
            for task in self.tasks:
                if task.revision is revision and task.way != "skip":
                    where = (
                        self.node.name if task.way in ("direct", "batches") else "each replica, then the old primary"
                    )
                    text = statement_of(task.change)
                    yield where, text if task.way == "direct" else f"{text}  -- {task.way}"
            changes = versions.changes(heads, revision.revision)
            for sql, values in version_statements(table, changes):
                yield self.node.name, sql % tuple(f"'{value}'" for value in values)
            for change in changes:
                heads = (heads - {change.old}) | ({change.new} if change.new else set())


@dataclass(slots=True)
class Outcome:
    """What a run did.

    Attributes:
        todo: what a person has to do yet, one sentence each.
        proof: what ran when its last contract was let through; None without a fleet, or without a contract.
        notes: what to know afterwards.
        figures: for the report, by name.
    """

    run: str
    revisions: tuple[str, ...]
    left: tuple[str, ...]
    todo: tuple[str, ...] = ()
    proof: FleetProof | None = None
    notes: tuple[str, ...] = ()
    figures: Mapping[str, str | int | float] = field(default_factory=dict)


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
        began: told of the run's id, and whether it goes on with a run that stopped, before anything is written.
        progress: told in words what goes on, about twice a second, where that takes long.
        finish: asked whether a replica-first group in which an `apply` stopped is to be brought to its end first.

    Raises:
        UsageError: the order cannot be used as it is.
        RefusedError: nothing was changed.
        AbortedError: it ended between two revisions; what it says is applied, is applied.
        NeedsPersonError: it stopped inside a revision; says how to go on.
    """
    with _locked(order) as (lock, servers):
        if not _finish_group(order, lock, servers, listener, finish):
            return None
        node, database = _primary(order, servers)
        connection, _ = servers.at(node)
        prepared = _prepare(order, node, database, connection)
        if prepared.selection.reasons:
            raise RefusedError(prepared.selection.reasons)
        journal = Journal(connection, KIND)
        if prepared.entry is not None:
            journal.id = prepared.entry.id
        context = RunContext(order.topology, servers, lock, journal, order.policy, listener, database)
        if prepared.entry is None:
            prepared = replace(prepared, notes=_check_helpers(context, prepared))
        if not confirm(prepared):
            return None
        left = tuple(item.revision for item in prepared.selection.left)
        if not prepared.selection.revisions:
            return Outcome("", (), left)
        with signals_later() as stop_if_asked:
            began(journal.id, prepared.entry is not None)
            return _Run(prepared, context, at, stop_if_asked, progress).run()


# --- before


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


def _primary(order: Order, servers: Servers) -> tuple[Node, str]:
    """The serving primary and the app's database on it.

    Raises:
        RefusedError: when there is none to write to, or it is too old.
    """
    topology = order.topology
    node = topology.nodes[0]
    if not order.single:
        try:
            roles, reasons = find_roles(servers.observe_all())
        except (LostError, ServerError) as error:
            raise RefusedError([str(error)]) from error
        if roles is None:
            raise RefusedError(reasons)
        node = topology.node(roles.primary.name)
    connection, dialect = servers.at(node)
    flavour = dialect.flavour
    oldest = OLDEST["mariadb" if flavour.is_mariadb else "mysql"]
    if flavour.version < oldest:
        wanted = ".".join(map(str, oldest))
        raise RefusedError([f"{node.name} is {flavour}; apply needs {wanted} or later (plan and check do not)"])
    if dialect.writable(connection)[0] is not Writable.ALL:
        raise RefusedError([f"{node.name} is read-only: is it a replica? Give the primary, or --topology FILE"])
    names = {item.url.database for item in topology.nodes}
    database = node.url.database
    if not database or len(names) > 1:
        raise UsageError(
            f"{topology.path}: the URLs of the nodes have to end with the app's /database, the same for all"
        )
    return node, database


def _prepare(order: Order, node: Node, database: str, connection: Connection) -> Prepared:
    settings = order.request.settings
    scripts = Scripts.load(
        settings.config, script_location=settings.script_location, version_locations=settings.version_locations,
        stub_imports=settings.stub_imports,
    )  # fmt: skip
    request = replace(order.request, settings=settings.override(url=_url(node)), fleet=_fleet(order))
    try:
        left = unfinished([connection])
    except ServerError as error:
        raise _journal_refused(error, connection) from error
    if left is not None and left.kind != KIND:
        raise RefusedError([f"the {left.kind} {left.id} of {left.owner} did not end; `zdmigrate resume` it first"])
    table = f"{quoted(database)}.{quoted(settings.version_table)}"
    with Connection(node, database=database) as there:
        heads = read_heads(there, settings.version_table)
        base = live_catalog(there)
    unknown = [head for head in heads if head not in {item.revision for item in scripts}]
    if unknown:
        raise RefusedError(
            [f"{table} is at {', '.join(unknown)}, which this history does not have; check the code out"]
        )
    if left is not None:
        return _go_on(order, request, left, node, database, connection, scripts, heads)
    base = replace(base, tables={name: item for name, item in base.tables.items() if name != settings.version_table})
    plan = _judged(replace(request, from_=",".join(heads) or "base"))
    _check_accepted(order, plan, scripts)
    selection = select(plan, order.asked, has_topology=not order.single)
    tasks = selection.tasks(order.asked.strategy)
    return Prepared(order, plan, selection, tasks, node, database, heads, scripts, base, asked=order.asked)


def _fleet(order: Order) -> FleetProof | None:
    """What the fleet says now."""
    try:
        return None if order.fleet is None else order.fleet.read()
    except FleetError as error:
        raise RefusedError([str(error)]) from error


def _go_on(
    order: Order,
    request: Request,
    left: Entry,
    node: Node,
    database: str,
    connection: Connection,
    scripts: Scripts,
    heads: tuple[str, ...],
) -> Prepared:
    """A run that stopped: what it was admitted to do, and how far it came."""
    text = plan_of(connection, left.id)
    if text is None:  # it stopped before it had written its plan, so before anything else
        journal = Journal(connection, KIND, left.id)
        journal.end("aborted")
        return _prepare(order, node, database, connection)
    kept = keeping.decode(text)
    last = kept.revisions[-1].revision
    wanted = {item.revision for item in kept.revisions}
    plan = _judged(replace(request, from_=",".join(kept.heads) or "base", to=None, base=kept.base))
    plan = replace(plan, revisions=tuple(item for item in plan.revisions if item.revision in wanted))
    revision = keeping.changed(kept, plan.revisions)
    if revision is not None:
        raise NeedsPersonError(
            f"revision {revision} does not send any more what the run {left.id} of {left.owner} was admitted to send "
            f"(up to {last}); put its file back as it was, or give that run up",
            "zdmigrate abort --forget",
        )
    if kept.fleet and order.fleet is None and any(map(is_contract, plan.revisions)):
        raise UsageError(
            f"the run {left.id} of {left.owner} was admitted by what ran in the fleet, which has to allow its "
            "contracts again: give --fleet STORE_URL"
        )
    asked = Asked(None, _strategy(kept.strategy), {**kept.accept, **order.asked.accept})
    selection = Selection(plan.revisions, (), ())
    tasks = selection.tasks(asked.strategy)
    entries = {item.item: item for item in statements_of(connection, left.id)}
    return Prepared(order, plan, selection, tasks, node, database, heads, scripts, kept.base, left, entries, asked)


def _check_accepted(order: Order, plan: Plan, scripts: Scripts) -> None:
    """What is accepted has a name here, or had one in a revision that is done.

    Raises:
        UsageError: with the names there are.
    """
    ids = {name for item in plan.revisions for name in (item.revision, *(change.id for change in item.changes))}
    done = {item.revision for item in scripts} - {item.revision for item in plan.revisions}
    accepted = {*order.asked.accept, *order.policy.accept}
    check_accepted([name for name in accepted if name.partition(":")[0] not in done], ids)


def _strategy(text: str) -> Strategy:
    return "direct" if text == "direct" else "replica-first" if text == "replica-first" else "auto"


def _judged(request: Request) -> Plan:
    plan, _ = apply_waivers(assemble(request), datetime.now(UTC).date())
    if request.settings.baseline is not None:
        from zdmigrate.baseline import apply_baseline, read_baseline

        plan = apply_baseline(plan, read_baseline(request.settings.baseline))
    return plan


def _url(node: Node) -> str:
    url = node.url
    if node.option_file is not None:
        url = url.update_query_dict({"read_default_file": str(node.option_file)})
    return url.render_as_string(hide_password=False)


def _finish_group(
    order: Order, lock: RunLock, servers: Servers, listener: Listener, finish: Callable[[Entry], bool]
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
    except ServerError:  # an account that may not see the journal: `_prepare` says which GRANT is missing
        return True
    if left is None or left.kind != GROUP or not left.intent.get("parent"):
        return True
    if not finish(left):
        return False
    replica_first.resume_left(runs.Left(order.topology, servers, lock, left, order.policy, listener))
    return True


def _check_helpers(context: RunContext, prepared: Prepared) -> tuple[str, ...]:
    """What goes in batches or replica-first is checked by whoever does it, before anything changes; returns notes.

    Raises:
        RefusedError: with every reason.
    """
    reasons: list[str] = []
    notes: tuple[str, ...] = ()
    moved = [task.change for task in prepared.tasks if task.way == "replica-first"]
    try:
        if moved:
            _, notes = replica_first.prepare(context, moved)
    except RefusedError as error:
        reasons += error.reasons
    if any(item.phase is Phase.CONTRACT for item in prepared.selection.revisions):
        left = batches.unfinished_backfills(context.journal.at, context.database)
        reasons += [f"the backfill {item.id} is not done, and a contract may need it; finish it first" for item in left]
    if reasons:
        raise RefusedError(reasons)
    return notes


# --- the run


@dataclass(slots=True)
class _Run:
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
        notes = (*self._notes, *(() if proof is None else (f"allowed by {proof.quote()}",)))
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
                    str(prepared.plan.target), fleet=prepared.order.fleet is not None,
                )  # fmt: skip
                journal.keep_plan(kept.encode())
        except ServerError as error:
            raise _journal_refused(error, journal.at) from error
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
        tasks = [task for item in pending for task in self._tasks(item)]
        waiting = list(pending)
        for way, group in groupby(tasks, key=lambda task: (task.way == "replica-first", _number(tasks, task))):
            several = list(group)
            while waiting and waiting[0] is not several[0].revision:
                self._finish(waiting.pop(0))  # it sends nothing, or all of it is done
            if way[0]:
                self._replica_first(direct, several)
                direct.node = self.node
            else:
                self._one(direct, several[0])
        for item in waiting:
            self._finish(item)

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
                raise self._with_grant(error) from error
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
        self.node, _ = _primary(self.prepared.order, self.context.servers)
        self.context.journal.at, _ = self.context.servers.at(self.node)
        for change in wanted:
            self.context.journal.statement_done(change.id, "replica-first")
            self._told(change.id, "done", began, "replica-first")

    def _finish(self, revision: PlannedRevision) -> None:
        """The revision's schema is true: write its version, with the journal row that says so, in one transaction."""
        self._between(revision)
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
        if isinstance(error, NotProvedError):  # whether anything changed before is for us to say
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
        if isinstance(error, NotProvedError) and not self._applied and self.prepared.entry is None:
            raise NotProvedError([*error.reasons, *([barriers.removeprefix("; ")] if barriers else [])]) from error
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
                ids = [task.change.id for task in self._tasks(item) if not is_setting(task.change)]
                count = sum(entries.get(name) == "done" for name in ids)
                return item.revision, f"{count} of {len(ids)} statements" if count else ""
            return "", ""
        return "unknown", "some statements"

    def _with_grant(self, error: ServerError) -> ServerError:
        if error.errno not in _NOT_ALLOWED:
            return error
        grant = (
            "GRANT ALTER, CREATE, DROP, INDEX, REFERENCES, SELECT, INSERT, UPDATE, DELETE ON "
            f"{quoted(self.context.database)}.* TO {_account(self.context.journal.at)}"
        )
        return ServerError(error.node, error.errno, f"{error.message}; {grant}", "it")

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


def _account(connection: Connection) -> str:
    user, _, host = str(connection.value("SELECT CURRENT_USER()")).rpartition("@")
    return f"'{user}'@'{host}'"


def _journal_refused(error: ServerError, connection: Connection) -> RefusedError:
    if error.errno not in _NOT_ALLOWED:
        return RefusedError([str(error)])
    grant = f"GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON zdmigrate.* TO {_account(connection)}"
    return RefusedError([f"{error.message}; the journal needs {grant}"])
