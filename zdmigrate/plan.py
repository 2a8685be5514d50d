"""The plan: recorded revisions -> steps, each with phase, verdicts, cost, replication class and strategy.

Pure: a recorded history and what is known of the deployed code go in, a value comes out.

What counts as *old code*: with a known deployed revision (`--from`, `--since`, or the database's) every pending
revision is judged for code written for the schema at that revision, as one release. Without one, each revision is
judged as a release of its own, for code written for the schema just before it: the strict reading, and the only
one under which a history that begins with nothing still says anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, ColumnType
from zdmigrate.history.recording import (
    RecordedHistory,
    RecordedRevision,
    RecordedStatement,
    ReplayError,
    ReplayErrorKind,
)
from zdmigrate.history.statements import parse_type
from zdmigrate.verdict.blame import harmed_by
from zdmigrate.verdict.cost import Cost, estimate
from zdmigrate.verdict.evidence import OldCode
from zdmigrate.verdict.fleet_proof import Blame, FleetProof, mapped_by_all
from zdmigrate.verdict.judge import Judgement, fit_either_side, judge, revision_phase, statement_phase
from zdmigrate.verdict.kinds import Subject, subject_of
from zdmigrate.verdict.model import Condition, Finding, Phase, Verdict
from zdmigrate.verdict.replication import ReplicationClass, classify
from zdmigrate.verdict.rules import RULES
from zdmigrate.verdict.strategy import Strategy, choose
from zdsession.manifest import Manifest


@dataclass(frozen=True, slots=True)
class TableSize:
    """Estimated rows and bytes of a live table (data and indexes)."""

    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What running a condition's proof query said: `met`, and in words what was found."""

    met: bool | None
    text: str


@dataclass(frozen=True)
class PlannedChange:
    """One statement of a revision, judged.

    Attributes:
        id: `revision:index`, stable as long as the revision's statements are.
        waivers: by rule id, the reason of the waiver that accepts its findings on this statement.
        proofs: by condition, what the live database said of it.
        blamed: the live code that it would break, or may, by what that maps.
    """

    id: str
    recorded: RecordedStatement
    judgement: Judgement
    cost: Cost
    replication: ReplicationClass
    strategy: Strategy
    waivers: Mapping[str, str] = field(default_factory=dict)
    proofs: Mapping[Condition, Proof] = field(default_factory=dict)
    blamed: tuple[Blame, ...] = ()

    @property
    def subject(self) -> Subject:
        """Kind, table and column."""
        return subject_of(self.recorded.statement.node)

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """Findings no waiver accepts."""
        return tuple(item for item in self.judgement.findings if item.rule not in self.waivers)

    @property
    def verdict(self) -> Verdict:
        """The old-code verdict over the open findings."""
        return Verdict.worst(item.old for item in self.open_findings)

    @property
    def phase(self) -> Phase:
        """The phase over the open findings."""
        return statement_phase(self.open_findings)

    @property
    def fits_either_side(self) -> bool:
        """Whether neither old nor new code notices it, so that it may run before the deploy or after it."""
        return fit_either_side(self.open_findings)

    @property
    def open_conditions(self) -> tuple[Condition, ...]:
        """Conditions of open findings that no proof has met."""
        wanted = dict.fromkeys(condition for item in self.open_findings for condition in item.conditions)
        return tuple(item for item in wanted if not ((proof := self.proofs.get(item)) and proof.met))

    @property
    def needs_manifests(self) -> bool:
        """Whether it breaks old code, or may, as far as the manifests say: what the live fleet could disprove."""
        return self.verdict is Verdict.UNSAFE or any(item.kind == "code" for item in self.open_conditions)

    @property
    def objection(self) -> str:
        """What the live fleet has against it: whom it would break, else what it would break."""
        worst = next((item.reason for item in self.open_findings if item.old is self.verdict), "")
        return "; ".join(map(str, self.blamed)) or f"no manifest proves it: {worst}"


@dataclass(frozen=True)
class PlannedRevision:
    """One pending revision, judged."""

    recorded: RecordedRevision
    changes: tuple[PlannedChange, ...]
    error_waived: str | None = None

    @property
    def revision(self) -> str:
        """Its id."""
        return self.recorded.revision

    @property
    def error(self) -> ReplayError | None:
        """Why it could not be replayed to the end, unless a waiver accepts that."""
        return None if self.error_waived else self.recorded.error

    @property
    def verdict(self) -> Verdict:
        """The worst of its changes; at least UNKNOWN when it could not be replayed."""
        floor = [Verdict.UNKNOWN] if self.error else []
        if self.recorded.data_dependent and self.changes:
            floor.append(Verdict.CONDITIONAL)
        return Verdict.worst([*(change.verdict for change in self.changes), *floor])

    @property
    def phase(self) -> Phase:
        """Its phase: MIXED when it needs both sides of a deploy."""
        return revision_phase((change.phase, change.fits_either_side) for change in self.changes)

    @property
    def contract_declared(self) -> bool:
        """True when its author marked it as contract."""
        return self.recorded.declared == "contract"

    @property
    def side(self) -> Phase:
        """The phase whose runs carry it out.

        A declared contract waits for the contract phase also where, by a proof or a waiver, nothing or only the moving
        of data is left that old code would notice: whoever marked it means it to run after the deploy.
        """
        if self.contract_declared and self.phase in (Phase.NEUTRAL, Phase.MIGRATE):
            return Phase.CONTRACT
        return self.phase

    def fits(self, phase: Phase) -> bool:
        """Whether a run of that phase may carry it out."""
        return self.side in (phase, Phase.NEUTRAL)


@dataclass(frozen=True)
class Plan:
    """Every pending revision in the order they run.

    Attributes:
        deployed: the revisions old code runs on; empty means each revision is judged as its own release.
        manifests: what the deployed versions map; empty where that is not known, or the fleet leaves it open.
        warnings: sentences about the plan as a whole (a schema that is incomplete, an expired waiver, ...).
        sizes, has_replica: what is known of the live tables and of the server's replicas; strategies follow from it.
        base: the schema at `deployed`; None when each revision is a release of its own.
        given: the manifests that were named beside the fleet.
        fleet: what the fleet said, None if it was not asked.
    """

    target: Flavour
    revisions: tuple[PlannedRevision, ...]
    deployed: tuple[str, ...] = ()
    manifests: tuple[Manifest, ...] = ()
    warnings: tuple[str, ...] = ()
    sizes: Mapping[str, TableSize] = field(default_factory=dict)
    has_replica: bool | None = None
    base: Catalog | None = None
    given: tuple[Manifest, ...] = ()
    fleet: FleetProof | None = None

    def counts(self) -> dict[str, int]:
        """Changes by verdict; a revision that could not be replayed counts as one more unknown."""
        found = dict.fromkeys((verdict.value for verdict in Verdict), 0)
        for revision in self.revisions:
            for change in revision.changes:
                found[change.verdict.value] += 1
            if revision.error is not None:
                found[Verdict.UNKNOWN.value] += 1
        return found

    def phases(self) -> dict[str, int]:
        """Revisions by phase."""
        found = dict.fromkeys((phase.value for phase in Phase), 0)
        for revision in self.revisions:
            found[revision.phase.value] += 1
        return found


def make_plan(
    history: RecordedHistory,
    pending: Iterable[str],
    *,
    target: Flavour,
    deployed: Sequence[str] = (),
    base: Catalog | None = None,
    manifests: Sequence[Manifest] = (),
    fleet: FleetProof | None = None,
    sizes: Mapping[str, TableSize] | None = None,
    has_replica: bool | None = None,
) -> Plan:
    """Judge the pending revisions of a recorded history.

    Args:
        pending: ids of the revisions to judge.
        deployed: the heads old code runs on; with `base`, the schema there. Both empty: each revision is judged
            for the schema just before it.
        manifests: what the deployed versions map; empty means the whole base schema.
        fleet: what the fleet said; its manifests are old code too, and with a gap in it, so is the whole base schema.
        sizes: rows and bytes of live tables, where known.
    """
    wanted = set(pending)
    planned = []
    given = tuple(manifests)
    mapped = mapped_by_all(given, fleet)
    for recorded in history.revisions:
        if recorded.revision in wanted:
            old_code = _old_code(recorded, base, mapped, target)
            planned.append(_plan_revision(recorded, old_code, target, fleet, sizes or {}, has_replica))
    return Plan(
        target, tuple(planned), tuple(deployed), mapped, sizes=dict(sizes or {}), has_replica=has_replica, base=base,
        given=given, fleet=fleet,
    )  # fmt: skip


def judged_again(plan: Plan, fleet: FleetProof) -> Plan:
    """The plan with other verdicts: those that follow from what the fleet says now.

    What waivers, proofs and costs say stays. A condition that is new has no proof, so it is open.
    """
    mapped = mapped_by_all(plan.given, fleet)
    changes = {}
    for revision in plan.revisions:
        judged = _judged(
            revision.recorded, _old_code(revision.recorded, plan.base, mapped, plan.target), plan.target, fleet
        )
        for change, (judgement, blamed) in zip(revision.changes, judged, strict=True):
            changes[change.id] = replace(change, judgement=judgement, blamed=blamed)
    return replace(with_changes(plan, changes), manifests=mapped, fleet=fleet)


def _old_code(
    recorded: RecordedRevision, base: Catalog | None, mapped: tuple[Manifest, ...], target: Flavour
) -> OldCode:
    return OldCode(recorded.before if base is None else base, mapped, _parse_type(target))


def _parse_type(target: Flavour) -> _TypeReader:
    return _TypeReader(target.is_mariadb)


@dataclass(frozen=True, slots=True)
class _TypeReader:
    mariadb: bool

    def __call__(self, text: str) -> ColumnType:
        return parse_type(text, mariadb=self.mariadb)


def _plan_revision(
    recorded: RecordedRevision,
    old_code: OldCode,
    target: Flavour,
    fleet: FleetProof | None,
    sizes: Mapping[str, TableSize],
    has_replica: bool | None,
) -> PlannedRevision:
    changes = []
    judged = _judged(recorded, old_code, target, fleet)
    for statement, (judgement, blamed) in zip(recorded.statements, judged, strict=True):
        cost = estimate(statement, target, old_code.base)
        replication = classify(statement, target)
        strategy = _strategy(statement, cost, replication, sizes, has_replica)
        change_id = f"{recorded.revision}:{statement.index}"
        changes.append(PlannedChange(change_id, statement, judgement, cost, replication, strategy, blamed=blamed))
    return PlannedRevision(recorded, tuple(changes))


def _judged(
    recorded: RecordedRevision, old_code: OldCode, target: Flavour, fleet: FleetProof | None
) -> list[tuple[Judgement, tuple[Blame, ...]]]:
    """What is said of each statement, and which live code is why."""
    nodes = tuple(statement.statement.node for statement in recorded.statements)
    fatal = _refused_for_good(recorded)
    found = []
    for place, statement in enumerate(recorded.statements, 1):

        def judged_for(code: OldCode, statement: RecordedStatement = statement, place: int = place) -> Judgement:
            return judge(
                statement, code.base, code, target, RULES, nodes[place:],
                ends_revision=statement is fatal, began=recorded.before,
            )  # fmt: skip

        judgement = judged_for(old_code)
        blamed: tuple[Blame, ...] = ()
        if fleet is not None and judgement.old is not Verdict.SAFE:
            blamed = harmed_by(judged_for, old_code, fleet.code)
        found.append((judgement, blamed))
    return found


def _strategy(
    statement: RecordedStatement,
    cost: Cost,
    replication: ReplicationClass,
    sizes: Mapping[str, TableSize],
    has_replica: bool | None,
) -> Strategy:
    size = sizes.get(subject_of(statement.statement.node).table or "")
    return choose(
        cost,
        replication,
        statement.statement.node,
        rows=size.rows if size else None,
        size=size.bytes if size else None,
        has_replica=has_replica,
    )


def _refused_for_good(recorded: RecordedRevision) -> RecordedStatement | None:
    """The statement whose refusal by the server ended the revision, or None."""
    if recorded.error is None or recorded.error.kind is not ReplayErrorKind.REFUSED:
        return None
    return next((item for item in reversed(recorded.statements) if item.refusal is not None), None)


def with_changes(plan: Plan, changes: Mapping[str, PlannedChange]) -> Plan:
    """The plan with some changes replaced, by id."""
    revisions = tuple(
        replace(item, changes=tuple(changes.get(change.id, change) for change in item.changes))
        for item in plan.revisions
    )
    return replace(plan, revisions=revisions)


def with_costs(plan: Plan, costs: Mapping[str, Cost]) -> Plan:
    """The plan with other costs, by the change's id, and the strategies that follow from them."""
    changes = {}
    for change in (item for revision in plan.revisions for item in revision.changes):
        cost = costs.get(change.id)
        if cost is not None:
            strategy = _strategy(change.recorded, cost, change.replication, plan.sizes, plan.has_replica)
            changes[change.id] = replace(change, cost=cost, strategy=strategy)
    return with_changes(plan, changes)
