"""Old stores: what is there, what has expired, and what cannot be asked."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import redis
import sqlalchemy as sa

from zdsession import ConfigurationError, StoreUnavailableError
from zdsession.adoption import RedisPlace, TablePlace

COLUMNS: dict[str, Any] = {"table": "old sessions", "key": "key", "value": "value", "expires": "expires"}


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/old.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def rows(url: str) -> Iterator[sa.Engine]:
    """A table whose names have to be quoted, with a few rows."""
    engine = sa.create_engine(url)
    table = sa.Table(
        "old sessions",
        sa.MetaData(),
        sa.Column("key", sa.String(80), primary_key=True),
        sa.Column("value", sa.LargeBinary),
        sa.Column("expires", sa.DateTime),
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    with engine.begin() as connection:
        table.create(connection)
        for key, value, expires in (
            ("live", b"\0\xff", now + timedelta(hours=1)),
            ("over", b"x", now - timedelta(seconds=2)),
            ("never", b"x", None),
        ):
            connection.execute(sa.insert(table).values(key=key, value=value, expires=expires))
    yield engine
    engine.dispose()


@pytest.mark.usefixtures("rows")
def test_rows(url: str) -> None:
    place = TablePlace(url, **COLUMNS)
    assert [place.get(key) for key in ("live", "over", "never", "none", "' OR 1=1 --")] == [b"\0\xff", *[None] * 4]
    place.delete("live")
    place.delete("live")
    assert place.get("live") is None
    assert TablePlace(url, **{**COLUMNS, "expires": None}).get("over") == b"x"


def test_an_engine_and_times_in_another_zone(rows: sa.Engine) -> None:
    east = timezone(timedelta(hours=2))
    assert TablePlace(rows, **COLUMNS).get("live") is not None
    assert TablePlace(rows, **COLUMNS, zone=east).get("live") is None, "an hour from now in UTC is over in the east"


def test_text(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/t.db")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE t (k TEXT, v TEXT)"))
        connection.execute(sa.text("INSERT INTO t VALUES ('a', 'é')"))
    assert TablePlace(engine, table="t", key="k", value="v").get("a") == "é".encode()
    engine.dispose()


def test_what_cannot_be_asked_is_an_outage_and_soon_costs_nothing() -> None:
    """A server that accepts and says nothing: the budget, three times, and then the circuit answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        places: list[TablePlace | RedisPlace] = [
            TablePlace(f"mysql+pymysql://u:hunter2@127.0.0.1:{port}/d", **COLUMNS, budget=0.1),
            RedisPlace(f"redis://:hunter2@127.0.0.1:{port}/0", budget=0.1),
        ]
        for place in places:
            for _ in range(3):
                with pytest.raises(StoreUnavailableError, match="old sessions in") as raised:
                    place.get("a")
                assert "hunter2" not in str(raised.value)
            with pytest.raises(StoreUnavailableError, match="not asked again"):
                place.get("a")


def test_redis(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    client.set("text", b"\0\xff")
    client.hset("hash", "a", "b")
    for place in (RedisPlace(redis_url), RedisPlace(redis.Redis.from_url(redis_url))):
        assert [place.get(key) for key in ("text", "hash", "none")] == [b"\0\xff", None, None]
    decoding = RedisPlace(redis.Redis.from_url(redis_url, decode_responses=True))
    client.set("decoded", "é")
    assert decoding.get("decoded") == "é".encode()
    decoding.delete("decoded")
    assert client.get("decoded") is None
    client.close()


def test_redis_refuses(redis_url: str) -> None:
    place = RedisPlace(redis_url.replace("redis://", "redis://nobody:hunter2@"))
    with pytest.raises(StoreUnavailableError) as raised:
        place.get("a")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("url", ["redis://h:port/0", "ftp://u:hunter2@h"])
def test_redis_urls_that_are_none(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        RedisPlace(url)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("url", ["mysql+pymysql://u:hunter2@h:port/d", "nothing", "no+such://u:hunter2@h/d"])
def test_sql_urls_that_are_none(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        TablePlace(url, **COLUMNS)
    assert "hunter2" not in str(raised.value)


@pytest.mark.usefixtures("rows")
def test_after_a_fork(url: str) -> None:
    """A child asks on a connection of its own."""
    place = TablePlace(url, **COLUMNS)
    assert place.get("live") is not None
    child = os.fork()
    if child == 0:
        os._exit(0 if place.get("live") == b"\0\xff" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert place.get("live") is not None
