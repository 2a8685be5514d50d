"""The process provider: servers from binaries on this machine, one private folder and port each."""

import abc
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from pathlib import Path

from tests.servers import ports
from tests.servers.base import Kind, ServerError, ServerUnavailableError
from tests.servers.binaries import Binary, find
from tests.servers.workspace import spawn, workspace

READY_SECONDS = 90.0
STOP_SECONDS = 30.0


class ProcessServer(abc.ABC):
    """A server process of ours. Subclasses say how to lay out its data, run it, and ask if it is ready."""

    kind: Kind

    def __init__(self, binary: Binary) -> None:
        self._binary = binary
        self._home = workspace().new_home(self.kind)
        self._port = ports.lease()
        self._process: subprocess.Popen[bytes] | None = None
        self._laid_out = False
        self._closed = False

    @abc.abstractmethod
    def _lay_out(self) -> None:
        """Make the data folder; called once, before the first start."""

    @abc.abstractmethod
    def _options(self) -> list[str]:
        """The command line after the program."""

    @abc.abstractmethod
    def _ping(self) -> bool:
        """Whether our own process answers a query; may raise what the driver raises while it does not."""

    @abc.abstractmethod
    def url(self, database: str | None = None) -> str:
        """See `Server.url`."""

    @property
    def version(self) -> str:
        """See `Server.version`."""
        return self._binary.version

    @property
    def running(self) -> bool:
        """See `Server.running`."""
        return self._process is not None and self._process.poll() is None

    @property
    def port(self) -> int:
        """The loopback port it listens on."""
        return self._port

    @property
    def home(self) -> Path:
        """The private folder with all that it has; gone after `close`."""
        return self._home

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None or not self.running:
            raise ServerError(f"{self} is not running")
        return self._process.pid

    def start(self) -> None:
        """See `Server.start`. A port that somebody else took meanwhile is exchanged on the first start only."""
        if self._closed:
            raise ServerError(f"{self} was closed")
        if self.running:
            return
        first = not self._laid_out
        if first:
            self._lay_out()
            self._laid_out = True
        for attempt in range(5):
            self._spawn()
            try:
                self._wait_until_ready()
                return
            except ServerError:
                self.kill()
                if not first or attempt == 4 or "in use" not in self.log():
                    raise
                ports.release(self._port)
                self._port = ports.lease()

    def stop(self) -> None:
        """See `Server.stop`."""
        if self._process is None or not self.running:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """See `Server.kill`."""
        if self._process is None or not self.running:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(
                self._process.pid, signal.SIGKILL
            )  # it leads a group of its own: children of a killed one live on
        self._process.wait()

    def pause(self) -> None:
        """See `Server.pause`. Returns when the process has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        if hasattr(os, "waitid"):  # not on macOS
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """See `Server.resume`."""
        if self.running:
            os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """See `Server.restart`."""
        self.stop()
        self.start()

    def close(self) -> None:
        """See `Server.close`."""
        if self._closed:
            return
        self._closed = True
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)
        ports.release(self._port)

    def log(self, lines: int = 40) -> str:
        """See `Server.log`."""
        try:
            with (self._home / "log").open(errors="replace") as log:
                return "".join(deque(log, lines))
        except FileNotFoundError:
            return ""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.version} on port {self._port}>"

    def _spawn(self) -> None:
        command = [*self._binary.command, *self._options()]
        with (self._home / "log").open("ab") as log:
            self._process = spawn(
                self._home, command, environment=self._binary.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_SECONDS
        answer: Exception | str = "no answer"
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                why = telling_line(self.log())
                raise ServerError(f"{self} ended with code {self._process.returncode} before it was ready: {why}")
            try:
                if self._ping():
                    return
                answer = "another process answers on its port"
            except Exception as error:  # whatever the driver raises for a server that is still starting
                answer = error
            time.sleep(0.02)
        raise ServerError(f"{self} was not ready after {READY_SECONDS:.0f} s: {answer}")


def telling_line(log: str) -> str:
    """The line of a log that says why a server gave up: its first error, else its last line."""
    lines = log.strip().splitlines() or ["it logged nothing"]
    return next((line for line in lines if "[ERROR]" in line or "FATAL ERROR" in line), lines[-1])


def open_process(
    kind: Kind,
    *,
    version: str | None = None,
    binlog: bool = False,
    args: tuple[str, ...] = (),
    disk: int | None = None,
) -> ProcessServer:
    """Start a server of this kind as a process.

    Args:
        kind: As for `tests.servers.open_server`; so are version, binlog and args.
        disk: Give a MySQL or MariaDB a disk of its own of so many bytes, to be filled.

    Raises:
        ServerUnavailableError: This machine cannot provide it, or may not mount a disk for it.
        ServerError: It was found but did not start.
    """
    server = make_process(kind, version=version, binlog=binlog, args=args, disk=disk)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def make_process(
    kind: Kind,
    *,
    version: str | None = None,
    binlog: bool = False,
    args: tuple[str, ...] = (),
    disk: int | None = None,
) -> ProcessServer:
    """The same, not started yet: it has a home and a port."""
    binary = find(kind, version)
    if kind == "redis":
        if disk is not None:
            raise ServerUnavailableError(kind, "only MySQL and MariaDB get a small disk")
        from tests.servers.redis import RedisProcess

        return RedisProcess(binary, args=args)
    from tests.servers.sql import MariaDBProcess, MySQLProcess

    match kind:
        case "mysql":
            return MySQLProcess(binary, binlog=binlog, args=args, disk=disk)
        case "mariadb":
            return MariaDBProcess(binary, binlog=binlog, args=args, disk=disk)
