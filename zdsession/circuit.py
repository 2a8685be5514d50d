"""A circuit breaker: a store that is out costs microseconds instead of a timeout for every request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from zdsession.errors import StoreUnavailableError
from zdsession.events import emit
from zdsession.record import Change, Found, Record, Saved
from zdsession.stores.base import Store

P = ParamSpec("P")
T = TypeVar("T")


class Circuit:
    """Closed, it lets every call through. Open, it refuses them at once. Half open, it lets one through to see.

    Args:
        failures: so many in a row open it.
        cooldown: seconds it stays open before one call may try. A failed try opens it again.
        clock: monotonic, in seconds.
    """

    def __init__(
        self, *, failures: int = 3, cooldown: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures = failures
        self._cooldown = cooldown
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._opened_at: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether calls are being refused."""
        return self._opened_at is not None

    def call(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``ask`` returns. Only StoreUnavailableError counts as a failure, and is passed on."""
        if self._opened_at is not None:
            self._enter()
        try:
            answer = ask(*args, **kwargs)
        except StoreUnavailableError:
            self._fail()
            raise
        except BaseException:
            self._trying = False
            raise
        if self._failed:
            self._succeed()
        return answer

    def _enter(self) -> None:
        with self._lock:
            if self._opened_at is None:
                return
            if self._trying or self._clock() - self._opened_at < self._cooldown:
                raise StoreUnavailableError(
                    "the session store is out; not asked again before its cool-down ends",
                    retry_after=max(1, round(self._cooldown)),
                )
            self._trying = True

    def _fail(self) -> None:
        with self._lock:
            self._failed += 1
            if self._trying or self._failed >= self._failures:
                self._opened_at = self._clock()
            self._trying = False

    def _succeed(self) -> None:
        with self._lock:
            self._failed = 0
            self._opened_at = None
            self._trying = False


class GuardedStore:
    """A store behind a circuit; the same contract."""

    def __init__(self, store: Store, circuit: Circuit) -> None:
        self._store = store
        self._call = circuit.call
        self.circuit = circuit

    def load(self, record_id: str) -> Record | None:
        return self._call(self._store.load, record_id)

    def create(self, record_id: str, record: Record) -> bool:
        return self._call(self._store.create, record_id, record)

    def save(self, record_id: str, base: Record, change: Change) -> Saved:
        return self._call(self._store.save, record_id, base, change)

    def touch(self, record_id: str, seen: int, expires: int) -> None:
        self._call(self._store.touch, record_id, seen, expires)

    def destroy(self, record_id: str) -> bool:
        return self._call(self._store.destroy, record_id)

    def sessions_of(self, user: str) -> list[Found]:
        return self._call(self._store.sessions_of, user)

    def revoke_user(self, user: str, *, keep: str | None = None) -> int:
        return self._call(self._store.revoke_user, user, keep=keep)

    def sweep(self, limit: int = 1000) -> int:
        count = self._call(self._store.sweep, limit)
        if count:
            emit("expired", "", count=count)
        return count

    def close(self) -> None:
        self._store.close()
