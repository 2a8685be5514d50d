"""Every check before a replica-first run, changing nothing: what would be done to which node, or why not."""

from __future__ import annotations

from collections.abc import Sequence

from zdmigrate.plan import PlannedChange
from zdmigrate.run import runs
from zdmigrate.run.alter import Alteration, settings_of
from zdmigrate.run.connection import Connection
from zdmigrate.run.context import RunContext
from zdmigrate.run.definition import read_definition
from zdmigrate.run.disk import free_bytes
from zdmigrate.run.errors import LostError, RefusedError, ServerError
from zdmigrate.run.replica_guards import Tables, needs_of, notes_on, proofs_of, reasons_against
from zdmigrate.run.replica_work import Work
from zdmigrate.run.topology import Node

#: Seconds a proof may take while nothing is frozen.
PROOF_SECONDS = 600.0
_NO_SUCH_TABLE = 1146
_TIMED_OUT = (1969, 3024)


def prepare(
    context: RunContext, changes: Sequence[PlannedChange], *, to: str | None = None
) -> tuple[Work, tuple[str, ...]]:
    """Every check, changing nothing: what would be done, and notes.

    Raises:
        RefusedError: with every reason.
    """
    topology, servers, policy = context.topology, context.servers, context.policy
    try:
        found = servers.observe_all()
    except (LostError, ServerError) as error:
        raise RefusedError([f"{error}; every node has to answer"]) from error
    replicas = [server.name for server in found if server.replica is not None]
    if not replicas:
        raise RefusedError(["no node is a replica: replica-first needs one; use --strategy direct"])
    checked, against = runs.examine(topology, servers, topology.node(to or replicas[0]), policy)
    roles = checked.roles
    tables = _read_tables(context, changes)
    reasons = [*against, *reasons_against(changes, roles, tables, topology.account.user, policy)]
    if not reasons:
        reasons += disproved(context, topology.node(roles.primary.name), proofs_of(changes))
    if reasons:
        raise RefusedError(reasons)
    work = Work(
        database=context.database,
        old=roles.primary.name,
        new=checked.candidate.name,
        others=[server.name for server in roles.replicas if server.name != checked.candidate.name],
        alterations=[_alteration(change) for change in changes],
        columns=[_columns_after(change) for change in changes],
        needs=list(needs_of(changes)),
        proofs=list(proofs_of(changes)),
        identities={server.name: server.identity for server in (roles.primary, *roles.replicas)},
        before=dict(tables.definitions[roles.primary.name]),
    )
    return work, notes_on(roles, tables)


def _alteration(change: PlannedChange) -> Alteration:
    return Alteration(change.id, change.recorded.statement.sql, _table_of(change), settings_of(change.recorded.session))


def _table_of(change: PlannedChange) -> str:
    return change.subject.table or ""


def _columns_after(change: PlannedChange) -> list[str]:
    table = change.recorded.after.table(_table_of(change))
    return [column.name for column in table.columns] if table is not None else []


def _read_tables(context: RunContext, changes: Sequence[PlannedChange]) -> Tables:
    names = list(dict.fromkeys(filter(None, map(_table_of, changes))))
    definitions: dict[str, dict[str, str]] = {}
    sizes: dict[str, int] = {}
    free: dict[str, int | None] = {}
    for node in context.topology.nodes:
        connection, _ = context.servers.at(node)
        definitions[node.name] = {}
        free[node.name] = free_bytes(connection)
        for name in names:
            try:
                definitions[node.name][name] = read_definition(connection, context.database, name)
            except ServerError as error:
                if error.errno != _NO_SUCH_TABLE:
                    raise
    connection, _ = context.servers.at(context.topology.nodes[0])
    for name in names:
        found = connection.value(
            "SELECT COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s",
            (context.database, name),
        )
        sizes[name] = int(found or 0)
    return Tables(definitions, sizes, free)


def disproved(context: RunContext, node: Node, proofs: Sequence[str], seconds: float = PROOF_SECONDS) -> list[str]:
    """The proofs that a row of the node speaks against, or that it did not answer in time: one sentence each."""
    found = []
    with Connection(node, answer_seconds=seconds + 10.0, database=context.database) as connection:
        _, dialect = context.servers.at(node)
        for query in proofs:
            bounded = (
                f"SET STATEMENT max_statement_time={seconds:.3f} FOR {query}"
                if dialect.flavour.is_mariadb
                else query.replace("SELECT", f"SELECT /*+ MAX_EXECUTION_TIME({int(seconds * 1000)}) */", 1)
            )
            try:
                if connection.rows(bounded):
                    found.append(f"rows on {node.name} speak against it; {query} finds one: correct them first")
            except ServerError as error:
                if error.errno not in _TIMED_OUT:
                    raise
                found.append(f"{node.name} did not answer within {seconds:g} s whether rows speak against it ({query})")
    return found
