"""Statements by their first word: the top of the grammar."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zdmigrate.history.catalog import KeyKind
from zdmigrate.history.sql import alter, dml, queries, session, stored, tables
from zdmigrate.history.sql.cursor import Cursor, GrammarError
from zdmigrate.history.sql.tokens import Token
from zdmigrate.history.sql.words import words
from zdmigrate.history.syntax import CallRoutine, Insert, Node, Opaque, Select, Transaction

#: One node, or (text, node) for each statement that one text means (SET of several variables).
Parsed = Node | list[tuple[str, Node]]


def parse_tokens(text: str, tokens: Sequence[Token], *, mariadb: bool) -> Parsed:
    """The node of one statement."""
    bad = next((token for token in tokens if token.kind == "bad"), None)
    if bad is not None:
        return Opaque(f"a quote or comment that never ends at {text[bad.start : bad.start + 30]!r}")
    cursor = Cursor(tokens, text, mariadb=mariadb)
    reader = _READERS.get(cursor.key)
    try:
        if reader is None:
            return Opaque(f"unknown statement {text[:40]!r}")
        cursor.advance()
        return reader(cursor)
    except GrammarError as problem:
        return Opaque(str(problem))
    except Exception as error:  # the promise of `parse`: a bug in here makes a statement unknown, no traceback
        return Opaque(f"internal error while parsing: {error!r}")


# ---- statements by their first word ----------------------------------------------------------------------

_INDEX_KINDS: dict[str, KeyKind] = {"UNIQUE": "unique", "FULLTEXT": "fulltext", "SPATIAL": "spatial"}
_ACCOUNTS = frozenset({"USER", "ROLE"})
_NOT_MODELLED = words("SEQUENCE SERVER TABLESPACE UNDO LOGFILE RESOURCE PACKAGE LIBRARY JSON INSTANCE SPATIAL LOADABLE")


def _create(cursor: Cursor) -> Node:
    or_replace = cursor.accept("OR", "REPLACE")
    temporary = cursor.accept("TEMPORARY")
    if cursor.accept("TABLE"):
        return tables.parse_create_table(cursor, or_replace=or_replace, temporary=temporary)
    if cursor.key in ("ONLINE", "OFFLINE"):
        cursor.advance()
    if cursor.accept("INDEX"):
        return alter.parse_create_index(cursor, "index")
    if cursor.accept("VECTOR", "INDEX"):
        return alter.parse_create_index(cursor, "index", using="VECTOR")
    if cursor.key in _INDEX_KINDS and cursor.ahead(1).key == "INDEX":
        kind = _INDEX_KINDS[cursor.advance().key]
        cursor.advance()
        return alter.parse_create_index(cursor, kind)
    if cursor.accept_one("DATABASE", "SCHEMA"):
        return stored.parse_database(cursor, "CREATE")
    if cursor.key in _ACCOUNTS:
        return stored.parse_privilege(cursor, f"CREATE {cursor.key}")
    clauses = stored.parse_clauses(cursor)
    if cursor.accept("VIEW"):
        return stored.parse_view(cursor, or_replace=or_replace, options=clauses)
    if cursor.accept("TRIGGER"):
        return stored.parse_trigger(cursor, or_replace=or_replace)
    if word := cursor.accept_one(*stored.ROUTINES):
        return stored.parse_routine(cursor, stored.ROUTINES[word], or_replace=or_replace)
    return _not_modelled(cursor, "CREATE")


def _not_modelled(cursor: Cursor, verb: str) -> Opaque:
    """An object the catalog has no place for."""
    if cursor.key in _NOT_MODELLED:
        return Opaque(f"{verb} {cursor.key} is not modelled")
    raise cursor.problem(f"unknown kind of {verb}")


def _alter(cursor: Cursor) -> Node:
    while cursor.accept_one("ONLINE", "OFFLINE", "IGNORE"):
        pass
    if cursor.accept("TABLE"):
        return alter.parse_alter_table(cursor)
    if cursor.accept_one("DATABASE", "SCHEMA"):
        return stored.parse_database(cursor, "ALTER")
    if cursor.key in _ACCOUNTS:
        return stored.parse_privilege(cursor, f"ALTER {cursor.key}")
    clauses = stored.parse_clauses(cursor)
    if cursor.accept("VIEW"):
        return stored.parse_view(cursor, or_replace=True, options=clauses, altered=True)
    if word := cursor.accept_one(*stored.ROUTINES):
        return stored.parse_routine(cursor, stored.ROUTINES[word], or_replace=False, altered=True)
    return _not_modelled(cursor, "ALTER")


def _drop(cursor: Cursor) -> Node:
    temporary = cursor.accept("TEMPORARY")
    if cursor.accept_one("TABLE", "TABLES"):
        return tables.parse_drop_table(cursor, temporary=temporary)
    while cursor.accept_one("ONLINE", "OFFLINE"):
        pass
    if cursor.accept("INDEX"):
        return alter.parse_drop_index(cursor)
    if cursor.accept("VIEW"):
        return stored.parse_drop_view(cursor)
    if cursor.accept("TRIGGER"):
        return stored.parse_drop_trigger(cursor)
    if word := cursor.accept_one(*stored.ROUTINES):
        return stored.parse_drop_routine(cursor, stored.ROUTINES[word])
    if cursor.accept_one("DATABASE", "SCHEMA"):
        return stored.parse_database(cursor, "DROP")
    if cursor.key in _ACCOUNTS:
        return stored.parse_privilege(cursor, f"DROP {cursor.key}")
    if cursor.accept("PREPARE"):
        return session.parse_transaction(cursor)
    return _not_modelled(cursor, "DROP")


def _rename(cursor: Cursor) -> Node:
    if cursor.accept_one("TABLE", "TABLES"):
        return tables.parse_rename_table(cursor)
    if cursor.key in _ACCOUNTS:
        return stored.parse_privilege(cursor, f"RENAME {cursor.key}")
    raise cursor.problem("expected TABLE or USER")


def _query(cursor: Cursor) -> Node:
    """SELECT, VALUES, TABLE, a parenthesis: read from the first word again."""
    cursor.position -= 1
    return queries.parse_select(cursor)


def _with(cursor: Cursor) -> Node:
    """WITH before SELECT, UPDATE or DELETE."""
    cursor.position -= 1
    first = cursor.position
    while not cursor.done and cursor.key not in ("SELECT", "UPDATE", "DELETE", "VALUES", "INSERT", "REPLACE"):
        if cursor.key == "(":
            cursor.inside()
        else:
            cursor.advance()
    with_tokens = cursor.tokens_from(first)
    if cursor.accept("UPDATE"):
        return dml.parse_update(cursor, with_tokens)
    if cursor.accept("DELETE"):
        return dml.parse_delete(cursor, with_tokens)
    cursor.position = first
    return queries.parse_select(cursor)


def _set(cursor: Cursor) -> Parsed:
    if cursor.accept("STATEMENT"):  # MariaDB: the variables hold for the one statement after FOR
        cursor.until("FOR")
        cursor.expect("FOR")
        return _inner(cursor)
    parsed: list[tuple[str, Node]] = []
    parsed.extend(session.parse_set(cursor))
    return parsed[0][1] if len(parsed) == 1 else parsed


def _inner(cursor: Cursor) -> Parsed:
    """The statement that is the rest of this one."""
    return parse_tokens(cursor.sql, cursor.rest_with_end(), mariadb=cursor.mariadb)


def _analyze(cursor: Cursor) -> Parsed:
    """ANALYZE TABLE; MariaDB's ANALYZE statement runs the statement."""
    if cursor.key == "FORMAT" and cursor.ahead(1).key == "=":
        cursor.position += 3
    if cursor.key in ("SELECT", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE"):
        return _inner(cursor)
    return tables.parse_maintenance(cursor, "ANALYZE")


def _begin(cursor: Cursor) -> Node:
    if cursor.key == "NOT":
        return Opaque("BEGIN NOT ATOMIC: a compound statement outside of a stored program")
    if not cursor.done and not cursor.accept("WORK"):
        raise cursor.problem("unexpected text")
    return session.parse_transaction(cursor)


def _start(cursor: Cursor) -> Node:
    cursor.expect("TRANSACTION")
    return session.parse_transaction(cursor)


def _load(cursor: Cursor) -> Node:
    if cursor.key in ("DATA", "XML"):
        return dml.parse_load(cursor)
    cursor.expect("INDEX", "INTO", "CACHE")
    return session.parse_transaction(cursor)


def _call(cursor: Cursor) -> Node:
    name = cursor.qualified()
    if cursor.key == "(":
        cursor.inside()
    cursor.finish()
    return CallRoutine(name)


def _check(verb: str) -> Callable[[Cursor], Node]:
    return lambda cursor: tables.parse_maintenance(cursor, verb)


def _privilege(verb: str) -> Callable[[Cursor], Node]:
    return lambda cursor: stored.parse_privilege(cursor, verb)


def _opaque(reason: str) -> Callable[[Cursor], Node]:
    return lambda cursor: Opaque(reason)


def _help(cursor: Cursor) -> Node:
    cursor.rest()
    return Select(text=cursor.sql.strip())


def _unlock(cursor: Cursor) -> Transaction:
    return session.parse_transaction(cursor)


_DYNAMIC = "dynamic SQL: what it runs is not in the statement"
_ADMINISTRATION = "server administration is not modelled"

_READERS: dict[str, Callable[[Cursor], Parsed]] = (
    {
        "CREATE": _create,
        "ALTER": _alter,
        "DROP": _drop,
        "RENAME": _rename,
        "TRUNCATE": tables.parse_truncate,
        "INSERT": lambda cursor: _insert(cursor, "INSERT"),
        "REPLACE": lambda cursor: _insert(cursor, "REPLACE"),
        "UPDATE": dml.parse_update,
        "DELETE": dml.parse_delete,
        "SELECT": _query,
        "VALUES": _query,
        "TABLE": _query,
        "(": _query,
        "WITH": _with,
        "LOAD": _load,
        "CALL": _call,
        "SET": _set,
        "USE": session.parse_use,
        "SHOW": session.parse_show,
        "EXPLAIN": session.parse_describe,
        "DESCRIBE": session.parse_describe,
        "DESC": session.parse_describe,
        "HANDLER": session.parse_handler,
        "HELP": _help,
        "BEGIN": _begin,
        "START": _start,
        "LOCK": session.parse_lock,
        "FLUSH": session.parse_flush,
        "ANALYZE": _analyze,
        "OPTIMIZE": _check("OPTIMIZE"),
        "CHECK": _check("CHECK"),
        "REPAIR": _check("REPAIR"),
        "CHECKSUM": _check("CHECKSUM"),
        "GRANT": _privilege("GRANT"),
        "REVOKE": _privilege("REVOKE"),
        "PREPARE": _opaque(_DYNAMIC),
        "EXECUTE": _opaque(_DYNAMIC),
    }
    | dict.fromkeys(
        words("COMMIT ROLLBACK SAVEPOINT RELEASE XA UNLOCK DO KILL DEALLOCATE SIGNAL RESIGNAL GET CACHE"),
        _unlock,
    )
    | dict.fromkeys(
        words("CHANGE STOP RESET PURGE SHUTDOWN RESTART INSTALL UNINSTALL BINLOG CLONE IMPORT BACKUP"),
        _opaque(_ADMINISTRATION),
    )
)


def _insert(cursor: Cursor, verb: str) -> Insert:
    return dml.parse_insert(cursor, "REPLACE" if verb == "REPLACE" else "INSERT")
