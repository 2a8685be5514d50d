"""How far each backfill is: rows of `zdmigrate.backfill`, written in the transaction of the batch they tell of.

Therefore a batch and its checkpoint happen together or not at all, whoever dies when; and as the table is replicated
like any other, the new primary of a switchover has both as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from zdmigrate.run.errors import RefusedError, ServerError
from zdmigrate.run.journal import owner
from zdmigrate.run.keys import Session

State = Literal["running", "done", "forgotten"]

_ASCII = "CHARACTER SET ascii"
_TEXT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_CREATE = (
    "CREATE DATABASE IF NOT EXISTS zdmigrate",
    "CREATE TABLE IF NOT EXISTS zdmigrate.backfill ("
    f"id CHAR(16) {_ASCII} NOT NULL, db VARCHAR(64) {_TEXT} NOT NULL, tab VARCHAR(129) {_TEXT} NOT NULL, "
    f"statement LONGTEXT {_TEXT} NOT NULL, label VARCHAR(255) {_TEXT} NOT NULL, run VARCHAR(32) {_ASCII} NOT NULL, "
    f"state VARCHAR(16) {_ASCII} NOT NULL, owner VARCHAR(255) {_TEXT} NOT NULL, "
    f"key_name VARCHAR(255) {_TEXT} NOT NULL, "
    f"place LONGTEXT {_TEXT} NULL, upto LONGTEXT {_TEXT} NULL, pass INT NOT NULL, batches BIGINT NOT NULL, "
    "scanned BIGINT NOT NULL, changed BIGINT NOT NULL, batch_rows INT NOT NULL, estimate BIGINT NOT NULL, "
    "rows_left BIGINT NULL, started DATETIME(6) NOT NULL, updated DATETIME(6) NOT NULL, "
    "PRIMARY KEY (id), KEY by_state (state)) ENGINE=InnoDB",
)
_MISSING = (1146, 1049)
_DENIED = (1044, 1142, 1370, 1227)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One backfill.

    Attributes:
        id: follows from database, statement and label, so that whoever asks for the same finds it.
        db, tab: the database, and the table that is changed.
        label: the planned change it carries out (`revision:index`), or "".
        run: the run it belongs to, or "".
        key_name: the key its places are of (see `Key.shown`).
        place: everything up to here is changed (see `Key.write`), None at the start of a pass.
        upto: where this pass ends; None for an empty table.
        pass_: how often the table has been walked, this time included.
        batches: how many were committed.
        scanned: rows walked over in this pass.
        changed: rows changed in all passes.
        batch_rows: rows of the next batch.
        rows_left: how many rows the statement's WHERE still found at the end; None when it was not asked.
    """

    id: str
    db: str
    tab: str
    statement: str
    label: str = ""
    run: str = ""
    state: State = "running"
    owner: str = ""
    key_name: str = ""
    place: str | None = None
    upto: str | None = None
    pass_: int = 1
    batches: int = 0
    scanned: int = 0
    changed: int = 0
    batch_rows: int = 0
    estimate: int = 0
    rows_left: int | None = None

    @property
    def walked(self) -> bool:
        """Whether this pass is over."""
        return self.place == self.upto


_COLUMNS = tuple(item.name for item in fields(Checkpoint))
_SELECT = "SELECT " + ", ".join(f"{name.rstrip('_')} AS {name}" for name in _COLUMNS) + " FROM zdmigrate.backfill"


def identify(database: str, statement: str, label: str) -> str:
    """The id of a backfill. `statement` is `Cut.canonical`: blanks and comments make no difference."""
    text = "\0".join((database, statement, label))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make_table(session: Session, user: str) -> None:
    """See to it that the table is there.

    Raises:
        RefusedError: this account may not; with the GRANT to run.
    """
    try:
        session.rows(f"{_SELECT} LIMIT 0")
    except ServerError as error:
        if error.errno in _DENIED:
            raise _denied(user, error) from error
        if error.errno not in _MISSING:
            raise
        try:
            for statement in _CREATE:
                session.run(statement)
        except ServerError as refusal:
            if refusal.errno in _DENIED:
                raise _denied(user, refusal) from refusal
            raise


def _denied(user: str, error: ServerError) -> RefusedError:
    name, _, host = user.rpartition("@")
    return RefusedError(
        [f"checkpoints are kept in zdmigrate.backfill, and the server says: {error.message}; "
         f"GRANT CREATE, SELECT, INSERT, UPDATE ON zdmigrate.* TO '{name}'@'{host}'"]
    )  # fmt: skip


def find(session: Session, id_: str) -> Checkpoint | None:
    """The backfill of that id."""
    found = session.rows(f"{_SELECT} WHERE id = %s", (id_,))
    return Checkpoint(**found[0]) if found else None


def listed(session: Session, where: str = "TRUE", args: Sequence[Any] = ()) -> list[Checkpoint]:
    """Backfills, newest first; none where the table is not there."""
    try:
        rows = session.rows(f"{_SELECT} WHERE {where} ORDER BY started DESC, id", args)
    except ServerError as error:
        if error.errno in _MISSING:
            return []
        raise
    return [Checkpoint(**row) for row in rows]


def unfinished(session: Session, database: str | None = None) -> list[Checkpoint]:
    """Backfills that were begun and are not done, of one database or of all."""
    if database is None:
        return listed(session, "state = 'running'")
    return listed(session, "state = 'running' AND db = %s", (database,))


def begin(session: Session, mark: Checkpoint) -> Checkpoint:
    """Write a backfill that begins, in place of an earlier one of the same id that is over."""
    mark = replace(mark, state="running", owner=owner())
    names = [name.rstrip("_") for name in _COLUMNS]
    again = ", ".join(f"{name} = VALUES({name})" for name in [*names, "started", "updated"])
    # Not REPLACE, which would need the right to delete as well.
    session.run(
        f"INSERT INTO zdmigrate.backfill ({', '.join(names)}, started, updated) "
        f"VALUES ({', '.join(['%s'] * len(names))}, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6)) "
        f"ON DUPLICATE KEY UPDATE {again}",
        [getattr(mark, name) for name in _COLUMNS],
    )
    return mark


def advance(session: Session, before: Checkpoint, after: Checkpoint) -> None:
    """Write how far it is now.

    Raises:
        RefusedError: it is not where `before` says: somebody else moved it. Roll back.
    """
    # `updated` always changes, so a row that was found is a row that was changed.
    changed = session.run(
        "UPDATE zdmigrate.backfill SET state = %s, owner = %s, run = %s, place = %s, upto = %s, pass = %s, "
        "batches = %s, scanned = %s, changed = %s, batch_rows = %s, estimate = %s, rows_left = %s, "
        "updated = UTC_TIMESTAMP(6) WHERE id = %s AND batches = %s AND state = 'running'",
        (
            after.state, owner(), after.run, after.place, after.upto, after.pass_, after.batches, after.scanned,
            after.changed, after.batch_rows, after.estimate, after.rows_left, before.id, before.batches,
        ),
    )  # fmt: skip
    if changed != 1:
        raise RefusedError([f"somebody else moved, ended or forgot the backfill {before.id} meanwhile; look with "
                            "`zdmigrate backfill --list`"])  # fmt: skip


def forget(session: Session, id_: str) -> bool:
    """Give a backfill up as it is; False when none of that id was running."""
    return session.run(
        "UPDATE zdmigrate.backfill SET state = 'forgotten', updated = UTC_TIMESTAMP(6) "
        "WHERE id = %s AND state = 'running'",
        (id_,),
    ) == 1  # fmt: skip
