"""Reading a live database for `plan --url`: version, schema, deployed revision, sizes, and proof queries.

Everything here only reads. Every query is bounded by a time limit of the server's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.load import from_live, server_flavour
from zdmigrate.plan import Plan, Proof, TableSize, with_changes

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

#: Seconds one proof query may run on the live server.
PROOF_SECONDS = 10
#: Seconds to wait for the server to answer at all.
CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class LiveSchema:
    """What the server says of itself.

    Attributes:
        heads: content of the app's Alembic version table (empty when there is none).
        has_replica: whether a replica is connected right now, or None when we may not know.
    """

    flavour: Flavour
    catalog: Catalog
    heads: tuple[str, ...]
    sizes: dict[str, TableSize]
    has_replica: bool | None


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A read-only connection.

    Raises:
        UsageError: when the URL cannot be used or the server does not answer; the password is never shown.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UsageError("--url is not a database URL; write mysql+pymysql://user@host:3306/database") from error
    shown = parsed.render_as_string(hide_password=True)
    if parsed.get_backend_name() not in ("mysql", "mariadb"):
        raise UsageError(f"--url {shown} is not MySQL or MariaDB; write mysql+pymysql://user@host:3306/database")
    if not parsed.database:
        raise UsageError(f"--url {shown} names no database; add /database at its end")
    parsed = parsed.set(drivername="mysql+pymysql")
    try:
        engine = create_engine(parsed, connect_args={"connect_timeout": CONNECT_SECONDS})
    except (NoSuchModuleError, ImportError) as error:
        raise UsageError(f"--url {shown} cannot be used: {error}") from error
    try:
        try:
            opened = engine.connect()
        except TypeError as error:
            raise UsageError(f"--url {shown} has an option that PyMySQL does not know: {error}") from error
        with opened as connection:
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            yield connection
    except DBAPIError as error:
        message = error.orig.args[-1] if error.orig is not None and error.orig.args else error
        raise UsageError(f"the database {shown} cannot be read: {message}") from error
    finally:
        engine.dispose()


def read_live(connection: Connection, *, version_table: str) -> LiveSchema:
    """Schema, version, deployed heads and sizes of the connected database."""
    flavour = server_flavour(connection)
    catalog = from_live(connection)
    kept = {name: table for name, table in catalog.tables.items() if name != version_table}
    heads: tuple[str, ...] = ()
    if version_table in catalog.tables:
        quoted = "`" + version_table.replace("`", "``") + "`"
        heads = tuple(row[0] for row in connection.exec_driver_sql(f"SELECT version_num FROM {quoted}"))
    rows = connection.exec_driver_sql(
        "SELECT TABLE_NAME, COALESCE(TABLE_ROWS, 0), COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) "
        "FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'"
    )
    sizes = {str(name): TableSize(int(count), int(size)) for name, count, size in rows}
    return LiveSchema(flavour, replace(catalog, tables=kept), heads, sizes, _has_replica(connection))


def prove_conditions(connection: Connection, plan: Plan) -> Plan:
    """The plan with every data condition's proof query run against the database, where its objects exist there."""
    flavour = server_flavour(connection)
    cache: dict[str, Proof] = {}
    changed = {}
    for revision in plan.revisions:
        for change in revision.changes:
            proofs = {}
            for condition in change.judgement.conditions:
                if condition.proof is None:
                    continue
                if condition.proof not in cache:
                    cache[condition.proof] = _run_proof(connection, condition.proof, flavour)
                proofs[condition] = cache[condition.proof]
            if proofs:
                changed[change.id] = replace(change, proofs=proofs)
    return with_changes(plan, changed)


def ask(connection: Connection, query: str) -> Proof:
    """What the database says to a query that returns a row where something is wrong; `met` None is no answer."""
    return _run_proof(connection, query, server_flavour(connection))


def _run_proof(connection: Connection, query: str, flavour: Flavour) -> Proof:
    from sqlalchemy.exc import DBAPIError

    bounded = (
        f"SET STATEMENT max_statement_time={PROOF_SECONDS} FOR {query}"
        if flavour.is_mariadb
        else query.replace("SELECT", f"SELECT /*+ MAX_EXECUTION_TIME({PROOF_SECONDS * 1000}) */", 1)
    )
    try:
        rows = connection.exec_driver_sql(bounded.replace("%", "%%")).fetchall()
    except DBAPIError as error:
        code = error.orig.args[0] if error.orig is not None and error.orig.args else 0
        if code in (1054, 1146):
            return Proof(None, "its table or column does not exist yet")
        if code in (1969, 3024):
            return Proof(None, f"not answered within {PROOF_SECONDS} s")
        return Proof(None, f"cannot be asked (error {code})")
    if rows:
        return Proof(False, "the database holds rows against it")
    return Proof(True, "no row against it in the database now")


def _has_replica(connection: Connection) -> bool | None:
    from sqlalchemy.exc import DBAPIError

    try:
        rows = connection.exec_driver_sql(
            "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%%'"
        )
        return bool(rows.scalar())
    except DBAPIError:
        return None
