"""The catalog: our in-memory picture of a schema, and the delta between two of them.

Everything here is an immutable value. A table, column or key that lives on through a rename or a
MODIFY keeps its `uid`, so a comparison can tell "renamed" from "dropped and added again" (the first
keeps the data, the second loses it). `uid` takes no part in equality.

Names: table names are kept as written (`lower_case_table_names=0`, the Linux default); column and key
names compare without regard to case, as MySQL does. A table of another schema is keyed `schema.table`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from zdmigrate.history.objects import Action as Action
from zdmigrate.history.objects import Check as Check
from zdmigrate.history.objects import Column as Column
from zdmigrate.history.objects import ColumnType as ColumnType
from zdmigrate.history.objects import Default as Default
from zdmigrate.history.objects import ForeignKey as ForeignKey
from zdmigrate.history.objects import Generated as Generated
from zdmigrate.history.objects import Key as Key
from zdmigrate.history.objects import KeyKind as KeyKind
from zdmigrate.history.objects import KeyPart as KeyPart
from zdmigrate.history.objects import Partitioning as Partitioning
from zdmigrate.history.objects import Routine as Routine
from zdmigrate.history.objects import Table as Table
from zdmigrate.history.objects import Trigger as Trigger
from zdmigrate.history.objects import View as View
from zdmigrate.history.objects import new_uid as new_uid

Named = Table | View | Trigger | Routine


@dataclass(frozen=True)
class Catalog:
    """A schema: its tables, views, triggers and routines, by key.

    Attributes:
        complete: False when objects may exist that are not listed (the history does not begin with
            an empty schema, or a revision could not be replayed): a missing table is then unknown,
            not absent.
        charset, collation: the schema's defaults.
        temporary: names of this session's temporary tables, which hide base tables; no part of the schema.
    """

    tables: Mapping[str, Table] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    triggers: Mapping[str, Trigger] = field(default_factory=dict)
    routines: Mapping[str, Routine] = field(default_factory=dict)
    complete: bool = True
    charset: str = "utf8mb4"
    collation: str = "utf8mb4_0900_ai_ci"
    temporary: frozenset[str] = field(default=frozenset(), compare=False)

    def table(self, name: str) -> Table | None:
        """The table with that key, or None."""
        return self.tables.get(name)

    def table_by_uid(self, uid: int) -> tuple[str, Table] | None:
        """Key and table of the one that has lived on as `uid`, whatever it is called now."""
        return next(((key, table) for key, table in self.tables.items() if table.uid == uid), None)

    def put(self, key: str, item: Named) -> Catalog:
        """A catalog with `item` under `key` (added or replaced)."""
        slot = _slot(item)
        return _with_slot(self, slot, {**getattr(self, slot), key: item})

    def without(self, slot: str, keys: Iterable[str]) -> Catalog:
        """A catalog without the named objects; `slot` is "tables", "views", "triggers" or "routines"."""
        gone = set(keys)
        kept = {key: item for key, item in getattr(self, slot).items() if key not in gone}
        return _with_slot(self, slot, kept)

    def references_to(self, key: str) -> Iterator[tuple[str, ForeignKey]]:
        """(child table key, foreign key) for every foreign key that points at table `key`."""
        for child, table in self.tables.items():
            for foreign_key in table.foreign_keys:
                if foreign_key.ref_table == key:
                    yield child, foreign_key


def _with_slot(catalog: Catalog, slot: str, items: Mapping[str, Named]) -> Catalog:
    changes: dict[str, Any] = {slot: MappingProxyType(dict(items))}
    return replace(catalog, **changes)


def _slot(item: Named) -> str:
    match item:
        case Table():
            return "tables"
        case View():
            return "views"
        case Trigger():
            return "triggers"
        case Routine():
            return "routines"


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object before and after a statement; None on a side where it does not exist.

    `slot` is "tables", "views", "triggers" or "routines". A rename is two changes with the same uid.
    """

    slot: str
    key: str
    before: Named | None
    after: Named | None


@dataclass(frozen=True, slots=True)
class SchemaDefaults:
    """The defaults a schema gives to tables created in it."""

    charset: str
    collation: str


@dataclass(frozen=True, slots=True)
class Delta:
    """What a statement did to the catalog, object by object. It can be applied, and inverted.

    `defaults` holds the schema's defaults before and after, when they changed (ALTER DATABASE).
    """

    changes: tuple[ObjectChange, ...] = ()
    defaults: tuple[SchemaDefaults, SchemaDefaults] | None = None

    def apply(self, catalog: Catalog) -> Catalog:
        """The catalog after this delta. Applying a delta, then its inverse, restores the catalog."""
        slots: dict[str, dict[str, Named]] = {}
        for change in self.changes:
            items = slots.setdefault(change.slot, dict(getattr(catalog, change.slot)))
            if change.after is None:
                items.pop(change.key, None)
            else:
                items[change.key] = change.after
        for slot, items in slots.items():
            catalog = _with_slot(catalog, slot, items)
        if self.defaults is not None:
            catalog = replace(catalog, charset=self.defaults[1].charset, collation=self.defaults[1].collation)
        return catalog

    def inverse(self) -> Delta:
        """The delta that undoes this one."""
        return Delta(
            tuple(
                ObjectChange(change.slot, change.key, change.after, change.before) for change in reversed(self.changes)
            ),
            None if self.defaults is None else (self.defaults[1], self.defaults[0]),
        )


def difference(before: Catalog, after: Catalog) -> Delta:
    """The delta from `before` to `after`: one change for each object that is not the same.

    A table whose column was dropped and added again just as it was is not the same: its data is gone.
    """
    changes: list[ObjectChange] = []
    for slot in ("tables", "views", "triggers", "routines"):
        old: Mapping[str, Named] = getattr(before, slot)
        new: Mapping[str, Named] = getattr(after, slot)
        if old is new:
            continue
        for key in {**old, **new}:
            was, now = old.get(key), new.get(key)
            if was is not now and (was != now or _replaced(was, now)):
                changes.append(ObjectChange(slot, key, was, now))
    was_default = SchemaDefaults(before.charset, before.collation)
    now_default = SchemaDefaults(after.charset, after.collation)
    return Delta(tuple(changes), None if was_default == now_default else (was_default, now_default))


def _replaced(was: Named | None, now: Named | None) -> bool:
    if not (isinstance(was, Table) and isinstance(now, Table)):
        return False
    return was.uid != now.uid or [c.uid for c in was.columns] != [c.uid for c in now.columns]
