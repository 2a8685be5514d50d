"""A small evaluator of CHECK expressions: does a row that holds these values pass?"""

from __future__ import annotations

from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from zdmigrate.history.catalog import Check, Column, Table

#: What an expression may be worth; None is NULL.
Value = str | float | bool | None


class UndecidedError(Exception):
    """The expression holds something this evaluator does not know."""


def columns_of(check: Check, table: Table | None) -> tuple[str, ...] | None:
    """The columns the expression reads, lower-case; None when nobody can tell.

    A string in double quotes is a column only when `table` has one of that name (ANSI_QUOTES is not the default).
    """
    tree = _parse(check.expression)
    if tree is None:
        return None
    found = {column.name.lower() for column in tree.find_all(exp.Column)}
    if table is not None:
        named = {column.name.lower() for column in table.columns}
        texts = {literal.name.lower() for literal in tree.find_all(exp.Literal) if literal.is_string}
        if check.column is None and not found and texts & named:
            return None
    if not found and check.column is not None:
        return (check.column.lower(),)
    return tuple(sorted(found))


def passes(check: Check, values: Mapping[str, Value]) -> bool | None:
    """Whether a row with these values (by lower-case column name) passes; None when undecided.

    A CHECK is violated only by FALSE: NULL passes.
    """
    tree = _parse(check.expression)
    if tree is None:
        return None
    try:
        worth = _evaluate(tree, values)
    except UndecidedError:
        return None
    return worth is None or _truth(worth) is True


def value_when_omitted(column: Column) -> Value:
    """What an INSERT that leaves `column` out stores.

    Raises:
        UndecidedError: when the server computes it.
    """
    if column.generated is not None or column.auto_increment:
        raise UndecidedError
    if column.default is None:
        if column.nullable:
            return None
        raise UndecidedError
    if column.default.kind != "literal":
        raise UndecidedError
    if column.type.name in ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double"):
        return _number(column.default.text)
    return column.default.text


def members(check: Check) -> tuple[str, frozenset[Value]] | None:
    """Column and allowed values of a CHECK of the form `column IN (...)`, else None."""
    tree = _parse(check.expression)
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if not isinstance(tree, exp.In) or not isinstance(tree.this, exp.Column) or not tree.expressions:
        return None
    try:
        return tree.this.name.lower(), frozenset(_evaluate(item, {}) for item in tree.expressions)
    except UndecidedError:
        return None


def _parse(expression: str) -> exp.Expression | None:
    try:
        tree = sqlglot.parse_one(f"SELECT {expression}", read="mysql")
    except SqlglotError:
        return None
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or tree.args.get("from") is not None:
        return None
    found: exp.Expression = tree.expressions[0]
    return found


def _evaluate(node: exp.Expression, values: Mapping[str, Value]) -> Value:
    match node:
        case exp.Paren():
            return _evaluate(node.this, values)
        case exp.Column():
            if node.name.lower() not in values:
                raise UndecidedError
            return values[node.name.lower()]
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal():
            return str(node.this) if node.is_string else _number(str(node.this))
        case exp.Introducer():
            return _evaluate(node.expression, values)
        case exp.Neg():
            worth = _evaluate(node.this, values)
            return None if worth is None else -_number(str(worth))
        case exp.Not():
            return _not(_logical(node.this, values))
        case exp.And():
            return _and(_logical(node.this, values), _logical(node.expression, values))
        case exp.Or():
            return _not(_and(_not(_logical(node.this, values)), _not(_logical(node.expression, values))))
        case exp.Is():
            return _is(_evaluate(node.this, values), node.expression)
        case exp.In():
            return _in(node, values)
        case exp.Between():
            low = _compare(exp.GTE, _evaluate(node.this, values), _evaluate(node.args["low"], values))
            high = _compare(exp.LTE, _evaluate(node.this, values), _evaluate(node.args["high"], values))
            return _and(low, high)
        case exp.EQ() | exp.NEQ() | exp.GT() | exp.GTE() | exp.LT() | exp.LTE():
            return _compare(type(node), _evaluate(node.this, values), _evaluate(node.expression, values))
        case (
            exp.Length() | exp.Upper() | exp.Lower() | exp.Add() | exp.Sub() | exp.Mul() | exp.RegexpLike() | exp.Like()
        ):
            # Strict in its arguments: NULL in, NULL out. Other values are not computed.
            parts = [node.this, node.expression] if node.args.get("expression") is not None else [node.this]
            if any(_evaluate(part, values) is None for part in parts):
                return None
            raise UndecidedError
        case _:
            raise UndecidedError


def _logical(node: exp.Expression, values: Mapping[str, Value]) -> bool | None:
    return _truth(_evaluate(node, values))


def _truth(worth: Value) -> bool | None:
    if worth is None or isinstance(worth, bool):
        return worth
    return _number(str(worth)) != 0


def _not(worth: bool | None) -> bool | None:
    return None if worth is None else not worth


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _is(worth: Value, what: exp.Expression) -> bool:
    match what:
        case exp.Null():
            return worth is None
        case exp.Boolean():
            return _truth(worth) is bool(what.this)
        case _:
            raise UndecidedError


def _in(node: exp.In, values: Mapping[str, Value]) -> bool | None:
    if not node.expressions:
        raise UndecidedError
    worth = _evaluate(node.this, values)
    found = [_compare(exp.EQ, worth, _evaluate(item, values)) for item in node.expressions]
    if True in found:
        return True
    return None if None in found else False


def _compare(kind: type[exp.Expression], left: Value, right: Value) -> bool | None:
    if left is None or right is None:
        return None
    if isinstance(left, str) and isinstance(right, str):
        # Collations decide about case, accents and order: only equal, or clearly different, texts are told apart.
        if left == right:
            return kind in (exp.EQ, exp.GTE, exp.LTE)
        if kind in (exp.EQ, exp.NEQ) and left.isascii() and right.isascii() and left.lower() != right.lower():
            return kind is exp.NEQ
        raise UndecidedError
    one, two = (
        _number(str(int(left) if isinstance(left, bool) else left)),
        _number(str(int(right) if isinstance(right, bool) else right)),
    )
    results: dict[type[exp.Expression], bool] = {
        exp.EQ: one == two,
        exp.NEQ: one != two,
        exp.GT: one > two,
        exp.GTE: one >= two,
        exp.LT: one < two,
        exp.LTE: one <= two,
    }
    return results[kind]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UndecidedError from None
