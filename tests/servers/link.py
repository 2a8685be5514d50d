"""A wire that can be cut: a TCP relay on loopback in front of any address."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass
from typing import IO, Any, Literal, cast

from tests.servers import ports, relay
from tests.servers.base import ServerError
from tests.servers.workspace import spawn, workspace

Direction = Literal["both", "to_target", "to_client"]
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Traffic:
    """What a link carries and has carried.

    Attributes:
        connections: Connections open now.
        accepted: Connections accepted since the link was opened.
        to_target: Bytes delivered to the target.
        to_client: Bytes delivered to the clients.
    """

    connections: int
    accepted: int
    to_target: int
    to_client: int


class Link:
    """Carries connections from `port` on 127.0.0.1 to a target, in a process of its own that ends with ours.

    Open from the start, at full speed. Usable from several threads. It adds about 0.05 ms to a query's round trip
    (measured by the test marked soak in `test_link.py`). What it cannot imitate: while it is cut silently,
    the kernel still completes the handshake of a new connection, so a client sees one that is open and says nothing,
    not one that times out in connect; and a target that refuses shows as a reset.
    """

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self._target = f"{target_host}:{target_port}"
        self._home = workspace().new_home("link")
        self._lock = threading.Lock()
        self._number = 0
        self._heard = b""
        self._closed = False
        self.port = ports.lease()
        command = [sys.executable, "-I", "-S", relay.__file__, str(self.port), target_host, str(target_port)]
        with (self._home / "log").open("ab") as log:
            self._process = spawn(self._home, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        try:
            self._read()
        except BaseException:
            self.close()
            raise

    def cut(self, *, reset: bool = False, direction: Direction = "both") -> None:
        """Let nothing pass any more.

        Silently: connections stay open, what is sent waits and arrives after `heal`, as TCP's retransmissions would.

        Args:
            reset: Instead, reset every connection (what was on its way is lost) and refuse new ones. Both directions.
            direction: Cut one direction only: with `to_client`, requests arrive and their answers do not.
        """
        if reset and direction != "both":
            raise ValueError(f"a reset ends both directions; direction={direction!r} is not possible with it")
        self._ask(do="cut", reset=reset, directions=_directions(direction))

    def heal(self) -> None:
        """Let everything pass again, at full speed."""
        self._ask(do="heal")

    def slow(
        self, *, latency: float = 0.0, bytes_per_second: float | None = None, direction: Direction = "both"
    ) -> None:
        """Delay what passes; without arguments, at full speed again.

        Args:
            latency: Seconds added each way (a round trip takes twice that), to the millisecond.
            bytes_per_second: Bandwidth of each direction, shared by all connections; None for as fast as it goes.
            direction: Slow one direction only.
        """
        if latency < 0 or (bytes_per_second is not None and bytes_per_second <= 0):
            raise ValueError(f"latency={latency} must not be negative, bytes_per_second={bytes_per_second} above zero")
        self._ask(do="slow", latency=latency, bytes_per_second=bytes_per_second, directions=_directions(direction))

    @property
    def connections(self) -> int:
        """How many connections are open through it."""
        return self.traffic().connections

    def traffic(self) -> Traffic:
        """What it carries and has carried."""
        return Traffic(**self._ask(do="look"))

    def url(self, url: str) -> str:
        """The same URL, leading through this link."""
        parts = urllib.parse.urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}").geturl()

    def close(self) -> None:
        """End it: connections through it are closed. Once more is fine."""
        if self._closed:
            return
        self._closed = True
        self._process.kill()
        self._process.wait()
        ports.release(self.port)
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                cast("IO[bytes]", pipe).close()
        shutil.rmtree(self._home, ignore_errors=True)

    def __repr__(self) -> str:
        return f"<link on port {self.port} to {self._target}>"

    def _ask(self, **command: object) -> dict[str, Any]:
        with self._lock:
            self._number += 1  # an answer that an interrupt kept us from reading is told apart by it
            try:
                stdin = cast("IO[bytes]", self._process.stdin)
                stdin.write(json.dumps({**command, "number": self._number}).encode() + b"\n")
                stdin.flush()
            except (OSError, ValueError):
                raise ServerError(f"{self} has ended: {self._last_words()}") from None
            return self._read()

    def _read(self) -> dict[str, Any]:
        """The answer to the last command."""
        deadline = time.monotonic() + ANSWER_SECONDS
        stdout = cast("IO[bytes]", self._process.stdout).fileno()
        while True:
            while b"\n" not in self._heard:
                if not select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise ServerError(f"{self} did not answer within {ANSWER_SECONDS:.0f} s")
                data = os.read(stdout, 4096)
                if not data:
                    raise ServerError(f"{self} has ended: {self._last_words()}")
                self._heard += data
            line, _, self._heard = self._heard.partition(b"\n")
            answer: dict[str, Any] = json.loads(line)
            if answer.pop("number") == self._number:
                break
        if "error" in answer:
            raise ServerError(f"{self}: {answer['error']}")
        return answer

    def _last_words(self) -> str:
        try:
            lines = (self._home / "log").read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return "it was closed"
        return lines[-1] if lines else "it logged nothing"


def _directions(direction: Direction) -> tuple[str, ...]:
    return relay.DIRECTIONS if direction == "both" else (direction,)
