"""Users who click while a store is in trouble, and a ledger of what they were told was saved."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tests.zdsession.helpers import Browser
from zdsession import SessionManager, SessionMiddleware
from zdsession.record import Change, Record, Saved
from zdsession.stores import Store

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

T = TypeVar("T")
#: A visitor of the shop makes so many clicks, each of which adds a key; then the next one comes.
CLICKS = 40
#: What an operation may add for its own work, in seconds; a busy machine adds a few times its lateness.
SLACK = 0.5


class Timed:
    """A store that remembers its slowest operation, in seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.slowest = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def load(self, record_id: str) -> Record | None:
        return self._timed(lambda: self._store.load(record_id))

    def create(self, record_id: str, record: Record) -> bool:
        return self._timed(lambda: self._store.create(record_id, record))

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        return self._timed(lambda: self._store.save(record_id, base, change))

    def _timed(self, ask: Callable[[], T]) -> T:
        began = time.monotonic()
        try:
            return ask()
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)


@dataclass
class Ledger:
    """What one or all clickers saw.

    Attributes:
        acknowledged: By the cookie of a session, the keys that pages answered with 200 have written.
        ok: Pages answered with 200.
        out: Pages answered with 503.
        other: Statuses of any other pages.
        deleted: Answers that took the browser's cookie away.
        longest_gap: Seconds between two pages answered with 200, the longest of any clicker.
    """

    acknowledged: dict[str, set[str]] = field(default_factory=dict)
    ok: int = 0
    out: int = 0
    other: list[str] = field(default_factory=list)
    deleted: int = 0
    longest_gap: float = 0.0


class Clickers:
    """Threads that each send one request after the other through the middleware, until the end of the `with`."""

    def __init__(self, store: Store, count: int = 4) -> None:
        self.timed = Timed(store)
        self.sessions = SessionManager(self.timed, circuit_cooldown=0.2)
        self.ledger = Ledger()
        self._app = SessionMiddleware(_page, self.sessions)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failed: list[BaseException] = []
        #: How late this machine wakes a thread of ours up, in seconds, at worst: it may be busy with other things.
        self.lateness = 0.0
        self._threads = [threading.Thread(target=self._run) for _ in range(count)]
        self._threads.append(threading.Thread(target=self._watch_the_clock))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        if self._failed and error is None:
            raise self._failed[0]

    def wait_for(self, more: int, seconds: float = 30) -> None:
        """Wait until so many more pages were answered with 200: before a fault, and after it for the recovery."""
        wanted, deadline = self.ledger.ok + more, time.monotonic() + seconds
        while self.ledger.ok < wanted:
            assert time.monotonic() < deadline, f"{self.ledger.ok} of {wanted} pages after {seconds} s"
            assert not self._failed, self._failed[0]
            time.sleep(0.02)

    def lost(self) -> tuple[int, int]:
        """Acknowledged writes that are gone, and sessions that are gone as a whole. For after the clicking."""
        writes = sessions = 0
        for cookie, keys in self.ledger.acknowledged.items():
            there = set(self.sessions.open(cookie))
            writes += len(keys - there)
            sessions += not there
        return writes, sessions

    def check(self, budget: float) -> None:
        """What holds whatever happened to a store of that budget (seconds): 200 or 503, in time, and no cookie gone."""
        assert self.ledger.other == []
        assert self.ledger.deleted == 0
        assert self.timed.slowest < budget + SLACK + 4 * self.lateness

    @property
    def written(self) -> int:
        """Acknowledged writes."""
        return sum(map(len, self.ledger.acknowledged.values()))

    def _watch_the_clock(self) -> None:
        tick = 0.02
        while not self._stop.is_set():
            began = time.monotonic()
            time.sleep(tick)
            self.lateness = max(self.lateness, time.monotonic() - began - tick)

    def _run(self) -> None:
        try:
            browser, clicks, last_ok = Browser(self._app), 0, time.monotonic()
            while not self._stop.is_set():
                if clicks == CLICKS:
                    browser, clicks = Browser(self._app), 0
                clicks += 1
                answer = browser.get(f"/{clicks}")
                with self._lock:
                    seen = self.ledger
                    seen.deleted += any("Max-Age=0" in header for header in answer.all("Set-Cookie"))
                    if answer.status.startswith("200"):
                        seen.ok += 1
                        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
                        seen.acknowledged.setdefault(cookie, set()).add(f"/{clicks}")
                        now = time.monotonic()
                        seen.longest_gap, last_ok = max(seen.longest_gap, now - last_ok), now
                    elif answer.status.startswith("503"):
                        seen.out += 1
                    else:
                        seen.other.append(answer.status)
                if not answer.status.startswith("200"):
                    self._stop.wait(0.02)
        except BaseException as error:
            self._failed.append(error)


def _page(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    environ["zdsession"][environ["PATH_INFO"]] = 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"saved"]
