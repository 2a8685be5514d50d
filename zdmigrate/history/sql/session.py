"""What lives no longer than the session: SET, USE, transactions, locks, and statements that only show something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from zdmigrate.history.sql.cursor import Cursor, split_commas, sub_cursor
from zdmigrate.history.sql.queries import parse_select
from zdmigrate.history.sql.tokens import Token, render
from zdmigrate.history.syntax import Privilege, Select, SetVariable, Transaction, Use

Scope = Literal["session", "global", "persist", "user"]
_SCOPES: dict[str, Scope] = {
    "SESSION": "session",
    "LOCAL": "session",
    "GLOBAL": "global",
    "PERSIST": "persist",
    "PERSIST_ONLY": "persist",
}
_LISTED_FROM = frozenset({"COLUMNS", "FIELDS", "INDEX", "INDEXES", "KEYS", "TABLE"})


def parse_set(cursor: Cursor) -> list[tuple[str, SetVariable | Transaction | Privilege]]:
    """What follows SET: one (text, node) for each variable."""
    if cursor.key == "PASSWORD" or cursor.key == "ROLE" or cursor.at("DEFAULT", "ROLE"):
        verb = {"PASSWORD": "SET PASSWORD", "DEFAULT": "SET DEFAULT ROLE"}.get(cursor.key, "SET ROLE")
        cursor.rest()
        return [(cursor.sql, Privilege(verb, cursor.sql.strip()))]
    ahead = cursor.ahead(1).key if cursor.key in _SCOPES else cursor.key
    if ahead == "TRANSACTION":
        cursor.rest()
        return [(cursor.sql, Transaction(cursor.sql.strip()))]
    if cursor.at("CONSTRAINTS") or cursor.at("RESOURCE", "GROUP"):
        raise cursor.problem("unknown form of SET")
    found: list[tuple[str, SetVariable | Transaction | Privilege]] = []
    scope: Scope = "session"
    for part in split_commas(cursor.rest()):
        if not part:
            raise cursor.problem("expected a variable")
        variable, scope = _variable(sub_cursor(part, cursor), scope)
        found.append((_text(variable, part, cursor.sql), variable))
    return found


def _text(variable: SetVariable, tokens: Sequence[Token], sql: str) -> str:
    """A SET statement for one of several variables, its scope written out."""
    text = sql[tokens[0].start : tokens[-1].end]
    written = tokens[0].kind == "variable" or tokens[0].key in _SCOPES
    prefix = "" if written or variable.scope in ("session", "user") else variable.scope.upper() + " "
    return f"SET {prefix}{text}"


def _variable(cursor: Cursor, inherited: Scope) -> tuple[SetVariable, Scope]:
    """One variable of a SET; and the scope that variables after it inherit."""
    if cursor.accept("NAMES"):
        return SetVariable("session", "names", _names_value(cursor)), inherited
    if cursor.accept("CHARACTER", "SET") or cursor.accept("CHARSET"):
        return SetVariable("session", "character_set", _names_value(cursor)), inherited
    token = cursor.token
    scope = inherited
    if token.kind == "variable":
        cursor.advance()
        if not token.text.startswith("@@"):
            name = token.text[1:].strip("`'\"")
            scope = "user"
        else:
            head, dot, tail = token.text[2:].partition(".")
            stated = _SCOPES.get(head.upper()) if dot else None
            name = tail if stated else token.text[2:]
            scope = stated or "session"
            name = name.strip("`").lower()
    else:
        word = cursor.accept_one(*_SCOPES)
        if word:
            scope = inherited = _SCOPES[word]
        name = cursor.qualified().lower()
    if not cursor.accept("=") and not cursor.accept(":="):
        raise cursor.problem("expected =")
    return SetVariable(scope, name, _value(cursor.rest(), cursor)), inherited


def _value(items: Sequence[Token], cursor: Cursor) -> str:
    """The value's SQL; a bare word in capitals."""
    if not items:
        raise cursor.problem("expected a value")
    if len(items) == 1 and items[0].kind == "word":
        return items[0].key
    return render(items)


def _names_value(cursor: Cursor) -> str:
    """SET NAMES charset [COLLATE collation]."""
    cursor.accept("=")
    token = cursor.advance()
    if token.kind not in ("word", "name", "string"):
        raise cursor.problem("expected a character set")
    value = token.text.lower()
    if cursor.accept("COLLATE"):
        value += " COLLATE " + cursor.advance().text.lower()
    cursor.finish()
    return value


def parse_use(cursor: Cursor) -> Use:
    """What follows USE."""
    name = cursor.name()
    cursor.finish()
    return Use(name)


def parse_transaction(cursor: Cursor) -> Transaction:
    """A statement that nothing outlives, whole."""
    cursor.rest()
    return Transaction(cursor.sql.strip())


def parse_lock(cursor: Cursor) -> Transaction:
    """What follows LOCK: TABLES and their lock types, or INSTANCE FOR BACKUP."""
    if cursor.accept("INSTANCE"):
        return parse_transaction(cursor)
    if not cursor.accept_one("TABLES", "TABLE"):
        raise cursor.problem("expected TABLES")
    names = []
    for part in split_commas(cursor.rest()):
        names.append(sub_cursor(part, cursor).qualified())
    return Transaction(cursor.sql.strip(), tuple(names))


def parse_flush(cursor: Cursor) -> Transaction:
    """What follows FLUSH; tables may be named after TABLES."""
    cursor.accept_one("NO_WRITE_TO_BINLOG", "LOCAL")
    names: list[str] = []
    if cursor.accept_one("TABLES", "TABLE") and cursor.at_name():
        names.append(cursor.qualified())
        while cursor.accept(","):
            names.append(cursor.qualified())
    cursor.rest()
    return Transaction(cursor.sql.strip(), tuple(names))


def parse_show(cursor: Cursor) -> Select:
    """What follows SHOW."""
    tokens = cursor.rest()
    table = ""
    keys = [token.key for token in tokens]
    if keys[:2] == ["CREATE", "TABLE"] or keys[:2] == ["CREATE", "VIEW"]:
        at = 2
    else:
        listed = next((index for index, key in enumerate(keys[:3]) if key in _LISTED_FROM), -1)
        at = listed + 2 if listed >= 0 and keys[listed + 1 : listed + 2] in (["FROM"], ["IN"]) else len(keys)
    if at < len(tokens):
        after = sub_cursor(tokens[at:], cursor)
        table = after.qualified()
        if "." not in table and after.accept_one("FROM", "IN"):
            table = f"{after.name()}.{table}"
    return Select((table,) if table else (), text=cursor.sql.strip())


def parse_describe(cursor: Cursor) -> Select:
    """What follows EXPLAIN, DESCRIBE or DESC: a table, or a statement."""
    cursor.accept_one("EXTENDED", "PARTITIONS", "ANALYZE")
    if cursor.key == "FORMAT" and cursor.ahead(1).key == "=":
        cursor.advance()
        cursor.advance()
        cursor.advance()
    text = cursor.sql.strip()
    if cursor.key in ("SELECT", "WITH", "(", "TABLE", "VALUES"):
        return Select(parse_select(cursor).tables, text=text)
    if cursor.key in ("INSERT", "REPLACE", "UPDATE", "DELETE", "FOR"):
        cursor.rest()
        return Select(text=text)
    table = cursor.qualified()
    cursor.rest()
    return Select((table,), text=text)


def parse_handler(cursor: Cursor) -> Select:
    """What follows HANDLER: a table read directly."""
    name = cursor.qualified()
    cursor.rest()
    return Select((name,), text=cursor.sql.strip())
