"""The whole release: expand, nodes, data, contract; and the way back."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from zdmigrate.errors import UsageError
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.record import REPORT_VARIABLE
from zdmigrate.run.release.errors import StepError, StoppedError
from zdmigrate.run.release.journal import Entry
from zdmigrate.run.release.nodes import Nodes
from zdmigrate.run.release.phases import PhaseName
from zdmigrate.run.release.prepare import CommandLine, Prepared, Tools, goal_of, opened, pending_of, prepare
from zdmigrate.run.release.recorder import reports_of
from zdmigrate.run.release.spec import ReleaseSpec
from zdmigrate.run.release.stopping import Stopping
from zdmigrate.run.release.telling import Listener, Steps

Confirm = Callable[[Prepared], bool]
Began = Callable[[Entry, Prepared], None]
_USAGE, _REFUSED, _INTERRUPTED = 2, 6, 130


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended well.

    Attributes:
        kind: done; declined, when `confirm` said no; already, when it was done before and nothing of it is left to do.
        entry: of the release in the journal; of one that was declined, as it would have begun.
    """

    kind: Literal["done", "declined", "already"]
    entry: Entry


def release(
    spec: ReleaseSpec,
    confirm: Confirm,
    *,
    run: CommandLine,
    undo: bool = False,
    rehearse: bool = False,
    repeat: bool = False,
    again: str = "zdmigrate release release.toml",
    listener: Listener = lambda told: None,
    began: Began = lambda entry, prepared: None,
) -> Ending:
    """Carry a release out, go on with it, or take it back.

    Args:
        confirm: shown what would be done; False ends it before anything changed. Not asked when nothing is to be done.
        run: zdmigrate's own command line, for `apply`.
        undo: bring the old version back.
        rehearse: write nothing anywhere, not even the lock: `confirm` is going to say no.
        repeat: do once more what an earlier run finished.
        again: how to give the same order again, for people; without --undo.
        began: told once it is certain that something is done, before the first of it.

    Raises:
        UsageError: the release cannot be used as it is.
        RefusedError: nothing was changed.
        AbortedError: a migration was given up and undone, or somebody took the release over.
        NeedsPersonError: it paused; says why, and how to go on.
    """
    stopping = Stopping()
    with stopping.listening(), opened(spec, run, stopping, alone=not rehearse) as tools:
        try:
            prepared = prepare(tools, undo=undo, repeat=repeat)
        except StoppedError as error:
            raise RefusedError([str(error)]) from error
        except StepError as error:
            raise RefusedError([error.problem]) from error
        if prepared.already is not None:
            return Ending("already", prepared.already)
        with stopping.interrupting():
            agreed = confirm(prepared)
        if not agreed:
            return Ending("declined", prepared.entry)
        begun = Run(tools, prepared, again, listener)
        began(begun.entry, prepared)
        begun.run()
        return Ending("done", begun.entry)


class Run:
    """One run of the tool over a release.

    Attributes:
        entry: of it in the journal.
    """

    def __init__(self, tools: Tools, prepared: Prepared, again: str, listener: Listener) -> None:
        self._tools = tools
        self._spec = tools.spec
        self._again = again
        entry = prepared.entry
        if not prepared.going_on:
            entry = tools.journal.begin(
                new=entry.new, old=entry.old, strategy=entry.strategy, nodes=list(entry.nodes), asked=entry.asked
            )
        self.entry = entry
        hooks = tools.spec.hooks
        self._commands_of = {"before": hooks.before, "backfill": tools.spec.phases.backfill, "after": hooks.after}
        self._steps = Steps(tools.journal, entry, listener, tools.stopping)
        self._nodes = Nodes(self._spec, self._steps, tools.fleet, tools.balancer, tools.commands, goal_of(entry))

    def run(self) -> None:
        """Go on to the end. See `release` for what it raises."""
        entry = self.entry
        entry.state, entry.reason = "running", ""
        self._steps.note()
        try:
            if entry.direction == "undo":
                self._nodes.change(self._tools.lease.check)
            else:
                self._forward()
        except (StoppedError, KeyboardInterrupt) as error:
            self._paused("somebody stopped it")
            raise NeedsPersonError("stopped between two steps, as asked", self._command()) from error
        except StepError as error:
            self._paused(error.problem)
            raise NeedsPersonError(error.problem, self._ways_out(error)) from error
        except (RefusedError, UsageError) as error:
            reason = "; ".join(error.reasons) if isinstance(error, RefusedError) else str(error)
            so_far = self._so_far()
            self._paused(reason, untouched=not so_far and entry.direction == "forward")
            if so_far:  # neither exit code may be said any more: both promise that nothing was changed
                raise NeedsPersonError(f"{reason}; done before that: {', '.join(so_far)}", self._command()) from error
            raise
        except (AbortedError, NeedsPersonError) as error:
            self._paused(str(error))
            raise
        except OSError as error:
            problem = f"what is kept in {self._spec.journal} cannot be written: {error.strerror or error}"
            raise NeedsPersonError(problem, self._command()) from error
        entry.state = "undone" if entry.direction == "undo" else "done"
        self._steps.note()

    def _forward(self) -> None:
        phases = self._spec.phases
        self._commands("before")
        self._phase("expand", phases.expand)
        self._nodes.change(self._tools.lease.check)
        self._commands("backfill")
        self._phase("migrate", phases.migrate)
        self._phase("contract", phases.contract)
        self._commands("after")

    def _commands(self, step: str) -> None:
        """Each once, as far as the journal knows."""
        for number, command in enumerate(self._commands_of[step], 1):
            key = f"{step}:{number}"
            if key in self.entry.finished:
                continue
            self._check()
            self._begin(key)
            reports = {REPORT_VARIABLE: str((reports_of(self._spec, self.entry) / step).absolute())}
            with self._steps.taking(step) as details:
                said = self._tools.commands.run(command, None, self._spec.new, environment=reports)
                details[""] = f"`{command}`" + (f": {said}" if said else "")
            self._finish(key)

    def _phase(self, name: PhaseName, wanted: bool) -> None:
        if not wanted or name in self.entry.finished:
            return
        self._check()
        with self._steps.taking(name) as details:
            with self._tools.stopping.interrupting():
                pending = pending_of(self._tools.migrations, name)
                code = self._apply(name) if pending else 0
            self._judge(name, code)
            details[""] = ", ".join(pending) if pending else "nothing is pending"
        self._finish(name)

    def _apply(self, name: PhaseName) -> int:
        """The exit code of `zdmigrate apply`; one that is refused has not begun."""
        first = self._begin(name)
        code = self._tools.migrations.apply(name, reports=reports_of(self._spec, self.entry) / name)
        if first and code in (_USAGE, _REFUSED):
            self.entry.begun.remove(name)  # written with whatever is noted next
        return code

    def _judge(self, name: PhaseName, code: int) -> None:
        """What the exit code of `zdmigrate apply` means here."""
        if code == 0:
            return
        if code == _INTERRUPTED:
            raise StoppedError(f"stopped during {name}")
        if code in (_USAGE, _REFUSED) and name == "expand":
            raise RefusedError(["the expand step was refused, see above; no node was touched"])
        if code == 4:
            raise AbortedError(f"the {name} step was given up, see above; go on with: {self._command()}")
        told = {5: "needs you", _REFUSED: "was refused"}.get(code, f"ended with exit code {code}")
        raise StepError(
            f"the {name} step {told}, see above; every node is as it should be"
            if name != "expand"
            else f"the expand step {told}, see above"
        )

    def _so_far(self) -> list[str]:
        """What this release has begun or done, in this run or an earlier one, in words."""
        entry = self.entry
        return [
            *(self._named(key) + ("" if key in entry.finished else " not to its end") for key in entry.begun),
            *(f"steps of {name}" for name, marks in entry.marks.items() if marks),
        ]

    def _named(self, key: str) -> str:
        step, _, number = key.partition(":")
        if not number:
            return f"the {step} step"
        commands = self._commands_of[step]
        shown = f"`{commands[int(number) - 1]}`" if int(number) <= len(commands) else f"command {number}"
        return f"{shown} ({step})"

    def _check(self) -> None:
        self._tools.stopping.check()
        self._tools.lease.check()

    def _begin(self, what: str) -> bool:
        """Note it before it is done, so that a kill leaves the note. Whether it was not noted already."""
        if what in self.entry.begun:
            return False
        self.entry.begun.append(what)
        self._steps.note()
        return True

    def _finish(self, what: str) -> None:
        self.entry.finished.append(what)
        self._steps.note()

    def _paused(self, reason: str, *, untouched: bool = False) -> None:
        """Note why. A release that did nothing need not stand in the way of another."""
        self.entry.state = "forgotten" if untouched else "paused"
        self.entry.reason = reason
        self._steps.note()

    def _command(self) -> str:
        return f"{self._again} --undo" if self.entry.direction == "undo" else self._again

    def _ways_out(self, error: StepError) -> str:
        if self.entry.direction == "undo" or not error.undo or not self.entry.old or self.entry.old == self.entry.new:
            return self._command()
        return f"{self._again} --undo   (back to {self.entry.old}; when the cause is mended, go on with: {self._again})"


def shown_command(path: object, *, yes: bool) -> str:
    """The command that goes on, for people."""
    return shlex.join(["zdmigrate", "release", str(path), *(["--yes"] if yes else [])])
