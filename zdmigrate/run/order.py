"""What a person orders of `apply`, what of it would run, and what a run of it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from zdmigrate.assemble import Request
from zdmigrate.fleet import Fleet
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.scripts import Scripts
from zdmigrate.plan import Plan
from zdmigrate.run.direct import statement_of
from zdmigrate.run.journal import Entry, StatementEntry
from zdmigrate.run.policy import Policy
from zdmigrate.run.selection import Asked, Selection, Task
from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.versions import Versions
from zdmigrate.run.versions import statements_of as version_statements
from zdmigrate.verdict.fleet_proof import FleetProof

#: What the journal calls a run of `apply`.
KIND = "apply"
#: What a dry run says of a statement beside what is plain.
_WAYS = {"upgrade": "as the replay saw it: what is sent depends on rows, and is judged then"}


@dataclass(frozen=True)
class Order:
    """What a person ordered.

    Attributes:
        request: where the history is; its URL is that of the serving primary, set by `prepare`.
        single: True when `topology` is one server given by --url, which may have replicas nobody told us of.
        command: how to give the same order again, for people.
        fleet: who says what runs now; None where nobody asks it.
        switch_back: after a replica-first group, the primary goes back to where it was.
        witness_window: seconds the servers' memory is looked back at most for statements that a contract would break;
            None for since the last old code left, as far as that is known.
        hold_before: "switchover": a replica-first group pauses there until a person says go; "" for not at all.
    """

    request: Request
    topology: Topology
    asked: Asked
    policy: Policy = field(default_factory=Policy)
    single: bool = False
    command: str = "zdmigrate apply"
    fleet: Fleet | None = None
    switch_back: bool = False
    hold_before: str = ""
    witness_window: float | None = None


@dataclass(frozen=True)
class Prepared:
    """What would run.

    Attributes:
        entry: the unfinished run that is gone on with, or None.
        settled: changes and revisions that were done before.
        asked: on which terms it was admitted: those of the run that is gone on with, and what is accepted since.
        notes: what a person should know before it begins.
    """

    order: Order
    plan: Plan
    selection: Selection
    tasks: tuple[Task, ...]
    node: Node
    database: str
    heads: tuple[str, ...]
    scripts: Scripts
    base: Catalog
    entry: Entry | None = None
    entries: dict[str, StatementEntry] = field(default_factory=dict)
    asked: Asked = field(default_factory=Asked)
    notes: tuple[str, ...] = ()

    def statements(self) -> Iterator[tuple[str, str]]:
        """(node, statement) in the order they would be sent."""
        versions, heads = Versions(self.scripts), set(self.heads)
        table = self.order.request.settings.version_table
        for revision in self.selection.revisions:
            for task in self.tasks:
                if task.revision is revision and task.way != "skip":
                    moved = task.way == "replica-first"
                    where = "each replica, then the old primary" if moved else self.node.name
                    text = statement_of(task.change)
                    yield where, text if task.way == "direct" else f"{text}  -- {_WAYS.get(task.way, task.way)}"
            changes = versions.changes(heads, revision.revision)
            for sql, values in version_statements(table, changes):
                yield self.node.name, sql % tuple(f"'{value}'" for value in values)
            for change in changes:
                heads = (heads - {change.old}) | ({change.new} if change.new else set())


@dataclass(slots=True)
class Outcome:
    """What a run did.

    Attributes:
        todo: what a person has to do yet, one sentence each.
        proof: what ran when its last contract was let through; None without a fleet, or without a contract.
        notes: what to know afterwards.
        figures: for the report, by name.
    """

    run: str
    revisions: tuple[str, ...]
    left: tuple[str, ...]
    todo: tuple[str, ...] = ()
    proof: FleetProof | None = None
    notes: tuple[str, ...] = ()
    figures: Mapping[str, str | int | float] = field(default_factory=dict)
