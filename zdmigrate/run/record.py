"""What a run did, as values: steps, statements, lag, the servers before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from zdmigrate.run.errors import AbortedError, NeedsPersonError

Outcome = Literal["done", "aborted", "needs a person", "failed"]
#: Names the folder for reports, where `--report` does not: a release tells its commands, to find theirs.
REPORT_VARIABLE = "ZDMIGRATE_REPORT"


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """A server at one moment.

    Attributes:
        address: host and port, as this tool reaches it.
        server: flavour and version, "" when it did not answer.
        writable: writable, read-only or frozen.
        follows: whom it replicates from, "" for nobody.
        lag: seconds behind, None when it follows nobody, does not apply or does not know.
        held: it fetches and does not apply.
        problem: why it did not say.
    """

    name: str
    address: str
    server: str = ""
    writable: str = ""
    follows: str = ""
    lag: int | None = None
    held: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A step.

    Attributes:
        node: where it was at work, "" when that is no one node.
        start, seconds: since the run began; how long it took.
    """

    name: str
    node: str
    outcome: str
    start: float
    seconds: float
    detail: str = ""


@dataclass(slots=True)
class StatementRecord:
    """A statement that was sent.

    Attributes:
        sha256: of `sql`.
        values: what was bound in place of %s, for people; empty when a password was among it.
        times: how often in a row; `seconds` is of all of them.
        error: what came instead of an answer to the last of them.
    """

    node: str
    sql: str
    sha256: str
    start: float
    seconds: float
    values: tuple[str, ...] = ()
    times: int = 1
    error: str = ""


@dataclass(frozen=True, slots=True)
class LagRecord:
    """From here on a replica was so many seconds behind; None: it did not apply, or did not answer."""

    node: str
    at: float
    seconds: int | None


@dataclass(frozen=True, slots=True)
class ChangeRecord:
    """A statement of the plan, as judged.

    Attributes:
        sha256: of `sql`, as the journal has it. What was sent may have ALGORITHM and LOCK added.
        conditions: what it was safe under, with how each was met.
        accepted: the reason a person gave, "" when none was needed.
    """

    id: str
    sql: str
    sha256: str
    way: str
    verdict: str
    conditions: tuple[str, ...] = ()
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class RevisionRecord:
    """A revision of the plan."""

    revision: str
    phase: str
    verdict: str
    changes: tuple[ChangeRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class AppNodeRecord:
    """A node of the app at one moment of a release.

    Attributes:
        address: URL of the node itself, past the balancer.
        versions: of its live processes.
        state: ready, not ready, lost (it vanished without goodbye) or down; "" when nobody could say.
        rotation: in rotation, partly in rotation or out; "" when nobody could say.
        problem: why nobody could.
    """

    name: str
    address: str
    versions: tuple[str, ...] = ()
    state: str = ""
    rotation: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EarlierStepRecord:
    """A step that an earlier run of the same release took.

    Attributes:
        at: when it ended, or began if it was cut off; UTC, ISO 8601.
        outcome: done, failed, undone, or cut off: that run did not see its end.
    """

    at: str
    name: str
    node: str
    outcome: str
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run.

    Attributes:
        run: its id in the journal.
        continued: whether it went on with a run that had stopped.
        command: how it was called, without passwords.
        began, ended: in UTC.
        seconds: between them.
        outcome, exit_code, message: how it ended, and what it said.
        next: the one command that goes on or ends it, "" when none is needed.
        old, new: the primary at the beginning; the node it was to move to, "" when none.
        figures: what is special to this kind of run, by name.
        variables: by node and name, values at the beginning and at the end: of those that differ or were set.
        accepted: what a person accepted, with the reason where one was given.
        old_version, new_version: of the app: which a release replaces, and by which. Empty for other runs.
        app_before, app_after: the nodes of the app that a release changes.
        earlier: steps of the runs that a release went on with.
    """

    run: str
    kind: str
    continued: bool
    command: str
    began: datetime
    ended: datetime
    seconds: float
    outcome: Outcome
    exit_code: int
    message: str
    next: str
    old: str
    new: str
    before: tuple[NodeRecord, ...]
    after: tuple[NodeRecord, ...]
    steps: tuple[StepRecord, ...]
    statements: tuple[StatementRecord, ...]
    lag: tuple[LagRecord, ...]
    revisions: tuple[RevisionRecord, ...] = ()
    figures: Mapping[str, str | int | float] = field(default_factory=dict)
    variables: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)
    accepted: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    todo: tuple[str, ...] = ()
    old_version: str = ""
    new_version: str = ""
    app_before: tuple[AppNodeRecord, ...] = ()
    app_after: tuple[AppNodeRecord, ...] = ()
    earlier: tuple[EarlierStepRecord, ...] = ()


def ending_of(error: BaseException | None) -> tuple[Outcome, str, str]:
    """How a run ended: its outcome, what it said, and the command that goes on."""
    match error:
        case None:
            return "done", "", ""
        case NeedsPersonError():
            return "needs a person", error.problem, error.command
        case AbortedError():
            return "aborted", str(error), ""
        case KeyboardInterrupt():
            return "failed", "interrupted", ""
    return "failed", str(error) or type(error).__name__, ""


def settings_in(sql: str) -> list[tuple[str, str]]:
    """The global variables that a statement sets, with the values as it has them."""
    if not re.match(r"\s*SET\s+(GLOBAL|PERSIST|PERSIST_ONLY)\b", sql, re.IGNORECASE):
        return []
    return [
        (name.lower(), value.strip())
        for name, value in re.findall(
            r"(?:GLOBAL|PERSIST_ONLY|PERSIST)\s+`?(\w+)`?\s*=\s*(.+?)(?=,\s*(?:GLOBAL|PERSIST)|$)",
            sql,
            re.IGNORECASE | re.DOTALL,
        )
    ]
