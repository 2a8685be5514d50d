"""Sessions in MySQL, MariaDB or SQLite: a row a session, with a version.

A save is one UPDATE that names the version it was computed from. When another request was faster, its row is read,
the change is merged into that, and the UPDATE is sent again. Every statement finds its rows by primary key and commits
by itself, so none holds a lock while another is sent, and there are no gap locks to deadlock on.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable

from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.record import Change, Found, Outcome, Record, Saved, is_live, merge
from zdsession.stores.sql_server import SqlServer
from zdsession.stores.sql_table import from_row, record_columns, sessions_table, to_row

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
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._table = sessions_table(table)
        self._clock = clock
        repair = self._create_in if auto_schema else None
        self._server = SqlServer(make_url(url), budget=budget, connections=connections, repair=repair)
        columns = self._table.c
        live = sa.and_(columns.id == sa.bindparam("wanted"), columns.expires > sa.bindparam("now"))
        self._load = sa.select(*record_columns(self._table)).where(columns.id == sa.bindparam("wanted"))
        self._insert = sa.insert(self._table)
        self._swap = sa.update(self._table).where(live, columns.version == sa.bindparam("was"))
        self._touch = sa.update(self._table).where(live)
        self._delete = sa.delete(self._table).where(columns.id == sa.bindparam("wanted"))
        self._delete_many = sa.delete(self._table).where(columns.id.in_(sa.bindparam("ids", expanding=True)))

    def load(self, record_id: str) -> Record | None:
        return self._read(record_id, self._server.deadline())

    def create(self, record_id: str, record: Record) -> bool:
        deadline = self._server.deadline()
        row = {"id": _id(record_id), **to_row(record)}
        for _ in range(2):
            try:
                self._execute(self._insert, row, deadline)
            except IntegrityError:
                taken = self._read(record_id, deadline)
                if taken is not None:
                    return taken.secret == record.secret  # ours: the first answer was lost
                self._execute(self._delete, {"wanted": _id(record_id)}, deadline)
            else:
                return True
        return False

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        deadline = self._server.deadline()
        known: Record | None = base
        conflicts = 0
        while known is not None:
            merged, outcome = merge(known, change)
            merged = replace(merged, version=known.version + 1)
            at = {"wanted": _id(record_id), "was": known.version, "now": self._clock()}
            if self._execute(self._swap, {**to_row(merged), **at}, deadline):
                return Saved(outcome, merged, conflicts)
            known = self._read(record_id, deadline)
            conflicts += 1
            if conflicts > 2:
                time.sleep(random.uniform(0, 0.002 * conflicts))  # noqa: S311 - spreads writers, guards nothing
            if time.monotonic() > deadline:
                raise StoreUnavailableError("sql store: the session kept changing while it was saved")
        return Saved(Outcome.GONE, conflicts=conflicts)

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        at = {"wanted": _id(record_id), "now": self._clock()}
        self._execute(self._touch, {"seen": seen, "expires": expires, **at}, self._server.deadline())

    def destroy(self, record_id: str) -> bool:
        return self._execute(self._delete, {"wanted": _id(record_id)}, self._server.deadline()) > 0

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
        c = self._table.c
        query = sa.select(c.id).where(c.user_id == user.encode()).limit(_BATCH)
        if keep is not None:
            query = query.where(c.id != _id(keep))
        revoked = 0
        while ids := self._ids(query):
            revoked += self._remove(ids)
        return revoked

    def sweep(self, limit: int = 1000) -> int:
        c = self._table.c
        long_ago = self._clock() - SWEEP_MARGIN_MS
        return self._remove(self._ids(sa.select(c.id).where(c.expires <= long_ago).order_by(c.expires).limit(limit)))

    def create_schema(self) -> None:
        """Create the table and its indexes where they are missing. Safe to run twice, and by two at once.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the account may not, or the server cannot be reached.
        """
        self._create_in(self._server.engine)

    def close(self) -> None:
        self._server.close()

    def _create_in(self, engine: sa.Engine) -> None:
        with engine.connect() as connection:
            connection.execute(CreateTable(self._table, if_not_exists=True))
            there = {index["name"] for index in sa.inspect(connection).get_indexes(self._table.name)}
            for index in self._table.indexes:
                if index.name not in there:
                    try:
                        connection.execute(CreateIndex(index))
                    except sa.exc.DBAPIError as error:
                        if "exists" not in str(error.orig) and "Duplicate key name" not in str(error.orig):
                            raise
        log.info("table %s is there", self._table.name)

    def _read(self, record_id: str, deadline: float) -> Record | None:
        rows = self._fetch(self._load, deadline, {"wanted": _id(record_id)})
        if not rows:
            return None
        record = from_row(rows[0])
        if record is None:
            log.warning("record %.12s cannot be read: taken as absent", record_id)
            return None
        return record if is_live(record, self._clock()) else None

    def _ids(self, query: sa.Select[Any]) -> list[bytes]:
        return [row.id for row in self._fetch(query, self._server.deadline())]

    def _remove(self, ids: list[bytes]) -> int:
        return self._execute(self._delete_many, {"ids": ids}, self._server.deadline()) if ids else 0

    def _fetch(self, query: sa.Select[Any], deadline: float, values: dict[str, Any] | None = None) -> list[Any]:
        return self._server.run(lambda connection: list(connection.execute(query, values or {})), deadline)

    def _execute(self, statement: Any, values: dict[str, Any], deadline: float) -> int:
        return self._server.run(lambda connection: int(connection.execute(statement, values).rowcount), deadline)


def _id(record_id: str) -> bytes:
    return bytes.fromhex(record_id)
