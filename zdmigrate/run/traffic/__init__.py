"""Who steers clients during a switchover. The freeze on the server is what keeps data safe; this is comfort."""

from __future__ import annotations

from typing import Protocol

from zdmigrate.errors import UsageError
from zdmigrate.run.topology import Node, Topology


class Traffic(Protocol):
    """Steers clients. Every method is bounded, may be called again, and raises ZdmigrateError when it cannot."""

    def check(self) -> str:
        """Make sure that it can steer, changing nothing; says what it found. No check, no freeze."""

    def hold(self) -> str:
        """Let new work wait at the door."""

    def flip(self, primary: Node) -> str:
        """Send what is writable to `primary`."""

    def release(self) -> str:
        """Let the waiting in. Also undoes `hold`."""


class NoTraffic:
    """Clients find the writable server themselves, for example with `zdmigrate.engine.follow_primary`."""

    def check(self) -> str:
        """See `Traffic.check`."""
        return "nobody steers: clients find the primary themselves"

    def hold(self) -> str:
        """See `Traffic.hold`."""
        return ""

    def flip(self, primary: Node) -> str:
        """See `Traffic.flip`."""
        return ""

    def release(self) -> str:
        """See `Traffic.release`."""
        return ""


def open_traffic(topology: Topology) -> Traffic:
    """Whoever the topology's [traffic] names.

    Raises:
        UsageError: for a kind that is not there yet, or keys it does not know.
    """
    from zdmigrate.run.traffic.command import CommandTraffic
    from zdmigrate.run.traffic.haproxy import HAProxyTraffic
    from zdmigrate.run.traffic.options import Options

    kind = topology.traffic.kind
    if kind == "haproxy":
        return HAProxyTraffic(topology)
    if kind == "command":
        return CommandTraffic(topology)
    if kind == "none":
        Options(topology, ())
        return NoTraffic()
    raise UsageError(f"{topology.path}: [traffic] kind {kind!r} is not there yet; use haproxy, command or none")
