"""What a release meant and cannot see: a file in its folder, with a copy in the session store.

`journal.json` is replaced as a whole with every change; `events.jsonl` grows by a line with every step, for whoever
wants to draw what happened.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from zdmigrate.errors import UsageError
from zdmigrate.run.errors import RefusedError
from zdmigrate.run.journal import owner
from zdmigrate.run.release.spec import Strategy

State = Literal["running", "paused", "done", "undone", "forgotten"]
Direction = Literal["forward", "undo"]
#: What can be noted about a node.
Mark = Literal["restarted", "tested", "failed", "begun"]
Outcome = Literal["begun", "waits", "done", "failed"]
_EVENTS = "events.jsonl"


@dataclass(slots=True)
class Entry:
    """One release.

    Attributes:
        serial: grows with every change.
        finished: phases and commands that are over.
        begun: those of them that were begun and not refused: each may have changed something.
        marks: what was noted about each node.
        reason: why it paused.
        asked: digest of what its file asked for (`ReleaseSpec.asked`); "" where that was not noted.
    """

    id: str
    new: str
    old: str
    strategy: Strategy
    nodes: list[str]
    began: float
    serial: int = 0
    direction: Direction = "forward"
    state: State = "running"
    reason: str = ""
    owner: str = ""
    updated: float = 0.0
    finished: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    asked: str = ""

    @property
    def unfinished(self) -> bool:
        """Whether it can be gone on with."""
        return self.state in ("running", "paused")

    def has(self, node: str, mark: Mark) -> bool:
        """Whether that was noted about the node."""
        return mark in self.marks.get(node, ())


class Journal:
    """The journal in a folder.

    Args:
        folder: is there, where something is to be written.
        copy: gets every entry, to keep it elsewhere, too.
    """

    def __init__(self, folder: Path, copy: Callable[[Mapping[str, Any]], None] = lambda entry: None) -> None:
        self.folder = folder
        self._copy = copy

    def read(self) -> Entry | None:
        """The newest release here, or None.

        Raises:
            UsageError: the file is damaged.
        """
        return read_journal(self.folder)

    def begin(self, *, new: str, old: str, strategy: Strategy, nodes: list[str], asked: str = "") -> Entry:
        """A new release."""
        entry = Entry(secrets.token_hex(4), new, old, strategy, nodes, time.time(), asked=asked)
        self.write(entry)
        return entry

    def write(self, entry: Entry) -> None:
        """Replace what is there."""
        entry.serial += 1
        entry.owner, entry.updated = owner(), time.time()
        content = asdict(entry)
        _replace(self.folder / "journal.json", json.dumps(content, indent=1))
        self._copy(content)

    def event(
        self, entry: Entry, step: str, outcome: Outcome, *, node: str = "", seconds: float = 0.0, detail: str = ""
    ) -> None:
        """Add a line to events.jsonl."""
        line = {
            "at": round(time.time(), 3), "release": entry.id, "step": step, "node": node, "outcome": outcome,
            "seconds": round(seconds, 3), "detail": detail,
        }  # fmt: skip
        with (self.folder / _EVENTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_journal(folder: Path) -> Entry | None:
    """The newest release whose journal is in a folder, or None.

    Raises:
        UsageError: the file is damaged.
    """
    path = folder / "journal.json"
    try:
        return entry_of(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); move it away if no release is unfinished") from error


@dataclass(frozen=True, slots=True)
class Event:
    """A line of events.jsonl. `at` is seconds since 1970."""

    at: float
    release: str
    step: str
    node: str
    outcome: Outcome
    seconds: float
    detail: str


def read_events(folder: Path, release: str) -> list[Event]:
    """What earlier runs of a release noted in this folder; a line that cannot be read is passed over."""
    try:
        lines = (folder / _EVENTS).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError, TypeError):
            event = Event(**json.loads(line))
            if event.release == release:
                found.append(event)
    return found


def entry_of(content: Any) -> Entry:
    """An entry from its JSON.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(content, dict):
        raise TypeError("it is no journal")
    return Entry(**content)


@contextmanager
def only_one_here(folder: Path) -> Iterator[None]:
    """Make the folder, and keep a second release out of it; the kernel lets go when this process ends, however it ends.

    Raises:
        RefusedError: there is one.
        UsageError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"[release] journal: {folder} cannot be written: {error.strerror}") from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise RefusedError(
                [f"another release is at work here: {file.read().strip() or 'its owner is unknown'}"]
            ) from error
        file.truncate(0)
        file.write(owner() + "\n")
        file.flush()
        yield


def _replace(path: Path, text: str) -> None:
    """Write a file so that a reader, or a run after a crash, finds the old content or the new."""
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
