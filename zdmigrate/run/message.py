"""What is sent for a statement, beside what people may read of it: its text, without the values of anybody's rows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zdmigrate.history.sql.tokens import tokenize

#: What a driver is given beside a text: values for %s or %(name)s, or None for a text that is sent as it is.
Values = Sequence[object] | Mapping[str, object] | None

#: Where servers quote a value of a row in an error: 1062, 1366, 1292 and their kin.
_QUOTED_DATA = (
    (re.compile(r"Duplicate entry '.*' for key", re.DOTALL), "Duplicate entry '?' for key"),
    (re.compile(r"(value:? )'.*'( for column| for function| at row|$)", re.DOTALL), r"\1'?'\2"),
)
_ANSWER = re.compile(r"(\d+) rows?(?:, id (\d+))?")


@dataclass(frozen=True, slots=True)
class Message:
    """One statement on its way to a server.

    Attributes:
        values: what is bound; of `many`, a sequence of them.
        shown: what is told of it instead, by reports and the journal; "" when the text may be told as it is.
        sha256: by which the journal knows it, values included.
    """

    sql: str
    sha256: str
    values: Values = None
    many: bool = False
    shown: str = ""

    @property
    def told(self) -> str:
        """The text that people may read."""
        return self.shown or self.sql


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said of a statement that changes rows: how many it found, and the first AUTO_INCREMENT value."""

    rows: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.rows} row{'' if self.rows == 1 else 's'}" + (f", id {self.id}" if self.id else "")

    @classmethod
    def read(cls, text: str) -> Answer:
        """The answer whose text the journal has; no rows when it has none."""
        found = _ANSWER.match(text)
        return cls(int(found[1]), int(found[2] or 0)) if found else cls()


def hash_of(*texts: str) -> str:
    """The hash of the texts a server would be sent."""
    found = hashlib.sha256()
    for text in texts:
        found.update(text.encode(errors="surrogateescape"))
        found.update(b"\0")
    return found.hexdigest()


def masked(sql: str, *, percent: bool, ansi_quotes: bool = False) -> str:
    """The text with `?` for every literal and placeholder, for a statement whose literals may be somebody's data.

    Args:
        percent: the text goes through the driver's `%` formatting.
        ansi_quotes: "a" is a name, not a string.
    """
    pieces: list[str] = []
    position = 0
    for token in tokenize(sql, percent=percent, ansi_quotes=ansi_quotes):
        data = token.kind in ("string", "number", "bits", "bad") or (percent and token.kind == "param")
        if data or (percent and token.text == "%"):
            pieces += (sql[position : token.start], "?" if data else "%")
            position = token.end
    return "".join([*pieces, sql[position:]])


def without_data(message: str) -> str:
    """A server's message without the value of a row that it quotes."""
    for pattern, words in _QUOTED_DATA:
        message = pattern.sub(words, message)
    return message
