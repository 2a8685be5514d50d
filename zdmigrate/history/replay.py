"""Replaying a history: every revision's own upgrade(), in order, against a server that only records.

Each revision runs twice when it reads data: with every table empty, and with one made-up row in each SELECT.
What both passes send is certain; what only one sends is `data_dependent`. See DESIGN, idea 1.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from sqlalchemy import MetaData

from zdmigrate.flavour import DEFAULT_TARGET, Flavour
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recorder.doubts import Outcome, doubt, leaves_doubt, put_down_to, stuck
from zdmigrate.history.recorder.fabricated import Fabrication
from zdmigrate.history.recorder.failures import missing_member, raised_on_purpose, wants_a_row
from zdmigrate.history.recorder.stage import Direction, Pass, Stage, open_stage
from zdmigrate.history.recording import (
    RecordedHistory,
    RecordedRevision,
    RecordedStatement,
    ReplayErrorKind,
    SessionState,
)
from zdmigrate.history.scripts import Revision, Scripts
from zdmigrate.history.server import Server
from zdmigrate.history.syntax import CreateTable

#: What text columns hold, tried in turn while the revision fails on it: a number, JSON, a list, a date, NULL.
_TEXTS = ("1", "{}", "[]", "2020-01-01 00:00:00", None)
#: How many members of a JSON text are found out by what the revision fails for want of.
_MEMBERS = 4
_VALUES: tuple[object, ...] = ("1", [], {})
_MOST_TEXTS = 20
#: How many guards (`if rows: raise`) of one revision are stepped over to see what comes after them.
_GUARDS = 5

_NUMBER = re.compile(r"\d+")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """How a history is replayed.

    Attributes:
        base: the schema it starts from; None is an empty one. A history that turns out to need tables which an empty
            schema does not have is replayed with the empty schema taken for one that is not fully known.
        imports: modules to import first (plugins that register operations).
        stub_imports: replace modules that cannot be found by stand-ins.
        revision_timeout: seconds one revision may take.
        metadata: the app's MetaData, for naming conventions and for `upgrade(op, tables)`.
        x_arguments: `key=value` as `alembic -x` takes them.
    """

    flavour: Flavour = DEFAULT_TARGET
    base: Catalog | None = None
    imports: tuple[str, ...] = ()
    stub_imports: bool = False
    revision_timeout: float = 20.0
    metadata: MetaData | None = None
    x_arguments: tuple[str, ...] = ()
    version_table: str = "alembic_version"

    @property
    def start(self) -> Catalog:
        """The schema a replay starts from."""
        return self.base if self.base is not None else empty_catalog(self.flavour)


def replay(
    scripts: Scripts,
    options: ReplayOptions,
    *,
    only: Iterable[str] | None = None,
    progress: Progress | None = None,
) -> RecordedHistory:
    """Replay a history, or the revisions named in `only`, in that order, with `options.base` the schema before them.

    Nothing is connected to, env.py is not run, and no revision stops the others.

    Raises:
        UsageError: when a module in `options.imports` cannot be imported.
    """
    chosen = list(scripts) if only is None else [scripts.get(revision) for revision in only]
    base = options.start
    with _player(scripts, options) as player:
        try:
            recorded = list(player.play_all(chosen, base, progress))
        except _BaseNotEmptyError:
            base = replace(base, complete=False)
            recorded = list(player.play_all(chosen, base, progress))
    return RecordedHistory(tuple(recorded), base, scripts.heads)


def replay_downgrade(
    scripts: Scripts, options: ReplayOptions, revision: str, before: Catalog | None = None
) -> RecordedRevision:
    """Replay downgrade() of one revision from the catalog its upgrade left (`before`, default `options.base`)."""
    with _player(scripts, options) as player:
        catalog = options.start if before is None else before
        return player.record(scripts.get(revision), "downgrade", catalog, SessionState())[0]


def replay_downgrades(
    scripts: Scripts, options: ReplayOptions, history: RecordedHistory, *, progress: Progress | None = None
) -> tuple[RecordedRevision, ...]:
    """downgrade() of every recorded revision, each from the catalog its upgrade left, in the history's order."""
    found = []
    with _player(scripts, options) as player:
        for number, item in enumerate(history.revisions):
            if progress is not None:
                progress(number, len(history.revisions))
            revision = scripts.get(item.revision)
            found.append(player.record(revision, "downgrade", item.after, SessionState())[0])
    return tuple(found)


class _player:  # noqa: N801  # used as a function: a context manager
    def __init__(self, scripts: Scripts, options: ReplayOptions) -> None:
        self._options = options
        self._open = open_stage(
            scripts,
            server=lambda notebook: Server(options.flavour, options.start, notebook),
            imports=options.imports,
            stub_imports=options.stub_imports,
            metadata=options.metadata,
            x_arguments=options.x_arguments,
            version_table=options.version_table,
            limit=options.revision_timeout,
        )

    def __enter__(self) -> _Player:
        return _Player(self._open.__enter__(), self._options)

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]


class _BaseNotEmptyError(Exception):
    """The history uses or asks for a table that no revision creates: it did not begin with an empty schema."""


class _Player:
    """Plays revisions on an open stage."""

    def __init__(self, stage: Stage, options: ReplayOptions) -> None:
        self._stage = stage
        self._options = options
        self._seen: set[str] = set(options.start.tables)

    def play_all(
        self, chosen: Sequence[Revision], base: Catalog, progress: Progress | None
    ) -> Iterator[RecordedRevision]:
        """Every revision in turn.

        Raises:
            _BaseNotEmptyError: when `base` is complete, and the history turns out to build on tables it never created.
        """
        catalog, session = base, SessionState()
        for number, revision in enumerate(chosen):
            if progress is not None:
                progress(number, len(chosen))
            made, session = self.record(revision, "upgrade", catalog, session)
            yield made
            catalog = made.after
        if progress is not None:
            progress(len(chosen), len(chosen))
        if base.complete and not base.tables and self._stage.server.answers.absent - self._seen:
            raise _BaseNotEmptyError

    def record(
        self, revision: Revision, direction: Direction, catalog: Catalog, session: SessionState
    ) -> tuple[RecordedRevision, SessionState]:
        """One revision, and the session it leaves."""
        if revision.error is not None and revision.error.kind is ReplayErrorKind.BROKEN_FILE:
            outcome = Outcome([], catalog, session, revision.error, ())
        else:
            outcome = self._passes(revision, direction, catalog, session)
            outcome.error = put_down_to(outcome, str(revision.path), catalog, self._stage.stood_in) or revision.error
            outcome.error = outcome.error or doubt(outcome, str(revision.path))
        after = outcome.after
        doubtful = self._stage.server.answers.doubtful
        nodes = [item.statement.node for item in outcome.statements]
        doubtful -= {node.name for node in nodes if isinstance(node, CreateTable)}
        if outcome.error is not None and leaves_doubt(outcome):
            after = replace(after, complete=False) if after.complete else after
            if outcome.error.kind is not ReplayErrorKind.REFUSED:
                doubtful |= set(after.tables)
        down = revision.down_revisions
        made = RecordedRevision(
            revision=revision.revision,
            down_revisions=down,
            path=str(revision.path),
            message=revision.message,
            statements=tuple(replace(item, index=index) for index, item in enumerate(outcome.statements)),
            before=catalog,
            after=after,
            depends_on=revision.depends_on,
            branch_labels=revision.branch_labels,
            declared=revision.declared,
            data_dependent=outcome.data_dependent or any(item.data_dependent for item in outcome.statements),
            error=outcome.error,
        )
        return made, outcome.session

    def _passes(self, revision: Revision, direction: Direction, catalog: Catalog, session: SessionState) -> Outcome:
        deadline = time.monotonic() + self._options.revision_timeout

        def play(fabrication: Fabrication) -> Pass:
            left = max(deadline - time.monotonic(), 0.05)
            return self._stage.play(revision, direction, catalog, session, fabrication, left)

        empty = play(Fabrication())
        unheard_of = empty.missing is not None and empty.missing not in self._seen
        if unheard_of and catalog.complete and direction == "upgrade" and not self._options.start.tables:
            raise _BaseNotEmptyError
        self._seen.update(key for one in empty.statements for key in one.after.tables)
        outcome = Outcome(list(empty.statements), empty.after, empty.session, empty.error, (empty,))
        wanting = (
            empty.raised is None or wants_a_row(empty.raised) or raised_on_purpose(empty.raised, str(revision.path))
        )
        if not empty.selects or not wanting:
            return outcome
        filled = _with_rows(play, str(revision.path))
        outcome.passes = (empty, *filled)
        # Whatever looks at rows depends on them, also where our one row changed nothing (a guard, a count).
        outcome.data_dependent = any(one.last_select for one in filled)
        for one in filled:
            _merge(outcome, one)
        last = filled[-1]
        if empty.raised is not None and last.raised is None:
            # It wants the rows a real database has: the pass that gave it some is the one to believe.
            outcome.after, outcome.session, outcome.error = last.after, last.session, None
            outcome.data_dependent = True
        elif (
            empty.raised is None and last.raised is not None and not raised_on_purpose(last.raised, str(revision.path))
        ):
            outcome.data_dependent = True
            outcome.error = stuck(last)
        return outcome


def _with_rows(play: Callable[[Fabrication], Pass], path: str) -> list[Pass]:
    """Passes with made-up rows: one that reaches the end if any does, and those a guard of the revision ended."""
    kept: list[Pass] = []
    withheld: frozenset[str] = frozenset()
    while True:
        tried: list[Pass] = []
        texts: list[tuple[str | None, dict[str, object]]] = [(text, {}) for text in _TEXTS]
        for text, members in texts:
            tried.append(play(Fabrication(rows=True, text=text, withheld=withheld)))
            raised = tried[-1].raised
            if raised is None or raised_on_purpose(raised, path) or tried[-1].timed_out:
                break
            wanted = missing_member(raised)
            if wanted is not None and wanted not in members and len(members) < _MEMBERS and len(texts) < _MOST_TEXTS:
                # JSON in a text column: give it the member it was asked for, as a text, a list, an object.
                grown = [{**members, wanted: value} for value in _VALUES]
                texts += [(json.dumps(item), item) for item in grown]
        else:
            tried[-1] = tried[0]
        best = tried[-1]
        kept.append(best)
        guarded = best.raised is not None and raised_on_purpose(best.raised, path)
        if not guarded or not best.last_select or best.last_select in withheld or len(kept) > _GUARDS:
            return kept
        withheld |= {best.last_select}


def _merge(outcome: Outcome, other: Pass) -> None:
    """Put the statements only one side has where they belong, marked; what both have stays as it was recorded."""
    mine, theirs = outcome.statements, other.statements
    merged: list[RecordedStatement] = []
    matcher = SequenceMatcher(None, [_text(item) for item in mine], [_text(item) for item in theirs], autojunk=False)
    stopped = other.raised is not None
    for tag, first, last, other_first, other_last in matcher.get_opcodes():
        if tag == "equal":
            merged += mine[first:last]
            continue
        ended = stopped and other_last == len(theirs) and other_first == other_last
        merged += mine[first:last] if ended else [replace(item, data_dependent=True) for item in mine[first:last]]
        for item in theirs[other_first:other_last]:
            if not _repeats(item, merged):
                merged.append(replace(item, data_dependent=True))
        outcome.data_dependent = True
    outcome.statements = merged


def _text(item: RecordedStatement) -> str:
    return item.statement.sql


def _repeats(item: RecordedStatement, merged: Sequence[RecordedStatement]) -> bool:
    """Whether a statement is the next round of the DML before it: loops over batches change numbers only."""
    if not merged or item.delta.changes or item.line != merged[-1].line:
        return False
    return _NUMBER.sub("?", _text(item)) == _NUMBER.sub("?", _text(merged[-1]))
