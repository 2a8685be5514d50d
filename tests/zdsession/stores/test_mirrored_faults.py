"""Redis in front of MySQL, either killed under load: nothing acknowledged is lost, and whoever logged out stays out."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa

from tests.servers import Server
from tests.zdsession.stores.clickers import Clickers
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


def two_nodes(redis: Server, mysql: Server) -> list[MirroredStore]:
    """Two nodes on the same two empty stores, both in sync."""
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
    for node in nodes:
        wait_for(node, BOTH)
    return nodes


@pytest.mark.soak
def test_either_store_is_killed_under_load(make_server: Any) -> None:
    """As the pages below, at the stores themselves."""
    redis: Server = make_server("redis")
    mysql: Server = make_server("mysql")
    nodes = two_nodes(redis, mysql)
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


def test_pages_while_either_store_is_lost_and_comes_back(make_server: Any) -> None:
    """Users click on two nodes through the middleware. Each store is killed, and returns, Redis with nothing in it."""
    redis: Server = make_server("redis")
    mysql: Server = make_server("mysql")
    nodes = two_nodes(redis, mysql)
    with Clickers(nodes[0], 2) as here, Clickers(nodes[1], 2) as there:
        both = (here, there)
        logged_out = {}
        for server, name in ((redis, FRONT), (mysql, BACK)):
            left = cookie_at(here)
            logged_out[name] = left
            for clickers in both:
                clickers.wait_for(30)
            server.kill()
            for clickers in both:
                clickers.wait_for(60)
            wait_for(nodes[0], (BACK if name == FRONT else FRONT,))
            there.sessions.open(left).invalidate()  # a logout at the other node, while one store is away
            for clickers in both:
                clickers.wait_for(30)
            server.start()
            for node in nodes:
                wait_for(node, BOTH)
            for clickers in both:
                clickers.wait_for(30)
    for clickers in both:
        ledger = clickers.ledger
        print(
            f"{ledger.ok} pages, {ledger.out} with 503, {clickers.written} writes, slowest operation "
            f"{clickers.timed.slowest:.2f} s, longest gap {ledger.longest_gap:.2f} s, late {clickers.lateness:.2f} s"
        )
        clickers.check(BUDGET)
        assert clickers.lost() == (0, 0)
    for clickers, others in ((here, there), (there, here)):
        for cookie, keys in clickers.ledger.acknowledged.items():
            assert keys <= set(others.sessions.open(cookie)), "the other node has it too"
            record_id = others.sessions.cookie.tokens(cookie)[0].record
            front, back = [side.load(record_id) for side in nodes[0].parts]
            assert front is not None
            assert back is not None
            assert front.values == back.values, "both stores hold the same in the end"
    for cookie in logged_out.values():
        assert all(clickers.sessions.open(cookie).is_new for clickers in both), "who logged out stays out"
    for node in nodes:
        node.close()


def cookie_at(clickers: Clickers) -> str:
    """The Cookie header of somebody who has a session."""
    session = clickers.sessions.open(None)
    session["here"] = 1
    session.save()
    return str(session.set_cookie()).split(";")[0]
