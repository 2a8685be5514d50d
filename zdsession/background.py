"""A thread that does something now and then, for as long as the process lives; each forked child starts its own."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections.abc import Callable

log = logging.getLogger("zdsession")

_running: weakref.WeakSet[Background] = weakref.WeakSet()
_starting = threading.Lock()


class Background:
    """Calls ``step`` in a daemon thread, again and again.

    Args:
        name: of the thread.
        step: returns how many seconds to wait before it is called again, or None to end the thread. What it raises
            is logged, and it is called again after ``pause_after_error`` seconds.
        first_pause: seconds before the first call; a process that ends sooner does nothing.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float | None],
        *,
        first_pause: float = 0.0,
        pause_after_error: float = 5.0,
    ) -> None:
        self._name = name
        self._step = step
        self._first_pause = first_pause
        self._pause = pause_after_error
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._stop = threading.Event()

    def start(self) -> None:
        """Start the thread unless it runs in this process. Costs next to nothing when it does."""
        if self._runs():
            return
        with _starting:
            if self._runs():
                return
            # A thread is not inherited over a fork, and an event's lock may be held by one that was not.
            self._stop = stop = threading.Event()
            thread = threading.Thread(target=self._run, args=(stop,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no more threads, or the interpreter is shutting down
                log.warning("%s did not start: %s", self._name, error)
                return
            self._pid, self._thread = os.getpid(), thread
            _running.add(self)

    def _runs(self) -> bool:
        thread = self._thread
        return thread is not None and self._pid == os.getpid() and thread.is_alive()

    def stop(self, timeout: float = 5.0) -> None:
        """End the thread, and wait for a step that is under way at most ``timeout`` seconds. It may start again."""
        thread, self._thread = self._thread, None
        if thread is not None and self._pid == os.getpid():
            self._stop.set()
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _run(self, stop: threading.Event) -> None:
        pause: float | None = self._first_pause
        while pause is not None and not stop.wait(pause):
            try:
                pause = self._step()
            except Exception:
                log.exception("%s failed; it goes on in %s seconds", self._name, self._pause)
                pause = self._pause


def _renew_lock() -> None:
    global _starting
    _starting = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


@atexit.register
def _stop_all() -> None:
    for one in list(_running):
        one.stop(timeout=1.0)
