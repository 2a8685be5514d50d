"""Statements of old code that its users know better than we (`--workload FILE`): read, and refused, before all else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zdmigrate.errors import UsageError
from zdmigrate.history import syntax as s
from zdmigrate.history.effects.touched import touched
from zdmigrate.history.sql.splitting import statements
from zdmigrate.history.sql.tokens import tokenize
from zdmigrate.history.statements import parse

_KINDS = "SELECT, INSERT, REPLACE, UPDATE and DELETE"


@dataclass(frozen=True, slots=True)
class UserStatement:
    """One statement of a workload file.

    Attributes:
        place: `file:line` of its first word.
        tables: those it names; it reads or writes them.
        volatile: its answer is a count or another sum of rows, which may differ although none of them does.
    """

    place: str
    sql: str
    node: s.Select | s.Insert | s.Update | s.Delete
    tables: tuple[str, ...]
    volatile: bool = False

    @property
    def writes(self) -> bool:
        """Whether it changes rows."""
        return not isinstance(self.node, s.Select)


def read_workload(paths: Sequence[Path], *, mariadb: bool) -> tuple[UserStatement, ...]:
    """The statements of those files, in order.

    Raises:
        UsageError: for a file that cannot be read, and, with file and line, for what is no statement of old code: it
            cannot be parsed, has placeholders, does something other than read and write rows, or leaves the database.
    """
    return tuple(item for path in paths for item in _read(path, mariadb=mariadb))


def _read(path: Path, *, mariadb: bool) -> Iterator[UserStatement]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read workload {path}: {error}") from error
    found = parse(text, mariadb=mariadb)
    if not found:
        raise UsageError(f"workload {path} holds no statement")
    for statement, start in zip(found, _starts(text, found), strict=True):
        yield _accepted(f"{path}:{text.count(chr(10), 0, start) + 1}", statement)


def _starts(text: str, found: Sequence[s.Statement]) -> Sequence[int]:
    """Where each statement begins."""
    starts = [group[0].start for group in statements(tokenize(text))]
    if len(starts) == len(found):
        return starts
    # DELIMITER lines, or a version comment that is a statement of its own: look for each after the one before it.
    starts = [0]
    for statement in found:
        starts.append(max(text.find(statement.sql, starts[-1]), starts[-1]))
    return starts[1:]


def _accepted(place: str, statement: s.Statement) -> UserStatement:
    node = statement.node
    if isinstance(node, s.Opaque):
        raise UsageError(f"{place}: not a statement we can read ({node.reason}); a workload holds {_KINDS}")
    if not isinstance(node, s.Select | s.Insert | s.Update | s.Delete) or not _is_query(node, statement.sql):
        raise UsageError(f"{place}: a workload holds {_KINDS} only, not {_shown(statement.sql)}")
    tokens = tokenize(statement.sql)
    if any(token.kind == "param" for token in tokens):
        raise UsageError(f"{place}: write a value where the placeholder stands: {_shown(statement.sql)}")
    keys = [token.key for token in tokens]
    if "INTO" in keys and keys[keys.index("INTO") + 1] in ("OUTFILE", "DUMPFILE"):
        raise UsageError(f"{place}: it writes a file on the server: {_shown(statement.sql)}")
    tables = touched(node)
    outside = [name for name in tables if "." in name]
    if outside:
        raise UsageError(f"{place}: it names {outside[0]}, and a proof stays inside a database of its own")
    grouped = isinstance(node, s.Select) and (node.aggregate or "GROUP" in keys)
    return UserStatement(place, statement.sql, node, tables, grouped)


def _is_query(node: s.Node, sql: str) -> bool:
    """SHOW and DESCRIBE answer with rows as well, but not with those of tables."""
    if not isinstance(node, s.Select):
        return True
    first = sql.lstrip("( \t\r\n")[:6].upper()
    return first.startswith(("SELECT", "WITH", "TABLE", "VALUES"))


def _shown(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 80 else f"{text[:80]}…"
