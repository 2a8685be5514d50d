"""Which of the pending revisions a run carries out, and why not the others. Pure (DESIGN, "The gate, exactly")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from zdmigrate.history import syntax as s
from zdmigrate.history.sql.functions import stored_calls
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.verdict.model import Phase, Verdict

Strategy = Literal["auto", "direct", "replica-first"]
#: "upgrade" is a statement of a revision that runs through its own upgrade(), as the replays saw it.
Way = Literal["skip", "direct", "batches", "replica-first", "upgrade"]

_TWO_BRANCHES = """keep what runs before and after a deploy apart, for example on two branches:
      alembic revision --head=base --branch-label=expand  -m "..."     (before the deploy)
      alembic revision --head=base --branch-label=contract --depends-on=<expand revision> -m "..."     (after it)
    then: zdmigrate apply --phase expand, deploy, zdmigrate apply --phase contract"""

#: The condition of a statement that a query before it led to.
ROWS_DECIDE = "rows-decide"

#: Housekeeping of transactions: every statement of ours is one of its own.
_TRANSACTIONS = ("BEGIN", "START TRANSACTION", "COMMIT", "SAVEPOINT", "RELEASE", "UNLOCK", "DO ", "SET TRANSACTION")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asked for.

    Attributes:
        accept: reason by id of a change (`revision:index`) or a revision: what is not proved, or unsafe in a declared
            contract, and accepted all the same.
        outdated: changes that break more by now than when they were accepted.
    """

    phase: Phase | None = None
    strategy: Strategy = "auto"
    accept: Mapping[str, str] = field(default_factory=dict)
    outdated: frozenset[str] = frozenset()

    def reason(self, change: PlannedChange, revision: PlannedRevision) -> str | None:
        """Why this change is accepted, or None.

        A revision that reads rows never runs without its name here, which says that its statements need not be known;
        it proves nothing of those that are.
        """
        if change.id in self.outdated:
            return None
        by_name = None if revision.recorded.data_dependent else self.accept.get(revision.revision)
        return self.accept.get(change.id, by_name)

    def since(self, admitted: Plan, now: Plan) -> Asked:
        """The same, without what was accepted of a change that would now break code it did not break when admitted."""
        before = {change.id: change for revision in admitted.revisions for change in revision.changes}
        changes = [change for revision in now.revisions for change in revision.changes]
        return replace(self, outdated=frozenset(change.id for change in changes if _worse(before[change.id], change)))


def _worse(admitted: PlannedChange, now: PlannedChange) -> bool:
    if now.verdict is not Verdict.UNSAFE:
        return False
    known = {(item.code.node, item.code.digest) for item in admitted.blamed}
    return admitted.verdict is not Verdict.UNSAFE or any(
        (item.code.node, item.code.digest) not in known for item in now.blamed
    )


@dataclass(frozen=True, slots=True)
class Task:
    """One statement and the way it goes."""

    revision: PlannedRevision
    change: PlannedChange
    way: Way


@dataclass(frozen=True, slots=True)
class Selection:
    """What runs, what is left for another phase, and what stands in the way (nothing may run then)."""

    revisions: tuple[PlannedRevision, ...]
    left: tuple[PlannedRevision, ...]
    reasons: tuple[str, ...]

    def tasks(self, strategy: Strategy) -> tuple[Task, ...]:
        """Every statement in order, with its way."""
        return tuple(
            Task(revision, change, _way_in(revision, change, strategy))
            for revision in self.revisions
            for change in revision.changes
        )


def select(plan: Plan, asked: Asked, *, has_topology: bool) -> Selection:
    """Decide.

    Args:
        has_topology: whether there are nodes to run replica-first on.
    """
    chosen = list(plan.revisions)
    if asked.phase is not None:
        fitting = 0
        while fitting < len(chosen) and chosen[fitting].fits(asked.phase):
            fitting += 1
        if chosen and not fitting:
            first = chosen[0]
            reason = f"the first pending revision {first.revision} is {first.side}, not {asked.phase}; {_TWO_BRANCHES}"
            return Selection((), tuple(chosen), (reason,))
        chosen = chosen[:fitting]
    reasons = [reason for revision in chosen for reason in _reasons(revision, asked, has_topology=has_topology)]
    reasons += unproved(plan, chosen, asked)
    selection = Selection(tuple(chosen), plan.revisions[len(chosen) :], ())
    reasons += _switchovers(selection.tasks(asked.strategy))
    return Selection(selection.revisions, selection.left, tuple(reasons))


def unproved(plan: Plan, revisions: Iterable[PlannedRevision], asked: Asked) -> list[str]:
    """What stands in the way of these revisions because nobody proved it, or knows; empty when all is proved."""
    open_changes = [
        (revision, change) for revision in revisions for change in revision.changes if change.recorded.refusal is None
    ]
    reasons = [reason for revision, change in open_changes for reason in _of_verdict(revision, change, asked, plan)]
    if plan.fleet is not None and any(
        change.needs_manifests and asked.reason(change, revision) is None for revision, change in open_changes
    ):
        reasons += [f"the fleet proves nothing: {gap}" for gap in plan.fleet.gaps]
    return reasons


def way_of(change: PlannedChange, strategy: Strategy) -> Way:
    """How a statement is carried out."""
    node = change.recorded.statement.node
    if isinstance(node, s.Select) or change.recorded.refusal is not None:
        return "skip"  # it shows something, or the revision catches the server's refusal
    if isinstance(node, s.Transaction):
        return "skip"
    if isinstance(node, s.SetVariable) and node.name.lower() == "autocommit":
        return "skip"
    planned = change.strategy.name
    if strategy == "direct":
        return "direct"
    if strategy == "replica-first" and isinstance(node, s.AlterTable):
        heavy = change.cost.rebuild or change.cost.scans
        return "replica-first" if heavy and not change.cost.new_table else "direct"
    return planned if planned in ("batches", "replica-first") else "direct"


def _way_in(revision: PlannedRevision, change: PlannedChange, strategy: Strategy) -> Way:
    way = way_of(change, strategy)
    return "upgrade" if revision.recorded.data_dependent and way != "skip" else way


def _reasons(revision: PlannedRevision, asked: Asked, *, has_topology: bool) -> Iterator[str]:
    name = revision.revision
    if revision.phase is Phase.MIXED:
        yield (
            f"{name} needs both sides of a deploy (expand and contract in one revision); `zdmigrate check` says which "
            "lines to move to a later one"
        )
    error = revision.recorded.error
    if error is not None and (revision.error is not None or not revision.recorded.data_dependent):
        waived = "" if revision.error is not None else "; a waiver is for `check`: what is not known cannot be sent"
        yield f"{name} could not be replayed ({error.message}), so nobody can say what it sends{waived}"
    if revision.recorded.data_dependent:
        yield from _of_unknown_statements(revision, asked)
    for change in revision.changes:
        if change.recorded.refusal is None:
            yield from _of_change(change, revision, asked, has_topology=has_topology)


def _of_unknown_statements(revision: PlannedRevision, asked: Asked) -> Iterator[str]:
    name = revision.revision
    what = f"{name} reads rows and sends what depends on them"
    if asked.strategy == "replica-first":
        yield (
            f"{what}, which runs directly only: run it by itself (--to {name}) without --strategy replica-first, "
            "then the rest"
        )
    if name not in asked.accept:
        yield (
            f"{what}: its statements are only known while it runs, and each is judged before it is sent. Say --accept "
            f"{name} --because REASON, or write it as one UPDATE ... WHERE, which can be judged now"
        )


def _of_verdict(revision: PlannedRevision, change: PlannedChange, asked: Asked, plan: Plan) -> Iterator[str]:
    where = _where(change)
    accepted = asked.reason(change, revision) is not None
    worst = next((item.reason for item in change.open_findings if item.old is change.verdict), "")
    now = f" Now: {change.objection}." if change.blamed else ""
    if change.phase is Phase.SPLIT:
        yield f"{where}: no single side of a deploy can hold this statement.{now}"
    elif change.verdict is Verdict.UNKNOWN:
        yield f"{where} cannot be judged: {worst}; have it reviewed and write a waiver"
    elif change.verdict is Verdict.UNSAFE and not revision.contract_declared:
        yield (
            f"{where} breaks the deployed code: {worst}; run it after the deploy, in a revision marked "
            f"`# zdmigrate: phase contract`.{now}"
        )
    elif change.verdict is Verdict.UNSAFE and not accepted and plan.fleet is not None:
        yield (
            f"{where} is a contract that what runs now does not allow: {change.objection}. Run it when that code is "
            f"gone, or say --accept {change.id} --because REASON"
        )
    elif change.verdict is Verdict.UNSAFE and not accepted:
        yield (
            f"{where} is a contract that is not proved: {worst}. Prove it by what runs now (--fleet STORE_URL) or with "
            f"the manifests of what is deployed (--deployed FILE), or say --accept {change.id} --because REASON"
        )
    elif change.verdict is Verdict.CONDITIONAL and not accepted and (wanted := _wanted(revision, change)):
        yield f"{where} is safe only if {wanted}; prove it, or say --accept {change.id} --because REASON.{now}"


def _wanted(revision: PlannedRevision, change: PlannedChange) -> str:
    """The conditions nobody proved, in words; that rows decide is said of the revision."""
    known = revision.recorded.data_dependent
    found = [item for item in change.open_conditions if not (known and item.name == ROWS_DECIDE)]
    return "; ".join(item.text.rstrip(".") for item in found)


def _where(change: PlannedChange) -> str:
    return f"{change.id} ({' '.join(change.recorded.statement.sql.split())[:80]})"


def _of_change(change: PlannedChange, revision: PlannedRevision, asked: Asked, *, has_topology: bool) -> Iterator[str]:
    where = _where(change)
    if not (revision.recorded.data_dependent and _is_settled_later(change)):
        yield from not_to_be_sent(change, where)
    refused = change.cost.refusal is not None
    if change.strategy.name == "refuse" and (refused or asked.strategy != "direct"):
        out = "" if refused else " `--strategy direct` runs it all the same."
        yield f"{where}: {change.strategy.reason}{out}"
    if way_of(change, asked.strategy) != "replica-first":
        return
    if revision.recorded.data_dependent:
        yield (
            f"{where}: {change.strategy.reason} {revision.revision} reads rows, so it can only run directly: move this "
            "statement into a revision of its own, or say --strategy direct"
        )
    elif not has_topology:
        yield f"{where}: {change.strategy.reason} Give --topology FILE for that, or run it with --strategy direct"


def _is_settled_later(change: PlannedChange) -> bool:
    """Whether upgrade() itself shows if it can be: a ROLLBACK; or a query, which runs where nothing may be written."""
    node = change.recorded.statement.node
    words = node.text.upper().split() if isinstance(node, s.Transaction) else []
    return isinstance(node, s.Select) or words[:1] in (["ROLLBACK"], ["DO"])


def not_to_be_sent(change: PlannedChange, where: str) -> Iterator[str]:
    """Why no run sends a statement like this, whatever is accepted."""
    statement = change.recorded.statement
    node = statement.node
    if statement.redacted:
        yield f"{where} holds a password, which is never kept or sent; run it by hand and take it out of the revision"
    if change.recorded.inert:
        yield f"{where} came out of a stand-in for a missing module; run zdmigrate where the app can be imported"
    if isinstance(node, s.Transaction) and not node.text.upper().lstrip().startswith(_TRANSACTIONS):
        yield f"{where} holds locks or undoes work across statements, which a resumable run cannot; take it out"
    if isinstance(node, s.Use):
        yield f"{where} changes the database; qualify the names instead"
    if isinstance(node, s.LoadData):
        yield f"{where} reads a file; load it by hand"
    if isinstance(node, s.SetVariable | s.Select | s.Transaction) and (calls := stored_calls(statement.sql)):
        yield (
            f"{where} calls {calls[0]}() for what that does, and a run that goes on could not tell if it was done; "
            "write what it does as statements, or call it by hand and take it out"
        )
    if isinstance(node, s.CreateTable | s.DropTable) and node.temporary:
        yield (
            f"{where} is about a temporary table, which is gone when a run stops and goes on, and what follows would "
            "meet an ordinary one of that name; make an ordinary one, and drop it at the end"
        )


def _switchovers(tasks: tuple[Task, ...]) -> list[str]:
    """At most one group of consecutive replica-first statements: a run moves the primary once."""
    starts = [
        task.change.id
        for before, task in zip((None, *tasks), tasks, strict=False)
        if task.way == "replica-first" and (before is None or before.way != "replica-first")
    ]
    if len(starts) <= 1:
        return []
    return [
        f"{starts[0]} and {starts[1]} would each need a switchover, and a run makes one: stop before the second with "
        f"--to (the revision before {starts[1].rpartition(':')[0]}), then run again"
    ]
