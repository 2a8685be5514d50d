"""Which other index serves the queries of a dropped one, and which foreign keys need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.history.catalog import Catalog, ForeignKey, Key, KeyPart, Table
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.origin import living


def renamed(key: Key, table: str, context: Context) -> Key:
    """A key of the base schema with its columns as they are called after the statement."""
    known, now = context.base.table(table), living(context.after, context, table)
    if known is None or now is None:
        return key

    def name(part: KeyPart) -> str | None:
        column = None if part.column is None else known.column(part.column)
        current = None if column is None else now.column_by_uid(column.uid)
        return part.column if current is None else current.name

    return replace(key, parts=tuple(replace(part, column=name(part)) for part in key.parts))


def covering(key: Key, table: Table | None) -> Key | None:
    """A visible index of `table` (in which `key` no longer stands) that begins with the parts of `key`.

    A search index (FULLTEXT, SPATIAL) is replaced only by one of its kind on the same columns.
    """
    if table is None or not key.parts:
        return None
    for other in table.keys:
        if not other.visible:
            continue
        if key.kind in ("fulltext", "spatial"):
            if other.kind == key.kind and _columns(other) == _columns(key) and other.parser == key.parser:
                return other
        elif (
            other.kind in ("index", "unique", "primary")
            and len(other.parts) >= len(key.parts)
            and all(_serves(ours, theirs) for ours, theirs in zip(other.parts, key.parts, strict=False))
        ):
            return other
    return None


def _serves(ours: KeyPart, theirs: KeyPart) -> bool:
    same = (ours.column or "").lower() == (theirs.column or "").lower() and ours.expression == theirs.expression
    long_enough = ours.length is None or (theirs.length is not None and ours.length >= theirs.length)
    return same and long_enough and ours.descending == theirs.descending


def _columns(key: Key) -> list[str]:
    return [name.lower() for name in key.columns]


def foreign_keys_needing(key: Key, table: str, context: Context) -> Iterator[ForeignKey]:
    """Foreign keys that stand after the statement with no index but the dropped `key`: the server refuses it (1553)."""
    now = living(context.after, context, table)
    if now is None or not now.complete:
        return
    for foreign_key in now.foreign_keys:
        if _leads(key, foreign_key.columns) and not _any_leads(now, foreign_key.columns):
            yield foreign_key
    for _, foreign_key in _references(context.after, now):
        if _leads(key, foreign_key.ref_columns) and not _any_leads(now, foreign_key.ref_columns):
            yield foreign_key


def _references(catalog: Catalog, table: Table) -> Iterator[tuple[str, ForeignKey]]:
    found = catalog.table_by_uid(table.uid)
    if found is not None:
        yield from catalog.references_to(found[0])


def _leads(key: Key, columns: tuple[str, ...]) -> bool:
    wanted = [name.lower() for name in columns]
    return key.kind in ("index", "unique", "primary") and sorted(_columns(key)[: len(wanted)]) == sorted(wanted)


def _any_leads(table: Table, columns: tuple[str, ...]) -> bool:
    return any(_leads(other, columns) for other in table.keys)
