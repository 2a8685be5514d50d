"""What a release does next, from what is seen of its nodes. Pure.

There is no list of steps that could be lost half way: the next step follows from what is, so a release that was killed
goes on when it looks again. What holds for every sequence of steps (tests/run/release/test_plan.py):

- rolling: never is more than one node taken out of rotation; groups: never a node of a second group; surge: a node
  leaves only after the one in its place has come.
- A node comes into rotation only after it passed its smoke tests with the version that is wanted.
- A node that is down is mended before another is taken out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from zdmigrate.run.release.spec import Strategy


class Step(IntEnum):
    """What is done to a node, in this order."""

    #: Out of the balancer, then wait until nothing is left to do for it.
    DRAIN = 1
    STOP = 2
    #: Start it, and wait until it is ready.
    START = 3
    SMOKE = 4
    #: Into the balancer, and wait until it is in rotation.
    ADMIT = 5


@dataclass(frozen=True, slots=True)
class NodeView:
    """What is seen of a node.

    Attributes:
        name, group, place: from the file.
        versions: of its live processes.
        silent: a process of it vanished without goodbye.
        drained: no request is in flight, and none came for a while; True also when nothing runs.
        ready: at least one process, and all of them, may be sent traffic.
        reached: some balancer sends it requests.
        in_rotation: every balancer does.
        restarted: this release has started it (only the journal knows).
        tested: it passed its smoke tests since then.
        failed: it failed them, and was not started since.
    """

    name: str
    group: str = ""
    place: str = ""
    versions: frozenset[str] = frozenset()
    silent: bool = False
    drained: bool = True
    ready: bool = False
    reached: bool = False
    in_rotation: bool = False
    restarted: bool = False
    tested: bool = False
    failed: bool = False

    @property
    def live(self) -> bool:
        """Whether a process of it sends heartbeats."""
        return bool(self.versions)

    @property
    def state(self) -> str:
        """What the fleet says of it, for people."""
        return "ready" if self.ready else "lost" if self.silent else "not ready" if self.live else "down"

    @property
    def rotation(self) -> str:
        """What the balancers say of it, for people."""
        return "in rotation" if self.in_rotation else "partly in rotation" if self.reached else "out"


@dataclass(frozen=True, slots=True)
class Goal:
    """What every node is to become.

    Attributes:
        version: that runs everywhere in the end.
        restart: the nodes run that version already, and are to be started anew.
    """

    version: str
    strategy: Strategy = "rolling"
    restart: bool = False

    def met_by(self, view: NodeView) -> bool:
        """Whether the node runs what is wanted."""
        if view.failed or view.versions != {self.version}:
            return False
        return view.restarted or not self.restart


@dataclass(frozen=True, slots=True)
class Action:
    """One step for one or more nodes, taken together."""

    step: Step
    nodes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.step.name.lower()} {', '.join(self.nodes)}"


def next_action(views: Sequence[NodeView], goal: Goal) -> Action | None:
    """What to do now; None when every node is as it should be.

    Args:
        views: the nodes in the order of the file.
    """
    for unit in sorted(_units(views, goal), key=_is_whole):
        steps = _surge_steps(unit, goal) if goal.strategy == "surge" else dict(_steps(unit, goal))
        if steps:
            first = min(steps.values())
            return Action(first, tuple(name for name, step in steps.items() if step is first))
    return None


def remaining(views: Sequence[NodeView], goal: Goal) -> Iterator[Action]:
    """Every step to the end, if each one does what it should."""
    seen = {view.name: view for view in views}
    while (action := next_action(tuple(seen.values()), goal)) is not None:
        yield action
        seen.update({name: after(seen[name], action.step, goal) for name in action.nodes})


def after(view: NodeView, step: Step, goal: Goal) -> NodeView:
    """The node when a step has done what it should."""
    match step:
        case Step.DRAIN:
            return replace(view, reached=False, in_rotation=False, drained=True)
        case Step.STOP:
            return replace(view, versions=frozenset(), silent=False, ready=False, drained=True, tested=False)
        case Step.START:
            return replace(
                view, versions=frozenset({goal.version}), ready=True, drained=False, restarted=True, failed=False
            )
        case Step.SMOKE:
            return replace(view, tested=True)
        case Step.ADMIT:
            return replace(view, reached=True, in_rotation=True)


def _units(views: Sequence[NodeView], goal: Goal) -> list[list[NodeView]]:
    """Nodes that are changed together, in the order of the file."""
    units: dict[str, list[NodeView]] = {}
    for view in views:
        key = {"rolling": view.name, "groups": view.group, "surge": view.place}[goal.strategy]
        units.setdefault(key, []).append(view)
    return list(units.values())


def _is_whole(unit: Sequence[NodeView]) -> bool:
    """Whether nothing of it is missing in the rotation: those that lack something come first."""
    if unit[0].place:
        return any(view.in_rotation for view in unit)
    return all(view.in_rotation for view in unit)


def _steps(views: Sequence[NodeView], goal: Goal) -> Iterator[tuple[str, Step]]:
    for view in views:
        step = _renew(view, goal)
        if step is not None:
            yield view.name, step


def _renew(view: NodeView, goal: Goal) -> Step | None:
    """The next step of a node that is to run what is wanted."""
    if not goal.met_by(view):
        if view.live or view.silent:
            return _retire(view)
        return Step.DRAIN if view.reached else Step.START
    if view.in_rotation:
        return None
    if not view.ready:
        return Step.START
    return Step.ADMIT if view.tested else Step.SMOKE


def _retire(view: NodeView) -> Step | None:
    """The next step of a node that is to end."""
    if view.reached or (view.live and not view.drained and not view.failed):
        return Step.DRAIN
    return Step.STOP if view.live or view.silent else None


def _surge_steps(place: Sequence[NodeView], goal: Goal) -> Mapping[str, Step]:
    """The newcomer first, then the one that was there."""
    coming = _coming(place, goal)
    step = _renew(coming, goal)
    if step is not None:
        return {coming.name: step}
    return {view.name: step for view in place if view is not coming and (step := _retire(view)) is not None}


def _coming(place: Sequence[NodeView], goal: Goal) -> NodeView:
    """Which of the two is to serve: the one that runs what is wanted, else one that failed, else the idle one."""
    for fits in (
        goal.met_by,
        lambda view: view.failed,
        lambda view: not view.live and not view.silent and not view.reached,
        lambda view: not view.in_rotation,
    ):
        for view in place:
            if fits(view):
                return view
    return place[-1]
