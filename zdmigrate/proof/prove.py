"""A plan, run: what old code's statements do on a real server beside what the rules said of each change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history.catalog import Catalog, ColumnType
from zdmigrate.history.loading.live import flavour_of
from zdmigrate.history.statements import parse_type
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.proof.new_code import Needs, lenient, needs
from zdmigrate.proof.runner import Break, Change, LeftOut, Step, prove
from zdmigrate.proof.schema import create_statements
from zdmigrate.proof.scratch import Scratch, SqlError, scratch
from zdmigrate.proof.user_workload import UserStatement
from zdmigrate.proof.workload import Rows, Workload, derive
from zdmigrate.verdict.model import Verdict
from zdsession.manifest import Manifest

if TYPE_CHECKING:
    from zdmigrate.proof.concurrency import Blocked

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ProvedChange:
    """One change: what was said of it, and what happened; with --rows, how long old code waited while it ran.

    Attributes:
        needed: with --new-code, the statement of new code that fails without this change.
    """

    planned: PlannedChange
    step: Step
    blocked: Blocked | None = None
    needed: Break | None = None

    @property
    def verdict(self) -> Verdict:
        """The static verdict, made worse by what happened; never better."""
        floor = {"broke": Verdict.UNSAFE, "refused": Verdict.UNKNOWN, "not run": Verdict.UNKNOWN}
        return max(self.planned.verdict, floor.get(self.step.result, Verdict.SAFE))


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of the old version's tests.

    Attributes:
        passed: None when they were not run.
        said: `exit code 1`, or why they did not end or were not run.
        tail: the last lines they wrote.
    """

    __test__ = False  # for pytest, to which its name would mean something

    passed: bool | None
    said: str
    seconds: float = 0.0
    tail: str = ""


@dataclass(frozen=True)
class ProvedRevision:
    """One revision and its changes.

    Attributes:
        tests: with --old-tests, how the old version's tests ended after it.
    """

    planned: PlannedRevision
    changes: tuple[ProvedChange, ...]
    tests: TestRun | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of its changes; at least UNKNOWN when it could not be replayed."""
        floor = [Verdict.UNKNOWN] if self.planned.error else []
        if self.tests is not None and self.tests.passed is not True:
            floor.append(Verdict.UNKNOWN if self.tests.passed is None else Verdict.UNSAFE)
        return Verdict.worst([*(change.verdict for change in self.changes), *floor])


@dataclass(frozen=True, slots=True)
class ProvedRelease:
    """What is said of all revisions that old code of one base schema meets.

    Attributes:
        first: the first of them.
        left_out: users' statements that fail already on the schema before it.
        new_code: with --new-code, what new code needs.
    """

    first: str
    left_out: tuple[LeftOut, ...] = ()
    new_code: Needs | None = None


@dataclass(frozen=True)
class Proof:
    """A whole run.

    Attributes:
        server: the flavour it ran on.
        warnings: sentences about the run as a whole.
        origin: the server that was started for it; "" for one that was given.
        releases: what is said of several revisions together.
        own: how many statements of users there are.
        tests_before: with --old-tests, how they ended before the migration.
    """

    plan: Plan
    server: Flavour
    revisions: tuple[ProvedRevision, ...]
    warnings: tuple[str, ...] = ()
    origin: str = ""
    releases: tuple[ProvedRelease, ...] = ()
    own: int = 0
    tests_before: TestRun | None = None

    @property
    def neither_side(self) -> tuple[ProvedChange, ...]:
        """Changes that new code cannot run without and old code cannot run with: no side of a deploy can hold them."""
        changes = (change for revision in self.revisions for change in revision.changes)
        return tuple(item for item in changes if item.needed is not None and item.step.result == "broke")

    @property
    def exit_code(self) -> int:
        """1 when old code breaks outside a declared contract, 3 when something was not run or judged, else 0.

        Also 1 when no order of deploy and migration lets both versions live.
        """
        if self.neither_side:
            return 1
        code = 3 if any(item.new_code is not None and item.new_code.reason for item in self.releases) else 0
        for revision in self.revisions:
            if revision.verdict is Verdict.UNSAFE and not revision.planned.contract_declared:
                return 1
            unproved = any(change.step.result in ("refused", "not run") for change in revision.changes)
            if revision.verdict is Verdict.UNKNOWN or unproved:
                code = 3
        return code


@dataclass(frozen=True, slots=True)
class NewCode:
    """New code to run before each change.

    Attributes:
        manifest: what it maps; None means the whole schema after the last change.
    """

    manifest: Manifest | None = None


def prove_plan(
    plan: Plan,
    url: str,
    *,
    only: Sequence[str] = (),
    own: Sequence[UserStatement] = (),
    new_code: NewCode | None = None,
    progress: Progress | None = None,
) -> Proof:
    """Run the plan's changes on a database of our own on that server, with old code's statements after each.

    Args:
        only: ids (or their beginnings) of the revisions to prove; empty means all. With a deployed revision the ones
            before them run too, as they would.
        own: statements of users, which belong to old code.
        new_code: also run new code's statements before each change.

    Raises:
        UsageError: when the server cannot be used, a revision is not in the plan, the schema cannot be built, or a
            statement of users cannot be parsed.
    """
    wanted = _wanted(plan, only)
    groups = releases(plan, wanted)
    found: list[ProvedRevision] = []
    together: list[ProvedRelease] = []
    with scratch(url) as made:
        server = flavour_of(made.version())
        for number, group in enumerate(groups):
            if progress is not None:
                progress(number, len(groups))
            if number:
                made.empty()
            release, revisions = _Release(plan, made, group).proved(own, new_code)
            together.append(release)
            found += revisions
    return Proof(
        plan,
        server,
        tuple(item for item in found if item.planned.revision in wanted),
        _warnings(plan, server),
        releases=tuple(together),
        own=len(own),
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


def releases(plan: Plan, wanted: set[str]) -> list[Sequence[PlannedRevision]]:
    """Revisions that old code of one base schema meets together: all of them, or each by itself."""
    if not plan.deployed:
        return [[item] for item in plan.revisions if item.revision in wanted]
    last = max((place for place, item in enumerate(plan.revisions) if item.revision in wanted), default=-1)
    return [plan.revisions[: last + 1]] if last >= 0 else []


@dataclass(frozen=True)
class _Release:
    """Revisions that old code of one base schema meets, on a scratch database."""

    plan: Plan
    made: Scratch
    group: Sequence[PlannedRevision]

    @property
    def base(self) -> Catalog:
        """The schema old code was written for."""
        return self.group[0].recorded.before

    @property
    def planned(self) -> list[PlannedChange]:
        """Every change, in order."""
        return [change for revision in self.group for change in revision.changes]

    def proved(
        self, own: Sequence[UserStatement], new_code: NewCode | None
    ) -> tuple[ProvedRelease, list[ProvedRevision]]:
        """Its revisions, run.

        Raises:
            UsageError: when the schema before them cannot be built, or a statement of users cannot be parsed.
        """
        tables = _concerned(self.base, self.planned)
        unseen = [name for name in tables if not self.base.tables[name].complete]
        if unseen:
            raise UsageError(
                f"the definition of {', '.join(unseen)} was never seen, so it cannot be built; --schema or --url "
                "gives it"
            )
        schema = create_statements(self.base)
        changes = [change_of(item) for item in self.planned]

        def workloads(rows: Rows) -> list[Workload]:
            return [
                derive(
                    self.base,
                    tables=tables,
                    manifest=manifest,
                    read_type=self._read_type,
                    rows=rows,
                    own=() if number else own,
                )
                for number, manifest in enumerate(self.plan.manifests or (None,))
            ]

        try:
            run = prove(self.made, schema, workloads, changes)
            needed = self._needs(schema, tables, changes, new_code) if new_code is not None else None
        except SqlError as error:
            raise UsageError(
                f"the schema before {self.group[0].revision} cannot be built on the server: {error}"
            ) from error
        steps = iter(run.steps)
        missing = iter(needed.changes if needed is not None and needed.changes else [None] * len(changes))
        return ProvedRelease(self.group[0].revision, run.left_out, needed), [
            ProvedRevision(
                revision, tuple(ProvedChange(item, next(steps), needed=next(missing)) for item in revision.changes)
            )
            for revision in self.group
        ]

    def _needs(
        self, schema: Sequence[str], tables: Sequence[str], changes: Sequence[Change], new_code: NewCode
    ) -> Needs:
        after = self.group[-1].recorded.after
        mapped = _concerned(after, self.planned)

        def workload(rows: Rows) -> tuple[Sequence[str], Workload]:
            seeds = derive(self.base, tables=tables, read_type=self._read_type, rows=rows).seeds
            made = derive(after, tables=mapped, manifest=new_code.manifest, read_type=self._read_type, rows=rows)
            return seeds, made if new_code.manifest is not None else lenient(made)

        return needs(self.made, schema, workload, changes)

    def _read_type(self, text: str) -> ColumnType:
        return parse_type(text, mariadb=self.plan.target.is_mariadb)


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


def change_of(planned: PlannedChange) -> Change:
    """The change as it is run."""
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
