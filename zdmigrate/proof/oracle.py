"""What a statement costs, asked of the server itself: the same table, empty, in a database of our own.

`ALGORITHM=` is tried from the cheapest up, each with `LOCK=NONE`, then `LOCK=SHARED`, then without a LOCK; the first
the server accepts is its answer. A refused ALTER leaves the table as it was, so that one table serves for all tries.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.loading.live import flavour_of
from zdmigrate.history.recorder.showing import quoted
from zdmigrate.history.recording import DEFAULT_SQL_MODE, RecordedStatement, Refusal
from zdmigrate.plan import Plan, PlannedChange, with_costs
from zdmigrate.proof.schema import create_statements
from zdmigrate.proof.scratch import Scratch, SqlError, scratch
from zdmigrate.report.wording import plural
from zdmigrate.verdict.cost import with_clause
from zdmigrate.verdict.cost.answer import Answer, difference, with_answer
from zdmigrate.verdict.cost.clause import takes_clause
from zdmigrate.verdict.cost.model import Algorithm, Cost, Lock

Progress = Callable[[int, int], None]

#: Seconds all questions together may take; what is left then keeps the cost of the table.
SECONDS: Final = 300.0

#: Errors that tell of rights, locks, room or the connection, and nothing about the statement.
NOT_ABOUT_IT: Final = frozenset(
    {1021, 1026, 1030, 1041, 1044, 1045, 1114, 1135, 1142, 1143, 1205, 1213, 1227, 1317, 1370, 1969, 3024}
)
#: How a time-out ends a statement; the connection is of no more use.
_TIMED_OUT: Final = frozenset({0, 2006, 2013})
#: Session variables by which the app asks for an algorithm itself: the estimate knows them, a clause overrides them.
_ASKING: Final = frozenset({"old_alter_table", "alter_algorithm"})
#: What leads out of the scratch database: to a file, a tablespace, another server.
_FILES: Final = re.compile(r"\b(?:data|index)\s+directory\b|\btablespace\b", re.IGNORECASE)
_OPTIONS: Final = frozenset({"connection", "union"})
#: Session variables that change what an ALTER costs, or whether it is accepted.
_TELLING: Final = ("system_versioning_alter_history", "explicit_defaults_for_timestamp", "innodb_strict_mode")


class UnaskedError(Exception):
    """Why the server could not be asked, as a clause: `its table's definition was never seen`."""


class Oracle:
    """One scratch database, asked about one statement after another."""

    def __init__(self, made: Scratch) -> None:
        self._session = made.connect()
        self._database = made.name
        self._changed: set[str] = set()
        self.flavour = flavour_of(made.version())

    def ask(self, recorded: RecordedStatement) -> Answer:
        """What the server does for a recorded ALTER TABLE, CREATE INDEX or DROP INDEX.

        Raises:
            UnaskedError: when it cannot be asked about this one.
            UsageError: when the server died or did not answer in time.
        """
        node = recorded.statement.node
        if not isinstance(node, s.AlterTable):
            raise UnaskedError("it is no ALTER TABLE")
        obstacle = _obstacle(node, recorded, self.flavour)
        if obstacle:
            raise UnaskedError(obstacle)
        self._attempt("its table cannot be built there", self._build, recorded)
        self._attempt("its session cannot be made there", self._set_session, recorded)
        return self.first_accepted(node, recorded)

    def _attempt(self, what: str, step: Callable[[RecordedStatement], None], recorded: RecordedStatement) -> None:
        try:
            step(recorded)
        except SqlError as error:
            _must_have_answered(error)
            raise UnaskedError(f"{what}: {error}") from error

    def _build(self, recorded: RecordedStatement) -> None:
        """Nothing but the tables the statement is about."""
        run = self._session.run
        run("SET SESSION foreign_key_checks = 0, sql_mode = ''")
        for (name,) in self._session.rows("SHOW TABLES"):
            run(f"DROP TABLE {quoted(str(name))}")
        for sql in create_statements(_around(recorded)):
            run(sql)

    def _set_session(self, recorded: RecordedStatement) -> None:
        """The session the statement runs in."""
        session = recorded.session
        # A session that never set it has the server's own, which is not the same everywhere.
        modes = "DEFAULT" if session.sql_mode == DEFAULT_SQL_MODE else f"'{','.join(sorted(session.sql_mode))}'"
        known = {name: value for name, value in session.variables if name in _TELLING and value.isalnum()}
        dropped, self._changed = self._changed - known.keys(), set(known)
        values = dict.fromkeys(dropped, "DEFAULT") | known
        values |= {"foreign_key_checks": str(int(session.foreign_key_checks)), "sql_mode": modes}
        self._session.run(f"SET SESSION {', '.join(f'{name} = {value}' for name, value in values.items())}")

    def first_accepted(self, node: s.AlterTable, recorded: RecordedStatement) -> Answer:
        """What the server does for the statement over the tables that are there now."""
        before = self._identities()
        last: SqlError | None = None
        for algorithm, lock in _tries(self.flavour):
            promise = f"ALGORITHM={algorithm}" + (f", LOCK={lock}" if lock is not None else "")
            try:
                self._session.run(_promising(node, recorded.statement.sql, promise))
            except SqlError as error:
                _must_have_answered(error)
                last = error
                continue
            rebuild = _rebuilt(before, self._identities(), recorded, node)
            if rebuild and algorithm in ("INSTANT", "NOCOPY"):
                # Before 11.2 MariaDB takes any ALGORITHM for some actions, and copies all the same.
                algorithm = "COPY"
            weakest = None if algorithm == "INSTANT" and not self.flavour.is_mariadb else lock or "EXCLUSIVE"
            return Answer(algorithm, weakest, rebuild)
        return self._refused(recorded, last)

    def _refused(self, recorded: RecordedStatement, last: SqlError | None) -> Answer:
        """It takes none: because it refuses the statement as it is, or because it takes no such clause there."""
        try:
            self._session.run(recorded.statement.sql)
        except SqlError as error:
            _must_have_answered(error)
            if error.errno in NOT_ABOUT_IT:
                raise UnaskedError(f"the server cannot tell: {error}") from error
            return Answer("NONE", refusal=Refusal(error.errno, error.message))
        raise UnaskedError(f"the server accepts it, but with no ALGORITHM: {last}")

    def _identities(self) -> dict[str, int] | None:
        """InnoDB's numbers of the tables here, which a rebuild changes; None when we may not look."""
        view = "innodb_sys_tables" if self.flavour.is_mariadb else "innodb_tables"
        try:
            rows = self._session.rows(
                f"SELECT name, table_id FROM information_schema.{view} WHERE name LIKE '{self._database}/%'"
            )
        except SqlError as error:
            _must_have_answered(error)
            return None
        return {str(name): int(number) for name, number in rows if "/fts_" not in str(name).lower()}


def ask_plan(plan: Plan, url: str, *, progress: Progress | None = None, seconds: float = SECONDS) -> Plan:
    """The plan with the costs of the server at `url`, asked in a scratch database there, and strategies to match.

    What the server cannot be asked keeps its cost. Notes say how many were asked, where table and server differ, and
    what rows could change.

    Args:
        seconds: all questions together take no longer; what is left keeps its cost.

    Raises:
        UsageError: when the server cannot be used, or is another one than the plan judges for.
    """
    found: dict[str, Cost] = {}
    unasked: dict[str, str] = {}
    changes = [item for revision in plan.revisions for item in revision.changes if _worth_asking(item)]
    with scratch(url) as made:
        oracle = Oracle(made)
        must_match(plan.target, oracle.flavour)
        deadline = time.monotonic() + seconds
        for number, change in enumerate(changes):
            if progress is not None:
                progress(number, len(changes))
            if time.monotonic() > deadline:
                unasked[change.id] = f"the {seconds:g} s for asking were over"
                continue
            node = change.recorded.statement.node
            assert isinstance(node, s.AlterTable)
            try:
                answer = oracle.ask(change.recorded)
            except UnaskedError as error:
                unasked[change.id] = str(error)
                continue
            found[change.id] = with_answer(change.cost, answer, node, change.recorded, oracle.flavour)
    notes = tuple(_notes(changes, found, unasked, oracle.flavour))
    return replace(with_costs(plan, found), warnings=(*plan.warnings, *notes))


def server_flavour(url: str) -> Flavour:
    """The flavour of the server at `url`.

    Raises:
        UsageError: when it cannot be used.
    """
    with scratch(url) as made:
        return flavour_of(made.version())


def must_match(target: Flavour, server: Flavour) -> None:
    """Only the server a plan is for can say what things cost there.

    Raises:
        UsageError: for another vendor or another version, as far as the target names one.
    """
    named = target.version[:2]
    if server.vendor != target.vendor or server.version[: len(named)] != named:
        raise UsageError(
            f"the server to ask is {server}, and the plan judges for {target}: ask one of that version, or plan for "
            f"this one with --target {server.vendor}:{'.'.join(map(str, server.version[:2]))}"
        )


def _must_have_answered(error: SqlError) -> None:
    if error.errno in _TIMED_OUT:
        raise UsageError(f"the server did not answer when it was asked what a statement costs: {error}") from error


def _worth_asking(change: PlannedChange) -> bool:
    """An ALTER of a table that was there before the release; on a new one everything is free."""
    return isinstance(change.recorded.statement.node, s.AlterTable) and not change.cost.new_table


def _obstacle(node: s.AlterTable, recorded: RecordedStatement, server: Flavour) -> str:
    """Why a statement cannot be put to a server, or ""."""
    table = recorded.before.table(node.name)
    if recorded.inert or recorded.statement.redacted:
        return "its text is not what will run"
    if node.name in recorded.before.temporary:
        return "its table is temporary"
    if any("." in name for name in (node.name, *recorded.touched, *map(_leads_to, node.actions))):
        return "it is about another schema"
    if any("." in item.ref_table for near in _around(recorded).tables.values() for item in near.foreign_keys):
        return "a foreign key leads to another schema"
    if _FILES.search(recorded.statement.sql) or any(map(_leads_out, node.actions)):
        return "it has an action that may reach outside a scratch database"
    if not all(re.fullmatch(r"\w+", mode) for mode in recorded.session.sql_mode):
        return "its session's sql_mode is not known"
    if table is None:
        return "its table is not there"
    if not table.complete:
        return "its table's definition was never seen"
    if node.algorithm is not None or node.lock is not None:
        return "it asks for an ALGORITHM or a LOCK itself"
    if _ASKING & dict(recorded.session.variables).keys():
        return "its session asks for an algorithm itself"
    if not takes_clause(node, server) and node.form != "DROP INDEX":
        return "the server's grammar has no place for ALGORITHM there"
    return ""


def _leads_to(action: s.AlterAction) -> str:
    """The other table an action names, or ""."""
    match action:
        case s.RenameTo(name=name):
            return name
        case s.AddForeignKey(foreign_key=item):
            return item.ref_table
        case s.AlterPartitions(with_table=str(name)):
            return name
        case _:
            return ""


def _leads_out(action: s.AlterAction) -> bool:
    match action:
        case s.SetOptions(options=options):
            return any(name.lower() in _OPTIONS for name, _ in options)
        case s.OtherAction(text=text):
            return re.match(r"(?i)\s*(disable|enable)\s+keys\b", text) is None
        case _:
            return False


def _around(recorded: RecordedStatement) -> Catalog:
    """The tables the statement names, and those their foreign keys connect them with, as they are before it."""
    before, node = recorded.before, recorded.statement.node
    assert isinstance(node, s.AlterTable)
    wanted = {name for name in (node.name, *recorded.touched) if name in before.tables}
    parents = {action.foreign_key.ref_table for action in node.actions if isinstance(action, s.AddForeignKey)}
    wanted |= parents & before.tables.keys()
    wanted |= {child for child, _ in before.references_to(node.name)}
    waiting = list(wanted)
    while waiting:
        for item in before.tables[waiting.pop()].foreign_keys:
            if item.ref_table in before.tables and item.ref_table not in wanted:
                wanted.add(item.ref_table)
                waiting.append(item.ref_table)
    tables = {name: table for name, table in before.tables.items() if name in wanted}
    return replace(before, tables=tables, views={}, triggers={}, routines={})


def _tries(server: Flavour) -> Iterator[tuple[Algorithm, Lock | None]]:
    """Algorithms from the cheapest up, locks from the weakest; None is whatever lock that algorithm needs."""
    locks: tuple[Lock | None, ...] = ("NONE", "SHARED", None)
    if not server.is_mariadb:
        yield "INSTANT", None  # MySQL takes no LOCK beside it
    ladder: tuple[Algorithm, ...] = ("INSTANT", "NOCOPY", "INPLACE", "COPY")
    for algorithm in ladder if server.is_mariadb else ladder[2:]:
        for lock in locks:
            yield algorithm, lock


def _promising(node: s.AlterTable, sql: str, promise: str) -> str:
    """The statement with that clause."""
    if node.form != "DROP INDEX":
        return with_clause(sql, node, promise)
    # MariaDB's DROP INDEX takes no clause; the ALTER TABLE it stands for does.
    names = (quoted(action.name) for action in node.actions if isinstance(action, s.DropKey))
    return f"ALTER TABLE {quoted(node.name)} {', '.join(f'DROP INDEX {name}' for name in names)}, {promise}"


def _rebuilt(
    before: dict[str, int] | None, after: dict[str, int] | None, recorded: RecordedStatement, node: s.AlterTable
) -> bool | None:
    """Whether the table was built anew; None when that cannot be seen."""
    if before is None or after is None:
        return None
    if any(isinstance(action, s.AlterPartitions) for action in node.actions) and not _removes_partitioning(recorded):
        return None  # partitions come and go by themselves
    if not before:
        return True if after else None
    return not set(before.values()) <= set(after.values())


def _removes_partitioning(recorded: RecordedStatement) -> bool:
    node = recorded.statement.node
    now = recorded.after.table(node.name) if isinstance(node, s.AlterTable) else None
    return now is not None and now.partitioning is None


def _notes(
    changes: list[PlannedChange], found: dict[str, Cost], unasked: dict[str, str], server: Flavour
) -> Iterator[str]:
    if not changes:
        yield f"{server} was asked for no cost: no table of old code is altered"
        return
    asked = plural(len(found), "cost")
    yield f"{asked} asked of {server}, on empty copies of the tables, which are dropped again"
    for change in changes:
        if change.id in unasked:
            yield f"{change.id} keeps the cost of the table: {unasked[change.id]}"
        elif different := difference(change.cost, found[change.id]):
            yield f"{change.id}: {different}"
    rows: dict[str, list[str]] = {}
    for change in changes:
        for reason in found[change.id].depends_on if change.id in found else ():
            rows.setdefault(reason, []).append(change.id)
    if rows:
        told = "; ".join(f"{what} ({', '.join(ids)})" for what, ids in rows.items())
        yield f"an empty table cannot tell: {told}"
