"""What `apply` does before it asks: finds the primary, plans against the live schema, or reads what a run left."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from zdmigrate.assemble import Request, assemble
from zdmigrate.errors import UsageError
from zdmigrate.fleet import FleetError
from zdmigrate.history.scripts import Scripts
from zdmigrate.plan import Plan, PlannedRevision
from zdmigrate.run import batches, replica_prepare
from zdmigrate.run import kept as keeping
from zdmigrate.run.acceptance import check_accepted
from zdmigrate.run.connection import Connection, quoted
from zdmigrate.run.context import RunContext
from zdmigrate.run.contract_gate import is_contract, removals_of, weighed
from zdmigrate.run.errors import LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.flavours import OLDEST
from zdmigrate.run.grants import journal_refused
from zdmigrate.run.journal import Entry, Journal, plan_of, statements_of, unfinished
from zdmigrate.run.order import KIND, Order, Prepared
from zdmigrate.run.roles import find_roles
from zdmigrate.run.schema_check import live_catalog
from zdmigrate.run.selection import Asked, Selection, Strategy, select
from zdmigrate.run.servers import Servers
from zdmigrate.run.state import Writable
from zdmigrate.run.topology import Node
from zdmigrate.run.versions import read_heads
from zdmigrate.run.witness import SecondWitness
from zdmigrate.verdict.fleet_proof import FleetProof
from zdmigrate.verdict.model import Phase
from zdmigrate.waivers import apply_waivers


def serving_primary(order: Order, servers: Servers) -> tuple[Node, str]:
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


def prepare(order: Order, node: Node, database: str, connection: Connection) -> Prepared:
    """What would run: the pending revisions as the live schema has them judged, or the rest of a run that stopped.

    Raises:
        UsageError: the history, a name that is accepted, or a waiver cannot be used.
        RefusedError: the journal, the version table or the fleet stand against it.
        NeedsPersonError: the history is not any more what the run that stopped was admitted to send.
    """
    settings = order.request.settings
    scripts = Scripts.load(
        settings.config, script_location=settings.script_location, version_locations=settings.version_locations,
        stub_imports=settings.stub_imports,
    )  # fmt: skip
    request = replace(order.request, settings=settings.override(url=_url(node)), fleet=_fleet(order))
    try:
        left = unfinished([connection])
    except ServerError as error:
        raise journal_refused(error, connection) from error
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
        return prepare(order, node, database, connection)
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
    entries = {item.item: item for item in statements_of(connection, left.id)}
    rest = [item for item in plan.revisions if (done := entries.get(item.revision)) is None or done.state != "done"]
    beyond = _beyond(order, scripts, rest)
    if beyond:
        raise RefusedError([
            f"the run {left.id} of {left.owner} did not end, and was admitted to carry out {', '.join(beyond)}, too, "
            "which this command does not ask for: end that run with its own command first (zdmigrate status), or give "
            "it up (zdmigrate abort --forget)"
        ])  # fmt: skip
    phase = Phase(kept.phase) if kept.phase else None
    asked = Asked(phase, _strategy(kept.strategy), {**kept.accept, **order.asked.accept})
    selection = Selection(plan.revisions, (), ())
    tasks = selection.tasks(asked.strategy)
    return Prepared(order, plan, selection, tasks, node, database, heads, scripts, kept.base, left, entries, asked)


def _beyond(order: Order, scripts: Scripts, rest: list[PlannedRevision]) -> list[str]:
    """The revisions a run has left that a command does not ask for: of another phase, or after its --to."""
    phase, end = order.asked.phase, order.request.to
    names = [item.revision for item in rest if phase is not None and not item.fits(phase)]
    if end is not None:
        within = scripts.ancestors(scripts.resolve(*(symbol.strip() for symbol in end.split(","))))
        names += [item.revision for item in rest if item.revision not in within]
    return list(dict.fromkeys(names))


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
    """The plan with the waivers of its files; a baseline is for `check`, and lets nothing run."""
    plan, _ = apply_waivers(assemble(request), datetime.now(UTC).date())
    return plan


def _url(node: Node) -> str:
    url = node.url
    if node.option_file is not None:
        url = url.update_query_dict({"read_default_file": str(node.option_file)})
    return url.render_as_string(hide_password=False)


def check_helpers(context: RunContext, prepared: Prepared) -> tuple[str, ...]:
    """What goes in batches or replica-first is checked by whoever does it, before anything changes; returns notes.

    Raises:
        RefusedError: with every reason.
    """
    reasons, heard = _second_witness(prepared)
    notes: tuple[str, ...] = ()
    moved = [task.change for task in prepared.tasks if task.way == "replica-first"]
    try:
        if moved and not prepared.order.single:  # with one server there is nothing to ask, and `select` says so
            _, notes = replica_prepare.prepare(context, moved)
    except RefusedError as error:
        reasons += error.reasons
    if any(item.phase is Phase.CONTRACT for item in prepared.selection.revisions):
        left = batches.unfinished_backfills(context.journal.at, context.database)
        reasons += [f"the backfill {item.id} is not done, and a contract may need it; finish it first" for item in left]
    if reasons:
        raise RefusedError(reasons)
    return (*notes, *heard, *(_told_of(item) for item in prepared.selection.revisions if item.recorded.data_dependent))


def _second_witness(prepared: Prepared) -> tuple[list[str], list[str]]:
    """What the servers ran speaks against a contract of this run, and what to know of that; it is asked again later."""
    order = prepared.order
    try:
        removals = removals_of(prepared.selection.revisions, order.fleet, prepared.plan.fleet, order.witness_window)
    except FleetError as error:
        return [str(error)], []
    return weighed(SecondWitness(order.topology.nodes, prepared.database).look(removals), prepared.asked)


def _told_of(revision: PlannedRevision) -> str:
    return (
        f"{revision.revision} reads rows: its statements are only known while it runs; each is judged before it is sent"
    )
