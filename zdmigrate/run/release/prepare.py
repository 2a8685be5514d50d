"""What a release finds before it begins: what is open, whether it may begin, and what it would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from zdmigrate.errors import UsageError, ZdmigrateError
from zdmigrate.run.errors import RefusedError
from zdmigrate.run.release.balancers import Balancer, open_balancer
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.fleet import Fleet, open_fleet
from zdmigrate.run.release.journal import Entry, Journal, entry_of, only_one_here
from zdmigrate.run.release.lease import Lease, kept_journal
from zdmigrate.run.release.nodes import Nodes
from zdmigrate.run.release.phases import PHASES, Migrations, PhaseName
from zdmigrate.run.release.plan import Action, Goal, NodeView, remaining
from zdmigrate.run.release.spec import ReleaseSpec
from zdmigrate.run.release.stopping import Stopping
from zdmigrate.run.release.telling import Steps
from zdsession.errors import StoreUnavailableError

CommandLine = Callable[[Sequence[str]], int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a release would do.

    Attributes:
        going_on: whether it was begun before.
        phases: what is pending of each phase; not known of those after the nodes.
        actions: the steps for nodes.
        already: the release that did all of this before, when nothing of it is left to do now.
    """

    entry: Entry
    going_on: bool
    views: tuple[NodeView, ...]
    phases: tuple[tuple[PhaseName, tuple[str, ...]], ...]
    actions: tuple[Action, ...]
    others: tuple[str, ...]
    already: Entry | None = None

    @property
    def undoing(self) -> bool:
        """Whether nodes go back to the old version."""
        return self.entry.direction == "undo"


@dataclass
class Tools:
    """What is open while a release runs."""

    spec: ReleaseSpec
    journal: Journal
    fleet: Fleet
    balancer: Balancer
    commands: Commands
    migrations: Migrations
    stopping: Stopping
    lease: Lease
    kept: Entry | None


@contextmanager
def opened(spec: ReleaseSpec, run: CommandLine, stopping: Stopping, *, alone: bool = True) -> Iterator[Tools]:
    """Open everything, and be the only release here and elsewhere meanwhile (`alone`).

    Raises:
        RefusedError: another release is at work, or the store does not answer.
        UsageError: the journal or the store cannot be used.
    """
    with ExitStack() as stack:
        local = Journal(spec.journal)
        if alone:
            stack.enter_context(only_one_here(spec.journal))
        store = stack.enter_context(open_fleet(spec.fleet))
        try:
            lease = Lease(store)
            if alone:
                stack.enter_context(lease)
            kept = newest(local.read(), kept_journal(store))
        except StoreUnavailableError as error:
            raise RefusedError([f"the session store does not answer: {error}"]) from error
        commands = Commands(spec.journal, spec.limits.command_within, stopping.twice)
        yield Tools(
            spec=spec,
            journal=Journal(spec.journal, lease.keep),
            fleet=Fleet(store, spec.fleet, spec.limits, stopping.pause),
            balancer=open_balancer(spec, commands),
            commands=commands,
            migrations=Migrations(spec, run),
            stopping=stopping,
            lease=lease,
            kept=kept,
        )


def newest(local: Entry | None, copy: object) -> Entry | None:
    """The entry to go on with: of one release the one that was written last, of two the one that is unfinished."""
    try:
        other = None if copy is None else entry_of(copy)
    except TypeError:
        other = None
    if local is None or other is None:
        return local or other
    if local.id == other.id:
        return max(local, other, key=lambda entry: entry.serial)
    return max(local, other, key=lambda entry: (entry.unfinished, entry.updated))


def prepare(tools: Tools, *, undo: bool, repeat: bool = False) -> Prepared:
    """Look at everything, and refuse what cannot be.

    Args:
        repeat: what was finished before is to be done once more.

    Raises:
        RefusedError, UsageError, StepError: with what is in the way.
    """
    spec, kept = tools.spec, tools.kept
    if kept is not None and kept.unfinished:
        _refuse_another(spec, kept)
    if undo:
        entry, going_on = _entry_to_undo(spec, kept), True
    elif kept is not None and kept.unfinished:
        if kept.direction == "undo":
            raise RefusedError(
                [f"the release of {kept.new} is being taken back; go on with --undo, or give that up with --forget"]
            )
        entry, going_on = kept, True
    else:
        entry, going_on = fresh(spec), False
    steps = Steps(tools.journal, entry, lambda told: None, tools.stopping)
    nodes = Nodes(spec, steps, tools.fleet, tools.balancer, tools.commands, goal_of(entry))
    views = tuple(nodes.views())
    if not going_on:
        reasons = _not_whole(spec, views)
        if reasons:
            raise RefusedError(reasons)
        entry.old = _old_version(spec, views) or _old_before(kept, spec)
    elif undo:
        _refuse_impossible_undo(tools, entry)
    others = tuple(node.id for node in tools.fleet.others(tuple(node.name for node in spec.nodes)))
    actions = tuple(remaining(views, goal_of(entry)))
    if kept is not None and not going_on and not repeat and not actions and _did_all(tools, kept):
        return Prepared(entry, going_on, views, (), (), others, kept)
    return Prepared(entry, going_on, views, _phases(tools, entry), actions, others)


def fresh(spec: ReleaseSpec) -> Entry:
    """A release that is not begun."""
    names = [node.name for node in spec.nodes]
    return Entry("", spec.new, spec.old or "", spec.strategy, names, 0.0, asked=spec.asked)


def _did_all(tools: Tools, kept: Entry) -> bool:
    """Whether that release carried out what the file asks for, and no revision came since."""
    if kept.state != "done" or kept.asked != tools.spec.asked:
        return False
    if tools.spec.alembic is None:
        return True
    with tools.stopping.interrupting():
        return _pending(lambda: tools.migrations.idle(_wanted(tools.spec)), "the release")


def _refuse_another(spec: ReleaseSpec, kept: Entry) -> None:
    names = [node.name for node in spec.nodes]
    same = (kept.new, kept.strategy, sorted(kept.nodes)) == (spec.new, spec.strategy, sorted(names))
    if not same or (spec.old is not None and kept.old != spec.old):
        raise RefusedError(
            [
                f"the release {kept.old} -> {kept.new} ({kept.strategy}, {', '.join(kept.nodes)}) of {kept.owner} is "
                "not finished: go on with its file, take it back with --undo, or give it up with --forget"
            ]
        )


def _entry_to_undo(spec: ReleaseSpec, kept: Entry | None) -> Entry:
    if kept is None or kept.state in ("undone", "forgotten") or kept.new != spec.new:
        raise RefusedError([f"there is no release of {spec.new} to take back"])
    if not kept.old or kept.old == kept.new:
        raise RefusedError(["nothing is known of an old version: all nodes ran the new one when the release began"])
    kept.direction = "undo"
    return kept


def _refuse_impossible_undo(tools: Tools, entry: Entry) -> None:
    if tools.spec.alembic is None:
        return
    with tools.stopping.interrupting():
        code = tools.migrations.can_rollback(entry.old)
    if code != 0:
        raise RefusedError(
            [f"{entry.old} could not run with the database as it is now (see above); go on with the release instead"]
        )


def goal_of(entry: Entry) -> Goal:
    """What the nodes are to become."""
    if entry.direction == "undo":
        return Goal(entry.old, entry.strategy)
    return Goal(entry.new, entry.strategy, restart=entry.old == entry.new)


def _old_version(spec: ReleaseSpec, views: Sequence[NodeView]) -> str:
    """What the file calls the old version, or the one other version that nodes run.

    Raises:
        RefusedError: they run another one, or several.
    """
    running = frozenset[str]().union(*(view.versions for view in views)) - {spec.new}
    if spec.old is not None:
        if unknown := running - {spec.old}:
            raise RefusedError(
                [f"nodes run {', '.join(sorted(unknown))}, which is neither the old nor the new version in {spec.path}"]
            )
        return spec.old
    if len(running) > 1:
        raise RefusedError(
            [
                f"nodes run several old versions ({', '.join(sorted(running))}); say which one --undo is to start: "
                "[versions] old"
            ]
        )
    return next(iter(running), "")


def _old_before(kept: Entry | None, spec: ReleaseSpec) -> str:
    """What the release that brought this very version replaced; "" if that is not known."""
    if kept is None or kept.state != "done" or kept.new != spec.new or kept.old == kept.new:
        return ""  # one that only restarted nodes replaced nothing
    return kept.old


def _not_whole(spec: ReleaseSpec, views: Sequence[NodeView]) -> list[str]:
    """Why a release should not begin: every node that is to serve has to serve."""
    reasons = []
    for view in views:
        if spec.strategy == "surge":
            others = [other for other in views if other.place == view.place]
            if view is others[0] and sum(other.in_rotation for other in others) != 1:
                names = " and ".join(other.name for other in others)
                reasons.append(f"of {names}, at place {view.place}, exactly one has to be in rotation")
            continue
        if not view.versions:
            reasons.append(f"{view.name} does not run, as far as the fleet knows; start it first")
        elif not view.ready:
            reasons.append(f"{view.name} is not ready; see `zdsession nodes`")
        if not view.in_rotation:
            reasons.append(f"{view.name} gets no requests from every balancer; put it in rotation first")
    return reasons


def _phases(tools: Tools, entry: Entry) -> tuple[tuple[PhaseName, tuple[str, ...]], ...]:
    if entry.direction == "undo" or tools.spec.alembic is None:
        return ()
    wanted = _wanted(tools.spec)
    if "expand" not in wanted or "expand" in entry.finished:
        return tuple((name, ()) for name in wanted if name not in entry.finished and name != "expand")
    with tools.stopping.interrupting():
        expand = tuple(pending_of(tools.migrations, "expand"))
    return tuple((name, expand if name == "expand" else ()) for name in wanted)


def _wanted(spec: ReleaseSpec) -> list[PhaseName]:
    return [name for name in PHASES if getattr(spec.phases, name)]


def pending_of(migrations: Migrations, phase: PhaseName) -> list[str]:
    """What is pending of a phase.

    Raises:
        StepError: nobody can say.
    """
    return _pending(lambda: migrations.pending(phase), phase)


def _pending(ask: Callable[[], T], what: str) -> T:
    try:
        return ask()
    except UsageError:
        raise
    except ZdmigrateError as error:
        raise StepError(f"what is pending for {what} cannot be told: {error}") from error
