"""What a replica-first run has to do and how far it is: a value that the journal keeps, and its rows there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.alter import Alteration
from zdmigrate.run.checksum import Comparison
from zdmigrate.run.connection import Connection
from zdmigrate.run.context import RunContext
from zdmigrate.run.journal import Journal

KIND = "replica-first"

Phase = Literal["replicas", "undo", "switch", "switched"]


@dataclass(slots=True)
class Work:
    """What has to be done and how far it is; kept in the journal as JSON.

    Attributes:
        old, new: names of the primary and the candidate.
        others: names of the other replicas.
        proofs: queries that must return no row, on the primary, at the freeze too.
        before: definitions by table.
        after: the definition of each alteration's table once it is done, as the first node showed it.
        done: how many alterations each node has.
        conversions: type conversions to put back, by node.
        locked: nodes whose super_read_only was on.
        compared: what comparing each node came to.
        switch: the intent of the switchover, from just before its freeze.
        hold_before: the step before which it pauses, until it has.
        parent: id of the run that it is a part of.
    """

    database: str
    old: str
    new: str
    others: list[str]
    alterations: list[Alteration]
    columns: list[list[str]]
    needs: list[str]
    proofs: list[str]
    identities: dict[str, str]
    before: dict[str, str]
    after: list[str] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    conversions: dict[str, str] = field(default_factory=dict)
    locked: list[str] = field(default_factory=list)
    compared: dict[str, str] = field(default_factory=dict)
    phase: Phase = "replicas"
    switch: dict[str, Any] | None = None
    switch_back: bool = False
    hold_before: str = ""
    parent: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the journal."""
        return asdict(replace(self, alterations=[])) | {"alterations": [item.as_json() for item in self.alterations]}

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> Work:
        """What the journal has."""
        return cls(**{**found, "alterations": [Alteration(**item) for item in found["alterations"]]})

    def before_of(self, place: int) -> str:
        """The definition of the table of alteration `place` just before it."""
        table = self.alterations[place].table
        earlier = [self.after[other] for other in range(place) if self.alterations[other].table == table]
        return earlier[-1] if earlier else self.before[table]

    def final(self) -> dict[str, str]:
        """Definitions by table when all alterations are done."""
        return {item.table: text for item, text in zip(self.alterations, self.after, strict=True)}

    @property
    def tables(self) -> list[str]:
        """The tables concerned."""
        return list(self.before)


class DifferentError(ZdmigrateError):
    """Two nodes do not hold the same rows.

    Attributes:
        comparison: where they differ.
    """

    exit_code = 4

    def __init__(self, node: str, than: str, comparison: Comparison) -> None:
        super().__init__(f"{node} does not hold the rows that {than} holds: {comparison}")
        self.comparison = comparison


class RunJournal(Journal):
    """A row of its own. Several parts of the run write steps, so each counts on from what is there."""

    def __init__(self, at: Connection, run: str | None = None) -> None:
        super().__init__(at, KIND, run) if run else super().__init__(at, KIND)

    def flush(self) -> None:
        """See `Journal.flush`."""
        if self._waiting:
            found = self.at.value("SELECT COALESCE(MAX(seq), 0) FROM zdmigrate.step WHERE run = %s", (self.id,))
            self._steps = int(found)
            super().flush()


class SwitchJournal(RunJournal):
    """The journal of the switchover within the run: it neither begins nor ends the run."""

    def __init__(self, at: Connection, run: str, keep: Callable[[Connection, Mapping[str, Any]], None]) -> None:
        super().__init__(at, run)
        self._keep = keep

    def intend(self, intent: Mapping[str, Any]) -> None:
        """Keep the switchover's intent within the run's."""
        self._keep(self.at, intent)

    def end(self, state: Literal["running", "done", "aborted"]) -> None:
        """Only write the steps."""
        self.flush()


def command(context: RunContext) -> str:
    """The one command that goes on with a run that stopped."""
    return f"zdmigrate resume --topology {context.topology.path}"
