"""New columns, and columns that begin to number their rows."""

from __future__ import annotations

import re

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Column, ColumnType, Default
from zdmigrate.verdict.cost.changes import Change
from zdmigrate.verdict.replication.classes import ELSEWHERE, ReplicationClass, go, prove, quoted, refuse
from zdmigrate.verdict.types import family


def added(column: Column, target: Flavour) -> ReplicationClass:
    """A new column that is not generated; rows of the old schema's events have its default."""
    backfill = "Add it at the end, nullable and without that default; fill it in batches; then set the default."
    default = column.default
    if column.auto_increment:
        return refuse("Each server numbers its own rows, in its own order.", ELSEWHERE)
    if column.on_update is not None or (default is not None and default.kind == "now"):
        return refuse("Each server fills in its own time.", backfill)
    if default is not None and default.kind == "expression" and re.search(r"[A-Za-z_`]", default.text):
        return refuse("An expression as DEFAULT gives each server values of its own.", backfill)
    if default is not None and default != Default("") and _is_blob(column.type) and _forgets_blob_defaults(target):
        return refuse(
            "MariaDB before 11.8 gives rows of row events no default of a TEXT, BLOB or JSON column.", backfill
        )
    if not column.nullable and default is None:
        return refuse(
            "NOT NULL without a DEFAULT: row events of the old schema get an implicit value that nobody chose.",
            "Add it nullable or with a constant DEFAULT, fill it in batches, then make it NOT NULL.",
        )
    return go("A column at the end with a constant default is filled by it where the row event has no value.")


def _is_blob(column_type: ColumnType) -> bool:
    """Stored as a BLOB is: TEXT, BLOB and JSON of any size, geometries."""
    return column_type.name.endswith(("text", "blob", "json")) or family(column_type) == "geometry"


def _forgets_blob_defaults(target: Flavour) -> bool:
    """Measured on 10.11.19, no more on 11.8.6; nothing between was."""
    return target.is_mariadb and not target.at_least(11, 8)


def numbered(change: Change, name: str) -> ReplicationClass:
    """AUTO_INCREMENT given to a column that was there."""
    assert change.before is not None
    if change.before.nullable:
        return refuse("Each server numbers the rows without a value itself.", ELSEWHERE)
    return prove(
        "Row events carry the numbers, except 0, for which each server takes the next one.",
        f"SELECT 1 FROM {quoted(name)} WHERE {quoted(change.name)} = 0 LIMIT 1",
    )
