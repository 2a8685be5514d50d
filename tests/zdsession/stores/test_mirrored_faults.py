"""Redis in front of MySQL, either killed under load: nothing acknowledged is lost, and whoever logged out stays out."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from tests.servers import Server
from tests.zdsession.stores.ledger import progress, visitors
from zdsession.clock import now_ms
from zdsession.record import Record
from zdsession.stores.mirrored import LEASE_PART, MirroredStore
from zdsession.stores.mirrored_sides import BACK, BOTH, FRONT
from zdsession.stores.redis import RedisStore
from zdsession.stores.sql import SqlStore

BUDGET = 3.0
SLACK = 3.0


def wait_for(store: MirroredStore, sides: tuple[str, ...], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while store.in_sync() != sides:
        assert time.monotonic() < deadline, store.in_sync()
        time.sleep(0.05)


def test_either_store_is_killed_under_load(make_server: Any) -> None:
    redis: Server = make_server("redis")
    mysql: Server = make_server("mysql")
    engine = sa.create_engine(mysql.url(), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE shop"))
    engine.dispose()
    SqlStore(mysql.url("shop"), budget=20, janitor=False).create_schema()
    part = LEASE_PART * BUDGET
    nodes = [
        MirroredStore(
            RedisStore(redis.url(), budget=part),
            SqlStore(mysql.url("shop"), budget=part, janitor=False),
            budget=BUDGET,
            cooldown=0.2,
        )
        for _ in range(2)
    ]
    wait_for(nodes[0], BOTH)
    wait_for(nodes[1], BOTH)
    ended = [f"{number:064x}" for number in (1001, 1002)]
    for record_id in ended:
        now = now_ms()
        nodes[0].create(record_id, Record(b"s" * 32, now, now, now, now + 3_600_000, now + 3_600_000))
    with visitors(nodes[0], 3) as everyone:
        for server, name, record_id in ((redis, FRONT, ended[0]), (mysql, BACK, ended[1])):
            progress(everyone)
            server.kill()
            other = BACK if name == FRONT else FRONT
            progress(everyone)
            wait_for(nodes[0], (other,))
            assert nodes[1].destroy(record_id), "a logout while one store is away"
            server.start()
            wait_for(nodes[0], BOTH)
            wait_for(nodes[1], BOTH)
            progress(everyone)
    for one in everyone:
        for node in nodes:
            one.check(node)
        assert one.slowest < BUDGET + SLACK
    for record_id in ended:
        assert all(node.load(record_id) is None for node in nodes)
    front, back = nodes[0].parts
    for one in everyone:
        raw = [side.load(one.record_id) for side in (front, back)]
        assert raw[0] is not None
        assert raw[1] is not None
        assert raw[0].values == raw[1].values, "both stores hold the same in the end"
    print("refused:", [one.refused for one in everyone], "slowest:", [round(one.slowest, 2) for one in everyone])
    for node in nodes:
        node.close()
