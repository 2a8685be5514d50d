"""MySQL 8.0.26 and later.

Sources: MySQL 8.4 manual, 15.4.2 (replication statements) and 7.1.8 (`super_read_only`, `SET PERSIST_ONLY`);
what is said of behaviour was run on 9.7.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from zdmigrate.run.connection import Connection, Row
from zdmigrate.run.flavours.base import FREEZER, Dialect, Source, transactions
from zdmigrate.run.state import HELD_DELAY, Replica, Session, Writable

#: Seconds for a transaction that a replica has already to be counted as executed by the primary that sent it.
_IN_FLIGHT_SECONDS = 1


class MySQL(Dialect):
    """REPLICA and SOURCE statements; super_read_only; SET PERSIST."""

    @property
    def show_replicas(self) -> str:
        """See `Dialect.show_replicas`."""
        return "SHOW REPLICAS"

    @property
    def show_binary_log(self) -> str:
        """See `Dialect.show_binary_log`. MASTER statements left with 8.4; BINARY LOG STATUS came with 8.2."""
        return "SHOW BINARY LOG STATUS" if self.flavour.at_least(8, 2) else "SHOW MASTER STATUS"

    def replica_rows(self, connection: Connection) -> list[Row]:
        """See `Dialect.replica_rows`. Group Replication's own channels are not sources."""
        rows = connection.rows("SHOW REPLICA STATUS")
        return [row for row in rows if not str(row["Channel_Name"]).startswith("group_replication_")]

    def replica_of(self, row: Row) -> Replica:
        """See `Dialect.replica_of`."""
        lag = row["Seconds_Behind_Source"]
        return Replica(
            source_host=str(row["Source_Host"]),
            source_port=int(row["Source_Port"]),
            source_id=str(row["Source_UUID"] or ""),
            io_running=row["Replica_IO_Running"] == "Yes",
            sql_running=row["Replica_SQL_Running"] == "Yes",
            gtid=str(row["Auto_Position"]) == "1",
            delay=int(row["SQL_Delay"] or 0),
            lag=None if lag is None else int(lag),
            errors=tuple(str(row[name]) for name in ("Last_IO_Error", "Last_SQL_Error") if row[name]),
        )

    def _vital(self, connection: Connection) -> tuple[str, str, datetime, str, Writable]:
        row = connection.rows(
            "SELECT @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged, UTC_TIMESTAMP(6) AS clock, "
            "@@server_uuid AS uuid, @@GLOBAL.read_only AS ro, @@GLOBAL.super_read_only AS super_ro"
        )[0]
        return _set(row["executed"]), _set(row["purged"]), row["clock"], str(row["uuid"]), _writable(row)

    def own_id(self, identity: str, variables: Mapping[str, str]) -> str:
        """See `Dialect.own_id`."""
        return identity

    def position(self, connection: Connection) -> str:
        """See `Dialect.position`."""
        return _set(connection.value("SELECT @@GLOBAL.gtid_executed"))

    def writable(self, connection: Connection) -> tuple[Writable, datetime]:
        """See `Dialect.writable`."""
        row = connection.rows(
            "SELECT @@GLOBAL.read_only AS ro, @@GLOBAL.super_read_only AS super_ro, UTC_TIMESTAMP(6) AS clock"
        )[0]
        return _writable(row), row["clock"]

    def errant(self, of: Connection, base: Connection) -> str:
        """See `Dialect.errant`. A busy primary sends a transaction before it counts it as executed itself, so what it
        seems to lack is waited for; what it never had does not come."""
        extra = _set(base.value("SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", (self.position(of),)))
        if not extra:
            return ""
        base.value("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", (extra, _IN_FLIGHT_SECONDS))
        return _set(base.value("SELECT GTID_SUBTRACT(%s, @@GLOBAL.gtid_executed)", (extra,)))

    def purged_for(self, source: Connection, replica: Connection) -> str:
        """See `Dialect.purged_for`."""
        return _set(source.value("SELECT GTID_SUBTRACT(@@GLOBAL.gtid_purged, %s)", (self.position(replica),)))

    def freeze(self, connection: Connection) -> None:
        """See `Dialect.freeze`. The variable takes the global read lock and the commit lock, both bounded by
        lock_wait_timeout; an open transaction does not block it, its COMMIT then fails with 1290."""
        connection.run("SET GLOBAL super_read_only = ON")

    def let_go(self, connection: Connection) -> None:
        """See `Dialect.let_go`. super_read_only is all there is."""
        connection.value("SELECT RELEASE_LOCK(%s)", (FREEZER,))

    def unfreeze(self, connection: Connection) -> None:
        """See `Dialect.unfreeze`. read_only = OFF clears super_read_only too."""
        self.end_freezer(connection)
        connection.run("SET GLOBAL read_only = OFF")

    def fence(self, connection: Connection) -> None:
        """See `Dialect.fence`."""
        connection.run("SET GLOBAL super_read_only = ON")

    def persist(self, connection: Connection, *, writable: bool) -> bool:
        """See `Dialect.persist`. PERSIST_ONLY writes the file and leaves the running server as it is."""
        value = "OFF" if writable else "ON"
        connection.run(f"SET PERSIST_ONLY super_read_only = {value}, PERSIST_ONLY read_only = {value}")
        return True

    def _reached(self, connection: Connection, position: str, seconds: float) -> bool:
        return bool(connection.value("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", (position, seconds)) == 0)

    def stop_replica(self, connection: Connection, *, applier_only: bool = False) -> None:
        """See `Dialect.stop_replica`."""
        connection.run("STOP REPLICA SQL_THREAD" if applier_only else "STOP REPLICA")

    def start_replica(self, connection: Connection, *, fetch_only: bool = False) -> None:
        """See `Dialect.start_replica`."""
        connection.run("START REPLICA IO_THREAD" if fetch_only else "START REPLICA")

    def forget_source(self, connection: Connection) -> None:
        """See `Dialect.forget_source`."""
        connection.run("STOP REPLICA")
        connection.run("RESET REPLICA ALL")

    def follow(self, connection: Connection, source: Source, *, demoted: bool) -> None:
        """See `Dialect.follow`. GET_SOURCE_PUBLIC_KEY lets caching_sha2_password work without TLS."""
        connection.run("STOP REPLICA")
        secure = "SOURCE_SSL = 1" if source.account.tls else "SOURCE_SSL = 0, GET_SOURCE_PUBLIC_KEY = 1"
        connection.run(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_USER = %s, SOURCE_PASSWORD = %s, "
            f"SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400, {secure}, "
            "SOURCE_DELAY = %s",
            (source.host, source.port, source.account.user, source.account.password, HELD_DELAY if source.held else 0),
        )
        self.start_replica(connection, fetch_only=source.held)

    def set_delay(self, connection: Connection, seconds: int) -> None:
        """See `Dialect.set_delay`."""
        connection.run("CHANGE REPLICATION SOURCE TO SOURCE_DELAY = %s", (seconds,))

    def _transactions(self, connection: Connection) -> tuple[Session, ...]:
        return transactions(connection)

    def _privileged(self, connection: Connection, processes: Sequence[Row]) -> Iterable[str]:
        return ()  # nobody writes through super_read_only

    def _cluster(self, variables: Mapping[str, str]) -> str:
        return "group replication" if variables.get("group_replication_group_name") else ""


def _set(value: object) -> str:
    """A GTID set on one line."""
    return "".join(str(value or "").split())


def _writable(row: Row) -> Writable:
    if row["super_ro"]:
        return Writable.NOBODY
    return Writable.ADMINS if row["ro"] else Writable.ALL
