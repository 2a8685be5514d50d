"""A catalog from a live server. Only reads: SHOW CREATE, and information_schema for what that leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply
from zdmigrate.history.catalog import Catalog, Column, Routine, Table, Trigger, View
from zdmigrate.history.charsets import canonical_charset, canonical_collation
from zdmigrate.history.effects.objects import routine_key
from zdmigrate.history.loading.dump import LOADING
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import CreateView

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def server_flavour(connection: Connection) -> Flavour:
    """Vendor and version of the connected server.

    Raises:
        UsageError: when it does not answer, or is neither MySQL nor MariaDB.
    """
    (version,) = _rows(connection, "SELECT VERSION()")[0]
    return flavour_of(str(version))


def flavour_of(version: str) -> Flavour:
    """The flavour behind the text of VERSION(), such as `8.4.3` or `10.11.6-MariaDB-log`."""
    mariadb = "mariadb" in version.lower()
    text = version.removeprefix("5.5.5-") if mariadb else version
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise UsageError(f"the server calls itself {version!r}; zdmigrate knows MySQL and MariaDB")
    numbers = tuple(int(part) for part in match.groups() if part is not None)
    return Flavour("mariadb" if mariadb else "mysql", numbers)


def from_live(connection: Connection) -> Catalog:
    """The schema of the connected database.

    Raises:
        UsageError: when no database is selected, or the server does not answer.
    """
    flavour = server_flavour(connection)
    (database,) = _rows(connection, "SELECT DATABASE()")[0]
    if database is None:
        raise UsageError("the connection has no database selected; add /database to the end of the URL")
    ((charset, collation),) = _rows(
        connection,
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA "
        "WHERE SCHEMA_NAME = DATABASE()",
    )
    catalog = Catalog(complete=False, charset=canonical_charset(charset), collation=canonical_collation(collation))
    with _plain_quotes(connection):
        names = _rows(connection, "SHOW FULL TABLES")
        for name, kind in names:
            if "VIEW" not in str(kind).upper() and "SEQUENCE" not in str(kind).upper():
                catalog = _with_table(catalog, connection, str(name), flavour)
        for name, kind in names:
            if str(kind).upper() == "VIEW":
                catalog = _with_view(catalog, connection, str(name), flavour)
    catalog = _with_collations(catalog, connection)
    for trigger in _triggers(connection):
        catalog = catalog.put(trigger.name, trigger)
    for routine in _routines(connection):
        catalog = catalog.put(routine_key(routine.kind, routine.name), routine)
    return replace(catalog, complete=True)


def _with_table(catalog: Catalog, connection: Connection, name: str, flavour: Flavour) -> Catalog:
    row = _rows(connection, f"SHOW CREATE TABLE {_quoted(name)}")[0]
    session = LOADING.with_variable("explicit_defaults_for_timestamp", "ON")
    for statement in parse(str(row[1]), mariadb=flavour.is_mariadb):
        try:
            catalog = apply(statement, catalog, session, flavour)
        except Refused:
            break
    if name in catalog.tables:
        return catalog
    return catalog.put(name, Table(name, complete=False))


def _with_view(catalog: Catalog, connection: Connection, name: str, flavour: Flavour) -> Catalog:
    try:
        row = _rows(connection, f"SHOW CREATE VIEW {_quoted(name)}")[0]
    except UsageError:  # a broken view, or one we may not look into: that it exists is all we know
        return catalog.put(name, View(name, ""))
    for statement in parse(str(row[1]), mariadb=flavour.is_mariadb):
        if isinstance(statement.node, CreateView):
            return apply(statement, catalog, LOADING, flavour)
    return catalog.put(name, View(name, str(row[1])))


def _with_collations(catalog: Catalog, connection: Connection) -> Catalog:
    """SHOW CREATE leaves a collation out where it is the default; information_schema always tells."""
    tables = _rows(
        connection,
        "SELECT TABLE_NAME, TABLE_COLLATION FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_COLLATION IS NOT NULL",
    )
    own = {str(table): canonical_collation(str(collation)) for table, collation in tables}
    rows = _rows(
        connection,
        "SELECT TABLE_NAME, COLUMN_NAME, CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = DATABASE() AND CHARACTER_SET_NAME IS NOT NULL",
    )
    stated = {
        (str(table), str(column).lower()): (canonical_charset(str(charset)), canonical_collation(str(collation)))
        for table, column, charset, collation in rows
    }
    for name, table in list(catalog.tables.items()):
        columns = tuple(_collated(column, stated.get((name, column.name.lower()))) for column in table.columns)
        collation = own.get(name, table.collation)
        catalog = catalog.put(name, replace(table, columns=columns, collation=collation))
    return catalog


def _collated(column: Column, stated: tuple[str, str] | None) -> Column:
    if stated is None or column.type.charset is None:
        return column
    return replace(column, type=replace(column.type, charset=stated[0], collation=stated[1]))


def _triggers(connection: Connection) -> Iterator[Trigger]:
    for name, table, timing, event, body in _rows(
        connection,
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT "
        "FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME",
    ):
        yield Trigger(str(name), str(table), str(timing), str(event), str(body))


def _routines(connection: Connection) -> Iterator[Routine]:
    for name, kind, body in _rows(
        connection,
        "SELECT ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION FROM information_schema.ROUTINES "
        "WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE IN ('PROCEDURE', 'FUNCTION') ORDER BY ROUTINE_NAME",
    ):
        yield Routine(str(name), "procedure" if str(kind).upper() == "PROCEDURE" else "function", str(body or ""))
    for name, body in _rows(
        connection,
        "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS "
        "WHERE EVENT_SCHEMA = DATABASE() ORDER BY EVENT_NAME",
    ):
        yield Routine(str(name), "event", str(body or ""))


@contextmanager
def _plain_quotes(connection: Connection) -> Iterator[None]:
    """SHOW CREATE with back-quoted names and MySQL's own options, whatever the server's sql_mode is."""
    (mode,) = _rows(connection, "SELECT @@SESSION.sql_mode")[0]
    modes = [name for name in str(mode).split(",") if name]
    plain = [name for name in modes if name in ("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "NO_ENGINE_SUBSTITUTION")]
    if len(plain) == len(modes):
        yield
        return
    connection.exec_driver_sql(f"SET SESSION sql_mode = '{','.join(plain)}'")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SET SESSION sql_mode = '{','.join(modes)}'")


def _rows(connection: Connection, sql: str) -> list[Any]:
    from sqlalchemy.exc import DBAPIError

    try:
        return list(connection.exec_driver_sql(sql))
    except DBAPIError as error:
        said = error.orig.args[-1] if error.orig is not None and error.orig.args else type(error).__name__
        raise UsageError(f"the server did not answer {sql.split(' FROM ')[0]!r}: {said}") from error


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"
