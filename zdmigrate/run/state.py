"""What servers say of themselves: values that decisions are made from. No I/O here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from zdmigrate.flavour import Flavour

#: SOURCE_DELAY / MASTER_DELAY of a held replica: 68 years. It survives a restart on both flavours, which a
#: stopped applier does not (DESIGN, "Sharp edges"; measured on MySQL 9.7.4 and MariaDB 10.11).
HELD_DELAY = 2147483647


class Writable(IntEnum):
    """Who may write to a server."""

    NOBODY = 0  # super_read_only (MySQL)
    ADMINS = 1  # read_only: accounts with READ_ONLY ADMIN (MariaDB) or CONNECTION_ADMIN (MySQL) still write
    ALL = 2

    @property
    def shown(self) -> str:
        """For people."""
        return {self.NOBODY: "frozen", self.ADMINS: "read-only", self.ALL: "writable"}[self]


@dataclass(frozen=True, slots=True)
class Replica:
    """How a server follows its source.

    Attributes:
        source_host, source_port: whom it follows.
        source_id: `Server.own_id` of that server, "" when it never connected.
        io_running: whether it is connected and fetching; connecting counts as not.
        sql_running: whether it applies.
        gtid: whether it positions itself by GTID.
        delay: seconds it is told to lag.
        lag: seconds behind, as the server estimates; None when it does not know.
        errors: what stopped it, in the server's words.
    """

    source_host: str
    source_port: int
    source_id: str
    io_running: bool
    sql_running: bool
    gtid: bool
    delay: int = 0
    lag: int | None = None
    errors: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Fetches, does not apply, and would not after a restart either."""
        return self.delay == HELD_DELAY


@dataclass(frozen=True, slots=True)
class Session:
    """A client connection.

    Attributes:
        seconds: age of its open transaction, or of its statement.
    """

    id: int
    user: str
    host: str
    seconds: float
    statement: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """One server at one moment.

    Attributes:
        identity: what tells it from every other server and survives a restart.
        own_id: what its replicas call it: server_uuid (MySQL), server_id (MariaDB).
        position: GTIDs it has executed (MySQL: a set; MariaDB: one per domain).
        purged: GTIDs whose binary log is gone (MySQL), else empty.
        replica: how it replicates, None when it follows nobody.
        sources: how many sources it follows.
        followers: server ids of the replicas connected to it now.
        settings: variables that preflight compares or checks, by MySQL's lower-case name.
        long_transactions: open ones, oldest first.
        prepared: XA transactions that are prepared.
        events: enabled events, as database.name.
        dump_clients: accounts (user@host) of connections that read the binary log.
        users: accounts (user@host) of client connections.
        privileged: those of them that a freeze by read_only alone would not stop.
        cluster: "group replication", "galera", or "".
        managed: the managed service it belongs to ("Amazon RDS", ...), or "".
    """

    name: str
    flavour: Flavour
    identity: str
    own_id: str
    writable: Writable
    position: str
    clock: datetime
    replica: Replica | None = None
    sources: int = 0
    purged: str = ""
    followers: tuple[int, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    long_transactions: tuple[Session, ...] = ()
    prepared: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    dump_clients: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    privileged: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    cluster: str = ""
    managed: str = ""

    def setting(self, name: str) -> str:
        """A variable's value in lower case, "" when this server has none of the name."""
        return self.settings.get(name, "").lower()
