"""What a flavour must be able to say and do. One statement list a method; no decisions here."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from zdmigrate.flavour import Flavour
from zdmigrate.run.connection import OURS, Connection, Row, quoted
from zdmigrate.run.errors import LostError
from zdmigrate.run.state import Replica, Server, Session, Writable
from zdmigrate.run.topology import Account

#: The named lock of the connection that freezes.
FREEZER = "zdmigrate.freeze"
#: Users of the server itself; their connections are never ours to judge or to end.
_SERVER_USERS = frozenset({"system user", "event_scheduler", "unauthenticated user", "mysql.session", "mysql.sys"})
#: Commands of connections that carry replication.
_REPLICATION_COMMANDS = frozenset(
    {"Binlog Dump", "Binlog Dump GTID", "Slave_IO", "Slave_SQL", "Slave_worker", "Daemon"}
)

_SETTINGS = (
    "auto_increment_increment", "auto_increment_offset", "binlog_format", "binlog_row_image",
    "binlog_checksum", "character_set_server", "collation_server", "default_storage_engine",
    "default_time_zone", "enforce_gtid_consistency", "event_scheduler", "explicit_defaults_for_timestamp",
    "foreign_key_checks", "gtid_mode", "gtid_strict_mode", "innodb_autoinc_lock_mode",
    "innodb_flush_log_at_trx_commit", "log_bin", "log_replica_updates", "log_slave_updates",
    "lower_case_table_names", "max_allowed_packet", "max_connections", "performance_schema", "read_only",
    "replica_preserve_commit_order", "slave_preserve_commit_order", "slave_parallel_mode",
    "replica_parallel_workers", "slave_parallel_threads", "replica_type_conversions", "slave_type_conversions",
    "server_id", "sql_mode", "sync_binlog", "system_time_zone", "time_zone", "transaction_isolation",
    "tx_isolation", "unique_checks", "super_read_only", "rpl_semi_sync_source_enabled",
    "rpl_semi_sync_replica_enabled", "rpl_semi_sync_master_enabled", "rpl_semi_sync_slave_enabled",
    "binlog_expire_logs_seconds", "wsrep_on", "group_replication_group_name", "basedir", "aurora_version",
    "version_comment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """Whom a server is told to follow, and how."""

    host: str
    port: int
    account: Account
    held: bool = False


class Dialect(abc.ABC):
    """The statements of one flavour and version.

    Every method sends its statements over the connection it is given and raises what that raises: `ServerError`
    when the server refused, `LostError` when nobody knows.
    """

    def __init__(self, flavour: Flavour) -> None:
        self.flavour = flavour

    # --- seeing

    def observe(self, connection: Connection) -> Server:
        """Everything preflight and the steps ask about, read without changing anything."""
        names = ", ".join(["%s"] * len(_SETTINGS))
        found = connection.rows(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})", _SETTINGS)
        variables = {str(row["Variable_name"]).lower(): str(row["Value"]) for row in found}
        processes = connection.rows("SHOW FULL PROCESSLIST")
        replication = self.replica_rows(connection)
        position, purged, clock, identity, writable = self._vital(connection)
        replicas = [self.replica_of(row) for row in replication]
        return Server(
            name=connection.node.name,
            flavour=self.flavour,
            identity=identity,
            own_id=self.own_id(identity, variables),
            writable=writable,
            position=position,
            purged=purged,
            clock=clock,
            replica=replicas[0] if replicas else None,
            sources=len(replicas),
            followers=tuple(
                int(row.get("Server_id") or row["Server_Id"]) for row in connection.rows(self.show_replicas)
            ),
            settings=variables,
            long_transactions=self._transactions(connection),
            prepared=tuple(str(row["data"]) for row in connection.rows("XA RECOVER")),
            events=tuple(
                f"{row['s']}.{row['n']}"
                for row in connection.rows(
                    "SELECT EVENT_SCHEMA AS s, EVENT_NAME AS n FROM information_schema.EVENTS WHERE STATUS = 'ENABLED'"
                )
            ),
            dump_clients=tuple(account_of(row) for row in processes if str(row["Command"]).startswith("Binlog Dump")),
            users=tuple(sorted({account_of(row) for row in processes if is_client(row, connection.id)})),
            privileged=tuple(sorted(self._privileged(connection, processes))),
            filters=tuple(_filters([*connection.rows(self.show_binary_log), *replication])),
            cluster=self._cluster(variables),
            managed=_managed(variables),
        )

    @property
    @abc.abstractmethod
    def show_replicas(self) -> str:
        """The statement that lists connected replicas."""

    @property
    @abc.abstractmethod
    def show_binary_log(self) -> str:
        """The statement that shows the server's own binary log position and filters."""

    @abc.abstractmethod
    def replica_rows(self, connection: Connection) -> list[Row]:
        """One row for each source this server follows."""

    @abc.abstractmethod
    def replica_of(self, row: Row) -> Replica:
        """What such a row says."""

    @abc.abstractmethod
    def _vital(self, connection: Connection) -> tuple[str, str, datetime, str, Writable]:
        """Position, purged, clock, identity, writable: in one statement."""

    @abc.abstractmethod
    def own_id(self, identity: str, variables: Mapping[str, str]) -> str:
        """What replicas call this server (see `Server.own_id`)."""

    @abc.abstractmethod
    def position(self, connection: Connection) -> str:
        """GTIDs this server has executed."""

    @abc.abstractmethod
    def writable(self, connection: Connection) -> tuple[Writable, datetime]:
        """Who may write, and the server's clock, read in one statement."""

    @abc.abstractmethod
    def errant(self, of: Connection, base: Connection) -> str:
        """GTIDs that the server `of` has and the server `base` lacks, "" for none. `of` is read first."""

    def purged_for(self, source: Connection, replica: Connection) -> str:
        """GTIDs that `replica` lacks and `source` has purged, "" for none (or where only a try would tell)."""
        return ""

    def sessions(self, connection: Connection) -> list[Session]:
        """Client connections that are neither the server's own, nor replication, nor this one."""
        return [
            Session(int(row["Id"]), str(row["User"]), str(row["Host"]), float(row["Time"] or 0), str(row["Info"] or ""))
            for row in connection.rows("SHOW FULL PROCESSLIST")
            if is_client(row, connection.id)
        ]

    # --- writes

    def prepare_freeze(self, connection: Connection, seconds: int) -> None:
        """Make `connection` the one that freezes, for whoever unfreezes to find, and bound what it will wait for.

        A freeze whose answer is lost may be on the wire still; once its connection is ended it cannot arrive late.
        """
        connection.run("SET SESSION lock_wait_timeout = %s", (seconds,))
        if connection.value("SELECT GET_LOCK(%s, 5)", (FREEZER,)) != 1:
            raise LostError(connection.node.name, "an earlier freeze has not gone yet", "GET_LOCK")

    @abc.abstractmethod
    def freeze(self, connection: Connection) -> None:
        """Stop every write, or change nothing. `prepare_freeze` said how long to wait for those that write now."""

    def end_freezer(self, connection: Connection) -> None:
        """End the connection that froze, or is about to: its owner died, stalled or is cut off. Then it is gone."""
        holder = connection.value("SELECT IS_USED_LOCK(%s)", (FREEZER,))
        if holder is None or int(holder) == connection.id:
            return
        connection.kill(int(holder))
        if connection.value("SELECT GET_LOCK(%s, 5)", (FREEZER,)) != 1:
            raise LostError(connection.node.name, f"connection {int(holder)}, which froze it, does not end", "KILL")
        connection.value("SELECT RELEASE_LOCK(%s)", (FREEZER,))

    @abc.abstractmethod
    def let_go(self, connection: Connection) -> None:
        """Give up what the freeze held beyond read_only, on the connection that froze. Nobody may write still."""

    @abc.abstractmethod
    def unfreeze(self, connection: Connection) -> None:
        """Let everybody write; the connection that froze is ended first. Harmless on a server that is writable."""

    def promote(self, connection: Connection, deadline: datetime) -> Writable:
        """Let everybody write if this server's clock is before `deadline`, in one statement; who may write then."""
        connection.run("SET GLOBAL read_only = IF(UTC_TIMESTAMP(6) < %s, 0, 1)", (deadline,))
        return self.writable(connection)[0]

    @abc.abstractmethod
    def fence(self, connection: Connection) -> None:
        """Nobody may write, at once (a server that has no writers)."""

    @abc.abstractmethod
    def persist(self, connection: Connection, *, writable: bool) -> bool:
        """Make what a restart brings back right. False when this flavour cannot be told over a connection."""

    def end_sessions(self, connection: Connection, sessions: Iterable[Session]) -> int:
        """End client connections; how many there were. One that ended by itself meanwhile is fine."""
        count = 0
        for session in sessions:
            connection.kill(session.id)
            count += 1
        return count

    def event_scheduler(self, connection: Connection, *, running: bool) -> bool:
        """Start or stop the event scheduler where events could write through `fence`; whether that was needed."""
        return False

    # --- replication

    def set_semi_sync(self, connection: Connection, names: Sequence[str], *, source: bool) -> None:
        """Make a server the source of semi-synchronous replication, or a replica that acknowledges.

        Args:
            names: the variables of the source's and of the replica's side.
        """
        for name, on in zip(names, (source, not source), strict=True):
            connection.run(f"SET GLOBAL {quoted(name)} = %s", (int(on),))

    def wait_for(self, connection: Connection, position: str, seconds: float) -> bool:
        """Wait until this replica has applied `position`; False when time is over or its applier is not running.

        The servers' own functions do not notice a stopped applier, so they are asked in short turns.
        """
        left = seconds
        while True:
            turn = min(left, 1.0)
            if self._reached(connection, position, turn):
                return True
            left -= turn
            rows = self.replica_rows(connection)
            if left <= 0 or not rows or not self.replica_of(rows[0]).sql_running:
                return False

    @abc.abstractmethod
    def _reached(self, connection: Connection, position: str, seconds: float) -> bool:
        """Whether this server has applied `position`, or has so within `seconds`."""

    @abc.abstractmethod
    def stop_replica(self, connection: Connection, *, applier_only: bool = False) -> None:
        """Stop fetching and applying, or only applying."""

    @abc.abstractmethod
    def start_replica(self, connection: Connection, *, fetch_only: bool = False) -> None:
        """Start fetching and applying, or only fetching."""

    @abc.abstractmethod
    def forget_source(self, connection: Connection) -> None:
        """Follow nobody any more; the replica is stopped first."""

    @abc.abstractmethod
    def follow(self, connection: Connection, source: Source, *, demoted: bool) -> None:
        """Follow another server by GTID and start; held ones fetch only. `demoted`: it was a primary until now."""

    @abc.abstractmethod
    def set_delay(self, connection: Connection, seconds: int) -> None:
        """Set the delay of a stopped applier."""

    # --- helpers

    @abc.abstractmethod
    def _transactions(self, connection: Connection) -> tuple[Session, ...]:
        """Open transactions, oldest first."""

    @abc.abstractmethod
    def _privileged(self, connection: Connection, processes: Sequence[Row]) -> Iterable[str]:
        """Accounts (user@host) of connected clients that write through what `fence` sets."""

    def _is_ours(self, connection: Connection, row: Row) -> bool:
        """Whether a row of SHOW PROCESSLIST is a connection of this tool, here or on another machine."""
        number = int(row["Id"])
        return bool(connection.value("SELECT IS_USED_LOCK(%s)", (f"{OURS}{number}",)) == number)

    @abc.abstractmethod
    def _cluster(self, variables: Mapping[str, str]) -> str:
        """The kind of cluster this server is a member of, or ""."""

    def event_statement(self, event: str, state: str) -> str:
        """ALTER EVENT for `database.name`."""
        database, _, name = event.partition(".")
        return f"ALTER EVENT {quoted(database)}.{quoted(name)} {state}"


def is_client(row: Row, ours: int) -> bool:
    """Whether a row of SHOW PROCESSLIST is neither the server's own, nor replication, nor the connection `ours`."""
    return (
        row["User"] not in _SERVER_USERS and str(row["Command"]) not in _REPLICATION_COMMANDS and int(row["Id"]) != ours
    )


def account_of(row: Row) -> str:
    """user@host of a row of SHOW PROCESSLIST."""
    host, _, port = str(row["Host"]).rpartition(":")
    return f"{row['User']}@{host if host and port.isdigit() else row['Host']}"


def transactions(connection: Connection) -> tuple[Session, ...]:
    """Open InnoDB transactions of clients, oldest first."""
    found = connection.rows(
        "SELECT t.trx_mysql_thread_id AS id, p.USER AS user, p.HOST AS host, t.trx_query AS query, "
        "TIMESTAMPDIFF(MICROSECOND, t.trx_started, NOW(6)) / 1e6 AS seconds FROM information_schema.INNODB_TRX t "
        "JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id "
        "WHERE t.trx_mysql_thread_id <> CONNECTION_ID() ORDER BY t.trx_started"
    )
    return tuple(
        Session(int(row["id"]), str(row["user"]), str(row["host"]), float(row["seconds"]), str(row["query"] or ""))
        for row in found
        if row["user"] not in _SERVER_USERS
    )


def _filters(rows: Iterable[Row]) -> Iterable[str]:
    """Filters of the binary log and of the applier, as `name=value`."""
    for row in rows:
        for name, value in row.items():
            is_filter = name.lower().startswith(("binlog_do_db", "binlog_ignore_db", "replicate_"))
            if is_filter and value and name.lower() != "replicate_ignore_server_ids":
                yield f"{name}={value}"


def _managed(variables: Mapping[str, str]) -> str:
    if variables.get("aurora_version"):
        return "Amazon Aurora"
    if variables.get("basedir", "").startswith("/rdsdbbin"):
        return "Amazon RDS"
    if "cloud sql" in variables.get("version_comment", "").lower():
        return "Google Cloud SQL"
    if "azure" in variables.get("version_comment", "").lower():
        return "Azure Database for MySQL"
    return ""
