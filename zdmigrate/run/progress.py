"""An `apply` seen from another terminal or machine: what is done, what runs, for how long, what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.alter import find_running as find_alter
from zdmigrate.run.alter import marker
from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import NeedsPersonError, ServerError
from zdmigrate.run.journal import Entry, StatementEntry, statements_of, take_back, unfinished
from zdmigrate.run.lock import NAME
from zdmigrate.run.replica_work import KIND as GROUP
from zdmigrate.run.replica_work import Work
from zdmigrate.run.servers import Servers
from zdmigrate.run.state import Writable
from zdmigrate.run.topology import Topology

KIND = "apply"
#: So many statements that are done are listed, the last ones: upgrade() may send one for each row.
_MOST_DONE = 50
_PHASES = {
    "replicas": "the replicas get the ALTERs, one after another; then the primary moves",
    "undo": "what the replicas got is taken back",
    "switch": "the primary moves",
    "switched": "the primary has moved; the old one gets the ALTERs",
}


def find_running(topology: Topology, servers: Servers) -> tuple[Connection | None, Entry | None, bool]:
    """Where the journal of the unfinished `apply` is written, the run, and whether a process is at it now."""
    reached: list[Connection] = []
    primary: Connection | None = None
    alive = False
    for node in topology.nodes:
        try:
            connection, dialect = servers.at(node)
            reached.append(connection)
            alive = alive or connection.value("SELECT IS_USED_LOCK(%s)", (NAME,)) is not None
            if primary is None and dialect.writable(connection)[0] is Writable.ALL:
                primary = connection
        except ZdmigrateError:
            continue
    entry = unfinished(reached)
    if primary is None or entry is None or entry.kind != KIND:
        return None, None, alive
    return primary, entry, alive


def progress(topology: Topology, servers: Servers) -> Iterator[str]:
    """Lines about the unfinished `apply`; none when there is none."""
    connection, entry, alive = find_running(topology, servers)
    if connection is None or entry is None:
        return
    statements = statements_of(connection, entry.id)
    done = sum(item.state == "done" for item in statements)
    at_work = "runs" if alive else f"stopped; go on with: {entry.intent.get('command', 'zdmigrate apply')}"
    yield f"apply {entry.id} {at_work}; {done} done ({', '.join(entry.intent.get('revisions', ()))})"
    hidden = max(0, done - _MOST_DONE)
    if hidden:
        yield f"  done   {hidden} before these"
    for item in statements:
        if item.state == "done":
            hidden -= 1
            if hidden >= 0:
                continue
            yield f"  done   {item.item:<16} {item.seconds:8.1f} s  {item.shown[:80]}"
        else:
            yield f"  begun  {item.item:<16} {item.seconds:8.1f} s  {item.shown[:80]}{_now(connection, item)}"


def group_progress(topology: Topology, servers: Servers) -> Iterator[str]:
    """Lines about the unfinished replica-first run: how far each node is; none when there is none."""
    reached: dict[str, Connection] = {}
    for node in topology.nodes:
        with suppress(ZdmigrateError):
            reached[node.name] = servers.at(node)[0]
    entry = unfinished(list(reached.values()))
    if entry is None or entry.kind != GROUP:
        return
    work = Work.of_json(entry.intent)
    yield f"{entry.kind} {entry.id}: {_PHASES[work.phase]}"
    for name in (*work.others, work.new, work.old):
        connection = reached.get(name)
        running = [
            found
            for alteration in work.alterations
            if connection is not None and (found := find_alter(connection, marker(entry.id, alteration))) is not None
        ]
        now = f"; ALTER {running[0]}" if running else ""
        compared = "".join(f"; {text}" for key, text in work.compared.items() if key.startswith(f"{name} "))
        yield f"  {name:<12} {work.done.get(name, 0)} of {len(work.alterations)} ALTER(s){now}{compared}"


def _now(connection: Connection, item: StatementEntry) -> str:
    """What the server says of a statement that was begun."""
    try:
        rows = connection.rows(
            "SELECT TIME AS seconds, STATE AS state FROM information_schema.PROCESSLIST "
            "WHERE ID = %s AND COMMAND <> 'Sleep'",
            (item.connection,),
        )
    except ServerError:
        rows = []
    running = f"  [{rows[0]['state'] or 'executing'}, {rows[0]['seconds']} s]" if rows else ""
    return running + (f"  {item.detail}" if item.detail else "")


def resume_apply(topology: Topology) -> str:
    """Let the paused `apply` go on; what was done in words, or "" when no `apply` is unfinished.

    Raises:
        NeedsPersonError: it does not run any more; says the command.
    """
    with Servers(topology) as servers:
        connection, entry, alive = find_running(topology, servers)
        if connection is None or entry is None:
            return ""
        if not alive:
            raise NeedsPersonError(
                f"the apply {entry.id} of {entry.owner} does not run any more",
                str(entry.intent.get("command", "zdmigrate apply")),
            )
        if take_back(connection, entry.id):
            return f"run {entry.id} goes on"
        return f"run {entry.id} runs, and nobody paused it"
