"""May the primary move? Pure: what the servers said goes in, reasons to refuse come out.

Every reason is one sentence that names the server and the next step. The list of guards is the "Goal" column of the
step table in the research on switchovers; each was missing in at least one tool that lost data or stayed read-only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zdmigrate.run.flavours import OLDEST
from zdmigrate.run.policy import Policy
from zdmigrate.run.roles import Roles
from zdmigrate.run.state import HELD_DELAY, Server, Writable
from zdmigrate.run.topology import Topology

#: Settings under which the same statement means something else, or fails, on the other server.
_SAME_MEANING = (
    "auto_increment_increment", "auto_increment_offset", "character_set_server", "collation_server",
    "default_storage_engine", "explicit_defaults_for_timestamp", "foreign_key_checks", "lower_case_table_names",
    "sql_mode", "system_time_zone", "time_zone", "transaction_isolation", "tx_isolation", "unique_checks",
)  # fmt: skip
#: Settings of which the candidate may have more than the primary, never less.
_NOT_LESS = ("max_allowed_packet", "max_connections")
#: At 1 no acknowledged commit is lost in a crash.
_DURABLE = ("sync_binlog", "innodb_flush_log_at_trx_commit")
#: Every setting that is compared; a difference can be accepted by its name.
COMPARED = (*_SAME_MEANING, *_NOT_LESS, *_DURABLE)

#: Of the source, of the replica: MySQL's plugins, their old names, which are MariaDB's too.
_SEMI_SYNC = (
    ("rpl_semi_sync_source_enabled", "rpl_semi_sync_replica_enabled"),
    ("rpl_semi_sync_master_enabled", "rpl_semi_sync_slave_enabled"),
)

#: What to accept when clients may write through read_only and are known not to.
PRIVILEGED = "privileged-writers"

_MANAGERS = ("orchestrator", "maxscale", "mariadbmon", "mxs_", "proxysql", "replication-manager", "mha", "keepalived")


def reasons_to_refuse(roles: Roles, candidate: Server, policy: Policy) -> tuple[str, ...]:
    """Every reason why the primary may not move to `candidate` now; empty when it may.

    What one server has and another lacks is for the servers to say (`Dialect.errant`), not here.
    """
    checks: tuple[Callable[[], Iterable[str]], ...] = (
        lambda: _versions(roles),
        lambda: _clusters(roles),
        lambda: _primary(roles.primary),
        lambda: (reason for server in (roles.primary, *roles.replicas) for reason in _logging(server)),
        lambda: (reason for server in roles.replicas for reason in _replication(server, policy)),
        lambda: _unknown_followers(roles),
        lambda: _settings(roles.primary, candidate, policy),
        lambda: _semi_sync(roles.primary, candidate),
        lambda: _events(roles.primary, candidate),
        lambda: _managers(roles, policy),
        lambda: _privileged(roles.primary, policy),
    )
    return tuple(reason for check in checks for reason in check())


def blocking(primary: Server, policy: Policy) -> tuple[str, ...]:
    """Transactions that would make the freeze wait, or that it would break."""
    found = [
        f"{primary.name}: connection {item.id} ({item.user}@{item.host}) has had a transaction open "
        f"for {item.seconds:.0f} s"
        for item in primary.long_transactions
        if item.seconds >= policy.long_transaction
    ]
    return tuple(found)


def addresses(roles: Roles, topology: Topology) -> tuple[str, ...]:
    """Names or addresses in the file that were swapped: a replica says where it found the primary."""
    by_address = {(node.replication_host, node.replication_port): node.name for node in topology.nodes}
    found = []
    for server in roles.replicas:
        assert server.replica is not None
        there = (server.replica.source_host, server.replica.source_port)
        name = by_address.get(there)
        if name is not None and name != roles.primary.name:
            found.append(
                f"{server.name} follows {there[0]}:{there[1]}, which {topology.path} says is {name}; but the server it "
                f"finds there is the one that the url of {roles.primary.name} leads to: names or addresses are swapped"
            )
    return tuple(found)


def semi_sync_names(primary: Server) -> tuple[str, str] | None:
    """The variables of semi-synchronous replication (the source's, the replica's), when the primary waits for it."""
    for names in _SEMI_SYNC:
        if primary.setting(names[0]) == "on":
            return names
    return None


def _semi_sync(primary: Server, candidate: Server) -> Iterable[str]:
    names = semi_sync_names(primary)
    if names is None:
        return
    for server, name in ((primary, names[1]), (candidate, names[0])):
        if not server.setting(name):
            yield (
                f"{primary.name} replicates semi-synchronously and {server.name} has no {name}: it could not take "
                "that role; install the plugin there"
            )
    if candidate.setting(names[1]) == "off":
        yield (
            f"{primary.name} waits for acknowledgements and {candidate.name} gives none; SET GLOBAL {names[1]} = ON "
            "there and restart its IO thread"
        )


def _events(primary: Server, candidate: Server) -> Iterable[str]:
    if primary.events and primary.setting("event_scheduler") == "on" and candidate.setting("event_scheduler") != "on":
        yield (
            f"{primary.name} runs {len(primary.events)} event(s) and the event scheduler of {candidate.name} is "
            f"{candidate.setting('event_scheduler').upper() or 'off'}; SET GLOBAL event_scheduler = ON there, and in "
            "its configuration file"
        )


def _versions(roles: Roles) -> Iterable[str]:
    for server in (roles.primary, *roles.replicas):
        oldest = OLDEST[server.flavour.vendor]
        if not server.flavour.at_least(*oldest):
            wanted = ".".join(map(str, oldest))
            yield f"{server.name} is {server.flavour}; runs need {server.flavour.vendor} {wanted} or later"
        if server.flavour.vendor != roles.primary.flavour.vendor:
            yield f"{server.name} is {server.flavour} and {roles.primary.name} is {roles.primary.flavour}"
        elif server.flavour.version[:2] != roles.primary.flavour.version[:2]:
            yield (
                f"{server.name} is {server.flavour} and {roles.primary.name} is {roles.primary.flavour}: replicating "
                "from the newer to the older is not supported by the vendor; upgrade the older first"
            )


def _clusters(roles: Roles) -> Iterable[str]:
    for server in (roles.primary, *roles.replicas):
        if server.cluster == "group replication":
            yield (
                f"{server.name} is a member of Group Replication; let the cluster switch: "
                f"SELECT group_replication_set_as_primary('<server_uuid>')"
            )
        elif server.cluster:
            yield f"{server.name} is a {server.cluster} node: every node is writable, there is nothing to switch"
        if server.managed:
            yield (
                f"{server.name} is a managed server ({server.managed}) that lets nobody set read_only; "
                "use the service's own switchover (docs/switchover.md)"
            )


def _primary(primary: Server) -> Iterable[str]:
    if primary.writable is not Writable.ALL:
        yield (
            f"{primary.name} is the primary and read-only; if nothing else is at work on it, "
            "`SET GLOBAL read_only = OFF` there"
        )
    if primary.prepared:
        yield (
            f"{primary.name} has {len(primary.prepared)} prepared XA transaction(s), which outlive a freeze; "
            "XA RECOVER lists them: commit or roll them back"
        )


def _logging(server: Server) -> Iterable[str]:
    if server.setting("log_bin") not in ("on", "1"):
        yield f"{server.name} writes no binary log; start it with log_bin"
        return
    if (format_ := server.setting("binlog_format")) != "row":
        yield f"{server.name} has binlog_format={format_.upper()}; SET GLOBAL binlog_format = ROW"
    if server.setting("binlog_row_image") != "full":
        yield f"{server.name} has binlog_row_image={server.setting('binlog_row_image').upper()}; set it to FULL"
    updates = server.setting("log_replica_updates") or server.setting("log_slave_updates")
    if updates not in ("on", "1"):
        yield f"{server.name} does not log what it applies; start it with log_replica_updates (log_slave_updates)"
    if not server.flavour.is_mariadb and server.setting("gtid_mode") != "on":
        mode = server.setting("gtid_mode").upper()
        yield f"{server.name} has gtid_mode={mode}; turn GTIDs on (docs/switchover.md)"
    if server.filters:
        yield f"{server.name} has filters ({', '.join(server.filters)}): it lacks some rows, or does not log them"


def _replication(server: Server, policy: Policy) -> Iterable[str]:
    replica = server.replica
    assert replica is not None
    if not replica.gtid:
        how = "MASTER_USE_GTID = slave_pos" if server.flavour.is_mariadb else "SOURCE_AUTO_POSITION = 1"
        yield f"{server.name} follows by file and position; change it to GTID ({how})"
    if not replica.io_running or not replica.sql_running:
        thread = "does not fetch" if not replica.io_running else "does not apply"
        why = f": {'; '.join(replica.errors)}" if replica.errors else ""
        yield f"{server.name} {thread}{why}"
    elif replica.lag is None or replica.lag > policy.max_lag:
        lag = "an unknown time" if replica.lag is None else f"{replica.lag} s"
        yield f"{server.name} is {lag} behind; the limit is {policy.max_lag:g} s"
    if replica.delay == HELD_DELAY:
        yield f"{server.name} is held by a run that did not end; `zdmigrate resume` it first"
    elif replica.delay:
        yield f"{server.name} is told to lag {replica.delay} s; a delayed replica cannot take over"
    if server.writable is Writable.ALL:
        yield f"{server.name} is a replica and writable; SET GLOBAL read_only = ON there before anybody writes to it"
    commit_order = server.setting("replica_preserve_commit_order")
    workers = server.setting("replica_parallel_workers")
    if commit_order in ("off", "0") and workers not in ("", "0", "1"):
        yield f"{server.name} applies out of order; SET GLOBAL replica_preserve_commit_order = ON there"


def _unknown_followers(roles: Roles) -> Iterable[str]:
    known = {server.setting("server_id") for server in (roles.primary, *roles.replicas)}
    for server in (roles.primary, *roles.replicas):
        for follower in server.followers:
            if str(follower) not in known:
                yield (
                    f"a server with server_id {follower} follows {server.name} and is not in the topology; "
                    "add it, or it would be left behind"
                )


def _settings(primary: Server, candidate: Server, policy: Policy) -> Iterable[str]:
    def differs(name: str, why: str) -> Iterable[str]:
        if name not in policy.accept:
            yield (
                f"{name} is {primary.setting(name)!r} on {primary.name} and {candidate.setting(name)!r} on "
                f"{candidate.name}{why}; make them equal, or say --accept {name}"
            )

    for name in _SAME_MEANING:
        if primary.setting(name) != candidate.setting(name):
            yield from differs(name, "")
    for name in _NOT_LESS:
        if _number(candidate.setting(name)) < _number(primary.setting(name)):
            yield from differs(name, ", which is less")
    for name in _DURABLE:
        if primary.setting(name) == "1" and candidate.setting(name) != "1":
            yield from differs(name, ", which may lose acknowledged commits in a crash")


def _managers(roles: Roles, policy: Policy) -> Iterable[str]:
    if policy.ha_paused:
        return
    for server in (roles.primary, *roles.replicas):
        for user in server.users:
            if any(name in user.lower() for name in _MANAGERS):
                yield (
                    f"{user} is connected to {server.name}: a failover manager may act on our freeze; "
                    "pause it and say --ha-paused"
                )


def _privileged(primary: Server, policy: Policy) -> Iterable[str]:
    """MariaDB's read_only does not stop them. We hold a lock until the switch is over, but not if we die in between."""
    if PRIVILEGED in policy.accept:
        return
    for user in primary.privileged:
        yield (
            f"{user} is connected to {primary.name} and may write through read_only; an app needs an account without "
            f"READ_ONLY ADMIN (REVOKE READ_ONLY ADMIN ON *.* FROM {user.partition('@')[0]}), or say "
            f"--accept {PRIVILEGED}"
        )


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
