"""What is done to the nodes of a release: look, decide (`plan`), take that step, look again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zdmigrate.run.release.balancers import Balancer
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.fleet import Fleet
from zdmigrate.run.release.node_steps import NodeSteps
from zdmigrate.run.release.plan import Action, Goal, NodeView, next_action, remaining
from zdmigrate.run.release.sight import Sight, look
from zdmigrate.run.release.spec import ReleaseSpec
from zdmigrate.run.release.telling import Steps


class Nodes:
    """The nodes of a release.

    Args:
        goal: what they are to become.
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
        self._taking = NodeSteps(spec, steps, fleet, balancer, commands, goal)

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
            self._taking.take(action)

    def views(self) -> list[NodeView]:
        """What is seen of every node now.

        Raises:
            StepError: it cannot be seen.
        """
        return self._look().views(self._spec, self._steps.entry)

    def _look(self) -> Sight:
        """Waits while the fleet may not have heard of a node yet."""
        found: Sight

        def lacking() -> list[str]:
            nonlocal found
            found = look(self._spec, self._fleet, self._balancer)
            return found.lacking()

        self._steps.until_nothing(lacking, "look", "", self._spec.limits.ready_within)
        return found

    def _before_hooks(self, action: Action) -> None:
        for name in action.nodes:
            if not self._steps.entry.has(name, "begun"):
                self._hooks("before_node", self._spec.hooks.before_node, name)
                self._steps.mark(name, "begun")

    def _after_hooks(self, views: Sequence[NodeView]) -> None:
        """For nodes of which nothing is left to do."""
        waiting = [node.name for node in self._spec.nodes if self._steps.entry.has(node.name, "begun")]
        if not waiting:
            return
        needed = {name for action in remaining(views, self._goal) for name in action.nodes}
        for name in waiting:
            if name not in needed:
                self._hooks("after_node", self._spec.hooks.after_node, name)
                self._steps.unmark(name, "begun")
                self._steps.note()

    def _hooks(self, which: str, commands: Sequence[str], name: str) -> None:
        for command in commands:
            with self._steps.taking(which, (name,)) as details:
                details[name] = self._commands.run(command, self._spec.node(name), self._goal.version)
