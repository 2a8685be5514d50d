"""Who waits while a change runs: each statement of the migration over many rows, with a writer and a reader beside it.

The schema is built once more, the tables the migration changes are filled (`rows`), and every statement runs as the
migration sends it while old code goes on in two connections (`clients`). Which algorithm the server uses is asked
beforehand (`oracle`), on empty copies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from zdmigrate.errors import UsageError
from zdmigrate.history import syntax as s
from zdmigrate.history.catalog import Catalog
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.proof.clients import Client, Statement, Waits, reader, waits, writer
from zdmigrate.proof.oracle import Oracle, UnaskedError
from zdmigrate.proof.prove import Proof, change_of, releases
from zdmigrate.proof.rows import Recipe, UnfillableError, fill, recipes
from zdmigrate.proof.runner import reaches_outside
from zdmigrate.proof.schema import create_statements
from zdmigrate.proof.scratch import Scratch, Session, SqlError, scratch
from zdmigrate.report.wording import plural
from zdmigrate.verdict.cost.model import Basis
from zdmigrate.verdict.evidence import mapped_table
from zdsession.manifest import Manifest

Progress = Callable[[int, int], None]

#: Seconds one statement may take, of the migration or of old code, before the run is given up.
STATEMENT_LIMIT: Final = 300
#: Seconds a client waits beyond that for the server's own error.
MARGIN: Final = 10
#: Seconds after which no further statement of the migration is begun.
TOTAL_LIMIT: Final = 1800.0
#: How a time-out ends a statement; the connection is of no more use.
_TIMED_OUT: Final = frozenset({0, 2006, 2013})


@dataclass(frozen=True, slots=True)
class Blocked:
    """What old code met while one statement ran.

    Attributes:
        rows: how many the table held.
        seconds: how long the statement took.
        algorithm, lock: what the server uses, and whether it was asked (`basis` "server"); lock is None where it takes
            no LOCK to ask by.
        writer, reader: None when old code has no such statement for the table.
        reason: why nothing was measured, or what limits it; "" otherwise.
    """

    table: str
    rows: int = 0
    seconds: float | None = None
    algorithm: str = ""
    lock: str | None = None
    basis: Basis = "table"
    writer: Waits | None = None
    reader: Waits | None = None
    reason: str = ""

    def document(self) -> dict[str, Any]:
        """The JSON of it: times in milliseconds but for `seconds`."""
        return {
            "table": self.table,
            "rows": self.rows,
            "seconds": self.seconds,
            "algorithm": self.algorithm or None,
            "lock": self.lock,
            "basis": self.basis,
            "writer_ms": self.writer.longest_ms if self.writer else None,
            "reader_ms": self.reader.longest_ms if self.reader else None,
            "writer_usual_ms": self.writer.usual_ms if self.writer else None,
            "reader_usual_ms": self.reader.usual_ms if self.reader else None,
            "writer_statements": self.writer.done if self.writer else 0,
            "reader_statements": self.reader.done if self.reader else 0,
            "reason": self.reason or None,
        }

    def text(self) -> str:
        """One line for a person."""
        if self.seconds is None:
            return f"old code beside it: not measured ({self.reason})"
        told = "; ".join(
            f"{name} waited at most {found.longest_ms:,.0f} ms, {plural(found.done, 'statement')} done meanwhile"
            for name, found in (("writer", self.writer), ("reader", self.reader))
            if found is not None and found.longest_ms is not None
        )
        asked = " (asked of the server)" if self.basis == "server" else ""
        limits = f" ({self.reason})" if self.reason else ""
        return (
            f"over {self.rows:,} rows: {self.algorithm}{asked}, {self.seconds:.2f} s; {told or 'nobody there'}{limits}"
        )


def measure(proof: Proof, url: str, rows: int, *, progress: Progress | None = None) -> Proof:
    """The proof with what a writer and a reader met while each of its changes ran over tables of `rows` rows.

    Args:
        progress: hears of rows made, out of all.

    Raises:
        UsageError: when the server cannot be used or the schema cannot be built.
    """
    wanted = {item.planned.revision for item in proof.revisions}
    found: dict[str, Blocked] = {}
    deadline = time.monotonic() + TOTAL_LIMIT
    with scratch(url) as made, scratch(url) as beside:
        oracle = Oracle(beside)
        for number, group in enumerate(releases(proof.plan, wanted)):
            if number:
                made.empty()
            found.update(_Run(proof.plan, made, oracle, rows, deadline, progress).group(group))
    return replace(
        proof,
        revisions=tuple(
            replace(item, changes=tuple(replace(one, blocked=found.get(one.planned.id)) for one in item.changes))
            for item in proof.revisions
        ),
    )


@dataclass
class _Run:
    """The changes of one group, one after the other, over the same filled tables."""

    plan: Plan
    made: Scratch
    oracle: Oracle
    rows: int
    deadline: float
    progress: Progress | None
    unfilled: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    sent: int = 0

    def group(self, group: Sequence[PlannedRevision]) -> Iterator[tuple[str, Blocked]]:
        """By change, what old code met."""
        base = group[0].recorded.before
        changes = [item for revision in group for item in revision.changes]
        tables = list(dict.fromkeys(name for item in changes if (name := _table(item, base)) is not None))
        migration = self._connect()
        filled = self._build(migration, base, tables)
        stopped = ""
        for change in changes:
            name = _table(change, base)
            if stopped or time.monotonic() > self.deadline:
                stopped = stopped or f"the {TOTAL_LIMIT:g} s for all of it were over"
                if name is not None:
                    yield change.id, Blocked(name, reason=stopped)
                continue
            blocked, error = self._one(migration, base, change, filled)
            if error and change.recorded.refusal is None:
                stopped = f"an earlier statement was not carried out: {error}"
            if name is not None:
                yield change.id, blocked

    def _connect(self) -> Session:
        session = self.made.connect(seconds=STATEMENT_LIMIT + MARGIN)
        session.run(
            f"SET SESSION lock_wait_timeout = {STATEMENT_LIMIT}, innodb_lock_wait_timeout = {STATEMENT_LIMIT}, "
            "time_zone = '+00:00'"
        )
        return session

    def _build(self, migration: Session, base: Catalog, tables: Sequence[str]) -> dict[str, Recipe]:
        """The schema with rows in it; triggers come after the rows, which are not the app's."""
        statements = create_statements(base)
        triggers = [sql for sql in statements if sql.startswith("CREATE TRIGGER ")]
        filled: dict[str, Recipe] = {}
        try:
            for sql in statements:
                if sql not in triggers:
                    migration.run(sql)
            for recipe in self._filled(recipes(base, tables, self.rows), migration):
                filled[recipe.table] = recipe
            for sql in ("SET SESSION foreign_key_checks = 1", *triggers):
                migration.run(sql)
        except SqlError as error:
            raise UsageError(f"the schema cannot be built on the server for --rows: {error}") from error
        return filled

    def _filled(self, wanted: Sequence[Recipe], session: Session) -> Iterator[Recipe]:
        """Fill the tables, and yield those that took their rows; why the others did not goes into `unfilled`."""
        total, done = sum(item.rows for item in wanted), 0

        def step(added: int) -> None:
            nonlocal done
            done += added
            if self.progress is not None:
                self.progress(done, total)
            if time.monotonic() > self.deadline:
                raise UnfillableError(f"the {TOTAL_LIMIT:g} s for all of it were over while rows were made")

        for recipe in wanted:
            before = done
            try:
                fill(session, recipe, step)
            except UnfillableError as error:
                self.unfilled[recipe.table] = str(error)
                done = before + recipe.rows
                continue
            yield recipe

    def _one(
        self, migration: Session, base: Catalog, change: PlannedChange, filled: Mapping[str, Recipe]
    ) -> tuple[Blocked, str]:
        """One change carried out, with old code beside it where its table could be filled; and why it was not."""
        name = _table(change, base)
        blocked = Blocked(name or "")
        outside = reaches_outside(change_of(change))
        if outside:
            return replace(blocked, reason=outside), outside
        clients: dict[str, Client] = {}
        if name is not None and name in filled:
            blocked = self._with_algorithm(replace(blocked, rows=filled[name].rows), change)
            clients = self._clients(base, filled[name], change)
        start, end, error = self._carried_out(migration, change.recorded.statement.sql, clients)
        if error:
            return replace(blocked, reason=error), error
        if name is None or name not in filled:
            return replace(blocked, reason=self.unfilled.get(name or "", "its table holds no rows")), ""
        met = {role: waits(client.samples, start, end) for role, client in clients.items()}
        return replace(
            blocked,
            seconds=round(end - start, 3),
            writer=met.get("writer"),
            reader=met.get("reader"),
            reason=_limits(filled[name], self.rows, met),
        ), ""

    def _carried_out(self, migration: Session, sql: str, clients: Mapping[str, Client]) -> tuple[float, float, str]:
        """Run one statement with those clients beside it: when it began and ended, and why the server refused it."""
        error = ""
        try:
            for client in clients.values():
                client.start()
            for client in clients.values():
                client.warm()
            start = time.perf_counter()
            try:
                migration.run(sql)
                migration.run("COMMIT")
            except SqlError as refused:
                error = _refusal(refused)
            end = time.perf_counter()
            for client in clients.values() if not error else ():
                client.catch_up(end, STATEMENT_LIMIT)
        finally:
            for client in clients.values():
                client.stop()
        if error:
            # What still runs on the server may keep them waiting; they end when the database is dropped.
            self.sessions.clear()
            return start, end, error
        for role, client in clients.items():
            client.join(STATEMENT_LIMIT)
            self.sent = max(self.sent, client.first + len(client.samples) + 1)
            if client.lost:
                del self.sessions[role]
        return start, end, ""

    def _with_algorithm(self, blocked: Blocked, change: PlannedChange) -> Blocked:
        try:
            answer = self.oracle.ask(change.recorded)
        except UnaskedError:
            answer = None
        if answer is None or answer.refusal is not None:
            cost = change.cost
            return replace(blocked, algorithm=cost.algorithm, lock=cost.lock, basis=cost.basis)
        return replace(blocked, algorithm=answer.algorithm, lock=answer.lock, basis="server")

    def _clients(self, base: Catalog, recipe: Recipe, change: PlannedChange) -> dict[str, Client]:
        table = base.tables[recipe.table]
        columns = _mapped(self.plan.manifests, recipe.table, [item.name for item in table.columns])
        statements: dict[str, Statement | None] = {
            "writer": writer(table, recipe, columns),
            "reader": reader(table, recipe, columns),
        }
        found = {}
        for role, statement in statements.items():
            if statement is not None:
                if role not in self.sessions:
                    self.sessions[role] = self._connect()
                found[role] = Client(self.sessions[role], statement, self.sent)
        return found


def _table(change: PlannedChange, base: Catalog) -> str | None:
    """The table of old code that the change is about, or None."""
    node = change.recorded.statement.node
    name = node.name if isinstance(node, s.AlterTable) else change.subject.table
    table = base.tables.get(name or "")
    return name if table is not None and table.complete and "." not in (name or "") else None


def _mapped(manifests: Iterable[Manifest], table: str, columns: Sequence[str]) -> list[str]:
    """The columns that the first manifest with that table maps, or all of them."""
    for manifest in manifests:
        mapped = mapped_table(manifest, table)
        if mapped is not None:
            return [name for name in columns if name.lower() in mapped]
    return list(columns)


def _refusal(error: SqlError) -> str:
    if error.errno in _TIMED_OUT:
        return f"no answer within {STATEMENT_LIMIT} s"
    return f"the server refused it: {error}"


def _limits(recipe: Recipe, rows: int, met: Mapping[str, Waits]) -> str:
    found = list(recipe.gaps)
    if recipe.rows < rows:
        found.append(f"its unique keys have no room for more than {recipe.rows:,} of the rows we make")
    if "writer" not in met:
        found.append("no writer: the table has no column to write by a key")
    errors = [f"the {role} met error {item.errno}" for role, item in met.items() if item.errno]
    return "; ".join([*found, *errors])
