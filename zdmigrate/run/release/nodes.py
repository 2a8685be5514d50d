"""What is done to nodes: looks at them, and takes the steps that `plan` decides on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.release.balancers import Balancer, Rotation
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.fleet import Fleet, Sighting
from zdmigrate.run.release.journal import Entry, Journal, Mark, Outcome
from zdmigrate.run.release.plan import Action, Goal, NodeView, Step, next_action, remaining
from zdmigrate.run.release.smoke import smoke
from zdmigrate.run.release.spec import NodeSpec, ReleaseSpec
from zdmigrate.run.release.stopping import Stopping

_POLL = 0.2
#: Starts of one node in one run of the tool: one that has to be started again and again is for a person to look at.
_STARTS = 2


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


class Nodes:
    """The nodes of a release.

    Args:
        version: that `goal` wants, and whose start command is used.
    """

    def __init__(
        self, spec: ReleaseSpec, steps: Steps, fleet: Fleet, balancer: Balancer, commands: Commands, goal: Goal
    ) -> None:
        self._spec = spec
        self._steps = steps
        self._fleet = fleet
        self._balancer = balancer
        self._commands = commands
        self._goal = goal
        self._names = tuple(node.name for node in spec.nodes)
        self._started: dict[str, int] = {}

    def change(self, check: Callable[[], None] = lambda: None) -> None:
        """Take step after step until every node is as it should be.

        Args:
            check: called before each step; may raise.

        Raises:
            StepError: a step did not do what it should.
        """
        while True:
            self._steps.stopping.check()
            check()
            views = self.views()
            self._after_hooks(views)
            action = next_action(views, self._goal)
            if action is None:
                return
            self._before_hooks(action)
            self._steps.stopping.check()
            self._take(action)

    def views(self) -> list[NodeView]:
        """What is seen of every node now.

        Raises:
            StepError: it cannot be seen.
        """
        sightings, rotations = self._look()
        return [_view(node, sightings[node.name], rotations[node.name], self._steps.entry) for node in self._spec.nodes]

    def _look(self) -> tuple[dict[str, Sighting], dict[str, Rotation]]:
        """Fleet and balancers; waits while the fleet may not have heard of a node yet."""
        found: tuple[dict[str, Sighting], dict[str, Rotation]]

        def lacking() -> list[str]:
            nonlocal found
            found = self._fleet.look(self._names), dict(self._balancer.look())
            sightings, rotations = found
            unheard = [name for name, seen in sightings.items() if seen.node is None and not seen.certain]
            stray = [
                f"{name} gets requests, but no node of that name is in the fleet: is it ZDSESSION_NODE of its "
                "processes, and is [release] fleet their store? If nothing runs there, take it out of the balancer"
                for name, seen in sightings.items()
                if seen.node is None and seen.certain and rotations[name].reached
            ]
            young = f"the fleet's registry is younger than 20 s and may not know {', '.join(unheard)} yet"
            return stray or ([young] if unheard else [])

        self._until("look", "", lacking, self._spec.limits.ready_within)
        return found

    # steps

    def _take(self, action: Action) -> None:
        take = {
            Step.DRAIN: self._drain,
            Step.STOP: self._stop,
            Step.START: self._start,
            Step.SMOKE: self._smoke,
            Step.ADMIT: self._admit,
        }[action.step]
        with self._steps.taking(action.step.name.lower(), action.nodes) as details:
            take([self._spec.node(name) for name in action.nodes], details)

    def _drain(self, nodes: Sequence[NodeSpec], details: dict[str, str]) -> None:
        before = self._balancer.look()
        reached = [node for node in nodes if before[node.name].reached]
        for node in nodes:
            self._balancer.out(node)

        def left() -> list[str]:
            seen, rotations = self._fleet.look(self._names), self._balancer.look()
            if reached and not any(rotation.reached for rotation in rotations.values()):
                raise StepError("no other node is in rotation any more")
            for node in nodes:
                if not seen[node.name].obeys:
                    self._fleet.drain(node.name)  # a store may lose the order
            return [
                f"{node.name}: {reason}"
                for node in nodes
                for reason in (
                    *seen[node.name].undone(),
                    *(["the balancer still sends it requests"] if rotations[node.name].reached else []),
                    *(
                        [f"the balancer has {rotations[node.name].sessions} open"]
                        if rotations[node.name].sessions
                        else []
                    ),
                )
            ]

        within = self._spec.limits.drain_within
        try:
            self._until("drain", nodes[0].name, left, within, f"has not drained within {within:g} s")
        except ZdmigrateError as error:
            self._put_back(reached, error)
            raise

    def _put_back(self, nodes: Sequence[NodeSpec], error: ZdmigrateError) -> None:
        """A drain that does not end well leaves nobody out who could serve: what is live comes back."""
        try:
            seen = self._fleet.look(self._names)
            for node in nodes:
                if seen[node.name].versions:
                    self._fleet.undrain(node.name)
                    self._balancer.admit(node)
        except ZdmigrateError as second:
            raise StepError(f"{error}; nor could it be put back: {second}") from error

    def _stop(self, nodes: Sequence[NodeSpec], details: dict[str, str]) -> None:
        for node in nodes:
            self._balancer.shut(node)
            details[node.name] = self._run_stop(node)
        for node in nodes:
            self._until_gone(node, details)
            self._unmark(node.name, "tested")
        self._steps.note()

    def _run_stop(self, node: NodeSpec) -> str:
        if node.stop is None:
            return self._commands.stop_daemon(node, self._spec.limits.stop_within)
        return self._commands.run(node.stop, node, self._goal.version)

    def _until_gone(self, node: NodeSpec, details: dict[str, str]) -> None:
        """Wait for its goodbye. Silence is not absence, but with a stop command that succeeded it is the end."""

        def left() -> list[str]:
            seen = self._fleet.look((node.name,))[node.name]
            if seen.versions:
                return [f"{node.name}: its processes are in the fleet still ({', '.join(sorted(seen.versions))})"]
            if seen.silent:
                self._fleet.forget(node.name)
                details[node.name] = "no goodbye, but it was stopped and is silent: forgotten"
            return []

        within = self._spec.limits.stop_within
        self._until("stop", node.name, left, within, f"was stopped, and is alive {within:g} s later: look at `stop`")

    def _start(self, nodes: Sequence[NodeSpec], details: dict[str, str]) -> None:
        seen = self._fleet.look(self._names)
        entry = self._steps.entry
        for node in nodes:
            self._balancer.shut(node)
            sighting = seen[node.name]
            view = _view(node, sighting, Rotation(reached=False, whole=False), entry)
            if self._goal.met_by(view):
                if sighting.node is not None and sighting.node.order is not None:
                    self._fleet.undrain(node.name)  # the other direction had told it to leave
                continue
            self._started[node.name] = self._started.get(node.name, 0) + 1
            if self._started[node.name] > _STARTS:
                raise StepError(
                    f"{node.name} was started {_STARTS} times and does not stay; look at its log", undo=True
                )
            details[node.name] = self._run_start(node)
            self._unmark(node.name, "tested", "failed")
            self._mark(node.name, "restarted")
        for node in nodes:
            self._until_ready(node)

    def _run_start(self, node: NodeSpec) -> str:
        version = self._goal.version
        command = node.start if version == self._spec.new else node.start_old
        if node.start_kind == "daemon":
            self._commands.start_daemon(command, node, version)
            return ""
        return self._commands.run(command, node, version)

    def _until_ready(self, node: NodeSpec) -> None:
        wanted = self._goal.version

        def left() -> list[str]:
            seen = self._fleet.look((node.name,))[node.name]
            if seen.versions == {wanted} and seen.ready:
                return []
            if seen.versions and wanted not in seen.versions:
                came = ", ".join(sorted(seen.versions))
                raise StepError(
                    f"{node.name} came up with version {came}, not {wanted}: look at what its start command starts, "
                    "and at [versions]",
                    undo=True,
                )
            ended = self._commands.daemon_ended(node) if node.start_kind == "daemon" else ""
            if ended and not seen.versions:
                raise StepError(f"{node.name} did not stay up: {ended}", undo=True)
            return [f"{node.name}: {seen.why_unready()}"]

        within = self._spec.limits.ready_within
        self._until("start", node.name, left, within, f"is not ready within {within:g} s", undo=True)

    def _smoke(self, nodes: Sequence[NodeSpec], details: dict[str, str]) -> None:
        undoing = self._steps.entry.direction == "undo"
        tests = [test for test in self._spec.smoke if test.undo or not undoing]
        for node in nodes:
            for test in tests:
                self._steps.stopping.check()
                problem = self._smoke_one(node, test.command) if test.command else smoke(node, test)
                if problem:
                    self._mark(node.name, "failed")
                    raise StepError(f"{node.name} failed its smoke test and got no traffic: {problem}", undo=True)
            details[node.name] = f"{len(tests)} passed"
            self._mark(node.name, "tested")

    def _smoke_one(self, node: NodeSpec, command: str) -> str:
        try:
            self._commands.run(command, node, self._goal.version)
        except StepError as error:
            return error.problem
        return ""

    def _admit(self, nodes: Sequence[NodeSpec], details: dict[str, str]) -> None:
        for node in nodes:
            self._balancer.admit(node)

        def left() -> list[str]:
            seen, rotations = self._fleet.look(self._names), self._balancer.look()
            gone = [node.name for node in nodes if not seen[node.name].versions]
            if gone:  # what is to be done now is decided anew
                details.update(dict.fromkeys(gone, "it is not there any more"))
                return []
            return [
                f"{node.name}: the balancer says {rotations[node.name].detail}"
                for node in nodes
                if not rotations[node.name].whole
            ]

        within = self._spec.limits.ready_within
        self._until("admit", nodes[0].name, left, within, f"is not in rotation within {within:g} s", undo=True)

    # hooks

    def _before_hooks(self, action: Action) -> None:
        for name in action.nodes:
            if not self._steps.entry.has(name, "begun"):
                self._hooks("before_node", self._spec.hooks.before_node, name)
                self._mark(name, "begun")

    def _after_hooks(self, views: Sequence[NodeView]) -> None:
        """For nodes of which nothing is left to do."""
        waiting = [name for name in self._names if self._steps.entry.has(name, "begun")]
        if not waiting:
            return
        needed = {name for action in remaining(views, self._goal) for name in action.nodes}
        for name in waiting:
            if name not in needed:
                self._hooks("after_node", self._spec.hooks.after_node, name)
                self._unmark(name, "begun")
                self._steps.note()

    def _hooks(self, which: str, commands: Sequence[str], name: str) -> None:
        for command in commands:
            with self._steps.taking(which, (name,)) as details:
                details[name] = self._commands.run(command, self._spec.node(name), self._goal.version)

    # marks and waiting

    def _mark(self, name: str, mark: Mark) -> None:
        marks = self._steps.entry.marks.setdefault(name, [])
        if mark not in marks:
            marks.append(mark)
        self._steps.note()

    def _unmark(self, name: str, *marks: Mark) -> None:
        kept = [mark for mark in self._steps.entry.marks.get(name, []) if mark not in marks]
        self._steps.entry.marks[name] = kept

    def _until(
        self,
        step: str,
        node: str,
        left: Callable[[], list[str]],
        within: float,
        problem: str = "",
        *,
        undo: bool = False,
    ) -> None:
        """Look again and again until nothing is left, telling what it waits for.

        Raises:
            StepError: time is up.
        """
        began = time.monotonic()
        said = ""
        while reasons := left():
            waits = "; ".join(reasons)
            if time.monotonic() - began >= within:
                about = f"{node} {problem}: " if problem else ""
                raise StepError(f"{about}{waits}", undo=undo)
            if waits != said and time.monotonic() - began > 1:
                self._steps.tell(step, node, "waits", time.monotonic() - began, waits)
                said = waits
            self._steps.stopping.pause(_POLL)


def _view(node: NodeSpec, seen: Sighting, rotation: Rotation, entry: Entry) -> NodeView:
    return NodeView(
        name=node.name,
        group=node.group,
        place=node.place,
        versions=seen.versions,
        silent=seen.silent,
        drained=seen.drained and rotation.sessions == 0,
        ready=seen.ready,
        reached=rotation.reached,
        in_rotation=rotation.whole,
        restarted=entry.has(node.name, "restarted"),
        tested=entry.has(node.name, "tested"),
        failed=entry.has(node.name, "failed"),
    )
