"""What upgrade() may not do beside the session it is given: connect elsewhere, start programs, go on for ever.

Only the thread that runs upgrade() is watched, and only while it is not in our own code, which has to connect.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy.engine import default as sqlalchemy_default

from zdmigrate.history.recorder.guards import patched
from zdmigrate.run.intercept.driver import InterceptDialect

#: Seconds between two looks at an upgrade() that sends nothing.
_TICK_SECONDS = 1.0


class ElsewhereError(OSError):
    """A revision tried to reach something that cannot be watched; drivers wrap this like any failed connection."""


class Guard:
    """Watches the thread that made it.

    Attributes:
        attempts: what upgrade() tried and was kept from, in words.
    """

    def __init__(self) -> None:
        self.attempts: list[str] = []
        self._thread = threading.get_ident()
        self._ours = 1  # until `watching`

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Inside, our own code is at work, which may do anything and is not interrupted."""
        self._ours += 1
        try:
            yield
        finally:
            self._ours -= 1

    @contextmanager
    def watching(self, tick: Callable[[], None]) -> Iterator[None]:
        """Inside, upgrade() runs. `tick` is called about every second, in the main thread only; it may raise."""
        with ExitStack() as stack:
            for owner, name, refused in (
                (socket.socket, "connect", self._connection),
                (socket.socket, "connect_ex", self._connection),
                (subprocess.Popen, "__init__", self._program),
                (os, "system", self._program),
                (sqlalchemy_default.DefaultDialect, "connect", self._engine),
            ):
                stack.enter_context(patched(owner, name, self._unless_ours(getattr(owner, name), refused)))
            stack.enter_context(self._ticking(tick))
            self._ours -= 1
            try:
                yield
            finally:
                self._ours += 1

    def _unless_ours(self, real: Any, refused: Callable[..., None]) -> Any:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not self._ours and threading.get_ident() == self._thread:
                refused(*args)
            return real(*args, **kwargs)

        return guarded

    def _connection(self, sock: Any, address: Any = "", *rest: Any) -> None:
        shown = f"{address[0]}:{address[1]}" if isinstance(address, tuple) and len(address) >= 2 else str(address)
        self._refuse(f"it connects to {shown} by itself")

    def _engine(self, dialect: Any = None, *rest: Any) -> None:
        if not isinstance(dialect, InterceptDialect):
            self._refuse("it makes a connection of its own, whose statements nobody could judge")

    def _program(self, *args: Any) -> None:
        self._refuse("it starts a program, whose statements nobody could judge")

    def _refuse(self, what: str) -> None:
        self.attempts.append(what)
        raise ElsewhereError(f"{what}; use op.get_bind()")

    @contextmanager
    def _ticking(self, tick: Callable[[], None]) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ring(number: int, frame: object) -> None:
            if not self._ours:
                tick()

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, _TICK_SECONDS, _TICK_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
