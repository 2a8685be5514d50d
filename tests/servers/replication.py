"""A primary and its replicas, replicating by GTID, with a link in front of each that can be cut.

    with open_replicas("mysql", replicas=2) as pair:
        pair.primary.execute("CREATE DATABASE shop")
        pair.wait_caught_up()
        pair.primary.link.cut()                # the replicas hear nothing; clients still reach the primary
        pair.reset()                           # as at the start, for the next test

Always local processes, whatever `ZDRELEASE_SERVERS` says: the nodes have to reach each other through links of ours.
"""

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pymysql
import pymysql.cursors
import sqlalchemy

from tests.servers.base import Kind, ServerError
from tests.servers.dialects import Dialect, ReplicaStatus, Source, dialect
from tests.servers.link import Link
from tests.servers.processes import make_process
from tests.servers.sql import SQLProcess

__all__ = ["Node", "ReplicaStatus", "Replication", "open_replicas"]

Thread = Literal["io", "applier"]
REPLICATION_USER = "replication"
RESET_SECONDS = 60.0  # for one answer during a reset, and for replication to be running after it
LOOK_SECONDS = 10.0  # for an answer to a question that is quickly answered; a paused server gives none

# Variables that say where a server is, not how it is set. A reset cannot and need not restore them.
_NOT_SETTINGS = ("gtid_", "server_uuid", "timestamp", "last_", "wsrep_", "init_file")


class Node:
    """One server of a replication.

    Attributes:
        name: `a` for the primary at the start, then `b`, `c`, ….
        server: The server itself, with all its faults. Clients and tools reach it directly by `url()`.
        link: In front of it, for the other nodes only.
        replication_host: Where the other nodes reach it (the link).
        replication_port: Its port.
        replication_user: The account they use; it exists on every node.
        replication_password: Its password.
    """

    def __init__(self, name: str, server: SQLProcess, link: Link, password: str, options: dict[str, str]) -> None:
        self.name = name
        self.server = server
        self.link = link
        self.replication_host = "127.0.0.1"
        self.replication_port = link.port
        self.replication_user = REPLICATION_USER
        self.replication_password = password
        self._options = options
        self._dialect = dialect(server.kind)
        self._settings: dict[str, str] = {}
        self._accounts: set[tuple[str, str]] = set()

    def url(self, database: str | None = None) -> str:
        """The SQLAlchemy URL of a database on it, as its administrator, past the link."""
        return self.server.url(database)

    def connect(self, database: str | None = None, **options: Any) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """A connection as its administrator, autocommitting; `options` go to `pymysql.connect`."""
        url = sqlalchemy.make_url(self.url())
        given: dict[str, Any] = {"autocommit": True, "charset": "utf8mb4", "connect_timeout": 10, **options}
        return pymysql.connect(
            host=url.host,
            port=url.port or 0,
            user=url.username,
            password=str(url.password),
            database=database,
            **given,
        )

    def execute(
        self, statement: str, *values: object, database: str | None = None, seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own; its rows, if it has any. `seconds` bounds each answer."""
        bounds = {"read_timeout": seconds, "write_timeout": seconds}
        with contextlib.closing(self.connect(database, **bounds)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def value(self, query: str, *values: object, database: str | None = None, seconds: float | None = None) -> Any:
        """The first column of the first row of a query, or None when there is no row."""
        rows = self.execute(query, *values, database=database, seconds=seconds)
        return rows[0][0] if rows else None

    def position(self) -> str:
        """The GTIDs in its binary log (`gtid_executed`, on MariaDB `gtid_binlog_pos`)."""
        return str(self.value(self._dialect.position, seconds=LOOK_SECONDS) or "").replace("\n", "")

    def has_applied(self, position: str) -> bool:
        """Whether it has applied all of another node's position; waits up to 0.2 s for it."""
        return not position or self.value(self._dialect.reached, position, seconds=LOOK_SECONDS) == 1

    def replica_status(self) -> ReplicaStatus | None:
        """How it replicates, or None when it follows nobody."""
        with (
            contextlib.closing(
                self.connect(cursorclass=pymysql.cursors.DictCursor, read_timeout=LOOK_SECONDS)
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(self._dialect.status_query)
            row: Any = cursor.fetchone()
        return self._dialect.status(row) if row else None

    def follow(self, source: "Node") -> None:
        """Point it at another node and start replicating from there. It must have stopped.

        A MariaDB that was primary itself needs `gtid_slave_pos` set first, or MASTER_DEMOTE_TO_SLAVE.
        """
        where = Source(
            source.replication_host, source.replication_port, source.replication_user, source.replication_password
        )
        statement, values = self._dialect.follow(where)
        self.execute(statement, *values)
        self.start_replication()

    def unfollow(self) -> None:
        """Stop replicating, and forget from whom."""
        self.stop_replication()
        self.execute(self._dialect.unfollow)

    def start_replication(self, thread: Thread | None = None) -> None:
        """Fetch and apply again, or one of the two."""
        self.execute(self._dialect.start[thread])

    def stop_replication(self, thread: Thread | None = None) -> None:
        """Stop fetching and applying, or one of the two. A restart of the server starts both."""
        self.execute(self._dialect.stop[thread])

    def set_read_only(self, read_only: bool) -> None:
        """Refuse writes, the administrator's too where the server can (MySQL); or take them again."""
        for statement in self._dialect.read_only_on if read_only else self._dialect.read_only_off:
            self.execute(statement)

    def close(self) -> None:
        """End its server and its link."""
        self.server.close()
        self.link.close()

    def __repr__(self) -> str:
        return f"<node {self.name}: {self.server!r}>"

    # --- what `Replication` does with it ---------------------------------------------------------------------------

    def remember(self) -> None:
        """Take settings and accounts as they are, to be restored by a reset."""
        self._settings = self._variables()
        self._accounts = self._present_accounts()

    def revive(self) -> None:
        """Undo faults: whole wire, running server, its own option file."""
        self.link.heal()
        if self.server.has_disk:
            self.server.free_disk()
        self.server.resume()
        if self.server.configuration != self._options:
            self.server.configure(**self._options)
            self.server.stop()
        self.server.start()

    def detach(self) -> None:
        """Stop replicating, after ending the sessions whose locks an applier may wait for. It is left writable."""
        with self._cleaner() as cursor:
            self._end_sessions(cursor)  # first: one may hold a lock on all
            for statement in self._dialect.read_only_off:
                cursor.execute(statement)
            self._roll_back_prepared(cursor)
            cursor.execute(self._dialect.stop[None])

    def forget(self) -> None:
        """Remove all that tests made, its position and whom it followed. All nodes are detached by now."""
        with self._cleaner() as cursor:
            cursor.execute("SET SESSION sql_log_bin = 0")
            cursor.execute("SHOW DATABASES")
            for (database,) in cursor.fetchall():
                if database not in self._dialect.system_databases:
                    cursor.execute(f"DROP DATABASE {_quoted(database)}")
            for user, host in self._present_accounts() - self._accounts:
                cursor.execute("DROP USER %s@%s", (user, host))
            self.add_account(cursor)
            for statement in self._dialect.forget:
                cursor.execute(statement)

    def restore_settings(self) -> None:
        """Set every global variable as `remember` found it, `read_only` included. Some take no change later.

        Raises:
            ServerError: One cannot be restored; the node is of no more use.
        """
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            for name, now in self._variables().items():
                if (wanted := self._settings.get(name, now)) != now:
                    with contextlib.suppress(pymysql.MySQLError):
                        cursor.execute(f"SET GLOBAL {_quoted(name)} = %s", (_literal(wanted),))
        changed = [name for name, value in self._variables().items() if self._settings.get(name, value) != value]
        if changed:
            raise ServerError(f"{self} could not be reset: {', '.join(changed)} stay changed")

    def add_account(self, cursor: pymysql.cursors.Cursor) -> None:
        """Make sure of the account that the other nodes replicate with."""
        account = (self.replication_user, "%", self.replication_password)
        cursor.execute("CREATE USER IF NOT EXISTS %s@%s IDENTIFIED BY %s", account)
        cursor.execute("ALTER USER %s@%s IDENTIFIED BY %s", account)
        cursor.execute("GRANT REPLICATION SLAVE ON *.* TO %s@%s", account[:2])

    @contextlib.contextmanager
    def _cleaner(self) -> "Iterator[pymysql.cursors.Cursor]":
        """A session that no lock holds up for long."""
        with contextlib.closing(self.connect(read_timeout=RESET_SECONDS)) as connection, connection.cursor() as cursor:
            cursor.execute("SET SESSION lock_wait_timeout = 30")
            yield cursor

    def _end_sessions(self, cursor: pymysql.cursors.Cursor) -> None:
        """Kill whatever tests left connected, but for nodes that fetch: those would only connect again."""
        cursor.execute(
            "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()"
            " AND user NOT IN ('system user', 'event_scheduler') AND command NOT LIKE 'Binlog Dump%'"
        )
        for (session,) in cursor.fetchall():
            with contextlib.suppress(pymysql.MySQLError):  # it may have gone by itself
                cursor.execute("KILL %s", (session,))

    def _roll_back_prepared(self, cursor: pymysql.cursors.Cursor) -> None:
        """Roll back what tests left prepared."""
        cursor.execute("XA RECOVER")
        for format_id, global_length, _, data in cursor.fetchall():
            raw = data if isinstance(data, bytes) else str(data).encode()
            parts = (raw[:global_length].hex(), raw[global_length:].hex(), int(format_id))
            cursor.execute("XA ROLLBACK X'{}', X'{}', {}".format(*parts))

    def _variables(self) -> dict[str, str]:
        rows = self.execute("SHOW GLOBAL VARIABLES")
        return {name: value for name, value in rows if not name.startswith(_NOT_SETTINGS)}

    def _present_accounts(self) -> set[tuple[str, str]]:
        return {(user, host) for user, host in self.execute("SELECT user, host FROM mysql.user")}


class Replication:
    """A primary with its replicas. `primary` and `replicas` name the roles at the start, whoever has them now."""

    def __init__(self, nodes: Sequence[Node], *, semi_sync: bool) -> None:
        self.nodes = tuple(nodes)
        self.primary = nodes[0]
        self.replicas = tuple(nodes[1:])
        self._semi_sync = semi_sync

    @property
    def kind(self) -> Kind:
        """Which servers these are."""
        return self.primary.server.kind

    @property
    def replica(self) -> Node:
        """The first replica: the only one of a pair."""
        return self.replicas[0]

    def wait_caught_up(self, seconds: float = 60.0, *, source: Node | None = None) -> None:
        """Wait until every other node has applied what `source` (default: `primary`) has logged by now.

        Raises:
            ServerError: A node's replication stopped with an error, or is not there after `seconds` (and the seconds
                that a paused server takes not to answer); says how it is.
        """
        deadline = time.monotonic() + seconds
        source = source or self.primary
        try:
            position = source.position()
        except pymysql.MySQLError as error:
            raise ServerError(f"{source} does not say what there is to catch up with: {error}") from error
        for node in self.nodes:
            while node is not source and (lacking := _lacking(node, position)):
                if time.monotonic() > deadline:
                    raise ServerError(f"{node} has not applied {position} after {seconds:.0f} s: {lacking}")

    def start_replication(self) -> None:
        """Let every replica fetch and apply."""
        for node in self.replicas:
            node.start_replication()

    def stop_replication(self) -> None:
        """Let no replica fetch or apply."""
        for node in self.replicas:
            node.stop_replication()

    def reset(self) -> None:
        """As at the start, whatever a test did: links whole, servers up, no data, roles and settings as they were.

        Raises:
            ServerError: Something could not be restored. Close it and open another.
        """
        try:
            for node in self.nodes:
                node.revive()
            for node in self.nodes:
                node.detach()
            for node in self.nodes:
                node.forget()
                node.restore_settings()
            self._connect()
        except pymysql.MySQLError as error:
            raise ServerError(f"{self} could not be reset: {error}") from error

    def close(self) -> None:
        """End everything."""
        for node in self.nodes:
            node.close()

    def __repr__(self) -> str:
        return f"<replication of {', '.join(map(repr, self.nodes))}>"

    def __enter__(self) -> "Replication":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_up(self) -> None:
        """First start: accounts, roles, and what `reset` will restore."""
        for node in self.nodes:
            with contextlib.closing(node.connect()) as connection, connection.cursor() as cursor:
                cursor.execute("SET SESSION sql_log_bin = 0")
                node.add_account(cursor)
        how: Dialect = dialect(self.kind)
        for node in self.nodes:
            if self._semi_sync:
                for statement in how.semi_sync_primary if node is self.primary else how.semi_sync_replica:
                    node.execute(statement)
        self._connect()
        for node in self.nodes:
            node.set_read_only(node is not self.primary)
            node.remember()

    def _connect(self) -> None:
        """Let the replicas follow the primary, and wait until they do."""
        deadline = time.monotonic() + RESET_SECONDS
        for node in self.replicas:
            node.follow(self.primary)
        for node in self.replicas:
            while (status := node.replica_status()) is None or status.io != "Yes" or not status.applier:
                if time.monotonic() > deadline:
                    raise ServerError(f"{node} does not replicate after {RESET_SECONDS:.0f} s: {status}")
                time.sleep(0.02)


def open_replicas(
    kind: Kind,
    replicas: int = 1,
    *,
    version: str | None = None,
    durable: bool = False,
    semi_sync: bool = False,
    appliers: int = 4,
    args: tuple[str, ...] = (),
    disk: int | None = None,
) -> Replication:
    """Start a primary and its replicas, empty and replicating: GTID, row format, full row image.

    Every node logs what it applies and so can become the primary. Replicas are read-only (MySQL: super_read_only),
    after a restart too, by their option file.

    Args:
        kind: `mysql` or `mariadb`.
        replicas: How many besides the primary.
        version: As for `open_server`.
        durable: Sync the binary log and InnoDB's log at each commit, for tests about losing power.
        semi_sync: The primary waits for a replica's acknowledgement at each commit.
        appliers: Parallel appliers of each replica, in the primary's commit order; 1 for a single one.
        args: Further options for every node's command line.
        disk: Give every node a disk of its own of so many bytes, to be filled.

    Raises:
        ServerUnavailableError: This machine cannot provide the servers.
        ServerError: They did not start or do not replicate.
    """
    how = dialect(kind)
    options = [*how.options(appliers), *args]
    if durable:
        options += ["--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"]
    if semi_sync:
        options += how.semi_sync_options
    password = secrets.token_urlsafe(18)
    with contextlib.ExitStack() as undo:
        nodes = []
        for number in range(1 + replicas):
            nodes.append(_open_node(kind, chr(ord("a") + number), version, tuple(options), password, number > 0, disk))
            undo.callback(nodes[-1].close)
        made = Replication(nodes, semi_sync=semi_sync)
        made.set_up()
        undo.pop_all()
    return made


def _open_node(
    kind: Kind, name: str, version: str | None, args: tuple[str, ...], password: str, is_replica: bool, disk: int | None
) -> Node:
    with contextlib.ExitStack() as undo:
        server = make_process(kind, version=version, binlog=True, args=args, disk=disk)
        assert isinstance(server, SQLProcess)
        undo.callback(server.close)
        link = Link(server.port)
        undo.callback(link.close)
        options = {"report_host": "127.0.0.1", "report_port": str(link.port)}
        server.configure(**options)
        port = server.port
        server.start()
        if server.port != port:
            raise ServerError(f"{server} lost its port {port} to a stranger while it started; try again")
        if is_replica:  # not before the first start, which writes the accounts
            options[dialect(kind).read_only_option] = "ON"
            server.configure(**options)
        undo.pop_all()
    return Node(name, server, link, password, options)


def _lacking(node: Node, position: str) -> str | None:
    """How a node is that has not applied a position yet; None when it has.

    Raises:
        ServerError: It never will, as it is.
    """
    try:
        if node.has_applied(position):
            return None
        status = node.replica_status()
    except pymysql.MySQLError as error:
        time.sleep(0.05)  # it may be starting
        return f"it does not answer: {error}"
    if status is None:
        raise ServerError(f"{node} follows nobody")
    if not status.applier and status.applier_errno:
        raise ServerError(f"{node} stopped applying: {status.applier_errno} {status.applier_error}")
    if status.io == "No" and status.io_errno:
        raise ServerError(f"{node} stopped fetching: {status.io_errno} {status.io_error}")
    return f"fetches {status.io}, applies {status.applier}, {status.io_error or 'no error'}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(value: str) -> object:
    """A value as `SET GLOBAL` takes it: numbers must not be quoted."""
    for number in (int, float):
        with contextlib.suppress(ValueError):
            return number(value)
    return value
