"""Which step comes next, for any state of any nodes; and what holds whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.run.release.plan import Action, Goal, NodeView, Step, after, next_action, remaining
from zdmigrate.run.release.spec import Strategy

OLD, NEW = "1", "2"
FORWARD, BACK = Goal(NEW), Goal(OLD)


def serving(name: str, version: str = OLD, group: str = "", place: str = "") -> NodeView:
    """A node as it is when nothing is being changed."""
    return NodeView(name, group, place, frozenset({version}), drained=False, ready=True, reached=True, in_rotation=True)


def down(name: str, group: str = "", place: str = "") -> NodeView:
    return NodeView(name, group, place)


def fleet(strategy: Strategy, size: int) -> list[NodeView]:
    """A fleet before a release."""
    if strategy == "surge":
        return [
            view
            for number in range(size)
            for view in (serving(f"a{number}", place=f"p{number}"), down(f"b{number}", place=f"p{number}"))
        ]
    return [serving(f"n{number}", group=f"g{number % 2}" if strategy == "groups" else "") for number in range(size)]


def carry_out(views: Sequence[NodeView], action: Action, goal: Goal, kept: int | None = None) -> list[NodeView]:
    """The nodes after a step, or after it happened to the first `kept` of its nodes only: it was killed then."""
    done = action.nodes[:kept]
    return [after(view, action.step, goal) if view.name in done else view for view in views]


def rotation(views: Sequence[NodeView]) -> set[str]:
    return {view.name for view in views if view.in_rotation}


def least_in_rotation(strategy: Strategy, size: int) -> int:
    """How many nodes serve at any time, as promised; groups are two."""
    return {"rolling": size - 1, "groups": size // 2, "surge": size}[strategy]


def finished(views: Sequence[NodeView], goal: Goal, size: int) -> bool:
    """Everything that serves runs what was wanted, and nothing else runs."""
    return rotation(views) == {view.name for view in views if view.live} and all(
        view.versions == {goal.version} for view in views if view.live
    ) and len(rotation(views)) == size  # fmt: skip


def test_a_rolling_release_of_two() -> None:
    steps = [str(action) for action in remaining(fleet("rolling", 2), FORWARD)]
    assert steps == [f"{step} {node}" for node in ("n0", "n1") for step in ("drain", "stop", "start", "smoke", "admit")]


def test_groups_are_changed_together() -> None:
    steps = [str(action) for action in remaining(fleet("groups", 4), Goal(NEW, "groups"))]
    assert steps[:5] == ["drain n0, n2", "stop n0, n2", "start n0, n2", "smoke n0, n2", "admit n0, n2"]
    assert len(steps) == 10


def test_surge_adds_before_it_removes() -> None:
    forward, back = Goal(NEW, "surge"), Goal(OLD, "surge")
    views = fleet("surge", 1)
    steps = []
    for action in remaining(views, forward):
        views = carry_out(views, action, forward)
        steps.append(str(action))
    assert steps == ["start b0", "smoke b0", "admit b0", "drain a0", "stop a0"]
    steps = [str(action) for action in remaining(views, back)]
    assert steps == ["start a0", "smoke a0", "admit a0", "drain b0", "stop b0"]


def test_a_restart_with_the_same_version_restarts_each_once() -> None:
    goal = Goal(OLD, restart=True)
    steps = [str(action) for action in remaining(fleet("rolling", 2), goal)]
    assert len(steps) == 10


@pytest.mark.parametrize("goal", [FORWARD, BACK])
def test_a_dead_node_is_mended_before_another_is_taken_out(goal: Goal) -> None:
    views = [serving("n0"), down("n1"), serving("n2", NEW)]
    action = next_action(views, goal)
    assert action == Action(Step.START, ("n1",))


def test_a_dead_node_that_a_list_still_has_is_taken_out_of_it() -> None:
    views = [replace(down("n0"), reached=True, in_rotation=True), serving("n1")]
    assert next_action(views, FORWARD) == Action(Step.DRAIN, ("n0",))


def test_who_vanished_without_goodbye_is_stopped_first() -> None:
    assert next_action([replace(down("n0"), silent=True), serving("n1")], FORWARD) == Action(Step.STOP, ("n0",))


def test_a_node_that_failed_its_smoke_test_is_started_anew_without_a_drain() -> None:
    failed = replace(serving("n0", NEW), reached=False, in_rotation=False, failed=True)
    assert [str(one) for one in remaining([failed, serving("n1", NEW)], FORWARD)][:2] == ["stop n0", "start n0"]


def test_a_node_that_was_told_to_leave_and_may_stay_comes_back_tested() -> None:
    leaving = replace(serving("n0"), reached=False, in_rotation=False, ready=False)
    steps = [str(one) for one in remaining([leaving, serving("n1")], BACK)]
    assert steps == ["start n0", "smoke n0", "admit n0"]


def test_one_that_some_balancers_reach_is_drained_or_admitted() -> None:
    partly = replace(serving("n0"), in_rotation=False)
    assert next_action([partly, serving("n1")], FORWARD) == Action(Step.DRAIN, ("n0",))
    partly = replace(serving("n0", NEW), in_rotation=False, tested=True)
    assert next_action([partly, serving("n1", NEW)], FORWARD) == Action(Step.ADMIT, ("n0",))


def test_a_node_of_two_versions_is_changed() -> None:
    mixed = replace(serving("n0"), versions=frozenset({OLD, NEW}))
    assert next_action([mixed, serving("n1", NEW)], FORWARD) == Action(Step.DRAIN, ("n0",))


strategies = st.sampled_from(["rolling", "groups", "surge"])


@given(strategies, st.integers(2, 6), st.booleans())
def test_the_rotation_is_never_thinner_than_promised(strategy: Strategy, size: int, restart: bool) -> None:
    restart = restart and strategy != "surge"
    goal = Goal(OLD if restart else NEW, strategy, restart=restart)
    views = fleet(strategy, size)
    least = least_in_rotation(strategy, size)
    for action in remaining(views, goal):
        before = rotation(views)
        views = carry_out(views, action, goal)
        assert len(rotation(views)) >= least
        newcomers = rotation(views) - before
        assert all(view.tested and view.versions == {goal.version} for view in views if view.name in newcomers)
    assert finished(views, goal, size)


@given(strategies, st.integers(2, 5), st.data())
def test_killed_anywhere_it_ends_the_same(strategy: Strategy, size: int, data: st.DataObject) -> None:
    """Between two steps, and within one that takes several nodes; what only the journal knows is kept."""
    goal = Goal(NEW, strategy)
    views = fleet(strategy, size)
    steps = list(remaining(views, goal))
    for action in steps[: data.draw(st.integers(0, len(steps)))]:
        views = carry_out(views, action, goal)
    struck = next_action(views, goal)
    if struck is not None:
        views = carry_out(views, struck, goal, data.draw(st.integers(0, len(struck.nodes))))
    for number in count():
        following = next_action(views, goal)
        if following is None:
            break
        assert number < 6 * len(views), "it goes round in circles"
        views = carry_out(views, following, goal)
    assert finished(views, goal, size)


@given(strategies, st.integers(2, 5), st.data())
def test_turned_back_anywhere_everything_old_serves(strategy: Strategy, size: int, data: st.DataObject) -> None:
    forward, back = Goal(NEW, strategy), Goal(OLD, strategy)
    views = fleet(strategy, size)
    steps = list(remaining(views, forward))
    for action in steps[: data.draw(st.integers(0, len(steps)))]:
        views = carry_out(views, action, forward)
    if data.draw(st.booleans()):  # the last one failed its smoke test
        views = [
            replace(view, failed=True) if view.versions == {NEW} and not view.in_rotation and view.ready else view
            for view in views
        ]
    least = least_in_rotation(strategy, size)
    for number, action in enumerate(remaining(views, back)):
        assert number < 6 * len(views), "it goes round in circles"
        views = carry_out(views, action, back)
        assert len(rotation(views)) >= least
    assert finished(views, back, size)


@given(st.integers(3, 6), st.data())
def test_nodes_that_die_meanwhile_are_mended_and_nobody_else_pays(size: int, data: st.DataObject) -> None:
    goal = Goal(NEW)
    views = fleet("rolling", size)
    deaths = 0
    for _ in range(12 * size):
        action = next_action(views, goal)
        if action is None:
            break
        if action.step is Step.DRAIN:
            others = [view for view in views if view.name not in action.nodes]
            assert all(view.in_rotation for view in others), "somebody else is out already"
        views = carry_out(views, action, goal)
        if deaths < 3 and data.draw(st.booleans()):
            victim = data.draw(st.sampled_from([view.name for view in views if view.live] or [views[0].name]))
            silent = data.draw(st.booleans())
            dead = {"versions": frozenset[str](), "ready": False, "reached": False, "in_rotation": False}
            views = [
                replace(view, **dead, silent=silent, drained=True) if view.name == victim else view  # type: ignore[arg-type]
                for view in views
            ]
            deaths += 1
    assert finished(views, goal, size)


_views = st.builds(
    NodeView,
    name=st.just(""),
    versions=st.sampled_from([frozenset(few) for size in range(3) for few in combinations((OLD, NEW, "0"), size)]),
    silent=st.booleans(),
    drained=st.booleans(),
    ready=st.booleans(),
    reached=st.booleans(),
    in_rotation=st.booleans(),
    restarted=st.booleans(),
    tested=st.booleans(),
    failed=st.booleans(),
)


@given(st.lists(_views, min_size=1, max_size=6), strategies)
def test_from_whatever_is_there_it_comes_to_an_end(seen: list[NodeView], strategy: Strategy) -> None:
    goal = Goal(NEW, strategy)
    if strategy == "surge" and len(seen) % 2:
        seen = seen[:-1] or [seen[0], seen[0]]
    views = [
        replace(
            view,
            name=f"n{number}",
            reached=view.reached or view.in_rotation,
            ready=view.ready and view.live,
            group=f"g{number % 2}" if strategy == "groups" else "",
            place=f"p{number // 2}" if strategy == "surge" else "",
        )
        for number, view in enumerate(seen)
    ]
    for number, action in enumerate(remaining(views, goal)):
        assert number < 6 * len(views), "it goes round in circles"
        views = carry_out(views, action, goal)
    places = len({view.place or view.name for view in views})
    assert finished(views, goal, places)
