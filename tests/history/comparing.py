"""What must be the same in our catalog and in the server's own account of its schema."""

from __future__ import annotations

import re
from dataclasses import replace

from zdmigrate.history.catalog import Catalog, Check, Column, ForeignKey, Key, Table


def squeezed(expression: str) -> str:
    """An expression without what servers write differently: quotes of names, spaces, parentheses, case."""
    text = re.sub(r"\b_(utf8mb4|utf8mb3|latin1)\s*\\?'", "'", expression.lower()).replace("\\'", "'")
    return re.sub(r"[`\s()]", "", text)


def comparable(catalog: Catalog) -> dict[str, object]:
    """The catalog as plain values, without what SHOW CREATE cannot tell."""
    return {
        "tables": {name: _table(table) for name, table in catalog.tables.items()},
        "views": sorted(catalog.views),
        "triggers": {name: (t.table, t.timing.upper(), t.event.upper()) for name, t in catalog.triggers.items()},
        "routines": sorted(catalog.routines),
        "charset": (catalog.charset, catalog.collation),
    }


def _table(table: Table) -> dict[str, object]:
    return {
        "columns": [_column(column) for column in table.columns],
        "keys": {key.name.lower(): _key(key) for key in table.keys},
        "foreign keys": {constraint.name: _foreign_key(constraint) for constraint in table.foreign_keys},
        "checks": {(check.column or "", check.name): _check(check) for check in table.checks},
        "engine": table.engine,
        "charset": (table.charset, table.collation),
        "row format": table.row_format,
        "comment": table.comment,
        "partitions": None if table.partitioning is None else table.partitioning.partitions,
        "versioned": table.system_versioned,
        "complete": table.complete,
    }


def _column(column: Column) -> Column:
    default = column.default
    if default is not None and default.kind == "expression":
        default = replace(default, text=squeezed(default.text))
    elif default is not None and column.type.name in ("decimal", "float", "double"):
        default = replace(default, text=f"{float(default.text):g}")
    generated = column.generated
    if generated is not None:
        generated = replace(generated, expression=squeezed(generated.expression))
    return replace(column, default=default, generated=generated)


def _key(key: Key) -> Key:
    parts = tuple(
        replace(part, expression=squeezed(part.expression)) if part.expression is not None else part
        for part in key.parts
    )
    return replace(key, parts=parts, generated=False, using=None)


def _foreign_key(constraint: ForeignKey) -> ForeignKey:
    on_delete = "NO ACTION" if constraint.on_delete == "RESTRICT" else constraint.on_delete
    on_update = "NO ACTION" if constraint.on_update == "RESTRICT" else constraint.on_update
    return replace(constraint, on_delete=on_delete, on_update=on_update)


def _check(check: Check) -> Check:
    return replace(check, expression=squeezed(check.expression))
