"""Where old systems keep their sessions: a Redis string or a table's row for each.

Each visitor comes here once, so this is plain: no pool to keep, nothing that a fork could break.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from zdsession.circuit import Circuit
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.stores import safe_url

if TYPE_CHECKING:
    import redis
    import sqlalchemy as sa

T = TypeVar("T")


class Place(Protocol):
    """Stored bytes by key."""

    def get(self, key: str) -> bytes | None:
        """What is stored, or None if there is nothing, or it has expired. Raises StoreUnavailableError."""

    def delete(self, key: str) -> None:
        """Remove it, if it is there. Raises StoreUnavailableError."""


class RedisPlace:
    """Strings in Redis.

    Args:
        redis: its URL, or a client, as Sentinel and Cluster need one.
        budget: seconds a request may wait for it, of a client made here.
    """

    def __init__(self, redis: str | redis.Redis, *, budget: float = 1.0) -> None:
        self._client: Any = _redis_client(redis, budget) if isinstance(redis, str) else redis
        self._circuit = Circuit()

    def get(self, key: str) -> bytes | None:
        from redis.exceptions import ResponseError

        try:
            found = self._ask(lambda: self._client.get(key))
        except ResponseError as error:
            if "WRONGTYPE" in str(error):
                return None
            raise StoreUnavailableError(f"old sessions in redis: {error}") from error
        return found.encode() if isinstance(found, str) else found

    def delete(self, key: str) -> None:
        self._ask(lambda: self._client.delete(key))

    def _ask(self, ask: Callable[[], Any]) -> Any:
        from redis.exceptions import RedisError, ResponseError

        def asked() -> Any:
            try:
                return ask()
            except ResponseError as error:
                if "WRONGTYPE" in str(error):
                    raise
                raise StoreUnavailableError(f"old sessions in redis: {error}") from error
            except (RedisError, OSError) as error:
                raise StoreUnavailableError(f"old sessions in redis: {type(error).__name__}: {error}") from error

        return self._circuit.call(asked)


class TablePlace:
    """Rows of a table.

    Args:
        database: SQLAlchemy's URL, or an engine.
        table: its name; with a schema, ``schema.name``.
        key: column of the key.
        value: column of the value, bytes or text.
        expires: column of the time a row expires, or None if it has none.
        zone: in which ``expires`` is written, where it comes without one.
        budget: seconds to connect and, each, to be answered by MySQL or MariaDB; an engine has its own.
    """

    def __init__(
        self,
        database: str | sa.Engine,
        *,
        table: str,
        key: str,
        value: str,
        expires: str | None = None,
        zone: tzinfo = UTC,
        budget: float = 1.0,
    ) -> None:
        import sqlalchemy as sa

        schema, _, name = table.rpartition(".")
        self._key = sa.column(key, sa.String)
        self._value: sa.ColumnClause[Any] = sa.column(value)
        self._expires = None if expires is None else sa.column(expires, sa.DateTime)
        self._table = sa.table(name, self._key, self._value, schema=schema or None)
        self._zone = zone
        self._engine = _engine(database, budget) if isinstance(database, str) else database
        self._circuit = Circuit()

    def get(self, key: str) -> bytes | None:
        import sqlalchemy as sa

        columns = [self._value] if self._expires is None else [self._value, self._expires]
        query = sa.select(*columns).select_from(self._table).where(self._key == key)
        row: Any = self._ask(lambda connection: connection.execute(query).first())
        if row is None or (self._expires is not None and not self._is_live(row[1])):
            return None
        value = row[0]
        return value.encode() if isinstance(value, str) else bytes(value)

    def delete(self, key: str) -> None:
        import sqlalchemy as sa

        def delete(connection: sa.Connection) -> None:
            connection.execute(sa.delete(self._table).where(self._key == key))

        self._ask(delete)

    def _is_live(self, expires: Any) -> bool:
        if not isinstance(expires, datetime):
            return False
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=self._zone)
        return bool(expires > datetime.now(UTC))

    def _ask(self, work: Callable[[sa.Connection], T]) -> T:
        from sqlalchemy.exc import SQLAlchemyError

        def asked() -> T:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                reason = getattr(error, "orig", None) or type(error).__name__
                raise StoreUnavailableError(f"old sessions in SQL: {reason}") from error

        return self._circuit.call(asked)


def _redis_client(url: str, budget: float) -> Any:
    import redis

    try:
        return redis.Redis.from_url(url, socket_timeout=budget, socket_connect_timeout=budget)
    except Exception as error:  # its message may quote the URL, password and all
        raise ConfigurationError(f"{safe_url(url)} is not a usable URL: {type(error).__name__}") from None


def _engine(url: str, budget: float) -> sa.Engine:
    import sqlalchemy as sa

    try:
        options: dict[str, Any] = {}
        if sa.engine.make_url(url).drivername.endswith("pymysql"):
            options = dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), budget)
        return sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args=options, hide_parameters=True)
    except Exception as error:
        raise ConfigurationError(f"{safe_url(url)} is not a usable URL: {type(error).__name__}") from None
