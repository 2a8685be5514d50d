"""The gate: what a plan's verdicts and phases mean for `zdmigrate check` (DESIGN, "The gate, exactly")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.verdict.model import Phase, Verdict
from zdmigrate.waivers import WaiverProblem

PASSED, FOUND, UNKNOWN = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One reason why the gate does not pass.

    `broke` and `unproved` come from a run on a server (`check --prove`), `fleet` from what runs now (`check --fleet`).
    """

    kind: Literal["unsafe", "conditional", "unknown", "phase", "waiver", "broke", "unproved", "fleet"]
    revision: str
    message: str
    path: str
    line: int = 0
    change: PlannedChange | None = None


@dataclass(frozen=True, slots=True)
class GateResult:
    """Obstacles in the order the revisions run, and the exit code they make."""

    obstacles: tuple[Obstacle, ...]
    exit_code: int

    @property
    def passed(self) -> bool:
        """True when nothing stands in the way."""
        return self.exit_code == PASSED


def run_gate(
    plan: Plan,
    *,
    fail_on: Verdict = Verdict.UNSAFE,
    strict: bool = True,
    waiver_problems: Sequence[WaiverProblem] = (),
) -> GateResult:
    """Decide.

    Args:
        fail_on: UNSAFE, or CONDITIONAL to stop on unproved conditions too.
        strict: whether `unknown` stops the gate (exit 3).
    """
    obstacles = [item for revision in plan.revisions for item in _of_revision(revision, fail_on, strict)]
    obstacles.extend(_of_fleet(plan))
    obstacles.extend(
        Obstacle("waiver", "", problem.message, problem.path, problem.line)
        for problem in waiver_problems
        if problem.fails or fail_on is Verdict.CONDITIONAL
    )
    return GateResult(tuple(obstacles), _exit_code(obstacles))


def _of_fleet(plan: Plan) -> Iterable[Obstacle]:
    """The contracts that what runs now does not prove, and why what runs now may not be known."""
    if plan.fleet is None:
        return
    unproved = []
    for revision in (item for item in plan.revisions if item.contract_declared):
        for change in revision.changes:
            if change.needs_manifests and change.phase is not Phase.SPLIT:
                unproved.append(revision)
                line, path = change.recorded.line, change.recorded.path
                yield Obstacle("fleet", revision.revision, change.objection, path, line, change)
    for revision in unproved[:1]:
        yield from (Obstacle("fleet", revision.revision, gap, revision.recorded.path) for gap in plan.fleet.gaps)


def _exit_code(obstacles: Iterable[Obstacle]) -> int:
    kinds = {item.kind for item in obstacles}
    if kinds - {"unknown"}:
        return FOUND
    return UNKNOWN if kinds else PASSED


def _of_revision(revision: PlannedRevision, fail_on: Verdict, strict: bool) -> Iterable[Obstacle]:
    path = revision.recorded.path
    if revision.phase is Phase.MIXED:
        yield Obstacle("phase", revision.revision, _mixed(revision), path)
    if strict and revision.error is not None:
        where = revision.error.path or path
        yield Obstacle("unknown", revision.revision, revision.error.message, where, revision.error.line)
    found = [item for change in revision.changes for item in _of_change(revision, change, fail_on, strict)]
    yield from found
    if fail_on is Verdict.CONDITIONAL and revision.verdict is Verdict.CONDITIONAL and not found:
        yield from _of_rows(revision)


def _of_rows(revision: PlannedRevision) -> Iterable[Obstacle]:
    """A revision that reads rows is never better than conditional, though each statement we saw is."""
    if revision.recorded.data_dependent and not revision.contract_declared:
        message = "not proved: what it sends for the rows in your database is what was judged here"
        yield Obstacle("conditional", revision.revision, message, revision.recorded.path)


def _of_change(revision: PlannedRevision, change: PlannedChange, fail_on: Verdict, strict: bool) -> Iterable[Obstacle]:
    line, path = change.recorded.line, change.recorded.path
    verdict = change.verdict
    reason = next((item.reason for item in change.open_findings if item.old is verdict), "")
    if change.phase is Phase.SPLIT:
        split = next((item.reason for item in change.open_findings if item.phase is Phase.SPLIT), reason)
        message = f"no single side of a deploy can hold this statement: {split}"
        yield Obstacle("phase", revision.revision, message, path, line, change)
    elif verdict is Verdict.UNSAFE and not revision.contract_declared:
        now = f" Now: {change.objection}." if change.blamed else ""
        yield Obstacle("unsafe", revision.revision, f"{reason}{now}", path, line, change)
    if verdict is Verdict.UNKNOWN and strict:
        yield Obstacle("unknown", revision.revision, reason, path, line, change)
    if (
        verdict is Verdict.CONDITIONAL
        and fail_on is Verdict.CONDITIONAL
        and change.open_conditions
        and not revision.contract_declared
    ):
        wanted = "; ".join(condition.text for condition in change.open_conditions)
        yield Obstacle("conditional", revision.revision, f"not proved: {wanted}", path, line, change)


def _mixed(revision: PlannedRevision) -> str:
    def lines(phase: Phase) -> str:
        changes = [change for change in revision.changes if change.phase is phase and not change.fits_either_side]
        found = [str(change.recorded.line) for change in changes]
        return ", ".join(dict.fromkeys(found))

    return (
        "this revision needs both sides of a deploy: "
        f"keep line {lines(Phase.EXPAND)} in it (expand, before the deploy) and move line "
        f"{lines(Phase.CONTRACT)} to a later revision marked `# zdmigrate: phase contract` (after the deploy)"
    )
