"""How MySQL and MariaDB say the same things about replication. Values only: `replication.py` talks to the servers."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.servers.base import Kind

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """Where a replica fetches from.

    Attributes:
        host: Address of the primary, or of the link in front of it.
        port: Its port.
        user: The replication account.
        password: Its password.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ReplicaStatus:
    """What a replica says of itself, in one vocabulary.

    Attributes:
        io: `Yes`, `Connecting` or `No`: whether it fetches.
        applier: Whether it applies.
        source_port: The port it fetches from.
        io_errno: Last error of fetching, 0 for none.
        io_error: Its text.
        applier_errno: Last error of applying, 0 for none.
        applier_error: Its text.
        raw: The whole row as the server gave it.
    """

    io: str
    applier: bool
    source_port: int
    io_errno: int
    io_error: str
    applier_errno: int
    applier_error: str
    raw: Row


class Dialect(abc.ABC):
    """One flavour's statements. Lists are run in order; `%s` stands for values that are bound."""

    #: Databases of the server itself.
    system_databases = frozenset({"mysql", "sys", "information_schema", "performance_schema"})
    #: The value of its binary log position (a set of GTIDs); empty when nothing is in it.
    position: str
    #: Asks whether the position that is bound has been applied, waiting up to 0.2 s; true or false.
    reached: str
    status_query: str
    read_only_on: tuple[str, ...]
    read_only_off: tuple[str, ...]
    start: Mapping[str | None, str]
    stop: Mapping[str | None, str]
    #: Forget from whom a stopped replica fetched.
    unfollow: str
    #: Forget all replication, the binary logs, and settings that were made to outlive a restart.
    forget: tuple[str, ...]
    semi_sync_options: tuple[str, ...]
    semi_sync_primary: tuple[str, ...]
    semi_sync_replica: tuple[str, ...]
    #: The setting that a replica's option file holds, so that it is read-only after a restart too.
    read_only_option: str
    _thread_prefix: str

    @abc.abstractmethod
    def follow(self, source: Source) -> tuple[str, tuple[object, ...]]:
        """The statement that points a replica at a source, by GTID."""

    @abc.abstractmethod
    def options(self, appliers: int) -> tuple[str, ...]:
        """Command-line options for a node of a pair."""

    def status(self, row: Row) -> ReplicaStatus:
        """Read a row of `status_query`."""
        role = "Source" if "Source_Port" in row else "Master"
        prefix = self._thread_prefix
        return ReplicaStatus(
            io=row[f"{prefix}_IO_Running"],
            applier=row[f"{prefix}_SQL_Running"] == "Yes",
            source_port=int(row[f"{role}_Port"]),
            io_errno=int(row["Last_IO_Errno"]),
            io_error=row["Last_IO_Error"],
            applier_errno=int(row["Last_SQL_Errno"]),
            applier_error=row["Last_SQL_Error"],
            raw=row,
        )


class MySQLDialect(Dialect):
    """MySQL 8.4 and later; the statements exist since 8.2."""

    position = "SELECT @@GLOBAL.gtid_executed"
    reached = "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, 0.2) = 0"
    status_query = "SHOW REPLICA STATUS"
    read_only_on = ("SET GLOBAL super_read_only = ON",)
    read_only_off = ("SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    start: Mapping[str | None, str] = {
        None: "START REPLICA",
        "io": "START REPLICA IO_THREAD",
        "applier": "START REPLICA SQL_THREAD",
    }
    stop: Mapping[str | None, str] = {
        None: "STOP REPLICA",
        "io": "STOP REPLICA IO_THREAD",
        "applier": "STOP REPLICA SQL_THREAD",
    }
    unfollow = "RESET REPLICA ALL"
    forget = (unfollow, "RESET BINARY LOGS AND GTIDS", "RESET PERSIST")
    semi_sync_options = ("--plugin-load-add=semisync_source.so", "--plugin-load-add=semisync_replica.so")
    semi_sync_primary = ("SET GLOBAL rpl_semi_sync_source_enabled = ON",)
    semi_sync_replica = ("SET GLOBAL rpl_semi_sync_replica_enabled = ON",)
    read_only_option = "super_read_only"
    _thread_prefix = "Replica"

    def follow(self, source: Source) -> tuple[str, tuple[object, ...]]:
        """See `Dialect.follow`."""
        statement = (
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_USER = %s, SOURCE_PASSWORD = %s,"
            " SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_CONNECT_RETRY = 1,"
            " SOURCE_RETRY_COUNT = 1000000"
        )
        return statement, (source.host, source.port, source.user, source.password)

    def options(self, appliers: int) -> tuple[str, ...]:
        """See `Dialect.options`."""
        return (
            "--binlog-row-image=FULL",
            "--relay-log=relay",
            "--log-replica-updates=ON",
            "--relay-log-recovery=ON",
            "--replica-net-timeout=10",
            f"--replica-parallel-workers={appliers}",
            "--replica-preserve-commit-order=ON",
        )


class MariaDBDialect(Dialect):
    """MariaDB 10.6 and later."""

    position = "SELECT @@GLOBAL.gtid_binlog_pos"
    reached = "SELECT MASTER_GTID_WAIT(%s, 0.2) = 0"
    status_query = "SHOW SLAVE STATUS"
    read_only_on = ("SET GLOBAL read_only = ON",)
    read_only_off = ("SET GLOBAL read_only = OFF",)
    start: Mapping[str | None, str] = {
        None: "START SLAVE",
        "io": "START SLAVE IO_THREAD",
        "applier": "START SLAVE SQL_THREAD",
    }
    stop: Mapping[str | None, str] = {
        None: "STOP ALL SLAVES",
        "io": "STOP SLAVE IO_THREAD",
        "applier": "STOP SLAVE SQL_THREAD",
    }
    unfollow = "RESET SLAVE ALL"
    forget = (unfollow, "RESET MASTER", "SET GLOBAL gtid_slave_pos = ''")
    semi_sync_options = ()
    semi_sync_primary = ("SET GLOBAL rpl_semi_sync_master_enabled = ON",)
    semi_sync_replica = ("SET GLOBAL rpl_semi_sync_slave_enabled = ON",)
    read_only_option = "read_only"
    _thread_prefix = "Slave"

    def follow(self, source: Source) -> tuple[str, tuple[object, ...]]:
        """See `Dialect.follow`."""
        statement = (
            "CHANGE MASTER TO MASTER_HOST = %s, MASTER_PORT = %s, MASTER_USER = %s, MASTER_PASSWORD = %s,"
            " MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1"
        )
        return statement, (source.host, source.port, source.user, source.password)

    def options(self, appliers: int) -> tuple[str, ...]:
        """See `Dialect.options`."""
        return (
            "--binlog-row-image=FULL",
            "--relay-log=relay",
            "--slave-net-timeout=10",
            f"--slave-parallel-threads={appliers if appliers > 1 else 0}",
            "--slave-parallel-mode=optimistic",
        )


def dialect(kind: Kind) -> Dialect:
    """The dialect of a kind of server.

    Raises:
        ValueError: That kind does not replicate by GTID.
    """
    match kind:
        case "mysql":
            return MySQLDialect()
        case "mariadb":
            return MariaDBDialect()
        case _:
            raise ValueError(f"{kind} has no GTID replication; it may be mysql or mariadb")
