"""A command of the operator's own that steers clients.

    [traffic]
    kind = "command"
    command = ["/usr/local/bin/steer", "--cluster", "shop"]
    timeout = 10                                               # seconds for each call

It is called with `check`, `hold`, `flip` or `release` as its last argument, and reads one JSON object:

    {"version": 1, "action": "flip", "primary": {"name": "db2", "host": "10.0.0.2", "port": 3306},
     "nodes": [{"name": "db1", "host": "10.0.0.1", "port": 3306}, …]}

`primary` is null but for `flip`. Exit code 0 means that it is done; the last line of its output is shown. Anything
else is a failure whose last line on standard error says why. Each action may be asked twice and must bear it;
`release` also comes without `hold`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.traffic.options import Options, TrafficError

_SECONDS = 10.0


class CommandTraffic:
    """Calls the command. See `Traffic` for the methods."""

    def __init__(self, topology: Topology) -> None:
        """Read the table.

        Raises:
            UsageError: it cannot be used.
        """
        options = Options(topology, {"command", "timeout"})
        self._command = options.texts("command")
        self._seconds = options.seconds("timeout", _SECONDS)
        self._nodes = [_plain(node) for node in topology.nodes]

    def check(self) -> str:
        """See `Traffic.check`."""
        return self._call("check")

    def hold(self) -> str:
        """See `Traffic.hold`."""
        return self._call("hold")

    def flip(self, primary: Node) -> str:
        """See `Traffic.flip`."""
        return self._call("flip", _plain(primary))

    def release(self) -> str:
        """See `Traffic.release`."""
        return self._call("release")

    def _call(self, action: str, primary: dict[str, Any] | None = None) -> str:
        told = {"version": 1, "action": action, "primary": primary, "nodes": self._nodes}
        shown = f"the traffic command `{self._command[0]} … {action}`"
        try:
            process = subprocess.Popen(  # noqa: S603 - the command stands in the operator's own topology file
                [*self._command, action],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that what it started ends with it
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise TrafficError(shown, f"cannot be started: {error.strerror}") from error
        with process:
            try:
                said, problem = process.communicate(json.dumps(told), timeout=self._seconds)
            except subprocess.TimeoutExpired as error:
                _end(process)
                raise TrafficError(shown, f"did not end within {self._seconds:g} s and was ended") from error
            except BaseException:
                _end(process)
                raise
        if process.returncode != 0:
            raise TrafficError(shown, f"ended with {process.returncode}: {_last(problem) or _last(said) or 'no word'}")
        return _last(said)


def _plain(node: Node) -> dict[str, Any]:
    return {"name": node.name, "host": node.url.host, "port": node.url.port or 3306}


def _end(process: subprocess.Popen[str]) -> None:
    """End it, and what it started."""
    with suppress(ProcessLookupError):  # nothing is left of it
        os.killpg(process.pid, signal.SIGKILL)


def _last(text: str) -> str:
    return text.strip().splitlines()[-1].strip() if text.strip() else ""
