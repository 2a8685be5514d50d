"""One table through all the actions of an ALTER TABLE or CREATE TABLE, in the order a server takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zdmigrate.history.catalog import Catalog, Partitioning, Table
from zdmigrate.history.charsets import canonical_charset, canonical_collation, default_collation, resolve
from zdmigrate.history.effects.auto_increment import refers_to_counter
from zdmigrate.history.effects.checks import add_checks, keep_checks
from zdmigrate.history.effects.column_limits import row_too_long
from zdmigrate.history.effects.columns import change_columns, check_duplicates, fold_json
from zdmigrate.history.effects.draft import Context, Draft
from zdmigrate.history.effects.foreign_keys import (
    add_foreign_keys,
    check_columns_needed,
    drop_foreign_keys,
    rename_columns,
)
from zdmigrate.history.effects.keys import add_keys, check_keys_needed, keep_keys, lost_primary
from zdmigrate.history.effects.refusals import refused
from zdmigrate.history.syntax import (
    AddColumn,
    AddForeignKey,
    AddKey,
    AlterAction,
    AlterPartitions,
    ConvertCharset,
    DropCheck,
    DropColumn,
    DropConstraint,
    DropForeignKey,
    DropKey,
    ModifyColumn,
    PartitionBy,
    RenameTo,
    SetOptions,
    SetSystemVersioning,
)


def alter(context: Context, key: str, table: Table, actions: Sequence[AlterAction], *, creating: bool = False) -> Table:
    """The table after `actions`; renaming it (RENAME TO) is the caller's.

    Raises:
        Refused: as the server would.
    """
    draft = Draft.of(context, key, table, creating=creating)
    if context.flavour.is_mariadb:
        actions = [fold_json(action) for action in actions]
    actions = settle_conditions(draft, actions)
    set_options(draft, actions)
    drop_foreign_keys(draft, actions)
    change_columns(draft, actions)
    keep_keys(draft, actions)
    keep_checks(draft, actions)
    draft.refuse_missing(actions)
    check_duplicates(draft)
    kept = {key.name.lower() for key in draft.keys}
    add_keys(draft, actions)
    if context.flavour.is_mariadb and not lost_primary(draft):
        # MariaDB misses the index before it misses the column.
        check_keys_needed(draft, kept)
        check_columns_needed(draft, actions)
    else:
        check_columns_needed(draft, actions)
    rename_columns(draft)
    add_foreign_keys(draft, actions)
    renamed = any(isinstance(action, RenameTo) for action in actions)
    if not context.flavour.is_mariadb or (lost_primary(draft) and not renamed):
        check_keys_needed(draft, kept)
    add_checks(draft, actions)
    partition(draft, actions)
    after = draft.table()
    wrong = row_too_long(table, after) or refers_to_counter(table, after, context.flavour)
    if wrong is not None and context.session.strict:
        raise wrong
    return after


def propagate_renames(catalog: Catalog, key: str, before: Table, after: Table) -> Catalog:
    """Foreign keys of other tables follow the renamed columns of table `key`."""
    renames = {
        column.name.lower(): now.name
        for column in before.columns
        if (now := after.column_by_uid(column.uid)) is not None and now.name != column.name
    }
    if not renames:
        return catalog
    for child, _ in list(catalog.references_to(key)):
        table = catalog.tables[child]
        if child == key:
            continue
        moved = tuple(
            replace(fk, ref_columns=tuple(renames.get(name.lower(), name) for name in fk.ref_columns))
            if fk.ref_table == key
            else fk
            for fk in table.foreign_keys
        )
        catalog = catalog.put(child, replace(table, foreign_keys=moved))
    return catalog


def settle_conditions(draft: Draft, actions: Sequence[AlterAction]) -> list[AlterAction]:
    """Without the IF [NOT] EXISTS actions that do nothing; DROP CONSTRAINT as what it turns out to drop."""
    settled: list[AlterAction] = []
    columns = {column.name.lower() for column in draft.columns}
    keys = {key.name.lower() for key in draft.keys}
    constraints = {constraint.name.lower() for constraint in draft.foreign_keys}
    for action in actions:
        match action:
            case AddForeignKey(inline=True) if not (draft.flavour.is_mariadb or draft.flavour.at_least(9, 0)):
                continue
            case AddColumn(column=column, if_not_exists=True):
                if column.name.lower() in columns:
                    continue
                columns.add(column.name.lower())
            case DropColumn(name=name, if_exists=True) if name.lower() not in columns:
                continue
            case ModifyColumn(old_name=name, if_exists=True) if name.lower() not in columns:
                continue
            case AddKey(key=key, if_not_exists=True) if key.name:
                if key.name.lower() in keys:
                    continue
                keys.add(key.name.lower())
            case AddForeignKey(foreign_key=constraint, if_not_exists=True) if constraint.name.lower() in constraints:
                continue
            case DropKey(name=name, if_exists=True) if name.lower() not in keys:
                continue
            case DropForeignKey(name=name, if_exists=True) if name.lower() not in constraints:
                continue
            case DropConstraint():
                resolved = _resolve_constraint(draft, action)
                if resolved is not None:
                    settled.append(resolved)
                continue
            case _:
                pass
        settled.append(action)
    return settled


def _resolve_constraint(draft: Draft, action: DropConstraint) -> AlterAction | None:
    wanted = action.name.lower()
    found: list[AlterAction] = []
    if any(check.name.lower() == wanted and check.column is None for check in draft.checks):
        found.append(DropCheck(action.name))
    if any(constraint.name.lower() == wanted for constraint in draft.foreign_keys):
        found.append(DropForeignKey(action.name))
    if any(key.name.lower() == wanted and key.unique for key in draft.keys):
        found.append(DropKey(action.name))
    if len(found) > 1 and not draft.flavour.is_mariadb:
        raise refused(3939, name=action.name)
    if found:
        return found[0]
    if action.if_exists:
        return None
    if draft.flavour.is_mariadb:
        raise draft.cannot_drop("CONSTRAINT", action.name)
    raise refused(3940, name=action.name)


def set_options(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Table options, the default charset first of all: new columns inherit it."""
    schema = (draft.catalog.charset, draft.catalog.collation)
    stated: dict[str, str] = {}
    for action in actions:
        if isinstance(action, SetOptions):
            stated.update((name.lower(), value) for name, value in action.options)
    charset = stated.pop("charset", None)
    collation = stated.pop("collate", None)
    for action in actions:
        if not isinstance(action, ConvertCharset):
            continue
        target = canonical_charset(action.charset or schema[0])
        if charset is None and collation is None:
            charset, collation = target, action.collation
            if action.charset is None and collation is None:
                collation = schema[1]
        elif charset is not None and canonical_charset(charset) != target and not draft.flavour.is_mariadb:
            raise refused(1302, one=canonical_charset(charset), other=target)
    inherited = (draft.charset, draft.collation)
    if draft.creating or inherited == (None, None):
        inherited = schema
    if draft.creating or charset is not None or collation is not None:
        found, sorting = resolve(charset, collation, inherited, draft.flavour)
        draft.charset = found or schema[0]
        draft.collation = canonical_collation(sorting or default_collation(draft.charset, draft.flavour))
    draft.engine = _engine(stated.pop("engine", draft.engine))
    if (row_format := stated.pop("row_format", None)) is not None:
        draft.row_format = None if row_format.upper() == "DEFAULT" else row_format.upper()
    draft.comment = stated.pop("comment", draft.comment)
    draft.options.update(stated)
    for action in actions:
        if isinstance(action, SetSystemVersioning):
            draft.system_versioned = action.enabled


def _engine(name: str) -> str:
    return {"innodb": "InnoDB", "myisam": "MyISAM", "memory": "MEMORY", "aria": "Aria", "archive": "ARCHIVE"}.get(
        name.lower(), name
    )


def partition(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """PARTITION BY and operations on partitions; only their names are kept track of."""
    for action in actions:
        if isinstance(action, PartitionBy):
            draft.partitioning = action.partitioning
        elif isinstance(action, AlterPartitions):
            draft.partitioning = _repartitioned(draft, action)


def _repartitioned(draft: Draft, action: AlterPartitions) -> Partitioning | None:
    now = draft.partitioning
    if now is None:
        if not draft.old.complete:
            return None
        raise refused(1505)
    operation = action.operation.upper()
    if operation == "REMOVE":
        return None
    known = [name.lower() for name in now.partitions]
    named = [name.lower() for name in action.names if name.upper() != "ALL"]
    missing = [name for name in named if known and name not in known]
    if missing and operation != "ADD":
        raise refused(1507, draft.flavour.is_mariadb, operation=operation)
    kept = list(now.partitions)
    if operation in ("DROP", "REORGANIZE"):
        place = min((known.index(name) for name in named if name in known), default=len(kept))
        kept = [name for name in kept if name.lower() not in named]
        kept[place:place] = action.added
    elif operation == "ADD":
        kept.extend(action.added)
    lowered = [name.lower() for name in kept]
    for name in action.added:
        if lowered.count(name.lower()) > 1:
            raise refused(1517, name=name)
    return replace(now, partitions=tuple(kept))
