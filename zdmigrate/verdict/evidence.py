"""What old code maps: the whole base schema by default, or exactly what the deployed manifests say.

Values in, values out: manifests come as values; nothing here asks a file, a server or the fleet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zdmigrate.history.catalog import Catalog, Column, ColumnType
from zdsession.manifest import Manifest, MappedColumn


@dataclass(frozen=True)
class OldCode:
    """Old code, as a set of statements over what it maps (DESIGN, idea 2).

    Attributes:
        base: the schema it was written for.
        manifests: what every deployed version maps; empty means "assume it maps the whole base schema".
        parse_type: reads the type text of a manifest into a catalog type.
    """

    base: Catalog
    manifests: tuple[Manifest, ...] = ()
    parse_type: Callable[[str], ColumnType] | None = None

    @property
    def proven(self) -> bool:
        """True when manifests narrow what old code maps."""
        return bool(self.manifests)

    def maps_table(self, table: str) -> bool:
        """Whether any deployed version may name this table (always True without manifests)."""
        return not self.manifests or any(mapped_table(manifest, table) is not None for manifest in self.manifests)

    def maps_column(self, table: str, column: str) -> bool:
        """Whether any deployed version may name this column (always True without manifests)."""
        return not self.manifests or any(True for _ in self.mapped(table, column))

    def may_write_null(self, table: str, column: Column) -> bool:
        """Whether old code may write NULL into `column` (a column of the base schema, by its old name).

        Code that does not map the column leaves it out of its INSERTs: no explicit NULL, but the default.
        """
        if not self.manifests:
            return column.nullable
        return any(mapped.nullable and not mapped.generated for mapped in self.mapped(table, column.name))

    def may_omit(self, table: str, column: Column) -> bool:
        """Whether an INSERT of old code may leave `column` out, so that the server's default decides."""
        if not self.manifests:
            return column.insert_may_omit
        if not self.maps_table(table):
            return False
        for manifest in self.manifests:
            columns = mapped_table(manifest, table)
            if columns is None:
                continue
            mapped = columns.get(column.name.lower())
            if mapped is None or mapped.generated or mapped.autoincrement:
                return True
            if not mapped.client_default and (mapped.server_default is not None or mapped.nullable):
                return True
        return False

    def types(self, table: str, column: Column) -> tuple[ColumnType, ...]:
        """The types old code may write to and decode from `column`: its type in the base schema, or as mapped."""
        if not self.manifests or self.parse_type is None:
            return (column.type,)
        return tuple(dict.fromkeys(self.parse_type(mapped.type) for mapped in self.mapped(table, column.name)))

    def quote(self, table: str, column: str | None = None) -> str:
        """The proof in words, e.g. ``manifest 2.4.1 (9f0c…) maps users(id, name), not nick``; "" without manifests."""
        parts = []
        for manifest in self.manifests:
            columns = mapped_table(manifest, table)
            name = f"manifest {manifest.version} ({manifest.digest[:8]})"
            if columns is None:
                parts.append(f"{name} maps no table {table}")
            elif column is None:
                parts.append(f"{name} maps {table}")
            elif column.lower() not in columns:
                parts.append(f"{name} maps {table}({', '.join(columns)}), not {column}")
            else:
                mapped = columns[column.lower()]
                null = "NULL" if mapped.nullable else "NOT NULL"
                parts.append(f"{name} maps {table}.{column} as {mapped.type} {null}")
        return "; ".join(parts)

    def mapped(self, table: str, column: str) -> Iterator[MappedColumn]:
        """The column as each deployed manifest maps it; nothing without manifests or where it is unmapped."""
        for manifest in self.manifests:
            mapped = (mapped_table(manifest, table) or {}).get(column.lower())
            if mapped is not None:
                yield mapped


def mapped_table(manifest: Manifest, table: str) -> dict[str, MappedColumn] | None:
    """The manifest's columns of that table by lower-case name, or None when it does not map the table.

    A mapping may name a table with its schema or in another case than the server does. Tables that could be the same
    are taken for the same, and their columns together: doubt must never prove that something is not mapped.
    """
    wanted = _bare(table)
    found = [mapped for name, mapped in manifest.tables.items() if _bare(name) == wanted]
    if not found:
        return None
    return {name.lower(): column for mapped in found for name, column in mapped.columns.items()}


def _bare(table: str) -> str:
    return table.rpartition(".")[2].lower()
