"""Judging a statement that upgrade() is about to send: by the plan's own rules, on the schema that it meets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recording import RecordedHistory, RecordedStatement
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision, make_plan
from zdmigrate.verdict.fleet_proof import FleetProof
from zdmigrate.waivers import apply_waivers


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges for one revision of a plan.

    Attributes:
        began: the schema with which the revision began.
        fleet: what the fleet said last; None where nobody asked it.
    """

    plan: Plan
    revision: PlannedRevision
    began: Catalog
    fleet: Callable[[], FleetProof | None] = lambda: None

    def changes(self, recorded: Sequence[RecordedStatement], item: str) -> tuple[PlannedChange, ...]:
        """The statements judged as one: all of them are `item`."""
        number = int(item.rpartition(":")[2])
        statements = tuple(replace(one, index=number, data_dependent=False) for one in recorded)
        made = replace(
            self.revision.recorded, statements=statements, before=self.began, after=recorded[-1].after, error=None
        )
        plan, name = self.plan, self.revision.revision
        judged = make_plan(
            RecordedHistory((made,), self.began, ()), [name], target=plan.target, deployed=plan.deployed,
            base=plan.base, manifests=plan.given, fleet=self.fleet(), sizes=plan.sizes, has_replica=plan.has_replica,
        )  # fmt: skip
        return judged.revisions[0].changes

    def with_waivers(self, change: PlannedChange) -> PlannedChange:
        """The change with what the file's waivers accept."""
        one = PlannedRevision(replace(self.revision.recorded, error=None), (change,))
        marked, _ = apply_waivers(replace(self.plan, revisions=(one,)), datetime.now(UTC).date())
        return marked.revisions[0].changes[0]


def with_identities(live: Catalog, known: Catalog) -> Catalog:
    """The live schema whose tables and columns are those of `known` where they have the same names.

    What a statement does is told by identity, so what is there already must not look as if it were new.
    """
    tables = {}
    for name, table in live.tables.items():
        old = known.tables.get(name)
        if old is None:
            tables[name] = table
            continue
        columns = []
        for column in table.columns:
            before = old.column(column.name)
            columns.append(column if before is None else replace(column, uid=before.uid))
        tables[name] = replace(table, uid=old.uid, columns=tuple(columns))
    return replace(live, tables=tables)
