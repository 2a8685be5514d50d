"""What servers might say, as values, for tests of decisions."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from zdmigrate.flavour import Flavour
from zdmigrate.run.roles import Roles
from zdmigrate.run.state import Replica, Server, Writable

MYSQL = Flavour("mysql", (9, 7, 4))
MARIADB = Flavour("mariadb", (10, 11, 19))

SETTINGS = {
    "log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "log_replica_updates": "ON",
    "gtid_mode": "ON", "sql_mode": "STRICT", "max_connections": "151", "max_allowed_packet": "67108864",
    "sync_binlog": "1", "innodb_flush_log_at_trx_commit": "1", "event_scheduler": "ON",
}  # fmt: skip


def server(name: str, **changed: Any) -> Server:
    """A healthy primary called `name`; settings given as `settings` are merged."""
    number = str(ord(name[0]))
    settings = {**SETTINGS, "server_id": number, **changed.pop("settings", {})}
    values: dict[str, Any] = {
        "name": name, "flavour": MYSQL, "identity": f"uuid-{name}", "own_id": f"uuid-{name}",
        "writable": Writable.ALL, "position": "x:1-10", "clock": datetime(2026, 1, 1), "settings": settings,
    }  # fmt: skip
    return Server(**{**values, **changed})


def replica(name: str, of: str = "a", *, status: dict[str, Any] | None = None, **changed: Any) -> Server:
    """A healthy replica; `status` changes how it replicates."""
    follows = Replica("db-" + of, 3306, f"uuid-{of}", io_running=True, sql_running=True, gtid=True, lag=0)
    return server(
        name, **{"writable": Writable.NOBODY, "sources": 1, "replica": replace(follows, **(status or {})), **changed}
    )


def roles(primary: Server | None = None, *replicas: Server) -> Roles:
    """`a` and its replica `b`, or what is given."""
    return Roles(primary or server("a"), replicas or (replica("b"),))
