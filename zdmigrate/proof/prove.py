"""A plan, run: what old code's statements do on a real server beside what the rules said of each change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, ColumnType
from zdmigrate.history.loading.live import flavour_of
from zdmigrate.history.statements import parse_type
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.proof.runner import Change, Step, prove
from zdmigrate.proof.schema import create_statements
from zdmigrate.proof.scratch import Scratch, SqlError, scratch
from zdmigrate.proof.workload import Rows, Workload, derive
from zdmigrate.verdict.model import Verdict

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ProvedChange:
    """One change: what was said of it, and what happened."""

    planned: PlannedChange
    step: Step

    @property
    def verdict(self) -> Verdict:
        """The static verdict, made worse by what happened; never better."""
        floor = {"broke": Verdict.UNSAFE, "refused": Verdict.UNKNOWN, "not run": Verdict.UNKNOWN}
        return max(self.planned.verdict, floor.get(self.step.result, Verdict.SAFE))


@dataclass(frozen=True)
class ProvedRevision:
    """One revision and its changes."""

    planned: PlannedRevision
    changes: tuple[ProvedChange, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its changes; at least UNKNOWN when it could not be replayed."""
        floor = [Verdict.UNKNOWN] if self.planned.error else []
        return Verdict.worst([*(change.verdict for change in self.changes), *floor])


@dataclass(frozen=True)
class Proof:
    """A whole run.

    Attributes:
        server: the flavour it ran on.
        warnings: sentences about the run as a whole.
    """

    plan: Plan
    server: Flavour
    revisions: tuple[ProvedRevision, ...]
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 when old code breaks outside a declared contract, 3 when something was not run or judged, else 0."""
        code = 0
        for revision in self.revisions:
            if revision.verdict is Verdict.UNSAFE and not revision.planned.contract_declared:
                return 1
            unproved = any(change.step.result in ("refused", "not run") for change in revision.changes)
            if revision.verdict is Verdict.UNKNOWN or unproved:
                code = 3
        return code


def prove_plan(plan: Plan, url: str, *, only: Sequence[str] = (), progress: Progress | None = None) -> Proof:
    """Run the plan's changes on a database of our own on that server, with old code's statements after each.

    Args:
        only: ids (or their beginnings) of the revisions to prove; empty means all. With a deployed revision the ones
            before them run too, as they would.

    Raises:
        UsageError: when the server cannot be used, a revision is not in the plan, or the schema cannot be built.
    """
    wanted = _wanted(plan, only)
    groups = _groups(plan, wanted)
    found: list[ProvedRevision] = []
    with scratch(url) as made:
        server = flavour_of(made.version())
        for number, group in enumerate(groups):
            if progress is not None:
                progress(number, len(groups))
            if number:
                made.empty()
            found += _prove_group(plan, made, group)
    return Proof(
        plan, server, tuple(item for item in found if item.planned.revision in wanted), _warnings(plan, server)
    )


def _wanted(plan: Plan, only: Sequence[str]) -> set[str]:
    known = [item.revision for item in plan.revisions]
    wanted = set()
    for text in only:
        matches = [item for item in known if item == text] or [item for item in known if item.startswith(text)]
        if len(matches) != 1:
            what = "is the beginning of several pending revisions" if matches else "is not a pending revision"
            raise UsageError(f"{text} {what}; pending: {', '.join(known) or 'none'}")
        wanted.update(matches)
    return wanted or set(known)


def _groups(plan: Plan, wanted: set[str]) -> list[Sequence[PlannedRevision]]:
    """Revisions that old code of one base schema meets together: all of them, or each by itself."""
    if not plan.deployed:
        return [[item] for item in plan.revisions if item.revision in wanted]
    last = max((place for place, item in enumerate(plan.revisions) if item.revision in wanted), default=-1)
    return [plan.revisions[: last + 1]] if last >= 0 else []


def _prove_group(plan: Plan, made: Scratch, group: Sequence[PlannedRevision]) -> Iterator[ProvedRevision]:
    base = group[0].recorded.before
    planned = [change for revision in group for change in revision.changes]
    tables = _concerned(base, planned)
    unseen = [name for name in tables if not base.tables[name].complete]
    if unseen:
        raise UsageError(
            f"the definition of {', '.join(unseen)} was never seen, so it cannot be built; --schema or --url gives it"
        )

    def read_type(text: str) -> ColumnType:
        return parse_type(text, mariadb=plan.target.is_mariadb)

    def workloads(rows: Rows) -> list[Workload]:
        return [
            derive(base, tables=tables, manifest=item, read_type=read_type, rows=rows)
            for item in plan.manifests or (None,)
        ]

    try:
        steps = iter(prove(made, create_statements(base), workloads, [_change(item) for item in planned]))
    except SqlError as error:
        raise UsageError(f"the schema before {group[0].revision} cannot be built on the server: {error}") from error
    for revision in group:
        yield ProvedRevision(revision, tuple(ProvedChange(item, next(steps)) for item in revision.changes))


def _concerned(base: Catalog, planned: Sequence[PlannedChange]) -> list[str]:
    """Tables the changes name, and those whose foreign keys lead to them."""
    found = dict.fromkeys(name for item in planned for name in item.recorded.touched if name in base.tables)
    waiting = list(found)
    while waiting:
        for child, _ in base.references_to(waiting.pop()):
            if child not in found:
                found[child] = None
                waiting.append(child)
    return list(found)


def _change(planned: PlannedChange) -> Change:
    recorded = planned.recorded
    reason = ""
    if recorded.inert:
        reason = "it was made with a stand-in for a module that is not installed"
    elif recorded.data_dependent:
        reason = "it depends on rows the revision reads, and carries made-up ones"
    elif recorded.statement.redacted:
        reason = "its text holds a secret that was blotted out"
    elif outside := [name for name in recorded.touched if "." in name]:
        reason = f"it names {outside[0]}, and a proof stays inside a database of its own"
    return Change(recorded.statement.sql, recorded.statement.node, reason, may_fail=recorded.refusal is not None)


def _warnings(plan: Plan, server: Flavour) -> tuple[str, ...]:
    found = list(plan.warnings)
    if server.vendor != plan.target.vendor or server.version[:2] != plan.target.version[:2]:
        found.append(f"the rules judged for {plan.target}, the proof ran on {server}: what it shows holds there")
    return tuple(found)
