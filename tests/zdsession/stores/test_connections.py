"""Places for connections: no more than there may be, none lost, and who waits gets one."""

from __future__ import annotations

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from zdsession.stores.connections import Connections


def soon() -> float:
    return time.monotonic() + 20


def test_the_last_one_used_is_used_next() -> None:
    places: Connections[str] = Connections(3)
    assert [places.take(soon()) for _ in range(3)] == [None, None, None]
    for name in ("a", "b"):
        places.put(name)
    places.lose()
    assert [places.take(soon()) for _ in range(3)] == ["b", "a", None]


def test_nobody_waits_beyond_the_deadline() -> None:
    places: Connections[str] = Connections(1)
    places.take(soon())
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="in use"):
        places.take(began + 0.05)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("lost", [False, True])
def test_who_waits_gets_the_next_one(lost: bool) -> None:
    places: Connections[str] = Connections(1)
    places.take(soon())
    got: list[str | None] = []
    waiting = threading.Thread(target=lambda: got.append(places.take(soon())))
    waiting.start()
    while not places._waiting:
        time.sleep(0.001)
    if lost:
        places.lose()
    else:
        places.put("a")
    waiting.join(20)
    assert got == [None if lost else "a"]


def test_idle_ones_are_handed_out_once_and_their_places_stay() -> None:
    places: Connections[str] = Connections(3)
    for _ in range(3):
        places.take(soon())
    places.put("a")
    places.put("b")
    assert sorted(places.take_idle()) == ["a", "b"]
    assert list(places.take_idle()) == []
    places.put("c")
    assert [places.take(soon()) for _ in range(3)] == ["c", None, None]


def test_many_threads_that_take_put_lose_and_close() -> None:
    places: Connections[int] = Connections(3)
    numbers, lock = itertools.count(), threading.Lock()
    in_use: set[int] = set()

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(300):
            one = places.take(soon())
            with lock:
                one = next(numbers) if one is None else one
                assert one not in in_use, "two threads have it"
                in_use.add(one)
                assert len(in_use) <= 3
            if chance.random() < 0.1:
                time.sleep(0.0005)
            with lock:
                in_use.discard(one)
            if chance.random() < 0.3:
                places.lose()
            else:
                places.put(one)
            if chance.random() < 0.05:
                list(places.take_idle())

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(work, seed) for seed in range(8)]:
            done.result(60)
    assert len(places._free) == 3
