"""Running old code against each prefix of a migration, on a real server.

First the base schema decides which statements of the workload are legal, and what each of them does: that is the
meaning they must keep. Then, after every statement of the migration, each is run again in a transaction that is rolled
back. Old code *broke* when a statement fails, when it meets a value it does not understand, or when the rows it reads
or leaves behind are not the ones they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from zdmigrate.history import syntax as s
from zdmigrate.proof.scratch import Scratch, Session, SqlError
from zdmigrate.proof.workload import NEXT_ID, ROWS, Query, Read, Rows, Workload

#: Errors by which a DDL refuses the rows it meets; with other rows it may pass.
DATA_ERRORS = frozenset(
    {1048, 1062, 1138, 1216, 1217, 1263, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1411, 1451, 1452, 1526, 1586, 1690}
    | {1846, 3140, 3141, 3156, 3643, 3751, 3752, 3819, 3854, 3903, 4025}
)

#: Errors after which trying more would only take time: a lock that nobody gives back, an answer that never comes.
WAITED = frozenset({1205, 2006, 2013, 0})

Result = Literal["held", "broke", "refused", "not run"]


@dataclass(frozen=True, slots=True)
class Break:
    """The first statement of old code that did not survive.

    Attributes:
        errno: the server's error number; None when the statement ran, but not with the meaning it had.
        reason: the server's message, or what old code did not understand, or what differs.
    """

    query: Query
    errno: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """What execution says of one statement of the migration.

    Attributes:
        result: old code held, or broke by it; the server refused it; or it was not run.
        statements, rows: statements of old code that ran after it, and rows they decoded.
        broken: the first break.
        reason: why it was refused or not run.
        rows_held: the rows the tables held (see `Rows`) in the run that decided.
        notes: what limits the proof.
    """

    sql: str
    result: Result
    statements: int = 0
    rows: int = 0
    broken: Break | None = None
    errno: int | None = None
    reason: str = ""
    rows_held: Rows | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One statement of the migration: its text, and its tree.

    Attributes:
        not_run: why it must not run, or "".
        may_fail: the revision itself lives with a refusal (it catches the error, or stops there).
    """

    sql: str
    node: s.Node
    not_run: str = ""
    may_fail: bool = False


Derive = Callable[[Rows], Sequence[Workload]]


def prove(scratch: Scratch, base: Sequence[str], derive: Derive, changes: Sequence[Change]) -> tuple[Step, ...]:
    """Old code against each prefix of `changes`, on the schema that the statements `base` build.

    When the server refuses a change for the rows it meets, all of it is done again over other rows; what any run shows
    counts, the worst first.

    Args:
        derive: the workloads of old code (one for each deployed version) over tables with those rows.

    Raises:
        SqlError: when a statement of `base` fails.
    """
    best: list[Step] | None = None
    for rows in ROWS:
        if best is not None:
            scratch.empty()
        found = list(_one_run(scratch, base, derive(rows), rows, changes))
        best = found if best is None else [_worse(old, new) for old, new in zip(best, found, strict=True)]
        if not any(step.result == "refused" and step.errno in DATA_ERRORS for step in found):
            break
    return tuple(best or ())


def _worse(one: Step, other: Step) -> Step:
    """A break counts most, then what held; a refusal only where every run was refused."""
    order: tuple[Result, ...] = ("broke", "held", "refused", "not run")
    return min(one, other, key=lambda step: order.index(step.result))


def _one_run(
    scratch: Scratch, base: Sequence[str], workloads: Sequence[Workload], rows: Rows, changes: Sequence[Change]
) -> Iterator[Step]:
    migration = scratch.connect()
    for sql in base:
        migration.run(sql)
    old_code = scratch.connect(fixed=True)
    users = [_OldCode(old_code, workload) for workload in workloads]
    for user in users:
        user.start()
    stopped: Step | None = None
    for change in changes:
        if stopped is not None:
            yield Step(change.sql, "not run", reason=_after(stopped))
            continue
        step = _carried_out(migration, change) or _tried(users, change.sql)
        step = replace(step, rows_held=rows)
        if step.result in ("refused", "not run") or (step.broken is not None and step.broken.errno in WAITED):
            stopped = step
        yield step


def _after(stopped: Step) -> str:
    """Why nothing runs after that step."""
    if stopped.result == "broke":
        return "old code got no answer after an earlier statement"
    return "an earlier statement was not carried out"


def _carried_out(migration: Session, change: Change) -> Step | None:
    """Run one statement of the migration; None when it went through."""
    outside = reaches_outside(change)
    if outside:
        return Step(change.sql, "not run", reason=outside)
    try:
        migration.run(change.sql)
        migration.run("COMMIT")
    except SqlError as error:
        if change.may_fail:
            return None
        return Step(change.sql, "refused", errno=error.errno, reason=error.message)
    return None


def reaches_outside(change: Change) -> str:
    """Why a statement is not run on somebody's server, or ""."""
    match change.node:
        case s.ChangeDatabase() | s.Use():
            return "it is about a whole database, and a proof stays inside one of its own"
        case s.Privilege():
            return "it is about accounts and rights of the server"
        case s.SetVariable(scope="global" | "persist"):
            return "it changes a setting of the whole server"
        case s.LoadData():
            return "it reads a file"
        case s.Opaque():
            return "it could not be parsed, so that nobody knows what else it does"
        case _:
            return change.not_run


@dataclass(slots=True)
class _Outcome:
    """What a statement did: rows matched, and by table the rows old code reads afterwards."""

    matched: int
    tables: Mapping[str, Counter[Read]]


@dataclass(slots=True)
class _OldCode:
    """One version of old code at work: its workload, and what each statement did on the base schema."""

    session: Session
    workload: Workload
    meaning: dict[Query, _Outcome] = field(default_factory=dict)
    lost: int = 0

    def start(self) -> None:
        """Fill the tables and learn what each statement does; what fails now is no statement of old code."""
        for sql in self.workload.seeds:
            try:
                self.session.run(sql)
            except SqlError:
                continue  # a row the schema does not accept
        for query in self.workload.queries:
            try:
                self.meaning[query] = self._outcome(query)
            except (SqlError, ValueError):
                continue

    def check(self, plain: frozenset[str]) -> Iterator[Break | int]:
        """Run every legal statement again: rows decoded, or how it broke, after which it is not tried again.

        Writes to `plain` tables are left out.
        """
        for query, meant in list(self.meaning.items()):
            if query.kind != "select" and not plain.isdisjoint(query.observes):
                continue
            found = self._again(query, meant)
            if isinstance(found, Break):
                del self.meaning[query]
                self.lost += 1
            yield found

    def _again(self, query: Query, meant: _Outcome) -> Break | int:
        try:
            found = self._outcome(query)
        except SqlError as error:
            return Break(query, error.errno, error.message)
        except ValueError as error:
            return Break(query, None, str(error))
        difference = _difference(meant, found)
        if difference:
            return Break(query, None, difference)
        return sum(sum(rows.values()) for rows in found.tables.values())

    def _outcome(self, query: Query) -> _Outcome:
        before = [f"SET insert_id = {NEXT_ID}"] if query.kind == "insert" else []
        write = [query.sql] if query.kind != "select" else []
        reads = [self.workload.selects[name] for name in query.observes]
        try:
            found = self.session.batch(["START TRANSACTION", *before, *write, *reads, "ROLLBACK"])
        except SqlError:
            with suppress(SqlError):  # the connection may be gone
                self.session.run("ROLLBACK")
            raise
        first = 1 + len(before) + len(write)
        tables = {
            name: Counter(self.workload.decode(name, row) for row in rows)
            for name, (_, rows) in zip(query.observes, found[first:-1], strict=True)
        }
        return _Outcome(found[first - 1][0] if write else 0, tables)


def _tried(users: Sequence[_OldCode], sql: str) -> Step:
    plain = _without_rollback(users[0].session) if users else frozenset()
    statements = rows = lost = 0
    first: Break | None = None
    for user in users:
        lost += user.lost
        for found in user.check(plain):
            if isinstance(found, Break):
                first = first or found
                if found.errno in WAITED:
                    break
            else:
                statements += 1
                rows += found
    notes = tuple(gap for user in users for gap in user.workload.gaps)
    if plain:
        notes += (f"no writes to {', '.join(sorted(plain))}: its engine cannot roll them back",)
    if lost:
        notes += (f"{lost} statements of old code are left out: they broke before",)
    return Step(sql, "held" if first is None else "broke", statements, rows, first, notes=notes)


def _without_rollback(session: Session) -> frozenset[str]:
    """Tables whose engine has no transactions."""
    found = session.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
        "AND TABLE_TYPE = 'BASE TABLE' AND ENGINE <> 'InnoDB'"
    )
    return frozenset(str(row[0]) for row in found)


def _difference(meant: _Outcome, found: _Outcome) -> str:
    """What is not as it was, in words, or ""; rows that came with the migration are no difference."""
    if meant.matched != found.matched:
        return f"it matched {found.matched} rows, and {meant.matched} before"
    for table, before in meant.tables.items():
        now = found.tables[table]
        lost = before - now
        if lost:
            row = next(iter(lost))
            return f"a row of {table} was read as {shown(row)} before, {_closest(row, now - before)}"
    return ""


def _closest(row: Read, candidates: Counter[Read]) -> str:
    if not candidates:
        return "and is gone now"
    nearest = max(candidates, key=lambda other: sum(a == b for a, b in zip(row, other, strict=True)))
    return f"and as {shown(nearest)} now"


def shown(row: Read) -> str:
    """A row for a person to read."""
    return "(" + ", ".join(short(repr(value)) if value is not None else "NULL" for _, value in row) + ")"


def short(text: str, most: int = 40) -> str:
    """At most so many characters, saying how many there are."""
    return text if len(text) <= most else f"{text[: most - 12]}… ({len(text)} characters)"
