"""CREATE, DROP, RENAME, TRUNCATE TABLE and the maintenance statements."""

from __future__ import annotations

from dataclasses import replace

from zdmigrate.history.sql.cursor import Cursor
from zdmigrate.history.sql.definitions import ColumnDefinition, parse_column
from zdmigrate.history.sql.keys import parse_constraint, starts_constraint
from zdmigrate.history.sql.options import at_option, parse_options, parse_partitioning
from zdmigrate.history.sql.queries import parse_select
from zdmigrate.history.sql.words import words
from zdmigrate.history.syntax import (
    AddColumn,
    AddForeignKey,
    AlterAction,
    CreateTable,
    DropTable,
    MaintainTable,
    OtherAction,
    PartitionBy,
    RenameTable,
    Select,
    SetOptions,
    SetSystemVersioning,
    TruncateTable,
)

_MAINTENANCE_WORDS = words("""
    QUICK FAST MEDIUM EXTENDED CHANGED USE_FRM FORCE UPGRADE FOR PERSISTENT UPDATE DROP HISTOGRAM WAIT NOWAIT FROM
    """)


def add_column_actions(definition: ColumnDefinition) -> tuple[AlterAction, ...]:
    """What adding that column means: the column, then the foreign keys declared inline."""
    column = AddColumn(definition.column, keys=definition.keys, checks=definition.checks)
    return (column, *(AddForeignKey(foreign_key, inline=True) for foreign_key in definition.foreign_keys))


def parse_create_table(cursor: Cursor, *, or_replace: bool, temporary: bool) -> CreateTable:
    """What follows CREATE [OR REPLACE] [TEMPORARY] TABLE."""
    missing_only = cursor.if_not_exists()
    table = CreateTable(cursor.qualified(), (), missing_only, or_replace, temporary)
    if cursor.accept("LIKE"):
        return replace(table, like=cursor.qualified())
    if cursor.at("(", "LIKE"):
        return replace(table, like=cursor.parenthesised(lambda: _like(cursor))[0])
    actions: list[AlterAction] = []
    if cursor.key == "(" and not _opens_query(cursor):
        cursor.advance()
        actions.extend(_definition(cursor))
        while cursor.accept(","):
            actions.extend(_definition(cursor))
        cursor.expect(")")
    actions.extend(_tail(cursor))
    select: Select | None = None
    cursor.accept_one("IGNORE", "REPLACE")
    if cursor.accept("AS") or cursor.key in ("SELECT", "WITH", "VALUES", "TABLE", "("):
        select = parse_select(cursor)
    cursor.finish()
    return replace(table, actions=tuple(actions), select=select)


def _like(cursor: Cursor) -> str:
    cursor.expect("LIKE")
    return cursor.qualified()


def _opens_query(cursor: Cursor) -> bool:
    """Whether a parenthesis opens a query and not a list of columns."""
    distance = 1
    while cursor.ahead(distance).key == "(":
        distance += 1
    return cursor.ahead(distance).key in ("SELECT", "WITH", "VALUES")


def _definition(cursor: Cursor) -> tuple[AlterAction, ...]:
    """One column, key, constraint or period."""
    if starts_constraint(cursor):
        return (parse_constraint(cursor),)
    if cursor.key == "PERIOD" and cursor.ahead(1).key == "FOR":
        return (OtherAction(parse_period(cursor)),)
    return add_column_actions(parse_column(cursor))


def parse_period(cursor: Cursor) -> str:
    """MariaDB: PERIOD FOR name (start, end)."""
    cursor.expect("PERIOD", "FOR")
    name = cursor.name()
    return f"PERIOD FOR {name}({cursor.inside_text()})"


def _tail(cursor: Cursor) -> list[AlterAction]:
    """Options, SYSTEM VERSIONING and PARTITION BY after the definitions."""
    actions: list[AlterAction] = []
    options: list[tuple[str, str]] = []
    while True:
        if cursor.accept("WITH", "SYSTEM", "VERSIONING"):
            actions.append(SetSystemVersioning(enabled=True))
        elif at_option(cursor):
            options.extend(parse_options(cursor))
        elif cursor.at("PARTITION", "BY"):
            actions.append(PartitionBy(parse_partitioning(cursor)))
        else:
            break
    return [SetOptions(tuple(options)), *actions] if options else actions


def parse_drop_table(cursor: Cursor, *, temporary: bool) -> DropTable:
    """What follows DROP [TEMPORARY] TABLE[S]."""
    exists = cursor.if_exists()
    names = cursor.listed(cursor.qualified)
    cursor.accept_one("RESTRICT", "CASCADE")
    parse_wait(cursor)
    cursor.finish()
    return DropTable(names, exists, temporary)


def parse_wait(cursor: Cursor) -> str | None:
    """MariaDB: WAIT n | NOWAIT."""
    if cursor.accept("NOWAIT"):
        return "NOWAIT"
    if cursor.key == "WAIT" and cursor.ahead(1).kind == "number":
        cursor.advance()
        return f"WAIT {cursor.advance().text}"
    return None


def parse_rename_table(cursor: Cursor) -> RenameTable:
    """What follows RENAME TABLE[S]."""
    exists = cursor.if_exists()
    pairs = cursor.listed(lambda: _pair(cursor))
    cursor.finish()
    return RenameTable(pairs, if_exists=exists)


def _pair(cursor: Cursor) -> tuple[str, str]:
    old = cursor.qualified()
    parse_wait(cursor)
    cursor.expect("TO")
    return old, cursor.qualified()


def parse_truncate(cursor: Cursor) -> TruncateTable:
    """What follows TRUNCATE."""
    cursor.accept("TABLE")
    name = cursor.qualified()
    parse_wait(cursor)
    cursor.finish()
    return TruncateTable(name)


def parse_maintenance(cursor: Cursor, verb: str) -> MaintainTable:
    """What follows OPTIMIZE, ANALYZE, CHECK, REPAIR, CHECKSUM."""
    cursor.accept_one("NO_WRITE_TO_BINLOG", "LOCAL")
    if not cursor.accept_one("TABLE", "TABLES"):
        raise cursor.problem("expected TABLE")
    names = cursor.listed(cursor.qualified)
    if not cursor.done and cursor.key not in _MAINTENANCE_WORDS:
        raise cursor.problem("unexpected text")
    return MaintainTable(verb, names)
