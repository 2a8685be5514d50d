"""ALTER and CREATE TABLE: what the actions do to foreign keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Column, ColumnType, ForeignKey, Key, Table
from zdmigrate.history.charsets import bytes_per_character
from zdmigrate.history.effects.draft import Draft
from zdmigrate.history.effects.keys import key_columns, needs_unique_parent, supports, supports_uniquely
from zdmigrate.history.effects.naming import (
    bare_name,
    foreign_key_names,
    foreign_key_pattern,
    highest,
    in_schema_of,
    schema_of,
)
from zdmigrate.history.effects.refusals import Refused, refused
from zdmigrate.history.syntax import AddForeignKey, AlterAction, ConvertCharset, DropForeignKey, ModifyColumn

_ENGINES_WITH_FOREIGN_KEYS = frozenset({"innodb", "ndb", "ndbcluster", "xtradb", "pbxt"})


def drop_foreign_keys(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Take away the foreign keys the actions drop, before anything else is looked at."""
    for action in actions:
        if isinstance(action, DropForeignKey):
            found = next((fk for fk in draft.foreign_keys if fk.name.lower() == action.name.lower()), None)
            if found is None:
                draft.miss(action, "FOREIGN KEY", action.name)
            else:
                draft.foreign_keys.remove(found)


def check_columns_needed(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Columns a foreign key stands on may not be dropped, nor change their type while foreign_key_checks is on."""
    mine = sorted(draft.foreign_keys, key=lambda constraint: constraint.name)
    for constraint in mine:
        for name in constraint.columns:
            if name.lower() in draft.dropped:
                raise refused(1828, column=name, name=constraint.name)
    still = {constraint.name.lower() for constraint in draft.foreign_keys}
    parents = sorted(
        (
            (child, constraint)
            for child, constraint in draft.catalog.references_to(draft.key)
            if child != draft.key or constraint.name.lower() in still
        ),
        key=lambda pair: (pair[0], pair[1].name),
    )
    for child, constraint in parents:
        for name in constraint.ref_columns:
            if name.lower() in draft.dropped:
                raise refused(1829, column=name, name=constraint.name, table=bare_name(child))
    if not any(isinstance(action, ModifyColumn | ConvertCharset) for action in actions):
        return
    _check_renames(draft, [fk.columns for fk in draft.foreign_keys] + [fk.ref_columns for _, fk in parents])
    for constraint in mine:
        for name in constraint.columns:
            before, after = _pair(draft, name)
            if before is None or after is None:
                continue
            if before.nullable and not after.nullable and "SET NULL" in (constraint.on_delete, constraint.on_update):
                raise refused(1830, column=name, name=constraint.name)
            if not _changes_data(draft.flavour, before, after):
                continue
            parent = draft.catalog.table(constraint.ref_table) if constraint.ref_table != draft.key else draft.old
            other = (
                parent.column(_opposite(name, constraint.columns, constraint.ref_columns))
                if parent is not None
                else None
            )
            if not draft.flavour.is_mariadb and other is not None and not _fits(draft, after.type, other.type):
                raise refused(3780, column=name, parent=other.name, name=constraint.name)
            if not draft.flavour.is_mariadb and not draft.session.foreign_key_checks:
                continue
            raise refused(1832, column=name, name=constraint.name)
    for child, constraint in parents:
        for name in constraint.ref_columns:
            before, after = _pair(draft, name)
            if before is None or after is None or not _changes_data(draft.flavour, before, after):
                continue
            table = draft.catalog.table(child)
            other = (
                table.column(_opposite(name, constraint.ref_columns, constraint.columns)) if table is not None else None
            )
            if not draft.flavour.is_mariadb and other is not None and not _fits(draft, other.type, after.type):
                raise refused(3780, column=other.name, parent=name, name=constraint.name)
            if not draft.flavour.is_mariadb and not draft.session.foreign_key_checks:
                continue
            raise refused(1833, column=name, name=constraint.name, table=draft.context.written(child))


def _check_renames(draft: Draft, used: Sequence[Sequence[str]]) -> None:
    """A foreign key's column is renamed in place only: not while another change copies the table."""
    if not any(name.lower() in draft.renames for names in used for name in names):
        return
    if copies(draft.flavour, draft.old, draft.table()):
        raise refused(1846, draft.flavour.is_mariadb)


def copies(flavour: Flavour, before: Table, after: Table) -> bool:
    """True when the server makes a copy of the table because the stored form of a column changes, or the engine."""
    pairs = ((before.column_by_uid(column.uid), column) for column in after.columns)
    changed = any(
        was is not None and was.type.name != "unknown" and _changes_data(flavour, was, now) for was, now in pairs
    )
    lost_key = before.primary_key is not None and after.primary_key is None
    return changed or lost_key or before.engine != after.engine


def rename_columns(draft: Draft) -> None:
    """Foreign keys follow their renamed columns, on this table's side (and on both when it points at itself)."""
    if not draft.renames:
        return
    draft.foreign_keys = [
        replace(
            constraint,
            columns=_renamed(draft, constraint.columns),
            ref_columns=_renamed(draft, constraint.ref_columns)
            if constraint.ref_table == draft.key
            else constraint.ref_columns,
        )
        for constraint in draft.foreign_keys
    ]


def add_foreign_keys(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Name, check and add the foreign keys of the actions; keys must be settled already.

    Raises:
        Refused: as the server would.
    """
    added = [action for action in actions if isinstance(action, AddForeignKey)]
    if not added or draft.engine.lower() not in _ENGINES_WITH_FOREIGN_KEYS:
        return
    pattern = foreign_key_pattern(draft.key)
    number = 0 if draft.creating else highest(pattern, (fk.name for fk in draft.old.foreign_keys))
    taken = foreign_key_names(draft.catalog, schema_of(draft.key), draft.key)
    # The name of one that this same statement drops is not free yet, on either server.
    taken |= {constraint.name.lower() for constraint in draft.old.foreign_keys}
    for action in added:
        constraint = action.foreign_key
        name = constraint.name
        if not name and draft.flavour.is_mariadb and action.index_name:
            name = action.index_name
        if not name:
            number += 1
            name = f"{pattern}{number}"
        if name.lower() in taken:
            raise _duplicate(draft, name)
        taken.add(name.lower())
        known = in_schema_of(draft.key, constraint.ref_table) in (draft.key, *draft.catalog.tables)
        implied = draft.flavour.at_least(9, 0) and (known or not draft.catalog.complete)
        if not constraint.ref_columns and not draft.flavour.is_mariadb and not implied:
            raise refused(1239, name=constraint.name or "foreign key without name")
        constraint = replace(constraint, name=name, ref_table=in_schema_of(draft.key, constraint.ref_table))
        columns = tuple(column.name for column in key_columns(draft, constraint.columns))
        draft.foreign_keys.append(_checked(draft, replace(constraint, columns=columns)))


def _checked(draft: Draft, constraint: ForeignKey) -> ForeignKey:
    parent, keys = _parent(draft, constraint.ref_table)
    if parent is None:
        if draft.catalog.complete and draft.session.foreign_key_checks:
            raise _unusable(draft, 1824, name=bare_name(constraint.ref_table))
        return constraint
    if not constraint.ref_columns:
        primary = next((key for key in keys if key.kind == "primary"), None)
        constraint = replace(constraint, ref_columns=primary.columns if primary is not None else ())
    if len(constraint.columns) != len(constraint.ref_columns):
        if parent.complete:
            raise _unusable(draft, 1239, name=constraint.name)
        return constraint
    ref = bare_name(constraint.ref_table)
    referenced = []
    for name in constraint.ref_columns:
        column = parent.column(name)
        if column is None:
            if not parent.complete:
                return constraint
            if not draft.session.foreign_key_checks:
                return constraint
            raise _unusable(draft, 3734, column=name, name=constraint.name, table=ref)
        referenced.append(column)
    constraint = replace(constraint, ref_columns=tuple(column.name for column in referenced))
    if constraint.ref_table == draft.key and constraint.columns == constraint.ref_columns:
        # A key may not be its own parent: neither MySQL's check nor the index MariaDB is making counts.
        keys = [key for key in keys if draft.flavour.is_mariadb and not key.generated]
    children = key_columns(draft, constraint.columns)
    for child, column in zip(children, referenced, strict=False):
        if not compatible(child.type, column.type):
            raise _unusable(draft, 3780, column=child.name, parent=column.name, name=constraint.name)
    if "SET NULL" in (constraint.on_delete, constraint.on_update):
        for child in children:
            if not child.nullable:
                raise _unusable(draft, 1830, column=child.name, name=constraint.name)
    if parent.complete and draft.session.foreign_key_checks:
        _check_parent_key(draft, constraint, keys, ref)
    return constraint


def _check_parent_key(draft: Draft, constraint: ForeignKey, keys: Sequence[Key], ref: str) -> None:
    if needs_unique_parent(draft):
        if not supports_uniquely(keys, constraint.ref_columns):
            raise refused(6125, name=constraint.name, table=ref)
    elif not supports(keys, constraint.ref_columns):
        raise _unusable(draft, 1822, name=constraint.name, table=ref)


def _parent(draft: Draft, key: str) -> tuple[Table | None, Sequence[Key]]:
    if key == draft.key:
        table = replace(draft.old, columns=tuple(draft.columns), keys=tuple(draft.keys))
        return table, draft.keys
    found = draft.catalog.table(key)
    return found, found.keys if found is not None else ()


def _unusable(draft: Draft, errno: int, **fields: str) -> Refused:
    """MySQL says what is wrong with a foreign key; MariaDB has one answer for all of it."""
    if (draft.flavour.is_mariadb and errno != 1239) or (
        not draft.flavour.at_least(8, 0) and errno in (1822, 1824, 3734, 3780)
    ):
        return refused(1005, table=_quoted(draft))
    return refused(errno, **fields)


def _duplicate(draft: Draft, name: str) -> Refused:
    if not draft.flavour.is_mariadb:
        return refused(1826, name=name)
    own = name.lower() in {constraint.name.lower() for constraint in draft.foreign_keys}
    if own and not draft.creating:
        return refused(1826, True, kind="FOREIGN KEY", name=name)
    return Refused(1005, f'Can\'t create table {_quoted(draft)} (errno: 121 "Duplicate key on write or update")')


def _quoted(draft: Draft) -> str:
    return ".".join(f"`{part}`" for part in draft.context.written(draft.key).split("."))


def _pair(draft: Draft, name: str) -> tuple[Column | None, Column | None]:
    """The column a foreign key names, as it was and as it will be (`name` may be its old or its new name)."""
    before = draft.old.column(name)
    if before is None or before.type.name == "unknown":
        return None, None
    return before, next((column for column in draft.columns if column.uid == before.uid), None)


def _fits(draft: Draft, child: ColumnType, parent: ColumnType) -> bool:
    """Like `compatible`; without foreign_key_checks MySQL lets the charsets differ."""
    if not draft.session.foreign_key_checks:
        parent = replace(parent, charset=child.charset, collation=child.collation)
    return compatible(child, parent)


def _opposite(column: str, mine: Sequence[str], theirs: Sequence[str]) -> str:
    """The column on the other side of a foreign key."""
    return next((other for name, other in zip(mine, theirs, strict=False) if name.lower() == column.lower()), "")


def _changes_data(flavour: Flavour, before: Column, after: Column) -> bool:
    """True when the change cannot be made in place: nearly every change of type.

    What can: members added at the end of an ENUM or SET, and on MySQL a longer VARCHAR whose length still takes as
    many bytes to store.
    """
    old, new = before.type, after.type
    if old == new:
        return False
    if old.name != new.name or (old.charset, old.collation) != (new.charset, new.collation):
        return True
    if old.name in ("enum", "set"):
        return old.members != new.members[: len(old.members)]
    if old.name == "varchar" and not flavour.is_mariadb:
        width = bytes_per_character(old.charset or "utf8mb4")
        was, now = old.args[0] * width, new.args[0] * width
        return now < was or (was <= 255 < now)
    return True


def compatible(child: ColumnType, parent: ColumnType) -> bool:
    """True when InnoDB lets a column of one type reference a column of the other."""
    if "unknown" in (child.name, parent.name):
        return True
    strings = {"char", "varchar"}
    binaries = {"binary", "varbinary"}
    if child.name in strings and parent.name in strings:
        return (child.charset, child.collation) == (parent.charset, parent.collation)
    if child.name in binaries and parent.name in binaries:
        return True
    if child.name == "decimal" or child.name in ("enum", "set"):
        return child.name == parent.name
    return (child.name, child.unsigned) == (parent.name, parent.unsigned)


def _renamed(draft: Draft, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(draft.renames.get(name.lower(), name) for name in columns)
