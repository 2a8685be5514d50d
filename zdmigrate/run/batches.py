"""Data changes in ranges of a key: short transactions, as fast as replicas and load allow, to be killed at any time.

Each batch is one transaction that changes the rows of one range and writes the checkpoint, so each row is changed
exactly once whoever dies when. The rows are those that were there when a pass began; a statement whose WHERE becomes
false for what it changed is then checked over the whole table, and walked again for rows that came in meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from zdmigrate.run import checkpoints
from zdmigrate.run.checkpoints import Checkpoint
from zdmigrate.run.cut import Cut, cut
from zdmigrate.run.errors import LostError, NeedsPersonError, RefusedError, ServerError
from zdmigrate.run.keys import Key, Place, Session, between, find_key
from zdmigrate.run.pace import BatchSize, Commits, Limits, Progress, reason_to_wait
from zdmigrate.run.seats import Primary, Seat
from zdmigrate.run.steps import signals_later

if TYPE_CHECKING:
    from zdmigrate.plan import PlannedChange
    from zdmigrate.run.connection import Connection
    from zdmigrate.run.context import RunContext

T = TypeVar("T")
Listener = Callable[[Progress], None]

#: How often the table is walked at most, for rows that came in behind us.
PASSES = 5
#: Seconds a batch waits for the lock of a row before it lets go of its own and tries again.
LOCK_SECONDS = 3
#: Seconds between two looks at the replicas and the load.
_LOOK_SECONDS = 0.05
#: Seconds between two looks at the run's own lock.
_CHECK_SECONDS = 2.0

_TRY_AGAIN = frozenset({1205, 1213})  # lock wait time-out, deadlock
_READ_ONLY = frozenset({1290, 1836})
_LOCK = "zdmigrate.backfill."
#: Whole seconds to wait for it: a server notices at once when a process was killed, but not before.
_FIRST_WAIT, _NEXT_WAIT = 1, 5


@dataclass(frozen=True, slots=True)
class Result:
    """What a backfill did, over all its runs.

    Attributes:
        rows_left: rows that its WHERE finds still, after the table was walked until walking it changed nothing more;
            None when the WHERE says nothing about what was changed, as in `SET n = n + 1`.
        must_be_empty: whether a row that is left is one that was missed or cannot be changed: then look at it.
        resumed: whether an earlier process had begun it.
        seconds, waited: of this process.
    """

    id: str
    changed: int
    batches: int
    passes: int
    rows_left: int | None
    must_be_empty: bool
    resumed: bool = False
    seconds: float = 0.0
    waited: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether nothing is left to look at."""
        return not (self.must_be_empty and self.rows_left)


@dataclass(slots=True)
class Backfill:
    """One backfill in one process.

    Attributes:
        label: what it is part of, so that the same statement in two revisions is two backfills.
        run: the run it belongs to; one that is done is not done again in the same run.
        again: what a person does to continue it.
        settings: session variables in force.
    """

    seat: Seat
    statement: Cut
    label: str = ""
    run: str = ""
    limits: Limits = field(default_factory=Limits)
    listener: Listener = lambda progress: None
    again: str = "run the same again, it continues"
    settings: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _session: Session | None = None
    _key: Key | None = None
    _mark: Checkpoint | None = None
    _size: BatchSize = field(init=False)
    _commits: Commits = field(default_factory=Commits)
    _row_format: bool = True
    _stop: Callable[[], None] = lambda: None
    _looked: float = 0.0
    _checked: float = 0.0
    _began: float = 0.0
    _walked: int = 0
    _waited: float = 0.0
    _left_before: int | None = None

    def __post_init__(self) -> None:
        self._size = BatchSize(self.limits)

    @property
    def id(self) -> str:
        """What it is called in the journal; "" until it has begun."""
        return "" if self._mark is None else self._mark.id

    def do(self) -> Result:
        """Do it, or what is left of it.

        Raises:
            RefusedError: it cannot be done like this, or somebody is at it; nothing was changed.
            NeedsPersonError: it stopped between two batches; says why and how to go on.
        """
        self._began = self.clock()
        try:
            with signals_later() as self._stop:
                resumed = self._begin()
                mark = self._now
                if mark.state == "running":
                    self._whole()
                    mark = self._now
        except KeyboardInterrupt:
            raise NeedsPersonError(f"stopped as asked, between two batches: {self._so_far()}", self.again) from None
        except (ServerError, RefusedError) as error:
            if self._mark is None or not self._mark.batches:
                raise
            why = "; ".join(error.reasons) if isinstance(error, RefusedError) else str(error)
            raise NeedsPersonError(f"{why}; {self._so_far()}", self.again) from error
        finally:
            self._leave()
        return Result(
            mark.id, mark.changed, mark.batches, mark.pass_, mark.rows_left, self.statement.repeatable,
            resumed, self.clock() - self._began, self._waited,
        )  # fmt: skip

    # --- the whole

    def _whole(self) -> None:
        while True:
            while not self._now.walked:
                self._pause()
                self._with_server(self._batch)
            left = self._with_server(self._count_left) if self.statement.guarded else None
            if self._is_enough(left):
                self._with_server(lambda: self._move(state="done", rows_left=left))  # noqa: B023 - called at once
                return
            self._left_before = left
            self._with_server(self._next_pass)

    def _is_enough(self, left: int | None) -> bool:
        if not left or not self.statement.repeatable or self._now.pass_ >= PASSES:
            return True
        return self._left_before is not None and left >= self._left_before

    def _begin(self) -> bool:
        """Connect and find where it is; whether somebody had begun it."""
        session = self._connect(None)
        user = str(session.value("SELECT CURRENT_USER()"))
        key = _check_key(self.statement, session)
        checkpoints.make_table(session, user)
        self._lock(session, _FIRST_WAIT)
        found = checkpoints.find(session, self._id(session))
        if found is not None and found.state == "done" and self.run and found.run == self.run:
            self._mark = found
            return True
        if found is not None and found.state == "running":
            self._mark = found
            self._take_over(session, found, key)
            return True
        self._mark = self._start(session, key)
        return False

    def _take_over(self, session: Session, found: Checkpoint, key: Key) -> None:
        self._size.rows = max(1, min(self.limits.rows, found.batch_rows))
        if found.key_name != key.shown:
            if not self.statement.repeatable:
                raise RefusedError([f"the key of {found.tab} was {found.key_name} and is {key.shown} now, so nobody "
                                    "can tell which rows are changed already; `zdmigrate backfill --forget "
                                    f"{found.id}` and write a statement for the rest"])  # fmt: skip
            self._mark = replace(self._start(session, key), changed=found.changed)
        elif found.run != self.run:
            self._move(run=self.run)

    def _start(self, session: Session, key: Key) -> Checkpoint:
        last = key.last(session)
        if last is not None:
            self._try(session, key, last)
        estimate = 0
        with suppress(ServerError, TypeError, ValueError):  # it only says how long it may take
            estimate = key.estimate(session)
        mark = Checkpoint(
            self._id(session), str(session.value("SELECT DATABASE()")), self.statement.table, self.statement.text,
            self.label, self.run, key_name=key.shown, upto=key.write(last) if last else None,
            batch_rows=self._size.rows, estimate=estimate,
        )  # fmt: skip
        return checkpoints.begin(session, mark)

    def _try(self, session: Session, key: Key, last: Place) -> None:
        """Whether the server understands what we are going to send."""
        sql, args = self._change(key, None, last)
        try:
            session.rows(f"EXPLAIN {sql}", args)
        except ServerError as error:
            raise RefusedError([f"the server does not take it: {error.errno} {error.message}"]) from error

    # --- one batch

    def _batch(self) -> None:
        session, key, mark = self._session, self._key, self._now
        assert session is not None
        assert key is not None
        if mark.walked:  # it was, before the connection broke
            return
        began = self.clock()
        after = key.read(mark.place) if mark.place is not None else None
        assert mark.upto is not None
        upto = key.read(mark.upto)
        rows = self._size.rows
        place = key.step(session, after, upto, rows)
        if place is None:
            place, rows = upto, key.rows_between(session, after, upto)
        try:
            self._change_range(session, key, after, place, rows)
        except ServerError as error:
            with suppress(ServerError):
                session.run("ROLLBACK")
            if error.errno not in _TRY_AGAIN:
                raise
            self._size.halve()
            self._retry_later(error)
            return
        took = self.clock() - began
        self._first_refusal = None
        self._size.learn(rows, took)
        self._walked += rows
        self._tell("")
        if self.limits.rest:
            self._sleep(self.limits.rest * took)

    def _change_range(self, session: Session, key: Key, after: Place | None, place: Place, rows: int) -> None:
        mark = self._now
        if self._row_format:  # rows that are looked at and not changed are not kept locked
            session.run("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        session.run("START TRANSACTION")
        try:
            if session.value("SELECT @@GLOBAL.read_only"):
                raise LostError("the primary", "it is read-only now", "SELECT @@GLOBAL.read_only")
            changed = session.run(*self._change(key, after, place))
            moved = replace(
                mark, place=key.write(place), batches=mark.batches + 1, scanned=mark.scanned + rows,
                changed=mark.changed + changed, batch_rows=self._size.rows,
            )  # fmt: skip
            if place == key.read(mark.upto or ""):
                moved = replace(moved, place=mark.upto)
            checkpoints.advance(session, mark, moved)
            session.run("COMMIT")
        except RefusedError:
            session.run("ROLLBACK")
            raise
        self._mark = moved
        self._commits.add(moved.batches, self.clock())

    def _change(self, key: Key, after: Place | None, upto: Place) -> tuple[str, list[object]]:
        range_, args = between([self.statement.column(name) for name in key.names], after, upto)
        return self.statement.change(range_, key.index), list(args)

    _first_refusal: float | None = None

    def _retry_later(self, error: ServerError) -> None:
        now = self.clock()
        if self._first_refusal is None:
            self._first_refusal = now
        if now - self._first_refusal > self.limits.patience:
            raise error
        self._tell("a row is locked by somebody else")
        self._sleep(0.05)

    # --- after a pass

    def _count_left(self) -> int:
        """How many rows the WHERE finds in the whole table, looked at range by range."""
        session, key = self._session, self._key
        assert session is not None
        assert key is not None
        last = key.last(session)
        after: Place | None = None
        left = 0
        size = BatchSize(self.limits, max(1000, self._size.rows))
        while last is not None and after != last:
            self._stop()
            began = self.clock()
            upto = key.step(session, after, last, size.rows) or last
            range_, args = between([self.statement.column(name) for name in key.names], after, upto)
            left += int(session.value(self.statement.count(range_, key.index, key.names), args))
            size.learn(size.rows, self.clock() - began)
            after = upto
            self._tell("looking for rows that are left")
        return left

    def _next_pass(self) -> None:
        assert self._session is not None
        assert self._key is not None
        last = self._key.last(self._session)
        upto = self._key.write(last) if last else None
        self._move(place=None, upto=upto, pass_=self._now.pass_ + 1, scanned=0)

    def _move(self, **values: object) -> None:
        """Write a change of the checkpoint that changes no rows."""
        assert self._session is not None
        mark = self._now
        if mark.state != "running":
            return
        moved = replace(mark, **values)  # type: ignore[arg-type]
        checkpoints.advance(self._session, mark, moved)
        self._mark = moved

    # --- waiting

    def _pause(self) -> None:
        """Until replicas and load allow the next batch."""
        self._stop()
        if self.clock() - self._checked > _CHECK_SECONDS:
            self.seat.check()
            self._checked = self.clock()
        if self.clock() - self._looked < _LOOK_SECONDS:
            return
        began = self.clock()
        waited = False
        while why := self._with_server(self._reason_to_wait):
            if self.clock() - began > self.limits.patience:
                raise NeedsPersonError(f"it waited {self.limits.patience:g} s: {why}; {self._so_far()}", self.again)
            self._tell(why)
            self._sleep(_LOOK_SECONDS)
            waited = True
        self._looked = self.clock()
        if waited:
            self._waited += self._looked - began

    def _reason_to_wait(self) -> str:
        assert self._session is not None
        found = self._session.rows("SHOW GLOBAL STATUS LIKE 'Threads_running'")
        running = int(found[0]["Value"]) if found else 0
        behind = self.seat.behind(self._now.id, self._now.batches, self._commits, self.clock())
        return reason_to_wait(behind, running, self.limits)

    def _sleep(self, seconds: float) -> None:
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0:
            self._stop()
            time.sleep(min(left, 0.1))

    # --- the server

    def _with_server(self, action: Callable[[], T]) -> T:
        """Do something on the primary. When it is lost, or is primary no more: look for it, read how far we are, and
        do it then. What became of a lost COMMIT is read there, never guessed."""
        first: float | None = None
        while True:
            try:
                if self._session is None:
                    self._return()
                return action()
            except (LostError, ServerError) as error:
                if isinstance(error, ServerError) and error.errno not in _READ_ONLY:
                    raise
                self._session = None
                first = self.clock() if first is None else first
                if not self.seat.lasting or self.clock() - first > self.limits.patience:
                    raise NeedsPersonError(f"{error}; {self._so_far()}", self.again) from error
                self._tell(str(error))
                self._sleep(0.5)

    def _connect(self, lock_wait: int | None) -> Session:
        session = self.seat.open()
        for name, value in {**self.settings, "innodb_lock_wait_timeout": str(LOCK_SECONDS),
                            "lock_wait_timeout": "20"}.items():  # fmt: skip
            session.run(f"SET SESSION {name} = %s", (int(value) if value.isdigit() else value,))
        found = session.rows("SHOW VARIABLES LIKE 'binlog_format'")
        self._row_format = not found or str(found[0]["Value"]).upper() != "STATEMENT"
        self._key = find_key(session, self.statement.table)
        if lock_wait is not None:
            self._lock(session, lock_wait)
        self._session = session
        return session

    def _return(self) -> None:
        """Connect again, and believe only what is written there."""
        session = self._connect(_NEXT_WAIT)
        found = checkpoints.find(session, self._now.id)
        if found is None or found.state == "forgotten":
            raise NeedsPersonError(f"the backfill {self._now.id} is not known there any more", self.again)
        if self._key is not None and found.key_name != self._key.shown:
            raise NeedsPersonError(f"the key of {found.tab} changed meanwhile", self.again)
        self._mark = found

    def _lock(self, session: Session, seconds: int) -> None:
        """One process at a time. The lock ends with its connection."""
        name = _LOCK + self._id(session)
        if session.value("SELECT GET_LOCK(%s, %s)", (name, seconds)) == 1:
            return
        holder = session.rows(
            "SELECT USER AS user, HOST AS host FROM information_schema.PROCESSLIST WHERE ID = IS_USED_LOCK(%s)", (name,)
        )
        who = f"{holder[0]['user']} from {holder[0]['host']}" if holder else "a connection that is just ending"
        if self._mark is not None:  # most likely our own, which the server has not missed yet
            raise LostError("the primary", f"{who} still holds the backfill", "GET_LOCK")
        raise RefusedError([f"{who} is at this backfill; `zdmigrate backfill --list` shows how far it is"])

    def _leave(self) -> None:
        if self._session is not None:
            with suppress(LostError, ServerError, RefusedError):
                self._session.value("SELECT RELEASE_LOCK(%s)", (_LOCK + self._id(self._session),))
        self.seat.close()

    # --- helpers

    @property
    def _now(self) -> Checkpoint:
        assert self._mark is not None
        return self._mark

    def _id(self, session: Session) -> str:
        if self._mark is not None:
            return self._mark.id
        return checkpoints.identify(str(session.value("SELECT DATABASE()")), self.statement.canonical, self.label)

    def _so_far(self) -> str:
        if self._mark is None:
            return "nothing was changed"
        return f"{self._mark.changed} rows are changed in {self._mark.batches} batches, and nothing is half done"

    def _tell(self, waits: str) -> None:
        mark = self._now
        seconds = self.clock() - self._began
        rate = self._walked / seconds if seconds > 0 else 0.0
        self.listener(Progress(mark.scanned, mark.changed, mark.estimate, rate, self._size.rows, waits))


# --- for `apply`


def check_change(change: PlannedChange, session: Session) -> None:
    """Whether a planned change can be carried out in batches; changes nothing. `session` has the app's database.

    Raises:
        RefusedError: it cannot, with the reasons.
    """
    try:
        _check_key(_cut(change), session)
    except RefusedError as error:
        raise RefusedError([f"{change.id}: {reason}" for reason in error.reasons]) from error


def apply_change(
    context: RunContext,
    change: PlannedChange,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    listener: Listener = lambda progress: None,
) -> Result:
    """Carry out a planned UPDATE or DELETE in batches on the primary. One that this run has done is not done again.

    Raises:
        RefusedError: it cannot be cut, or somebody is at it; nothing was changed.
        NeedsPersonError: it stopped between two batches.
    """
    seat = Primary(context.topology, context.database, context.lock.check)
    again = f"zdmigrate resume --topology {context.topology.path}"
    settings = {} if change.recorded.session.foreign_key_checks else {"foreign_key_checks": "0"}
    return Backfill(
        seat, _cut(change), change.id, context.journal.id, limits, listener, again, settings
    ).do()  # fmt: skip


def unfinished_backfills(connection: Connection, database: str | None = None) -> list[Checkpoint]:
    """Backfills that were begun and are not done; a contract step that needs one of them has to wait."""
    return checkpoints.unfinished(connection, database)


def _cut(change: PlannedChange) -> Cut:
    return cut(change.recorded.statement.sql)


def _check_key(statement: Cut, session: Session) -> Key:
    """The key to walk the table by, when the statement leaves every row at its place in it.

    Raises:
        RefusedError: there is none.
    """
    key = find_key(session, statement.table)
    if statement.verb == "UPDATE" and any(column.generated for column in key.columns):
        raise RefusedError([f"the key {key.index} is computed from other columns, so a change may move rows in it"])
    moved = statement.assigned & {name.lower() for name in key.names}
    if moved:
        raise RefusedError(
            [f"it changes {', '.join(sorted(moved))} of the key {key.index}, so a row could be met twice; run it as "
             "one statement"]
        )  # fmt: skip
    return key
