"""Requests that write down what was acknowledged to them, and look for it afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from zdsession.clock import now_ms
from zdsession.errors import StoreUnavailableError
from zdsession.record import Change, Outcome, Record
from zdsession.stores import Store

HOUR_MS = 3_600_000


class Visitor(threading.Thread):
    """One session that a thread reads and writes until told to stop."""

    def __init__(self, store: Store, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.store = store
        self.record_id = f"{number:064x}"
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.slowest = 0.0
        self.problems: list[str] = []
        self._stop_asked = stop
        now = now_ms()
        assert store.create(self.record_id, Record(b"s" * 32, now, now, now, now + HOUR_MS, now + HOUR_MS, user="ann"))

    def run(self) -> None:
        turn = 0
        while not self._stop_asked.is_set() and turn < 2000:
            turn += 1
            time.sleep(0.005)
            with self._timed():
                record = self.store.load(self.record_id)
                self._look(record)
            if record is None:
                continue
            with self._timed():
                now = now_ms()
                saved = self.store.save(self.record_id, record, Change(now, now + HOUR_MS, put={str(turn): b"1"}))
                if saved.outcome is Outcome.SAVED:
                    self.acknowledged.add(str(turn))
                else:
                    self.problems.append(f"turn {turn}: {saved.outcome}")

    def check(self, store: Store) -> None:
        """Nothing acknowledged is missing from ``store``."""
        self._look(store.load(self.record_id))
        assert not self.problems, self.problems[:5]
        assert self.acknowledged

    def _look(self, record: Record | None) -> None:
        if record is None:
            self.problems.append("the session is gone")
        elif lost := self.acknowledged - record.values.keys():
            self.problems.append(f"lost {len(lost)} of {len(self.acknowledged)} acknowledged writes")

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        except StoreUnavailableError:
            self.refused += 1
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)


@contextmanager
def visitors(store: Store, count: int) -> Iterator[list[Visitor]]:
    """So many visitors at work."""
    stop = threading.Event()
    all_of_them = [Visitor(store, number, stop) for number in range(count)]
    for one in all_of_them:
        one.start()
    try:
        yield all_of_them
    finally:
        stop.set()
        for one in all_of_them:
            one.join(60)


def progress(everyone: list[Visitor], more: int = 5, seconds: float = 60) -> None:
    """Wait until each of them had so many more writes acknowledged."""
    goals = [len(one.acknowledged) + more for one in everyone]
    deadline = time.monotonic() + seconds
    while any(len(one.acknowledged) < goal for one, goal in zip(everyone, goals, strict=True)):
        assert time.monotonic() < deadline, [(len(v.acknowledged), v.refused, v.problems[:2]) for v in everyone]
        time.sleep(0.02)
