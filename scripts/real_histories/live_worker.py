"""Run every upgrade() of one history on a real server, in the app's own interpreter, noting what the cursor is given.

    python live_worker.py < job.json > result.json

Knows nothing of the replay: Alembic's own contexts over a real connection (env.py is not run), each revision in
the order Alembic gives, PyMySQL's cursor subclassed to note the final text of every query and the server's answer.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import json
import operator
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import alembic.op
import pymysql
import pymysql.cursors
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import HeadMaintainer, MigrationStep
from alembic.script import ScriptDirectory
from pymysql.constants import CLIENT
from sqlalchemy import create_engine

#: One revision may take this long on the server.
SECONDS = 120

#: As mysqlclient connects: several statements in one text are allowed (airflow sends such).
FLAGS = CLIENT.MULTI_STATEMENTS | CLIENT.FOUND_ROWS

sent: list[dict[str, Any]] = []


class NotingCursor(pymysql.cursors.Cursor):
    """Notes each query as it goes over the wire."""

    def _query(self, q: Any) -> Any:
        text = bytes(q).decode("utf-8", "surrogateescape") if isinstance(q, (bytes, bytearray)) else q
        entry: dict[str, Any] = {"sql": text, "errno": None}
        sent.append(entry)
        try:
            return super()._query(q)
        except pymysql.MySQLError as error:
            entry["errno"] = error.args[0] if error.args else 0
            raise


def main() -> None:
    """One job from standard input to standard output."""
    job: dict[str, Any] = json.load(sys.stdin)
    out = os.dup(1)
    os.dup2(2, 1)
    result = run(job)
    with os.fdopen(out, "w") as stream:
        json.dump(result, stream)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Run the whole history on an empty database."""
    engine = create_engine(job["url"], connect_args={"cursorclass": NotingCursor, "client_flag": FLAGS})
    _make_base(job, engine)
    for name in job["imports"]:
        importlib.import_module(name)
    config = Config()
    config.set_main_option("script_location", job["scripts"].replace("%", "%%"))
    directory = ScriptDirectory(job["scripts"], version_locations=job["versions"] or None)
    runner = Runner(engine, config, directory, _named(job["naming"]) if job["naming"] else None)
    # The app's own order: parents first, as `alembic upgrade heads` has it.
    order = [item.revision for item in reversed(list(directory.walk_revisions()))]
    return {"revisions": [runner.run(directory.get_revision(name)) for name in (job["order"] or order)]}


def _make_base(job: dict[str, Any], engine: Any) -> None:
    for text in job["metadata"]:
        _named(text).create_all(engine)


def _named(text: str) -> Any:
    module, _, name = text.partition(":")
    return operator.attrgetter(name)(importlib.import_module(module))


class Runner:
    """Runs revisions, one connection for all until one fails."""

    def __init__(self, engine: Any, config: Config, directory: ScriptDirectory, metadata: Any) -> None:
        self.engine, self.config, self.directory, self.metadata = engine, config, directory, metadata
        self._stack: contextlib.ExitStack | None = None
        self._context: Any = None
        self._connection: Any = None
        self._heads: Any = None

    def run(self, revision: Any) -> dict[str, Any]:
        """One revision's own upgrade()."""
        error = None
        sent.clear()
        try:
            self._open()
            sent.clear()
            with _limit(), self._context.begin_transaction(_per_migration=True):
                spec = importlib.util.spec_from_file_location("revision_under_way", revision.path)
                assert spec is not None
                assert spec.loader is not None
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
                module.upgrade(**_arguments(module.upgrade))
                step = MigrationStep.upgrade_from_script(self.directory.revision_map, revision)
                self._heads.update_to_step(step)
            if self._connection.in_transaction():
                self._connection.get_transaction().commit()
        except (Exception, SystemExit) as raised:
            error = f"{type(raised).__name__}: {' '.join(str(raised).split())[:300]}"
            self._close()
        return {"revision": revision.revision, "error": error, "sent": list(sent)}

    def _open(self) -> None:
        if self._stack is not None:
            return
        self._stack = contextlib.ExitStack()
        self._connection = self._stack.enter_context(self.engine.connect())
        environment = self._stack.enter_context(EnvironmentContext(self.config, self.directory))
        environment.configure(connection=self._connection, target_metadata=self.metadata)
        self._context = environment.get_context()
        self._context._ensure_version_table()
        self._heads = HeadMaintainer(self._context, self._context.get_current_heads())
        self._stack.enter_context(Operations.context(self._context))

    def _close(self) -> None:
        if self._stack is not None:
            with contextlib.suppress(Exception):
                self._stack.close()
        self._stack = None


def _arguments(function: Any) -> dict[str, Any]:
    return {"op": alembic.op} if "op" in inspect.signature(function).parameters else {}


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    main()
