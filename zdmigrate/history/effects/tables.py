"""Statements about whole tables: CREATE, ALTER, DROP, RENAME, TRUNCATE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zdmigrate.history.catalog import Catalog, Table, new_uid
from zdmigrate.history.effects.actions import alter, propagate_renames
from zdmigrate.history.effects.draft import Context
from zdmigrate.history.effects.foreign_keys import copies
from zdmigrate.history.effects.naming import (
    bare_name,
    check_pattern,
    foreign_key_pattern,
    in_schema_of,
    renamed,
    schema_of,
)
from zdmigrate.history.effects.refusals import refused
from zdmigrate.history.syntax import (
    AlterTable,
    CreateTable,
    DropTable,
    RenameTable,
    RenameTo,
    TruncateTable,
)


def create_table(context: Context, node: CreateTable) -> Catalog:
    """CREATE TABLE, also LIKE, SELECT, OR REPLACE and TEMPORARY."""
    catalog = context.catalog
    if node.temporary:
        return replace(catalog, temporary=catalog.temporary | {node.name})
    if node.like is not None and (not context.flavour.is_mariadb or node.like == node.name):
        _check_source(context, node.name, node.like)
    taken = node.name in catalog.tables or node.name in catalog.views
    if taken and node.if_not_exists:
        return catalog
    if taken and not (node.or_replace and node.name in catalog.tables):
        raise refused(1050, name=bare_name(node.name))
    if taken:
        catalog = drop_tables(context, DropTable((node.name,)))
        context = replace(context, catalog=catalog)
    if node.like is not None:
        _check_source(context, node.name, node.like)
        return catalog.put(node.name, _copied(context, node.name, node.like))
    complete = node.select is None
    table = alter(context, node.name, Table(node.name, complete=complete), node.actions, creating=True)
    return catalog.put(node.name, replace(table, complete=complete))


def _check_source(context: Context, name: str, like: str) -> None:
    catalog = context.catalog
    if name == like:
        raise refused(1066, name=bare_name(name))
    if like in catalog.views:
        raise context.not_kind(like, "BASE TABLE")
    if like not in catalog.tables and like not in catalog.temporary:
        raise refused(1146, name=context.written(like))


def _copied(context: Context, name: str, like: str) -> Table:
    source = context.catalog.table(like)
    if source is None:
        return Table(name, complete=False)
    pattern = check_pattern(name, context.flavour)
    checks = source.checks
    if not context.flavour.is_mariadb:
        checks = tuple(replace(check, name=f"{pattern}{number}") for number, check in enumerate(checks, 1))
    return replace(
        source,
        name=name,
        columns=tuple(replace(column, uid=new_uid()) for column in source.columns),
        foreign_keys=(),
        checks=checks,
        uid=new_uid(),
    )


def alter_table(context: Context, node: AlterTable) -> Catalog:
    """ALTER TABLE, CREATE INDEX, DROP INDEX."""
    catalog = context.catalog
    if node.name in catalog.temporary:
        return catalog
    table = catalog.table(node.name)
    if table is None:
        if node.name in catalog.views:
            raise context.not_kind(node.name, "BASE TABLE")
        if node.if_exists:
            return catalog
        raise refused(1146, name=context.written(node.name))
    names = [in_schema_of(node.name, action.name) for action in node.actions if isinstance(action, RenameTo)]
    target = names[-1] if names else node.name
    if target != node.name and (target in catalog.tables or target in catalog.views):
        raise refused(1050, name=bare_name(target))
    after = alter(context, node.name, table, node.actions)
    catalog = propagate_renames(catalog.put(node.name, after), node.name, table, after)
    if target == node.name:
        return catalog
    # Where MariaDB copies the table to its new name, the foreign keys of others go on naming the old one.
    added = len(after.checks) > len(table.checks) or (
        len(after.foreign_keys) > len(table.foreign_keys) and context.session.foreign_key_checks
    )
    follow = not (context.flavour.is_mariadb and (added or copies(context.flavour, table, after)))
    return rename_one(replace(context, catalog=catalog), node.name, target, follow=follow)


def rename_tables(context: Context, node: RenameTable) -> Catalog:
    """RENAME TABLE: the pairs one after the other, all or none."""
    for old, new in node.pairs:
        context = replace(context, catalog=rename_one(context, old, new))
    return context.catalog


def rename_one(context: Context, old: str, new: str, *, follow: bool = True) -> Catalog:
    """One table (or view) under its new name; triggers follow, and (with `follow`) foreign keys that name it."""
    catalog = context.catalog
    if old in catalog.temporary:
        return replace(catalog, temporary=(catalog.temporary - {old}) | {new})
    if new in catalog.tables or new in catalog.views:
        raise refused(1050, name=bare_name(new))
    view = catalog.views.get(old)
    if view is not None:
        return catalog.without("views", [old]).put(new, replace(view, name=new))
    table = catalog.table(old)
    if table is None:
        raise refused(1146, name=context.written(old))
    was, now = foreign_key_pattern(old), foreign_key_pattern(new)
    constraints = tuple(
        replace(
            constraint,
            name=renamed(was, now, constraint.name),
            ref_table=new if constraint.ref_table == old and follow else constraint.ref_table,
        )
        for constraint in table.foreign_keys
    )
    checks = table.checks
    if not context.flavour.is_mariadb:
        was, now = check_pattern(old, context.flavour), check_pattern(new, context.flavour)
        checks = tuple(replace(check, name=renamed(was, now, check.name)) for check in checks)
    moved = replace(table, name=new, foreign_keys=constraints, checks=checks)
    catalog = catalog.without("tables", [old]).put(new, moved)
    for child in {child for child, _ in catalog.references_to(old)} if follow else set[str]():
        other = catalog.tables[child]
        pointed = tuple(
            replace(constraint, ref_table=new) if constraint.ref_table == old else constraint
            for constraint in other.foreign_keys
        )
        catalog = catalog.put(child, replace(other, foreign_keys=pointed))
    for key, trigger in list(catalog.triggers.items()):
        if trigger.table == old:
            catalog = catalog.put(key, replace(trigger, table=new))
    return catalog


def drop_tables(context: Context, node: DropTable) -> Catalog:
    """DROP TABLE of one or more tables; their triggers go with them."""
    catalog = context.catalog
    hidden = [name for name in node.names if name in catalog.temporary]
    if hidden:
        catalog = replace(catalog, temporary=catalog.temporary - set(hidden))
    names = [name for name in node.names if name not in hidden]
    if node.temporary:
        return catalog
    missing = [name for name in names if name not in catalog.tables]
    if missing and not node.if_exists:
        if context.flavour.is_mariadb and missing[0] in catalog.views:
            raise refused(1965, name=context.written(missing[0]))
        # MariaDB drops the ones that exist before it says so; a catalog is all or nothing either way.
        raise refused(1051, name=",".join(context.written(name) for name in missing))
    present = [name for name in names if name in catalog.tables]
    if context.session.foreign_key_checks:
        _check_children(context, present)
    catalog = catalog.without("tables", present)
    orphaned = [key for key, trigger in catalog.triggers.items() if trigger.table in present]
    return catalog.without("triggers", orphaned) if orphaned else catalog


def _check_children(context: Context, names: Sequence[str]) -> None:
    """A parent stays while a foreign key of a table that is not dropped with it points at it."""
    going = set(names)
    for index, name in enumerate(names):
        if context.flavour.is_mariadb:
            going = set(names[: index + 1])
        for child, constraint in sorted(context.catalog.references_to(name), key=lambda pair: (pair[0], pair[1].name)):
            if child in going:
                continue
            if context.flavour.is_mariadb:
                raise refused(1451)
            if not context.flavour.at_least(8, 0):
                raise refused(1217)
            raise refused(3730, name=bare_name(name), constraint=constraint.name, table=bare_name(child))


def truncate_table(context: Context, node: TruncateTable) -> Catalog:
    """TRUNCATE leaves the schema as it is, where the server lets it."""
    catalog = context.catalog
    if node.name in catalog.temporary:
        return catalog
    if node.name not in catalog.tables:
        raise refused(1146, name=context.written(node.name))
    if context.session.foreign_key_checks:
        for child, constraint in catalog.references_to(node.name):
            if child != node.name:
                schema = schema_of(child).rstrip(".") or context.database
                where = f"`{schema}`.`{bare_name(child)}`" if schema else f"`{bare_name(child)}`"
                raise refused(1701, name=f"{where}, CONSTRAINT `{constraint.name}`")
    return catalog
