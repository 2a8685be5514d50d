"""Where a revision is run: Alembic's own contexts over the recording server, with env.py left out."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal

import alembic.op
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from zdmigrate.errors import UsageError
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.dialect import ReplayDialect, make_engine
from zdmigrate.history.recorder.arguments import Inert, Tables, arguments_for
from zdmigrate.history.recorder.fabricated import Fabrication
from zdmigrate.history.recorder.failures import (
    BrokenRevisionError,
    MissingArgumentError,
    during_import,
    explain,
    missing_table,
)
from zdmigrate.history.recorder.guards import Attempts, RevisionTimeout, contained, time_limit
from zdmigrate.history.recorder.modules import compile_file, load_module
from zdmigrate.history.recorder.operations import watched_operations
from zdmigrate.history.recorder.stubs import Note, Notebook, stand_ins
from zdmigrate.history.recording import RecordedStatement, ReplayError, SessionState
from zdmigrate.history.scripts import Revision, Scripts
from zdmigrate.history.server import Server

Direction = Literal["upgrade", "downgrade"]


@dataclass(frozen=True)
class Pass:
    """One run of a revision.

    Attributes:
        raised: what ended it early, as raised; `error` is the same for a person.
        selects: SELECTs only data could answer.
        last_select: the SELECT whose made-up row was handed out last.
        unsure: what it asked that an incomplete catalog could not tell.
        missing: the table whose absence ended it.
        notes: what it did with stand-ins.
    """

    statements: tuple[RecordedStatement, ...]
    after: Catalog
    session: SessionState
    raised: BaseException | None = None
    error: ReplayError | None = None
    selects: int = 0
    last_select: str = ""
    unsure: tuple[str, ...] = ()
    missing: str | None = None
    notes: tuple[Note, ...] = ()
    recreated: tuple[tuple[str, int], ...] = ()

    @property
    def timed_out(self) -> bool:
        """Whether its time ran out."""
        return isinstance(self.raised, RevisionTimeout)


@dataclass
class Stage:
    """An open stage; `play` runs one revision once."""

    scripts: Scripts
    server: Server
    attempts: Attempts
    notebook: Notebook | None
    metadata: MetaData | None
    x_arguments: Sequence[str]
    version_table: str
    limit: float
    engine: Any = None
    _environment: Any = None
    _contexts: contextlib.ExitStack | None = None
    _connection: Any = None
    _arguments_book: Notebook = field(default_factory=Notebook)

    def play(
        self,
        revision: Revision,
        direction: Direction,
        catalog: Catalog,
        session: SessionState,
        fabrication: Fabrication,
        seconds: float,
    ) -> Pass:
        """Load the file afresh and run upgrade() or downgrade() against that catalog."""
        path, server = str(revision.path), self.server
        version = (*revision.down_revisions, "")[0] if direction == "upgrade" else revision.revision
        raised: BaseException | None = None
        server.begin(path, version, catalog, session, fabrication)
        self.attempts.clear()
        try:
            with time_limit(seconds):
                try:
                    self._run(revision, direction, path)
                except AttributeError as unknown:
                    # sqlalchemy.orm and the like, which the app imports somewhere and the revision only uses.
                    if not _import_submodule(unknown):
                        raise
                    server.begin(path, version, catalog, session, fabrication)
                    self._leave()
                    self._run(revision, direction, path)
        except (Exception, SystemExit, RevisionTimeout) as caught:
            raised = caught
        finally:
            taken = [*(self.notebook.take() if self.notebook else ()), *self._arguments_book.take()]
            if self.notebook is not None and self._compiled is not None and self._compiled[0] == revision.path:
                taken += self.notebook.inherited(self._compiled[1])
            if raised is not None or self._connection is None or self._connection.closed:
                self._leave()
        error = None
        if raised is not None:
            error = explain(raised, path, attempts=self.attempts, selects=server.selects, seconds=self.limit)
            error = self._first_import(raised, error)
        elif self.attempts.connections:
            error = explain(RuntimeError(), path, attempts=self.attempts, selects=0, seconds=self.limit)
        return Pass(
            statements=tuple(server.sent),
            after=server.catalog,
            session=server.session,
            raised=raised,
            error=error,
            selects=server.selects,
            last_select=fabrication.last,
            unsure=tuple(dict.fromkeys(server.answers.unsure)),
            missing=missing_table(raised) if raised is not None else None,
            notes=tuple(taken),
            recreated=tuple(server.recreated),
        )

    def run(self, revision: Revision, direction: Direction) -> None:
        """Run it once as Alembic does, without a limit; what it raises is raised."""
        try:
            self._run(revision, direction, str(revision.path))
        finally:
            self._leave()

    @property
    def stood_in(self) -> list[str]:
        """Top-level modules that stand-ins were served for."""
        served = self.notebook.served if self.notebook is not None else ()
        return sorted({name.partition(".")[0] for name in served})

    def _first_import(self, raised: BaseException, error: ReplayError) -> ReplayError:
        """A module that failed to import fails differently the next time: say what it was at first."""
        if during_import(raised, error.path) and self._failed_import is None:
            self._failed_import = error
        first = self._failed_import
        if first is not None and first is not error and "already defined for this MetaData" in str(raised):
            return replace(first, path=error.path, line=error.line)
        return error

    _failed_import: ReplayError | None = None

    def _run(self, revision: Revision, direction: Direction, path: str) -> None:
        context = self._context()
        self._watch(path, calling=False)
        module = load_module(revision.path, self._code(revision.path))
        function = getattr(module, direction, None)
        if not callable(function):
            raise BrokenRevisionError(f"the file has no function {direction}()")
        self._watch(path, calling=True)
        bind = self._connection
        known: dict[str, Callable[[], Any]] = {
            "op": lambda: alembic.op,
            "tables": lambda: Tables(self.metadata, bind),
            "tester": Inert,
            **dict.fromkeys(("bind", "connection", "conn"), lambda: bind),
            "engine": lambda: bind.engine,
            "context": lambda: self._environment,
            "config": lambda: self.scripts.config,
            **dict.fromkeys(("metadata", "target_metadata"), lambda: self.metadata or MetaData()),
        }
        with context.begin_transaction(_per_migration=True):
            function(**arguments_for(function, known, self._arguments_book))
        self._end_transaction()

    def _watch(self, path: str, *, calling: bool) -> None:
        self._arguments_book.watch(path, calling=calling)
        if self.notebook is not None:
            self.notebook.watch(path, calling=calling)

    def _code(self, path: Path) -> CodeType:
        if self._compiled is None or self._compiled[0] != path:
            self._compiled = (path, compile_file(path))
        return self._compiled[1]

    _compiled: tuple[Path, CodeType] | None = None

    def _end_transaction(self) -> None:
        transaction = self._connection.get_transaction() if not self._connection.closed else None
        if transaction is not None:
            transaction.rollback()

    def _context(self) -> Any:
        """Alembic's migration context, made anew after a revision that failed."""
        if self._contexts is None:
            self._contexts = contextlib.ExitStack()
            self._connection = self._contexts.enter_context(self.engine.connect())
            config = self.scripts.config
            config.cmd_opts = argparse.Namespace(x=list(self.x_arguments), verbose=False, quiet=True)
            environment = EnvironmentContext(config, ScriptDirectory(str(self.scripts.directory)))
            given = environment.get_x_argument

            def get_x_argument(as_dictionary: bool = False) -> Any:
                return _XArguments(given(as_dictionary=True)) if as_dictionary else given(as_dictionary=False)

            environment.get_x_argument = get_x_argument  # type: ignore[method-assign]
            self._contexts.enter_context(environment)
            environment.configure(
                connection=self._connection, target_metadata=self.metadata, version_table=self.version_table
            )
            self._environment = environment
            self._contexts.enter_context(Operations.context(environment.get_context()))
        return self._environment.get_context()

    def _leave(self) -> None:
        if self._contexts is not None:
            with contextlib.suppress(Exception):
                self._contexts.close()
            self._contexts = None


class _XArguments(dict[str, str]):
    def __missing__(self, name: str) -> str:
        raise MissingArgumentError(f"the -x argument {name}")


@contextlib.contextmanager
def open_stage(
    scripts: Scripts,
    *,
    server: Callable[[Notebook | None], Server],
    imports: Sequence[str] = (),
    stub_imports: bool = False,
    metadata: MetaData | None = None,
    x_arguments: Sequence[str] = (),
    version_table: str = "alembic_version",
    limit: float = 20.0,
) -> Iterator[Stage]:
    """A stage; whatever the revisions did to the process is undone when it closes.

    Raises:
        UsageError: when a module to import first cannot be.
    """
    with contextlib.ExitStack() as stack:
        attempts = stack.enter_context(contained(ReplayDialect))
        sys.path[:0] = list(scripts.sys_path)
        notebook = stack.enter_context(stand_ins(enabled=stub_imports))
        _import_plugins(imports)
        made = server(notebook)
        made.answers.version_table = version_table
        stage = Stage(scripts, made, attempts, notebook, metadata, x_arguments, version_table, limit)
        stage.engine = make_engine(made)
        stack.enter_context(watched_operations(made))
        arguments = scripts.config.cmd_opts
        try:
            yield stage
        finally:
            stage._leave()
            scripts.config.cmd_opts = arguments


def _import_submodule(error: AttributeError) -> bool:
    package = getattr(error.obj, "__name__", "")
    if not isinstance(error.obj, ModuleType) or package.partition(".")[0] != "sqlalchemy":
        return False
    name = f"{package}.{error.name}"
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _import_plugins(imports: Sequence[str]) -> None:
    for name in imports:
        try:
            if importlib.util.find_spec(name.partition(".")[0]) is None:
                raise ModuleNotFoundError(f"no module named {name}")
            importlib.import_module(name)
        except Exception as error:
            text = str(error).splitlines()[0] if str(error) else ""
            raise UsageError(f"--import {name} failed: {type(error).__name__}: {text}") from error
