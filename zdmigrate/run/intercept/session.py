"""The session a revision's own upgrade() runs in: queries go to the primary, every other statement is judged first.

It stands where the replay's recording server stands, so that a statement is read, placed in its file and put on the
catalog by the same code. The catalog here is the live schema when upgrade() began, with what it has done since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymysql

from zdmigrate.errors import ZdmigrateError
from zdmigrate.history import syntax as s
from zdmigrate.history.apply import Refused
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.recorder.fabricated import Fabrication
from zdmigrate.history.recorder.settings import set_variable
from zdmigrate.history.recording import RecordedStatement, SessionState
from zdmigrate.history.server import Result, Server, driver_error
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import Statement
from zdmigrate.plan import PlannedChange
from zdmigrate.run.direct import Direct, StoppedError, statement_of
from zdmigrate.run.errors import NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.intercept.accept import Admission, reading_refused, setting_refused
from zdmigrate.run.intercept.driver import ManyRows, Transaction
from zdmigrate.run.intercept.earlier import Earlier, means_the_same_twice
from zdmigrate.run.intercept.guard import Guard
from zdmigrate.run.intercept.judging import Judge
from zdmigrate.run.journal import StatementEntry
from zdmigrate.run.message import Answer, Message, Values, hash_of, masked

#: A query may have so many rows: all of them are held in memory.
MOST_ROWS_READ = 1_000_000
#: One executemany() is one transaction, so it may bring so many rows of values.
MOST_ROWS_SENT = 20_000
_NO_TABLE = 1146


class NotSentError(RefusedError):
    """A statement of upgrade() that may not be sent; nothing of it was."""


class EndedError(BaseException):
    """Ends upgrade(): no `except Exception` of a revision keeps the run from stopping. Why is in `Session.stop`."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a statement when it is done.

    Attributes:
        answer: what the server said of it, in the words of the journal.
        text: without values.
    """

    item: str
    text: str
    answer: str
    is_data: bool
    rows: int = 0


class Session(Server):
    """One run of one upgrade().

    Attributes:
        stop: why upgrade() has to end; None while it may go on.
        taken_back: what to say of a ROLLBACK that came too late, or "".
        refusal: what the server refused last, and the driver's exception that upgrade() got for it.
        transaction: that of the connection whose text is carried out.
    """

    def __init__(
        self,
        direct: Direct,
        judge: Judge,
        admission: Admission,
        earlier: Earlier,
        guard: Guard,
        catalog: Catalog,
        *,
        between: Callable[[], None],
        told: Callable[[Told], None],
    ) -> None:
        super().__init__(judge.plan.target, catalog)
        self.stop: BaseException | None = None
        self.taken_back = ""
        self.refusal: tuple[ServerError, BaseException] | None = None
        self._direct = direct
        self._judge = judge
        self._admission = admission
        self._earlier = earlier
        self._guard = guard
        self._between = between
        self._told = told
        self._looked_at: set[str] = set()
        self._queries: dict[str, str] = {}
        self.transaction = Transaction()
        self._heard_of = direct.clock()

    def open(self, path: str) -> None:
        """The revision's file, for which what it sends is said to come from there."""
        self.begin(path, "", self.catalog, SessionState(), Fabrication())

    def tick(self) -> None:
        """While upgrade() computes: whether it has to end.

        Raises:
            EndedError: it has.
        """
        limit = self._direct.context.policy.statement_limit
        try:
            self._direct.stop_if_asked()
            if self._direct.clock() - self._heard_of > limit:
                raise StoppedError(f"upgrade() has sent nothing for more than {limit:g} s")
        except (StoppedError, KeyboardInterrupt) as error:
            self.stop = error
            raise EndedError from error

    def note_queries(self, revision: str) -> None:
        """Keep what it asked of the app's tables: whoever looks for users of a column has to know these as ours."""
        journal = self._direct.context.journal
        for text, sha256 in self._queries.items():
            item = f"{revision}:query-{sha256[:12]}"
            journal.statement_begun(item, sha256, 0, text)
            journal.statement_done(item, "a query")

    # --- what the driver asks

    @property
    def server_info(self) -> str:
        """The server's version, in its own words."""
        with self._guard.ours():
            return self._direct.connected().server_info

    def run(self, sql: str, parameters: Any) -> Result:
        """Carry out what a cursor was given.

        Raises:
            pymysql.err.MySQLError: the server refused, or would have by what is known of the schema.
            EndedError: upgrade() has to end.
        """
        if self.stop is not None:
            raise EndedError from self.stop
        with self._guard.ours():
            try:
                message, texts = self._message(sql, parameters)
            except ZdmigrateError as error:
                self.stop = error
                raise EndedError from error
            try:
                return self._answer(message, texts)
            except Refused as refused:
                raise driver_error(refused) from None
            except ServerError as error:
                if isinstance(error.__cause__, pymysql.MySQLError):
                    self.refusal = (error, error.__cause__)
                    raise error.__cause__ from error
                self.stop = error  # it refused what we added to the statement, or a lock is not to be had
            except (Exception, KeyboardInterrupt) as error:  # a mistake of ours is not the revision's to catch, either
                self.stop = error
            finally:
                self._heard_of = self._direct.clock()
            raise EndedError from self.stop

    def committed(self, transaction: Transaction) -> None:
        """The revision ended a transaction."""
        transaction.sent = 0
        transaction.savepoints.clear()

    def rolled_back(self, transaction: Transaction, to: str = "") -> None:
        """The revision takes back what it did; that nothing was sent meanwhile is all that makes this possible."""
        kept = transaction.savepoints.get(to, 0) if to else 0
        if transaction.sent > kept:
            self.taken_back = (
                f"upgrade() rolls back {transaction.sent - kept} statement(s) that are committed by now: here every "
                "statement is a transaction of its own. Look at what it did; such a revision is for `alembic upgrade`"
            )
        transaction.sent = kept

    # --- one text

    def _answer(self, message: Message, texts: tuple[str, ...]) -> Result:
        if self.taken_back:
            raise StoppedError(self.taken_back)
        statements = self._parsed(message, texts)
        if not statements:
            return Result()
        first = statements[0].node
        if isinstance(first, s.Select) or _is_do(first):
            return self._read(message, statements)
        if isinstance(first, s.Transaction):
            self._transaction(first, message)
            return Result()
        if isinstance(first, s.SetVariable) and first.scope in ("session", "user"):
            self._set(statements, message)
            return Result()
        if len(statements) > 1 and not message.many:
            raise self._not_sent(message, ["it is several statements in one text; send each by itself"])
        return self._carry_out(statements, message)

    def _message(self, sql: str, parameters: Any) -> tuple[Message, tuple[str, ...]]:
        """What the driver was given, and the texts the server would be sent for it."""
        values: Values = parameters
        many = isinstance(parameters, ManyRows)
        if many and len(parameters) == 1:
            many, values = False, parameters[0]
        plain = Message(sql, "", values, many)
        texts = self._direct.connected().final(plain)
        shown = masked(sql, percent=values is not None, ansi_quotes=self._ansi)
        return replace(plain, sha256=hash_of(*texts), shown=shown), texts

    def _parsed(self, message: Message, texts: tuple[str, ...]) -> list[Statement]:
        rows: Any = message.values if message.many else None
        text = message.sql if message.many else texts[0]
        return parse(text, mariadb=self.flavour.is_mariadb, parameters=rows, ansi_quotes=self._ansi)

    @property
    def _ansi(self) -> bool:
        return "ANSI_QUOTES" in self.session.sql_mode or "ANSI" in self.session.sql_mode

    def _read(self, message: Message, statements: list[Statement]) -> Result:
        self._direct.stop_if_asked()
        refused = reading_refused(statements[0].sql)
        if refused or len(statements) > 1:
            raise self._not_sent(message, [refused or "it is several statements in one text; send each by itself"])
        found = self._direct.read(message)
        if len(found.rows) > MOST_ROWS_READ:
            raise self._not_sent(message, [
                f"it has more than {MOST_ROWS_READ:,} rows, which are all held in memory; read them by ranges of a "
                "key, or move the data with `zdmigrate backfill`"
            ])  # fmt: skip
        node = statements[0].node
        if isinstance(node, s.Select):
            self._looked_at.update(name.lower() for name in node.tables)
            if any("information_schema." not in name.lower() for name in node.tables):
                self._queries[message.shown] = hash_of(message.shown)
        return Result(found.names, found.rows, len(found.rows))

    def _transaction(self, node: s.Transaction, message: Message) -> None:
        words = node.text.upper().replace("`", "").split()
        match words:
            case ["BEGIN" | "COMMIT", *_] | ["START", "TRANSACTION", *_]:
                self.committed(self.transaction)
            case ["SAVEPOINT", name]:
                self.transaction.savepoints[name] = self.transaction.sent
            case ["RELEASE", "SAVEPOINT", name]:
                self.transaction.savepoints.pop(name, None)
            case ["ROLLBACK", "TO", "SAVEPOINT", name] | ["ROLLBACK", "TO", name]:
                self.rolled_back(self.transaction, name)
            case ["ROLLBACK", *_]:
                self.rolled_back(self.transaction)
            case ["SET", *_] | ["UNLOCK", *_]:
                pass  # how a transaction isolates: here each is one statement; no table is locked
            case _:
                raise self._not_sent(message, ["it holds locks or ends others' work, which a resumable run cannot"])

    def _set(self, statements: list[Statement], message: Message) -> None:
        for statement in statements:
            node = statement.node
            if not isinstance(node, s.SetVariable) or node.scope not in ("session", "user"):
                raise self._not_sent(message, ["it sets more than the session; send that by itself"])
            refused = setting_refused(node, statement.sql)
            if refused:
                raise self._not_sent(message, [refused])
            if node.name.lower() == "autocommit":
                continue
            self._direct.set(statement.sql, message.told)
            self.session = set_variable(self.session, node, self.answers, self.catalog)

    # --- a statement that changes something

    def _carry_out(self, statements: list[Statement], message: Message) -> Result:
        self._between()
        rows: Any = message.values if message.many else ()
        if len(rows) > MOST_ROWS_SENT:
            raise self._not_sent(message, [
                f"it brings {len(rows):,} rows in one transaction, more than {MOST_ROWS_SENT:,}; send them in parts, "
                "or move the data with `zdmigrate backfill`"
            ])  # fmt: skip
        entry = self._earlier.take(message.sha256)
        if entry is not None and entry.state == "done":
            self._admission.sent_before(message.sha256)
            return self._again(entry)
        data = _is_data(statements[0].node)
        if not data:
            message = Message(statements[0].sql, message.sha256)
        try:
            recorded = self._recorded(statements)
        except Refused as refused:
            if entry is None or data:
                raise
            # It was possible when it was begun, and is not any more: it happened.
            self._check_happened(statements[0].node, refused, entry)
            self._direct.context.journal.statement_done(entry.item, "found done")
            self._told(Told(entry.item, message.told, "had happened already", False))
            return Result()
        change = self._judged(recorded, entry.item if entry is not None else self._earlier.new_item(), message)
        if not data:
            message = replace(message, sql=statement_of(change))
        if entry is None:
            self._check_second_run(change)
        elif self._direct.settle(change, entry.connection, message):
            return self._done(change, recorded, message, self._direct.journaled(entry.item, "detail"))
        return self._done(change, recorded, message, self._sent(change, message))

    def _check_happened(self, node: s.Node, refused: Refused, entry: StatementEntry) -> None:
        """Whether a refusal can come from the statement itself having happened.

        Raises:
            NeedsPersonError: its table is gone, which it does not do.
        """
        renames = isinstance(node, s.AlterTable) and any(isinstance(item, s.RenameTo) for item in node.actions)
        if isinstance(node, s.AlterTable) and not renames and refused.errno == _NO_TABLE:
            raise NeedsPersonError(
                f"{entry.item} (`{entry.shown[:120]}`) was begun, and now {refused.message}; bring the schema to where "
                "it was before that statement",
                self._direct.command,
            )

    def _recorded(self, statements: list[Statement]) -> list[RecordedStatement]:
        """The statements on the catalog, which stays as it is; of executemany each one.

        Raises:
            Refused: the server would refuse one.
        """
        catalog, sent = self.catalog, self.sent
        self.sent = []
        try:
            for statement in statements:
                self._change(statement, False)
            return self.sent
        finally:
            self.catalog, self.sent = catalog, sent

    def _judged(self, recorded: list[RecordedStatement], item: str, message: Message) -> PlannedChange:
        """The statement, judged; of executemany the first, each judged.

        Raises:
            NotSentError: it may not be sent.
        """
        changes = self._judge.changes(recorded, item)
        in_batches = any(change.strategy.name == "batches" for change in changes)
        examined = self._examined(message) if in_batches else None
        reasons: dict[str, None] = {}
        judged = []
        for change in changes:
            if any(self._admission.objections(change, examined)):
                change = self._judge.with_waivers(change)
                reasons |= dict.fromkeys(self._admission.objections(change, examined))
            judged.append(change)
        if reasons:
            raise self._not_sent(message, list(reasons), recorded[0])
        for change in judged:
            self._admission.sent(change)
        return judged[0]

    def _examined(self, message: Message) -> int | None:
        """How many rows the server says it would look at for an UPDATE or DELETE; None when it does not say."""
        values: Any = message.values
        first, times = (values[0], len(values)) if message.many else (values, 1)
        text = f"EXPLAIN FORMAT=TRADITIONAL {message.sql}"
        try:
            found = self._direct.read(Message(text, "", first, shown=f"EXPLAIN {message.told}"), writes=True)
            place = [name.lower() for name in found.names].index("rows")
        except (ServerError, ValueError):
            return None
        return max((int(row[place] or 0) for row in found.rows), default=0) * times

    def _check_second_run(self, change: PlannedChange) -> None:
        """Upgrade() asks for something now that the run which stopped did not send: whether that can be right.

        Raises:
            NeedsPersonError: nobody can tell.
        """
        node = change.recorded.statement.node
        if not _is_data(node) or means_the_same_twice(node):
            return
        table, verb = _written(node)
        before = self._earlier.done_on(verb, table)
        if not before or (isinstance(node, s.Insert) and table.lower() in self._looked_at):
            return  # a revision that looks at the table it fills knows what is there
        listed = ", ".join(item.item for item in before[:3]) + (", ..." if len(before) > 3 else "")
        raise NeedsPersonError(
            f"before it stopped the run had sent {len(before)} {verb}(s) on {table} that upgrade() does not ask for "
            f"again ({listed}: `{before[0].shown[:120]}`), and now it asks for another one ({self._where(change)}): "
            "rows have changed since, or it makes up values. To send it might do the work twice, so it was not sent. "
            f"Either undo those {len(before)} and give the run up (zdmigrate abort --forget), then run again; or "
            "finish the revision by hand",
            self._direct.command,
        )

    def _sent(self, change: PlannedChange, message: Message) -> str:
        try:
            return self._direct.run(change, message)
        except ServerError:
            self._direct.context.journal.statement_taken_back(change.id)
            raise

    def _done(self, change: PlannedChange, recorded: list[RecordedStatement], message: Message, said: str) -> Result:
        self.catalog = recorded[-1].after
        self.transaction.sent += 1
        data = _is_data(change.recorded.statement.node)
        answer = Answer.read(said) if data else Answer()
        self._told(Told(change.id, message.told, said, data, answer.rows))
        return Result(rowcount=answer.rows, lastrowid=answer.id)

    def _again(self, entry: StatementEntry) -> Result:
        """What was done by the run that stopped: the same answer, and nothing is sent."""
        answer = Answer.read(entry.detail)
        if answer.id:
            self._direct.connected().run(f"DO LAST_INSERT_ID({answer.id})")
        return Result(rowcount=answer.rows, lastrowid=answer.id)

    # --- words

    def _not_sent(
        self, message: Message, reasons: list[str], recorded: RecordedStatement | None = None
    ) -> NotSentError:
        origin = self.locate()
        line = recorded.line if recorded is not None else origin.line
        text = " ".join(message.told.split())
        where = f"{Path((recorded or origin).path).name}:{line}"
        return NotSentError([f"`{text[:160]}` ({where}) was not sent: {reason}" for reason in reasons])

    def _where(self, change: PlannedChange) -> str:
        return f"{Path(change.recorded.path).name}:{change.recorded.line}"


def _is_data(node: s.Node) -> bool:
    return isinstance(node, s.Insert | s.Update | s.Delete)


def _is_do(node: s.Node) -> bool:
    return isinstance(node, s.Transaction) and node.text.upper().startswith("DO ")


def _written(node: s.Node) -> tuple[str, str]:
    """The table a statement of DML writes, and its verb."""
    match node:
        case s.Insert(table=table, verb=verb):
            return table, verb
        case s.Update(tables=(table, *_)):
            return table, "UPDATE"
        case _:
            return "", ""
