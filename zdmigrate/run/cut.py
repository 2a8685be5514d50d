"""Cutting an UPDATE or DELETE into ranges of a key: what may be cut, and what one range looks like. Pure.

A range is one more condition in the statement's WHERE. That means the same as the whole statement only when each row
is decided by itself: what reads other rows of the table, counts rows, or moves rows along the key is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from zdmigrate.history.sql.cursor import Cursor
from zdmigrate.history.sql.expressions import assignments_of, columns_read
from zdmigrate.history.sql.queries import Reference, references, tables_read
from zdmigrate.history.sql.tokens import Token, tokenize
from zdmigrate.history.statements import parse, split
from zdmigrate.history.syntax import Delete, Opaque, Update
from zdmigrate.run.connection import quoted
from zdmigrate.run.errors import RefusedError
from zdmigrate.run.keys import doubled

#: Functions whose answer depends on what the session did before, or that wait or lock: not the same in pieces.
_OF_THE_SESSION = frozenset(
    {"LAST_INSERT_ID", "ROW_COUNT", "FOUND_ROWS", "CONNECTION_ID", "GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS",
     "SLEEP", "BENCHMARK", "NEXTVAL", "SETVAL", "LASTVAL"}
)  # fmt: skip
#: Functions with another answer for each row. In SET they are as good in pieces as in one statement; a WHERE that
#: contains them chooses other rows each time, so nobody could say when it is done.
_RANDOM = frozenset({"RAND", "UUID", "UUID_SHORT", "UUID_V4", "UUID_V7", "SYS_GUID", "RANDOM_BYTES"})
_ENDS_WHERE = ("ORDER", "LIMIT", "RETURNING")


@dataclass(frozen=True, slots=True)
class Cut:
    """A statement that can be cut.

    Attributes:
        text: the statement as it was given, without a closing semicolon.
        table: the table it changes, `name` or `database.name`.
        alias: what that table is called in the statement.
        assigned: the columns it writes, in lower case; empty for DELETE.
        guarded: whether its WHERE is meant to become false for the rows it has changed, so that no row may be left.
        repeatable: whether a second run over the same row does no harm.
    """

    text: str
    verb: Literal["UPDATE", "DELETE"]
    table: str
    alias: str
    assigned: frozenset[str]
    guarded: bool
    repeatable: bool
    _head: str
    _tables: str
    _between: str
    _where: str
    _single: bool

    @property
    def where(self) -> str:
        """Its own condition, "TRUE" when it has none."""
        return self._where or "TRUE"

    @property
    def canonical(self) -> str:
        """The same for two texts that differ in blanks and comments only, not inside of strings."""
        return " ".join(self.text[token.start : token.end] for token in tokenize(self.text))

    def change(self, range_: str, index: str) -> str:
        """The statement for the rows of a range, which has %s for its arguments; every other % is doubled.

        `index` is the key the server has to go by.
        """
        return f"{doubled(self._head)} {self._hinted(index)}{doubled(self._between)} WHERE {self._both(range_)}"

    def count(self, range_: str, index: str, columns: Sequence[str]) -> str:
        """The query for how many rows of a range the WHERE finds; `columns` are those of the key. See `change`."""
        what = "*" if self._single else f"DISTINCT {', '.join(self.column(name) for name in columns)}"
        return f"SELECT COUNT({what}) FROM {self._hinted(index)} WHERE {self._both(range_)}"

    def column(self, name: str) -> str:
        """A column of the table that is changed, as this statement has to name it; % is doubled."""
        return doubled(f"{quoted(self.alias)}.{quoted(name)}")

    def _both(self, range_: str) -> str:
        return f"({range_}) AND ({doubled(self.where)})"

    def _hinted(self, index: str) -> str:
        """Without the hint the server may go by an index of the WHERE, and look at every row of it for each range."""
        return doubled(f"{self._tables} FORCE INDEX ({quoted(index)})" if self._single else self._tables)


def cut(sql: str, *, mariadb: bool = False) -> Cut:
    """Read a statement.

    Raises:
        RefusedError: it cannot be cut, with every reason.
    """
    texts = split(sql, mariadb=mariadb)
    if len(texts) != 1:
        raise RefusedError([f"one UPDATE or DELETE is needed, and this is {len(texts)} statements"])
    text = texts[0]
    found = parse(text, mariadb=mariadb)
    node = found[0].node if len(found) == 1 else None
    if isinstance(node, Opaque):
        raise RefusedError([f"the statement cannot be read: {node.reason}"])
    if not isinstance(node, Update | Delete):
        raise RefusedError(["only UPDATE and DELETE can be cut by ranges of a key; run this one as it is"])
    return _Reader(text, node, mariadb=mariadb).cut()


class _Reader:
    """Finds the parts of one statement."""

    def __init__(self, text: str, node: Update | Delete, *, mariadb: bool) -> None:
        self._text = text
        self._node = node
        self._tokens = tokenize(text)
        self._cursor = Cursor(self._tokens, text, mariadb=mariadb)

    def cut(self) -> Cut:
        reasons = list(self._reasons())
        if reasons:
            raise RefusedError(reasons)
        return self._updating() if isinstance(self._node, Update) else self._deleting()

    def _updating(self) -> Cut:
        cursor = self._cursor
        while cursor.key in ("UPDATE", "LOW_PRIORITY", "IGNORE"):
            cursor.advance()
        head = self._text[: cursor.token.start].rstrip()
        listed = cursor.until("SET")
        named = references(listed, listing=True)
        after = cursor.token.start
        cursor.expect("SET")
        values = cursor.until("WHERE")
        between = self._text[after : values[-1].end]
        where = self._condition()
        target = self._target(named)
        own = frozenset({target.alias.lower()})
        self._not_itself(target, named, (*values, *where))
        owners = {item.alias.lower(): item.table for item in named if not item.nested}
        written = assignments_of(values, owners if len(named) > 1 else None, own) or ()
        assigned = frozenset(item.column.lower() for item in written)
        read = {name.lower() for item in written for name in item.reads}
        tested = {name.lower() for name in columns_read(where, own)}
        return Cut(
            self._text, "UPDATE", target.table, target.alias, assigned,
            guarded=bool(assigned & tested), repeatable=not assigned & read,
            _head=head, _tables=self._of(listed), _between=" " + between, _where=self._of(where),
            _single=self._is_plain(listed, named),
        )  # fmt: skip

    def _deleting(self) -> Cut:
        cursor = self._cursor
        cursor.expect("DELETE")
        before = cursor.until("FROM")
        modifiers = [token for token in before if token.key in ("LOW_PRIORITY", "QUICK", "IGNORE")]
        named_before = len(before) > len(modifiers)
        cursor.expect("FROM")
        listed = cursor.until("USING", "WHERE")
        using = cursor.accept("USING")
        if using:
            head = self._text[: cursor.token.start].rstrip()
            listed = cursor.until("WHERE")
        else:
            head = self._text[: listed[0].start].rstrip()
        where = self._condition()
        named = references(listed, listing=True)
        target = self._target(named)
        self._not_itself(target, named, where)
        single = self._is_plain(listed, named) and not using and not named_before and "." not in target.table
        if single:
            # The form for one table takes no index hint, the form for several does.
            words = " ".join(["DELETE", *(token.text for token in modifiers), quoted(target.alias), "FROM"])
            head = words
        return Cut(
            self._text, "DELETE", target.table, target.alias, frozenset(), guarded=True, repeatable=True,
            _head=head, _tables=self._of(listed), _between="", _where=self._of(where), _single=single,
        )  # fmt: skip

    def _condition(self) -> Sequence[Token]:
        return self._cursor.until(*_ENDS_WHERE) if self._cursor.accept("WHERE") else ()

    def _of(self, tokens: Sequence[Token]) -> str:
        return self._text[tokens[0].start : tokens[-1].end] if tokens else ""

    @staticmethod
    def _is_plain(listed: Sequence[Token], named: Sequence[Reference]) -> bool:
        """One table, and no index hint yet."""
        return len(named) == 1 and not any(token.key in ("FORCE", "USE", "IGNORE", "(", "JOIN") for token in listed)

    def _target(self, named: Sequence[Reference]) -> Reference:
        changed = self._node.tables
        if len(changed) != 1:
            raise RefusedError(
                [f"it changes {' and '.join(changed)}: a range of one key cannot cut both; qualify the columns in SET "
                 "with the one table they belong to, or write one statement for each table"]
            )  # fmt: skip
        return next(item for item in named if item.table == changed[0] and not item.nested)

    def _not_itself(self, target: Reference, named: Sequence[Reference], elsewhere: Sequence[Token]) -> None:
        """Other rows of the table must not decide about a row: earlier ranges have changed them already."""
        name = _name(target.table)
        again = [item for item in named if item is not target and _name(item.table) == name]
        if again or name in map(_name, tables_read(elsewhere)):
            raise RefusedError(
                [f"it reads {target.table} to decide about rows of {target.table}: a later range would see what an "
                 "earlier one changed; keep what it reads in another table first"]
            )  # fmt: skip

    def _reasons(self) -> Iterator[str]:
        tokens = self._tokens
        if tokens[0].key == "WITH":
            yield "it begins with WITH: write the common table expression as a subquery or a table"
        depth = 0
        where = False
        for index, token in enumerate(tokens):
            depth += {"(": 1, ")": -1}.get(token.key, 0)
            follows = tokens[index + 1].key if index + 1 < len(tokens) else ""
            where = where or (token.key == "WHERE" and depth == 0)
            if depth == 0 and token.key in _ENDS_WHERE and index:
                yield f"it has {token.key}: which rows that chooses depends on all rows together"
            if token.kind == "variable" and not token.text.startswith("@@"):
                yield f"it uses the variable {token.text}, which belongs to the session"
            if token.kind in ("param", "bad"):
                yield f"it has {token.text[:20]!r}: write the values into the statement"
            if follows == "(" and token.key in _OF_THE_SESSION:
                yield f"it calls {token.key}(), whose answer belongs to the session or to all rows together"
            if follows == "(" and token.key in _RANDOM and where:
                yield f"its WHERE calls {token.key}(), which chooses other rows each time"


def _name(table: str) -> str:
    """Without its database, in lower case: better refuse a namesake than miss the table itself."""
    return table.rpartition(".")[2].lower()
