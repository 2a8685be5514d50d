"""Lets writes on again when the tool dies, or stalls, while they are frozen.

A process of its own, in a session of its own, started before the freeze. It is told over its standard input (so no
password is on a command line): first a line of JSON with both nodes; it connects to them and answers `ready`; then
`armed DEADLINE SECONDS HOLDER` just before the freeze and `done` after the promotion or the unfreeze. The end of
that pipe, or the deadline passing without `done`, makes it act, by the rule in `restore.py`; it can never make two
writable servers.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from sqlalchemy.engine import make_url

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.connection import Connection
from zdmigrate.run.lock import SuccessorLock
from zdmigrate.run.restore import GRACE, Frozen, restore_writes
from zdmigrate.run.topology import Account, Node, Topology, Traffic
from zdmigrate.run.traffic import open_traffic

#: Seconds a watchdog keeps trying to reach the servers before it gives up and leaves the rest to `zdmigrate resume`.
PATIENCE = 600.0
_READY_SECONDS = 15.0


class Watchdog:
    """The tool's side: starts the process and talks to it."""

    def __init__(self, run: str, old: Node, candidate: Node, log: Path, topology: Topology | None = None) -> None:
        """Start it and wait until it has reached both servers.

        `topology` says who steers clients: those that wait at the door are let in again.

        Raises:
            ZdmigrateError: it could not; then there must be no freeze.
        """
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a", encoding="utf-8") as file:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "zdmigrate.run.watchdog"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=file,
                    start_new_session=True,
                    text=True,
                    env=_environment(),
                )
        except OSError as error:
            raise ZdmigrateError(
                f"the watchdog cannot be started, so nothing was frozen: {error}. It logs to {log}; "
                "XDG_STATE_HOME names another folder"
            ) from error
        try:
            steering = _steering(topology) if topology is not None else None
            told = {"run": run, "old": _plain(old), "candidate": _plain(candidate), "topology": steering}
            self._send(json.dumps(told))
            assert self._process.stdout is not None
            readable, _, _ = select.select([self._process.stdout], [], [], _READY_SECONDS)
            answer = self._process.stdout.readline().strip() if readable else ""
            if answer != "ready":
                raise ZdmigrateError("it did not become ready")
        except BaseException as error:
            self._process.kill()
            self._process.wait()
            self._close()
            if isinstance(error, ZdmigrateError):
                raise ZdmigrateError(
                    f"the watchdog did not become ready, so nothing was frozen{_last_line(log)}; its log is {log}"
                ) from error
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def arm(self, deadline: datetime, seconds: float, holder: int) -> None:
        """From here on it acts when we end, or when `seconds` have passed without `disarm`.

        `holder` is the server's number of our connection that holds the run's lock on the old primary.
        """
        self._send(f"armed {deadline.isoformat()} {seconds} {holder}")

    def disarm(self) -> None:
        """There is nothing to restore any more. One that has ended already is fine."""
        with suppress(ZdmigrateError):
            self._send("done")
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def leave(self) -> None:
        """We could not let writes on again: it tries on, also when we have ended."""
        self._close()
        threading.Thread(target=self._process.wait, daemon=True).start()  # no zombie, should it end before us

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # it is gone, and so is what we would have told it
                    stream.close()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:  # ValueError: our end is closed
            raise ZdmigrateError("the watchdog is gone; nothing may be frozen without it") from error


def _environment() -> dict[str, str]:
    """Ours, and where this package is: the command may run from any folder."""
    package = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": package + (os.pathsep + inherited if inherited else "")}


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return f" ({lines[-1]})" if lines else ""


def _plain(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "url": node.url.render_as_string(hide_password=False),
        "option_file": str(node.option_file) if node.option_file else None,
        "replication": [node.replication_host, node.replication_port],
    }


def _node(plain: dict[str, Any]) -> Node:
    option_file = Path(plain["option_file"]) if plain["option_file"] else None
    host, port = plain["replication"]
    return Node(plain["name"], make_url(plain["url"]), host, port, option_file)


def _steering(topology: Topology) -> dict[str, Any]:
    return {
        "path": topology.path,
        "nodes": [_plain(node) for node in topology.nodes],
        "kind": topology.traffic.kind,
        "options": dict(topology.traffic.options),
    }


def _steer(plain: dict[str, Any] | None, primary: Node | None, say: Callable[[str], None]) -> None:
    """Let clients in that wait at the door; to `primary`, when it is a new one. A failure is only told."""
    if plain is None:
        return
    nodes = tuple(_node(node) for node in plain["nodes"])
    try:
        traffic = open_traffic(
            Topology(nodes, Account("", ""), Traffic(plain["kind"], plain["options"]), plain["path"])
        )
        if primary is not None:
            traffic.flip(primary)
        traffic.release()
    except ZdmigrateError as error:
        say(f"clients may still be held: {error}; run `zdmigrate resume`")


class _Commands:
    """Lines from a file descriptor, with a time limit: a buffered file would hide from `select` what it has read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def line(self, seconds: float | None = None) -> str | None:
        """The next line, "" at the end of the pipe, None when time is over."""
        end = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._rest:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self._descriptor], [], [], left)[0]:
                return None
            read = os.read(self._descriptor, 65536)
            if not read:
                return ""
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


def watch(descriptor: int, answers: IO[str], log: IO[str]) -> int:
    """The process: 0 when there was nothing to do or it was done, 5 when the primary had to stay frozen."""
    commands = _Commands(descriptor)

    def say(text: str) -> None:
        with suppress(OSError):  # a full disk must not keep writes blocked
            log.write(f"{datetime.now().isoformat(timespec='seconds')} {text}\n")
            log.flush()

    told = json.loads(commands.line() or "{}")
    if not told:
        return 0
    old, candidate = _node(told["old"]), _node(told["candidate"])
    lock = SuccessorLock(old, said=say)
    Connection(candidate).close()
    answers.write("ready\n")
    answers.flush()
    armed = (commands.line() or "").split()
    if not armed and told.get("topology") is not None:  # clients may wait at the door already
        say("the tool ended before the freeze; clients are let in")
        _steer(told.get("topology"), None, say)
    if not armed or armed[0] != "armed":
        return 0  # nothing was frozen
    deadline, seconds, lock.holder = datetime.fromisoformat(armed[1]), float(armed[2]), int(armed[3])
    word = commands.line(seconds + GRACE.total_seconds())
    if word == "done":
        return 0
    say(f"the tool {'stalled' if word is None else 'ended'} while {old.name} was frozen")
    try:
        outcome = restore_writes(Frozen(told["run"], old, candidate, deadline), lock, PATIENCE, said=say)
    except ZdmigrateError as error:
        say(f"{old.name} is still read-only: {error}; run `zdmigrate resume`")
        return 5
    say(f"{old.name}: {outcome}")
    if outcome != "not ours":
        _steer(told.get("topology"), candidate if outcome == "promoted" else None, say)
    return 0


if __name__ == "__main__":
    sys.exit(watch(sys.stdin.fileno(), sys.stdout, sys.stderr))
