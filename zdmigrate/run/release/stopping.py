"""Ctrl-C and SIGTERM during a release: the first lets the step at work end, the second ends its command, too."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from zdmigrate.run.release.errors import StoppedError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TICK = 0.1


class Stopping:
    """Counts them. Only the main thread can be told; in another one nothing ever asks to stop."""

    def __init__(self) -> None:
        self._asked = 0

    def twice(self) -> bool:
        """Whether somebody insists."""
        return self._asked > 1

    def check(self) -> None:
        """A place where stopping is tidy.

        Raises:
            StoppedError: somebody asked for it.
        """
        if self._asked:
            raise StoppedError("stopped, because somebody asked for it")

    def pause(self, seconds: float) -> None:
        """Wait, unless somebody asks to stop.

        Raises:
            StoppedError: somebody did.
        """
        until = time.monotonic() + seconds
        while True:
            self.check()
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _TICK))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count them meanwhile."""
        with _handled(self._remember):
            yield

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """What runs inside knows how to be interrupted: both raise KeyboardInterrupt there."""
        self.check()
        with _handled(_interrupt):
            yield

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _handled(handler: object) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
