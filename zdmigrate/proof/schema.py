"""A catalog as the statements that build it on a real server. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.history.catalog import Catalog, Routine, Table
from zdmigrate.history.recorder.showing import column_definition, quoted, show_create_table


def create_statements(base: Catalog) -> tuple[str, ...]:
    """Statements that build every table, view and trigger of `base` whose definition is known."""
    return tuple(_statements(base))


def _statements(base: Catalog) -> Iterator[str]:
    yield f"ALTER DATABASE CHARACTER SET {base.charset} COLLATE {base.collation}"
    yield "SET SESSION foreign_key_checks = 0"
    for name, table in base.tables.items():
        if table.complete and "." not in name:
            yield from _table(name, table)
    yield "SET SESSION foreign_key_checks = 1"
    for routine in base.routines.values():
        if _is_statement(routine):
            yield routine.definition
    for name, view in base.views.items():
        definition = view.definition.strip()
        if definition:
            yield f"CREATE VIEW {quoted(name)} AS {definition}"
    for name, trigger in base.triggers.items():
        head = f"CREATE TRIGGER {quoted(name)} {trigger.timing} {trigger.event} ON {quoted(trigger.table)}"
        yield f"{head} FOR EACH ROW {trigger.body}"


def _table(name: str, table: Table) -> Iterator[str]:
    # The server makes its own index for a foreign key: one of the catalog's that it made is left to it, unless it was
    # renamed since.
    own = {name.lower() for item in table.foreign_keys for name in (item.name, *item.columns[:1])}
    keys = tuple(key for key in table.keys if not key.generated or key.name.lower() not in own)
    text = show_create_table(replace(table, keys=keys), name)
    block = dict(table.options).get("key_block_size", "")
    text += f" KEY_BLOCK_SIZE={block}" * block.isdigit() + " WITH SYSTEM VERSIONING" * table.system_versioned
    if table.partitioning is not None:
        text += f" {table.partitioning.clause}"
    yield text
    for column in table.columns:
        extra = " INVISIBLE" * column.invisible + (f" SRID {column.srid}" if column.srid is not None else "")
        if extra:
            yield f"ALTER TABLE {quoted(name)} MODIFY {quoted(column.name)} {column_definition(column, table)}{extra}"


def _is_statement(routine: Routine) -> bool:
    return routine.definition.lstrip()[:7].upper() == "CREATE " and routine.kind != "event"
