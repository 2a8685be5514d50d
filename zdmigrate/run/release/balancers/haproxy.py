"""HAProxy, by its runtime API: a server drains, is in maintenance while it is changed, and is ready again.

What the runtime API set is lost when HAProxy is reloaded (unless `load-server-state-from-file` is used): do not reload
it during a release. Source: HAProxy 2.6 management guide, 9.3, "set server" and "show stat".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zdmigrate.errors import ZdmigrateError
from zdmigrate.run.release.balancers import Rotation
from zdmigrate.run.release.errors import BalancerError
from zdmigrate.run.release.spec import NodeSpec
from zdmigrate.run.traffic.haproxy import HAProxyProcess

#: Statuses of a server that gets requests.
_SERVING = ("UP", "no check")


class HAProxyBalancer:
    """Every HAProxy process in front of the nodes. See `Balancer` for the methods."""

    def __init__(self, sockets: Sequence[str], backend: str, nodes: Sequence[NodeSpec]) -> None:
        self._processes = [HAProxyProcess(address) for address in sockets]
        self._backend = backend
        self._nodes = nodes

    def look(self) -> Mapping[str, Rotation]:
        """See `Balancer.look`."""
        seen = [self._rows(process) for process in self._processes]
        return {node.name: _joint([rows[node.server] for rows in seen]) for node in self._nodes}

    def out(self, node: NodeSpec) -> None:
        """See `Balancer.out`."""
        self._set(node, "drain")

    def shut(self, node: NodeSpec) -> None:
        """See `Balancer.shut`."""
        self._set(node, "maint")

    def admit(self, node: NodeSpec) -> None:
        """See `Balancer.admit`."""
        self._set(node, "ready")

    def _set(self, node: NodeSpec, state: str) -> None:
        for process in self._processes:
            try:
                process.tell(f"set server {self._backend}/{node.server} state {state}")
            except ZdmigrateError as error:
                raise BalancerError(str(error)) from error

    def _rows(self, process: HAProxyProcess) -> dict[str, Mapping[str, str]]:
        """The rows of our servers, by server."""
        try:
            level, rows = process.ask("show cli level").strip(), process.rows()
        except ZdmigrateError as error:
            raise BalancerError(str(error)) from error
        shown = f"haproxy {process.address}"
        if level != "admin":
            raise BalancerError(f"{shown} gives us level {level!r}; write `level admin` on that stats socket")
        if (self._backend, "BACKEND") not in rows:
            known = ", ".join(name for name, kind in rows if kind == "BACKEND")
            raise BalancerError(f"{shown} has no backend {self._backend}; it has {known}")
        for node in self._nodes:
            if (self._backend, node.server) not in rows:
                raise BalancerError(
                    f"{shown}: backend {self._backend} has no server {node.server}; add it, or say what node "
                    f'{node.name} is called there: server = "…"'
                )
        return {node.server: rows[self._backend, node.server] for node in self._nodes}


def _joint(rows: Sequence[Mapping[str, str]]) -> Rotation:
    serving = [row["status"].startswith(_SERVING) for row in rows]
    sessions = sum(int(row["scur"] or 0) + int(row["qcur"] or 0) for row in rows)
    return Rotation(any(serving), all(serving), sessions, ", ".join(dict.fromkeys(row["status"] for row in rows)))
