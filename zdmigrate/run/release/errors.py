"""How a step of a release fails. `release.py` turns these into exit codes."""

from __future__ import annotations

from zdmigrate.errors import ZdmigrateError


class StepError(ZdmigrateError):
    """A step did not do what it should; the release pauses, and going on tries the step again.

    Attributes:
        problem: one sentence.
        undo: whether taking the release back is the likelier next step than going on.
    """

    exit_code = 5

    def __init__(self, problem: str, *, undo: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.undo = undo


class BalancerError(StepError):
    """A load balancer did not do, or say, what was asked."""


class StoppedError(ZdmigrateError):
    """Somebody pressed Ctrl-C, or sent SIGTERM; the step that was at work has ended."""

    exit_code = 5
