"""The second witness of a contract: what each server remembers of the statements it ran (performance_schema).

A few small queries on each server, and one for the statements of the time in question, of which there are at most as
many as `performance_schema_digests_size`. A server that cannot tell is said to be none; that is never a refusal, and
never passed over. What the answers mean is decided in `zdmigrate.verdict.witness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import LostError, ServerError
from zdmigrate.run.own_statements import own_statements
from zdmigrate.run.topology import Node
from zdmigrate.verdict.witness import Digest, Evidence, Heard, Own, Removal, Sighting, evidence_of

_DENIED = (1044, 1142, 1143, 1227)
_TABLE = "performance_schema.events_statements_summary_by_digest"
_SETTINGS = (
    "SELECT @@GLOBAL.performance_schema AS works, @@GLOBAL.performance_schema_digests_size AS room, "
    "LEAST(@@GLOBAL.max_digest_length, @@GLOBAL.performance_schema_max_digest_length) AS longest"
)
_OFF = (
    "SELECT NAME AS name FROM performance_schema.setup_consumers "
    "WHERE NAME IN ('global_instrumentation', 'statements_digest') AND ENABLED = 'NO'"
)
_NOT_WATCHED = (
    "SELECT NAME AS name FROM performance_schema.setup_instruments WHERE NAME IN ('statement/sql/select', "
    "'statement/sql/insert', 'statement/sql/replace', 'statement/sql/update', 'statement/sql/delete') "
    "AND ENABLED = 'NO'"
)
_EVERYBODY = "SELECT COUNT(*) FROM performance_schema.setup_actors WHERE HOST = '%' AND USER = '%' AND ENABLED = 'YES'"
#: LAST_SEEN is a TIMESTAMP, shown in the session's zone; as a number it is the same in every one.
_SEEN = (
    "SELECT SCHEMA_NAME AS db, DIGEST AS digest, DIGEST_TEXT AS text, COUNT_STAR AS times, "
    "UNIX_TIMESTAMP(SYSDATE(6)) - UNIX_TIMESTAMP(LAST_SEEN) AS age "
    f"FROM {_TABLE} WHERE UNIX_TIMESTAMP(LAST_SEEN) >= UNIX_TIMESTAMP(SYSDATE(6)) - %s"
)
_MEMORY = f"SELECT UNIX_TIMESTAMP(SYSDATE(6)) - UNIX_TIMESTAMP(MIN(FIRST_SEEN)) FROM {_TABLE}"
_CLIENTS = (
    "SELECT DISTINCT e.DIGEST AS digest, t.PROCESSLIST_USER AS user, t.PROCESSLIST_HOST AS host, "
    "t.PROCESSLIST_ID AS id FROM performance_schema.threads t JOIN ("
    "SELECT THREAD_ID, DIGEST FROM performance_schema.events_statements_current UNION "
    "SELECT THREAD_ID, DIGEST FROM performance_schema.events_statements_history) e ON e.THREAD_ID = t.THREAD_ID "
    "WHERE t.PROCESSLIST_ID IS NOT NULL AND t.PROCESSLIST_ID <> CONNECTION_ID() AND e.DIGEST IN ({digests}) LIMIT 50"
)
_CLIENTS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class SecondWitness:
    """Asks the servers of a topology.

    Attributes:
        nodes: the serving primary and its replicas: reads may go to any of them.
        database: the app's.
    """

    nodes: tuple[Node, ...]
    database: str

    def look(self, removals: Sequence[Removal]) -> tuple[Evidence, ...]:
        """What they say of each contract; every server is asked once for all of them."""
        if not removals:
            return ()
        seconds = max(item.since for item in removals)
        heard: list[Heard] = []
        own: list[Own] = []
        for node in self.nodes:
            answer, sent = _ask(node, seconds)
            heard.append(answer)
            own += sent
        return tuple(self._with_clients(evidence_of(item, heard, self.database, own)) for item in removals)

    def _with_clients(self, evidence: Evidence) -> Evidence:
        """The same, with who is seen to send what was found, where a server shows it."""
        clients: dict[tuple[str, str], tuple[str, ...]] = {}
        for node in self.nodes:
            digests = sorted({item.digest.digest for item in evidence.found if item.node == node.name})
            if digests:
                with suppress(ServerError, LostError):  # it only helps to find them
                    clients |= {(node.name, digest): who for digest, who in _clients(node, digests).items()}
        found = tuple(_known(item, clients.get((item.node, item.digest.digest), ())) for item in evidence.found)
        return replace(evidence, found=found)


def _known(sighting: Sighting, clients: tuple[str, ...]) -> Sighting:
    return replace(sighting, digest=replace(sighting.digest, clients=clients))


def _ask(node: Node, seconds: float) -> tuple[Heard, tuple[Own, ...]]:
    try:
        with Connection(node) as there:
            heard = hear(there, seconds)
            return heard, () if heard.silent else own_statements(there, seconds)
    except LostError as error:
        return Heard(node.name, f"it does not answer ({error})"), ()
    except ServerError as error:
        return Heard(node.name, str(error)), ()


def hear(connection: Connection, seconds: float) -> Heard:
    """What one server remembers of the last `seconds`, or why it remembers nothing.

    Raises:
        ServerError, LostError: it could not be asked, for another reason than a missing privilege.
    """
    node = connection.node.name
    settings = connection.rows(_SETTINGS)[0]
    if not int(settings["works"]):
        return Heard(node, "performance_schema is off (performance_schema=ON in its configuration, and a restart)")
    if not int(settings["room"]):
        return Heard(node, "performance_schema_digests_size is 0, so it keeps no statements")
    off = _names(connection, _OFF)
    if off:
        update = "UPDATE performance_schema.setup_consumers SET ENABLED = 'YES' WHERE NAME = "
        return Heard(node, f"its consumer {off[0]} is off ({update}'{off[0]}')")
    ignored = _names(connection, _NOT_WATCHED)
    if ignored:
        return Heard(node, f"it does not watch {', '.join(ignored)} (performance_schema.setup_instruments)")
    try:
        rows = connection.rows(_SEEN, (seconds,))
        memory = float(connection.value(_MEMORY) or 0.0)
    except ServerError as error:
        if error.errno not in _DENIED:
            raise
        account = str(connection.value("SELECT CURRENT_USER()"))
        user, _, host = account.rpartition("@")
        return Heard(
            node, f"{account} may not read {_TABLE} (GRANT SELECT ON performance_schema.* TO '{user}'@'{host}')"
        )
    kept = [row for row in rows if row["digest"] is not None and row["text"] is not None]
    lost = [float(row["age"]) for row in rows if row["digest"] is None]
    digests = tuple(
        Digest(
            str(row["digest"]), str(row["db"] or ""), str(row["text"]).strip(), max(0.0, float(row["age"])),
            int(row["times"]),
        )
        for row in kept
    )  # fmt: skip
    partial = (
        "" if _watches_everybody(connection) else "it watches some accounts only (performance_schema.setup_actors)"
    )
    return Heard(node, "", digests, memory, int(settings["longest"]), min(lost) if lost else None, partial)


def _names(connection: Connection, sql: str) -> list[str]:
    """Names, or none where we may not look: then what is remembered has to speak for itself."""
    try:
        return sorted(str(row["name"]) for row in connection.rows(sql))
    except ServerError as error:
        if error.errno not in _DENIED:
            raise
        return []


def _watches_everybody(connection: Connection) -> bool:
    try:
        return bool(connection.value(_EVERYBODY))
    except ServerError as error:
        if error.errno not in _DENIED:
            raise
        return True


def _clients(node: Node, digests: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    with Connection(node) as there:
        marks = ", ".join(["%s"] * len(digests))
        for row in there.rows(_CLIENTS.format(digests=marks), tuple(digests)):
            who = f"{row['user']}@{row['host']} (connection {row['id']})"
            digest = str(row["digest"])
            if len(found.get(digest, ())) < _CLIENTS_SHOWN:
                found[digest] = (*found.get(digest, ()), who)
    return found
