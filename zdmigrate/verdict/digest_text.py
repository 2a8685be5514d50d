"""Statement digests of performance_schema, read: which tables, columns and `*` a statement names, scope by scope.

A digest has its literals replaced by `?` and `...`, its comments dropped and its keywords in capitals. Two things make
it unlike SQL: an unquoted identifier that is also a keyword is shown as that keyword (`name` as NAME, and `day` as
SQL_TSI_DAY), and a long statement ends where the server's `max_digest_length` did, without a mark. Measured on MySQL
9.7 and MariaDB 10.11. Names are compared without regard to case: doubt finds a statement rather than misses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from zdmigrate.history.sql.tokens import Token, tokenize
from zdmigrate.history.sql.words import RESERVED, words

#: Keywords that are shown as another keyword of the same meaning.
_SHOWN_AS = {
    "ANY": "SOME", "COLUMNS": "FIELDS", "CURRENT_DATE": "CURDATE", "CURRENT_TIME": "CURTIME",
    "CURRENT_TIMESTAMP": "NOW", "DATABASE": "SCHEMA", "DAY": "SQL_TSI_DAY", "GEOMCOLLECTION": "GEOMETRYCOLLECTION",
    "HOUR": "SQL_TSI_HOUR", "IO_THREAD": "RELAY_THREAD", "LOCALTIME": "NOW", "LOCALTIMESTAMP": "NOW",
    "MINUTE": "SQL_TSI_MINUTE", "MONTH": "SQL_TSI_MONTH", "NDB": "NDBCLUSTER", "QUARTER": "SQL_TSI_QUARTER",
    "REPLICA": "SLAVE", "REPLICAS": "SLAVES", "REPLICA_POS": "SLAVE_POS", "SECOND": "SQL_TSI_SECOND",
    "SQL_TSI_WEEK": "WEEK", "SQL_TSI_YEAR": "YEAR", "USER": "SYSTEM_USER",
}  # fmt: skip
#: Bytes of a token in the digest, and beside the name in an identifier; the longest identifier has 64 letters.
_TOKEN_BYTES, _NAME_BYTES, _LONGEST_NAME = 2, 4, 260
_LITERALS = words("NULL TRUE FALSE")
_QUERY = words("SELECT WITH TABLE VALUES")
_ENDS_SOURCES = words("WHERE GROUP HAVING ORDER LIMIT WINDOW INTO PROCEDURE RETURNING SET VALUES VALUE")
_SET_OPERATIONS = words("UNION EXCEPT INTERSECT MINUS")
_NO_ALIAS = words("OFFSET RETURNING WINDOW EXCEPT INTERSECT MINUS")
_MODIFIERS = words("LOW_PRIORITY DELAYED HIGH_PRIORITY IGNORE QUICK")
#: What reads or changes rows; the rest defines, shows or explains, and a step that removes a name is no news to it.
_VERBS = words("SELECT WITH TABLE VALUES INSERT REPLACE UPDATE DELETE DO SET CALL CREATE LOAD TRUNCATE HANDLER")


def canonical(name: str) -> str:
    """The name as it is compared: in lower case, and a keyword as the server shows it."""
    return _SHOWN_AS.get(name.upper(), name).lower()


@dataclass(frozen=True, slots=True)
class Source:
    """A table that a query reads or changes; `schema` is "" where the statement does not say it."""

    schema: str
    table: str
    alias: str


@dataclass(frozen=True, slots=True)
class Name:
    """Something named like a column: its qualifiers before it, and the clause it stands in."""

    parts: tuple[str, ...]
    clause: str


@dataclass(slots=True)
class Scope:
    """What one SELECT, or the statement around it, names.

    Attributes:
        outer: where a name is looked for next.
        derived: by alias, the columns of subqueries and common table expressions that are read like tables.
        stars: the qualifier of every `*`, "" for none.
        labels: the names given to selected expressions.
        united: part of a UNION, whose parts must have the same number of columns.
        feeds: its rows are inserted.
        natural: has a NATURAL JOIN.
    """

    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    derived: dict[str, frozenset[str]] = field(default_factory=dict)
    names: list[Name] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    united: bool = False
    feeds: bool = False
    natural: bool = False

    @property
    def columns(self) -> frozenset[str]:
        """What it is known to give to whoever reads it as a table."""
        return frozenset(self.labels | {item.parts[-1] for item in self.names if item.clause == "SELECT"})


@dataclass(slots=True)
class Statement:
    """One digest, read.

    Attributes:
        verb: the keyword it begins with; "" when it neither reads nor changes rows.
        scopes: every SELECT of it, and the statement around them.
        unlisted: the table it inserts into without naming columns.
        size: bytes of the digest the server kept, by our count: it cuts at `max_digest_length`.
    """

    verb: str = ""
    scopes: list[Scope] = field(default_factory=list)
    unlisted: Source | None = None
    size: int = 0

    def may_be_cut(self, longest: int) -> bool:
        """Whether the server, which keeps `longest` bytes, may have dropped the rest of it."""
        return self.size + _LONGEST_NAME > longest

    def sources(self) -> Iterator[Source]:
        """Every table it names."""
        for scope in self.scopes:
            yield from scope.sources


def read(text: str) -> Statement:
    """Read the text of a digest. What cannot be understood is left out; nothing is raised."""
    tokens = _tokens(text)
    size = _size(tokens)
    while tokens and tokens[0].key in ("PREPARE", "EXECUTE"):  # MySQL shows what was prepared
        tokens = tokens[1:]
    if len(tokens) > 1 and (tokens[0].key, tokens[1].key) == ("SET", "STATEMENT"):
        tokens = tokens[next((index for index, token in enumerate(tokens) if token.key == "FOR"), 0) + 1 :]
    first = next((token.key for token in tokens if token.key != "("), "")
    if first not in _VERBS or (first == "CREATE" and not _makes_table_of_rows(tokens)):
        return Statement(size=size)
    made = Statement(first, size=size)
    _Reader(tokens, made).read()
    return made


def words_of(sql: str) -> tuple[str, ...]:
    """The words of a statement or of its digest, without literals and signs: the same for both."""
    return tuple(
        canonical(token.text)
        for token in _tokens(sql)
        if token.kind == "name" or (token.kind == "word" and token.key not in _LITERALS and token.text[0] != "_")
    )


def _tokens(text: str) -> list[Token]:
    plain = text.replace("(_charset)", "").replace("(unknown)", "?").replace("...", "?")
    return tokenize(plain)[:-1]


def _size(tokens: Iterable[Token]) -> int:
    return sum(
        _TOKEN_BYTES if token.kind != "name" else _NAME_BYTES + len(token.text.encode(errors="replace"))
        for token in tokens
    )


def _makes_table_of_rows(tokens: Sequence[Token]) -> bool:
    """CREATE TABLE ... SELECT."""
    return any(item.key == "TABLE" for item in tokens[1:4]) and any(item.key == "SELECT" for item in tokens)


@dataclass(slots=True)
class _Frame:
    """One level of parentheses.

    Attributes:
        query: it holds a query; else an expression or a list.
        listing: what is named now are tables, and commas divide them.
        expecting: the next name is a table.
        clause: the clause of the query.
        source: it stands where a table may stand, so that an alias follows it.
        table: name of the common table expression that it defines, "" for none.
        heads: names of common table expressions come now.
        started: a SELECT of it began; `first` is the scope of its first one, `last` that of the last in parentheses.
        uniting: a UNION divides it.
    """

    scope: Scope
    query: bool
    listing: bool = False
    expecting: bool = False
    clause: str = ""
    source: bool = False
    table: str = ""
    heads: bool = False
    started: bool = False
    uniting: bool = False
    first: Scope | None = None
    last: Scope | None = None


class _Reader:
    """Walks the tokens once."""

    def __init__(self, tokens: Sequence[Token], statement: Statement) -> None:
        self._tokens = tokens
        self._statement = statement
        self._at = 0
        self._ctes: dict[str, frozenset[str]] = {}
        self._top = self._scope(None)
        self._frames = [_Frame(self._top, query=True)]

    def read(self) -> None:
        self._begin()
        while self._at < len(self._tokens):
            before = self._at
            self._step()
            if self._at == before:
                self._at += 1

    # --- the first words

    def _begin(self) -> None:
        """What the verb says of the names that follow."""
        verb, frame = self._statement.verb, self._frames[0]
        if verb in ("INSERT", "REPLACE") and self._key() == verb:
            self._skip(verb, *_MODIFIERS, "INTO")
            self._insert()
        elif verb == "UPDATE" and self._key() == verb:
            self._skip(verb, *_MODIFIERS)
            frame.listing = frame.expecting = True
        elif verb in ("TRUNCATE", "HANDLER"):
            self._skip(verb, "TABLE")
            frame.listing = frame.expecting = True
        elif verb == "LOAD":
            while self._at < len(self._tokens) and self._key() != "INTO":
                self._at += 1
            self._skip("INTO", "TABLE")
            self._insert()
        elif verb == "CREATE":
            while self._at < len(self._tokens) and self._key() != "SELECT":
                self._at += 1

    def _insert(self) -> None:
        source = self._table()
        if source is None:
            return
        self._top.sources.append(source)
        if self._key() == "PARTITION":
            self._at = self._after_group(self._at + 1)
        listed = self._key() == "SET"
        if self._key() == "(" and self._key(1) not in _QUERY and self._key(1) != "(":
            listed = True  # `( )` gives no value to any column
        if not listed:
            self._statement.unlisted = source

    # --- one step

    def _step(self) -> None:
        token, frame = self._tokens[self._at], self._frames[-1]
        key = token.key
        match key:
            case "(":
                self._open(frame)
            case ")":
                self._close()
            case "*":
                if frame.query and frame.clause == "SELECT" and not self._follows_operand():
                    frame.scope.stars.append("")
            case "SELECT":
                self._select(frame)
            case "WITH":
                frame.heads = self._key(1) not in ("ROLLUP", "QUERY", "PARSER", "CONSISTENT")
            case "TABLE" if frame.query:  # TABLE t
                self._select(frame)
                frame.listing = frame.expecting = True
                frame.scope.stars.append("")
            case "UPDATE" if self._statement.verb == "WITH" and len(self._frames) == 1 and self._key(-1) != "FOR":
                frame.listing = frame.expecting = True
            case "FROM" if frame.query:
                frame.listing = frame.expecting = True
                frame.clause = key
            case "USING" if frame.query and self._statement.verb == "DELETE" and self._key(1) != "(":
                frame.scope.sources.clear()  # they were what the tables that follow are called
                frame.listing = frame.expecting = True
            case "JOIN" | "STRAIGHT_JOIN" if self._key(-1) != "FOR":  # not of an index hint
                frame.expecting = frame.listing
            case "NATURAL":
                frame.scope.natural = True
            case ",":
                frame.expecting = frame.listing
            case "ON" if self._key(1) == "DUPLICATE":
                self._on_duplicate(frame)
            case _ if key in _SET_OPERATIONS and not frame.expecting:
                frame.scope.united = frame.uniting = True
                if frame.last is not None:
                    frame.last.united = True
                frame.listing = frame.expecting = False
            case _ if key in _ENDS_SOURCES and frame.query:
                frame.listing = frame.expecting = False
                frame.clause = key
            case _ if token.kind == "name" or (token.kind == "word" and key not in RESERVED):
                self._identifier(frame)

    def _select(self, frame: _Frame) -> None:
        before = frame.scope
        if frame.started or (before is self._top and self._statement.verb not in ("SELECT", "WITH", "TABLE")):
            frame.scope = self._scope(before.outer)
            frame.scope.feeds = before.feeds
        if frame is self._frames[0]:
            frame.scope.feeds = self._inserts
        frame.scope.united = frame.uniting
        frame.first = frame.first or frame.scope
        frame.started, frame.clause, frame.listing, frame.expecting = True, "SELECT", False, False

    @property
    def _inserts(self) -> bool:
        return self._statement.verb in ("INSERT", "REPLACE")

    def _on_duplicate(self, frame: _Frame) -> None:
        """What follows may name the table that is inserted into, and those that are selected from."""
        if frame.scope is not self._top:
            both = self._scope(None)
            both.sources = [*self._top.sources, *frame.scope.sources]
            frame.scope = both
        frame.clause, frame.listing, frame.expecting = "ON DUPLICATE", False, False

    def _open(self, frame: _Frame) -> None:
        ahead = self._at + 1
        while ahead < len(self._tokens) and self._tokens[ahead].key == "(":
            ahead += 1
        query = ahead < len(self._tokens) and self._tokens[ahead].key in _QUERY
        if query and self._key(1) in _QUERY and not (self._key(1) == "VALUES" and self._key(2) == "("):
            beside = frame.expecting and self._key(-1) != "LATERAL"  # a subquery does not see the tables beside it
            made = _Frame(self._scope(frame.scope.outer if beside else frame.scope), query=True, source=frame.expecting)
            made.uniting = frame.uniting
            top = self._frames[0]
            made.scope.feeds = self._inserts and frame is top and not top.started and not top.clause
        else:
            made = _Frame(frame.scope, query=query and frame.expecting, listing=frame.expecting)
            made.expecting, made.source = frame.expecting, query and frame.expecting
        frame.expecting = False
        self._frames.append(made)

    def _close(self) -> None:
        if len(self._frames) == 1:
            return
        closed = self._frames.pop()
        frame = self._frames[-1]
        frame.last = closed.scope if closed.query else None
        self._at += 1
        columns = (closed.first or closed.scope).columns if closed.scope is not frame.scope else frozenset[str]()
        if closed.table:
            self._ctes[closed.table] = self._ctes.get(closed.table) or columns
            frame.heads = self._key() == ","
        elif closed.source:
            alias = self._alias()
            if alias:
                if self._key() == "(":
                    end = self._after_group(self._at)
                    columns = self._names_between(self._at, end)
                    self._at = end
                frame.scope.derived[alias] = columns

    # --- names

    def _identifier(self, frame: _Frame) -> None:
        if frame.heads:
            self._head(frame)
        elif frame.expecting:
            if self._tokens[self._at].key == "LATERAL":
                self._at += 1
                return
            frame.expecting = False
            self._source(frame)
        elif (self._at and self._key(-1) == "AS") or self._follows_operand():
            self._label(frame)
        else:
            self._name(frame)

    def _head(self, frame: _Frame) -> None:
        """`name [(columns)] AS (`."""
        name = canonical(self._tokens[self._at].text)
        self._at += 1
        if self._key() == "(":
            end = self._after_group(self._at)
            self._ctes[name] = self._names_between(self._at, end)
            self._at = end
        else:
            self._ctes[name] = frozenset()
        self._skip("AS")
        frame.heads = False
        if self._key() == "(":
            made = _Frame(self._scope(None), query=True, table=name)
            made.scope.feeds = self._inserts and frame is self._frames[0]
            self._frames.append(made)
            self._at += 1

    def _source(self, frame: _Frame) -> None:
        source = self._table()
        if source is None:
            return
        if self._key() == "(":  # a function that makes a table; its alias follows an operand
            return
        if self._key() == "PARTITION" and self._key(1) == "(":
            self._at = self._after_group(self._at + 1)
        alias = self._alias() or source.table
        if not source.schema and source.table in self._ctes:
            frame.scope.derived[alias] = self._ctes[source.table]
        elif source.table != "dual":
            frame.scope.sources.append(Source(source.schema, source.table, alias))

    def _table(self) -> Source | None:
        """`[schema .] table [. *]`."""
        parts = self._chain()
        if not parts:
            return None
        names = [part for part in parts if part != "*"]
        return Source(names[-2] if len(names) > 1 else "", names[-1], names[-1]) if names else None

    def _alias(self) -> str:
        named = self._key() == "AS"
        if named:
            self._at += 1
        if self._at >= len(self._tokens):
            return ""
        token = self._tokens[self._at]
        bare = token.kind == "word" and (named or (token.key not in RESERVED and token.key not in _NO_ALIAS))
        if token.kind != "name" and not bare:
            return ""
        self._at += 1
        return canonical(token.text)

    def _label(self, frame: _Frame) -> None:
        frame.scope.labels.add(canonical(self._tokens[self._at].text))
        self._at += 1

    def _name(self, frame: _Frame) -> None:
        parts = self._chain()
        if parts and parts[-1] == "*":
            frame.scope.stars.append(parts[-2] if len(parts) > 1 else "")
        elif parts and self._key() != "(":  # else it is a function
            frame.scope.names.append(Name(parts, frame.clause))

    def _chain(self) -> tuple[str, ...]:
        """`a`, `a . b`, `a . b . c`, with `*` for the last, and the index after it."""
        found: list[str] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if token.kind not in ("name", "word") and not (token.key == "*" and found):
                break
            found.append("*" if token.key == "*" else canonical(token.text))
            self._at += 1
            if self._key() != "." or found[-1] == "*":
                break
            self._at += 1
        return tuple(found)

    def _follows_operand(self) -> bool:
        """Whether the token before ends an expression, so that what follows it without an operator is its name."""
        if not self._at:
            return False
        before = self._tokens[self._at - 1]
        if before.kind == "word":
            return before.key in _LITERALS or before.key == "END"
        return before.kind in ("name", "param", "string", "number", "bits", "variable") or before.key == ")"

    # --- tokens

    def _key(self, ahead: int = 0) -> str:
        index = self._at + ahead
        return self._tokens[index].key if 0 <= index < len(self._tokens) else ""

    def _skip(self, *keys: str) -> None:
        while self._key() in keys and self._key():
            self._at += 1

    def _after_group(self, index: int) -> int:
        """The index after the parenthesis that closes the one at `index`."""
        depth = 0
        while index < len(self._tokens):
            depth += {"(": 1, ")": -1}.get(self._tokens[index].key, 0)
            index += 1
            if depth <= 0:
                break
        return index

    def _names_between(self, start: int, end: int) -> frozenset[str]:
        return frozenset(canonical(token.text) for token in self._tokens[start:end] if token.kind in ("name", "word"))

    def _scope(self, outer: Scope | None) -> Scope:
        made = Scope(outer)
        self._statement.scopes.append(made)
        return made
