"""May these ALTERs run on the replicas first, now? Pure: what was judged and what the servers said goes in.

Comes on top of the guards of a switchover (`preflight.py`), which a replica-first run ends with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zdmigrate.plan import PlannedChange
from zdmigrate.run.definition import parse_definition
from zdmigrate.run.disk import DISK_SPACE, note, too_little
from zdmigrate.run.policy import Policy
from zdmigrate.run.roles import Roles

#: What to accept when nothing else replicates while the old primary is altered.
NO_STANDBY = "no-standby"
#: What to accept when somebody reads the binary log, which will not have the ALTERs.
BINLOG_READERS = "binlog-readers"
#: What an ALTER is taken to get through, for estimates: bytes in a second.
BYTES_A_SECOND = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables concerned.

    Attributes:
        definitions: by node, then by table; a table that a node lacks is not there.
        bytes: estimated size by table, data and indexes.
        free: bytes left on each node's disk, None where the server does not tell.
    """

    definitions: Mapping[str, Mapping[str, str]]
    bytes: Mapping[str, int]
    free: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def largest(self) -> int:
        """The copy that takes the most room: they are made one after the other."""
        return max(self.bytes.values(), default=0)

    @property
    def seconds(self) -> float:
        """A guess of how long altering them takes on one node."""
        return sum(self.bytes.values()) / BYTES_A_SECOND


def proofs_of(changes: Sequence[PlannedChange]) -> tuple[str, ...]:
    """The queries that must return no row for changes of class C."""
    lines = [
        line for change in changes if change.replication.cls == "C" for line in change.replication.proof.split("\n")
    ]
    return tuple(dict.fromkeys(line for line in lines if line.startswith("SELECT ")))


def needs_of(changes: Sequence[PlannedChange]) -> tuple[str, ...]:
    """The type conversions that the replicas need meanwhile."""
    return tuple(dict.fromkeys(need for change in changes for need in change.replication.needs))


def reasons_against(
    changes: Sequence[PlannedChange], roles: Roles, tables: Tables, account: str, policy: Policy
) -> tuple[str, ...]:
    """Every reason not to begin, one sentence each; empty when it may."""
    return (
        *_of_changes(changes, policy),
        *_of_tables(roles, tables),
        *_of_servers(roles, tables, account, policy),
        *(() if DISK_SPACE in policy.accept else too_little(tables.free, tables.largest)),
    )


def _of_changes(changes: Sequence[PlannedChange], policy: Policy) -> Iterable[str]:
    for change in changes:
        judged = change.replication
        if change.recorded.data_dependent:
            yield f"{change.id} depends on data: it runs through its own upgrade(), on the primary only"
        if judged.cls == "-":
            yield f"{change.id} cannot run replica-first: {judged.reason}"
        if judged.cls == "D":
            yield f"{change.id} must not run replica-first (class D): {judged.reason} {judged.rewrite}".rstrip()
        by_hand = [line for line in judged.proof.split("\n") if line and not line.startswith("SELECT ")]
        if judged.cls == "C" and by_hand and change.id not in policy.accept:
            yield f"{change.id} needs a proof that only you can give: {' '.join(by_hand)} Then say --accept {change.id}"
    if {"ALL_SIGNED", "ALL_UNSIGNED"} <= set(needs_of(changes)):
        yield (
            "signed and unsigned integers are widened by ALTERs of one run, and no setting reads both; "
            "run them one after the other (--to)"
        )


def _of_tables(roles: Roles, tables: Tables) -> Iterable[str]:
    own = tables.definitions[roles.primary.name]
    for table, definition in own.items():
        if parse_definition(definition).primary_key is None:
            yield f"{table} has no primary key: row events cannot tell its rows apart; give it one first, directly"
    for replica in roles.replicas:
        there = tables.definitions[replica.name]
        for table in own:
            if table not in there:
                yield f"{replica.name} has no table {table}; rebuild it from {roles.primary.name}"
            elif there[table] != own[table]:
                yield (
                    f"{table} is not the same on {replica.name} and on {roles.primary.name}; compare SHOW CREATE TABLE "
                    f"{table} on both and make them equal first"
                )


def _of_servers(roles: Roles, tables: Tables, account: str, policy: Policy) -> Iterable[str]:
    if not roles.replicas[1:] and NO_STANDBY not in policy.accept:
        yield (
            f"there are two nodes only: for about {max(1, round(tables.seconds / 60))} min, while {roles.primary.name} "
            f"is altered after the switch, nothing applies what is written; say --accept {NO_STANDBY}"
        )
    if BINLOG_READERS not in policy.accept:
        for server in (roles.primary, *roles.replicas):
            strangers = sorted({user for user in server.dump_clients if user.partition("@")[0] != account})
            # On a replica, one of the replication account's connections may be left from when it was the primary:
            # MariaDB notices that its other end is gone when it has something to send.
            more = server is roles.primary and len(server.dump_clients) > len(roles.replicas)
            if strangers or more:
                who = ", ".join(strangers) or f"more connections of {account} than there are replicas"
                yield (
                    f"{who} read the binary log of {server.name}, which will not have the ALTERs (sql_log_bin=0): stop "
                    f"them (change data capture, backups of the log) or say --accept {BINLOG_READERS}"
                )
    expire = roles.primary.setting("binlog_expire_logs_seconds")
    wanted = 3 * tables.seconds + 3600
    if expire.isdigit() and 0 < int(expire) < wanted:
        yield (
            f"{roles.primary.name} keeps its binary logs for {expire} s only; the run may take a third of that or "
            f"more: SET GLOBAL binlog_expire_logs_seconds = {round(wanted)} there"
        )


def notes_on(roles: Roles, tables: Tables) -> tuple[str, ...]:
    """What a person should know before it begins."""
    return (
        note(tables.free, tables.largest),
        "the binary logs will not have the ALTERs: point-in-time recovery cannot go across this run; take a backup of "
        "the new primary afterwards",
    )
