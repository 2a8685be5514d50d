"""What the text of a trigger, routine, event or view names.

Texts are not parsed: a word counts wherever it stands, so that SQL put together in a string counts too. Taking too
much for a name only keeps a proof from holding; missing one would let a wrong proof stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from zdmigrate.history.catalog import Catalog

_WORD = re.compile(r"[\w$]+")
_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"")
_INSERT = frozenset({"insert", "replace", "load"})
#: All columns without a name: SELECT *, users.*, TABLE users, NATURAL JOIN; neither COUNT(*) nor a product.
_STAR = re.compile(
    r"(?:\.|\b(?:select|all|distinct|distinctrow|high_priority|straight_join|sql_\w+))\s*\*"
    r"|(?:^|[(;]|\b(?:as|begin|do|then|else|union|all|distinct|except|intersect))\s*table\b"
    r"|\bnatural\b|\brow\s+type\s+of\b|%rowtype\b",
    re.IGNORECASE,
)
#: INSERT INTO audit VALUES (...): every column by its place.
_BY_PLACE = re.compile(r"\b(?:insert|replace)\b(?:[^;(]*\b(?:values?|select|table|with)\b|[^;(]*\(\s*select\b)", re.I)


@dataclass(frozen=True, slots=True)
class StoredText:
    """An object of the database that statements of old code may go through.

    Attributes:
        kind, name: what people call it.
        text: its SQL.
        own: the key of a trigger's table or of the view itself; None for routines and events.
    """

    kind: str
    name: str
    text: str
    own: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def names(self, words: Collection[str]) -> bool:
        """Whether one of these (in lower case) stands in it as a whole word."""
        return not words_of(self.text).isdisjoint(words)

    def uses_column(self, tables: Collection[str], columns: Collection[str], *, left_out: bool = False) -> bool:
        """Whether it may name one of these columns of that table (bare names in lower case).

        Args:
            left_out: a row added to the table without the column counts too.
        """
        own = self.kind == "trigger" and bare(self.own or "") in tables
        if own and any(_of_row(column).search(self.text) for column in columns):
            return True
        if not self.names(tables):
            return False
        if self.names(columns) or _STAR.search(self.text) or _BY_PLACE.search(self.text):
            return True
        return left_out and (self.kind == "view" or self.names(_INSERT))

    def inserts_by_place(self, tables: Collection[str]) -> bool:
        """Whether it may add a row to that table without naming its columns."""
        alternatives = "|".join(re.escape(name) for name in tables)
        added = re.compile(
            rf"\b(?:insert|replace)\b[^;(]*?(?<![\w$])`?(?:{alternatives})`?"
            r"\s*(?:(?:values?|select|table|with)\b|\(\s*(?:\)|select\b|with\b))",
            re.IGNORECASE,
        )
        return added.search(self.text) is not None

    def reads_table(self, tables: Collection[str]) -> bool:
        """Whether it may do more with that table than add rows to it."""
        if not self.names(tables):
            return False
        if self.kind == "view" or self.names({"duplicate"}):
            return True
        alternatives = "|".join(re.escape(name) for name in tables)
        added = re.compile(rf"\binto\s+(?:`?[\w$]+`?\s*\.\s*)?`?(?:{alternatives})(?![\w$])`?", re.IGNORECASE)
        return not words_of(added.sub(" ", self.text)).isdisjoint(tables)


def bare(name: str) -> str:
    """The name without its schema, in lower case."""
    return name.rpartition(".")[2].lower()


@lru_cache(maxsize=2048)
def words_of(text: str) -> frozenset[str]:
    """Every word of a text, and every quoted name, in lower case."""
    quoted = {(first or second).lower() for first, second in _QUOTED.findall(text)}
    return frozenset({word.lower() for word in _WORD.findall(text)} | quoted)


def stored_texts(catalog: Catalog) -> Iterator[StoredText]:
    """The triggers, views, routines and events of a schema."""
    for trigger in catalog.triggers.values():
        yield StoredText("trigger", trigger.name, trigger.body, trigger.table)
    for key, view in catalog.views.items():
        yield StoredText("view", view.name, f"{view.definition}\n{_listed(view.tables)}", key)
    for routine in catalog.routines.values():
        yield StoredText(routine.kind, routine.name, routine.definition)


def _listed(names: Iterable[str]) -> str:
    return " ".join(f"`{bare(name)}`" for name in names)


@lru_cache(maxsize=512)
def _of_row(column: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:new|old)[`\"]?\s*\.\s*[`\"]?{re.escape(column)}(?![\w$])", re.IGNORECASE)
