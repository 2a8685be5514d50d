"""The report of a run as one document, schema version 1: what `run_json` writes and `run_html` shows.

Fields are added freely, never renamed. docs/run-report.md says what each means.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import msgspec

from zdmigrate.run.record import (
    AppNodeRecord,
    EarlierStepRecord,
    LagRecord,
    NodeRecord,
    RevisionRecord,
    RunRecord,
    StatementRecord,
    StepRecord,
    settings_in,
)

SCHEMA_VERSION = 1
#: Read-only or not is what a switchover changes for good.
_ROLES = frozenset({"read_only", "super_read_only"})


class Blocked(msgspec.Struct, frozen=True):
    """A time in which nobody could write.

    Attributes:
        start: seconds since the run began.
        milliseconds: how long; None when the run did not see the end of it.
        ended: "promoted", "let on again", or "" when the run did not see it.
    """

    start: float
    milliseconds: float | None
    ended: str


class Checksum(msgspec.Struct, frozen=True):
    """A comparison of a node's rows with those of its source.

    Attributes:
        equal: None when it was not finished.
    """

    node: str
    equal: bool | None
    text: str


class Setting(msgspec.Struct, frozen=True):
    """A global variable that the run set, or that is another one now.

    Attributes:
        set_to: the values that the run gave it, in order, once for each change; empty when somebody else changed it.
        restored: whether it is as it was; None for who may write, which a switchover changes for good.
    """

    node: str
    name: str
    before: str
    set_to: tuple[str, ...]
    after: str
    restored: bool | None


class Run(msgspec.Struct, frozen=True):
    """Which run, and how it ended. The fields are those of `RunRecord`."""

    id: str
    kind: str
    continued: bool
    command: str
    began: str
    ended: str
    seconds: float
    outcome: Literal["done", "aborted", "needs a person", "failed"]
    exit_code: int
    message: str
    next: str
    old_primary: str
    new_primary: str
    figures: dict[str, str | int | float]
    notes: tuple[str, ...]
    todo: tuple[str, ...]
    old_version: str = ""
    new_version: str = ""


class Servers(msgspec.Struct, frozen=True):
    """The servers when the run began, and when it had ended."""

    before: tuple[NodeRecord, ...]
    after: tuple[NodeRecord, ...]


class App(msgspec.Struct, frozen=True):
    """The nodes of the app when a release began, and when it had ended; none for other runs."""

    before: tuple[AppNodeRecord, ...] = ()
    after: tuple[AppNodeRecord, ...] = ()


class Part(msgspec.Struct, frozen=True):
    """A run that a release made, with the report that it left.

    Attributes:
        phase: of the release: expand, backfill, migrate or contract; before or after, for those commands.
        start: seconds since this run of the release began; below zero when an earlier run of it made it.
    """

    phase: str
    start: float
    report: Document


class Document(msgspec.Struct, frozen=True):
    """The report."""

    schema_version: int
    zdmigrate: str
    run: Run
    servers: Servers
    steps: tuple[StepRecord, ...]
    blocked: tuple[Blocked, ...]
    lag: tuple[LagRecord, ...]
    checksums: tuple[Checksum, ...]
    settings: tuple[Setting, ...]
    statements: tuple[StatementRecord, ...]
    revisions: tuple[RevisionRecord, ...]
    accepted: dict[str, str]
    app: App = App()
    earlier: tuple[EarlierStepRecord, ...] = ()
    parts: tuple[Part, ...] = ()


def document(record: RunRecord, parts: Sequence[Part] = ()) -> Document:
    """The document of a run, with those of the runs that were part of it."""
    run = Run(
        record.run, record.kind, record.continued, record.command, record.began.isoformat(timespec="milliseconds"),
        record.ended.isoformat(timespec="milliseconds"), record.seconds, record.outcome, record.exit_code,
        record.message, record.next, record.old, record.new, dict(record.figures), record.notes, record.todo,
        record.old_version, record.new_version,
    )  # fmt: skip
    return Document(
        SCHEMA_VERSION, _own_version(), run, Servers(record.before, record.after), record.steps,
        tuple(_blocked(record)), record.lag, tuple(_checksums(record)), tuple(_settings(record)), record.statements,
        record.revisions, dict(record.accepted), App(record.app_before, record.app_after), record.earlier,
        tuple(parts),
    )  # fmt: skip


def _blocked(record: RunRecord) -> Iterator[Blocked]:
    """From when a freeze was sent until the candidate was writable, or the old primary again."""
    since: float | None = None
    for step in record.steps:
        end = step.start + step.seconds
        if step.name == "freeze" and step.outcome in ("done", "failed"):
            since = step.start
        elif since is not None and (step.name, step.outcome) in (("promote", "done"), ("freeze", "undone")):
            how = "promoted" if step.name == "promote" else "let on again"
            yield Blocked(since, (end - since) * 1000, how)
            since = None
    if since is not None:
        yield Blocked(since, None, "")


def _checksums(record: RunRecord) -> Iterator[Checksum]:
    for step in record.steps:
        if step.name.startswith("compare "):
            equal = None
            if step.outcome == "done":
                equal = True
            elif "differs where" in step.detail:
                equal = False
            yield Checksum(step.node or step.name.removeprefix("compare "), equal, step.detail)


def _settings(record: RunRecord) -> Iterator[Setting]:
    given: dict[tuple[str, str], list[str]] = {}
    for statement in record.statements:
        values = iter(statement.values)
        for name, text in settings_in(statement.sql):
            shown = text.replace("%s", next(values, "%s")) if "%s" in text else text
            values_of = given.setdefault((statement.node, name), [])
            if not statement.error and values_of[-1:] != [shown]:
                values_of.append(shown)
    for node, names in record.variables.items():
        for name, (before, after) in names.items():
            set_to = tuple(given.get((node, name), ()))
            yield Setting(node, name, before, set_to, after, None if name in _ROLES else before == after)


def _own_version() -> str:
    try:
        return version("zdrelease")
    except PackageNotFoundError:
        return "unknown"
