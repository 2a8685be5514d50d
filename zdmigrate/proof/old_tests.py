"""The tests of the old version, run on the new schema: `--old-tests`.

Every run gets a database of its own, built anew: the schema before the migration, the changes so far, no rows. So
nothing a test leaves behind reaches the next run.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from sqlalchemy.engine import make_url

from zdmigrate.errors import UsageError
from zdmigrate.plan import Plan
from zdmigrate.proof.checkout import Checkout, Ended, check_out
from zdmigrate.proof.prove import Proof, TestRun, change_of, releases
from zdmigrate.proof.runner import Change, carried_out
from zdmigrate.proof.schema import create_statements
from zdmigrate.proof.scratch import Scratch, Session, SqlError, scratch
from zdmigrate.proof.workspace import Workspace

#: Seconds a run of the tests may take unless one says otherwise.
DEFAULT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class OldTests:
    """What to run.

    Attributes:
        command: run without a shell, in the old version's folder.
        ref: the git commit of the old version.
        python: an interpreter that has what it needs; None means that an environment is made.
        install: the command that fills that environment; None means from its requirements.txt and itself.
        variable: the environment variable that gets the URL of the database.
        at: after each revision, or only after the last.
        seconds: how long one run may take.
        version_table: the app's Alembic version table; it says what is deployed, in every run.
    """

    command: str
    ref: str
    python: Path | None = None
    install: str | None = None
    variable: str = "DATABASE_URL"
    at: Literal["each", "end"] = "each"
    seconds: float = DEFAULT_SECONDS
    version_table: str = "alembic_version"


def with_old_tests(proof: Proof, url: str, tests: OldTests, *, say: Callable[[str], None] = lambda _: None) -> Proof:
    """The proof with what the old version's tests say after its revisions.

    Raises:
        UsageError: when they do not pass before the migration, or the old version cannot be had.
    """
    plan = proof.plan
    if not plan.deployed:
        raise UsageError("--old-tests needs --from REV: the revision whose schema the old version was written for")
    command = _words(tests.command)
    wanted = {item.planned.revision for item in proof.revisions}
    groups = releases(plan, wanted)
    if not groups:
        return proof
    with closing(Workspace()) as workspace, scratch(url) as made:
        say(f"checking out {tests.ref}")
        old = check_out(tests.ref, workspace.home("old"), python=tests.python, install=tests.install)
        run = _Runs(made, old, plan, tests, command)
        say(f"old tests before the migration: {tests.command}")
        before = run.after(())
        if not before.passed:
            raise UsageError(
                f"the old version's tests do not pass on the schema before the migration ({before.said}), so they "
                f"prove nothing after it:\n{before.tail}"
            )
        found: dict[str, TestRun] = {}
        done: list[Change] = []
        revisions = list(groups[0])
        for revision in revisions:
            done += [change_of(item) for item in revision.changes]
            if revision.revision in wanted and (tests.at == "each" or revision is revisions[-1]):
                say(f"old tests after {revision.revision}")
                found[revision.revision] = run.after(done)
                if not found[revision.revision].passed:
                    break
    proved = tuple(replace(item, tests=found.get(item.planned.revision)) for item in proof.revisions)
    return replace(proof, revisions=proved, tests_before=before)


@dataclass(frozen=True, slots=True)
class _Runs:
    made: Scratch
    old: Checkout
    plan: Plan
    tests: OldTests
    command: Sequence[str]

    def after(self, changes: Sequence[Change]) -> TestRun:
        """The tests on a new database with the old schema and those changes."""
        base = self.plan.revisions[0].recorded.before
        try:
            self.made.empty()
            session = self.made.connect()
            for sql in create_statements(base):
                session.run(sql)
            self._stamp(session)
        except SqlError as error:
            raise UsageError(f"the schema before the migration cannot be built on the server: {error}") from error
        for change in changes:
            stopped = carried_out(session, change)
            if stopped is not None:
                return TestRun(None, f"not run: `{stopped.sql}` was {stopped.result}: {stopped.reason}")
        started = time.monotonic()
        ended = self.old.run(self.command, seconds=self.tests.seconds, variables={self.tests.variable: self.made.url})
        seconds = time.monotonic() - started
        return TestRun(ended.code == 0, self._said(ended), seconds, _without_secret(ended.tail, self.made.url))

    def _stamp(self, session: Session) -> None:
        """Say what is deployed, as the database of production does: old code may look."""
        name = "`" + self.tests.version_table.replace("`", "``") + "`"
        session.run(f"CREATE TABLE IF NOT EXISTS {name} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        for head in self.plan.deployed:
            if head != "base":
                quoted = head.replace("'", "''")
                session.run(f"INSERT INTO {name} (version_num) VALUES ('{quoted}')")

    def _said(self, ended: Ended) -> str:
        if ended.code is None:
            return f"no end within {self.tests.seconds:.0f} s"
        return f"exit code {ended.code}"


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--old-tests {command!r} cannot be read: {error}") from error
    if not words:
        raise UsageError("--old-tests is empty; write the command, for example --old-tests 'pytest tests/db'")
    return words


def _without_secret(text: str, url: str) -> str:
    password = str(make_url(url).password or "")
    for secret in {password, quote(password, safe="")} - {""}:
        text = text.replace(secret, "***")
    return text
