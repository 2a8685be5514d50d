"""Differences: the elementary changes that a comparison of two schemas can say to old code; `compare` finds them."""

from __future__ import annotations

from dataclasses import dataclass

from zdmigrate.history.catalog import (
    Check,
    Column,
    ColumnType,
    ForeignKey,
    Key,
    Partitioning,
    Routine,
    Table,
    Trigger,
    View,
)
from zdmigrate.history.syntax import (
    AlterAction,
)


@dataclass(frozen=True, slots=True)
class TableCreated:
    """A table old code does not know. Its keys and columns are not differences of their own; its foreign keys are."""

    table: str


@dataclass(frozen=True, slots=True)
class TableDropped:
    """A table of the base schema is gone."""

    table: str
    before: Table


@dataclass(frozen=True, slots=True)
class TableReplaced:
    """A table of the base schema was dropped and one of the same name created: its rows are gone."""

    table: str
    before: Table
    after: Table


@dataclass(frozen=True, slots=True)
class TableRenamed:
    """A table of the base schema has another name now."""

    table: str
    new_name: str


@dataclass(frozen=True, slots=True)
class TableOptionChanged:
    """Engine, row_format, comment, charset, collation (the table's defaults), auto_increment, ..., by `option`."""

    table: str
    option: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class PartitioningChanged:
    """PARTITION BY, REMOVE PARTITIONING, or partitions added and removed."""

    table: str
    before: Partitioning | None
    after: Partitioning | None


@dataclass(frozen=True, slots=True)
class NewTableChanged:
    """A table created earlier in this release was changed again: old code knows neither form."""

    table: str


@dataclass(frozen=True, slots=True)
class ColumnAdded:
    """A column old code does not know. `last` tells whether it follows every column of the base schema."""

    table: str
    column: Column
    last: bool = True


@dataclass(frozen=True, slots=True)
class ColumnDropped:
    """A column of the base schema is gone. Its type is `unknown` when the table's definition was never seen."""

    table: str
    column: Column


@dataclass(frozen=True, slots=True)
class ColumnReplaced:
    """A column was dropped and another of the same name added: its values are gone."""

    table: str
    before: Column
    after: Column


@dataclass(frozen=True, slots=True)
class ColumnRenamed:
    """A column of the base schema has another name now (its definition may differ too: see ColumnChanged)."""

    table: str
    before: Column
    after: Column


@dataclass(frozen=True, slots=True)
class ColumnChanged:
    """A column of the base schema has another definition now; `before.name` is what old code calls it."""

    table: str
    before: Column
    after: Column

    @property
    def aspects(self) -> frozenset[str]:
        """Names of the Column fields that differ (name left out)."""
        fields = ("type", "nullable", "default", "auto_increment", "on_update", "generated", "comment", "invisible")
        return frozenset(name for name in (*fields, "srid") if getattr(self.before, name) != getattr(self.after, name))


@dataclass(frozen=True, slots=True)
class ColumnsReordered:
    """The base schema's columns that remain stand in another order."""

    table: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyAdded:
    """An index, unique constraint or primary key on a table of the base schema."""

    table: str
    key: Key


@dataclass(frozen=True, slots=True)
class KeyDropped:
    """A key of the base schema is gone; `with_columns` when all its columns were dropped in this release."""

    table: str
    key: Key
    with_columns: bool = False


@dataclass(frozen=True, slots=True)
class KeyChanged:
    """A key of that name has another definition now (visibility, parts, kind)."""

    table: str
    before: Key
    after: Key


@dataclass(frozen=True, slots=True)
class KeyRenamed:
    """A key has another name and the same definition."""

    table: str
    before: Key
    after: Key


@dataclass(frozen=True, slots=True)
class ForeignKeyAdded:
    """A foreign key; `new_table` when the child table was created in this release."""

    table: str
    foreign_key: ForeignKey
    new_table: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKeyDropped:
    """A foreign key of the base schema is gone."""

    table: str
    foreign_key: ForeignKey


@dataclass(frozen=True, slots=True)
class ForeignKeyChanged:
    """A foreign key on the same columns has another definition now (actions, name or parent)."""

    table: str
    before: ForeignKey
    after: ForeignKey


@dataclass(frozen=True, slots=True)
class CheckAdded:
    """A CHECK constraint on a table of the base schema."""

    table: str
    check: Check


@dataclass(frozen=True, slots=True)
class CheckDropped:
    """A CHECK constraint of the base schema is gone."""

    table: str
    check: Check


@dataclass(frozen=True, slots=True)
class CheckChanged:
    """A CHECK of that name has another expression, or is enforced or not enforced now."""

    table: str
    before: Check
    after: Check


@dataclass(frozen=True, slots=True)
class SystemVersioningChanged:
    """MariaDB: ADD or DROP SYSTEM VERSIONING."""

    table: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class ViewCreated:
    """A view old code does not know."""

    view: View


@dataclass(frozen=True, slots=True)
class ViewChanged:
    """A view of the base schema has another definition now."""

    before: View
    after: View


@dataclass(frozen=True, slots=True)
class ViewDropped:
    """A view of the base schema is gone."""

    view: View


@dataclass(frozen=True, slots=True)
class TriggerCreated:
    """A trigger; `new_table` when its table was created in this release."""

    trigger: Trigger
    new_table: bool = False


@dataclass(frozen=True, slots=True)
class TriggerChanged:
    """A trigger of the base schema has another definition now."""

    before: Trigger
    after: Trigger


@dataclass(frozen=True, slots=True)
class TriggerDropped:
    """A trigger of the base schema is gone."""

    trigger: Trigger


@dataclass(frozen=True, slots=True)
class RoutineCreated:
    """A procedure, function or event old code does not know."""

    routine: Routine


@dataclass(frozen=True, slots=True)
class RoutineChanged:
    """A routine of the base schema has another definition now."""

    before: Routine
    after: Routine


@dataclass(frozen=True, slots=True)
class RoutineDropped:
    """A routine of the base schema is gone."""

    routine: Routine


@dataclass(frozen=True, slots=True)
class UnseenTableAltered:
    """An action on a table whose definition we never saw, that cannot be judged without it."""

    table: str
    action: AlterAction


Difference = (
    TableCreated
    | TableDropped
    | TableReplaced
    | TableRenamed
    | TableOptionChanged
    | PartitioningChanged
    | NewTableChanged
    | ColumnAdded
    | ColumnDropped
    | ColumnReplaced
    | ColumnRenamed
    | ColumnChanged
    | ColumnsReordered
    | KeyAdded
    | KeyDropped
    | KeyChanged
    | KeyRenamed
    | ForeignKeyAdded
    | ForeignKeyDropped
    | ForeignKeyChanged
    | CheckAdded
    | CheckDropped
    | CheckChanged
    | SystemVersioningChanged
    | ViewCreated
    | ViewChanged
    | ViewDropped
    | TriggerCreated
    | TriggerChanged
    | TriggerDropped
    | RoutineCreated
    | RoutineChanged
    | RoutineDropped
    | UnseenTableAltered
)

#: Stands for the type of a column whose definition was never seen.
UNKNOWN_TYPE = ColumnType("unknown")
