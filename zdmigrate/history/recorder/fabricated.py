"""Made-up rows: what a SELECT answers when the schema is known and the data is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from zdmigrate.history.catalog import Column
from zdmigrate.history.recorder.answers import FABRICATED_TIME, FABRICATED_UUID

#: A row is given to this many SELECTs of the same text, then the table is "empty": loops over batches must end.
#: A revision that looks up the same row for each of many names (permissions, roles) asks often, too.
_SAME_TEXT = 20
#: The same for texts that differ in numbers only: a loop over batches that pages by id.
_SAME_BUT_NUMBERS = 40

_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "year", "bit")
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_BLOBS = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")

#: The first AUTO_INCREMENT value handed out; statements that carry one are recognised by it.
FIRST_ID = 900_000_001
_JSON_NAME = re.compile(r"json|params|metadata|config|conf$|extra|options|settings|context|position|payload", re.I)
_URL_NAME = re.compile(r"(?:^|_)ur[il]$", re.I)
#: A pickled empty dict: what a BLOB column of a Python app often holds.
_PICKLED = b"\x80\x04}\x94."
_NUMBER = re.compile(r"\d+")
_NUMBERED = re.compile(r"(?:^|_)(?:id|count|version|num|number|total|sum|max|min|len)$|\(", re.I)
_CARRIES = re.compile(rf"\b9000\d{{5}}\b|{FABRICATED_UUID}|{FABRICATED_TIME}")


def carries_fabrication(sql: str) -> bool:
    """True when a statement contains an id, time or UUID that we made up."""
    return _CARRIES.search(sql) is not None


@dataclass
class Fabrication:
    """How SELECTs are answered in one pass.

    Attributes:
        rows: False for the pass in which every table is empty.
        text: what a text column holds; None for NULL.
        withheld: SELECTs answered with no row although `rows` is set.
        last: the SELECT whose row was handed out last.
    """

    rows: bool = False
    text: str | None = "1"
    withheld: frozenset[str] = frozenset()
    last: str = ""
    _seen: Counter[str] = field(default_factory=Counter)

    def give(self, sql: str) -> bool:
        """Whether this SELECT gets its row."""
        if not self.rows or sql in self.withheld:
            return False
        pattern = _NUMBER.sub("?", sql)
        self._seen[sql] += 1
        if pattern != sql:
            self._seen[pattern] += 1
        if self._seen[sql] > _SAME_TEXT or self._seen[pattern] > _SAME_BUT_NUMBERS:
            return False
        self.last = sql
        return True

    def affected(self, sql: str) -> int:
        """Rows an UPDATE or DELETE changes: none when tables are empty, else one, but not for ever."""
        if not self.rows:
            return 0
        self._seen[sql] += 1
        return int(self._seen[sql] <= _SAME_TEXT)

    def row(self, labels: Sequence[tuple[str, Column | None]], *, aggregate: bool) -> tuple[object, ...]:
        """One typed row."""
        return tuple(
            self._value(column) if column is not None and not aggregate else self._unknown(label, aggregate)
            for label, column in labels
        )

    def _unknown(self, label: str, aggregate: bool) -> object:
        return 1 if aggregate or _NUMBERED.search(label) else self.text

    def _value(self, column: Column) -> object:
        kind = column.type
        if kind.members:
            return kind.members[0]
        if kind.name in _INTEGERS:
            return 2020 if kind.name == "year" else 1
        if kind.name in _TEXTS:
            return self._text(column)
        if kind.name in _BLOBS:
            return None if self.text is None else b"\x01" * 16 if kind.args == (16,) else _PICKLED
        match kind.name:
            case "decimal":
                return Decimal(1)
            case "float" | "double":
                return 1.0
            case "datetime" | "timestamp":
                return datetime(2020, 1, 1)
            case "date":
                return date(2020, 1, 1)
            case "time":
                return timedelta(0)
            case "json":
                return self.text if self.text in ("[]", None) else "{}"
            case _:
                return self.text

    def _text(self, column: Column) -> str | None:
        length = column.type.args[0] if column.type.args else 0
        fixed, nullable = column.type.name == "char", column.nullable
        if self.text == "1" and _JSON_NAME.search(column.name) and length not in (32, 36):
            return "{}"
        if _URL_NAME.search(column.name) and (self.text == "1" or not nullable):
            return "mysql+pymysql://user@localhost/db"
        if self.text == "1" and length == 36:
            return "00000000-0000-4000-8000-000000000001"
        if self.text == "1" and length == 32 and fixed:
            return "00000000000040008000000000000001"
        return self.text if self.text is not None or nullable else "1"
