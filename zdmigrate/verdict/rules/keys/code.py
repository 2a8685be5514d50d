"""Keys and constraints in words: Alembic code and the queries that find what would break them."""

from __future__ import annotations

from collections.abc import Iterable

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Check, ForeignKey, Key, KeyPart, Table
from zdmigrate.verdict.rules.wording import op_execute, quoted, repr_name, table_arguments

_PREFIX = {"fulltext": "FULLTEXT", "spatial": "SPATIAL"}


def parts_text(key: Key) -> str:
    """The key's parts as a person writes them: `name, note(20), (lower(email))`."""
    return ", ".join(_part(part) for part in key.parts) or "columns never seen"


def _part(part: KeyPart) -> str:
    text = part.column if part.column is not None else f"({part.expression})"
    return f"{text}({part.length})" if part.length is not None else text


def noun(key: Key) -> str:
    """`the primary key`, `the unique key uq_code`, `the FULLTEXT index ft`, `the index ix`."""
    match key.kind:
        case "primary":
            return "the primary key"
        case "unique":
            return f"the unique key {key.name}"
        case "index":
            return f"the index {key.name}"
        case _:
            return f"the {key.kind.upper()} index {key.name}"


def op_create_key(table: str, key: Key) -> str:
    """`op.create_index(...)`, or `op.create_primary_key(...)`."""
    first, rest = table_arguments(table)
    if key.kind == "primary":
        return f"op.create_primary_key(None, {first}, [{', '.join(map(repr_name, key.columns))}]{rest})"
    parts = [
        repr_name(part.column) if part.column is not None else f'sa.text("({part.expression})")' for part in key.parts
    ]
    words = [repr_name(key.name), first, f"[{', '.join(parts)}]"]
    if key.unique:
        words.append("unique=True")
    lengths = ", ".join(f"{repr_name(part.column)}: {part.length}" for part in key.parts if part.column and part.length)
    if lengths:
        words.append(f"mysql_length={{{lengths}}}")
    if key.kind in _PREFIX:
        words.append(f'mysql_prefix="{_PREFIX[key.kind]}"')
    return f"op.create_index({', '.join(words)}{rest})"


def op_drop_key(table: str, key: Key) -> str:
    """`op.drop_index(...)`, or `op.drop_constraint(..., type_="primary")`."""
    first, rest = table_arguments(table)
    if key.kind == "primary":
        return f'op.drop_constraint("PRIMARY", {first}, type_="primary"{rest})'
    return f"op.drop_index({repr_name(key.name)}, table_name={first}{rest})"


def op_create_foreign_key(table: str, foreign_key: ForeignKey) -> str:
    """`op.create_foreign_key(...)`."""
    first, rest = table_arguments(table)
    parent, parent_rest = table_arguments(foreign_key.ref_table)
    words = [
        repr_name(foreign_key.name) if foreign_key.name else "None",
        first,
        parent,
        f"[{', '.join(map(repr_name, foreign_key.columns))}]",
        f"[{', '.join(map(repr_name, foreign_key.ref_columns))}]",
    ]
    for name, action in (("ondelete", foreign_key.on_delete), ("onupdate", foreign_key.on_update)):
        if action not in ("NO ACTION", "RESTRICT"):
            words.append(f'{name}="{action}"')
    source = rest.replace("schema=", "source_schema=")
    referent = parent_rest.replace("schema=", "referent_schema=")
    return f"op.create_foreign_key({', '.join(words)}{source}{referent})"


def op_drop_constraint(table: str, name: str, kind: str) -> str:
    """`op.drop_constraint(..., type_=kind)`; kind is foreignkey, check, unique or primary."""
    first, rest = table_arguments(table)
    return f'op.drop_constraint({repr_name(name)}, {first}, type_="{kind}"{rest})'


def op_create_check(table: str, check: Check) -> str:
    """`op.create_check_constraint(...)`."""
    first, rest = table_arguments(table)
    return f"op.create_check_constraint({repr_name(check.name)}, {first}, {repr_name(check.expression)}{rest})"


def op_hide_index(table: str, name: str, target: Flavour, *, visible: bool = False) -> str:
    """The statement that hides an index from the optimizer (or shows it), in the server's own word."""
    word = "IGNORED" if target.is_mariadb else "INVISIBLE"
    shown = {"IGNORED": "NOT IGNORED", "INVISIBLE": "VISIBLE"}
    return op_execute(f"ALTER TABLE {quoted(table)} ALTER INDEX {quoted(name)} {shown[word] if visible else word}")


def duplicates_query(table: str, key: Key, definition: Table | None) -> str:
    """A query that returns a row when the table holds two rows that are the same under `key`."""
    values = [_value(part) for part in key.parts]
    filled = [
        f"{value} IS NOT NULL"
        for part, value in zip(key.parts, values, strict=True)
        if key.kind != "primary" and _may_be_null(part, definition)
    ]
    where = f" WHERE {' AND '.join(filled)}" if filled else ""
    return (
        f"SELECT {', '.join(values)}, COUNT(*) FROM {quoted(table)}{where} GROUP BY {', '.join(values)} HAVING "
        "COUNT(*) > 1 LIMIT 1"
    )


def _value(part: KeyPart) -> str:
    if part.column is None:
        return f"({part.expression})"
    return f"LEFT({quoted(part.column)}, {part.length})" if part.length is not None else quoted(part.column)


def _may_be_null(part: KeyPart, definition: Table | None) -> bool:
    column = None if definition is None or part.column is None else definition.column(part.column)
    return column is None or column.nullable


def nulls_query(table: str, columns: Iterable[str]) -> str:
    """A query that returns a row when one of the columns is NULL somewhere."""
    return f"SELECT 1 FROM {quoted(table)} WHERE {' OR '.join(f'{quoted(name)} IS NULL' for name in columns)} LIMIT 1"


def orphans_query(table: str, foreign_key: ForeignKey) -> str:
    """A query that returns a row when a child row has no parent."""
    filled = " AND ".join(f"child.{quoted(name)} IS NOT NULL" for name in foreign_key.columns)
    pairs = " AND ".join(
        f"parent.{quoted(parent)} = child.{quoted(child)}"
        for child, parent in zip(foreign_key.columns, foreign_key.ref_columns, strict=False)
    )
    return (
        f"SELECT 1 FROM {quoted(table)} AS child WHERE {filled} AND NOT EXISTS (SELECT 1 FROM "
        f"{quoted(foreign_key.ref_table)} AS parent WHERE {pairs}) LIMIT 1"
    )


def violations_query(table: str, check: Check) -> str:
    """A query that returns a row when a row violates the CHECK."""
    return f"SELECT 1 FROM {quoted(table)} WHERE NOT ({check.expression}) LIMIT 1"


def names_text(names: Iterable[str]) -> str:
    """Names for prose: `a, b`."""
    return ", ".join(names)
