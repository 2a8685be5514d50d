"""What a revision may not do while it is replayed: connect, start programs, end the process, hang, or leave traces."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import io
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sqlalchemy.engine import default as sqlalchemy_default


class RevisionTimeout(BaseException):
    """The revision has used up its time. No `except Exception` catches it."""


class ForbiddenError(OSError):
    """A revision tried to reach something outside itself; drivers wrap this like any failed connection."""


@dataclass
class Attempts:
    """What a revision tried and was kept from: sentences, in order."""

    connections: list[str] = field(default_factory=list)
    programs: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Forget them."""
        self.connections.clear()
        self.programs.clear()


@contextlib.contextmanager
def contained(own_dialect: type) -> Iterator[Attempts]:
    """Nothing inside the block reaches a network, a program, the terminal; what it changes globally is put back.

    Args:
        own_dialect: the one SQLAlchemy dialect that may "connect".
    """
    attempts = Attempts()

    def refuse_address(sock: Any, address: Any, *rest: Any) -> Any:
        attempts.connections.append(_shown(address))
        raise ForbiddenError(f"a replay never connects to anything ({_shown(address)})")

    def refuse_lookup(host: Any, *rest: Any, **more: Any) -> Any:
        attempts.connections.append(_shown(host))
        raise ForbiddenError(f"a replay never connects to anything ({_shown(host)})")

    def refuse_program(self: Any, *rest: Any, **more: Any) -> Any:
        program = rest[0] if rest else more.get("args", "")
        attempts.programs.append(str(program if isinstance(program, str) else " ".join(map(str, program))))
        raise ForbiddenError("a replay never starts a program")

    def refuse_system(command: Any) -> int:
        attempts.programs.append(str(command))
        raise ForbiddenError("a replay never starts a program")

    connect: Callable[..., Any] = sqlalchemy_default.DefaultDialect.connect

    def connect_own(self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, own_dialect):
            return connect(self, *args, **kwargs)
        attempts.connections.append(f"{self.name} engine of its own")
        raise ForbiddenError("a replay never connects to anything (the revision made an engine of its own)")

    def leave(status: int = 0) -> None:
        raise SystemExit(status)

    state = _GlobalState.taken()
    with contextlib.ExitStack() as stack:
        for owner, name, value in (
            (socket.socket, "connect", refuse_address),
            (socket.socket, "connect_ex", refuse_address),
            (socket, "getaddrinfo", refuse_lookup),
            (subprocess.Popen, "__init__", refuse_program),
            (os, "system", refuse_system),
            (os, "_exit", leave),
            (time, "sleep", lambda seconds: None),
            (sqlalchemy_default.DefaultDialect, "connect", connect_own),
            (builtins, "breakpoint", lambda *args, **kwargs: None),
        ):
            stack.enter_context(patched(owner, name, value))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(patched(sys, "stdin", io.StringIO()))
        stack.enter_context(patched(sys, "dont_write_bytecode", True))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        try:
            yield attempts
        finally:
            state.put_back()


def _shown(address: Any) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return str(address)


@contextlib.contextmanager
def patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute replaced while the block runs."""
    missing = object()
    before = vars(owner).get(name, missing)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is missing:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@dataclass(frozen=True)
class _GlobalState:
    """Process-wide things a revision may change."""

    directory: str
    environment: dict[str, str]
    path: list[str]
    argv: list[str]
    handlers: list[logging.Handler]
    level: int
    disabled: int
    recursion: int

    @classmethod
    def taken(cls) -> _GlobalState:
        root = logging.getLogger()
        return cls(
            directory=os.getcwd(),
            environment=dict(os.environ),
            path=list(sys.path),
            argv=list(sys.argv),
            handlers=list(root.handlers),
            level=root.level,
            disabled=root.manager.disable,
            recursion=sys.getrecursionlimit(),
        )

    def put_back(self) -> None:
        root = logging.getLogger()
        if os.getcwd() != self.directory:
            os.chdir(self.directory)
        if dict(os.environ) != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)
        sys.path[:] = self.path
        sys.argv[:] = self.argv
        root.handlers[:] = self.handlers
        root.setLevel(self.level)
        logging.disable(self.disabled)
        sys.setrecursionlimit(self.recursion)


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise RevisionTimeout in this thread once the block has run that long, and again until it has ended.

    In the main thread a timer signal interrupts sleeps too; in another one, only Python code is stopped.
    """
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        with _signal_limit(seconds):
            yield
    else:
        with _thread_limit(seconds):
            yield


@contextlib.contextmanager
def _signal_limit(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise RevisionTimeout

    handler = signal.signal(signal.SIGALRM, stop)
    remaining, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 0.25)
    started = time.monotonic()
    try:
        yield
    finally:
        # Off first: a signal between these lines would escape the block.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        if remaining:
            signal.setitimer(signal.ITIMER_REAL, max(remaining - (time.monotonic() - started), 0.001), interval)


@contextlib.contextmanager
def _thread_limit(seconds: float) -> Iterator[None]:
    done = threading.Event()
    target = ctypes.c_ulong(threading.get_ident())
    raise_in: Callable[..., int] = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            raise_in(target, ctypes.py_object(RevisionTimeout))
            wait = 0.25

    watchdog = threading.Thread(target=watch, name="zdmigrate-time-limit", daemon=True)
    watchdog.start()
    try:
        yield
    finally:
        done.set()
        watchdog.join()
        raise_in(target, None)
