"""The sessions table, and a record as a row of it."""

from __future__ import annotations

from binascii import unhexlify
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    cast,
    literal_column,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.expression import ColumnElement

from zdsession.errors import TooLargeError
from zdsession.record import Record, is_sound

_DATA_BYTES = 2**24 - 1
_NUMBERS = ("version", "previous_until", "previous_blank", "created", "seen", "renewed", "expires", "deadline")
#: All columns but ``id``: what :func:`to_row` fills.
ROW = (*_NUMBERS, "secret", "previous", "user_id", "data")
_SPACE: Any = literal_column("' '", String)
_values_from = msgspec.msgpack.Decoder(dict[str, bytes]).decode
_values_to = msgspec.msgpack.Encoder().encode


def _bytes(length: int, on_mysql: Any) -> Any:
    """Bytes of at most ``length``, as the type MySQL and MariaDB index best."""
    return LargeBinary(length).with_variant(on_mysql, "mysql").with_variant(on_mysql, "mariadb")


def sessions_table(name: str = "zdsession", metadata: MetaData | None = None) -> Table:
    """The table: one row a session, found by hash, by user and by when it expires.

    With the app's own ``metadata``, Alembic's autogenerate sees it there and leaves it alone. Users are bytes, so that
    no collation takes ``Bob`` for ``bob``. Times are milliseconds since the epoch.
    """
    return Table(
        name,
        MetaData() if metadata is None else metadata,
        Column("id", _bytes(32, mysql.BINARY(32)), primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("secret", _bytes(32, mysql.VARBINARY(32)), nullable=False),
        Column("previous", _bytes(32, mysql.VARBINARY(32)), nullable=False),
        Column("previous_until", BigInteger, nullable=False),
        Column("previous_blank", SmallInteger, nullable=False),
        Column("created", BigInteger, nullable=False),
        Column("seen", BigInteger, nullable=False),
        Column("renewed", BigInteger, nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("deadline", BigInteger, nullable=False),
        Column("user_id", _bytes(255, mysql.VARBINARY(255)), nullable=True),
        Column("data", _bytes(_DATA_BYTES, mysql.MEDIUMBLOB()), nullable=False),
        Index(f"ix_{name}_expires", "expires"),
        Index(f"ix_{name}_user_id", "user_id"),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )


def to_row(record: Record) -> dict[str, Any]:
    """All columns but ``id``.

    Raises:
        TooLargeError: more than the column holds; a server that is not strict would cut it.
    """
    data = _values_to(dict(record.values))
    if len(data) > _DATA_BYTES:
        raise TooLargeError("the session", len(data), _DATA_BYTES, "the SQL store")
    return {
        "version": record.version,
        "secret": record.secret,
        "previous": record.previous,
        "previous_until": record.previous_until,
        "previous_blank": int(record.previous_blank),
        "created": record.created,
        "seen": record.seen,
        "renewed": record.renewed,
        "expires": record.expires,
        "deadline": record.deadline,
        "user_id": None if record.user is None else record.user.encode(),
        "data": data,
    }


def record_columns(table: Table) -> list[ColumnElement[Any]]:
    """What :func:`from_row` needs. The numbers come as one text: a driver in Python takes long for each column."""
    numbers: Any = cast(table.c[_NUMBERS[0]], String(20))
    for name in _NUMBERS[1:]:
        numbers = numbers + _SPACE + cast(table.c[name], String(20))
    return [numbers.label("numbers"), table.c.secret, table.c.previous, table.c.user_id, table.c.data]


def packed_select(table: Table) -> str:
    """A SELECT by id of a record as one column, for PyMySQL: in Python each column costs as much as a small row.

    The column is NULL where it would be longer than the server's ``max_allowed_packet``.
    """
    parts = [*map(_quote, _NUMBERS), "HEX(`secret`)", "HEX(`previous`)", "IFNULL(HEX(`user_id`), '-')", "`data`"]
    return f"SELECT CONCAT_WS(' ', {', '.join(parts)}) FROM {_quote(table.name).replace('%', '%%')} WHERE `id` = %s"


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def from_packed(packed: bytes) -> Record | None:
    """The record in what :func:`packed_select` selects, or None when something in it is not what we write."""
    try:
        numbers = packed.split(b" ", len(_NUMBERS) + 3)
        version, previous_until, previous_blank, created, seen, renewed, expires, deadline = map(int, numbers[:8])
        secret, previous, user, data = numbers[8:]
        record = Record(
            version=version,
            secret=unhexlify(secret),
            previous=unhexlify(previous),
            previous_until=previous_until,
            previous_blank=bool(previous_blank),
            created=created,
            seen=seen,
            renewed=renewed,
            expires=expires,
            deadline=deadline,
            user=None if user == b"-" else unhexlify(user).decode(),
            values=_values_from(data),
        )
    except (msgspec.MsgspecError, ValueError, TypeError):
        return None
    return record if is_sound(record) else None


def from_row(row: Any) -> Record | None:
    """The record in a row of :func:`record_columns`, or None when something in it is not what we write."""
    try:
        numbers, secret, previous, user, data = row
        version, previous_until, previous_blank, created, seen, renewed, expires, deadline = map(
            int, numbers.split(" ")
        )
        record = Record(
            version=version,
            secret=bytes(secret),
            previous=bytes(previous),
            previous_until=previous_until,
            previous_blank=bool(previous_blank),
            created=created,
            seen=seen,
            renewed=renewed,
            expires=expires,
            deadline=deadline,
            user=None if user is None else user.decode(),
            values=_values_from(data),
        )
    except (msgspec.MsgspecError, ValueError, TypeError, AttributeError):
        return None
    return record if is_sound(record) else None
