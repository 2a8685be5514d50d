"""Errors about what the account may do, with the GRANT that is missing."""

from __future__ import annotations

from zdmigrate.run.connection import Connection, quoted
from zdmigrate.run.errors import RefusedError, ServerError

_NOT_ALLOWED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1410})


def with_grant(error: ServerError, connection: Connection, database: str) -> ServerError:
    """The same error; one that is about rights names what an `apply` in that database needs."""
    if error.errno not in _NOT_ALLOWED:
        return error
    grant = (
        "GRANT ALTER, CREATE, DROP, INDEX, REFERENCES, SELECT, INSERT, UPDATE, DELETE ON "
        f"{quoted(database)}.* TO {_account(connection)}"
    )
    return ServerError(error.node, error.errno, f"{error.message}; {grant}", "it")


def journal_refused(error: ServerError, connection: Connection) -> RefusedError:
    """The refusal of a run whose journal cannot be read or written."""
    if error.errno not in _NOT_ALLOWED:
        return RefusedError([str(error)])
    grant = f"GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON zdmigrate.* TO {_account(connection)}"
    return RefusedError([f"{error.message}; the journal needs {grant}"])


def _account(connection: Connection) -> str:
    user, _, host = str(connection.value("SELECT CURRENT_USER()")).rpartition("@")
    return f"'{user}'@'{host}'"
