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

from zdmigrate.errors import UsageError
from zdmigrate.history import syntax as s
from zdmigrate.proof.scratch import Scratch, Session, SqlError
from zdmigrate.proof.workload import NEXT_ID, ROWS, Query, Read, Rows, Workload, typed

#: Errors by which a DDL refuses the rows it meets; with other rows it may pass.
DATA_ERRORS = frozenset(
    {1048, 1062, 1138, 1216, 1217, 1263, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1411, 1451, 1452, 1526, 1586, 1690}
    | {1846, 3140, 3141, 3156, 3643, 3751, 3752, 3819, 3854, 3903, 4025}
)

#: Errors after which trying more would only take time: a lock that nobody gives back, an answer that never comes.
WAITED = frozenset({1205, 2006, 2013, 0})

#: The server cannot make sense of a statement's text.
PARSE_ERRORS = frozenset({1064, 1149})

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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A statement of a user that is no statement of old code: it fails on the schema before the migration.

    Attributes:
        place: its file and line.
    """

    place: str
    sql: str
    errno: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Run:
    """What a run shows: a step for each change, and the users' statements that could not be used."""

    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...] = ()


Derive = Callable[[Rows], Sequence[Workload]]


def prove(scratch: Scratch, base: Sequence[str], derive: Derive, changes: Sequence[Change]) -> Run:
    """Old code against each prefix of `changes`, on the schema that the statements `base` build.

    When the server refuses a change for the rows it meets, all of it is done again over other rows; what any run shows
    counts, the worst first.

    Args:
        derive: the workloads of old code (one for each deployed version) over tables with those rows.

    Raises:
        SqlError: when a statement of `base` fails.
        UsageError: when the server cannot parse a user's statement; nothing of the migration has run then.
    """
    best: list[Step] | None = None
    unusable: dict[str, LeftOut] | None = None
    for rows in ROWS:
        if best is not None:
            scratch.empty()
        users = [Version(workload) for workload in derive(rows)]
        found = list(_one_run(scratch, base, users, rows, changes))
        failing = {item.place: item for user in users for item in user.left_out}
        # Over empty tables no statement meets a value that it does not like.
        unusable = failing if unusable is None else {key: unusable[key] for key in unusable if key in failing}
        best = found if best is None else [_worse(old, new) for old, new in zip(best, found, strict=True)]
        if not any(step.result == "refused" and step.errno in DATA_ERRORS for step in found):
            break
    return Run(tuple(best or ()), tuple((unusable or {}).values()))


def _worse(one: Step, other: Step) -> Step:
    """A break counts most, then what held; a refusal only where every run was refused."""
    order: tuple[Result, ...] = ("broke", "held", "refused", "not run")
    return min(one, other, key=lambda step: order.index(step.result))


def _one_run(
    scratch: Scratch, base: Sequence[str], users: Sequence[Version], rows: Rows, changes: Sequence[Change]
) -> Iterator[Step]:
    migration = scratch.connect()
    for sql in base:
        migration.run(sql)
    old_code = scratch.connect(fixed=True)
    for user in users:
        user.start(old_code)
    stopped: Step | None = None
    for change in changes:
        if stopped is not None:
            yield Step(change.sql, "not run", reason=_after(stopped))
            continue
        step = carried_out(migration, change) or _tried(users, change.sql)
        step = replace(step, rows_held=rows)
        if step.result in ("refused", "not run") or (step.broken is not None and step.broken.errno in WAITED):
            stopped = step
        yield step


def _after(stopped: Step) -> str:
    """Why nothing runs after that step."""
    if stopped.result == "broke":
        return "old code got no answer after an earlier statement"
    return "an earlier statement was not carried out"


def carried_out(migration: Session, change: Change) -> Step | None:
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
class Outcome:
    """What a statement did: rows matched, and by table the rows old code reads afterwards.

    The answer of a user's SELECT stands under "", with the names of its columns.
    """

    matched: int
    tables: Mapping[str, Counter[Read]]
    columns: tuple[str, ...] = ()


@dataclass(slots=True)
class Version:
    """One version of the app at work: its workload, and what each statement did on the base schema."""

    workload: Workload
    meaning: dict[Query, Outcome] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    lost: int = 0
    _session: Session | None = None

    @property
    def session(self) -> Session:
        """Its connection, from `use` or `start` on."""
        assert self._session is not None
        return self._session

    def use(self, session: Session) -> None:
        """The connection its statements go through."""
        self._session = session

    def attempt(self, query: Query) -> Outcome | Break:
        """What a statement does, or how it fails; rolled back either way."""
        try:
            return self._outcome(query)
        except SqlError as error:
            return Break(query, error.errno, error.message)
        except ValueError as error:
            return Break(query, None, str(error))

    def start(self, session: Session) -> None:
        """Fill the tables and learn what each statement does; what fails now is no statement of old code.

        Raises:
            UsageError: when the server cannot parse a user's statement.
        """
        self.use(session)
        for sql in self.workload.seeds:
            try:
                session.run(sql)
            except SqlError:
                continue  # a row the schema does not accept
        plain = without_rollback(session)
        for query in self.workload.queries:
            if writes_to(query, plain):
                continue
            try:
                self._learn(query)
            except (SqlError, ValueError) as error:
                if query.own:
                    self._leave_out(query, error)

    def check(self, plain: frozenset[str]) -> Iterator[Break | int]:
        """Run every legal statement again: rows decoded, or how it broke, after which it is not tried again.

        Writes to `plain` tables are left out.
        """
        for query, meant in list(self.meaning.items()):
            if writes_to(query, plain):
                continue
            found = self._again(query, meant)
            if isinstance(found, Break):
                del self.meaning[query]
                self.lost += 1
            yield found

    def _learn(self, query: Query) -> None:
        meant = self._outcome(query)
        if query.own and _difference(meant, self._outcome(query)):
            query = replace(query, volatile=True)  # RAND(), UUID(): it does not say the same twice
        self.meaning[query] = meant

    def _leave_out(self, query: Query, error: SqlError | ValueError) -> None:
        number = error.errno if isinstance(error, SqlError) else None
        reason = error.message if isinstance(error, SqlError) else str(error)
        if number in PARSE_ERRORS:
            raise UsageError(f"{query.purpose}: the server cannot parse it ({number}: {reason})")
        self.left_out.append(LeftOut(query.purpose, query.sql, number, reason))

    def _again(self, query: Query, meant: Outcome) -> Break | int:
        found = self.attempt(query)
        if isinstance(found, Break):
            return found
        difference = "" if query.volatile else _difference(meant, found)
        if difference:
            return Break(query, None, difference)
        return sum(sum(rows.values()) for rows in found.tables.values())

    def _outcome(self, query: Query) -> Outcome:
        try:
            return self._answer(query) if query.own and query.kind == "select" else self._effect(query)
        except SqlError:
            with suppress(SqlError):  # the connection may be gone
                self.session.run("ROLLBACK")
            raise

    def _answer(self, query: Query) -> Outcome:
        self.session.run("START TRANSACTION")
        columns, rows = self.session.answer(query.sql)
        self.session.run("ROLLBACK")
        return Outcome(0, {"": Counter(tuple(map(typed, row)) for row in rows)}, columns)

    def _effect(self, query: Query) -> Outcome:
        before = [f"SET insert_id = {NEXT_ID}"] if query.kind == "insert" else []
        write = [query.sql] if query.kind != "select" else []
        reads = [self.workload.selects[name] for name in query.observes]
        found = self.session.batch(["START TRANSACTION", *before, *write, *reads, "ROLLBACK"])
        first = 1 + len(before) + len(write)
        tables = {
            name: Counter(self.workload.decode(name, row) for row in rows)
            for name, (_, rows) in zip(query.observes, found[first:-1], strict=True)
        }
        return Outcome(found[first - 1][0] if write else 0, tables)


def writes_to(query: Query, plain: frozenset[str]) -> bool:
    """Whether what it does could not be rolled back."""
    return query.kind != "select" and not plain.isdisjoint((*query.observes, *query.names))


def _tried(users: Sequence[Version], sql: str) -> Step:
    plain = without_rollback(users[0].session) if users else frozenset()
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


def without_rollback(session: Session) -> frozenset[str]:
    """Tables whose engine has no transactions."""
    found = session.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
        "AND TABLE_TYPE = 'BASE TABLE' AND ENGINE <> 'InnoDB'"
    )
    return frozenset(str(row[0]) for row in found)


def _difference(meant: Outcome, found: Outcome) -> str:
    """What is not as it was, in words, or ""; rows that came with the migration are no difference."""
    if meant.columns:
        gone = _without(meant.columns, found.columns)
        if gone:
            return f"its answer has no column {gone} any more"
        found = Outcome(found.matched, _projected(found, meant.columns))
    if meant.matched != found.matched:
        return f"it matched {found.matched} rows, and {meant.matched} before"
    for table, before in meant.tables.items():
        now = found.tables[table]
        lost = before - now
        if lost:
            row = next(iter(lost))
            what = f"a row of {table}" if table else "a row of its answer"
            return f"{what} was read as {shown(row)} before, {_closest(row, now - before)}"
    return ""


def _without(wanted: Sequence[str], there: Sequence[str]) -> str:
    return next(iter(Counter(wanted) - Counter(there)), "")


def _projected(found: Outcome, columns: Sequence[str]) -> Mapping[str, Counter[Read]]:
    """The answer cut to those columns, by name: what the migration added old code does not look at."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(found.columns):
        places.setdefault(name, []).append(place)
    taken = [places[name].pop(0) for name in columns]
    cut: Counter[Read] = Counter()
    for row, count in found.tables[""].items():
        cut[tuple(row[place] for place in taken)] += count
    return {"": cut}


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
