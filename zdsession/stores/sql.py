"""Sessions in MySQL, MariaDB or SQLite: a row a session, with a version.

A save is one UPDATE that names the version it was computed from. When another request was faster, its row is read,
the change is merged into that, and the UPDATE is sent again. Every statement finds its rows by primary key and commits
by itself, so none holds a lock while another is sent, and there are no gap locks to deadlock on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import IntegrityError

from zdsession.chance import CHANCE
from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.janitor import Janitor
from zdsession.record import Change, Found, Outcome, Record, Saved, is_live, merge
from zdsession.stores.base import RESERVED_IDS, UNKNOWN_VERSION
from zdsession.stores.sql_schema import complete, create_statements, missing
from zdsession.stores.sql_server import SqlServer
from zdsession.stores.sql_table import ROW, from_packed, from_row, packed_select, record_columns, sessions_table, to_row

log = logging.getLogger("zdsession.store")

_BATCH = 500
#: A row is swept this long after it expired, so that a node whose clock is behind does not lose a live one.
SWEEP_MARGIN_MS = 60_000


class SqlStore:
    """A store in one table.

    Args:
        url: ``mysql+pymysql://`` or ``sqlite:///file``.
        budget: seconds one operation may take, all tries together.
        table: its name.
        connections: most connections of one process.
        auto_schema: create the table when it turns out to be missing. Turn it off where the app's account may
            not; :meth:`create_schema` does it then, under an account that may.
        janitor: remove expired rows from a thread, on one node at a time (:mod:`zdsession.janitor`).
        clock: gives milliseconds since the epoch.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        budget: float = 1.0,
        table: str = "zdsession",
        connections: int = 20,
        auto_schema: bool = True,
        janitor: bool = True,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._table = sessions_table(table)
        self._clock = clock
        repair = self._complete if auto_schema else None
        self._janitor = Janitor(self, clock=clock) if janitor else None
        begun = None if self._janitor is None else self._janitor.start
        place = make_url(url)
        self._server = SqlServer(place, budget=budget, connections=connections, repair=repair, begun=begun)
        self._packed = packed_select(self._table) if place.drivername.endswith("pymysql") else None
        self._swept_to = 0
        columns = self._table.c
        live = sa.and_(columns.id == sa.bindparam("wanted"), columns.expires > sa.bindparam("now"))
        named = columns.id == sa.bindparam("wanted")
        delete = sa.delete(self._table)
        prepare = self._server.compile
        self._load = prepare(sa.select(*record_columns(self._table)).where(named))
        self._insert = prepare(sa.insert(self._table), ["id", *ROW])
        self._swap = prepare(sa.update(self._table).where(live, columns.version == sa.bindparam("was")), ROW)
        later = {name: _later(columns[name], sa.bindparam(f"new_{name}")) for name in ("seen", "expires")}
        self._touch = prepare(sa.update(self._table).where(live).values(later))
        self._delete = prepare(delete.where(named))
        self._delete_dead = prepare(delete.where(named, columns.expires <= sa.bindparam("now")))
        delete_many = delete.where(columns.id.in_(sa.bindparam("ids", expanding=True)))
        self._delete_of_user = delete_many.where(columns.user_id == sa.bindparam("owner"))
        self._delete_dead_many = delete_many.where(columns.expires <= sa.bindparam("now"))

    def load(self, record_id: str) -> Record | None:
        return self._read(record_id, self._server.deadline())

    def create(self, record_id: str, record: Record) -> bool:
        deadline = self._server.deadline()
        row = {"id": _id(record_id), **to_row(record)}
        for _ in range(2):
            try:
                self._server.execute(self._insert, row, deadline)
            except IntegrityError:
                taken = self._read(record_id, deadline)
                if taken is not None:
                    return taken.secret == record.secret  # ours: the first answer was lost
                dead = {"wanted": _id(record_id), "now": self._clock()}
                self._server.execute(self._delete_dead, dead, deadline)
            else:
                return True
        return False

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        deadline = self._server.deadline()
        known = self._read(record_id, deadline) if base.version == UNKNOWN_VERSION else base
        conflicts = 0
        while known is not None:
            merged, outcome = merge(known, change)
            merged = replace(merged, version=known.version + 1)
            at = {"wanted": _id(record_id), "was": known.version, "now": self._clock()}
            if self._server.execute(self._swap, {**to_row(merged), **at}, deadline):
                return Saved(outcome, merged, conflicts)
            known = self._read(record_id, deadline)
            conflicts += 1
            if conflicts > 2:
                time.sleep(CHANCE.uniform(0, 0.002 * conflicts))
            if time.monotonic() > deadline:
                raise StoreUnavailableError("sql store: the session kept changing while it was saved")
        return Saved(Outcome.GONE, conflicts=conflicts)

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        at = {"wanted": _id(record_id), "now": self._clock()}
        self._server.execute(self._touch, {"new_seen": seen, "new_expires": expires, **at}, self._server.deadline())

    def destroy(self, record_id: str) -> bool:
        return self._server.execute(self._delete, {"wanted": _id(record_id)}, self._server.deadline()) > 0

    def sessions_of(self, user: str) -> list[Found]:
        c = self._table.c
        query = (
            sa.select(c.id, c.created, c.seen, c.expires)
            .where(c.user_id == user.encode(), c.expires > self._clock())
            .order_by(c.created, c.id)
        )
        rows = self._fetch(query, self._server.deadline())
        return [Found(bytes(row.id).hex(), row.created, row.seen, row.expires) for row in rows]

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        c, name, now, deadline = self._table.c, user.encode(), self._clock(), self._server.deadline()
        query = sa.select(c.id, c.expires).where(c.user_id == name).limit(_BATCH)
        if keep is not None:
            query = query.where(c.id != _id(keep))
        revoked = 0
        while rows := self._fetch(query, deadline):
            dead = [row.id for row in rows if row.expires <= now]
            live = [row.id for row in rows if row.expires > now]
            # Asked again whose they are: one may have become another user's since.
            self._remove(self._delete_of_user, dead, deadline, owner=name)
            revoked += self._remove(self._delete_of_user, live, deadline, owner=name)
        return revoked

    def sweep(self, limit: int = 1000) -> int:
        """See :class:`~zdsession.stores.base.Store`. Rows in the order they expired, each batch after the last one.

        That matters: the server keeps what it deleted in the index until it purges it, and would step over all of it
        again from the beginning.
        """
        c = self._table.c
        cutoff = self._clock() - SWEEP_MARGIN_MS
        expired = c.expires.between(self._swept_to, cutoff)
        query = sa.select(c.id, c.expires).where(expired).order_by(c.expires).limit(limit)
        deadline = self._server.deadline()
        rows = self._fetch(query, deadline)
        ids = sorted(row.id for row in rows)
        removed = self._remove(self._delete_dead_many, ids, deadline, now=cutoff)
        self._swept_to = rows[-1].expires if rows and len(rows) == limit else 0
        return removed

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        c = self._table.c
        query = sa.select(c.id).where(c.id > _id(cursor)).order_by(c.id).limit(limit)
        ids = [row.id.hex() for row in self._fetch(query, self._server.deadline())]
        return [one for one in ids if one not in RESERVED_IDS], ids[-1] if len(ids) == limit else ""

    def create_schema(self) -> None:
        """Create or complete the table and its indexes. Safe to run twice, by two at once, and while in use.

        The budget is for the way to the server only: an index of a large table takes what it takes.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the account may not, or the server cannot be reached.
        """
        with self._server.patient_connection() as connection:
            complete(connection, self._table)

    def missing_schema(self) -> list[str]:
        """The statements that :meth:`create_schema` would run now.

        Raises:
            StoreUnavailableError: the server cannot be reached.
        """
        return self._server.run(lambda connection: missing(connection, self._table), self._server.deadline())

    def schema_sql(self) -> list[str]:
        """The statements that make the table where there is none. Asks nobody."""
        return create_statements(self._table, self._server.engine.dialect)

    def close(self) -> None:
        if self._janitor is not None:
            self._janitor.stop()
        self._server.close()

    def _complete(self, engine: sa.Engine) -> None:
        with engine.connect() as connection:
            complete(connection, self._table)

    def _read(self, record_id: str, deadline: float) -> Record | None:
        wanted, packed = _id(record_id), None
        if self._packed is not None:
            row = self._server.first(self._packed, (wanted,), deadline)
            if row is None:
                return None
            packed = row[0]
        if packed is not None:
            record = from_packed(packed)
        else:
            row = self._server.first(self._load.text, self._load.parameters({"wanted": wanted}), deadline)
            if row is None:
                return None
            record = from_row(row)
        if record is None:
            log.warning("record %.12s cannot be read: taken as absent", record_id)
            return None
        return record if is_live(record, self._clock()) else None

    def _remove(self, statement: sa.Delete, ids: list[bytes], deadline: float, **values: Any) -> int:
        if not ids:
            return 0
        values["ids"] = ids
        return self._server.run(lambda connection: int(connection.execute(statement, values).rowcount), deadline)

    def _fetch(self, query: sa.Select[Any], deadline: float) -> list[Any]:
        return self._server.run(lambda connection: list(connection.execute(query)), deadline)


def _later(column: Any, other: Any) -> Any:
    return sa.case((column < other, other), else_=column)


def _id(record_id: str) -> bytes:
    return bytes.fromhex(record_id)
