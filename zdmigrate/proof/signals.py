"""A polite end also when a job runner, and not a person, ends us: what we made on servers is removed first."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_politely() -> Iterator[None]:
    """Inside the block SIGTERM and SIGHUP unwind the stack as Ctrl-C does, with the exit code a shell expects of them.

    A second one is ignored: what is being removed is small, and would be left behind.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = {name: signal.getsignal(name) for name in _ENDING}

    def leave(number: int, _: FrameType | None) -> None:
        for name in _ENDING:
            signal.signal(name, signal.SIG_IGN)
        sys.exit(128 + number)

    for name in _ENDING:
        signal.signal(name, leave)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
