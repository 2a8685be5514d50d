"""What every part of a release does beside its own work: it is told of, noted, waits, and can be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.journal import Entry, Journal, Mark, Outcome
from zdmigrate.run.release.stopping import Stopping

_POLL = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """What is said while a release runs.

    Attributes:
        step: of the release.
        node: it is about, or "".
        outcome: begun, waits (its detail changed), done or failed.
        seconds: since it began.
    """

    step: str
    node: str
    outcome: Outcome
    seconds: float
    detail: str


Listener = Callable[[Told], None]


@dataclass
class Steps:
    """What every part of a release needs: the journal, who listens, and a way to stop."""

    journal: Journal
    entry: Entry
    listener: Listener
    stopping: Stopping

    def note(self) -> None:
        """Write the journal."""
        self.journal.write(self.entry)

    def mark(self, name: str, mark: Mark) -> None:
        """Note that about a node, at once."""
        marks = self.entry.marks.setdefault(name, [])
        if mark not in marks:
            marks.append(mark)
        self.note()

    def unmark(self, name: str, *marks: Mark) -> None:
        """Take notes back; written with whatever is noted next."""
        self.entry.marks[name] = [mark for mark in self.entry.marks.get(name, []) if mark not in marks]

    def tell(self, step: str, node: str, outcome: Outcome, seconds: float = 0.0, detail: str = "") -> None:
        """Say what happens; all but waiting goes to events.jsonl, too."""
        self.listener(Told(step, node, outcome, seconds, detail))
        if outcome != "waits":
            self.journal.event(self.entry, step, outcome, node=node, seconds=seconds, detail=detail)

    @contextmanager
    def taking(self, step: str, nodes: Sequence[str] = ("",)) -> Iterator[dict[str, str]]:
        """Tell of a step's begin and end; the value takes a detail for each node."""
        began = time.monotonic()
        details: dict[str, str] = {}
        for node in nodes:
            self.tell(step, node, "begun")
        try:
            yield details
        except BaseException as error:
            for node in nodes:
                self.tell(step, node, "failed", time.monotonic() - began, str(error) or type(error).__name__)
            raise
        for node in nodes:
            self.tell(step, node, "done", time.monotonic() - began, details.get(node, ""))

    def until_nothing(
        self,
        left: Callable[[], list[str]],
        step: str,
        node: str,
        within: float,
        problem: str = "",
        *,
        undo: bool = False,
    ) -> None:
        """Look again and again until nothing is left, telling what it waits for.

        Args:
            left: what is waited for, in words.
            within: seconds.
            problem: what is said of the node when time is up.

        Raises:
            StepError: time is up.
            StoppedError: somebody asked for it.
        """
        began = time.monotonic()
        said = ""
        while reasons := left():
            waits = "; ".join(reasons)
            if time.monotonic() - began >= within:
                about = f"{node} {problem}: " if problem else ""
                raise StepError(f"{about}{waits}", undo=undo)
            if waits != said and time.monotonic() - began > 1:
                self.tell(step, node, "waits", time.monotonic() - began, waits)
                said = waits
            self.stopping.pause(_POLL)
