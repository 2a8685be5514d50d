"""The steps of a node: drain, stop, start, smoke test, admit. Each says when it is over, and may be taken again."""

from __future__ import annotations

from collections.abc import Sequence

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.release.balancers import Balancer
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.fleet import Fleet
from zdmigrate.run.release.plan import Action, Goal, Step
from zdmigrate.run.release.sight import view_out_of_rotation
from zdmigrate.run.release.smoke import smoke
from zdmigrate.run.release.spec import NodeSpec, ReleaseSpec
from zdmigrate.run.release.telling import Steps

#: Starts of one node in one run of the tool: one that has to be started again and again is for a person to look at.
_STARTS = 2


class NodeSteps:
    """Takes steps.

    Args:
        goal: its version is the one whose start command is used.
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

    def take(self, action: Action) -> None:
        """Take a step for its nodes together; returns when it is over.

        Raises:
            StepError: it did not do what it should.
            StoppedError: somebody asked for it.
        """
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
            self._steps.until_nothing(left, "drain", nodes[0].name, within, f"has not drained within {within:g} s")
        except ZdmigrateError as error:
            self._put_back(reached, error)
            raise

    def _put_back(self, nodes: Sequence[NodeSpec], error: ZdmigrateError) -> None:
        """A drain that does not end well leaves nobody out who could serve: what is live comes back."""
        try:
            seen = self._fleet.look(self._names)
            live = [node for node in nodes if seen[node.name].versions]
            with self._steps.taking("put-back", [node.name for node in live]):
                for node in live:
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
            self._steps.unmark(node.name, "tested")
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
        self._steps.until_nothing(
            left, "stop", node.name, within, f"was stopped, and is alive {within:g} s later: look at `stop`"
        )

    def _start(self, nodes: Sequence[NodeSpec], details: dict[str, str]) -> None:
        seen = self._fleet.look(self._names)
        entry = self._steps.entry
        for node in nodes:
            self._balancer.shut(node)
            sighting = seen[node.name]
            if self._goal.met_by(view_out_of_rotation(node, sighting, entry)):
                if sighting.node is not None and sighting.node.order is not None:
                    self._fleet.undrain(node.name)  # the other direction had told it to leave
                continue
            self._started[node.name] = self._started.get(node.name, 0) + 1
            if self._started[node.name] > _STARTS:
                raise StepError(
                    f"{node.name} was started {_STARTS} times and does not stay; look at its log", undo=True
                )
            details[node.name] = self._run_start(node)
            self._steps.unmark(node.name, "tested", "failed")
            self._steps.mark(node.name, "restarted")
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
        self._steps.until_nothing(left, "start", node.name, within, f"is not ready within {within:g} s", undo=True)

    def _smoke(self, nodes: Sequence[NodeSpec], details: dict[str, str]) -> None:
        undoing = self._steps.entry.direction == "undo"
        tests = [test for test in self._spec.smoke if test.undo or not undoing]
        for node in nodes:
            for test in tests:
                self._steps.stopping.check()
                problem = self._smoke_one(node, test.command) if test.command else smoke(node, test)
                if problem:
                    self._steps.mark(node.name, "failed")
                    raise StepError(f"{node.name} failed its smoke test and got no traffic: {problem}", undo=True)
            details[node.name] = f"{len(tests)} passed"
            self._steps.mark(node.name, "tested")

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
        self._steps.until_nothing(
            left, "admit", nodes[0].name, within, f"is not in rotation within {within:g} s", undo=True
        )
