"""Comparing what a replay recorded with what another replay, or a real server's cursor, was given."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>/\*(?!!).*?\*/|--[ \t][^\n]*)
  | (?P<string>(?:_binary\s*)?(?:'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"))
  | (?P<name>`(?:[^`]|``)*`)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w$]))
  | (?P<word>[\w$@]+)
  | (?P<other>.)
    """,
    re.X | re.S,
)
_ESCAPE = re.compile(r"\\(.)|''|\"\"", re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[-+]\d\d:?\d\d|Z)?)?")
_EPOCH_MS = re.compile(r"1[789]\d{11}")
_MADE_UP_ID = re.compile(r"\b9000\d{5}\b")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)
_KEY_NAME = re.compile(r"CONSTRAINT \S+ PRIMARY KEY")  # MySQL calls every primary key PRIMARY
_BOOLEANS = {"TRUE": "1", "FALSE": "0"}
_READS = {"SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "WITH", "("}
_SESSION_ONLY = {"COMMIT", "ROLLBACK", "BEGIN", "START", "SAVEPOINT", "RELEASE"}


def normalise(sql: str) -> str:
    """A text that is equal for two spellings of one statement.

    Whitespace, comments and a closing semicolon go; literals lose their spelling; times and UUIDs, which a
    revision makes up when it runs, become placeholders.
    """
    pieces = []
    for match in _TOKEN.finditer(sql.strip().rstrip(";")):
        if match[0] == ";":
            continue  # between the statements of one text, or inside a routine
        match match.lastgroup:
            case "space" | "comment":
                continue
            case "string":
                pieces.append(_string(match[0]))
            case "number":
                pieces.append("<time>" if _EPOCH_MS.fullmatch(match[0]) else format(Decimal(match[0]).normalize(), "f"))
            case "word" if match[0].upper() in _BOOLEANS:
                pieces.append(_BOOLEANS[match[0].upper()])
            case _:
                pieces.append(match[0])
    return _KEY_NAME.sub("PRIMARY KEY", " ".join(pieces))


def _string(text: str) -> str:
    text = re.sub(r"^_binary\s*", "", text)
    value = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]) if found[1] else found[0][0], text[1:-1])
    if _TIME.fullmatch(value):
        return "'<time>'"
    if _UUID.fullmatch(value):
        return "'<uuid>'"
    return f"'{value}'"


def changes(sql: str, *, version_table: str = "alembic_version") -> bool:
    """Whether a statement a cursor was given is more than reading, transactions, or Alembic's own bookkeeping."""
    text = normalise(sql)
    words = text.split(" ", 3)
    first = words[0].upper() if words else ""
    if not first or first in _SESSION_ONLY or (first in _READS and not _writes(text)):
        return False
    return version_table not in text.replace("`", "").split()


def _writes(text: str) -> bool:
    return text.startswith("WITH") and re.search(r"\) (?:UPDATE|DELETE|INSERT) ", text) is not None


@dataclass(frozen=True)
class LiveComparison:
    """One revision: what the server was given against what the replay recorded."""

    revision: str
    identical: bool
    error: str | None
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


def compare_live(recorded: Mapping[str, Any], live: Mapping[str, Any]) -> LiveComparison:
    """Identical when the server was given every statement recorded as certain, and nothing that was not recorded.

    What is recorded as depending on data may be missing: the server's tables are empty. It may not differ in order.
    """
    given = _settled(normalise(item["sql"]) for item in live["sent"] if changes(item["sql"]))
    kept = [item for item in recorded["statements"] if changes(item["sql"])]
    may_be_missing = {normalise(item["sql"]) for item in kept if item["data_dependent"]}
    texts = _settled(normalise(item["sql"]) for item in kept)
    optional = [text in may_be_missing for text in texts]
    same = _matches(texts, optional, given)
    missing = tuple((Counter(given) - Counter(texts)).elements())
    certain = Counter(text for text, may in zip(texts, optional, strict=True) if not may)
    extra = tuple((certain - Counter(given)).elements())
    return LiveComparison(recorded["revision"], same, live["error"], missing, extra)


def _matches(texts: Sequence[str], optional: Sequence[bool], given: Sequence[str]) -> bool:
    """Whether `given` is `texts` in order with some of the optional ones left out.

    One text that was sent may be several statements, so they are compared as one run of tokens. AUTO_INCREMENT
    values are the server's; the replay makes up its own.
    """
    whole = "".join(f"{text} " for text in given)
    reachable = {0}
    for text, may in zip(texts, optional, strict=True):
        pattern = re.compile(_MADE_UP_ID.sub(r"\\d+", re.escape(text)) + " ")
        step = {found.end() for position in reachable if (found := pattern.match(whole, position))}
        reachable = step | reachable if may else step
    return len(whole) in reachable


def _settled(texts: Iterable[str]) -> list[str]:
    """Indexes of one table made one after the other in alphabetical order: SQLAlchemy keeps them in a set."""
    found: list[str] = []
    for table, group in itertools.groupby(texts, _indexed_table):
        texts_of_one = list(group)
        found += sorted(texts_of_one) if table else texts_of_one
    return found


def _indexed_table(text: str) -> str:
    found = re.match(r"CREATE (?:UNIQUE )?INDEX \S+ ON (\S+)", text)
    return found[1] if found else ""


@dataclass(frozen=True)
class StubComparison:
    """What a run with stand-ins lacks of the installed one, in revisions it does not call unknown."""

    missed: Mapping[str, tuple[str, ...]]

    @property
    def count(self) -> int:
        """Statements missed."""
        return sum(map(len, self.missed.values()))


def is_unknown(revision: Mapping[str, Any]) -> bool:
    """Whether a revision, or one of its changes, is reported as unknown."""
    return revision["error"] is not None or any(item["verdict"] == "unknown" for item in revision["statements"])


def _text(statement: Mapping[str, Any]) -> str:
    """A statement to compare two replays by: what depends on a made-up row, without the values of that row."""
    text = normalise(statement["sql"])
    return re.sub(r"'[^']*'|\b\d+\b", "?", text) if statement["data_dependent"] else text


def compare_stubs(installed: Iterable[Mapping[str, Any]], stubbed: Iterable[Mapping[str, Any]]) -> StubComparison:
    """Every statement of the installed run is recorded by the other one, or its revision is unknown there."""
    other = {item["revision"]: item for item in stubbed}
    missed = {}
    for revision in installed:
        found = other.get(revision["revision"])
        if found is not None and is_unknown(found):
            continue
        there = Counter(_text(item) for item in found["statements"]) if found else Counter[str]()
        here = Counter(_text(item) for item in revision["statements"])
        lacking = tuple((here - there).elements())
        if lacking:
            missed[revision["revision"]] = lacking
    return StubComparison(missed)
