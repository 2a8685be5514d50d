"""What the body of a trigger does, as far as its words tell: SIGNALs, columns of NEW set, tables written, calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zdmigrate.history.sql.tokens import tokenize

_STARTS = frozenset({"BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ATOMIC"})
_ENDS_LIST = frozenset({"WHERE", "ORDER", "LIMIT", "ON"})


@dataclass(frozen=True, slots=True)
class TableWrite:
    """INSERT, REPLACE, UPDATE or DELETE on a table; `columns` are those an UPDATE sets or an INSERT names."""

    verb: str
    table: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effects:
    """What a body does.

    Attributes:
        signals: it raises an error by SIGNAL or RESIGNAL.
        sets: columns of NEW that it assigns.
        writes: tables it writes.
        calls: procedures it calls, whose bodies may do anything.
    """

    signals: bool = False
    sets: tuple[str, ...] = ()
    writes: tuple[TableWrite, ...] = ()
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    quoted: bool = False

    @property
    def upper(self) -> str:
        return "" if self.quoted else self.text.upper()


def effects(body: str) -> Effects:
    """Read a body. Statements it does not know (IF, DECLARE, SELECT ... INTO) have no effect of their own."""
    signals, sets, writes, calls = False, list[str](), list[TableWrite](), list[str]()
    for tokens in _statements(list(_tokens(body))):
        match tokens[0].upper:
            case "SIGNAL" | "RESIGNAL":
                signals = True
            case "SET":
                sets.extend(_new_columns(tokens[1:]))
            case "CALL":
                calls.append("".join(token.text for token in _until(tokens[1:], "(")))
            case "INSERT" | "REPLACE" | "UPDATE" | "DELETE":
                writes.append(_write(tokens))
            case _:
                sets.extend(_select_into(tokens))
    return Effects(signals, tuple(dict.fromkeys(sets)), tuple(writes), tuple(calls))


def _tokens(body: str) -> Iterator[_Token]:
    for token in tokenize(body):
        if token.kind != "end":
            yield _Token(token.text, quoted=token.kind in ("name", "string", "bits", "bad"))


def _statements(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """The simple statements of a body: cut at `;` and after the words that open a block."""
    current: list[_Token] = []
    for index, token in enumerate(tokens):
        after_end = bool(current) and current[-1].upper == "END"
        if token.text == ";" and not token.quoted:
            if current:
                yield current
            current = []
        elif token.upper in _STARTS and not after_end and not _is_function(tokens, index):
            if current and current[0].upper in (
                "SET",
                "INSERT",
                "REPLACE",
                "UPDATE",
                "DELETE",
                "SELECT",
                "SIGNAL",
                "CALL",
            ):
                current.append(token)  # a word of CASE inside a statement
                continue
            current = []
        else:
            current.append(token)
    if current:
        yield current


def _is_function(tokens: list[_Token], index: int) -> bool:
    return tokens[index].upper == "REPEAT" and index + 1 < len(tokens) and tokens[index + 1].text == "("


def _until(tokens: list[_Token], *stops: str) -> list[_Token]:
    found: list[_Token] = []
    for token in tokens:
        if token.upper in stops:
            break
        found.append(token)
    return found


def _assignments(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """The parts of a SET list, cut at commas outside parentheses."""
    depth, current = 0, list[_Token]()
    for token in tokens:
        if token.text == "(" and not token.quoted:
            depth += 1
        elif token.text == ")" and not token.quoted:
            depth -= 1
        if token.upper in _ENDS_LIST and depth == 0:
            break
        if token.text == "," and depth == 0 and not token.quoted:
            yield current
            current = []
        else:
            current.append(token)
    if current:
        yield current


def _new_columns(tokens: list[_Token]) -> Iterator[str]:
    for part in _assignments(tokens):
        if len(part) > 3 and part[0].text.upper() == "NEW" and part[1].text == "." and part[3].text in ("=", ":="):
            yield part[2].text


def _select_into(tokens: list[_Token]) -> Iterator[str]:
    if tokens[0].upper not in ("SELECT", "FETCH"):
        return
    words = [token.upper for token in tokens]
    if "INTO" in words:
        rest = tokens[words.index("INTO") + 1 :]
        for first, dot, name in zip(rest, rest[1:], rest[2:], strict=False):
            if first.text.upper() == "NEW" and dot.text == ".":
                yield name.text


def _write(tokens: list[_Token]) -> TableWrite:
    verb = tokens[0].upper
    skipped = {"LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "QUICK", "IGNORE", "INTO", "FROM"}
    rest = tokens[1:]
    while rest and rest[0].upper in skipped:
        rest = rest[1:]
    table = rest[0].text if rest else ""
    rest = rest[1:]
    while len(rest) > 1 and rest[0].text == "." and not rest[0].quoted:
        table, rest = f"{table}.{rest[1].text}", rest[2:]
    words = [token.upper for token in rest]
    if verb == "UPDATE":
        if "SET" not in words:
            return TableWrite(verb, table)
        joined = any(
            word in ("JOIN", ",") or token.text == "," for word, token in zip(words, rest, strict=True) if word
        )
        several = (joined and "," in [token.text for token in rest[: words.index("SET")]]) or "JOIN" in words
        names = [_target(part) for part in _assignments(rest[words.index("SET") + 1 :])]
        return TableWrite(verb, "" if several else table, tuple(name for name in names if name))
    if rest and rest[0].text == "(" and verb in ("INSERT", "REPLACE"):
        return TableWrite(verb, table, tuple(token.text for token in _until(rest[1:], ")") if token.text != ","))
    return TableWrite(verb, table)


def _target(part: list[_Token]) -> str:
    names = [token.text for token in _until(part, "=", ":=") if token.text != "."]
    return names[-1] if names else ""
