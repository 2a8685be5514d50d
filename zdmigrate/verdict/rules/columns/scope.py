"""What column rules ask in common: what this statement did, and what the given manifests prove.

A `ColumnChanged` compares the column of the base schema with the column now, so it also shows what earlier
statements of the release did. A rule speaks only when this statement changed something it depends on.
"""

from __future__ import annotations

from zdmigrate.history.catalog import Column, ColumnType
from zdmigrate.verdict.differences import ColumnChanged
from zdmigrate.verdict.rule import Context
from zdmigrate.verdict.rules.origin import living
from zdmigrate.verdict.types import TypeComparison, compare_types, fits

_FIELDS = (
    "name",
    "type",
    "nullable",
    "default",
    "auto_increment",
    "on_update",
    "generated",
    "comment",
    "invisible",
    "srid",
)


def at(table: str, column: Column | str) -> str:
    """`users.nick`."""
    return f"{table}.{column if isinstance(column, str) else column.name}"


def before_statement(table: str, column: Column, context: Context) -> Column | None:
    """`column` (of the schema after) as it was just before the statement; `table` is its name in the base schema.

    None when this statement adds the column, or when its table was never seen.
    """
    found = living(context.before, context, table)
    return found.column_by_uid(column.uid) if found is not None else None


def changed_here(change: ColumnChanged, context: Context) -> frozenset[str]:
    """The fields of the column that this very statement changed."""
    was = before_statement(change.table, change.after, context) or change.before
    return frozenset(name for name in _FIELDS if getattr(was, name) != getattr(change.after, name))


def type_change(change: ColumnChanged, context: Context) -> TypeComparison | None:
    """How the type differs from the one old code knows, or None when this statement did not touch the type."""
    if "type" not in change.aspects or "type" not in changed_here(change, context):
        return None
    return compare_types(change.before.type, change.after.type)


def unmapped(table: str, column: str, context: Context) -> str:
    """The proof that no deployed version maps the column; "" when there is none."""
    old_code = context.old_code
    return old_code.quote(table, column) if old_code.proven and not old_code.maps_column(table, column) else ""


def untouched(table: str, context: Context) -> str:
    """The proof that no deployed version maps the table at all; "" when there is none."""
    old_code = context.old_code
    return old_code.quote(table) if old_code.proven and not old_code.maps_table(table) else ""


def always_written(table: str, column: Column, context: Context) -> str:
    """The proof that no INSERT of a deployed version leaves the column out; "" when there is none."""
    old_code = context.old_code
    return old_code.quote(table, column.name) if old_code.proven and not old_code.may_omit(table, column) else ""


def stays_within(table: str, column: Column, column_type: ColumnType, context: Context) -> str:
    """The proof that all values the deployed versions may write fit `column_type`; "" when there is none."""
    old_code = context.old_code
    if not old_code.proven or not all(fits(item, column_type) for item in old_code.types(table, column)):
        return ""
    return old_code.quote(table, column.name)


def loosely(context: Context) -> str:
    """What to add where strict mode turns a bad value into an error: the sentence for a session without it."""
    if context.session.strict:
        return ""
    return (
        " sql_mode is not strict here: a session like this gets no error, its value is silently replaced or cut, "
        "which changes what old code means."
    )


def generated_write_error(context: Context) -> str:
    """The error number for writing to a generated column."""
    return "1906" if context.target.is_mariadb else "3105"


def null_rows_error(context: Context) -> str:
    """The error number of MODIFY ... NOT NULL on a column that holds NULL."""
    return "1265" if context.target.is_mariadb else "1138"
