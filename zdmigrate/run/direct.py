"""Run statements on the primary: bounded, never queueing others behind us, and never in doubt about what happened.

A statement of DDL is its own transaction, so what happened is read off the schema. A statement of DML is one
transaction with its journal row: both are there or neither is.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Literal, TypeVar

from zdmigrate.errors import ZdmigrateError
from zdmigrate.history import syntax as s
from zdmigrate.plan import PlannedChange
from zdmigrate.run.blockers import blockers_of
from zdmigrate.run.context import RunContext
from zdmigrate.run.errors import LostError, NeedsPersonError, ServerError
from zdmigrate.run.kept import digest
from zdmigrate.run.message import Answer, Message
from zdmigrate.run.schema_check import Happened, live_catalog, look
from zdmigrate.run.steps import Timing
from zdmigrate.run.topology import Node
from zdmigrate.run.work import Rows, WorkConnection
from zdmigrate.verdict.cost.clause import with_clause

T = TypeVar("T")

#: Seconds to wait for an answer to a statement; longer than any limit of a policy.
_ANSWER_SECONDS = 7 * 86400.0
#: How often a running statement is looked at.
_LOOK_SECONDS = 1.0
#: Seconds for a server that went away to come back, and for a killed statement to end.
BACK_SECONDS = 60.0

#: Where a value may stand instead.
_VALUE = re.compile(r"%s|%\(|\?")

_LOCK_WAIT, _DEADLOCK, _INTERRUPTED = 1205, 1213, 1317
#: ALGORITHM or LOCK refused: not supported, not so, wrong together, too many INSTANT changes.
_NOT_AS_PLANNED = frozenset({1221, 1800, 1845, 1846, 4092})


class StoppedError(ZdmigrateError):
    """Somebody asked the run to stop, and it did so between two statements."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class _Running:
    """What runs on the server, for people; `reads` when ending it does no harm."""

    name: str
    text: str
    reads: bool = False


@dataclass(slots=True)
class Direct:
    """Statements sent to one node, one after another, over one connection.

    Attributes:
        command: how to go on, for a person.
        at: told where it is (`begun:ID`, `sent:ID`, `done:ID`), before and after a statement is sent.
        stop_if_asked: raises KeyboardInterrupt when a signal came.
    """

    context: RunContext
    node: Node
    command: str = "zdmigrate apply"
    at: Callable[[str], None] = lambda point: None
    stop_if_asked: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic
    _work: WorkConnection | None = None
    _settings: list[Message] = field(default_factory=list)

    def run(self, change: PlannedChange, message: Message | None = None) -> str:
        """Carry out one change; a word or two about how it went. `message` is what to send, if not what was planned.

        Raises:
            ServerError: the server refused, and nothing of the statement happened.
            StoppedError: it was stopped, and nothing of the statement happened.
            NeedsPersonError: it goes on without us, or nobody can tell what happened.
        """
        node = change.recorded.statement.node
        if is_setting(change):
            self.recall(change)
            return "session"
        message = message or _planned(change)
        self.context.journal.statement_begun(change.id, message.sha256, self.connected().id, message.told)
        self.at(f"begun:{change.id}")
        detail = (
            self._transaction(change, message)
            if isinstance(node, s.Insert | s.Update | s.Delete)
            else self._ddl(change, message)
        )
        self.at(f"done:{change.id}")
        return detail

    def read(self, message: Message, *, writes: bool = False) -> Rows:
        """What a query answers, in the session of the statements. It is bounded like them, and ended when that is over.

        Args:
            writes: it is about a statement that writes, so the server would refuse it where nothing may.

        Raises:
            ServerError: the server refused.
            StoppedError: it was ended.
        """
        tries = 3
        while True:
            work, tries = self.connected(), tries - 1
            try:
                call = partial(work.read, message, writes=writes)
                return self._looked_after(work, call, _Running("a query", message.told, True))
            except LostError:
                self._drop()
                if not tries:
                    raise

    def move(self, node: Node) -> None:
        """From now on statements go to another node: the primary has moved."""
        if node.name != self.node.name:
            self._drop()
        self.node = node

    def recall(self, change: PlannedChange) -> None:
        """Set a session variable, and again whenever the connection is made anew."""
        self.set(statement_of(change))

    def set(self, sql: str, shown: str = "") -> None:
        """Carry out a SET of the session, and again whenever the connection is made anew; `shown` is what is told."""
        message = Message(sql, "", shown=shown)
        if message in self._settings:
            self._settings.remove(message)
        self._settings.append(message)
        if self._work is not None:
            self._work.deliver(message)

    def unset(self, sql: str, begins: str) -> None:
        """Carry out what ends a setting, and forget those whose text begins so."""
        self._settings = [item for item in self._settings if not item.sql.startswith(begins)]
        with suppress(ServerError, LostError):  # it ends with the session at the latest
            if self._work is not None:
                self._work.run(sql)

    def settle(self, change: PlannedChange, connection: int, message: Message | None = None) -> bool:
        """Whether a statement happened that was begun over `connection` and not seen to end; waits while it runs."""
        message = message or _planned(change)
        self.until_ended(message.sql, connection)
        node = change.recorded.statement.node
        if isinstance(node, s.Insert | s.Update | s.Delete):
            done = self._journaled(change)
            if not done:
                self._must_be_transactional(change)
            return done
        done = self._looked(change)
        if done:
            self.context.journal.statement_done(change.id, "found done")
        return done

    # --- DDL

    def _ddl(self, change: PlannedChange, message: Message) -> str:
        end = self.clock() + self.context.policy.lock_patience
        pause, tries = 0.1, 0
        while True:
            tries += 1
            work = self.connected()
            number = work.id
            try:
                work.run(f"SET SESSION lock_wait_timeout = {self.context.policy.lock_wait}")
                self._send(change, message)
                self.at(f"sent:{change.id}")
                break
            except LostError:
                self._drop()
                if self.settle(change, number, message):
                    return "found done"
            except ServerError as error:
                if error.errno in _NOT_AS_PLANNED and change.cost.algorithm_clause:
                    raise ServerError(
                        error.node,
                        error.errno,
                        f"{error.message} [planned was {change.cost.algorithm_clause}; nothing happened. See what the "
                        "server would do with `zdmigrate plan --server`]",
                        message.told,
                    ) from error
                if error.errno not in (_LOCK_WAIT, _DEADLOCK):
                    raise
                self._blocked(change, error, end)
                self._sleep(pause)
                pause = min(pause * 2, 5.0)
        detail = f"after {tries} tries" if tries > 1 else ""
        self.context.journal.statement_done(change.id, detail)
        return detail

    def _looked(self, change: PlannedChange) -> bool:
        """What the schema says of a statement that may have happened."""
        seen = look(change.recorded.delta, live_catalog(self.connected()))
        match seen.happened:
            case Happened.YES:
                return True
            case Happened.NO:
                return False
            case Happened.NO_TRACE if not isinstance(
                change.recorded.statement.node, s.CallRoutine | s.TruncateTable | s.Opaque | s.LoadData
            ):
                return False  # doing it once more changes nothing
        said = "; ".join(seen.seen) or "the schema does not show it"
        raise NeedsPersonError(
            f"whether {change.id} (`{_short(change.recorded.statement.sql)}`) happened cannot be told: {said}. Look, "
            "then bring the schema to where it was before that statement",
            self.command,
        )

    # --- DML

    def _transaction(self, change: PlannedChange, message: Message) -> str:
        end = self.clock() + self.context.policy.lock_patience
        pause = 0.1
        while True:
            work = self.connected()
            number = work.id
            try:
                work.run(f"SET SESSION innodb_lock_wait_timeout = {max(self.context.policy.lock_wait, 5)}")
                work.run("START TRANSACTION")
                answer = str(self._send(change, message))
                self.at(f"sent:{change.id}")
                self.context.journal.statement_done(change.id, answer, over=work)
                work.run("COMMIT")
                return answer
            except LostError:
                self._drop()
                if self.settle(change, number, message):
                    return self.journaled(change.id, "detail")
            except ServerError as error:
                with suppress(ZdmigrateError):
                    work.run("ROLLBACK")
                if error.errno not in (_LOCK_WAIT, _DEADLOCK):
                    raise
                self._blocked(change, error, end)
                self._sleep(pause)
                pause = min(pause * 2, 5.0)
            except BaseException:
                self._drop()  # the server rolls back what is open
                raise

    def _journaled(self, change: PlannedChange) -> bool:
        """Whether the transaction of a statement was committed: its journal row says so."""
        return self.journaled(change.id, "state") == "done"

    def journaled(self, item: str, column: Literal["state", "detail"]) -> str:
        """What the journal says of a statement, as the session of the statements sees it."""
        value = self.connected().value(
            f"SELECT {column} FROM zdmigrate.statement WHERE run = %s AND item = %s", (self.context.journal.id, item)
        )
        return "" if value is None else str(value)

    def _must_be_transactional(self, change: PlannedChange) -> None:
        before = change.recorded.before
        for name in change.recorded.touched:
            table = before.table(name)
            if table is not None and table.engine.lower() != "innodb":
                raise NeedsPersonError(
                    f"{name} is {table.engine}, which has no transactions: whether {change.id} "
                    f"(`{_short(change.recorded.statement.sql)}`) changed rows cannot be told; look, and undo its part",
                    self.command,
                )

    # --- sending

    def _send(self, change: PlannedChange, message: Message) -> Answer:
        """Send it, and look after it while it runs."""
        work = self.connected()
        return self._looked_after(work, lambda: work.deliver(message), _Running(change.id, message.told))

    def _looked_after(self, work: WorkConnection, call: Callable[[], T], running: _Running) -> T:
        """What `call` brings, which talks to the server over `work`; ended when it has to be."""
        ended = threading.Event()
        answers: list[T] = []
        failure: list[BaseException] = []

        def send() -> None:
            try:
                answers.append(call())
            except BaseException as error:  # handed to the thread that waits
                failure.append(error)
            finally:
                ended.set()

        began = self.clock()
        threading.Thread(target=send, daemon=True, name="zdmigrate statement").start()
        killed = ""
        while not ended.wait(0.1 if self.clock() - began < _LOOK_SECONDS else _LOOK_SECONDS):
            why = "" if killed else self._why_stop(began)
            if why:
                self._end_statement(running, work.id, why)
                killed = why
                began = self.clock()
            if killed and self.clock() - began > BACK_SECONDS:
                self._work = None
                raise self._goes_on(running, f"{killed}; the server was told to end it and has not yet")
        if not failure:
            return answers[0]
        if killed and isinstance(failure[0], ServerError) and failure[0].errno == _INTERRUPTED:
            raise StoppedError(f"{running.name} was ended: {killed}") from failure[0]
        raise failure[0]

    def _why_stop(self, began: float) -> str:
        """Why the statement that runs should be ended, or ""."""
        try:
            self.stop_if_asked()
        except KeyboardInterrupt:
            return "interrupted"
        if self.clock() - began > self.context.policy.statement_limit:
            return f"it runs for more than {self.context.policy.statement_limit:g} s"
        try:
            asked = self.context.journal.asked()
        except LostError:
            self.reconnect_journal()
            return ""
        return f"asked by {asked.owner}" if asked is not None and asked.verb == "kill" else ""

    def _end_statement(self, running: _Running, number: int, why: str) -> None:
        """KILL it if that is allowed; else leave it running and say so."""
        if not (running.reads or self.context.policy.kill_running or why.startswith("asked by")):
            self._work = None  # the thread that sends still waits on it, and closing it would wait for that thread
            raise self._goes_on(running, why)
        self.context.journal.at.run(f"KILL QUERY {number}")

    def _goes_on(self, running: _Running, why: str) -> NeedsPersonError:
        return NeedsPersonError(
            f"{why}; {running.name} (`{_short(running.text)}`) goes on on {self.node.name} by itself "
            "(--kill-running would have ended it); the next run waits for it and goes on after it",
            self.command,
        )

    def _blocked(self, change: PlannedChange, error: ServerError, end: float) -> None:
        """It waited for a lock and stepped back: say who is in the way, and what comes of that by the policy."""
        policy, journal = self.context.policy, self.context.journal
        tables = change.recorded.touched or (change.subject.table or "",)
        found = blockers_of(journal.at, self.context.database, tables, [self.connected().id])
        said = f"waits for {found.shown}"
        journal.statement_waits(change.id, said)
        self.context.listener(Timing(change.id, "waits", 0.0, 0.0, said))
        if policy.blockers == "kill" and found.certain:
            for session in found.sessions:
                with suppress(ServerError):  # it ended by itself
                    journal.at.run(f"KILL {session.id}")
        elif policy.blockers == "abort" or self.clock() > end:
            raise ServerError(
                error.node, error.errno, f"{error.message}: it {said}; end that, or say --blockers kill", "its lock"
            ) from error

    # --- connections

    def until_ended(self, sql: str, number: int) -> None:
        """Wait while the server still runs a statement whose client is gone: it finishes an ALTER by itself.

        Args:
            sql: its text; where `?` or a placeholder stands in it, a value may have been sent.
        """
        began = self.clock()
        while self._still_runs(sql, number):
            self.stop_if_asked()
            if self.clock() - began > self.context.policy.statement_limit:
                raise NeedsPersonError(
                    f"connection {number} on {self.node.name} still runs `{_short(sql)}`", self.command
                )
            self.context.listener(Timing("wait", "waits", 0.0, self.clock() - began, f"{_short(sql)} still runs"))
            time.sleep(_LOOK_SECONDS / 2)

    def _still_runs(self, sql: str, number: int) -> bool:
        end = self.clock() + BACK_SECONDS
        begins = _VALUE.split(" ".join(sql.split()), maxsplit=1)[0][:40]
        while True:
            try:
                found = self.connected().value(
                    "SELECT INFO FROM information_schema.PROCESSLIST WHERE ID = %s AND COMMAND <> 'Sleep' "
                    "AND ID <> CONNECTION_ID()",
                    (number,),
                )
                return found is not None and " ".join(str(found).split()).startswith(begins)
            except LostError as error:
                self._drop()
                self.stop_if_asked()
                if self.clock() > end:
                    raise NeedsPersonError(
                        f"{error}; what became of `{_short(sql)}` is not known until {self.node.name} answers",
                        self.command,
                    ) from error
                time.sleep(0.3)

    def connected(self) -> WorkConnection:
        """The connection the statements go over, made when there is none."""
        if self._work is None:
            end = self.clock() + BACK_SECONDS
            while True:
                try:
                    self._work = WorkConnection(
                        self.node, answer_seconds=_ANSWER_SECONDS, database=self.context.database
                    )
                    self._work.run("SET SESSION wait_timeout = 2147483")
                    for message in self._settings:
                        self._work.deliver(message)
                    self.reconnect_journal()
                    break
                except LostError:
                    self._drop()
                    self.stop_if_asked()
                    if self.clock() > end:
                        raise
                    time.sleep(0.3)
        return self._work

    def reconnect_journal(self) -> None:
        """A journal connection that works."""
        journal = self.context.journal
        try:
            journal.at.value("SELECT 1")
        except LostError:
            journal.at, _ = self.context.servers.fresh(self.node)

    def _sleep(self, seconds: float) -> None:
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0:
            try:
                self.stop_if_asked()
            except KeyboardInterrupt as error:
                raise StoppedError("interrupted while it waited for a lock") from error
            asked = self.context.journal.asked()
            if asked is not None and asked.verb != "pause":
                raise StoppedError(f"asked by {asked.owner}")
            time.sleep(min(left, 0.5))

    def _drop(self) -> None:
        if self._work is not None:
            self._work.close()
            self._work = None

    def __enter__(self) -> Direct:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop()


def apply_changes(context: RunContext, node: Node, changes: Sequence[PlannedChange]) -> None:
    """Carry out changes on `node`, in order.

    Raises:
        ServerError, StoppedError, NeedsPersonError: as `Direct.run`.
    """
    with Direct(context, node) as direct:
        for change in changes:
            direct.run(change)


def statement_of(change: PlannedChange) -> str:
    """What is sent: what was judged, with the ALGORITHM and LOCK that were planned, so that a surprise is a refusal."""
    node = change.recorded.statement.node
    sql = change.recorded.statement.sql
    if isinstance(node, s.AlterTable) and change.cost.algorithm_clause:
        return with_clause(sql, node, change.cost.algorithm_clause)
    return sql


def _planned(change: PlannedChange) -> Message:
    return Message(statement_of(change), digest(change.recorded.statement.sql))


def is_setting(change: PlannedChange) -> bool:
    """Whether it sets a variable of the session, which is gone with it."""
    node = change.recorded.statement.node
    return isinstance(node, s.SetVariable) and node.scope in ("session", "user")


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= 90 else text[:87] + "..."
