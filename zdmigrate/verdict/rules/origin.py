"""Where a table or column of a statement comes from: the base schema, which old code knows, or this release.

Old code's names are those of `context.base`; a statement uses the names of the moment. Renames are followed by `uid`.
"""

from __future__ import annotations

from dataclasses import dataclass

from zdmigrate.history.catalog import Catalog, Column, Table
from zdmigrate.history.syntax import AddColumn, AlterTable, DropColumn, DropTable
from zdmigrate.verdict.rule import Context


def living(catalog: Catalog, context: Context, table: str) -> Table | None:
    """The table that differences call `table` (its base name, or its own when it is new), as it is in `catalog`."""
    known = context.base.table(table)
    if known is None:
        return catalog.table(table)
    found = catalog.table_by_uid(known.uid)
    return None if found is None else found[1]


def base_column(context: Context, table: str, column: str) -> Column | None:
    """The column old code knows behind what is called `column` after the statement; None when it is new or unseen."""
    known = context.base.table(table)
    if known is None:
        return None
    now = living(context.after, context, table)
    current = None if now is None else now.column(column)
    return known.column(column) if current is None else known.column_by_uid(current.uid)


def added_column(context: Context, table: str, column: str) -> Column | None:
    """The column as it is after the statement, when it was added in this release to a base table; else None.

    Of a table whose definition was never seen, only a column added by the very same statement is surely new.
    """
    known = context.base.table(table)
    if known is not None and known.complete:
        now = living(context.after, context, table)
        current = None if now is None else now.column(column)
        return current if current is not None and known.column_by_uid(current.uid) is None else None
    if isinstance(context.node, AlterTable):
        for action in context.node.actions:
            if isinstance(action, AddColumn) and action.column.name.lower() == column.lower():
                return action.column
    return None


@dataclass(frozen=True, slots=True)
class Target:
    """A table as a data statement names it, and what old code knows of it.

    Attributes:
        name: as the statement calls it; `old_name` as old code does.
        now: its definition when the statement runs, None when unseen; `old`: its definition in the base schema.
        new: it was created in this release (or is temporary), so old code cannot name it.
    """

    name: str
    old_name: str
    now: Table | None
    old: Table | None
    new: bool
    temporary: bool = False

    def old_column(self, name: str) -> Column | None:
        """The column old code knows behind what is called `name` now; None when it is new or was never seen."""
        if self.old is None:
            return None
        current = None if self.now is None else self.now.column(name)
        return self.old.column(name) if current is None else self.old.column_by_uid(current.uid)

    def is_new_column(self, name: str) -> bool:
        """True when that column was added in this release; False when it was not, or when nobody can tell."""
        current = None if self.now is None else self.now.column(name)
        known = self.old is not None and self.old.complete
        return current is not None and known and self.old_column(name) is None

    def may_be_new_column(self, name: str) -> bool:
        """True when the table's definition was never seen whole, and the column first turned up in this release."""
        met = self.now is not None and not self.now.complete and self.now.column(name) is not None
        return met and not self.new and (self.old is None or self.old.column(name) is None)


def target(context: Context, name: str) -> Target:
    """What the table `name` of a data statement is."""
    if name in context.before.temporary:
        return Target(name, name, None, None, new=True, temporary=True)
    now = context.before.table(name)
    if now is None:
        return Target(name, name, None, None, new=False)
    found = context.base.table_by_uid(now.uid)
    if found is not None:
        return Target(name, found[0], now, found[1], new=False)
    replaced = context.base.table(name)
    return Target(name, name, now, replaced, new=replaced is None and (now.complete or context.base.complete))


def columns_gone(context: Context, table: str, columns: tuple[str, ...]) -> bool:
    """Whether one of these columns, by the names old code knows, does not stand after the statement."""
    known, now = context.base.table(table), living(context.after, context, table)
    if known is None or now is None:
        return known is not None
    found = [known.column(name) for name in columns]
    return any(column is not None and now.column_by_uid(column.uid) is None for column in found)


def columns_going(context: Context, table: str, columns: tuple[str, ...]) -> bool:
    """Whether one of these columns is dropped by this statement or by a later one of the same revision.

    What prepares the drop of a column (of its foreign key, its index) belongs to the step that drops the column.
    """
    if columns_gone(context, table, columns):
        return True
    known = context.base.table(table)
    found = None if known is None else context.after.table_by_uid(known.uid)
    if known is None or found is None:
        return False
    key, now = found
    old = [known.column(name) for name in columns]
    current = [now.column_by_uid(column.uid) for column in old if column is not None]
    names = {column.name.lower() for column in current if column is not None}
    return any(_drops(node, key, names) for node in context.following)


def _drops(node: object, table: str, columns: set[str]) -> bool:
    match node:
        case DropTable(names=names):
            return table in names
        case AlterTable(name=name, actions=actions) if name == table:
            return any(isinstance(action, DropColumn) and action.name.lower() in columns for action in actions)
        case _:
            return False
