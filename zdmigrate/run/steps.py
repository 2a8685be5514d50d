"""Runs a list of steps with one point of no return: before it every failure is undone, after it nothing is.

A step observes before it acts, so running it again does no harm; that is all a resume needs.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from zdmigrate.errors import ZdmigrateError


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        name: for reports, the journal and `--hold-before`.
        do: acts; returns a word or two about what it found or did.
        undo: puts back what `do` changed, also when `do` failed half way or its answer was lost; None when there
            is nothing to put back.
    """

    name: str
    do: Callable[[], str]
    undo: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How a step went.

    Attributes:
        outcome: done, failed, undone or undo-failed.
        start, seconds: when it began, since the run did, and how long it took; in seconds.
    """

    name: str
    outcome: str
    start: float
    seconds: float
    detail: str = ""


Listener = Callable[[Timing], None]


@dataclass(slots=True)
class StepRunner:
    """Runs steps in order.

    Attributes:
        listener: told of every step when it ended.
        before: told of a step before it begins; may raise to stop there.
    """

    listener: Listener = lambda timing: None
    before: Callable[[str], None] = lambda name: None
    clock: Callable[[], float] = time.monotonic
    timings: list[Timing] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def run(self, steps: Sequence[Step]) -> None:
        """Run steps that can be undone. A failure undoes them, newest first, and is raised again.

        Raises:
            BaseException: what a step raised; with the failures of undoing in a group, when there were any.
        """
        done: list[Step] = []
        for step in steps:
            done.append(step)  # also the one that fails: nobody knows how far it came
            try:
                self.before(step.name)
                self._do(step)
            except BaseException as failure:
                problems = self._undo(done)
                if problems:
                    raise UndoError(failure, problems) from failure
                raise

    def run_on(self, steps: Sequence[Step], *, tries: int = 3, pause: float = 0.5) -> None:
        """Run steps beyond the point of no return: what fails is tried again, nothing is undone."""
        for step in steps:
            for left in reversed(range(tries)):
                try:
                    self.before(step.name)
                    self._do(step)
                    break
                except ZdmigrateError:
                    if not left:
                        raise
                    time.sleep(pause)

    def _do(self, step: Step) -> None:
        start = self.clock()
        try:
            detail = step.do()
        except BaseException as failure:
            self._told(step.name, "failed", start, str(failure) or type(failure).__name__)
            raise
        self._told(step.name, "done", start, detail)

    def _undo(self, done: Sequence[Step]) -> list[Exception]:
        problems: list[Exception] = []
        for step in reversed(done):
            if step.undo is None:
                continue
            start = self.clock()
            try:
                step.undo()
            except Exception as problem:  # the others must be undone all the same
                problems.append(problem)
                self._told(step.name, "undo-failed", start, str(problem))
            else:
                self._told(step.name, "undone", start)
        return problems

    def _told(self, name: str, outcome: str, start: float, detail: str = "") -> None:
        timing = Timing(name, outcome, start - self._began, self.clock() - start, detail)
        self.timings.append(timing)
        self.listener(timing)


class UndoError(ZdmigrateError):
    """A step failed, and what it had changed could not be put back.

    Attributes:
        failure: why the run was given up.
        problems: what could not be put back.
    """

    exit_code = 5

    def __init__(self, failure: BaseException, problems: Sequence[Exception]) -> None:
        said = "; ".join(str(problem) for problem in problems)
        super().__init__(f"{str(failure) or type(failure).__name__}; and putting things back failed: {said}")
        self.failure = failure
        self.problems = tuple(problems)


@contextmanager
def signals_later() -> Iterator[Callable[[], None]]:
    """Keep SIGINT and SIGTERM until a place where stopping is tidy; the value raises KeyboardInterrupt if one came.

    Not for long: what runs inside has to be bounded. In a thread other than the main one, signals never arrive.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
