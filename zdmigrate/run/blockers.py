"""Who holds the locks that a statement waits for: by name, from what the server tells."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import ServerError
from zdmigrate.run.flavours.base import transactions
from zdmigrate.run.state import Session

#: By table: who was granted a lock on it (MariaDB: with performance_schema and its mdl instrument on, which are not
#: by default). The last statement of an idle transaction is in events_statements_current.
_BY_TABLE = (
    "SELECT t.PROCESSLIST_ID AS id, t.PROCESSLIST_USER AS user, t.PROCESSLIST_HOST AS host, "
    "COALESCE(MAX(TIMESTAMPDIFF(SECOND, x.trx_started, NOW())), MAX(t.PROCESSLIST_TIME), 0) AS seconds, "
    "COALESCE(MAX(t.PROCESSLIST_INFO), MAX(s.SQL_TEXT), '') AS info "
    "FROM performance_schema.metadata_locks m "
    "JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID "
    "LEFT JOIN information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = t.PROCESSLIST_ID "
    "LEFT JOIN performance_schema.events_statements_current s ON s.THREAD_ID = t.THREAD_ID "
    "AND s.NESTING_EVENT_ID IS NULL "
    "WHERE m.OBJECT_TYPE = 'TABLE' AND m.LOCK_STATUS = 'GRANTED' AND m.OBJECT_SCHEMA = %s "
    "AND m.OBJECT_NAME IN ({names}) AND t.PROCESSLIST_ID IS NOT NULL AND t.PROCESSLIST_ID NOT IN ({ours}) "
    "GROUP BY t.PROCESSLIST_ID, t.PROCESSLIST_USER, t.PROCESSLIST_HOST ORDER BY seconds DESC"
)


@dataclass(frozen=True, slots=True)
class Blockers:
    """Sessions in the way.

    Attributes:
        certain: the server said that they hold locks on the tables; else they are the open transactions, oldest first.
    """

    sessions: tuple[Session, ...]
    certain: bool

    @property
    def shown(self) -> str:
        """For people: user, host, age, statement of the three oldest."""
        if not self.sessions:
            return "a lock whose holder the server does not show us (GRANT PROCESS ON *.* lets us see it)"
        named = [
            f"{item.user}@{item.host} (connection {item.id}, {item.seconds:.0f} s"
            + (f": {' '.join(item.statement.split())[:60]})" if item.statement else ", idle in a transaction)")
            for item in self.sessions[:3]
        ]
        more = f" and {len(self.sessions) - 3} more" if len(self.sessions) > 3 else ""
        return ("" if self.certain else "probably one of the open transactions: ") + ", ".join(named) + more


def blockers_of(connection: Connection, database: str, tables: Iterable[str], ours: Iterable[int]) -> Blockers:
    """Who holds locks on the tables, apart from the connections `ours`."""
    names = tuple(dict.fromkeys(tables)) or ("",)
    own = ", ".join(str(int(number)) for number in (connection.id, *ours))
    query = _BY_TABLE.format(names=", ".join(["%s"] * len(names)), ours=own)
    with suppress(ServerError):  # no such table, or not for us to see
        rows = connection.rows(query, (database, *names))
        if rows:
            found = [
                Session(int(row["id"]), str(row["user"]), str(row["host"]), float(row["seconds"]), str(row["info"]))
                for row in rows
            ]
            return Blockers(tuple(found), certain=True)
    try:
        return Blockers(tuple(item for item in transactions(connection) if item.id not in set(ours)), certain=False)
    except ServerError:
        return Blockers((), certain=False)
