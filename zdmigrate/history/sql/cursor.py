"""A reader of tokens: what every part of the grammar is written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from zdmigrate.history.sql.tokens import Token, render
from zdmigrate.history.sql.words import RESERVED

T = TypeVar("T")

_CLOSING = {"(": 1, ")": -1}


class GrammarError(Exception):
    """The statement is not one this grammar knows; caught by `parse`, which answers with `Opaque`."""


class Cursor:
    """A position in the tokens of one statement (closed by an "end" token)."""

    __slots__ = ("_tokens", "mariadb", "position", "sql")

    def __init__(self, tokens: Sequence[Token], sql: str, *, mariadb: bool = False) -> None:
        self._tokens = tokens
        self.position = 0
        self.sql = sql
        self.mariadb = mariadb

    # ---- looking ------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self.position]

    @property
    def key(self) -> str:
        """The next token's key."""
        return self._tokens[self.position].key

    def ahead(self, distance: int) -> Token:
        """The token `distance` after the next one."""
        index = self.position + distance
        return self._tokens[index] if index < len(self._tokens) else self._tokens[-1]

    def at(self, *keys: str) -> bool:
        """Whether the next tokens are exactly these words or operators."""
        tokens, position = self._tokens, self.position
        if position + len(keys) > len(tokens):
            return False
        return all(tokens[position + offset].key == key for offset, key in enumerate(keys))

    @property
    def done(self) -> bool:
        """Whether everything has been read."""
        return self._tokens[self.position].kind == "end"

    # ---- reading ------------------------------------------------------------------------------------

    def advance(self) -> Token:
        """Read the next token, whatever it is."""
        token = self._tokens[self.position]
        if token.kind != "end":
            self.position += 1
        return token

    def accept(self, *keys: str) -> bool:
        """Read these words if they come next."""
        if self._tokens[self.position].key != keys[0] or not self.at(*keys):
            return False
        self.position += len(keys)
        return True

    def accept_one(self, *keys: str) -> str:
        """Read the next word if it is one of these, and return it; else ""."""
        key = self._tokens[self.position].key
        if key in keys and key:
            self.position += 1
            return key
        return ""

    def expect(self, *keys: str) -> None:
        """Read these words or fail."""
        if not self.accept(*keys):
            raise self.problem("expected " + " ".join(keys))

    def problem(self, what: str) -> GrammarError:
        """An error that says where."""
        token = self.token
        if token.kind == "end":
            return GrammarError(f"{what} at the end of the statement")
        return GrammarError(f"{what} at {self.sql[token.start : token.start + 30]!r}")

    def finish(self) -> None:
        """Fail unless everything has been read."""
        if not self.done:
            raise self.problem("unexpected text")

    def name(self) -> str:
        """An identifier."""
        token = self._tokens[self.position]
        if token.kind not in ("word", "name"):
            raise self.problem("expected a name")
        self.position += 1
        return token.text

    def at_name(self) -> bool:
        """Whether an identifier comes next: quoted, or a word that is not reserved."""
        token = self._tokens[self.position]
        return token.kind == "name" or (token.kind == "word" and token.key not in RESERVED)

    def optional_name(self) -> str:
        """An identifier if one comes next (not a reserved word), else ""."""
        return self.name() if self.at_name() else ""

    def qualified(self) -> str:
        """`name` or `schema.name`: a catalog key."""
        first = self.name() if self.key != "." else ""
        if self.key == ".":
            self.position += 1
            second = self.name()
            return f"{first}.{second}" if first else second
        return first

    def column(self) -> str:
        """A column, without the table and schema it may be qualified with."""
        return self.column_parts()[-1]

    def column_parts(self) -> tuple[str, ...]:
        """A column with its qualifiers: (schema, table, column)."""
        parts = [self.name()]
        while self.key == ".":
            self.position += 1
            parts.append(self.name())
        return tuple(parts)

    def string(self) -> str:
        """A string literal; adjacent ones are one."""
        token = self.token
        if token.kind == "bound" and isinstance(token.value, str):
            self.position += 1
            return token.value
        if token.kind != "string":
            raise self.problem("expected a string")
        text = ""
        while self.token.kind == "string":
            text += self.advance().text
        return text

    def integer(self) -> int:
        """A whole number."""
        token = self.token
        if token.kind == "number" and token.text.isdigit():
            self.position += 1
            return int(token.text)
        if token.kind == "bound" and isinstance(token.value, int):
            self.position += 1
            return int(token.value)
        raise self.problem("expected a number")

    # ---- reading stretches --------------------------------------------------------------------------

    def inside(self) -> Sequence[Token]:
        """Read `( ... )` and return the tokens between."""
        self.expect("(")
        first = self.position
        depth = 1
        tokens = self._tokens
        while depth:
            token = tokens[self.position]
            if token.kind == "end":
                raise self.problem("missing )")
            depth += _CLOSING.get(token.key, 0)
            self.position += 1
        return tokens[first : self.position - 1]

    def inside_text(self) -> str:
        """Read `( ... )` and return what is between, rendered; further parentheses around all of it are dropped."""
        return render(unwrapped(self.inside()))

    def until(self, *stops: str) -> Sequence[Token]:
        """Read up to one of these words or operators outside of parentheses, or a closing one, or the end."""
        first = self.position
        depth = 0
        tokens = self._tokens
        while True:
            token = tokens[self.position]
            if token.kind == "end" or (depth == 0 and (token.key in stops or token.key == ")") and token.key):
                return tokens[first : self.position]
            depth += _CLOSING.get(token.key, 0)
            self.position += 1

    def rest(self) -> Sequence[Token]:
        """Read everything that is left."""
        first = self.position
        self.position = len(self._tokens) - 1
        return self._tokens[first : self.position]

    def rest_with_end(self) -> Sequence[Token]:
        """Everything that is left, with the "end" token."""
        return self._tokens[self.position :]

    def tokens_from(self, position: int) -> Sequence[Token]:
        """The tokens from `position` up to the next one."""
        return self._tokens[position : self.position]

    def text_from(self, token: Token) -> str:
        """The text as written, from `token` to the end."""
        return self.sql[token.start : self._tokens[-1].start].rstrip()

    def listed(self, item: Callable[[], T]) -> tuple[T, ...]:
        """One or more of `item`, with commas between."""
        items = [item()]
        while self.accept(","):
            items.append(item())
        return tuple(items)

    def parenthesised(self, item: Callable[[], T]) -> tuple[T, ...]:
        """`( item, ... )`."""
        self.expect("(")
        items = self.listed(item)
        self.expect(")")
        return items

    def if_exists(self) -> bool:
        """Read IF EXISTS."""
        return self.accept("IF", "EXISTS")

    def if_not_exists(self) -> bool:
        """Read IF NOT EXISTS."""
        return self.accept("IF", "NOT", "EXISTS")


def sub_cursor(tokens: Sequence[Token], parent: Cursor) -> Cursor:
    """A cursor over a stretch of another one's tokens."""
    stop = tokens[-1].end if tokens else 0
    return Cursor((*tokens, Token("end", "", "", stop, stop)), parent.sql, mariadb=parent.mariadb)


def split_commas(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """The stretches between commas outside of parentheses."""
    parts: list[Sequence[Token]] = []
    depth = first = 0
    for index, token in enumerate(tokens):
        key = token.key
        if key == "," and depth == 0:
            parts.append(tokens[first:index])
            first = index + 1
        elif key == "(":
            depth += 1
        elif key == ")":
            depth -= 1
    parts.append(tokens[first:])
    return parts


def unwrapped(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens without parentheses around all of them."""
    while tokens and tokens[0].key == "(" and matching(tokens, 0) == len(tokens) - 1:
        tokens = tokens[1:-1]
    return tokens


def matching(tokens: Sequence[Token], opening: int) -> int:
    """The index of the parenthesis that closes the one at `opening` (or of the last token)."""
    depth = 0
    for index in range(opening, len(tokens)):
        key = tokens[index].key
        if key == "(":
            depth += 1
        elif key == ")":
            depth -= 1
            if depth == 0:
                return index
    return len(tokens) - 1
