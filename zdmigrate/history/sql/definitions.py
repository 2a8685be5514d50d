"""Column definitions: attributes, defaults, generated columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from zdmigrate.history.catalog import Check, Column, ColumnType, Default, ForeignKey, Generated, Key, KeyPart
from zdmigrate.history.charsets import canonical_charset, canonical_collation
from zdmigrate.history.sql.column_types import parse_type
from zdmigrate.history.sql.cursor import Cursor, GrammarError, sub_cursor, unwrapped
from zdmigrate.history.sql.keys import constraint_name, parse_check, parse_references
from zdmigrate.history.sql.literals import bits_number, bits_value
from zdmigrate.history.sql.tokens import Token, render
from zdmigrate.history.sql.words import RESERVED

_NOW = frozenset({"CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"})
_TEXTUAL = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})


@dataclass(slots=True)
class ColumnDefinition:
    """A column as written, with the keys, checks and foreign key declared inline."""

    column: Column
    keys: tuple[Key, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(slots=True)
class _Attributes:
    """What has been read of a column so far."""

    name: str
    type: ColumnType
    nullable: bool = True
    explicit_null: bool = False
    null_default: bool = False
    default: Default | None = None
    auto_increment: bool = False
    on_update: str | None = None
    generated: Generated | None = None
    comment: str = ""
    invisible: bool = False
    srid: int | None = None
    keys: list[Key] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)


def parse_column(cursor: Cursor, name: str | None = None) -> ColumnDefinition:
    """`name type attribute ...`; with `name` given, only the type and the attributes."""
    if name is None:
        name = cursor.column()
    serial = cursor.key == "SERIAL"
    found = _Attributes(name, parse_type(cursor))
    if serial:
        found.nullable, found.auto_increment = False, True
        found.keys.append(_inline_key(name, primary=False))
    while _attribute(cursor, found):
        pass
    column = Column(
        name=found.name,
        type=found.type,
        nullable=found.nullable,
        default=found.default,
        auto_increment=found.auto_increment,
        on_update=found.on_update,
        generated=found.generated,
        comment=found.comment,
        invisible=found.invisible,
        srid=found.srid,
        explicit_null=found.explicit_null,
        null_default=found.null_default,
    )
    return ColumnDefinition(column, tuple(found.keys), tuple(found.checks), tuple(found.foreign_keys))


def _inline_key(column: str, *, primary: bool) -> Key:
    """The key an inline PRIMARY KEY or UNIQUE makes; the server names an unnamed one."""
    return Key("PRIMARY" if primary else "", "primary" if primary else "unique", (KeyPart(column),))


def _attribute(cursor: Cursor, found: _Attributes) -> bool:
    """Read one attribute into `found`; False when none comes next."""
    match cursor.key:
        case "NOT":
            if cursor.accept("NOT", "NULL"):
                found.nullable = False
            elif not cursor.accept("NOT", "SECONDARY"):
                return False
        case "NULL":
            cursor.advance()
            found.nullable = found.explicit_null = True
        case "DEFAULT":
            cursor.advance()
            found.null_default = cursor.token.key == "NULL"
            found.default = parse_default(cursor, found.type)
        case "ON":
            cursor.expect("ON", "UPDATE")
            found.on_update = _on_update(cursor)
        case "AUTO_INCREMENT":
            cursor.advance()
            found.auto_increment = True
        case "SERIAL":
            cursor.expect("SERIAL", "DEFAULT", "VALUE")
            found.nullable, found.auto_increment = False, True
            found.keys.append(_inline_key(found.name, primary=False))
        case "UNIQUE":
            cursor.advance()
            cursor.accept("KEY")
            found.keys.append(_inline_key(found.name, primary=False))
        case "PRIMARY" | "KEY":
            cursor.accept("PRIMARY")
            cursor.expect("KEY")
            found.nullable = False
            found.keys.append(_inline_key(found.name, primary=True))
        case "COMMENT":
            cursor.advance()
            found.comment = cursor.string()
        case "COLLATE":
            cursor.advance()
            found.type = replace(found.type, collation=canonical_collation(_name_or_string(cursor)))
        case "CHARACTER" | "CHARSET":
            _ = cursor.accept("CHARACTER", "SET") or cursor.accept("CHARSET")
            found.type = replace(found.type, charset=canonical_charset(_name_or_string(cursor)))
        case "GENERATED" | "AS":
            found.generated = _generated(cursor)
        case "VIRTUAL":
            cursor.advance()
        case "STORED" | "PERSISTENT":
            cursor.advance()
            if found.generated is not None:
                found.generated = replace(found.generated, stored=True)
        case "VISIBLE" | "INVISIBLE":
            found.invisible = cursor.advance().key == "INVISIBLE"
        case "CONSTRAINT" | "CHECK":
            found.checks.append(parse_check(cursor, constraint_name(cursor)))
        case "REFERENCES":
            # MySQL before 9.0 reads it and ignores it: `apply` knows the version, the grammar does not.
            found.foreign_keys.append(parse_references(cursor, "", (found.name,)))
        case "SRID":
            cursor.advance()
            found.srid = cursor.integer()
        case "REF_SYSTEM_ID":
            cursor.expect("REF_SYSTEM_ID", "=")
            found.srid = cursor.integer()
        case _:
            return _attribute_without_effect(cursor)
    return True


def _attribute_without_effect(cursor: Cursor) -> bool:
    """Attributes that neither code nor the replica can see."""
    if cursor.accept_one("COLUMN_FORMAT", "STORAGE"):
        cursor.name()
    elif cursor.accept_one("ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"):
        cursor.accept("=")
        cursor.string()
    elif cursor.key in ("WITH", "WITHOUT") and cursor.ahead(1).key == "SYSTEM":
        cursor.advance()
        cursor.expect("SYSTEM", "VERSIONING")
    elif cursor.accept("COMPRESSED"):
        if cursor.accept("="):
            cursor.name()
    elif cursor.key in ("ENCRYPTED", "ENCRYPTION_KEY_ID", "COMPRESSION") and cursor.ahead(1).key == "=":
        cursor.advance()
        cursor.advance()
        cursor.advance()
    else:
        return False
    return True


def _name_or_string(cursor: Cursor) -> str:
    return cursor.string() if cursor.token.kind == "string" else cursor.name()


def _generated(cursor: Cursor) -> Generated:
    """[GENERATED ALWAYS] AS (expression) [VIRTUAL | STORED | PERSISTENT], or MariaDB's AS ROW START | END."""
    if cursor.accept("GENERATED"):
        cursor.expect("ALWAYS")
    cursor.expect("AS")
    if cursor.accept("ROW"):
        return Generated("ROW " + cursor.name().upper(), stored=True)
    expression = cursor.inside_text()
    stored = cursor.accept_one("VIRTUAL", "STORED", "PERSISTENT")
    return Generated(expression, stored=stored in ("STORED", "PERSISTENT"))


def _precision(cursor: Cursor) -> str:
    """`[(n)]` after CURRENT_TIMESTAMP and its synonyms; "" for none or 0."""
    if not cursor.accept("("):
        return ""
    precision = 0 if cursor.key == ")" else cursor.integer()
    cursor.expect(")")
    return str(precision) if precision else ""


def _on_update(cursor: Cursor) -> str:
    """CURRENT_TIMESTAMP[(n)], whichever synonym was written."""
    if not cursor.accept_one(*_NOW):
        raise cursor.problem("expected CURRENT_TIMESTAMP")
    precision = _precision(cursor)
    return f"CURRENT_TIMESTAMP({precision})" if precision else "CURRENT_TIMESTAMP"


def parse_default(cursor: Cursor, column_type: ColumnType | None = None) -> Default | None:
    """What follows DEFAULT; None for NULL."""
    if cursor.key in _NOW and not (cursor.key == "NOW" and cursor.ahead(1).key != "("):
        start = cursor.position
        cursor.advance()
        try:
            precision = _precision(cursor)
        except GrammarError:
            precision = None
        if precision is not None and not _operator_follows(cursor):
            return Default(precision, "now")
        cursor.position = start
    if cursor.accept("NULL"):
        return None
    if cursor.key == "(":
        inner = unwrapped(cursor.inside())
        if cursor.mariadb:
            literal = _whole_literal(inner, column_type, cursor)
            if literal is not None:
                return literal
        return Default(render(inner), "expression")
    start = cursor.position
    literal = parse_literal(cursor, column_type)
    if literal is not None and not _operator_follows(cursor):
        return literal
    cursor.position = start
    expression = _bare_expression(cursor)
    if not cursor.mariadb:
        raise cursor.problem("MySQL wants a DEFAULT that is an expression in parentheses")
    return Default(expression, "expression")


def _whole_literal(tokens: Sequence[Token], column_type: ColumnType | None, parent: Cursor) -> Default | None:
    """The literal, when the tokens are nothing else (MariaDB stores `DEFAULT (1)` as `DEFAULT 1`)."""
    cursor = sub_cursor(tokens, parent)
    literal = parse_literal(cursor, column_type)
    return literal if literal is not None and cursor.done else None


def _operator_follows(cursor: Cursor) -> bool:
    """Whether what was read is only the left operand of an expression."""
    key = cursor.key
    return key in ("+", "-", "*", "/", "%", "||", "DIV", "MOD", "|", "&", "^", "<<", ">>", ".")


def _bare_expression(cursor: Cursor) -> str:
    """MariaDB's DEFAULT expression without parentheses: operands joined by operators."""
    start = cursor.position
    while True:
        while cursor.accept_one("-", "+", "~"):
            pass
        if cursor.key == "(":
            cursor.inside()
        elif cursor.token.kind in ("word", "name"):
            if (
                cursor.key in RESERVED
                and cursor.ahead(1).key != "("
                and not cursor.key.startswith(("CURRENT_", "UTC_"))
            ):
                raise cursor.problem("expected a default value")
            cursor.advance()
            while cursor.accept("."):
                cursor.name()
            if cursor.key == "(":
                cursor.inside()
        elif parse_literal(cursor, None) is None:
            raise cursor.problem("expected a default value")
        if not cursor.accept_one("+", "-", "*", "/", "%", "||", "DIV", "MOD", "|", "&", "^", "<<", ">>"):
            return render(cursor.tokens_from(start))


def parse_literal(cursor: Cursor, column_type: ColumnType | None = None) -> Default | None:
    """A literal as the value it stands for, or None (and nothing read) when none comes next."""
    start = cursor.position
    token = cursor.token
    sign = cursor.accept_one("-", "+")
    if sign:
        token = cursor.token
    if token.kind == "number":
        cursor.advance()
        return Default(("-" if sign == "-" else "") + token.text)
    if sign:
        cursor.position = start
        return None
    if token.key in ("TRUE", "FALSE"):
        cursor.advance()
        return Default("1" if token.key == "TRUE" else "0")
    if token.kind == "word" and cursor.ahead(1).kind in ("string", "bits") and _introduces(token):
        cursor.advance()
        token = cursor.token
    if token.kind == "string":
        return Default(cursor.string(), quoted=True)
    if token.kind == "bits":
        cursor.advance()
        return _bits_default(token.text, column_type)
    if token.kind == "bound":
        cursor.advance()
        value = token.value
        if value is None:
            return None
        if isinstance(value, bool):
            return Default(str(int(value)))
        return Default(str(value), quoted=isinstance(value, str))
    return None


def _introduces(token: Token) -> bool:
    """A charset introducer (`_utf8mb4'x'`), or DATE, TIME, TIMESTAMP before a string."""
    return token.text.startswith("_") or token.key in ("DATE", "TIME", "TIMESTAMP", "N")


def _bits_default(text: str, column_type: ColumnType | None) -> Default:
    """A hexadecimal or bit literal as the column keeps it: text for texts, else a number."""
    if column_type is None or column_type.name not in _TEXTUAL | _BYTES:
        return Default(str(bits_number(text)))
    data = bits_value(text)
    try:
        return Default(data.decode(), quoted=True)
    except UnicodeDecodeError:
        return Default(data.decode("latin-1"), quoted=True)
