"""ALTER and CREATE TABLE: what the actions do to keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from zdmigrate.history.catalog import Column, Key, KeyPart
from zdmigrate.history.charsets import LOB_TYPES, SPATIAL_TYPES, character_width
from zdmigrate.history.effects.draft import Draft
from zdmigrate.history.effects.key_limits import INNODB_KEY_BYTES, key_size, shortened, too_long, wrong_key
from zdmigrate.history.effects.naming import bare_name, key_name
from zdmigrate.history.effects.refusals import refused
from zdmigrate.history.sql.column_names import names_in
from zdmigrate.history.syntax import (
    AddColumn,
    AddForeignKey,
    AddKey,
    AlterAction,
    DropKey,
    ModifyColumn,
    RenameKey,
    SetKeyVisibility,
)

_Supports = Callable[[Sequence[Key], Sequence[str]], bool]

_SIZED_TYPES = frozenset({"char", "varchar", "binary", "varbinary"})


def add_keys(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Add the keys of the actions, those that support foreign keys included; `keep_keys` comes first.

    Raises:
        Refused: as the server would.
    """
    wanted = _added(draft, actions)
    added: list[Key] = []
    for key in _without_redundant([*draft.keys, *wanted]):
        taken = {other.name.lower() for other in added}
        if key not in wanted:
            if key.name.lower() in taken:
                raise refused(1061, name=key.name)
            added.append(_fitted(draft, key) if draft.old.complete else key)
            continue
        _check_written(draft, key)
        if draft.flavour.is_mariadb:
            key = _fitted(draft, key)
        key = replace(key, name=_name(key, taken))
        if key.name.lower() in taken:
            raise refused(1068) if key.kind == "primary" else refused(1061, name=key.name)
        fitted = _fitted(draft, key)
        _check_length(draft, fitted)
        added.append(fitted)
    primary = [key for key in added if key.kind == "primary"]
    draft.keys = primary + [key for key in added if key.kind != "primary"]
    _settle_primary(draft, restated=actions)
    _check_auto_increment(draft)


def supports(keys: Sequence[Key], columns: Sequence[str]) -> bool:
    """True when a key begins with exactly these columns, in this order (hidden primary key columns count)."""
    return any(_begins_with(key, keys, columns) for key in keys)


def supports_uniquely(keys: Sequence[Key], columns: Sequence[str]) -> bool:
    """True when a primary or unique key is made of exactly these columns."""
    return any(key.unique and len(key.parts) == len(columns) and _begins_with(key, (), columns) for key in keys)


def needs_unique_parent(draft: Draft) -> bool:
    """MySQL 8.4 and later want the referenced columns to be a unique key of their own."""
    setting = dict(draft.session.variables).get("restrict_fk_on_non_standard_key", "ON").upper()
    return not draft.flavour.is_mariadb and draft.flavour.at_least(8, 4) and setting not in ("0", "OFF", "FALSE")


def lost_primary(draft: Draft) -> bool:
    """MariaDB copies a table that loses its primary key, and then finds other words for what is wrong."""
    lost = draft.old.primary_key is not None and all(key.kind != "primary" for key in draft.keys)
    return draft.flavour.is_mariadb and lost


def _begins_with(key: Key, keys: Sequence[Key], columns: Sequence[str]) -> bool:
    if key.kind in ("fulltext", "spatial") or not key.parts:
        return False
    primary = next((other for other in keys if other.kind == "primary"), None)
    parts = [*key.parts, *(primary.parts if primary is not None and key is not primary else ())]
    if len(parts) < len(columns):
        return False
    return all(
        part.column is not None and part.length is None and part.column.lower() == wanted.lower()
        for part, wanted in zip(parts, columns, strict=False)
    )


def keep_keys(draft: Draft, actions: Sequence[AlterAction]) -> None:
    """Keep the old keys that stay, under their new names and over renamed and dropped columns.

    Raises:
        Refused: as the server would.
    """
    drops: dict[str, DropKey] = {}
    renames: dict[str, RenameKey] = {}
    for action in actions:
        if isinstance(action, DropKey):
            if action.name.lower() in drops:
                draft.miss(action, "INDEX", action.name)
            drops[action.name.lower()] = action
        elif isinstance(action, RenameKey):
            if action.old.lower() in renames:
                draft.missing.append((action, refused(1176, name=action.old, table=draft.old.name)))
            renames[action.old.lower()] = action
    visible = {action.name.lower(): action for action in actions if isinstance(action, SetKeyVisibility)}
    kept: list[Key] = []
    for key in draft.keys:
        name = key.name.lower()
        if drops.pop(name, None) is not None:
            continue
        if (rename := renames.pop(name, None)) is not None:
            key = replace(key, name=rename.new)
        if (change := visible.pop(name, None)) is not None:
            key = replace(key, visible=change.visible)
        remaining = _remaining(draft, key)
        if remaining is not None:
            kept.append(remaining)
    for drop in drops.values():
        draft.miss(drop, "INDEX", drop.name)
    lost: list[tuple[AlterAction, str]] = [(rename, rename.old) for rename in renames.values()]
    lost += [(change, change.name) for change in visible.values()]
    draft.missing += [(action, refused(1176, name=name, table=draft.old.name)) for action, name in lost]
    draft.keys = kept


def _remaining(draft: Draft, key: Key) -> Key | None:
    parts: list[KeyPart] = []
    for part in key.parts:
        if part.column is None:
            used = names_in(part.expression or "")
            if touched := sorted(used & (draft.dropped | draft.renames.keys())):
                raise refused(3837, name=touched[0])
            parts.append(part)
            continue
        name = part.column.lower()
        if name in draft.dropped:
            if (inherited := _inherited(draft, part)) is not None:
                parts.append(inherited)
            continue
        part = replace(part, column=draft.renames.get(name, part.column))
        parts.append(_fitted_part(draft, part))
    if tuple(parts) == key.parts:
        return key
    if not parts and key.parts:
        return None
    if len(parts) < len(key.parts) and draft.flavour.is_mariadb and key.unique:
        gone = next(part.column for part in key.parts if part.column and part.column.lower() in draft.dropped)
        raise refused(1072, name=gone)
    return replace(key, parts=tuple(parts))


def _inherited(draft: Draft, part: KeyPart) -> KeyPart | None:
    """A key outlives its column when the same statement adds a column of that name; its length comes along."""
    old, new = draft.old.column(part.column or ""), draft.column(part.column or "")
    if old is None or new is None:
        return None
    size, most = part.length or key_size(old.type), key_size(new.type)
    if new.type.name in LOB_TYPES:
        return replace(part, length=size)
    if new.type.name in _SIZED_TYPES:
        if size > most:
            raise refused(1089)
        return replace(part, length=size if size < most else None)
    if size != most:
        raise refused(1089)
    return replace(part, length=None)


def _fitted_part(draft: Draft, part: KeyPart) -> KeyPart:
    """A prefix length as long as the column (or on a type that has none) is no prefix."""
    column = draft.column(part.column or "")
    if part.length is None or column is None or column.type.name == "unknown":
        return part
    sized = column.type.name in _SIZED_TYPES
    if sized and column.type.args and part.length >= column.type.args[0]:
        return replace(part, length=None)
    if not sized and column.type.name not in LOB_TYPES and column.type.name not in SPATIAL_TYPES:
        return replace(part, length=None)
    return part


def _added(draft: Draft, actions: Sequence[AlterAction]) -> list[Key]:
    added: list[Key] = []
    for action in actions:
        if isinstance(action, AddColumn | ModifyColumn):
            added.extend(action.keys)
        elif isinstance(action, AddKey):
            added.append(action.key)
        elif isinstance(action, AddForeignKey):
            constraint = action.foreign_key
            parts = tuple(KeyPart(name) for name in constraint.columns)
            added.append(Key(constraint.name or action.index_name or "", "index", parts, generated=True))
    return added


def _fitted(draft: Draft, key: Key) -> Key:
    parts: list[KeyPart] = []
    for part in key.parts:
        if part.column is None:
            parts.append(part)
            continue
        column = draft.column(part.column)
        if column is None:
            raise refused(1072, name=part.column)
        if any(other.column is not None and other.column.lower() == column.name.lower() for other in parts):
            raise refused(1060, name=column.name)
        part = _fitted_part(draft, replace(part, column=column.name))
        needs = column.type.name in LOB_TYPES and part.length is None
        # MariaDB hashes a unique key, and shortens a plain one by itself.
        settled = draft.flavour.is_mariadb and key.kind in ("unique", "index")
        if needs and not settled and key.kind not in ("fulltext", "spatial"):
            raise refused(1170, name=column.name)
        if needs and key.kind == "index":
            if len(key.parts) > 1:
                raise refused(1071, most=str(INNODB_KEY_BYTES))
            part = replace(part, length=INNODB_KEY_BYTES // character_width(column.type))
        parts.append(shortened(part, column, key.kind, draft.flavour))
    return replace(key, parts=tuple(parts))


def _check_written(draft: Draft, key: Key) -> None:
    wrong = wrong_key(key, _parts_of(draft, key), draft.flavour)
    if wrong is not None and draft.session.strict:
        raise wrong


def _check_length(draft: Draft, key: Key) -> None:
    wrong = too_long(key, _parts_of(draft, key), draft.flavour, draft.engine)
    if wrong is not None and draft.session.strict:
        raise wrong


def _parts_of(draft: Draft, key: Key) -> list[tuple[KeyPart, Column]]:
    found = ((part, draft.column(part.column)) for part in key.parts if part.column is not None)
    return [(part, column) for part, column in found if column is not None]


def _without_redundant(keys: list[Key]) -> list[Key]:
    """Without the generated keys (they support a foreign key) that another key can stand in for."""
    removed = [False] * len(keys)
    for index, key in enumerate(keys):
        for earlier in range(index):
            if removed[earlier] or not _replaceable(key, keys[earlier]):
                continue
            other = keys[earlier]
            if not other.generated or (key.generated and len(key.parts) < len(other.parts)):
                removed[index] = True
            else:
                removed[earlier] = True
            break
    return [key for key, gone in zip(keys, removed, strict=True) if not gone]


def _replaceable(key: Key, other: Key) -> bool:
    """True when one of the two is generated and the other begins with its columns."""
    if {key.kind, other.kind} & {"fulltext", "spatial"}:
        return False
    shorter, longer = key, other
    if not key.generated or (other.generated and len(key.parts) > len(other.parts)):
        shorter, longer = other, key
    if not shorter.generated or len(shorter.parts) > len(longer.parts):
        return False
    return all(
        (mine.column or "").lower() == (theirs.column or "").lower() and mine.length == theirs.length
        for mine, theirs in zip(shorter.parts, longer.parts, strict=False)
    )


def _name(key: Key, taken: set[str]) -> str:
    if key.kind == "primary":
        return "PRIMARY"
    if key.name.lower() == "primary":
        raise refused(1280, name=key.name)
    return key.name or key_name(key.parts, taken)


def _settle_primary(draft: Draft, restated: Sequence[AlterAction]) -> None:
    """Columns of the primary key are NOT NULL, and must not have been written NULL."""
    primary = next((key for key in draft.keys if key.kind == "primary"), None)
    if primary is None:
        return
    written = {
        action.column.name.lower()
        for action in restated
        if isinstance(action, AddColumn | ModifyColumn) and (action.column.explicit_null or action.column.null_default)
    }
    members = {name.lower() for name in primary.columns}
    if members & written and not draft.flavour.is_mariadb:
        raise refused(1171)
    draft.columns = [
        replace(column, nullable=False) if column.name.lower() in members and column.nullable else column
        for column in draft.columns
    ]


def _check_auto_increment(draft: Draft) -> None:
    counting = [column for column in draft.columns if column.auto_increment]
    if not counting or not draft.old.complete:
        return
    first = {key.parts[0].column.lower() for key in draft.keys if key.parts and key.parts[0].column is not None}
    if len(counting) > 1 or counting[0].name.lower() not in first:
        raise refused(1075)


def check_keys_needed(draft: Draft, kept: Collection[str]) -> None:
    """An index a foreign key stands on may go only when another can take its place.

    A new index is looked at by the old names of its columns: one over a column renamed by the same statement
    does not count, on either server.

    Args:
        kept: lower-case names of the keys that were there before.
    """
    if draft.creating or (draft.flavour.is_mariadb and not draft.session.foreign_key_checks):
        return
    gone = [key for key in draft.old.keys if key not in draft.keys]
    if not gone:
        return
    still = {constraint.name.lower() for constraint in draft.foreign_keys}
    needed: list[tuple[_Supports, tuple[str, ...], tuple[str, ...]]] = [
        (supports, constraint.columns, _renamed(draft, constraint.columns))
        for constraint in draft.old.foreign_keys
        if constraint.name.lower() in still
    ]
    unique = needs_unique_parent(draft)
    needed += [
        (
            supports_uniquely if unique and supports_uniquely(draft.old.keys, constraint.ref_columns) else supports,
            constraint.ref_columns,
            _renamed(draft, constraint.ref_columns),
        )
        for child, constraint in draft.catalog.references_to(draft.key)
        if child != draft.key or constraint.name.lower() in still
    ]
    staying = [key for key in draft.keys if key.name.lower() in kept]
    fresh = [key for key in draft.keys if key.name.lower() not in kept]
    for holds, before, after in needed:
        if not before or not holds(draft.old.keys, before) or holds(staying, after) or holds(fresh, before):
            continue
        for key in gone:
            if holds([key], before):
                if lost_primary(draft) and key.kind == "primary":
                    raise refused(1025, table=bare_name(draft.key))
                raise refused(1553, name=key.name)


def _renamed(draft: Draft, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(draft.renames.get(name.lower(), name) for name in columns)


def key_columns(draft: Draft, names: Sequence[str]) -> list[Column]:
    """The columns of those names that exist."""
    return [column for name in names if (column := draft.column(name)) is not None]
