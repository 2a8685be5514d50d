"""SELECT and what else only reads: the tables, the labels of the result, whether one row answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from zdmigrate.history.sql.cursor import Cursor, matching, split_commas
from zdmigrate.history.sql.expressions import columns_read
from zdmigrate.history.sql.tokens import Token
from zdmigrate.history.sql.words import AGGREGATES, RESERVED, words
from zdmigrate.history.syntax import Select

_FROM_IS_SYNTAX_IN = frozenset({"EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "MID", "OVERLAY"})
_ENDS_FROM = words(
    "WHERE GROUP HAVING ORDER LIMIT UNION EXCEPT INTERSECT SET WINDOW FOR INTO PROCEDURE RETURNING VALUES SELECT"
)
_SELECT_MODIFIERS = words("""
    ALL DISTINCT DISTINCTROW HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT SQL_BUFFER_RESULT SQL_CACHE
    SQL_NO_CACHE SQL_CALC_FOUND_ROWS
    """)
_ENDS_LIST = words("FROM INTO UNION EXCEPT INTERSECT WHERE LIMIT ORDER GROUP HAVING FOR WINDOW ; )")


class Reference(NamedTuple):
    """A table named in a FROM or JOIN; `nested` when inside a subquery."""

    table: str
    alias: str
    nested: bool


def with_names(tokens: Sequence[Token]) -> frozenset[str]:
    """Lower-case names of the common table expressions defined anywhere in the tokens."""
    found: set[str] = set()
    for start, token in enumerate(tokens):
        if token.key != "WITH":
            continue
        index = start + 1
        if index < len(tokens) and tokens[index].key == "RECURSIVE":
            index += 1
        while index + 2 < len(tokens) and tokens[index].kind in ("word", "name"):
            name = tokens[index].text.lower()
            index += 1
            if tokens[index].key == "(":
                index = matching(tokens, index) + 1
            if index + 1 >= len(tokens) or tokens[index].key != "AS" or tokens[index + 1].key != "(":
                break
            found.add(name)
            index = matching(tokens, index + 1) + 1
            if index >= len(tokens) or tokens[index].key != ",":
                break
            index += 1
    return frozenset(found)


class _Level:
    """One level of parentheses while scanning for tables."""

    __slots__ = ("expecting", "in_from", "nested", "opener")

    def __init__(self, opener: str, *, nested: bool, listing: bool) -> None:
        self.opener = opener
        self.nested = nested
        self.in_from = listing
        self.expecting = listing


def references(tokens: Sequence[Token], *, listing: bool = False) -> list[Reference]:
    """Every table named after FROM or JOIN.

    Args:
        listing: the tokens begin with a list of tables (what follows UPDATE), not with a query.
    """
    hidden = with_names(tokens)
    found: list[Reference] = []
    levels = [_Level("", nested=False, listing=listing)]
    index, size = 0, len(tokens)
    while index < size:
        token, level = tokens[index], levels[-1]
        key = token.key
        if key == "(":
            opener = tokens[index - 1].key if index else ""
            query = index + 1 < size and tokens[index + 1].key in ("SELECT", "WITH", "TABLE", "VALUES")
            levels.append(_Level(opener, nested=level.nested or query, listing=level.expecting and not query))
            level.expecting = False
        elif key == ")":
            if len(levels) > 1:
                levels.pop()
        elif key == "FROM":
            level.in_from = level.expecting = level.opener not in _FROM_IS_SYNTAX_IN
        elif key in ("JOIN", "STRAIGHT_JOIN"):
            level.expecting = level.in_from
        elif key == "," and level.in_from:
            level.expecting = True
        elif key in _ENDS_FROM:
            level.in_from = level.expecting = False
        elif level.expecting and key != "LATERAL" and token.kind in ("word", "name"):
            level.expecting = False
            name, index = _dotted(tokens, index)
            if index < size and tokens[index].key == "(":
                continue
            alias, index = _alias(tokens, index)
            if name.lower() not in hidden and name.upper() != "DUAL":
                found.append(Reference(name, alias or name.rsplit(".", 1)[-1], level.nested))
            continue
        index += 1
    return found


def _dotted(tokens: Sequence[Token], index: int) -> tuple[str, int]:
    """`name`, `schema.name` (and a `.*` that DELETE allows); the index after it."""
    parts = [tokens[index].text]
    index += 1
    while index + 1 < len(tokens) and tokens[index].key == ".":
        if tokens[index + 1].key != "*":
            parts.append(tokens[index + 1].text)
        index += 2
    return ".".join(parts), index


def _alias(tokens: Sequence[Token], index: int) -> tuple[str, int]:
    """`[PARTITION (...)] [[AS] alias]`; the index after it."""
    size = len(tokens)
    if index + 1 < size and tokens[index].key == "PARTITION" and tokens[index + 1].key == "(":
        index = matching(tokens, index + 1) + 1
    if index + 1 < size and tokens[index].key == "AS":
        return tokens[index + 1].text, index + 2
    if index < size:
        token = tokens[index]
        plain = (
            token.kind == "word" and token.key not in RESERVED and token.key not in ("OFFSET", "RETURNING", "WINDOW")
        )
        if token.kind == "name" or plain:
            return token.text, index + 1
    return "", index


def tables_read(tokens: Sequence[Token]) -> tuple[str, ...]:
    """Catalog keys of the tables a query names, in order, once each."""
    return unique(reference.table for reference in references(tokens))


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """The names in order, once each."""
    return tuple(dict.fromkeys(names))


def parse_select(cursor: Cursor) -> Select:
    """A query up to the end of the statement: SELECT, WITH, VALUES, TABLE, parenthesised or not."""
    first = cursor.token
    tokens = cursor.rest()
    text = cursor.text_from(first)
    if first.key == "TABLE" and len(tokens) > 1:
        return Select((_dotted(tokens, 1)[0],), ("*",), text=text)
    if not any(token.key in ("SELECT", "VALUES") for token in tokens):
        raise cursor.problem("expected SELECT")
    items, following = _select_list(tokens)
    names = tuple(_label(item, cursor.sql) for item in items)
    return Select(tables_read(tokens), names, _is_aggregate(items, following), text)


def _select_list(tokens: Sequence[Token]) -> tuple[list[Sequence[Token]], Sequence[Token]]:
    """The selected expressions of the first SELECT, and the tokens after them at the same level."""
    index, size = 0, len(tokens)
    while index < size and tokens[index].key == "(":
        index += 1
    if index < size and tokens[index].key == "WITH":
        while index < size and tokens[index].key not in ("SELECT", "VALUES"):
            index = matching(tokens, index) + 1 if tokens[index].key == "(" else index + 1
    if index >= size or tokens[index].key != "SELECT":
        return [], ()
    index += 1
    while index < size and tokens[index].key in _SELECT_MODIFIERS:
        index += 1
    end = index
    while end < size and tokens[end].key not in _ENDS_LIST:
        end = matching(tokens, end) + 1 if tokens[end].key == "(" else end + 1
    return split_commas(tokens[index:end]), tokens[end:]


def _label(item: Sequence[Token], sql: str) -> str:
    """The result's label for a selected expression, as the server makes it."""
    if not item:
        return ""
    last = item[-1]
    if len(item) > 1 and last.kind in ("word", "name", "string"):
        before = item[-2]
        if before.key == "AS":
            return last.text
        if before.key != "." and (last.kind != "word" or last.key not in RESERVED) and _ends_operand(before):
            return last.text
    if last.kind == "name" or (last.kind == "word" and last.key not in RESERVED):
        chained = all((token.key == ".") == bool(position % 2) for position, token in enumerate(item))
        if chained:
            return last.text
    if len(item) == 1 and last.kind == "string":
        return last.text
    return sql[item[0].start : last.end]


def _ends_operand(token: Token) -> bool:
    """Whether an expression can end with the token, so that a name after it is an alias."""
    if token.kind == "word":
        return token.key not in RESERVED or token.key in ("NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE")
    return token.kind != "op" or token.key == ")"


def _is_aggregate(items: list[Sequence[Token]], following: Sequence[Token]) -> bool:
    """Whether one row answers, whatever the tables hold."""
    index = 0
    while index < len(following):
        key = following[index].key
        if key in ("GROUP", "UNION", "EXCEPT", "INTERSECT", "HAVING"):
            return False
        index = matching(following, index) + 1 if key == "(" else index + 1
    found = [_has_aggregate(item) for item in items]
    return any(found) and all(has or not columns_read(item) for has, item in zip(found, items, strict=True))


def _has_aggregate(item: Sequence[Token]) -> bool:
    """Whether an aggregate function (not a window function, not one of a subquery) is among the tokens."""
    index, size = 0, len(item)
    while index < size:
        following = item[index + 1].key if index + 1 < size else ""
        if item[index].key == "(" and following in ("SELECT", "WITH"):
            index = matching(item, index) + 1
            continue
        if item[index].key in AGGREGATES and following == "(":
            close = matching(item, index + 1)
            if close + 1 >= size or item[close + 1].key != "OVER":
                return True
        index += 1
    return False
