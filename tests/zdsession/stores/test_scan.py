"""Every store can name its records, page by page, while sessions come and go."""

from __future__ import annotations

import threading

from tests.zdsession.conformance import a_record
from tests.zdsession.helpers import Clock
from zdsession.clock import now_ms
from zdsession.stores import Store
from zdsession.stores.base import Scannable


def everything(store: Store, limit: int) -> list[str]:
    assert isinstance(store, Scannable)
    found: list[str] = []
    cursor = ""
    for _ in range(10_000):
        ids, cursor = store.scan(cursor, limit)
        found += ids
        if not cursor:
            return found
    raise AssertionError("it does not end")


def test_an_empty_store(store: Store) -> None:
    assert everything(store, 10) == []


def test_names_every_record_and_nothing_else(store: Store) -> None:
    clock = Clock(now=now_ms())
    ids = {f"{n:064x}" for n in range(0, 2**32, 2**32 // 50)}
    for record_id in ids:
        store.create(record_id, a_record(clock, user="ann", k=b"1"))
    for limit in (1, 7, 1000):
        assert set(everything(store, limit)) == ids
    for record_id in ids:
        store.destroy(record_id)
    assert everything(store, 10) == []


def test_what_is_there_all_the_time_is_named_while_others_come_and_go(store: Store) -> None:
    clock = Clock(now=now_ms())
    stays = {f"{n:08x}" * 8 for n in range(40)}
    for record_id in stays:
        store.create(record_id, a_record(clock))
    stop = threading.Event()

    def churn() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            record_id = f"{turn % 500 + 1000:08x}" * 8
            store.create(record_id, a_record(clock))
            store.destroy(record_id)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(5):
            assert stays <= set(everything(store, 5))
    finally:
        stop.set()
        thread.join(60)
