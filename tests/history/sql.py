"""Short ways for tests to say: these statements, on that server, from that catalog."""

from __future__ import annotations

from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import apply
from zdmigrate.history.catalog import Catalog, Table
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recording import SessionState
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import SetVariable

MYSQL = Flavour.parse("mysql:8.4")
MARIADB = Flavour.parse("mariadb:10.11")


def after(
    *statements: str, flavour: Flavour = MYSQL, start: Catalog | None = None, session: SessionState | None = None
) -> Catalog:
    """The catalog after these statements, from an empty and complete schema unless `start` is given."""
    catalog = start if start is not None else empty_catalog(flavour)
    session = session or SessionState()
    for sql in statements:
        for statement in parse(sql, mariadb=flavour.is_mariadb):
            if isinstance(statement.node, SetVariable):
                session = session.with_variable(statement.node.name, statement.node.value)
            catalog = apply(statement, catalog, session, flavour)
    return catalog


def table(catalog: Catalog, name: str = "t") -> Table:
    """The table of that name, which must exist."""
    found = catalog.table(name)
    assert found is not None, f"no table {name}"
    return found
