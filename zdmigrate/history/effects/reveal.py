"""What a statement gives away about tables whose creation we did not see.

When a history does not begin with an empty schema, a statement that drops column `a` of table `t` tells us that
both exist. `reveal` writes that into the catalog *before* the statement, so that the delta shows what is lost.
A column we know by name only has the type `unknown`; a key known by name only has no parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, Check, Column, ColumnType, ForeignKey, Key, Table
from zdmigrate.history.effects.naming import in_schema_of
from zdmigrate.history.syntax import (
    AddColumn,
    AddForeignKey,
    AddKey,
    AlterAction,
    AlterTable,
    CreateTable,
    DropCheck,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropKey,
    DropTable,
    ModifyColumn,
    RenameColumn,
    RenameKey,
    RenameTable,
    SetCheckEnforced,
    SetColumnDefault,
    SetColumnVisibility,
    SetKeyVisibility,
    Statement,
    TruncateTable,
)

UNKNOWN_TYPE = ColumnType("unknown")


def reveal(statement: Statement, catalog: Catalog, flavour: Flavour) -> Catalog:
    """The catalog with what `statement` says must have been there already.

    Only an incomplete catalog, and incomplete tables, can gain anything; a complete one is returned as it is.
    """
    match statement.node:
        case AlterTable(name=name, actions=actions):
            catalog = _reveal_tables(catalog, [name])
            table = catalog.table(name)
            if table is None or table.complete or name in catalog.temporary:
                return catalog
            revealed = _revealed(table, actions)
            return catalog if revealed is table else catalog.put(name, revealed)
        case RenameTable(pairs=pairs):
            made: set[str] = set()
            for old, new in pairs:
                if old not in made:
                    catalog = _reveal_tables(catalog, [old])
                made.add(new)
            return catalog
        case DropTable(names=names, temporary=False):
            return _reveal_tables(catalog, names)
        case TruncateTable(name=name):
            return _reveal_tables(catalog, [name])
        case CreateTable(like=str() as like):
            return _reveal_tables(catalog, [like])
        case _:
            return catalog


def _reveal_tables(catalog: Catalog, names: Iterable[str]) -> Catalog:
    if catalog.complete:
        return catalog
    for name in names:
        if name not in catalog.tables and name not in catalog.views and name not in catalog.temporary:
            sketch = Table(name, charset=catalog.charset, collation=catalog.collation, complete=False)
            catalog = catalog.put(name, sketch)
    return catalog


def _revealed(table: Table, actions: Sequence[AlterAction]) -> Table:
    arriving = {action.column.name.lower() for action in actions if isinstance(action, AddColumn | ModifyColumn)}
    arriving |= {action.new.lower() for action in actions if isinstance(action, RenameColumn)}
    columns, keys = list(table.columns), list(table.keys)
    constraints, checks = list(table.foreign_keys), list(table.checks)

    def column(name: str | None, *, old: bool = True) -> None:
        if name is None or (not old and name.lower() in arriving):
            return
        if all(known.name.lower() != name.lower() for known in columns):
            columns.append(Column(name, UNKNOWN_TYPE))

    def key(name: str) -> None:
        if all(known.name.lower() != name.lower() for known in keys):
            keys.append(Key(name, "primary" if name.upper() == "PRIMARY" else "index", ()))

    for action in actions:
        match action:
            case DropColumn(name=name) | SetColumnDefault(name=name) | DropColumnDefault(name=name):
                column(name)
            case SetColumnVisibility(name=name) | RenameColumn(old=name):
                column(name)
            case ModifyColumn(old_name=name, position=position):
                column(name)
                if position is not None:
                    column(position.after, old=False)
            case AddColumn(position=position) if position is not None:
                column(position.after, old=False)
            case AddKey(key=added):
                for name in added.columns:
                    column(name, old=False)
            case AddForeignKey(foreign_key=constraint):
                for name in constraint.columns:
                    column(name, old=False)
                if in_schema_of(table.name, constraint.ref_table) == table.name:
                    for name in constraint.ref_columns:
                        column(name, old=False)
            case DropKey(name=name) | RenameKey(old=name) | SetKeyVisibility(name=name):
                key(name)
            case DropForeignKey(name=name) if table.foreign_key(name) is None:
                constraints.append(ForeignKey(name, (), "", ()))
            case DropCheck(name=name) | SetCheckEnforced(name=name) if table.check(name) is None:
                checks.append(Check(name, ""))
            case DropConstraint(name=name):
                known = table.check(name) or table.foreign_key(name) or table.key(name)
                if known is None and name.upper() == "PRIMARY":
                    key(name)
                elif known is None:
                    checks.append(Check(name, ""))
            case _:
                pass
    found = replace(
        table, columns=tuple(columns), keys=tuple(keys), foreign_keys=tuple(constraints), checks=tuple(checks)
    )
    return table if found == table else found
