"""Transactions that go on when the primary moves.

Every access is a function ``work(session, ...)``. When the primary moved while it ran, or the server asks to try again
(a deadlock, a table altered since the transaction began), it is begun again as a whole, within ``BUDGET`` seconds: the
visitor waits a moment, and no page fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from flask import Flask, current_app
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.local import LocalProxy

from zdmigrate.engine import follow_primary

BUDGET = 15.0
#: What the servers say to "please retry": ER_LOCK_DEADLOCK, ER_TABLE_DEF_CHANGED.
_TRY_AGAIN = (1213, 1412)
_TRIES = 10
Result = TypeVar("Result")


class Database:
    """The nodes of the database, as one."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.engine = follow_primary(urls, budget=BUDGET, pool_size=4, max_overflow=8, pool_recycle=1800)
        # Pages show objects after the transaction that read them.
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    def read(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """The result of ``work(session, *arguments)``, which changes nothing."""
        with self.engine.retrying(self._sessions, idempotent=True) as attempt:
            return _trying_again(attempt, work, *arguments)

    def write(self, work: Callable[..., Result], *arguments: Any, committed: Callable[..., bool]) -> Result:
        """The same for work that changes something.

        Args:
            work: called again only when the server kept nothing.
            committed: ``committed(session, *arguments)`` says whether it took effect, when the answer was lost.
        """
        with self.engine.retrying(self._sessions, committed=committed) as attempt:
            return _trying_again(attempt, work, *arguments)


def _trying_again(attempt: Callable[..., Result], *call: Any) -> Result:
    """Whatever the transaction did has been rolled back when its error arrives here."""
    for _ in range(_TRIES - 1):
        try:
            return attempt(*call)
        except DBAPIError as error:
            if error.orig is None or error.orig.args[0] not in _TRY_AGAIN:
                raise
    return attempt(*call)


def init_app(app: Flask, urls: Sequence[str]) -> Database:
    """Give the app its database."""
    app.extensions["database"] = made = Database(urls)
    return made


#: Of the app that serves this request.
database: Database = LocalProxy(lambda: current_app.extensions["database"])  # type: ignore[assignment]

__all__ = ["Database", "Session", "database", "init_app"]
