"""nginx and Apache httpd: a file with one line for each node in rotation, and a reload.

Neither is told anything while it runs (open-source nginx has no such interface): a node is taken out by leaving it out
of the file. Whether it still gets requests is seen in the fleet. A line whose server is one of ours puts that node in
rotation, so the first file may be written by hand.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zdmigrate.run.release.balancers import Rotation
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.errors import BalancerError, StepError
from zdmigrate.run.release.spec import NodeSpec

_LINES = {"nginx": "server {server};", "apache": "BalancerMember http://{server}"}
_HEAD = "# Written by `zdmigrate release`: the nodes in rotation.\n"


class ListedBalancer:
    """A file that the balancer includes. See `Balancer` for the methods."""

    def __init__(
        self, kind: str, options: Mapping[str, Any], nodes: Sequence[NodeSpec], commands: Commands, version: str
    ) -> None:
        self._kind = kind
        self._path = Path(options["file"])
        self._line: str = options.get("line", _LINES[kind])
        self._reload: str = options["reload"]
        self._check: str | None = options.get("check")
        self._nodes = nodes
        self._commands = commands
        self._version = version
        #: Whether what the file says is what the balancer read: a run that was killed may have come between.
        self._read = False

    def look(self) -> Mapping[str, Rotation]:
        """See `Balancer.look`."""
        listed = self._listed()
        return {
            node.name: Rotation(node in listed, node in listed, 0, "listed" if node in listed else "not listed")
            for node in self._nodes
        }

    def out(self, node: NodeSpec) -> None:
        """See `Balancer.out`."""
        listed = self._listed()
        self._write([one for one in listed if one is not node], changed=node in listed)

    def shut(self, node: NodeSpec) -> None:
        """See `Balancer.shut`: what is not listed gets nothing."""
        self.out(node)

    def admit(self, node: NodeSpec) -> None:
        """See `Balancer.admit`."""
        listed = self._listed()
        self._write([one for one in self._nodes if one in listed or one is node], changed=node not in listed)

    def _listed(self) -> list[NodeSpec]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise BalancerError(
                f"{self._path}, the list that {self._kind} includes, cannot be read ({why}); write a line for each node"
            ) from error
        lines = [line.partition("#")[0] for line in text.splitlines()]
        return [node for node in self._nodes if any(_names(line, node.server) for line in lines)]

    def _write(self, nodes: Sequence[NodeSpec], *, changed: bool) -> None:
        """Have the balancer send requests to these."""
        if not changed and self._read:
            return
        if not nodes:
            raise BalancerError(f"{self._path} would be empty: no node would serve")
        before = self._path.read_text(encoding="utf-8")
        if changed:
            self._replace(_HEAD + "".join(self._line.replace("{server}", node.server) + "\n" for node in nodes))
        try:
            if self._check is not None:
                self._commands.run(self._check, None, self._version)
        except StepError as error:
            self._replace(before)
            raise BalancerError(f"{error}; {self._path} is as it was") from error
        try:
            self._commands.run(self._reload, None, self._version)
        except StepError as error:
            self._read = False
            raise BalancerError(str(error)) from error
        self._read = True

    def _replace(self, text: str) -> None:
        temporary = self._path.with_name(f".{self._path.name}.new")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(self._path.stat().st_mode & 0o777)
            temporary.replace(self._path)
        except OSError as error:
            raise BalancerError(f"{self._path} cannot be written: {error.strerror}") from error


def _names(line: str, server: str) -> bool:
    """Whether a line has the server as a word of its own: 10.0.0.1:80 is not in 10.0.0.1:8000."""
    return re.search(rf"(?<![\w.-]){re.escape(server)}(?![\w.-])", line) is not None
