"""Connections of one process to one server: at most so many, and the one used last is used next."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Connections(Generic[T]):
    """Places for connections. Safe to share between threads. Deadlines are values of :func:`time.monotonic`.

    Who takes a place has to give it back, by :meth:`put` or by :meth:`lose`.

    Args:
        most: how many there may be at the same time; who needs one more waits.
    """

    def __init__(self, most: int) -> None:
        #: Idle connections; None is leave to open one.
        self._free: deque[T | None] = deque([None] * most)
        self._waiting = 0
        self._returned = threading.Condition()

    def take(self, until: float) -> T | None:
        """An idle connection, or None: leave to open one.

        Raises:
            TimeoutError: all stayed in use until the deadline.
        """
        try:
            return self._free.pop()
        except IndexError:
            return self._wait(until)

    def put(self, connection: T) -> None:
        """Give back a connection that is good for another use."""
        self._free.append(connection)
        if self._waiting:
            self._notify()

    def lose(self) -> None:
        """Give back the place of a connection that is no more."""
        self._free.appendleft(None)
        self._notify()

    def take_idle(self) -> Iterator[T]:
        """Connections nobody is using, for the caller to close; their places are free."""
        for _ in range(len(self._free)):
            try:
                connection = self._free.pop()
            except IndexError:  # the rest is in use
                return
            self.lose()
            if connection is not None:
                yield connection

    def _wait(self, until: float) -> T | None:
        with self._returned:
            self._waiting += 1
            try:
                in_time = True
                while True:
                    try:  # also one that came back just before we were counted as waiting, or too late to be told
                        return self._free.pop()
                    except IndexError:
                        if not in_time:
                            raise TimeoutError("all connections of this process are in use") from None
                    in_time = self._returned.wait(until - time.monotonic())
            finally:
                self._waiting -= 1

    def _notify(self) -> None:
        with self._returned:
            self._returned.notify()
