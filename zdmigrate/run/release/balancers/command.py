"""Any other balancer, by three commands of the operator's own.

`state` prints `in` or `out` as its last line; `out` and `in` return when it is so, and bear being called twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zdmigrate.run.release.balancers import Rotation
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.errors import BalancerError, StepError
from zdmigrate.run.release.spec import NodeSpec

_SECONDS = 60.0


class CommandBalancer:
    """Calls them. See `Balancer` for the methods."""

    def __init__(self, options: Mapping[str, Any], nodes: Sequence[NodeSpec], commands: Commands, version: str) -> None:
        self._options = options
        self._nodes = nodes
        self._commands = commands
        self._version = version
        self._within = float(options.get("timeout", _SECONDS))

    def look(self) -> Mapping[str, Rotation]:
        """See `Balancer.look`."""
        found = {}
        for node in self._nodes:
            said = self._call("state", node)
            if said not in ("in", "out"):
                raise BalancerError(
                    f"`{self._options['state']}` said {said!r} of {node.name}; it has to print in or out"
                )
            found[node.name] = Rotation(said == "in", said == "in", 0, said)
        return found

    def out(self, node: NodeSpec) -> None:
        """See `Balancer.out`."""
        self._call("out", node)

    def shut(self, node: NodeSpec) -> None:
        """See `Balancer.shut`."""
        if self._call("state", node) != "out":
            self._call("out", node)

    def admit(self, node: NodeSpec) -> None:
        """See `Balancer.admit`."""
        self._call("in", node)

    def _call(self, what: str, node: NodeSpec) -> str:
        try:
            return self._commands.run(self._options[what], node, self._version, within=self._within)
        except StepError as error:
            raise BalancerError(str(error)) from error
