"""A catalog from an app's SQLAlchemy MetaData: what `create_all` would send, applied to an empty schema."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.loading.dump import LOADING
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import Opaque

if TYPE_CHECKING:
    from sqlalchemy import MetaData


def from_metadata(metadata: MetaData, flavour: Flavour) -> Catalog:
    """The schema `metadata.create_all` makes on that server.

    Raises:
        UsageError: when MySQL or MariaDB could not have such a table.
    """
    catalog = replace(empty_catalog(flavour), complete=False)
    for sql in create_statements(metadata, flavour):
        for statement in parse(sql, mariadb=flavour.is_mariadb):
            if isinstance(statement.node, Opaque):
                raise UsageError(f"the metadata asks for what we cannot read ({statement.node.reason}): {sql.strip()}")
            try:
                catalog = apply(statement, catalog, LOADING, flavour)
            except Refused as refusal:
                raise UsageError(
                    f"{flavour} would refuse the metadata's own create_all "
                    f"({refusal.errno} {refusal.message}): {' '.join(sql.split())[:120]}"
                ) from refusal
    return replace(catalog, complete=True)


def create_statements(metadata: MetaData, flavour: Flavour) -> list[str]:
    """The SQL text `metadata.create_all` sends to that server."""
    from sqlalchemy.dialects import mysql
    from sqlalchemy.engine.mock import MockConnection
    from sqlalchemy.exc import SQLAlchemyError

    # Any paramstyle but format/pyformat: those double every % in names, comments and defaults.
    dialect: Any = mysql.dialect(paramstyle="named")
    dialect.is_mariadb = flavour.is_mariadb
    dialect.server_version_info = (*flavour.version, *(0,) * (3 - len(flavour.version)))
    sent: list[str] = []

    def record(construct: Any, *_args: Any, **_options: Any) -> None:
        sent.append(construct if isinstance(construct, str) else str(construct.compile(dialect=dialect)))

    try:
        connection: Any = MockConnection(dialect, record)
        metadata.create_all(bind=connection, checkfirst=False)
    except SQLAlchemyError as error:
        raise UsageError(f"the metadata cannot be created on {flavour}: {error}") from error
    return sent


def import_metadata(path: str, prepend: Sequence[str] = ()) -> MetaData:
    """The MetaData named `package.module:attribute`, for example `shop.models:Base.metadata`.

    Args:
        prepend: folders to look in first, as `prepend_sys_path` of alembic.ini says; the working directory comes next.

    Raises:
        UsageError: when it cannot be imported, or is something else.
    """
    from sqlalchemy import MetaData

    module_name, colon, attributes = path.partition(":")
    if not colon or not module_name or not attributes:
        raise UsageError(f"--metadata {path!r} is not of the form package.module:Base.metadata")
    for folder in reversed((*prepend, os.getcwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise UsageError(f"--metadata {path}: importing {module_name} failed: {_said(error)}") from error
    reached = module_name
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError as error:
            raise UsageError(f"--metadata {path}: {reached} has no attribute {attribute!r}") from error
        reached = f"{reached}.{attribute}"
    if not isinstance(found, MetaData):
        found = getattr(found, "metadata", found)
    if not isinstance(found, MetaData):
        raise UsageError(f"--metadata {path} is a {type(found).__name__}, not a sqlalchemy.MetaData")
    if not found.tables:
        raise UsageError(f"--metadata {path} has no tables; name the module that also imports the models")
    return found


def _said(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
