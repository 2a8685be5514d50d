"""The other side of a deploy: new code before each change. What it cannot run without has to precede the deploy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from zdmigrate.proof.runner import DATA_ERRORS, Break, Change, Step, Version, carried_out, without_rollback, writes_to
from zdmigrate.proof.scratch import Scratch, Session, SqlError
from zdmigrate.proof.workload import Query, Reading, Rows, Workload

#: Rows to try: no edges, as what is asked is which objects new code needs, not what old rows hold.
_ROWS: tuple[Rows, ...] = ("plain", "none")


@dataclass(frozen=True, slots=True)
class Needs:
    """What new code needs of a migration.

    Attributes:
        changes: for each change, the statement of new code that fails without it and runs with it; None when there is
            none, so that new code does not wait for it.
        statements: how many statements of new code were tried before each change.
        reason: why it could not be judged (`changes` is then empty), or "".
    """

    changes: tuple[Break | None, ...] = ()
    statements: int = 0
    reason: str = ""


Derive = Callable[[Rows], tuple[Sequence[str], Workload]]


def needs(scratch: Scratch, base: Sequence[str], derive: Derive, changes: Sequence[Change]) -> Needs:
    """Run new code's statements before each of `changes`, and after the last, on the schema that `base` builds.

    Statements that fail after the last change as well are no statements of new code.

    Args:
        derive: for those rows, the INSERTs that fill the tables of the old schema, and the workload of new code.

    Raises:
        SqlError: when a statement of `base` fails.
    """
    stopped: Step | None = None
    for rows in _ROWS:
        scratch.empty()
        seeds, workload = derive(rows)
        failures, stopped = _failures(scratch, base, seeds, workload, changes)
        if stopped is None:
            return _judged(failures, len(workload.queries))
        if stopped.result != "refused" or stopped.errno not in DATA_ERRORS:
            break
    assert stopped is not None
    return Needs(reason=f"`{' '.join(stopped.sql.split())[:80]}` was {stopped.result}: {stopped.reason}")


def lenient(workload: Workload) -> Workload:
    """The workload of new code that only a schema describes: nobody knows what it makes of a NULL or of a member."""

    def widened(item: Reading) -> Reading:
        return replace(item, nullable=True, members=None)

    return replace(workload, readings={name: tuple(map(widened, items)) for name, items in workload.readings.items()})


def _failures(
    scratch: Scratch, base: Sequence[str], seeds: Sequence[str], workload: Workload, changes: Sequence[Change]
) -> tuple[list[dict[Query, Break]], Step | None]:
    """What fails before each change and after the last; and the change that was not carried out, if one was not."""
    migration = scratch.connect()
    for sql in base:
        migration.run(sql)
    session = scratch.connect(fixed=True)
    for sql in seeds:
        try:
            session.run(sql)
        except SqlError:
            continue  # a row the schema does not accept
    version = Version(workload)
    version.use(session)
    found = [_failing(version, session)]
    for change in changes:
        stopped = carried_out(migration, change)
        if stopped is not None:
            return found, stopped
        found.append(_failing(version, session))
    return found, None


def _failing(version: Version, session: Session) -> dict[Query, Break]:
    plain = without_rollback(session)
    found = {}
    for query in version.workload.queries:
        if not writes_to(query, plain):
            outcome = version.attempt(query)
            if isinstance(outcome, Break):
                found[query] = outcome
    return found


def _judged(failures: Sequence[dict[Query, Break]], tried: int) -> Needs:
    *before, last = failures
    needed = [
        next(
            (item for query, item in failing.items() if query not in last and _cured(item, failures[place].get(query))),
            None,
        )
        for place, failing in enumerate(before, 1)
    ]
    return Needs(tuple(needed), tried - len(last))


def _cured(before: Break, after: Break | None) -> bool:
    """Whether a change removed that reason to fail: the statement runs now, or what it lacks is something else."""
    return after is None or (before.errno, before.reason) != (after.errno, after.reason)
