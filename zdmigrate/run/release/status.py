"""How far a release is, and giving one up."""

from __future__ import annotations

from dataclasses import dataclass

from zdmigrate.run.errors import RefusedError
from zdmigrate.run.release.balancers import open_balancer
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.fleet import Fleet, open_fleet
from zdmigrate.run.release.journal import Entry, Journal, read_journal
from zdmigrate.run.release.lease import holder_now, kept_journal
from zdmigrate.run.release.nodes import Nodes
from zdmigrate.run.release.plan import Action, NodeView, next_action
from zdmigrate.run.release.prepare import fresh, goal_of, newest, opened
from zdmigrate.run.release.spec import ReleaseSpec
from zdmigrate.run.release.stopping import Stopping
from zdmigrate.run.release.telling import Steps
from zdsession.errors import StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of the newest release and the nodes. `problem` says why the nodes could not be looked at."""

    entry: Entry | None
    holder: str
    views: tuple[NodeView, ...]
    next: Action | None
    problem: str = ""


def status(spec: ReleaseSpec) -> Status:
    """Look, and change nothing.

    Raises:
        UsageError: the journal is damaged, or the store is none.
    """
    local = read_journal(spec.journal)
    stopping = Stopping()
    with open_fleet(spec.fleet) as store:
        try:
            entry, holder = newest(local, kept_journal(store)), holder_now(store)
        except StoreUnavailableError as error:
            return Status(local, "", (), None, f"the session store does not answer: {error}")
        commands = Commands(spec.journal, spec.limits.command_within)
        shown = entry or fresh(spec)
        fleet = Fleet(store, spec.fleet, spec.limits)
        nodes = Nodes(
            spec, Steps(Journal(spec.journal), shown, lambda told: None, stopping), fleet,
            open_balancer(spec, commands), commands, goal_of(shown),
        )  # fmt: skip
        try:
            views = tuple(nodes.views())
        except StepError as error:
            return Status(entry, holder.owner if holder else "", (), None, error.problem)
    unfinished = entry is not None and entry.unfinished
    return Status(
        entry, holder.owner if holder else "", views, next_action(views, goal_of(shown)) if unfinished else None
    )


def forget(spec: ReleaseSpec) -> Entry:
    """Give an unfinished release up; nodes and database stay as they are.

    Raises:
        RefusedError: there is none, or it is at work.
    """
    with opened(spec, lambda arguments: 2, Stopping()) as tools:
        entry = tools.kept
        if entry is None or not entry.unfinished:
            raise RefusedError(["no release is unfinished here"])
        entry.state = "forgotten"
        tools.journal.write(entry)
        return entry
