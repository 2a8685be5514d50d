"""Data changes in a migration that run in small batches, under plain `alembic upgrade` too.

    from zdmigrate.backfill import backfill

    def upgrade():
        backfill(op, "UPDATE users SET full_name = CONCAT(first, ' ', last) WHERE full_name IS NULL", table="users")

`zdmigrate plan` sees the one statement, as it would from `op.execute`. A migration that was stopped is simply run
again: it goes on where it was.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from zdmigrate.run.batches import Backfill, Result
from zdmigrate.run.connection import Row
from zdmigrate.run.cut import cut
from zdmigrate.run.errors import LostError, RefusedError, ServerError
from zdmigrate.run.keys import Session
from zdmigrate.run.pace import Behind, Commits, Limits, Progress

if TYPE_CHECKING:
    from types import ModuleType

    from alembic.operations import Operations

__all__ = ["Limits", "backfill"]

_log = logging.getLogger("zdmigrate.backfill")
#: Error numbers of a client that got no answer.
_LOST = frozenset({0, 1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031})
_LOG_SECONDS = 10.0
_OURS = ("innodb_lock_wait_timeout", "lock_wait_timeout")


def backfill(op: Operations | ModuleType, statement: str, *, table: str, limits: Limits | None = None) -> Result | None:
    """Run an UPDATE or DELETE in batches by the primary key of `table`.

    The migration's transaction is committed first, because a batch is a transaction of its own. Replica lag is not
    watched here, since a migration knows no replicas: give `limits` with a `rest`, or use `zdmigrate apply`.

    Args:
        op: `alembic.op`.
        statement: one UPDATE or DELETE of `table`, with its values written out.
        table: the table that is changed, `name` or `database.name`; a statement for another one is refused.
        limits: how fast it may go.

    Returns:
        What was done; None where the statement is only recorded (`--sql`, `zdmigrate plan`).

    Raises:
        RefusedError: it cannot be cut into batches; nothing was changed.
        NeedsPersonError: it stopped between two batches; run the migration again to continue.
    """
    made = cut(statement)
    if made.table != table:
        raise RefusedError([f"the statement changes {made.table}, and the migration says {table}"])
    if not made.repeatable:
        raise RefusedError(
            ["it computes a column from its own value, and a migration may be run again after its data was changed "
             "and before Alembic noted it; write the result to another column, or use `zdmigrate backfill`"]
        )  # fmt: skip
    context: Any = op.get_context()
    if context.as_sql or _is_replay(context.dialect):
        from sqlalchemy import text

        op.execute(text(re.sub(r":", r"\\:", made.text)))
        return None
    if getattr(context, "_in_external_transaction", False):
        raise RefusedError(["the migration runs inside a transaction of its caller, so batches could not commit"])
    with context.autocommit_block():
        bind: Any = op.get_bind()
        seat = _Migration(_Borrowed(bind.connection))
        result = Backfill(
            seat, made, limits=limits or Limits(), listener=_Logged(), again="run the migration again"
        ).do()
    _log.info("%s: %d rows changed in %d batches", table, result.changed, result.batches)
    if not result.complete:
        _log.warning(
            "%s: %d rows are left that the WHERE finds and the statement does not change: %s",
            table, result.rows_left, made.text,
        )  # fmt: skip
    return result


def _is_replay(dialect: object) -> bool:
    from zdmigrate.history.dialect import ReplayDialect

    return isinstance(dialect, ReplayDialect)


class _Borrowed:
    """A connection of SQLAlchemy's pool, in autocommit; any driver that writes parameters as %s."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """See `Session.rows`."""
        cursor = self._raw.cursor()
        try:
            self._execute(cursor, sql, args)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()] if names else []
        finally:
            cursor.close()

    def value(self, sql: str, args: Sequence[Any] = ()) -> Any:
        """See `Session.value`."""
        found = self.rows(sql, args)
        return next(iter(found[0].values())) if found else None

    def run(self, sql: str, args: Sequence[Any] = ()) -> int:
        """See `Session.run`."""
        cursor = self._raw.cursor()
        try:
            self._execute(cursor, sql, args)
            return int(cursor.rowcount)
        finally:
            cursor.close()

    @staticmethod
    def _execute(cursor: Any, sql: str, args: Sequence[Any]) -> None:
        try:
            cursor.execute(sql, tuple(args) if args else None)
        except Exception as error:
            number = error.args[0] if error.args else None
            if not isinstance(number, int):
                raise
            shown = " ".join(sql.split())[:120]
            if number in _LOST:
                raise LostError("the server", str(error.args[-1]), shown) from error
            raise ServerError("the server", number, str(error.args[-1]), shown) from error


class _Migration:
    """The seat of a backfill in a migration: its own connection, given back as it was."""

    lasting = False

    def __init__(self, session: _Borrowed) -> None:
        self._session = session
        self._before: Mapping[str, Any] = {}

    def open(self) -> Session:
        """See `Seat.open`."""
        self._before = self._session.rows("SELECT " + ", ".join(f"@@SESSION.{name} AS {name}" for name in _OURS))[0]
        return self._session

    def behind(self, backfill: str, batches: int, commits: Commits, now: float) -> Mapping[str, Behind | None]:
        """See `Seat.behind`."""
        return {}

    def check(self) -> None:
        """See `Seat.check`."""

    def close(self) -> None:
        """See `Seat.close`."""
        with suppress(LostError, ServerError):
            self._session.run("ROLLBACK")
            for name, value in self._before.items():
                self._session.run(f"SET SESSION {name} = %s", (value,))


class _Logged:
    """Says in the log how far it is, now and then."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= _LOG_SECONDS:
            self._last = now
            _log.info(
                "%d of about %d rows walked, %d changed, %.0f a second%s", progress.scanned, progress.estimate,
                progress.changed, progress.rate, f"; waits: {progress.waits}" if progress.waits else "",
            )  # fmt: skip
