"""Whether a node may be sent traffic: what its database must have, and the pages a load balancer asks for.

Every answer is given from memory. What it says was found out by a thread, so a health check costs nothing, and is
answered while the database or the store hangs.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from zdsession.errors import ConfigurationError
from zdsession.headers import Header
from zdsession.manifest import Manifest
from zdsession.stores import safe_url

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from sqlalchemy import Engine

_CONNECT_SECONDS = 5
_NAMED = 5
_COLUMNS_MYSQL = """
SELECT table_schema, table_name, column_name, table_schema = DATABASE(), @@lower_case_table_names
FROM information_schema.columns
WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'sys')
"""
_COLUMNS_SQLITE = """
SELECT 'main', tables.name, columns.name, 1, 1
FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
"""


class SchemaCheck:
    """Whether a database has every table and column that a manifest maps. More than that it may have.

    Args:
        manifest: what this version of the app maps.
        database: an engine, or the URL of a MySQL, MariaDB or SQLite database. The account needs a privilege on every
            mapped table, as the app does: a server does not show the others.

    Raises:
        ConfigurationError: it is no database that can be asked.
    """

    def __init__(self, manifest: Manifest, database: Engine | str) -> None:
        self._manifest = manifest
        self._is_ours = isinstance(database, str)
        self._engine = _opened(database) if isinstance(database, str) else database
        self._query = _query(self._engine.dialect.name)

    def missing(self) -> list[str]:
        """What the manifest maps and the database lacks, as ``table`` or ``table.column``. One query.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database cannot be asked.
        """
        from sqlalchemy import text

        with self._engine.connect() as connection:
            return lacking(self._manifest, _columns(connection.execute(text(self._query))))

    def close(self) -> None:
        """Close the connections, if they were opened here."""
        if self._is_ours:
            self._engine.dispose()


class Columns(msgspec.Struct, frozen=True):
    """The columns of a database: of its own schema, by table, and of others, by ``schema.table``.

    ``folded`` says that the server takes table names for the same in any case; column names always are.
    """

    tables: dict[str, set[str]]
    folded: bool


def lacking(manifest: Manifest, there: Columns) -> list[str]:
    """What a manifest maps that is not there."""
    found = []
    for table, mapped in sorted(manifest.tables.items()):
        columns = there.tables.get(table.lower() if there.folded else table)
        if columns is None:
            found.append(table)
        else:
            found += [f"{table}.{column}" for column in mapped.columns if column.lower() not in columns]
    return found


def _columns(rows: Iterable[Any]) -> Columns:
    tables: dict[str, set[str]] = {}
    folded = False
    for schema, table, column, own, fold in rows:
        folded = bool(fold)
        for name in (f"{schema}.{table}", *((table,) if own else ())):
            tables.setdefault(name.lower() if folded else name, set()).add(column.lower())
    return Columns(tables, folded)


def _query(dialect: str) -> str:
    queries = {"mysql": _COLUMNS_MYSQL, "mariadb": _COLUMNS_MYSQL, "sqlite": _COLUMNS_SQLITE}
    if dialect not in queries:
        raise ConfigurationError(f"a schema is checked on MySQL, MariaDB or SQLite, not {dialect}")
    return queries[dialect]


def _opened(url: str) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.pool import NullPool

    try:
        parsed = make_url(url)
        options: dict[str, Any] = {}
        if parsed.drivername.endswith("pymysql"):
            options = {"connect_timeout": _CONNECT_SECONDS, "read_timeout": _CONNECT_SECONDS}
        return create_engine(parsed, poolclass=NullPool, connect_args=options)
    except Exception as error:  # a message may quote the URL, password and all
        raise ConfigurationError(f"{safe_url(url)} is not a usable database URL: {type(error).__name__}") from None


def named(missing: list[str]) -> str:
    """The first few of what is missing, in words."""
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return ", ".join(missing[:_NAMED]) + more


class Watched(Protocol):
    """What the pages report on."""

    def why_unready(self) -> list[str]:
        """Why no traffic should be sent; empty if it may."""

    def details(self) -> dict[str, Any]:
        """Everything an operator may want to see, as JSON can hold it."""


class HealthPages:
    """The pages a load balancer and an operator ask for, below ``prefix``.

    - ``live``: 200 as long as the process can answer at all. For whoever restarts processes that hang.
    - ``ready``: 200 when traffic may be sent, else 503. For load balancers.
    - ``health``: everything, as JSON, to whoever shows the token.

    Args:
        watched: whose health it is.
        prefix: begins and ends with a slash.
        token: what ``Authorization: Bearer`` must carry for details; None shows them to nobody.
    """

    def __init__(self, watched: Watched, *, prefix: str = "/-/", token: str | None = None) -> None:
        if not (prefix.startswith("/") and prefix.endswith("/")) or prefix == "/":
            raise ConfigurationError(f"health pages need a prefix like /-/, not {prefix!r}")
        if token is not None and len(token) < 16:
            raise ConfigurationError("the token for health details needs 16 characters or more")
        self._watched = watched
        self._token = None if token is None else token.encode()
        self._pages = {f"{prefix}live": self._live, f"{prefix}ready": self._ready, f"{prefix}health": self._health}

    def owns(self, path: str) -> bool:
        """Whether this path is one of ours."""
        return path in self._pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = self._pages.get(environ.get("PATH_INFO", ""))
        if page is None:
            status, kind, body = "404 Not Found", _TEXT, b"not found\n"
        elif environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            status, kind, body = "405 Method Not Allowed", _TEXT, b"only GET and HEAD\n"
        else:
            status, kind, body = page(environ)
        headers: list[Header] = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        if status.startswith("401"):
            headers.append(("WWW-Authenticate", "Bearer"))
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start_response(status, headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _live(self, environ: WSGIEnvironment) -> tuple[str, str, bytes]:
        return "200 OK", _TEXT, b"alive\n"

    def _ready(self, environ: WSGIEnvironment) -> tuple[str, str, bytes]:
        """Says only whether: this page is for anybody, and the reasons name tables."""
        if self._watched.why_unready():
            return "503 Service Unavailable", _TEXT, b"not ready\n"
        return "200 OK", _TEXT, b"ready\n"

    def _health(self, environ: WSGIEnvironment) -> tuple[str, str, bytes]:
        if self._token is None:
            return "404 Not Found", _TEXT, b"not found\n"
        scheme, _, shown = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        # WSGI hands over bytes as latin-1.
        same = hmac.compare_digest(shown.strip().encode("latin-1", "replace"), self._token)
        if not same or scheme.lower() != "bearer":
            return "401 Unauthorized", _TEXT, b"show the token: Authorization: Bearer ...\n"
        details = {"ready": not self._watched.why_unready(), **self._watched.details()}
        status = "200 OK" if details["ready"] else "503 Service Unavailable"
        return status, "application/json", msgspec.json.format(msgspec.json.encode(details), indent=2) + b"\n"


_TEXT = "text/plain; charset=utf-8"
