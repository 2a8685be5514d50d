"""information_schema of a catalog, as an SQLite database: revisions may ask it anything a SELECT can say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from zdmigrate.history.catalog import Catalog, Key, Table
from zdmigrate.history.recorder.showing import column_type, default_text

#: The name of the schema a replay runs in.
DATABASE = "zdmigrate"

_COLUMNS = {
    "schemata": "schema_name default_character_set_name default_collation_name",
    "tables": "table_schema table_name table_type engine row_format table_rows data_length index_length auto_increment "
    "table_collation create_options table_comment",
    "columns": "table_schema table_name column_name ordinal_position column_default is_nullable data_type "
    "character_maximum_length numeric_precision numeric_scale datetime_precision character_set_name collation_name "
    "column_type column_key extra column_comment generation_expression",
    "statistics": "table_schema table_name non_unique index_schema index_name seq_in_index column_name collation "
    "cardinality sub_part packed nullable index_type comment index_comment is_visible expression",
    "table_constraints": "constraint_schema constraint_name table_schema table_name constraint_type enforced",
    "key_column_usage": "constraint_schema constraint_name table_schema table_name column_name ordinal_position "
    "position_in_unique_constraint referenced_table_schema referenced_table_name referenced_column_name",
    "referential_constraints": "constraint_schema constraint_name unique_constraint_schema unique_constraint_name "
    "update_rule delete_rule table_name referenced_table_name",
    "check_constraints": "constraint_schema constraint_name check_clause table_name",
    "views": "table_schema table_name view_definition",
    "triggers": "trigger_schema trigger_name event_manipulation event_object_schema event_object_table action_timing "
    "action_statement",
    "routines": "routine_schema routine_name routine_type routine_definition",
    "events": "event_schema event_name event_definition",
    "partitions": "table_schema table_name partition_name partition_method partition_expression",
}

Row = tuple[object, ...]


def open_dictionary(catalog: Catalog) -> sqlite3.Connection:
    """A database with `information_schema` attached, filled from the catalog; text compares without case."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("ATTACH ':memory:' AS information_schema")
    rows = dict(_rows(catalog))
    for table, columns in _COLUMNS.items():
        names = [column.upper() for column in columns.split()]
        defined = ", ".join(f"{name} COLLATE NOCASE" for name in names)
        connection.execute(f"CREATE TABLE information_schema.{table} ({defined})")
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO information_schema.{table} VALUES ({marks})", rows.get(table, ()))
    return connection


def _rows(catalog: Catalog) -> Iterator[tuple[str, list[Row]]]:
    tables = [(*_split(key), table) for key, table in catalog.tables.items()]
    yield "schemata", [(DATABASE, catalog.charset, catalog.collation)]
    yield "tables", [
        *((schema, name, "BASE TABLE", t.engine, t.row_format or "Dynamic", 0, 0, 0, None, t.collation, "", t.comment)
          for schema, name, t in tables),
        *((*_split(key), "VIEW", *([None] * 8), "VIEW") for key in catalog.views),
    ]  # fmt: skip
    yield "columns", [row for schema, name, table in tables for row in _columns(schema, name, table)]
    yield "statistics", [row for schema, name, table in tables for row in _statistics(schema, name, table)]
    yield "table_constraints", [row for schema, name, table in tables for row in _constraints(schema, name, table)]
    yield "key_column_usage", [row for schema, name, table in tables for row in _usage(schema, name, table)]
    yield (
        "referential_constraints",
        [
            (schema, item.name, schema, "PRIMARY", item.on_update, item.on_delete, name, _split(item.ref_table)[1])
            for schema, name, table in tables
            for item in table.foreign_keys
        ],
    )
    yield (
        "check_constraints",
        [(schema, item.name, f"({item.expression})", name) for schema, name, table in tables for item in table.checks],
    )
    yield "views", [(*_split(key), view.definition) for key, view in catalog.views.items()]
    yield (
        "triggers",
        [
            (*_split(key), item.event, *_split(item.table), item.timing, item.body)
            for key, item in catalog.triggers.items()
        ],
    )
    routines = [(_split(key), item) for key, item in catalog.routines.items()]
    yield "routines", [(*name, item.kind.upper(), item.definition) for name, item in routines if item.kind != "event"]
    yield "events", [(*name, item.definition) for name, item in routines if item.kind == "event"]
    yield (
        "partitions",
        [
            (schema, name, partition, table.partitioning.method if table.partitioning else None, None)
            for schema, name, table in tables
            for partition in (table.partitioning.partitions if table.partitioning else (None,))
        ],
    )


def _split(key: str) -> tuple[str, str]:
    schema, _, name = key.rpartition(".")
    return schema or DATABASE, name


def _columns(schema: str, name: str, table: Table) -> Iterator[Row]:
    for position, column in enumerate(table.columns, 1):
        kind = column.type
        character = kind.charset is not None or kind.name in ("char", "varchar")
        number = kind.name in ("decimal", "int", "bigint", "smallint", "tinyint", "mediumint", "float", "double")
        extra = ["auto_increment"] if column.auto_increment else []
        if column.default is not None and column.default.kind != "literal":
            extra.append("DEFAULT_GENERATED")
        if column.on_update:
            extra.append(f"on update {column.on_update}")
        if column.generated is not None:
            extra.append("STORED GENERATED" if column.generated.stored else "VIRTUAL GENERATED")
        literal = column.default is not None and column.default.kind == "literal"
        default = column.default.text if column.default is not None and literal else default_text(column)
        yield (
            *(schema, name, column.name, position, default, "YES" if column.nullable else "NO", kind.name),
            kind.args[0] if character and kind.args else None,
            kind.args[0] if number and kind.args else 10 if number else None,
            kind.args[1] if number and len(kind.args) > 1 else 0 if number else None,
            (kind.args[0] if kind.args else 0) if kind.name in ("datetime", "timestamp", "time") else None,
            *(kind.charset, kind.collation, column_type(kind), column_key(table, column.name), " ".join(extra)),
            *(column.comment, column.generated.expression if column.generated else ""),
        )


def column_key(table: Table, column: str) -> str:
    """PRI, UNI, MUL or nothing, as DESCRIBE says."""
    found = ""
    for key in table.keys:
        names = [name.lower() for name in key.columns]
        if column.lower() not in names:
            continue
        if key.kind == "primary":
            return "PRI"
        if key.kind == "unique" and len(names) == 1:
            found = "UNI"
        elif names[0] == column.lower():
            found = found or "MUL"
    return found


def _statistics(schema: str, name: str, table: Table) -> Iterator[Row]:
    for key in table.keys:
        kind = {"fulltext": "FULLTEXT", "spatial": "SPATIAL"}.get(key.kind, "BTREE")
        for position, part in enumerate(key.parts, 1):
            column = table.column(part.column) if part.column else None
            yield (
                *(schema, name, int(not key.unique), schema, key.name, position, part.column),
                *("D" if part.descending else "A", 0, part.length, None),
                *("YES" if column is not None and column.nullable else "", kind, "", key.comment),
                *("YES" if key.visible else "NO", part.expression),
            )


def _constraints(schema: str, name: str, table: Table) -> Iterator[Row]:
    for key in _unique(table):
        kind = "PRIMARY KEY" if key.kind == "primary" else "UNIQUE"
        yield (schema, key.name, schema, name, kind, "YES")
    for item in table.foreign_keys:
        yield (schema, item.name, schema, name, "FOREIGN KEY", "YES")
    for check in table.checks:
        yield (schema, check.name, schema, name, "CHECK", "YES" if check.enforced else "NO")


def _usage(schema: str, name: str, table: Table) -> Iterator[Row]:
    for key in _unique(table):
        for position, column in enumerate(key.columns, 1):
            yield (schema, key.name, schema, name, column, position, None, None, None, None)
    for item in table.foreign_keys:
        target = _split(item.ref_table)
        for position, (own, theirs) in enumerate(zip(item.columns, item.ref_columns, strict=False), 1):
            yield (schema, item.name, schema, name, own, position, position, *target, theirs)


def _unique(table: Table) -> Iterable[Key]:
    return (key for key in table.keys if key.unique)
