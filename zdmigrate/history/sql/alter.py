"""ALTER TABLE with all its actions, CREATE INDEX and DROP INDEX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from zdmigrate.history.catalog import KeyKind
from zdmigrate.history.charsets import canonical_charset, canonical_collation
from zdmigrate.history.sql.cursor import Cursor
from zdmigrate.history.sql.definitions import parse_column, parse_default
from zdmigrate.history.sql.keys import parse_constraint, parse_key_body, starts_constraint
from zdmigrate.history.sql.options import at_option, parse_options, parse_partition_definitions, parse_partitioning
from zdmigrate.history.sql.tables import add_column_actions, parse_period, parse_wait
from zdmigrate.history.sql.words import words
from zdmigrate.history.syntax import (
    AddColumn,
    AddForeignKey,
    AddKey,
    AlterAction,
    AlterPartitions,
    AlterTable,
    ConvertCharset,
    DropCheck,
    DropColumn,
    DropColumnDefault,
    DropConstraint,
    DropForeignKey,
    DropKey,
    ModifyColumn,
    OtherAction,
    PartitionBy,
    Position,
    Rebuild,
    RenameColumn,
    RenameKey,
    RenameTo,
    SetCheckEnforced,
    SetColumnDefault,
    SetColumnVisibility,
    SetKeyVisibility,
    SetOptions,
    SetSystemVersioning,
)

_PARTITION_VERBS = words(
    "TRUNCATE COALESCE REORGANIZE EXCHANGE ANALYZE CHECK OPTIMIZE REBUILD REPAIR DISCARD IMPORT CONVERT"
)


class _Clauses:
    """ALGORITHM, LOCK and WAIT of a statement, wherever they stand."""

    __slots__ = ("algorithm", "lock", "wait")

    def __init__(self) -> None:
        self.algorithm: str | None = None
        self.lock: str | None = None
        self.wait: str | None = None

    def read(self, cursor: Cursor) -> bool:
        """Read one such clause if it comes next."""
        key = cursor.key
        if key == "ALGORITHM" or (key == "LOCK" and cursor.ahead(1).kind != "end"):
            cursor.advance()
            cursor.accept("=")
            value = cursor.name().upper()
            if key == "LOCK":
                self.lock = value
            else:
                self.algorithm = value
            return True
        wait = parse_wait(cursor)
        self.wait = wait or self.wait
        return wait is not None


def parse_alter_table(cursor: Cursor) -> AlterTable:
    """What follows ALTER [ONLINE | OFFLINE] [IGNORE] TABLE."""
    exists = cursor.if_exists()
    name = cursor.qualified()
    clauses = _Clauses()
    clauses.wait = parse_wait(cursor)
    actions: list[AlterAction] = []
    while not cursor.done:
        if not clauses.read(cursor):
            actions.extend(_action(cursor))
        if cursor.accept(","):
            if cursor.done:
                raise cursor.problem("expected an action")
        elif not cursor.at("PARTITION", "BY") and not cursor.at("REMOVE", "PARTITIONING"):
            break
    cursor.finish()
    return AlterTable(name, _joined(actions), clauses.algorithm, clauses.lock, clauses.wait, exists)


def _joined(actions: list[AlterAction]) -> tuple[AlterAction, ...]:
    """The actions, with options separated by commas as one action."""
    joined: list[AlterAction] = []
    for action in actions:
        if isinstance(action, SetOptions) and joined and isinstance(joined[-1], SetOptions):
            joined[-1] = SetOptions(joined[-1].options + action.options)
        else:
            joined.append(action)
    return tuple(joined)


def _action(cursor: Cursor) -> tuple[AlterAction, ...]:
    """One action (a parenthesised ADD COLUMN is several)."""
    if cursor.key in _PARTITION_VERBS and cursor.ahead(1).key == "PARTITION":
        return (_partition_action(cursor, cursor.advance().key),)
    reader = _ACTIONS.get(cursor.key)
    if reader is not None:
        cursor.advance()
        return reader(cursor)
    if cursor.at("PARTITION", "BY"):
        return (PartitionBy(parse_partitioning(cursor)),)
    if at_option(cursor):
        return (SetOptions(parse_options(cursor, commas=False)),)
    first = cursor.position
    if cursor.accept_one("DISABLE", "ENABLE"):
        cursor.expect("KEYS")
    elif cursor.accept_one("DISCARD", "IMPORT"):
        cursor.expect("TABLESPACE")
    elif cursor.accept_one("SECONDARY_LOAD", "SECONDARY_UNLOAD"):
        pass
    elif cursor.accept_one("WITH", "WITHOUT"):
        cursor.expect("VALIDATION")
    else:
        raise cursor.problem("unknown ALTER TABLE action")
    return (OtherAction(" ".join(token.key for token in cursor.tokens_from(first))),)


def _position(cursor: Cursor) -> Position | None:
    if cursor.accept("FIRST"):
        return Position(None)
    if cursor.accept("AFTER"):
        return Position(cursor.column())
    return None


def _add(cursor: Cursor) -> tuple[AlterAction, ...]:
    if cursor.accept("PARTITION"):
        cursor.if_not_exists()
        cursor.accept_one("NO_WRITE_TO_BINLOG", "LOCAL")
        if cursor.accept("PARTITIONS"):
            cursor.integer()
            return (AlterPartitions("ADD"),)
        return (AlterPartitions("ADD", added=parse_partition_definitions(cursor)),)
    if cursor.accept("SYSTEM", "VERSIONING"):
        return (SetSystemVersioning(enabled=True),)
    if cursor.key == "PERIOD" and cursor.ahead(1).key == "FOR":
        return (OtherAction("ADD " + parse_period(cursor)),)
    if starts_constraint(cursor):
        return (parse_constraint(cursor),)
    cursor.accept("COLUMN")
    missing_only = cursor.if_not_exists()
    if cursor.key == "(":
        groups = cursor.parenthesised(lambda: _added(cursor))
        added = tuple(action for group in groups for action in group)
    else:
        column, *others = add_column_actions(parse_column(cursor))
        position = _position(cursor)
        if position is not None and isinstance(column, AddColumn):
            column = replace(column, position=position)
        added = (column, *others)
    if not missing_only:
        return added
    return tuple(
        replace(action, if_not_exists=True) if isinstance(action, AddColumn | AddKey | AddForeignKey) else action
        for action in added
    )


def _added(cursor: Cursor) -> tuple[AlterAction, ...]:
    """One item of a parenthesised ADD: a column, or a key."""
    return (parse_constraint(cursor),) if starts_constraint(cursor) else add_column_actions(parse_column(cursor))


def _drop(cursor: Cursor) -> tuple[AlterAction, ...]:
    if cursor.accept("PARTITION"):
        cursor.if_exists()
        return (AlterPartitions("DROP", cursor.listed(cursor.name)),)
    if cursor.accept("PRIMARY", "KEY"):
        return (DropKey("PRIMARY"),)
    if cursor.accept_one("INDEX", "KEY"):
        exists = cursor.if_exists()
        return (DropKey(cursor.name(), exists),)
    if cursor.accept("FOREIGN", "KEY"):
        exists = cursor.if_exists()
        return (DropForeignKey(cursor.name(), exists),)
    if cursor.accept("CONSTRAINT"):
        exists = cursor.if_exists()
        return (DropConstraint(cursor.name(), exists),)
    if cursor.accept("CHECK"):
        exists = cursor.if_exists()
        return (DropCheck(cursor.name(), exists),)
    if cursor.accept("SYSTEM", "VERSIONING"):
        return (SetSystemVersioning(enabled=False),)
    if cursor.accept("PERIOD", "FOR"):
        return (OtherAction(f"DROP PERIOD FOR {cursor.name()}"),)
    cursor.accept("COLUMN")
    exists = cursor.if_exists()
    dropped = DropColumn(cursor.column(), exists)
    cursor.accept_one("RESTRICT", "CASCADE")
    return (dropped,)


def _modify(cursor: Cursor) -> tuple[AlterAction, ...]:
    cursor.accept("COLUMN")
    exists = cursor.if_exists()
    return _changed(cursor, cursor.column(), None, exists=exists)


def _change(cursor: Cursor) -> tuple[AlterAction, ...]:
    cursor.accept("COLUMN")
    exists = cursor.if_exists()
    old = cursor.column()
    return _changed(cursor, old, cursor.column(), exists=exists)


def _changed(cursor: Cursor, old: str, new: str | None, *, exists: bool) -> tuple[AlterAction, ...]:
    found = parse_column(cursor, old if new is None else new)
    changed = ModifyColumn(old, found.column, _position(cursor), found.keys, found.checks, exists)
    return (changed, *(AddForeignKey(foreign_key, inline=True) for foreign_key in found.foreign_keys))


def _alter(cursor: Cursor) -> tuple[AlterAction, ...]:
    if cursor.accept_one("INDEX", "KEY"):
        cursor.if_exists()
        name = cursor.name()
        if cursor.accept("NOT"):
            cursor.expect("IGNORED")
            return (SetKeyVisibility(name, visible=True),)
        word = cursor.accept_one("VISIBLE", "INVISIBLE", "IGNORED")
        if not word:
            raise cursor.problem("expected VISIBLE or INVISIBLE")
        return (SetKeyVisibility(name, visible=word == "VISIBLE"),)
    if cursor.accept_one("CHECK", "CONSTRAINT"):
        name = cursor.name()
        enforced = not cursor.accept("NOT")
        cursor.expect("ENFORCED")
        return (SetCheckEnforced(name, enforced),)
    cursor.accept("COLUMN")
    exists = cursor.if_exists()
    name = cursor.column()
    if cursor.accept("DROP", "DEFAULT"):
        return (DropColumnDefault(name, exists),)
    cursor.expect("SET")
    if word := cursor.accept_one("VISIBLE", "INVISIBLE"):
        return (SetColumnVisibility(name, visible=word == "VISIBLE"),)
    cursor.expect("DEFAULT")
    return (SetColumnDefault(name, parse_default(cursor), exists),)


def _rename(cursor: Cursor) -> tuple[AlterAction, ...]:
    if cursor.accept("COLUMN"):
        exists = cursor.if_exists()
        old = cursor.column()
        cursor.expect("TO")
        return (RenameColumn(old, cursor.name(), exists),)
    if cursor.accept_one("INDEX", "KEY"):
        exists = cursor.if_exists()
        old = cursor.name()
        cursor.expect("TO")
        return (RenameKey(old, cursor.name(), exists),)
    cursor.accept_one("TO", "AS", "=")
    return (RenameTo(cursor.qualified()),)


def _convert(cursor: Cursor) -> tuple[AlterAction, ...]:
    if cursor.accept("TABLE"):
        cursor.qualified()
        cursor.expect("TO")
        return (AlterPartitions("CONVERT", added=(_converted(cursor),)),)
    cursor.expect("TO")
    if not (cursor.accept("CHARACTER", "SET") or cursor.accept("CHARSET")):
        raise cursor.problem("expected CHARACTER SET")
    charset: str | None = None
    if not cursor.accept("DEFAULT"):
        charset = _charset(cursor)
    collation: str | None = None
    if cursor.accept("COLLATE"):
        cursor.accept("=")
        collation = _charset(cursor, collation=True)
    return (ConvertCharset(charset, collation),)


def _converted(cursor: Cursor) -> str:
    cursor.expect("PARTITION")
    name = cursor.name()
    cursor.until(",")
    return name


def _charset(cursor: Cursor, *, collation: bool = False) -> str:
    text = cursor.string() if cursor.token.kind == "string" else cursor.name()
    return canonical_collation(text) if collation else canonical_charset(text)


def _order(cursor: Cursor) -> tuple[AlterAction, ...]:
    cursor.expect("BY")
    cursor.column()
    cursor.accept_one("ASC", "DESC")
    while cursor.key == "," and (cursor.ahead(2).kind == "end" or cursor.ahead(2).key in ("ASC", "DESC", ",", ".")):
        cursor.advance()
        cursor.column()
        cursor.accept_one("ASC", "DESC")
    return (Rebuild(),)


def _force(cursor: Cursor) -> tuple[AlterAction, ...]:
    del cursor
    return (Rebuild(),)


def _remove(cursor: Cursor) -> tuple[AlterAction, ...]:
    cursor.expect("PARTITIONING")
    return (AlterPartitions("REMOVE"),)


def _partition_action(cursor: Cursor, operation: str) -> AlterPartitions:
    """What follows TRUNCATE, REORGANIZE, EXCHANGE, ... up to its end."""
    cursor.expect("PARTITION")
    cursor.accept_one("NO_WRITE_TO_BINLOG", "LOCAL")
    if operation == "COALESCE":
        cursor.integer()
        return AlterPartitions(operation)
    if operation == "REORGANIZE" and cursor.done:
        return AlterPartitions(operation)
    names = ("ALL",) if cursor.accept("ALL") else cursor.listed(cursor.name)
    if operation == "REORGANIZE":
        cursor.expect("INTO")
        return AlterPartitions(operation, names, parse_partition_definitions(cursor))
    if operation == "EXCHANGE":
        cursor.expect("WITH", "TABLE")
        with_table = cursor.qualified()
        if cursor.accept_one("WITH", "WITHOUT"):
            cursor.expect("VALIDATION")
        return AlterPartitions(operation, names, with_table=with_table)
    if operation == "CONVERT":
        cursor.expect("TO", "TABLE")
        return AlterPartitions(operation, names, with_table=cursor.qualified())
    if operation in ("DISCARD", "IMPORT"):
        cursor.expect("TABLESPACE")
    while cursor.accept_one("QUICK", "FAST", "MEDIUM", "EXTENDED", "CHANGED", "USE_FRM"):
        pass
    cursor.accept("FOR", "UPGRADE")
    return AlterPartitions(operation, names)


_ACTIONS: dict[str, Callable[[Cursor], tuple[AlterAction, ...]]] = {
    "ADD": _add,
    "DROP": _drop,
    "MODIFY": _modify,
    "CHANGE": _change,
    "ALTER": _alter,
    "RENAME": _rename,
    "CONVERT": _convert,
    "ORDER": _order,
    "FORCE": _force,
    "REMOVE": _remove,
}


def parse_create_index(cursor: Cursor, kind: KeyKind, *, using: str | None = None) -> AlterTable:
    """What follows CREATE [UNIQUE | FULLTEXT | SPATIAL] INDEX."""
    missing_only = cursor.if_not_exists()
    name = cursor.name()
    clauses = _Clauses()
    if cursor.accept_one("USING", "TYPE"):
        using = cursor.name().upper()
    cursor.expect("ON")
    table = cursor.qualified()
    clauses.wait = parse_wait(cursor)
    key = parse_key_body(cursor, kind, name, using)
    while clauses.read(cursor):
        pass
    cursor.finish()
    return AlterTable(
        table, (AddKey(key, missing_only),), clauses.algorithm, clauses.lock, clauses.wait, form="CREATE INDEX"
    )


def parse_drop_index(cursor: Cursor) -> AlterTable:
    """What follows DROP INDEX."""
    exists = cursor.if_exists()
    name = cursor.name()
    cursor.expect("ON")
    table = cursor.qualified()
    clauses = _Clauses()
    while clauses.read(cursor):
        pass
    cursor.finish()
    drop = DropKey("PRIMARY" if name.upper() == "PRIMARY" else name, exists)
    return AlterTable(table, (drop,), clauses.algorithm, clauses.lock, clauses.wait, form="DROP INDEX")
