"""What a run did, as values: steps, statements, lag, the servers before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Outcome = Literal["done", "aborted", "needs a person", "failed"]


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
