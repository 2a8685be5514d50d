"""INSERT, REPLACE, UPDATE, DELETE, LOAD DATA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from zdmigrate.history.sql.cursor import Cursor, split_commas
from zdmigrate.history.sql.expressions import assignment, assignments_of, null_guards
from zdmigrate.history.sql.queries import Reference, references, tables_read, unique, with_names
from zdmigrate.history.sql.tokens import Token, render
from zdmigrate.history.syntax import Assignment, Delete, Insert, LoadData, Update

_QUERY = ("SELECT", "WITH", "TABLE", "(")
_MODIFIERS = ("LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK")


def parse_insert(cursor: Cursor, verb: Literal["INSERT", "REPLACE"]) -> Insert:
    """What follows INSERT or REPLACE."""
    ignore = _modifiers(cursor)
    cursor.accept("INTO")
    table = cursor.qualified()
    if cursor.at("PARTITION", "("):
        cursor.advance()
        cursor.inside()
    columns: tuple[str, ...] = ()
    if cursor.key == "(" and cursor.ahead(1).key not in ("SELECT", "WITH", "("):
        if cursor.ahead(1).key == ")":
            cursor.inside()
        else:
            columns = cursor.parenthesised(cursor.column)
    if cursor.accept("SET"):
        written = assignments_of(cursor.until("ON", "RETURNING", "AS"))
        if written is None:
            raise cursor.problem("expected assignments")
        columns = tuple(item.column for item in written)
        return Insert(table, verb, columns, (written,), (), False, ignore, _on_duplicate(cursor))
    if cursor.accept_one("VALUES", "VALUE"):
        rows = cursor.listed(lambda: _row(cursor, columns))
        return Insert(table, verb, columns, rows, (), False, ignore, _on_duplicate(cursor))
    if cursor.key not in _QUERY:
        raise cursor.problem("expected VALUES or SELECT")
    query = _query(cursor)
    duplicate = _on_duplicate(cursor)
    return Insert(table, verb, columns, (), tables_read(query), True, ignore, duplicate)


def _modifiers(cursor: Cursor) -> bool:
    """Read modifiers; True when IGNORE is among them."""
    ignore = False
    while word := cursor.accept_one(*_MODIFIERS, "IGNORE"):
        ignore = ignore or word == "IGNORE"
    return ignore


def _row(cursor: Cursor, columns: tuple[str, ...]) -> tuple[Assignment, ...]:
    """One `( value, ... )`; without a column list the columns are named ""."""
    cursor.accept("ROW")
    values = cursor.inside()
    if not values:
        return ()
    parts = split_commas(values)
    if columns and len(columns) != len(parts):
        raise cursor.problem(f"{len(columns)} columns but {len(parts)} values")
    return tuple(assignment(columns[index] if columns else "", part) for index, part in enumerate(parts))


def _query(cursor: Cursor) -> Sequence[Token]:
    """The query of INSERT ... SELECT, up to ON DUPLICATE KEY or RETURNING."""
    first = cursor.position
    while not cursor.done and not cursor.at("ON", "DUPLICATE") and cursor.key != "RETURNING":
        if cursor.key == "(":
            cursor.inside()
        else:
            cursor.advance()
    return cursor.tokens_from(first)


def _on_duplicate(cursor: Cursor) -> tuple[Assignment, ...]:
    """`[AS alias [(columns)]] [ON DUPLICATE KEY UPDATE ...] [RETURNING ...]`, to the end."""
    written: tuple[Assignment, ...] = ()
    if cursor.accept("AS"):
        cursor.name()
        if cursor.key == "(":
            cursor.inside()
    if cursor.accept("ON"):
        cursor.expect("DUPLICATE", "KEY", "UPDATE")
        found = assignments_of(cursor.until("RETURNING"))
        if found is None:
            raise cursor.problem("expected assignments")
        written = found
    if cursor.accept("RETURNING"):
        cursor.rest()
    cursor.finish()
    return written


def parse_update(cursor: Cursor, with_tokens: Sequence[Token] = ()) -> Update:
    """What follows UPDATE; `with_tokens` is the WITH clause before it."""
    _modifiers(cursor)
    listed = cursor.until("SET")
    named = _visible(references(listed, listing=True), with_tokens)
    if not named:
        raise cursor.problem("expected a table")
    cursor.expect("SET")
    owners = {reference.alias.lower(): reference.table for reference in named if not reference.nested}
    targets = unique(owners.values())
    several = len(targets) > 1 or any(reference.nested for reference in named)
    values = cursor.until("WHERE", "ORDER", "LIMIT", "RETURNING")
    written = assignments_of(values, owners if several else None, frozenset(owners))
    if written is None:
        raise cursor.problem("expected assignments")
    where = cursor.until("ORDER", "LIMIT", "RETURNING") if cursor.accept("WHERE") else ()
    cursor.rest()
    if several:
        qualified = unique(item.table for item in written if item.table is not None)
        loose = any(item.table is None for item in written)
        tables = targets if loose or not qualified else qualified
    else:
        tables = targets
    others = [reference.table for reference in named]
    others += tables_read(values) + tables_read(where) + tables_read(with_tokens)
    reads = unique(name for name in others if name not in tables and name.lower() not in _with(with_tokens))
    return Update(tables, written, render(where) if where else None, null_guards(where), reads)


def parse_delete(cursor: Cursor, with_tokens: Sequence[Token] = ()) -> Delete:
    """What follows DELETE: one table, `t1, t2 FROM ...`, or `FROM t1, t2 USING ...`."""
    _modifiers(cursor)
    before = () if cursor.key == "FROM" else cursor.until("FROM")
    cursor.expect("FROM")
    listed = cursor.until("USING", "WHERE", "ORDER", "LIMIT", "RETURNING")
    if cursor.accept("USING"):
        before, listed = listed, cursor.until("WHERE")
    where = cursor.until("ORDER", "LIMIT", "RETURNING") if cursor.accept("WHERE") else ()
    cursor.rest()
    named = _visible(references(listed, listing=True), with_tokens)
    if not named:
        raise cursor.problem("expected a table")
    owners = {reference.alias.lower(): reference.table for reference in named}
    if before:
        written = [reference.table for reference in references(before, listing=True)]
        tables = unique(owners.get(name.lower(), name) for name in written)
    else:
        tables = unique(reference.table for reference in named if not reference.nested)
    others = [reference.table for reference in named] + list(tables_read(where) + tables_read(with_tokens))
    reads = unique(name for name in others if name not in tables and name.lower() not in _with(with_tokens))
    return Delete(tables, render(where) if where else None, reads)


def _with(with_tokens: Sequence[Token]) -> frozenset[str]:
    return with_names(with_tokens) if with_tokens else frozenset()


def _visible(named: list[Reference], with_tokens: Sequence[Token]) -> list[Reference]:
    """The references without those to common table expressions."""
    hidden = _with(with_tokens)
    return [reference for reference in named if reference.table.lower() not in hidden]


def parse_load(cursor: Cursor) -> LoadData:
    """What follows LOAD DATA or LOAD XML."""
    while not cursor.done and not cursor.at("INTO", "TABLE"):
        cursor.advance()
    cursor.expect("INTO", "TABLE")
    return LoadData(cursor.qualified())
