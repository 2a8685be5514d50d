"""The tables a statement names, and whether a server would find them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zdmigrate.history.catalog import Catalog
from zdmigrate.history.effects.naming import in_schema_of
from zdmigrate.history.effects.refusals import Refused
from zdmigrate.history.recorder.answers import VERSION_TABLE
from zdmigrate.history.syntax import (
    AddForeignKey,
    AlterPartitions,
    AlterTable,
    CreateTable,
    CreateTrigger,
    CreateView,
    Delete,
    DropTable,
    DropView,
    Insert,
    LoadData,
    MaintainTable,
    Node,
    RenameTable,
    RenameTo,
    Select,
    Transaction,
    TruncateTable,
    Update,
)

_SERVER_SCHEMAS = ("information_schema.", "mysql.", "performance_schema.", "sys.")


def touched(node: Node) -> tuple[str, ...]:
    """Catalog keys of every table a statement names, written or read, in order."""
    return tuple(dict.fromkeys(_touched(node)))


def _touched(node: Node) -> Iterator[str]:
    match node:
        case AlterTable(name=name, actions=actions) | CreateTable(name=name, actions=actions):
            yield name
            for action in actions:
                match action:
                    case AddForeignKey(foreign_key=constraint):
                        yield in_schema_of(name, constraint.ref_table)
                    case AlterPartitions(with_table=str() as other) | RenameTo(name=other):
                        yield other
            if isinstance(node, CreateTable):
                yield from (node.like,) if node.like else ()
                yield from node.select.tables if node.select else ()
        case DropTable(names=names) | MaintainTable(names=names) | DropView(names=names):
            yield from names
        case RenameTable(pairs=pairs):
            for pair in pairs:
                yield from pair
        case TruncateTable(name=name) | LoadData(table=name):
            yield name
        case CreateView(name=name, reads=reads):
            yield name
            yield from reads
        case CreateTrigger(trigger=trigger):
            yield trigger.table
        case Insert(table=name, select_reads=reads):
            yield name
            yield from reads
        case Update(tables=tables, reads=reads) | Delete(tables=tables, reads=reads):
            yield from tables
            yield from reads
        case Select(tables=tables) | Transaction(tables=tables):
            yield from tables


def check_names(node: Node, catalog: Catalog) -> None:
    """Refuse a query or DML about a table or column that does not exist, as the server does before anything else.

    Raises:
        Refused: 1146 or 1054.
    """
    if not isinstance(node, Select | Insert | Update | Delete | LoadData):
        return
    for key in touched(node):
        if not _exists(key, catalog):
            raise Refused(1146, f"Table '{key}' doesn't exist")
    match node:
        case Insert(table=table, columns=columns):
            _check_columns(table, columns, catalog)
        case Update(tables=(table,), reads=(), assignments=assignments):
            _check_columns(table, (item.column for item in assignments if item.table in (None, table)), catalog)


def _exists(key: str, catalog: Catalog) -> bool:
    if not catalog.complete or key.lower().startswith(_SERVER_SCHEMAS) or key == VERSION_TABLE.name:
        return True
    if "." in key and not any(name.startswith(key.partition(".")[0] + ".") for name in catalog.tables):
        return True
    return key in catalog.tables or key in catalog.views or key in catalog.temporary


def _check_columns(key: str, columns: Iterable[str], catalog: Catalog) -> None:
    table = catalog.table(key)
    if table is None or not table.complete or key in catalog.temporary:
        return
    for column in columns:
        if column and table.column(column) is None:
            raise Refused(1054, f"Unknown column '{column}' in 'field list'")
