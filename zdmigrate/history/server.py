"""The recording server and its DBAPI: keeps every statement, answers what it can, refuses what a server would."""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

import pymysql.err

from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply, reveal
from zdmigrate.history.catalog import Catalog, Delta, difference
from zdmigrate.history.effects.touched import check_names, touched
from zdmigrate.history.recorder.answers import Answer, Answers, UnanswerableError, labels_of
from zdmigrate.history.recorder.fabricated import FIRST_ID, Fabrication, carries_fabrication
from zdmigrate.history.recorder.procedures import statements_of_call
from zdmigrate.history.recorder.settings import set_variable
from zdmigrate.history.recorder.standin import MARK, StandIn
from zdmigrate.history.recorder.stubs import Notebook
from zdmigrate.history.recording import RecordedStatement, Refusal, SessionState
from zdmigrate.history.sql.functions import stored_calls
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import (
    AlterTable,
    CallRoutine,
    Delete,
    Insert,
    Select,
    SetVariable,
    Statement,
    Update,
    Use,
)

_FIRST_WORD = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?!!).*?\*/|\()*(\w+)", re.S)
_MARKED = re.compile(rf"{MARK}\w+")
_EXISTS = re.compile(r"\s*SELECT\s+(?:NOT\s+)?EXISTS\s*\(", re.I)
_LIBRARIES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
_NOBODYS = (*_LIBRARIES, str(Path(__file__).parent), "<")
_FIELD_TYPE = 253  # VAR_STRING: what the rows hold needs no conversion


@dataclass
class Result:
    """What a cursor has after execute()."""

    names: tuple[str, ...] = ()
    rows: list[tuple[object, ...]] = field(default_factory=list)
    rowcount: int = 0
    lastrowid: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a statement comes from."""

    source: str
    path: str
    line: int
    inert: str = ""


class Server:
    """One replay's server.

    Attributes:
        catalog: the schema now.
        sent: statements recorded in the pass under way.
        selects: SELECTs on tables so far, which only data could answer.
        source: the `op.` directive being carried out, or None.
        origin: overrides finding out where a statement comes from (batch operations are sent late).
        recreated: tables (and lines) of `batch_alter_table(recreate="always")`.
    """

    def __init__(self, flavour: Flavour, catalog: Catalog, notebook: Notebook | None = None) -> None:
        self.flavour = flavour
        self.catalog = catalog
        self.notebook = notebook
        self.answers = Answers(flavour)
        self.fabrication = Fabrication()
        self.sent: list[RecordedStatement] = []
        self.selects = 0
        self.session = SessionState()
        self.path = ""
        self.version = ""
        self.source: str | None = None
        self.origin: Origin | None = None
        self.recreated: list[tuple[str, int]] = []
        self._next_id = FIRST_ID
        self._guessed: dict[str, str] = {}

    def begin(self, path: str, version: str, catalog: Catalog, session: SessionState, fabrication: Fabrication) -> None:
        """Start a pass over the revision in that file."""
        self.path, self.version, self.catalog, self.session = path, version, catalog, session
        self.fabrication = fabrication
        self.sent = []
        self.selects = 0
        self.source = self.origin = None
        self.recreated = []
        self.answers.unsure.clear()
        self.answers.last_insert_id = 0
        self._next_id = FIRST_ID

    def run(self, sql: str, parameters: Any) -> Result:
        """Carry out what a cursor was given.

        Raises:
            pymysql.err.MySQLError: the subclass PyMySQL would raise, when the server would refuse.
        """
        match = _FIRST_WORD.match(sql)
        word = match[1].upper() if match else ""
        parameters, tainted = _plain(parameters)
        try:
            if word in ("SHOW", "DESCRIBE", "DESC", "EXPLAIN"):
                return self._show(sql, parameters)
            result = Result()
            for statement in self._parse(sql, parameters):
                if isinstance(statement.node, Select):
                    if stored_calls(
                        statement.sql, self._functions(), ansi_quotes=self._ansi_quotes
                    ):  # what it calls may write
                        self._record(statement, self.catalog, self.catalog, None, tainted)
                    result = self._select(statement, sql)
                else:
                    result = self._change(statement, tainted)
            return result
        except Refused as refused:
            raise driver_error(refused) from None

    def _parse(self, sql: str, parameters: Any) -> list[Statement]:
        return parse(sql, mariadb=self.flavour.is_mariadb, parameters=parameters, ansi_quotes=self._ansi_quotes)

    def _functions(self) -> set[str]:
        """Lower-case names of the stored functions there are."""
        routines = self.catalog.routines.values()
        return {item.name.rpartition(".")[2].lower() for item in routines if item.kind == "function"}

    @property
    def _ansi_quotes(self) -> bool:
        return "ANSI_QUOTES" in self.session.sql_mode or "ANSI" in self.session.sql_mode

    def _show(self, sql: str, parameters: Any) -> Result:
        text = self._parse(sql, parameters)[0].sql if parameters else sql
        try:
            return _result(self.answers.show(text, self.catalog, self.session))
        except UnanswerableError:
            self.answers.unsure.append(f"the answer to {' '.join(text.split()[:3])}")
            return Result(("Name", "Value"))

    def _select(self, statement: Statement, template: str) -> Result:
        node = statement.node
        assert isinstance(node, Select)
        text = statement.sql
        real = [name for name in node.tables if not name.lower().startswith("information_schema.")]
        if not real:
            try:
                return _result(self.answers.select(text, self.catalog, self.session))
            except UnanswerableError:
                if node.tables:
                    self.answers.unsure.append("information_schema")
        if real == [self.answers.version_table] and real[0] not in self.catalog.tables:
            return Result(("version_num",), [(self.version,)] if self.version else [], 1)
        check_names(node, self.catalog)
        self.selects += 1
        aggregate = node.aggregate or _EXISTS.match(text) is not None
        labels = labels_of(node.names, node.tables, self.catalog) or [("value", None)]
        names = tuple(label for label, _ in labels)
        if self.fabrication.give(text):
            self._note_guessed(node.tables)
            return Result(names, [self.fabrication.row(labels, aggregate=aggregate)], 1)
        if aggregate:
            return Result(names, [tuple(0 if _counts(name) else None for name in names)], 1)
        return Result(names)

    def _change(self, statement: Statement, tainted: bool) -> Result:
        node, before = statement.node, reveal(statement, self.catalog, self.flavour)
        refusal: Refused | None = None
        after = before
        inner: tuple[Statement, ...] = ()
        if isinstance(node, CallRoutine):
            statement, inner = self._called(statement, node)
        try:
            check_names(node, before)
            after = apply(statement, before, self.session, self.flavour)
            for one in inner:
                after = apply(one, after, self.session, self.flavour)
        except Refused as refused:
            refusal = refused
        self._record(statement, before, after, refusal, tainted)
        if refusal is not None:
            raise refusal
        self.catalog = after
        match node:
            case SetVariable(scope="session" | "user"):
                self.session = set_variable(self.session, node, self.answers, self.catalog)
            case Use(name=name):
                self.session = self.session.with_variable("database", name)
            case Insert(rows=rows):
                self.answers.last_insert_id = self._next_id
                self._next_id += max(len(rows), 1)
                return Result(rowcount=len(rows), lastrowid=self.answers.last_insert_id)
            case Update() | Delete():
                return Result(rowcount=self.fabrication.affected(statement.sql))
        return Result()

    def _called(self, statement: Statement, node: CallRoutine) -> tuple[Statement, tuple[Statement, ...]]:
        """A CALL with the one schema change its procedure makes here, where the procedure's body tells."""
        routine = self.catalog.routines.get(f"procedure {node.name}")
        texts = statements_of_call(routine, self._has_row) if routine is not None else None
        if texts is None:
            return statement, ()
        parsed = [one for text in texts for one in self._parse(text, None) if not isinstance(one.node, Select)]
        if len(parsed) > 1 or not all(isinstance(one.node, AlterTable) for one in parsed):
            return statement, ()
        return replace(statement, node=replace(node, carried_out=tuple(one.node for one in parsed))), tuple(parsed)

    def _has_row(self, query: str) -> bool | None:
        """Whether a query of a procedure's body has a row; None when only a real server knows."""
        select = self._parse(query, None)[0].node
        if not isinstance(select, Select) or any("information_schema" not in name.lower() for name in select.tables):
            return None
        known = len(self.answers.unsure)
        try:
            found = bool(self.answers.select(query, self.catalog, self.session).rows)
        except UnanswerableError:
            return None
        sure = len(self.answers.unsure) == known
        del self.answers.unsure[known:]
        return found if sure else None

    def _record(
        self, statement: Statement, before: Catalog, after: Catalog, refusal: Refused | None, tainted: bool
    ) -> None:
        origin = self.origin or self.locate()
        tables = touched(statement.node)
        self.sent.append(
            RecordedStatement(
                index=len(self.sent),
                statement=statement,
                source=origin.source,
                path=origin.path,
                line=origin.line,
                before=before,
                after=after,
                delta=Delta() if after is before else difference(before, after),
                session=self.session,
                data_dependent=carries_fabrication(statement.sql),
                inert=self._inert(statement.sql, tables, origin) or tainted,
                refusal=Refusal(refusal.errno, refusal.message) if refusal is not None else None,
                touched=tables,
            )
        )

    def _note_guessed(self, tables: tuple[str, ...]) -> None:
        """A made-up row of a table that a stand-in shaped is a guess twice over."""
        for table in tables:
            if self.notebook is not None and table in self._guessed:
                self.notebook.note_text(self._guessed[table], self.locate().line)

    def _inert(self, sql: str, tables: tuple[str, ...], origin: Origin) -> bool:
        """Whether a stand-in had a say in a statement: in its text, its sender, or anything decided before it."""
        if self.notebook is None:
            return False
        if origin.inert:
            self.notebook.note_text(origin.inert, origin.line)
        texts = _MARKED.findall(sql)
        for text in texts:
            name = self.notebook.texts.get(text, text)
            self.notebook.note_text(name, origin.line)
            self._guessed.update(dict.fromkeys(tables, name))
        return bool(origin.inert or texts or self.notebook.decided)

    def locate(self) -> Origin:
        """Where the statement under way comes from: the innermost frame in the revision's file, else in no library."""
        decorated = self.notebook.decorated if self.notebook is not None else {}
        found: tuple[str, int] | None = None
        fallback: tuple[str, int] | None = None
        inert = ""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            filename = frame.f_code.co_filename
            inert = inert or decorated.get(frame.f_code, "")
            if found is None and filename == self.path:
                found = (filename, frame.f_lineno)
            elif fallback is None and not filename.startswith(_NOBODYS):
                fallback = (filename, frame.f_lineno)
            if found is not None and not decorated:
                break
            frame = frame.f_back
        path, line = found or fallback or (self.path, 0)
        return Origin(self.source or "connection", path, line, inert)


def _plain(parameters: Any) -> tuple[Any, bool]:
    """Parameters with stand-ins as text, and whether there were any."""
    if isinstance(parameters, StandIn):
        return str(parameters), True
    if isinstance(parameters, Mapping):
        pairs = {key: _plain(value) for key, value in parameters.items()}
        return {key: value for key, (value, _) in pairs.items()}, any(found for _, found in pairs.values())
    if isinstance(parameters, list | tuple):
        if not any(isinstance(item, (StandIn, list, tuple, Mapping)) for item in parameters):
            return parameters, False
        items = [_plain(item) for item in parameters]
        return type(parameters)(value for value, _ in items), any(found for _, found in items)
    return parameters, False


def _result(answer: Answer) -> Result:
    return Result(answer.names, answer.rows, len(answer.rows))


def _counts(name: str) -> bool:
    return (
        re.match(r"\W*(count|exists|select exists|not exists|bit_)", name, re.I) is not None or "count" in name.lower()
    )


def driver_error(refused: Refused) -> pymysql.err.MySQLError:
    """What PyMySQL raises for such a refusal."""
    kind = pymysql.err.error_map.get(refused.errno)
    if kind is None:
        kind = pymysql.err.InternalError if refused.errno < 1000 else pymysql.err.OperationalError
    error: pymysql.err.MySQLError = kind(refused.errno, refused.message)
    error.zd_refused = refused  # type: ignore[attr-defined]
    return error
