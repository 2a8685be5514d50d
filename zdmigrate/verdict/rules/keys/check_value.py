"""A small evaluator of CHECK expressions: does a row that holds these values pass?

It knows comparisons, IN, BETWEEN, IS, AND, OR, NOT, and that most functions and operators make NULL of NULL. What it
does not know makes the answer "undecided", never a guess.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, Literal

from zdmigrate.history.catalog import Check, Column
from zdmigrate.history.sql.expressions import columns_read
from zdmigrate.history.sql.tokens import Token, tokenize


class _Undecided(enum.Enum):
    UNDECIDED = enum.auto()


#: Worth of an expression that this evaluator cannot work out.
UNDECIDED: Final = _Undecided.UNDECIDED

#: What an expression may be worth; None is NULL.
Value = str | float | bool | None
Worth = Value | Literal[_Undecided.UNDECIDED]
Truth = bool | None | Literal[_Undecided.UNDECIDED]

_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double")
_NULL_OF_NULL = ("CHAR_LENGTH", "CHARACTER_LENGTH", "LENGTH", "LOWER", "UPPER", "TRIM", "ABS", "REGEXP_LIKE", "YEAR")
_COMPARISONS = ("=", "<>", "!=", "<", "<=", ">", ">=")


class UndecidedError(Exception):
    """What an INSERT stores cannot be foreseen."""


def columns_of(check: Check) -> tuple[str, ...] | None:
    """The columns the expression reads, lower-case; None when nobody can tell."""
    tokens = _tokens(check.expression)
    if not tokens or any(token.kind == "bad" for token in tokens):
        return None
    found = {name.lower() for name in columns_read(tokens)}
    if check.column is not None:
        found.add(check.column.lower())
    return tuple(sorted(found))


def passes(check: Check, values: Mapping[str, Value]) -> bool | None:
    """Whether a row with these values (by lower-case column name) passes; None when undecided.

    A CHECK is violated only by FALSE: NULL passes.
    """
    truth = _truth(_Reader(check.expression, values).read())
    return None if truth is UNDECIDED else truth is not False


def value_when_omitted(column: Column) -> Value:
    """What an INSERT that leaves `column` out stores.

    Raises:
        UndecidedError: when the server computes it, or refuses the INSERT.
    """
    default = column.default
    if column.generated is not None or column.auto_increment or (default is None and not column.nullable):
        raise UndecidedError
    if default is None:
        return None
    if default.kind != "literal":
        raise UndecidedError
    if column.type.name in _NUMBERS:
        number = _number(default.text)
        if number is UNDECIDED:
            raise UndecidedError
        return number
    return default.text


def members(check: Check) -> tuple[str, frozenset[Value]] | None:
    """Column and allowed values of a CHECK of the form `column IN (...)`, else None."""
    tokens = _tokens(check.expression)
    while len(tokens) > 2 and tokens[0].key == "(" and tokens[-1].key == ")":
        tokens = tokens[1:-1]
    if len(tokens) < 5 or tokens[0].kind not in ("word", "name") or [tokens[1].key, tokens[2].key] != ["IN", "("]:
        return None
    found: list[Value] = []
    for place, token in enumerate(tokens[3:-1]):
        if place % 2:
            if token.key != ",":
                return None
        elif token.kind == "string":
            found.append(token.text)
        elif token.kind == "number" and (number := _number(token.text)) is not UNDECIDED:
            found.append(number)
        else:
            return None
    return (tokens[0].text.lower(), frozenset(found)) if tokens[-1].key == ")" else None


def _tokens(expression: str) -> list[Token]:
    return [token for token in tokenize(expression) if token.kind != "end"]


class _Reader:
    """Recursive descent over one expression; anything unknown raises UndecidedError and makes the whole undecided."""

    def __init__(self, expression: str, values: Mapping[str, Value]) -> None:
        self.tokens = _tokens(expression)
        self.values = values
        self.place = 0

    def read(self) -> Worth:
        try:
            worth = self._or()
        except UndecidedError:
            return UNDECIDED
        return worth if self.place == len(self.tokens) else UNDECIDED

    def _key(self) -> str:
        return self.tokens[self.place].key if self.place < len(self.tokens) else ""

    def _take(self, *keys: str) -> bool:
        if self._key() in keys and self._key():
            self.place += 1
            return True
        return False

    def _need(self, key: str) -> None:
        if not self._take(key):
            raise UndecidedError

    def _or(self) -> Worth:
        worth = self._and()
        while self._take("OR"):
            worth = _not(_and(_not(_truth(worth)), _not(_truth(self._and()))))
        return worth

    def _and(self) -> Worth:
        worth = self._not()
        while self._take("AND", "&&"):
            worth = _and(_truth(worth), _truth(self._not()))
        return worth

    def _not(self) -> Worth:
        return _not(_truth(self._not())) if self._take("NOT") else self._predicate()

    def _predicate(self) -> Worth:
        left = self._sum()
        if self._take("IS"):
            negated = self._take("NOT")
            truth = self._is(left)
            return _not(truth) if negated else truth
        negated = self._take("NOT")
        if self._take("IN"):
            truth = self._in(left)
        elif self._take("BETWEEN"):
            low = self._sum()
            self._need("AND")
            truth = _and(_compare(">=", left, low), _compare("<=", left, self._sum()))
        elif self._take("LIKE", "REGEXP", "RLIKE"):
            truth = _null_of_null(left, self._sum())
        elif negated:
            raise UndecidedError
        elif self._key() in _COMPARISONS:
            operator = self._key()
            self.place += 1
            return _compare(operator, left, self._sum())
        else:
            return left
        return _not(truth) if negated else truth

    def _is(self, left: Worth) -> Truth:
        if self._take("NULL"):
            return UNDECIDED if left is UNDECIDED else left is None
        truth = _truth(left)
        if self._take("TRUE"):
            return UNDECIDED if truth is UNDECIDED else truth is True
        self._need("FALSE")
        return UNDECIDED if truth is UNDECIDED else truth is False

    def _in(self, left: Worth) -> Truth:
        self._need("(")
        found = [_compare("=", left, self._sum())]
        while self._take(","):
            found.append(_compare("=", left, self._sum()))
        self._need(")")
        truth: Truth = False
        for item in found:
            truth = _not(_and(_not(truth), _not(item)))
        return truth

    def _sum(self) -> Worth:
        worth = self._operand()
        while self._take("+", "-", "*", "/", "%"):
            worth = _null_of_null(worth, self._operand())
        return worth

    def _operand(self) -> Worth:
        if self._take("("):
            worth = self._or()
            self._need(")")
            return worth
        if self._take("-"):
            worth = self._operand()
            number = None if worth is None else _number(worth)
            return number if number is None or number is UNDECIDED else -number
        if self.place >= len(self.tokens):
            raise UndecidedError
        token = self.tokens[self.place]
        self.place += 1
        if token.kind == "string":
            return token.text
        if token.kind == "number":
            return _number(token.text)
        if token.kind == "word" and token.text.startswith("_") and self._string_follows():
            return self._operand()
        if token.key in ("NULL", "TRUE", "FALSE") and token.kind == "word":
            return {"NULL": None, "TRUE": True, "FALSE": False}[token.key]
        if self._key() == "(":
            return self._call(token)
        if token.kind in ("word", "name") and token.text.lower() in self.values:
            return self.values[token.text.lower()]
        raise UndecidedError

    def _string_follows(self) -> bool:
        return self.place < len(self.tokens) and self.tokens[self.place].kind == "string"

    def _call(self, function: Token) -> Worth:
        self._need("(")
        arguments = [] if self._key() == ")" else [self._or()]
        while self._take(","):
            arguments.append(self._or())
        self._need(")")
        return _null_of_null(*arguments) if function.text.upper() in _NULL_OF_NULL else UNDECIDED


def _null_of_null(*arguments: Worth) -> Literal[_Undecided.UNDECIDED] | None:
    """NULL when an argument is NULL; what is computed of other values is not worked out."""
    return None if None in arguments else UNDECIDED


def _truth(worth: Worth) -> Truth:
    if worth is None or worth is UNDECIDED or isinstance(worth, bool):
        return worth
    number = _number(worth)
    return UNDECIDED if number is UNDECIDED else number != 0


def _not(truth: Truth) -> Truth:
    return truth if truth is None or truth is UNDECIDED else not truth


def _and(left: Truth, right: Truth) -> Truth:
    if left is False or right is False:
        return False
    if left is UNDECIDED or right is UNDECIDED:
        return UNDECIDED
    return None if left is None or right is None else True


def _compare(operator: str, left: Worth, right: Worth) -> Truth:
    if left is None or right is None:
        return None
    if left is UNDECIDED or right is UNDECIDED:
        return UNDECIDED
    if isinstance(left, str) and isinstance(right, str):
        # Collations decide about case, accents and order: only the same and the clearly different are told apart.
        if left == right:
            return operator in ("=", "<=", ">=")
        clear = left.isascii() and right.isascii() and left.strip().lower() != right.strip().lower()
        return operator != "=" if clear and operator in ("=", "<>", "!=") else UNDECIDED
    one, two = _number(left), _number(right)
    if one is UNDECIDED or two is UNDECIDED:
        return UNDECIDED
    match operator:
        case "=":
            return one == two
        case "<>" | "!=":
            return one != two
        case "<":
            return one < two
        case "<=":
            return one <= two
        case ">":
            return one > two
        case _:
            return one >= two


def _number(value: str | float | bool | Literal[_Undecided.UNDECIDED]) -> float | Literal[_Undecided.UNDECIDED]:
    if value is UNDECIDED:
        return UNDECIDED
    try:
        return float(value)
    except ValueError:
        return UNDECIDED
