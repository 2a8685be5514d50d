"""What this process is busy with, counted."""

from __future__ import annotations

import secrets
import threading
import time
from types import TracebackType


class Load:
    """Requests in flight, and what the app said must be let finish. For all threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight = 0
        self._idle_since = time.monotonic()
        self._busy: dict[str, tuple[str, float]] = {}
        #: Requests begun so far.
        self.requests = 0

    def enter(self) -> None:
        """A request begins."""
        with self._lock:
            self._in_flight += 1
            self.requests += 1

    def leave(self) -> None:
        """A request has been answered, or its client has gone."""
        with self._lock:
            self._in_flight -= 1
            self._idle_since = time.monotonic()

    @property
    def in_flight(self) -> int:
        """Requests being answered."""
        return self._in_flight

    @property
    def idle_ms(self) -> int:
        """Since when no request is in flight, in milliseconds; 0 while one is."""
        with self._lock:
            return 0 if self._in_flight else round((time.monotonic() - self._idle_since) * 1000)

    def mark(self, what: str, seconds: float) -> Busy:
        """Note that ``what`` must be let finish, for at most so many seconds."""
        key = secrets.token_hex(8)
        with self._lock:
            self._busy[key] = (what, time.monotonic() + seconds)
        return Busy(self, key)

    def unmark(self, key: str) -> None:
        """It is finished. Twice is once."""
        with self._lock:
            self._busy.pop(key, None)

    def busy(self) -> tuple[str, ...]:
        """What is not finished, each name once."""
        now = time.monotonic()
        with self._lock:
            for key in [key for key, (_, until) in self._busy.items() if until <= now]:
                del self._busy[key]
            return tuple(sorted({what for what, _ in self._busy.values()}))


class Busy:
    """A mark that keeps a draining node from being called drained, until :meth:`end` or the end of a ``with``."""

    def __init__(self, load: Load, key: str) -> None:
        self._load = load
        self._key = key

    def end(self) -> None:
        """It is finished. Twice is once."""
        self._load.unmark(self._key)

    def __enter__(self) -> Busy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
