"""One revision through its own upgrade(), on the primary: begins, goes on after a stop, and says what it made."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from zdmigrate.errors import ZdmigrateError
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recorder.failures import line_in
from zdmigrate.history.recorder.guards import Attempts
from zdmigrate.history.recorder.operations import watched_operations
from zdmigrate.history.recorder.stage import Stage
from zdmigrate.plan import PlannedRevision
from zdmigrate.run.direct import Direct, StoppedError
from zdmigrate.run.errors import LostError, ServerError
from zdmigrate.run.intercept.accept import Admission
from zdmigrate.run.intercept.driver import make_engine
from zdmigrate.run.intercept.earlier import Earlier
from zdmigrate.run.intercept.guard import Guard
from zdmigrate.run.intercept.judging import Judge, with_identities
from zdmigrate.run.intercept.session import MOST_ROWS_READ, EndedError, Session, Told
from zdmigrate.run.message import without_data
from zdmigrate.run.order import Prepared
from zdmigrate.run.schema_check import live_catalog
from zdmigrate.run.steps import Timing
from zdmigrate.verdict.fleet_proof import FleetProof

#: Seconds after which something is said of a loop that sends the same statement again and again.
_TELL_SECONDS = 10.0


@dataclass(slots=True)
class Upgrade:
    """Runs the revisions of one run whose statements depend on rows.

    Attributes:
        between: called before every statement: may wait, and raises when the run has to stop.
        fleet: what the fleet said last; None where nobody asked it.
    """

    prepared: Prepared
    direct: Direct
    between: Callable[[PlannedRevision], None]
    fleet: Callable[[], FleetProof | None] = lambda: None

    def run(self, revision: PlannedRevision) -> PlannedRevision:
        """Run one; the revision with the schema it met and the schema it promises now.

        Raises:
            NotSentError: it wanted to send a statement that may not be sent.
            StoppedError: upgrade() failed, was stopped, or did what a run cannot take part in.
            NeedsPersonError, ServerError, LostError, KeyboardInterrupt: as a statement of any other revision.
        """
        earlier = Earlier(revision.revision, self.prepared.entries.values())
        for entry in earlier.not_taken():
            if entry.state == "begun":
                self.direct.until_ended(entry.shown, entry.connection)
        before = self._live(revision.recorded.before)
        guard = Guard()
        counted = _Counted(self.direct.context.listener)
        session = Session(
            self.direct,
            Judge(self.prepared.plan, revision, before, self.fleet),
            Admission(revision, self.prepared.asked, before),
            earlier,
            guard,
            before,
            between=lambda: self.between(revision),
            told=counted.add,
        )
        session.open(revision.recorded.path)
        self.direct.set(f"SET SESSION sql_select_limit = {MOST_ROWS_READ + 1}")
        try:
            self._call(revision, session, guard)
        finally:
            counted.flush()
            with suppress(ServerError, LostError):
                session.note_queries(revision.revision)
            self.direct.unset("SET SESSION sql_select_limit = DEFAULT", "SET SESSION sql_select_limit")
        if earlier.again:
            counted.say(revision.revision, f"{earlier.again} statement(s) had been sent before it stopped")
        for entry in earlier.not_taken():
            if entry.state == "begun":
                self.direct.context.journal.statement_done(entry.item, "before a stop; not asked for again")
        return replace(revision, recorded=replace(revision.recorded, before=before, after=session.catalog))

    def _live(self, known: Catalog) -> Catalog:
        live = live_catalog(self.direct.connected())
        table = self.prepared.order.request.settings.version_table
        live = replace(live, tables={name: item for name, item in live.tables.items() if name != table})
        return with_identities(live, known)

    def _call(self, revision: PlannedRevision, session: Session, guard: Guard) -> None:
        scripts, settings = self.prepared.scripts, self.prepared.order.request.settings
        metadata = None
        if settings.metadata is not None:
            from zdmigrate.assemble import metadata_of

            metadata = metadata_of(settings, settings.metadata)
        stage = Stage(scripts, session, Attempts(), None, metadata, (), settings.version_table, 0.0)
        script = scripts.get(revision.revision)
        failure: BaseException | None = None
        with _path_of(scripts.sys_path), watched_operations(session):
            try:
                stage.engine = make_engine(session, self.direct.context.database)
                with guard.watching(session.tick):
                    stage.run(script, "upgrade")
            except (Exception, SystemExit, EndedError) as error:
                failure = error
        if session.stop is not None:
            raise session.stop from failure
        if guard.attempts:
            raise StoppedError(
                f"upgrade() of {revision.revision} wants more than its session: {guard.attempts[0]}; run it with "
                f"`alembic upgrade {revision.revision}`"
            ) from failure
        if failure is not None:
            raise self._failed(revision, session, failure) from failure
        if session.taken_back:
            raise StoppedError(session.taken_back)

    def _failed(self, revision: PlannedRevision, session: Session, failure: BaseException) -> ZdmigrateError:
        if isinstance(failure, DBAPIError) and session.refusal is not None and failure.orig is session.refusal[1]:
            return session.refusal[0]
        path = revision.recorded.path
        lines = without_data(str(failure)).strip().splitlines() or [""]
        return StoppedError(
            f"upgrade() of {revision.revision} ended with {type(failure).__name__}: {lines[0][:300]} "
            f"({Path(path).name}:{line_in(failure, path)})"
        )


@contextmanager
def _path_of(folders: tuple[str, ...]) -> Iterator[None]:
    before = list(sys.path)
    sys.path[:0] = folders
    try:
        yield
    finally:
        sys.path[:] = before


@dataclass(slots=True)
class _Counted:
    """Tells of statements: of each that changes the schema, and of the same change of data so often as one."""

    listener: Callable[[Timing], None]
    _first: Told | None = None
    _times: int = 0
    _rows: int = 0
    _began: float = field(default_factory=time.monotonic)

    def add(self, told: Told) -> None:
        """One more is done."""
        if self._first is not None and not (told.is_data and self._first.text == told.text):
            self.flush()
        if self._first is None:
            self._first, self._times, self._rows = told, 0, 0
        self._times += 1
        self._rows += told.rows
        if not told.is_data or time.monotonic() - self._began > _TELL_SECONDS:
            self.flush()

    def say(self, name: str, text: str) -> None:
        """Tell of something else."""
        self.listener(Timing(name, "done", 0.0, 0.0, text))

    def flush(self) -> None:
        """Tell of what was counted."""
        first, now = self._first, time.monotonic()
        if first is not None:
            text = " ".join(first.text.split())
            often = f"{self._times} times, {self._rows:,} row(s)" if first.is_data else first.answer
            detail = "; ".join(filter(None, (text if len(text) <= 100 else f"{text[:97]}...", often)))
            self.listener(Timing(first.item, "done", 0.0, now - self._began, detail))
        self._first, self._began = None, now
