"""What an expression says: the columns it reads, the literal it is, the NULLs a condition asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from zdmigrate.history.sql.cursor import matching, split_commas, unwrapped
from zdmigrate.history.sql.literals import bits_value, number_value, render_value
from zdmigrate.history.sql.tokens import Token, render
from zdmigrate.history.sql.words import KEYWORDS, RESERVED, UNITS
from zdmigrate.history.syntax import Assignment

_NOT_AFTER = frozenset({"COLLATE", "USING", "AS", "SEPARATOR"})
_OPERANDS = frozenset({"string", "number", "bits", "bound", "param", "name", "variable"})


def columns_read(tokens: Sequence[Token], own: Collection[str] = ()) -> tuple[str, ...]:
    """Names of the columns an expression reads, without qualifiers.

    Args:
        own: lower-case names and aliases of the table the expression belongs to; inside a subquery only
            columns qualified with one of them count.
    """
    return tuple(dict.fromkeys(_columns(tokens, own, nested=False)))


def _columns(tokens: Sequence[Token], own: Collection[str], *, nested: bool) -> Iterator[str]:
    index, size = 0, len(tokens)
    while index < size:
        token = tokens[index]
        following = tokens[index + 1].key if index + 1 < size else ""
        if token.key == "VALUES" and following == "(":
            index = matching(tokens, index + 1) + 1
            continue
        if token.key == "(" and following in ("SELECT", "WITH") and not nested:
            close = matching(tokens, index)
            yield from _columns(tokens[index + 1 : close], own, nested=True)
            index = close + 1
            continue
        if not _may_name_column(tokens, index):
            index += 1
            continue
        qualifier = ""
        while following == "." and index + 2 < size:
            qualifier = tokens[index].text
            index += 2
            following = tokens[index + 1].key if index + 1 < size else ""
        if following != "(" and tokens[index].kind in ("word", "name") and (not nested or qualifier.lower() in own):
            yield tokens[index].text
        index += 1


def _may_name_column(tokens: Sequence[Token], index: int) -> bool:
    """Whether the token can be the first part of a column's name."""
    token = tokens[index]
    before = tokens[index - 1] if index else None
    if before is not None and before.key in _NOT_AFTER:
        return False
    if token.kind == "name":
        return True
    if token.kind != "word" or token.key in RESERVED or token.key in KEYWORDS:
        return False
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    if after is not None and after.kind in ("string", "bits", "bound", "param"):
        return False
    if token.key in UNITS:
        if after is not None and after.key == "FROM":
            return False
        return before is None or not _is_operand(before)
    return not (token.key == "UNKNOWN" and before is not None and before.key in ("IS", "NOT"))


def _is_operand(token: Token) -> bool:
    """Whether an operand ends with the token (so that a unit of INTERVAL may follow)."""
    if token.kind == "word":
        return token.key not in RESERVED
    return token.kind in _OPERANDS or token.key == ")"


def literal_value(tokens: Sequence[Token]) -> tuple[bool, object]:
    """(True, value) when the tokens are one literal or bound parameter, else (False, None)."""
    if len(tokens) == 2:
        first, token = tokens
        if first.key in ("-", "+") and token.kind == "number":
            number = number_value(token.text)
            return True, -number if first.key == "-" else number
        introduced = first.kind == "word" and (first.text[0] == "_" or first.key in ("DATE", "TIME", "TIMESTAMP"))
        if introduced and token.kind in ("string", "bits", "bound"):
            _, value = literal_value((token,))
            if first.key == "_BINARY" and isinstance(value, str):
                return True, value.encode("utf-8", "surrogateescape")
            return True, value
        return False, None
    if len(tokens) != 1:
        text = "".join(token.text for token in tokens) if all(token.kind == "string" for token in tokens) else None
        return (True, text) if tokens and text is not None else (False, None)
    token = tokens[0]
    match token.kind:
        case "string":
            return True, token.text
        case "number":
            return True, number_value(token.text)
        case "bound":
            return True, token.value
        case "bits":
            return True, bits_value(token.text)
        case "word" if token.key in ("NULL", "TRUE", "FALSE"):
            return True, {"NULL": None, "TRUE": True, "FALSE": False}[token.key]
        case _:
            return False, None


def assignment(
    column: str, tokens: Sequence[Token], *, table: str | None = None, own: Collection[str] = ()
) -> Assignment:
    """`column = tokens`."""
    if len(tokens) == 1 and tokens[0].kind == "bound":
        value = tokens[0].value
        return Assignment(column, render_value(value), value, True, (), table)
    if len(tokens) == 1 and tokens[0].kind == "param":
        return Assignment(column, table=table)
    constant, literal = literal_value(tokens)
    if constant:
        return Assignment(column, render(tokens), literal, True, (), table)
    return Assignment(column, render(tokens), reads=columns_read(tokens, own), table=table)


def null_guards(tokens: Sequence[Token]) -> tuple[str, ...]:
    """Columns that a condition requires to be NULL, by the AND at its top level."""
    tokens = unwrapped(tokens)
    terms = _conjuncts(tokens)
    if len(terms) == 1:
        guard = _guard(tokens)
        return (guard,) if guard else ()
    found: list[str] = []
    for term in terms:
        found.extend(null_guards(term))
    return tuple(dict.fromkeys(found))


def _conjuncts(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """The terms of the top-level AND; one term when there is an OR beside it."""
    terms: list[Sequence[Token]] = []
    depth = first = between = cases = 0
    for index, token in enumerate(tokens):
        key = token.key
        if key == "(":
            depth += 1
        elif key == ")":
            depth -= 1
        elif key == "CASE":
            cases += 1
        elif key == "END" and cases:
            cases -= 1
        elif depth or cases:
            continue
        elif key in ("OR", "||", "XOR"):
            return [tokens]
        elif key == "BETWEEN":
            between += 1
        elif key in ("AND", "&&"):
            if between:
                between -= 1
                continue
            terms.append(tokens[first:index])
            first = index + 1
    return [*terms, tokens[first:]]


def _guard(tokens: Sequence[Token]) -> str:
    """The column of `column IS NULL`, `column <=> NULL`, `ISNULL(column)`; else ""."""
    if len(tokens) > 2 and tokens[-1].key == "NULL" and tokens[-2].key in ("IS", "<=>"):
        operand = tokens[:-2]
    elif len(tokens) > 3 and tokens[0].key == "ISNULL" and matching(tokens, 1) == len(tokens) - 1:
        operand = tokens[2:-1]
    else:
        return ""
    plain = all(
        (token.kind in ("word", "name")) if position % 2 == 0 else token.key == "."
        for position, token in enumerate(operand)
    )
    return operand[-1].text if plain and len(operand) % 2 else ""


def assignments_of(
    tokens: Sequence[Token], owners: dict[str, str] | None = None, own: Collection[str] = ()
) -> tuple[Assignment, ...] | None:
    """`column = value, ...`, or None when it is not that.

    Args:
        owners: lower-case alias -> catalog key, when several tables may be written.
    """
    found: list[Assignment] = []
    for part in split_commas(tokens):
        equals = next((index for index, token in enumerate(part) if token.key in ("=", ":=")), 0)
        target, value = part[:equals], part[equals + 1 :]
        if not target or not value or target[-1].kind not in ("word", "name"):
            return None
        table = None
        if owners is not None and len(target) > 2:
            table = owners.get(target[-3].text.lower(), target[-3].text)
        found.append(assignment(target[-1].text, value, table=table, own=own))
    return tuple(found)
