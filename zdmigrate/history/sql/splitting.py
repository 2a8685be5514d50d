"""Several statements in one text: where one ends and the next begins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from zdmigrate.history.sql.tokens import Token

_DELIMITER = re.compile(r"^[ \t]*DELIMITER[ \t]+(\S+)[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(
    r"`(?:[^`]++|``)*+`|'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\"|/\*.*?\*/|--(?=\s)[^\n]*|\#[^\n]*",
    re.DOTALL,
)
_STORED = frozenset({"TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"})
_BLOCKS = frozenset({"IF", "LOOP", "REPEAT", "WHILE", "FOR"})
_BEFORE_STATEMENT = frozenset({";", "THEN", "ELSE", "DO", "BEGIN", "LOOP", "REPEAT", "ROW", "ATOMIC", ":", ")"})


def delimited(sql: str) -> Iterator[tuple[str, bool]]:
    """The stretches between DELIMITER lines, and whether each is a whole statement.

    A stretch under the delimiter `;` may still hold several statements; under any other delimiter each part
    is one statement, whatever it holds.
    """
    position, delimiter = 0, ";"
    for line in [*_DELIMITER.finditer(sql), None]:
        stretch = sql[position : line.start() if line else len(sql)]
        if delimiter == ";":
            yield stretch, False
        else:
            for part in _parts(stretch, delimiter):
                yield part, True
        if line is not None:
            position, delimiter = line.end(), line[1]


def uses_delimiter(sql: str) -> bool:
    """Whether there are DELIMITER lines (a cheap test)."""
    return "elimiter" in sql.lower() and _DELIMITER.search(sql) is not None


def _parts(sql: str, delimiter: str) -> Iterator[str]:
    """The text between the delimiters that stand outside of strings and comments."""
    start = position = 0
    while True:
        found = sql.find(delimiter, position)
        if found < 0:
            yield sql[start:]
            return
        quoted = next((match for match in _QUOTED.finditer(sql, position) if match.end() > found), None)
        if quoted is not None and quoted.start() < found:
            position = quoted.end()
            continue
        yield sql[start:found]
        start = position = found + len(delimiter)


def statements(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each statement, without the semicolons; empty statements are left out."""
    first = depth = 0
    stored: bool | None = None
    for index, token in enumerate(tokens):
        key = token.key
        if token.kind == "end" or (key == ";" and not depth):
            if index > first:
                yield tokens[first:index]
            first, stored, depth = index + 1, None, 0
            continue
        if stored is None and index == first:
            stored = _begins_stored(tokens, first)
        if stored and token.kind == "word":
            depth = max(0, depth + _nesting(tokens, index))


def _begins_stored(tokens: Sequence[Token], first: int) -> bool:
    """Whether the statement may hold others: a stored program, or MariaDB's BEGIN NOT ATOMIC."""
    key = tokens[first].key
    if key == "BEGIN":
        return tokens[first + 1].key == "NOT"
    if key not in ("CREATE", "ALTER"):
        return False
    for token in tokens[first + 1 : first + 20]:
        if token.key in _STORED:
            return True
        if token.key in ("TABLE", "VIEW", "INDEX", "DATABASE", "USER", ";"):
            return False
    return False


def _nesting(tokens: Sequence[Token], index: int) -> int:
    """+1 for a word that opens a block that END closes, -1 for END, else 0."""
    key = tokens[index].key
    before = tokens[index - 1].key if index else ""
    after = tokens[index + 1].key if index + 1 < len(tokens) else ""
    if before == ".":
        return 0
    if key == "END":
        return -1
    if before == "END":
        return 0
    if key in ("BEGIN", "CASE"):
        return 1
    if key in _BLOCKS and before in _BEFORE_STATEMENT:
        if key == "IF" and after in ("EXISTS", "NOT"):
            # A condition, `IF [NOT] EXISTS (SELECT ...)`, not the clause of CREATE and DROP.
            last = index + (2 if after == "NOT" else 1)
            exists = tokens[min(last, len(tokens) - 1)].key == "EXISTS"
            return int(not exists or tokens[min(last + 1, len(tokens) - 1)].key == "(")
        return int(not (key == "REPEAT" and after == "(") and not (key == "FOR" and after in ("EACH", "UPDATE")))
    return 0
