"""Statements about everything that is no table: views, triggers, routines, events, schemas."""

from __future__ import annotations

from dataclasses import replace

from zdmigrate.history.catalog import Catalog, Routine, View
from zdmigrate.history.charsets import resolve
from zdmigrate.history.effects.draft import Context
from zdmigrate.history.effects.naming import bare_name, in_schema_of
from zdmigrate.history.effects.refusals import refused
from zdmigrate.history.syntax import (
    ChangeDatabase,
    CreateRoutine,
    CreateTrigger,
    CreateView,
    DropRoutine,
    DropTrigger,
    DropView,
)


def create_view(context: Context, node: CreateView) -> Catalog:
    """CREATE VIEW, CREATE OR REPLACE VIEW, ALTER VIEW."""
    catalog = context.catalog
    if catalog.complete:
        for read in node.reads:
            key = in_schema_of(node.name, read)
            foreign = "." in key and not any(name.startswith(key.rpartition(".")[0] + ".") for name in catalog.tables)
            if not foreign and not {key} & {*catalog.tables, *catalog.views, *catalog.temporary}:
                raise refused(1146, name=context.written(key))
    if node.name in catalog.tables:
        if node.or_replace:
            raise context.not_kind(node.name, "VIEW")
        raise refused(1050, name=bare_name(node.name))
    if node.name in catalog.views and not node.or_replace:
        raise refused(1050, name=bare_name(node.name))
    options, definer = _view_options(node, catalog.views.get(node.name))
    return catalog.put(node.name, View(node.name, node.select, node.reads, node.columns, options, definer))


def _view_options(node: CreateView, before: View | None) -> tuple[tuple[str, ...], str]:
    """The options a view has afterwards, and its definer.

    ALTER keeps what it does not name, apart from the check option. Who replaces a view without DEFINER is taken for the
    account that made it.
    """
    stated = {item.partition("=")[0].split()[0]: item for item in node.options}
    definer = stated.pop("DEFINER", "").partition("=")[2]
    if definer.upper().startswith("CURRENT_USER"):
        definer = ""
    if before is not None:
        kept = [item for item in before.options if node.altered and not item.startswith(("WITH", "DEFINER"))]
        stated = {item.partition("=")[0].split()[0]: item for item in kept} | stated
        if definer and definer != before.definer:
            stated["DEFINER"] = f"DEFINER={definer}"
        else:
            kept = [item for item in before.options if item.startswith("DEFINER")]
            stated |= dict.fromkeys(("DEFINER",), kept[0]) if kept else {}
            definer = before.definer
    default = ("ALGORITHM=UNDEFINED", "ALGORITHM=MERGE", "SQL SECURITY DEFINER")
    return tuple(sorted(item for item in stated.values() if item not in default)), definer


def drop_view(context: Context, node: DropView) -> Catalog:
    """DROP VIEW of one or more views."""
    catalog = context.catalog
    for name in node.names:
        if name in catalog.tables:
            if context.flavour.is_mariadb:
                raise refused(4092, name=context.written(name))
            raise context.not_kind(name, "VIEW")
    missing = [name for name in node.names if name not in catalog.views]
    if missing and not node.if_exists and catalog.complete:
        errno = 4092 if context.flavour.is_mariadb else 1051
        raise refused(errno, name=",".join(context.written(name) for name in missing))
    return catalog.without("views", node.names)


def create_trigger(context: Context, node: CreateTrigger) -> Catalog:
    """CREATE TRIGGER. It is keyed by its name, in its table's schema."""
    catalog, trigger = context.catalog, node.trigger
    table = trigger.table
    if table not in catalog.tables and catalog.complete:
        if table in catalog.views:
            raise context.not_kind(table, "BASE TABLE")
        raise refused(1146, name=context.written(table))
    key = in_schema_of(table, trigger.name)
    if key in catalog.triggers and not node.or_replace:
        if node.if_not_exists:
            return catalog
        raise refused(1359, context.flavour.is_mariadb, name=context.written(key))
    return catalog.put(key, trigger)


def drop_trigger(context: Context, node: DropTrigger) -> Catalog:
    """DROP TRIGGER."""
    catalog = context.catalog
    if node.name not in catalog.triggers and catalog.complete and not node.if_exists:
        raise refused(1360)
    return catalog.without("triggers", [node.name])


def routine_key(kind: str, name: str) -> str:
    """The catalog key of a routine: procedures, functions and events may share a name."""
    return f"{kind} {name}"


def create_routine(context: Context, node: CreateRoutine) -> Catalog:
    """CREATE and ALTER of procedures, functions and events."""
    catalog, routine = context.catalog, node.routine
    key = routine_key(routine.kind, routine.name)
    exists = key in catalog.routines
    if node.altered:
        if not exists and catalog.complete:
            raise _missing(context, routine.kind, routine.name)
        return catalog.put(key, _altered(catalog.routines[key], routine) if exists else routine)
    if exists and not node.or_replace:
        if node.if_not_exists:
            return catalog
        if routine.kind == "event":
            raise refused(1537, name=bare_name(routine.name))
        raise refused(1304, kind=routine.kind.upper(), name=bare_name(routine.name))
    return catalog.put(key, routine)


def _altered(was: Routine, now: Routine) -> Routine:
    """The routine with its body, which ALTER need not repeat, and what ALTER says as a comment after it."""
    said = now.definition.replace("*/", "* /")
    return replace(now, definition=f"{was.definition}\n/* {said} */")


def drop_routine(context: Context, node: DropRoutine) -> Catalog:
    """DROP PROCEDURE, FUNCTION or EVENT."""
    catalog = context.catalog
    key = routine_key(node.kind, node.name)
    if key not in catalog.routines and catalog.complete and not node.if_exists:
        raise _missing(context, node.kind, node.name)
    return catalog.without("routines", [key])


def _missing(context: Context, kind: str, name: str) -> Exception:
    if kind == "event":
        return refused(1539, name=bare_name(name))
    return refused(1305, kind=kind.upper(), name=context.written(name))


def change_database(context: Context, node: ChangeDatabase) -> Catalog:
    """CREATE, ALTER and DROP DATABASE.

    The session's own schema is recognised by name where it is known; ALTER without a known schema means it.
    """
    catalog = context.catalog
    current = context.database
    if node.verb == "DROP":
        own = current is not None and node.name.lower() == current.lower()
        for slot in ("tables", "views", "triggers"):
            keys = [key for key in getattr(catalog, slot) if _within(key, node.name, own)]
            catalog = catalog.without(slot, keys) if keys else catalog
        gone = [key for key, item in catalog.routines.items() if _within(item.name, node.name, own)]
        return catalog.without("routines", gone) if gone else catalog
    if node.verb == "ALTER" and (not node.name or current is None or node.name.lower() == current.lower()):
        options = {name.lower(): value for name, value in node.options}
        stated = options.get("charset"), options.get("collate")
        charset, collation = resolve(*stated, (catalog.charset, catalog.collation), context.flavour)
        return replace(catalog, charset=charset or catalog.charset, collation=collation or catalog.collation)
    return catalog


def _within(key: str, schema: str, own: bool) -> bool:
    return key.startswith(f"{schema}.") or (own and "." not in key)
