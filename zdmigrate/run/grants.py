"""The exact GRANT for privileges that are missing: those a switchover needs on every node, and those of an `apply`.

The lists of a switchover are minimal: `tests/run/test_grants.py` switches with an account that has no others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from zdmigrate.flavour import Flavour
from zdmigrate.run.connection import Connection, quoted
from zdmigrate.run.errors import RefusedError, ServerError
from zdmigrate.run.flavours import Dialect

#: What to accept when privileges come in a way SHOW GRANTS does not tell.
GRANTS = "grants"

#: privilege: what it is for.
_MYSQL = {
    "CONNECTION_ADMIN": "KILL",
    "EVENT": "the event scheduler's events",
    "PERSIST_RO_VARIABLES_ADMIN": "SET PERSIST_ONLY read_only",
    "PROCESS": "sessions and transactions of others",
    "RELOAD": "RESET REPLICA",
    "REPLICATION CLIENT": "SHOW REPLICA STATUS",
    "REPLICATION SLAVE": "SHOW REPLICAS",
    "REPLICATION_SLAVE_ADMIN": "CHANGE REPLICATION SOURCE",
    "SYSTEM_VARIABLES_ADMIN": "SET GLOBAL read_only",
    "XA_RECOVER_ADMIN": "XA RECOVER",
}
_MARIADB = {
    "BINLOG MONITOR": "SHOW MASTER STATUS",
    "CONNECTION ADMIN": "KILL",
    "EVENT": "the event scheduler's events",
    "PROCESS": "sessions and transactions of others",
    "READ_ONLY ADMIN": "SET GLOBAL read_only",
    "RELOAD": "FLUSH TABLES WITH READ LOCK",
    "REPLICATION MASTER ADMIN": "SHOW REPLICA HOSTS",
    "REPLICATION SLAVE ADMIN": "CHANGE MASTER",
    "SLAVE MONITOR": "SHOW ALL SLAVES STATUS",
    "SUPER": "SET GLOBAL event_scheduler",
}
_JOURNAL = ("CREATE", "DELETE", "INSERT", "SELECT", "UPDATE")
_APPLY = ("ALTER", "CREATE", "DELETE", "DROP", "INDEX", "INSERT", "REFERENCES", "SELECT", "UPDATE")
#: Error numbers that say that the account may not do it.
_NOT_ALLOWED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1410})
#: What MySQL's SUPER, which is on its way out, still includes.
_OF_SUPER = {"CONNECTION_ADMIN", "REPLICATION_SLAVE_ADMIN", "SYSTEM_VARIABLES_ADMIN"}

Granted = Mapping[str, frozenset[str]]


def missing_grants(connection: Connection, dialect: Dialect) -> tuple[str, ...]:
    """One sentence for each GRANT that is missing on this node, with the statement; empty when none is."""
    lines = [str(next(iter(row.values()))) for row in connection.rows("SHOW GRANTS")]
    user, host = _account(connection)
    return tuple(
        f"{connection.node.name}: the account lacks privileges; run on the primary: {statement}"
        for statement in grants_to_run(granted(lines), dialect.flavour, user, host)
    )


def with_grant(error: ServerError, connection: Connection, database: str) -> ServerError:
    """The same error; one that is about privileges names those that an `apply` in that database needs."""
    if error.errno not in _NOT_ALLOWED:
        return error
    grant = f"GRANT {', '.join(_APPLY)} ON {quoted(database)}.* TO {_to(*_account(connection))}"
    return ServerError(error.node, error.errno, f"{error.message}; {grant}", "it")


def journal_refused(error: ServerError, connection: Connection) -> RefusedError:
    """The refusal of a run whose journal cannot be read or written."""
    if error.errno not in _NOT_ALLOWED:
        return RefusedError([str(error)])
    grant = f"GRANT {', '.join(_JOURNAL)} ON {quoted('zdmigrate')}.* TO {_to(*_account(connection))}"
    return RefusedError([f"{error.message}; the journal needs {grant}"])


def granted(lines: Iterable[str]) -> Granted:
    """What SHOW GRANTS says, by scope: `*.*`, `zdmigrate.*`, `mysql.user`."""
    found: dict[str, frozenset[str]] = {}
    for line in lines:
        match = re.match(r"GRANT (.+?) ON (?:TABLE )?(\S+) TO ", line)
        if match is None:
            continue  # a role; what it gives stands on lines of its own
        scope = match[2].replace("`", "")
        privileges = frozenset(item.strip().upper() for item in re.sub(r"\([^)]*\)", "", match[1]).split(","))
        found[scope] = found.get(scope, frozenset()) | privileges
    return found


def grants_to_run(given: Granted, flavour: Flavour, user: str, host: str) -> tuple[str, ...]:
    """The GRANT statements an account needs yet. Pure."""
    to = _to(user, host)
    everywhere = given.get("*.*", frozenset())
    wanted = _MARIADB if flavour.is_mariadb else _MYSQL
    have = everywhere | (_OF_SUPER if "SUPER" in everywhere and not flavour.is_mariadb else set())
    found = []
    lacks = [name for name in wanted if name not in have and "ALL PRIVILEGES" not in everywhere]
    if lacks:
        found.append(f"GRANT {', '.join(lacks)} ON *.* TO {to}")
    for scope, names in (("zdmigrate.*", _JOURNAL), ("mysql.user", ("SELECT",))):
        over = everywhere | given.get(scope, frozenset()) | given.get(scope.partition(".")[0] + ".*", frozenset())
        lacks = [name for name in names if name not in over and "ALL PRIVILEGES" not in over]
        if lacks:
            database, _, table = scope.partition(".")
            place = f"{quoted(database)}.{table if table == '*' else quoted(table)}"
            found.append(f"GRANT {', '.join(lacks)} ON {place} TO {to}")
    return tuple(found)


def _account(connection: Connection) -> tuple[str, str]:
    user, _, host = str(connection.value("SELECT CURRENT_USER()")).rpartition("@")
    return user, host


def _to(user: str, host: str) -> str:
    return f"{_literal(user)}@{_literal(host)}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
