"""Views, triggers, routines, events, databases and privileges: CREATE, ALTER, DROP of what is not a table."""

from __future__ import annotations

import re
from typing import Literal

from zdmigrate.history.catalog import Routine, Trigger
from zdmigrate.history.charsets import canonical_charset, canonical_collation
from zdmigrate.history.sql.cursor import Cursor
from zdmigrate.history.sql.queries import tables_read
from zdmigrate.history.sql.tokens import render
from zdmigrate.history.syntax import (
    ChangeDatabase,
    CreateRoutine,
    CreateTrigger,
    CreateView,
    DropRoutine,
    DropTrigger,
    DropView,
    Privilege,
)

RoutineKind = Literal["procedure", "function", "event"]
ROUTINES: dict[str, RoutineKind] = {"PROCEDURE": "procedure", "FUNCTION": "function", "EVENT": "event"}


def parse_clauses(cursor: Cursor) -> tuple[str, ...]:
    """Read ALGORITHM, DEFINER, SQL SECURITY and AGGREGATE, which stand between CREATE and what is created."""
    found: list[str] = []
    while True:
        if cursor.accept("ALGORITHM", "="):
            found.append(f"ALGORITHM={cursor.name().upper()}")
        elif cursor.accept("DEFINER"):
            cursor.accept("=")
            first = cursor.position
            skip_account(cursor)
            account = "".join(token.text for token in cursor.tokens_from(first))
            found.append("DEFINER=" + re.sub("[`'\"]", "", account))
        elif cursor.accept("SQL", "SECURITY"):
            found.append(f"SQL SECURITY {cursor.name().upper()}")
        elif not cursor.accept("AGGREGATE"):
            return tuple(found)


def skip_account(cursor: Cursor) -> None:
    """Read `'user'@'host'`, CURRENT_USER[()], CURRENT_ROLE."""
    token = cursor.advance()
    if token.kind not in ("word", "name", "string"):
        raise cursor.problem("expected an account")
    if cursor.token.kind == "variable":
        cursor.advance()
    elif cursor.key == "(":
        cursor.inside()


def parse_view(cursor: Cursor, *, or_replace: bool, options: tuple[str, ...] = (), altered: bool = False) -> CreateView:
    """What follows VIEW in CREATE or ALTER."""
    missing_only = cursor.if_not_exists()
    name = cursor.qualified()
    columns = cursor.parenthesised(cursor.name) if cursor.key == "(" else ()
    cursor.expect("AS")
    tokens = cursor.rest()
    if not any(token.key in ("SELECT", "VALUES", "TABLE") for token in tokens):
        raise cursor.problem("expected SELECT")
    for tail in (
        ("WITH", "CHECK", "OPTION"),
        ("WITH", "CASCADED", "CHECK", "OPTION"),
        ("WITH", "LOCAL", "CHECK", "OPTION"),
    ):
        if tuple(token.key for token in tokens[-len(tail) :]) == tail:
            tokens = tokens[: -len(tail)]
            options = (*options, f"WITH {'LOCAL' if 'LOCAL' in tail else 'CASCADED'} CHECK OPTION")
            break
    return CreateView(name, render(tokens), columns, or_replace, tables_read(tokens), missing_only, options, altered)


def parse_drop_view(cursor: Cursor) -> DropView:
    """What follows DROP VIEW."""
    exists = cursor.if_exists()
    names = cursor.listed(cursor.qualified)
    cursor.accept_one("RESTRICT", "CASCADE")
    cursor.finish()
    return DropView(names, exists)


def parse_trigger(cursor: Cursor, *, or_replace: bool) -> CreateTrigger:
    """What follows CREATE TRIGGER."""
    missing_only = cursor.if_not_exists()
    name = cursor.qualified()
    timing = cursor.accept_one("BEFORE", "AFTER")
    events = [cursor.accept_one("INSERT", "UPDATE", "DELETE")]
    while cursor.accept("OR"):
        events.append(cursor.accept_one("INSERT", "UPDATE", "DELETE"))
    if not timing or not all(events):
        raise cursor.problem("expected BEFORE or AFTER, and INSERT, UPDATE or DELETE")
    if cursor.accept("OF"):
        cursor.listed(cursor.name)
    cursor.expect("ON")
    table = cursor.qualified()
    cursor.expect("FOR", "EACH", "ROW")
    if cursor.accept_one("FOLLOWS", "PRECEDES"):
        cursor.name()
    if cursor.done:
        raise cursor.problem("expected the trigger's body")
    body = cursor.text_from(cursor.token)
    cursor.rest()
    return CreateTrigger(Trigger(name, table, timing, " OR ".join(events), body), or_replace, missing_only)


def parse_drop_trigger(cursor: Cursor) -> DropTrigger:
    """What follows DROP TRIGGER."""
    exists = cursor.if_exists()
    name = cursor.qualified()
    cursor.finish()
    return DropTrigger(name, exists)


def parse_routine(cursor: Cursor, kind: RoutineKind, *, or_replace: bool, altered: bool = False) -> CreateRoutine:
    """What follows PROCEDURE, FUNCTION or EVENT in CREATE or ALTER."""
    missing_only = cursor.if_not_exists()
    name = cursor.qualified()
    routine = Routine(name, kind, cursor.sql.strip())
    if cursor.done and not altered:
        raise cursor.problem("expected the routine's definition")
    cursor.rest()
    return CreateRoutine(routine, or_replace, missing_only, altered)


def parse_drop_routine(cursor: Cursor, kind: RoutineKind) -> DropRoutine:
    """What follows DROP PROCEDURE, FUNCTION or EVENT."""
    exists = cursor.if_exists()
    name = cursor.qualified()
    cursor.finish()
    return DropRoutine(kind, name, exists)


def parse_database(cursor: Cursor, verb: Literal["CREATE", "DROP", "ALTER"]) -> ChangeDatabase:
    """What follows CREATE, DROP or ALTER DATABASE | SCHEMA; the name may be left out of ALTER."""
    exists = cursor.if_exists() or cursor.if_not_exists()
    name = ""
    unnamed = verb == "ALTER" and cursor.key in ("CHARACTER", "CHARSET", "COLLATE", "DEFAULT", "ENCRYPTION", "READ")
    if not unnamed:
        name = cursor.name()
    options: list[tuple[str, str]] = []
    while not cursor.done:
        cursor.accept("DEFAULT")
        if cursor.accept("CHARACTER", "SET") or cursor.accept("CHARSET"):
            option = "charset"
        elif cursor.accept("READ", "ONLY"):
            option = "read_only"
        else:
            option = cursor.name().lower()
        cursor.accept("=")
        value = cursor.advance().text
        if option == "charset":
            value = canonical_charset(value)
        elif option == "collate":
            value = canonical_collation(value)
        options.append((option, value))
    return ChangeDatabase(verb, name, exists, tuple(options))


def parse_privilege(cursor: Cursor, verb: str) -> Privilege:
    """GRANT, REVOKE, CREATE USER and the like: only the verb and the text, without passwords."""
    cursor.rest()
    return Privilege(verb, cursor.sql.strip())
