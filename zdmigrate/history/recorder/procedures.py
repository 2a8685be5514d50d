"""What CALL does, where the procedure's body tells: plain statements, and `IF [NOT] EXISTS (SELECT ...)` around them.

MySQL has no `DROP FOREIGN KEY IF EXISTS`, so histories create a procedure that asks information_schema, call it and
drop it. Whatever has parameters, variables, loops, cursors or other conditions is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from zdmigrate.history.catalog import Routine
from zdmigrate.history.sql.cursor import matching
from zdmigrate.history.sql.tokens import Token, tokenize

#: Whether a query has a row; None when nobody can say.
Ask = Callable[[str], bool | None]


class UnreadableBodyError(Exception):
    """A body that does more than this module understands."""


def statements_of_call(routine: Routine, ask: Ask) -> tuple[str, ...] | None:
    """The statements a call of `routine` sends (queries too); None when its body does not tell."""
    text = routine.definition
    tokens = tokenize(text)[:-1]
    opening = next((index for index, token in enumerate(tokens) if token.key == "("), len(tokens))
    body = tokens[opening + 2 :]
    ends = len(body) >= 2 and body[0].key == "BEGIN" and body[-1].key == "END"
    if routine.kind != "procedure" or not ends or tokens[opening + 1].key != ")":
        return None
    try:
        return tuple(_carried_out(text, body[1:-1], ask))
    except UnreadableBodyError:
        return None


def _carried_out(text: str, tokens: Sequence[Token], ask: Ask) -> Iterator[str]:
    index = 0
    while index < len(tokens):
        if tokens[index].key == ";":
            index += 1
        elif tokens[index].key == "IF":
            wanted, then = _condition(text, tokens, index, ask)
            otherwise, end = _branches(tokens, then)
            stop = end if otherwise is None else otherwise
            if wanted:
                yield from _carried_out(text, tokens[then:stop], ask)
            elif otherwise is not None:
                yield from _carried_out(text, tokens[otherwise + 1 : end], ask)
            index = end + 2
        else:
            last = next((at for at in range(index, len(tokens)) if tokens[at].key == ";"), len(tokens))
            yield text[tokens[index].start : tokens[last - 1].end]
            index = last + 1


def _condition(text: str, tokens: Sequence[Token], index: int, ask: Ask) -> tuple[bool, int]:
    """Whether the IF at `index` holds, and where its THEN branch begins."""
    keys = [token.key for token in tokens[index + 1 : index + 4]]
    negated = keys[:1] == ["NOT"]
    opening = index + (3 if negated else 2)
    if keys[negated : negated + 2] != ["EXISTS", "("]:
        raise UnreadableBodyError
    closing = matching(tokens, opening)
    if closing + 1 >= len(tokens) or tokens[closing + 1].key != "THEN":
        raise UnreadableBodyError
    found = ask(text[tokens[opening + 1].start : tokens[closing - 1].end])
    if found is None:
        raise UnreadableBodyError
    return found is not negated, closing + 2


def _branches(tokens: Sequence[Token], first: int) -> tuple[int | None, int]:
    """Where ELSE stands, if there is one, and the END of the END IF."""
    depth, otherwise = 0, None
    for index in range(first, len(tokens) - 1):
        key, after = tokens[index].key, tokens[index + 1].key
        if key == "END" and after == "IF":
            if depth == 0:
                return otherwise, index
            depth -= 1
        elif key == "IF" and tokens[index - 1].key in ("THEN", "ELSE", ";"):
            depth += 1
        elif key in ("ELSEIF", "CASE", "LOOP", "WHILE", "REPEAT", "DECLARE"):
            raise UnreadableBodyError
        elif key == "ELSE" and depth == 0:
            otherwise = index
    raise UnreadableBodyError
