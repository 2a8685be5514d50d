"""Commands of the operator's own: started by `sh -c`, bounded in time, ended with what they started.

A daemon is a start command that is the node itself: it runs in a session of its own, outlives us, and is found again by
its pid and the time it was born at.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO

from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.spec import NodeSpec
from zdsession.fleet import process as processes

_POLL = 0.1
_TICK = 0.01
_LOG_LINES = 3
#: Becomes the daemon after it has written who it is: a tool that is killed between the two would not find it again.
_DAEMON = """
{ cat /proc/$$/stat 2>/dev/null || echo $$; echo "$2"; } > "$1.new" && mv "$1.new" "$1" && exec /bin/sh -c "$3"
"""


def values_of(node: NodeSpec | None, version: str) -> dict[str, str]:
    """What stands for {name} in commands."""
    values = {"version": version}
    if node is not None:
        values |= {
            "node": node.name, "address": node.host_port, "url": node.address, "server": node.server,
            "group": node.group, "place": node.place,
        }  # fmt: skip
    return values


def fill(command: str, values: Mapping[str, str]) -> str:
    """The command with each known {name} replaced, quoted for the shell; other braces are the shell's."""
    return re.sub(r"(?<!\$)\{(\w+)\}", lambda match: _quoted(match, values), command)


def _quoted(match: re.Match[str], values: Mapping[str, str]) -> str:
    return shlex.quote(values[match[1]]) if match[1] in values else match[0]


class Commands:
    """Runs them.

    Args:
        folder: for logs and pids.
        within: seconds a command may take.
        end_now: whether the command at work is to be ended at once (a second Ctrl-C).
    """

    def __init__(self, folder: Path, within: float, end_now: Callable[[], bool] = lambda: False) -> None:
        self._folder = folder
        self._within = within
        self._end_now = end_now

    def run(
        self,
        command: str,
        node: NodeSpec | None,
        version: str,
        *,
        within: float | None = None,
        in_words: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> str:
        """Run a command to its end; the last line that it printed.

        Args:
            environment: is added to what every command has.

        Raises:
            StepError: it failed, or took too long and was ended.
        """
        limit = self._within if within is None else within
        shown = in_words or f"`{command}`"
        output = self._folder / "command.log"
        self._folder.mkdir(parents=True, exist_ok=True)
        with output.open("w+b") as file:
            running = _start(fill(command, values_of(node, version)), file, node, version, more=environment or {})
            try:
                self._wait(running, time.monotonic() + limit, shown, limit)
            finally:
                if running.poll() is None:
                    _end_group(running)
            said = _tail(output)
        if running.returncode != 0:
            raise StepError(f"{shown} ended with {running.returncode}: {said or 'it printed nothing'}")
        return said.splitlines()[-1] if said else ""

    def _wait(self, running: subprocess.Popen[bytes], until: float, shown: str, limit: float) -> None:
        while running.poll() is None:
            if time.monotonic() >= until:
                raise StepError(f"{shown} did not end within {limit:g} s, and was ended")
            if self._end_now():
                raise StepError(f"{shown} was ended: somebody asked for it twice")
            with suppress(subprocess.TimeoutExpired):
                running.wait(_POLL)

    # daemons

    def start_daemon(self, command: str, node: NodeSpec, version: str) -> None:
        """Start a node that stays in the foreground, unless the one we started runs still."""
        if self._daemon(node) is not None:
            return
        filled = fill(command, values_of(node, version))
        arguments = [str(self._folder / f"{_file(node)}.pid"), processes.machine(), filled]
        with (self._folder / f"{_file(node)}.log").open("ab") as log:
            running = _start(_DAEMON, log, node, version, arguments)
        _children[running.pid] = running
        while running.poll() is None and self._daemon(node) != running.pid:
            time.sleep(_TICK)  # it has not written yet who it is

    def daemon_ended(self, node: NodeSpec) -> str:
        """Why a daemon that was started is not there any more, or ""."""
        if self._daemon(node) is not None:
            return ""
        return f"it has ended: {_tail(self._folder / f'{_file(node)}.log') or 'it logged nothing'}"

    def stop_daemon(self, node: NodeSpec, within: float) -> str:
        """Ask the daemon we started to end, and wait for it; nothing if it does not run.

        Raises:
            StepError: it does not end.
        """
        pid = self._daemon(node)
        if pid is None:
            return "it did not run"
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)  # the shell may be between us and the node
        until = time.monotonic() + within
        while self._daemon(node) is not None:
            if time.monotonic() >= until:
                raise StepError(
                    f"{node.name} (pid {pid}) did not end within {within:g} s of SIGTERM; look why it hangs"
                )
            time.sleep(_POLL)
        return f"pid {pid} has ended"

    def _daemon(self, node: NodeSpec) -> int | None:
        """The pid of the daemon we started, if it runs."""
        try:
            stat, machine = (self._folder / f"{_file(node)}.pid").read_text(encoding="utf-8").splitlines()
            pid, fields = int(stat.split()[0]), stat.rpartition(")")[2].split()
        except (OSError, ValueError, IndexError):
            return None
        born = fields[19] if len(fields) > 19 else ""
        _reap(pid)
        if machine != processes.machine() or processes.is_gone(pid, born) or _is_dead(pid):
            return None
        return pid


#: Daemons this very process started: as their parent it has to take note of their ends.
_children: dict[int, subprocess.Popen[bytes]] = {}


def _reap(pid: int) -> None:
    if pid in _children and _children[pid].poll() is not None:
        del _children[pid]


def _start(
    command: str,
    output: IO[bytes],
    node: NodeSpec | None,
    version: str,
    arguments: Sequence[str] = (),
    more: Mapping[str, str] = MappingProxyType({}),
) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **more, "ZDRELEASE_VERSION": version}
    if node is not None:
        environment |= {
            "ZDSESSION_NODE": node.name, "ZDRELEASE_NODE": node.name, "ZDRELEASE_ADDRESS": node.host_port,
            "ZDRELEASE_URL": node.address,
        }  # fmt: skip
    return subprocess.Popen(  # noqa: S603 - the command stands in the operator's own file
        ["/bin/sh", "-c", command, "sh", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,  # Ctrl-C in our terminal is for us
    )


def _is_dead(pid: int) -> bool:
    """Whether it has ended and its parent has not taken note yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1] == ["Z"]
    except OSError:
        return False


def _end_group(running: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def _file(node: NodeSpec) -> str:
    return "node-" + re.sub(r"[^\w.-]", "_", node.name)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4000))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(line.strip() for line in lines[-_LOG_LINES:])
