"""MariaDB 10.10 and later.

Sources: MariaDB documentation (CHANGE MASTER TO, MASTER_GTID_WAIT, FLUSH, read_only); behaviour was run on 10.11.19.
MariaDB has no super_read_only and no SET PERSIST, so a freeze holds FLUSH TABLES WITH READ LOCK as well: nothing
writes while its connection lives, and read_only remains when it dies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from zdmigrate.run.connection import Connection, Row
from zdmigrate.run.flavours.base import FREEZER, Dialect, Source, account_of, is_client, transactions
from zdmigrate.run.gtid import domains
from zdmigrate.run.state import HELD_DELAY, Replica, Session, Writable

_STATE = "SELECT @@GLOBAL.gtid_binlog_state"


class MariaDB(Dialect):
    """MASTER and SLAVE statements, domain-based GTIDs."""

    @property
    def show_replicas(self) -> str:
        """See `Dialect.show_replicas`."""
        return "SHOW REPLICA HOSTS"

    @property
    def show_binary_log(self) -> str:
        """See `Dialect.show_binary_log`."""
        return "SHOW MASTER STATUS"

    def replica_rows(self, connection: Connection) -> list[Row]:
        """See `Dialect.replica_rows`."""
        return connection.rows("SHOW ALL SLAVES STATUS")

    def replica_of(self, row: Row) -> Replica:
        """See `Dialect.replica_of`."""
        lag = row["Seconds_Behind_Master"]
        return Replica(
            source_host=str(row["Master_Host"]),
            source_port=int(row["Master_Port"]),
            source_id=str(row["Master_Server_Id"] or ""),
            io_running=row["Slave_IO_Running"] == "Yes",
            sql_running=row["Slave_SQL_Running"] == "Yes",
            gtid=row["Using_Gtid"] != "No",
            delay=int(row["SQL_Delay"] or 0),
            lag=None if lag is None else int(lag),
            errors=tuple(str(row[name]) for name in ("Last_IO_Error", "Last_SQL_Error") if row[name]),
        )

    def _vital(self, connection: Connection) -> tuple[str, str, datetime, str, Writable]:
        row = connection.rows(
            "SELECT @@GLOBAL.gtid_binlog_pos AS written, @@GLOBAL.gtid_slave_pos AS applied, "
            "UTC_TIMESTAMP(6) AS clock, @@GLOBAL.read_only AS ro, "
            "CONCAT_WS(':', @@server_id, @@hostname, @@port, @@datadir) AS identity"
        )[0]
        return _latest(row), "", row["clock"], str(row["identity"]), _writable(row)

    def own_id(self, identity: str, variables: Mapping[str, str]) -> str:
        """See `Dialect.own_id`."""
        return variables["server_id"]

    def position(self, connection: Connection) -> str:
        """See `Dialect.position`. What is in the binary log, or was applied before the log began."""
        return _latest(
            connection.rows("SELECT @@GLOBAL.gtid_binlog_pos AS written, @@GLOBAL.gtid_slave_pos AS applied")[0]
        )

    def writable(self, connection: Connection) -> tuple[Writable, datetime]:
        """See `Dialect.writable`."""
        row = connection.rows("SELECT @@GLOBAL.read_only AS ro, UTC_TIMESTAMP(6) AS clock")[0]
        return _writable(row), row["clock"]

    def errant(self, of: Connection, base: Connection) -> str:
        """See `Dialect.errant`. Positions compare sequence numbers only, which hides a write that the other server
        has since overtaken; the state of the binary log has the last one of every server that ever wrote."""
        written = [gtid.split("-") for gtid in filter(None, str(of.value(_STATE) or "").split(","))]
        have = str(base.value(_STATE) or "")
        known = {tuple(gtid.split("-")[:2]): int(gtid.split("-")[2]) for gtid in filter(None, have.split(","))}
        applied = domains(str(base.value("SELECT @@GLOBAL.gtid_slave_pos") or ""))
        return ",".join(
            "-".join((domain, server, sequence))
            for domain, server, sequence in written
            if int(sequence) > max(known.get((domain, server), 0), applied.get(int(domain), (0, 0))[1])
        )

    def freeze(self, connection: Connection) -> None:
        """See `Dialect.freeze`. Accounts with READ_ONLY ADMIN write through read_only, and nobody through the lock."""
        connection.run("FLUSH TABLES WITH READ LOCK")
        try:
            connection.run("SET GLOBAL read_only = 1")
        except BaseException:
            connection.run("UNLOCK TABLES")
            raise

    def let_go(self, connection: Connection) -> None:
        """See `Dialect.let_go`. From here on accounts with READ_ONLY ADMIN can write again: end them first."""
        connection.run("UNLOCK TABLES")
        connection.value("SELECT RELEASE_LOCK(%s)", (FREEZER,))

    def unfreeze(self, connection: Connection) -> None:
        """See `Dialect.unfreeze`. FLUSH TABLES WITH READ LOCK goes with the connection that holds it."""
        self.end_freezer(connection)
        connection.run("UNLOCK TABLES")
        connection.run("SET GLOBAL read_only = 0")

    def fence(self, connection: Connection) -> None:
        """See `Dialect.fence`."""
        connection.run("SET GLOBAL read_only = 1")

    def event_scheduler(self, connection: Connection, *, running: bool) -> bool:
        """See `Dialect.event_scheduler`. An event whose definer has READ_ONLY ADMIN writes through read_only."""
        now = str(connection.value("SELECT @@GLOBAL.event_scheduler")).upper()
        if now == "DISABLED" or now == ("ON" if running else "OFF"):
            return False
        connection.run(f"SET GLOBAL event_scheduler = {'ON' if running else 'OFF'}")
        return True

    def persist(self, connection: Connection, *, writable: bool) -> bool:
        """See `Dialect.persist`. MariaDB has no SET PERSIST: only the configuration file survives a restart."""
        return False

    def _reached(self, connection: Connection, position: str, seconds: float) -> bool:
        return bool(connection.value("SELECT MASTER_GTID_WAIT(%s, %s)", (position, seconds)) == 0)

    def stop_replica(self, connection: Connection, *, applier_only: bool = False) -> None:
        """See `Dialect.stop_replica`."""
        connection.run("STOP SLAVE SQL_THREAD" if applier_only else "STOP SLAVE")

    def start_replica(self, connection: Connection, *, fetch_only: bool = False) -> None:
        """See `Dialect.start_replica`."""
        connection.run("START SLAVE IO_THREAD" if fetch_only else "START SLAVE")

    def forget_source(self, connection: Connection) -> None:
        """See `Dialect.forget_source`."""
        connection.run("STOP SLAVE")
        connection.run("RESET SLAVE ALL")

    def follow(self, connection: Connection, source: Source, *, demoted: bool) -> None:
        """See `Dialect.follow`. MASTER_DEMOTE_TO_SLAVE (10.10) adds what a primary wrote to its slave position."""
        connection.run("STOP SLAVE")
        demote = ", MASTER_DEMOTE_TO_SLAVE = 1" if demoted else ""
        connection.run(
            "CHANGE MASTER TO MASTER_HOST = %s, MASTER_PORT = %s, MASTER_USER = %s, MASTER_PASSWORD = %s, "
            f"MASTER_SSL = {int(source.account.tls)}, MASTER_CONNECT_RETRY = 1, MASTER_DELAY = %s, "
            f"MASTER_USE_GTID = slave_pos{demote}",
            (source.host, source.port, source.account.user, source.account.password, HELD_DELAY if source.held else 0),
        )
        self.start_replica(connection, fetch_only=source.held)

    def set_delay(self, connection: Connection, seconds: int) -> None:
        """See `Dialect.set_delay`."""
        connection.run("CHANGE MASTER TO MASTER_DELAY = %s", (seconds,))

    def _transactions(self, connection: Connection) -> tuple[Session, ...]:
        return transactions(connection)

    def _privileged(self, connection: Connection, processes: Sequence[Row]) -> Iterable[str]:
        """Told apart by user name: which of several accounts of one name a session has, the list does not say."""
        granted = connection.rows(
            "SELECT DISTINCT GRANTEE AS grantee FROM information_schema.USER_PRIVILEGES "
            "WHERE PRIVILEGE_TYPE IN ('READ_ONLY ADMIN', 'READ ONLY ADMIN')"
        )
        admins = {str(row["grantee"]).rpartition("@")[0].strip("'") for row in granted}
        return {
            account_of(row)
            for row in processes
            if is_client(row, connection.id) and row["User"] in admins and not self._is_ours(connection, row)
        }

    def _cluster(self, variables: Mapping[str, str]) -> str:
        return "galera" if variables.get("wsrep_on", "").lower() in ("on", "1") else ""


def _latest(row: Row) -> str:
    """The further of two positions, domain by domain: a log that was just begun is empty."""
    applied, written = domains(str(row["applied"] or "")), domains(str(row["written"] or ""))
    merged = dict(applied)
    for domain, gtid in written.items():
        if gtid[1] >= merged.get(domain, (0, 0))[1]:
            merged[domain] = gtid
    return ",".join(f"{domain}-{server}-{sequence}" for domain, (server, sequence) in sorted(merged.items()))


def _writable(row: Row) -> Writable:
    return Writable.ADMINS if row["ro"] else Writable.ALL
