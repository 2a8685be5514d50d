"""Comparing schemas: what one statement did to code written for another schema, as typed differences.

Old code was written for the schema `base`. After statement k the schema is `after`. What statement k did *to old
code* is `compare(base, after)` minus `compare(base, before)`: so a restated column is nothing, two widenings are one,
a column added and dropped in the same release cancels, and a table created in this release is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from zdmigrate.history.catalog import Catalog, Column, Delta, Key, Routine, Table, Trigger, View
from zdmigrate.history.syntax import (
    AddCheck,
    AddColumn,
    AddForeignKey,
    AddKey,
    AlterAction,
    DropColumn,
    RenameColumn,
    RenameTo,
)
from zdmigrate.verdict.differences import (
    UNKNOWN_TYPE,
    CheckAdded,
    CheckChanged,
    CheckDropped,
    ColumnAdded,
    ColumnChanged,
    ColumnDropped,
    ColumnRenamed,
    ColumnReplaced,
    ColumnsReordered,
    Difference,
    ForeignKeyAdded,
    ForeignKeyChanged,
    ForeignKeyDropped,
    KeyAdded,
    KeyChanged,
    KeyDropped,
    KeyRenamed,
    NewTableChanged,
    PartitioningChanged,
    RoutineChanged,
    RoutineCreated,
    RoutineDropped,
    SystemVersioningChanged,
    TableCreated,
    TableDropped,
    TableOptionChanged,
    TableRenamed,
    TableReplaced,
    TriggerChanged,
    TriggerCreated,
    TriggerDropped,
    UnseenTableAltered,
    ViewChanged,
    ViewCreated,
    ViewDropped,
)


def differences_of(base: Catalog, before: Catalog, after: Catalog, delta: Delta) -> tuple[Difference, ...]:
    """What one statement (`delta`, from `before` to `after`) did to code written for `base`."""
    found = list(_compare(base, after, delta))
    known = list(_compare(base, before, delta))
    new: list[Difference] = [item for item in found if item not in known]
    for change in delta.changes:
        if (
            isinstance(change.before, Table)
            and isinstance(change.after, Table)
            and (change.after.complete or base.complete)
            and base.table_by_uid(change.after.uid) is None
        ):
            new.append(NewTableChanged(change.key))
    return tuple(new)


def actions_on_unseen_table(
    table: str, actions: Iterable[AlterAction], inline_references: bool = True
) -> Iterator[Difference]:
    """What can be said of an ALTER without the table's definition; the rest comes as UnseenTableAltered.

    `inline_references` tells whether this server makes foreign keys of REFERENCES inside a column definition.
    """
    for action in actions:
        match action:
            case AddColumn(column=column, position=position, keys=keys, checks=checks):
                yield ColumnAdded(table, column, last=position is None)
                yield from (KeyAdded(table, key) for key in keys)
                yield from (CheckAdded(table, check) for check in checks)
            case DropColumn(name=name):
                yield ColumnDropped(table, Column(name, UNKNOWN_TYPE))
            case RenameColumn(old=old, new=new):
                yield ColumnRenamed(table, Column(old, UNKNOWN_TYPE), Column(new, UNKNOWN_TYPE))
            case AddKey(key=key):
                yield KeyAdded(table, key)
            case AddForeignKey(foreign_key=foreign_key, inline=inline):
                if inline_references or not inline:
                    yield ForeignKeyAdded(table, foreign_key)
            case AddCheck(check=check):
                yield CheckAdded(table, check)
            case RenameTo(name=name):
                yield TableRenamed(table, name)
            case _:
                yield UnseenTableAltered(table, action)


def _compare(base: Catalog, now: Catalog, delta: Delta) -> Iterator[Difference]:
    """Differences between the base schema and `now`, for the objects that `delta` touches."""
    seen: set[int] = set()
    for change in delta.changes:
        for item in (change.before, change.after):
            if isinstance(item, Table) and item.uid not in seen:
                seen.add(item.uid)
                yield from _compare_table(base, now, item.uid)
    for slot in ("views", "triggers", "routines"):
        keys = {change.key: None for change in delta.changes if change.slot == slot}
        for key in keys:
            yield from _compare_named(base, getattr(base, slot).get(key), getattr(now, slot).get(key))


def _compare_table(base: Catalog, now: Catalog, uid: int) -> Iterator[Difference]:
    was = base.table_by_uid(uid)
    found = now.table_by_uid(uid)
    if was is None:
        if found is not None:
            yield from _new_table(base, *found)
        return
    name, before = was
    if found is None:
        replacement = now.tables.get(name)
        if replacement is not None and base.table_by_uid(replacement.uid) is None:
            yield TableReplaced(name, before, replacement)
        else:
            yield TableDropped(name, before)
        return
    new_name, after = found
    if new_name != name:
        yield TableRenamed(name, new_name)
    yield from compare_tables(name, before, after)


def _new_table(base: Catalog, name: str, table: Table) -> Iterator[Difference]:
    if not table.complete and not base.complete:
        return
    if name not in base.tables:  # else it is a TableReplaced, seen from the dropped one
        yield TableCreated(name)
    for foreign_key in table.foreign_keys:
        yield ForeignKeyAdded(name, foreign_key, new_table=True)


def compare_tables(name: str, before: Table, after: Table) -> Iterator[Difference]:
    """Differences between two states of one table, in the words of code that knows `before` as `name`."""
    if before is after:
        return
    yield from _compare_columns(name, before, after)
    yield from _compare_keys(name, before, after)
    yield from _compare_foreign_keys(name, before, after)
    yield from _compare_checks(name, before, after)
    yield from _compare_options(name, before, after)
    if before.partitioning != after.partitioning:
        yield PartitioningChanged(name, before.partitioning, after.partitioning)
    if before.system_versioned != after.system_versioned:
        yield SystemVersioningChanged(name, after.system_versioned)


def _compare_columns(name: str, before: Table, after: Table) -> Iterator[Difference]:
    kept_uids = {column.uid for column in before.columns}
    added = {column.name.lower(): column for column in after.columns if column.uid not in kept_uids}
    replaced: set[str] = set()
    for column in before.columns:
        now = after.column_by_uid(column.uid)
        if now is None:
            successor = added.get(column.name.lower())
            if successor is None:
                yield ColumnDropped(name, column)
            else:
                replaced.add(column.name.lower())
                yield ColumnReplaced(name, column, successor)
            continue
        if now.name.lower() != column.name.lower():
            yield ColumnRenamed(name, column, now)
        if replace(now, name=column.name) != column:
            yield ColumnChanged(name, column, now)
    old_places = [index for index, column in enumerate(after.columns) if column.uid in kept_uids]
    end_of_old = old_places[-1] if old_places else -1
    for index, column in enumerate(after.columns):
        if column.uid not in kept_uids and column.name.lower() not in replaced:
            yield ColumnAdded(name, column, last=index > end_of_old)
    remaining = [column.uid for column in after.columns if column.uid in kept_uids]
    expected = [column.uid for column in before.columns if column.uid in set(remaining)]
    if remaining != expected:
        yield ColumnsReordered(
            name, tuple(column.name for column in before.columns), tuple(column.name for column in after.columns)
        )


def _compare_keys(name: str, before: Table, after: Table) -> Iterator[Difference]:
    # Key parts name columns; compare them by what the columns are now called, so a rename is no key change.
    renamed = {
        column.name.lower(): now.name
        for column in before.columns
        if (now := after.column_by_uid(column.uid)) is not None
    }

    def translated(key: Key) -> Key:
        parts = tuple(
            replace(part, column=renamed.get(part.column.lower(), part.column)) if part.column else part
            for part in key.parts
        )
        return replace(key, parts=parts)

    gone = [key for key in before.keys if after.key(key.name) is None]
    new = [key for key in after.keys if before.key(key.name) is None]
    for key in before.keys:
        same = after.key(key.name)
        if same is not None and replace(same, name=key.name, generated=key.generated) != translated(key):
            yield KeyChanged(name, key, same)
    for key in gone:
        twin = next((item for item in new if replace(item, name=key.name) == translated(key)), None)
        if twin is not None:
            new.remove(twin)
            yield KeyRenamed(name, key, twin)
        else:
            columns_gone = bool(key.columns) and all(column.lower() not in renamed for column in key.columns)
            yield KeyDropped(name, key, with_columns=columns_gone)
    for key in new:
        yield KeyAdded(name, key)


def _compare_foreign_keys(name: str, before: Table, after: Table) -> Iterator[Difference]:
    gone = [fk for fk in before.foreign_keys if fk not in after.foreign_keys]
    new = [fk for fk in after.foreign_keys if fk not in before.foreign_keys]
    for foreign_key in gone:
        twin = next((item for item in new if item.columns == foreign_key.columns), None)
        if twin is not None:
            new.remove(twin)
            yield ForeignKeyChanged(name, foreign_key, twin)
        else:
            yield ForeignKeyDropped(name, foreign_key)
    for foreign_key in new:
        yield ForeignKeyAdded(name, foreign_key)


def _compare_checks(name: str, before: Table, after: Table) -> Iterator[Difference]:
    for check in before.checks:
        now = after.check(check.name)
        if now is None:
            yield CheckDropped(name, check)
        elif now != check:
            yield CheckChanged(name, check, now)
    for check in after.checks:
        if before.check(check.name) is None:
            yield CheckAdded(name, check)


def _compare_options(name: str, before: Table, after: Table) -> Iterator[Difference]:
    for option in ("engine", "row_format", "comment", "charset", "collation"):
        was, now = getattr(before, option), getattr(after, option)
        if was != now:
            yield TableOptionChanged(name, option, was, now)
    old, new = dict(before.options), dict(after.options)
    for option in sorted(old.keys() | new.keys()):
        if old.get(option) != new.get(option):
            yield TableOptionChanged(name, option, old.get(option), new.get(option))


def _compare_named(
    base: Catalog, was: View | Trigger | Routine | None, now: View | Trigger | Routine | None
) -> Iterator[Difference]:
    if was == now:
        return
    match was, now:
        case None, View():
            yield ViewCreated(now)
        case View(), View():
            yield ViewChanged(was, now)
        case View(), None:
            yield ViewDropped(was)
        case None, Trigger():
            yield TriggerCreated(now, new_table=now.table not in base.tables and base.complete)
        case Trigger(), Trigger():
            yield TriggerChanged(was, now)
        case Trigger(), None:
            yield TriggerDropped(was)
        case None, Routine():
            yield RoutineCreated(now)
        case Routine(), Routine():
            yield RoutineChanged(was, now)
        case Routine(), None:
            yield RoutineDropped(was)
