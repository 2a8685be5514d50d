"""Keys, foreign keys and checks as CREATE TABLE, ALTER TABLE and CREATE INDEX define them."""

from __future__ import annotations

from zdmigrate.history.catalog import Action, Check, ForeignKey, Key, KeyKind, KeyPart
from zdmigrate.history.sql.cursor import Cursor, unwrapped
from zdmigrate.history.sql.tokens import render
from zdmigrate.history.syntax import AddCheck, AddForeignKey, AddKey

_KINDS: dict[str, KeyKind] = {"UNIQUE": "unique", "FULLTEXT": "fulltext", "SPATIAL": "spatial"}


def starts_constraint(cursor: Cursor) -> bool:
    """Whether a key or constraint definition comes next, not a column (`KEY` and the like are reserved)."""
    if cursor.key in ("CONSTRAINT", "PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "KEY", "INDEX", "FOREIGN", "CHECK"):
        return True
    return cursor.key == "VECTOR" and cursor.ahead(1).key in ("KEY", "INDEX")


def constraint_name(cursor: Cursor) -> str:
    """`CONSTRAINT [symbol]`, if it comes next; "" without a symbol."""
    if not cursor.accept("CONSTRAINT"):
        return ""
    cursor.if_not_exists()
    return cursor.optional_name()


def parse_constraint(cursor: Cursor) -> AddKey | AddForeignKey | AddCheck:
    """One key, foreign key or check definition."""
    symbol, missing_only = "", False
    if cursor.accept("CONSTRAINT"):
        missing_only = cursor.if_not_exists()
        symbol = cursor.optional_name()
    if cursor.key == "CHECK":
        return AddCheck(parse_check(cursor, symbol), if_not_exists=missing_only)
    if cursor.accept("FOREIGN", "KEY"):
        missing_only = cursor.if_not_exists() or missing_only
        index_name = cursor.optional_name()
        columns = cursor.parenthesised(cursor.name)
        # MariaDB takes the index name for the constraint's when there is no symbol; MySQL 8.0.16 and later do not.
        name = symbol or (index_name if cursor.mariadb else "")
        return AddForeignKey(parse_references(cursor, name, columns), index_name or None, missing_only)
    kind: KeyKind = "index"
    using: str | None = None
    if cursor.accept("PRIMARY"):
        cursor.expect("KEY")
        kind, symbol = "primary", "PRIMARY"
    elif (word := cursor.accept_one("UNIQUE", "FULLTEXT", "SPATIAL")) != "":
        kind = _KINDS[word]
        cursor.accept_one("KEY", "INDEX")
    else:
        if cursor.accept("VECTOR"):
            using = "VECTOR"
        if not cursor.accept_one("KEY", "INDEX"):
            raise cursor.problem("expected a key or constraint")
    missing_only = cursor.if_not_exists() or missing_only
    name = cursor.optional_name()
    if kind == "primary":
        name = ""
    return AddKey(parse_key_body(cursor, kind, name or symbol, using), missing_only)


def parse_key_body(cursor: Cursor, kind: KeyKind, name: str, using: str | None = None) -> Key:
    """`[USING type] (part, ...) option ...`."""
    using = _using(cursor) or using
    parts = cursor.parenthesised(lambda: parse_part(cursor))
    visible, parser, comment = True, None, ""
    while True:
        if cursor.key in ("USING", "TYPE"):
            using = _using(cursor) or using
        elif cursor.accept("KEY_BLOCK_SIZE"):
            cursor.accept("=")
            cursor.integer()
        elif cursor.accept("WITH", "PARSER"):
            parser = cursor.name().lower()
        elif cursor.accept("COMMENT"):
            comment = cursor.string()
        elif word := cursor.accept_one("VISIBLE", "INVISIBLE", "IGNORED"):
            visible = word == "VISIBLE"
        elif cursor.accept("NOT", "IGNORED"):
            visible = True
        elif cursor.accept_one("ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"):
            cursor.accept("=")
            cursor.string()
        elif cursor.accept("CLUSTERING"):
            cursor.accept("=")
            cursor.name()
        elif cursor.key in ("M", "DISTANCE") and cursor.ahead(1).key == "=":
            cursor.advance()
            cursor.advance()
            cursor.advance()
        else:
            break
    return Key(name, kind, parts, visible=visible, using=using, parser=parser, comment=comment)


def _using(cursor: Cursor) -> str | None:
    """USING BTREE | HASH | RTREE (or the old TYPE)."""
    if cursor.key == "TYPE" and cursor.ahead(1).kind != "word":
        return None
    return cursor.name().upper() if cursor.accept_one("USING", "TYPE") else None


def parse_part(cursor: Cursor) -> KeyPart:
    """`column [(length)] [ASC | DESC]` or `(expression) [ASC | DESC]`."""
    column: str | None = None
    expression: str | None = None
    length: int | None = None
    if cursor.key == "(":
        if cursor.mariadb:
            raise cursor.problem("MariaDB has no keys over expressions")
        inner = unwrapped(cursor.inside())
        if len(inner) == 1 and inner[0].kind in ("word", "name"):
            column = inner[0].text
        else:
            expression = render(inner)
    else:
        column = cursor.name()
        if cursor.accept("("):
            length = cursor.integer()
            cursor.expect(")")
    return KeyPart(column, expression, length, descending=cursor.accept_one("ASC", "DESC") == "DESC")


def parse_check(cursor: Cursor, name: str) -> Check:
    """`CHECK (expression) [[NOT] ENFORCED]`."""
    cursor.expect("CHECK")
    expression = cursor.inside_text()
    enforced = not cursor.accept("NOT", "ENFORCED")
    cursor.accept("ENFORCED")
    return Check(name, expression, enforced)


def parse_references(cursor: Cursor, name: str, columns: tuple[str, ...]) -> ForeignKey:
    """`REFERENCES table (columns) [MATCH ...] [ON DELETE ...] [ON UPDATE ...]`."""
    cursor.expect("REFERENCES")
    ref_table = cursor.qualified()
    ref_columns = cursor.parenthesised(cursor.name) if cursor.key == "(" else ()
    if cursor.accept("MATCH"):
        cursor.name()
    on_delete: Action = "NO ACTION"
    on_update: Action = "NO ACTION"
    while cursor.key == "ON" and cursor.ahead(1).key in ("DELETE", "UPDATE"):
        cursor.advance()
        if cursor.advance().key == "DELETE":
            on_delete = _action(cursor)
        else:
            on_update = _action(cursor)
    return ForeignKey(name, columns, ref_table, ref_columns, on_delete, on_update)


def _action(cursor: Cursor) -> Action:
    """A referential action."""
    if cursor.accept("RESTRICT"):
        return "RESTRICT"
    if cursor.accept("CASCADE"):
        return "CASCADE"
    if cursor.accept("SET", "NULL"):
        return "SET NULL"
    if cursor.accept("SET", "DEFAULT"):
        return "SET DEFAULT"
    cursor.expect("NO", "ACTION")
    return "NO ACTION"
