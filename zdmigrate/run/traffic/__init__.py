"""Who steers clients during a switchover. The freeze on the server is what keeps data safe; this is comfort."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from zdmigrate.errors import UsageError
from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.topology import Traffic as Table


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


class Together:
    """The fleet, and who steers connections. The fleet holds first, as what runs there may need connections yet."""

    def __init__(self, fleet: Traffic, steering: Traffic) -> None:
        """Two that were checked already."""
        self._fleet = fleet
        self._steering = steering

    def check(self) -> str:
        """See `Traffic.check`."""
        return _both(self._fleet.check(), self._steering.check())

    def hold(self) -> str:
        """See `Traffic.hold`."""
        return _both(self._fleet.hold(), self._steering.hold())

    def flip(self, primary: Node) -> str:
        """See `Traffic.flip`."""
        return _both(self._steering.flip(primary), self._fleet.flip(primary))

    def release(self) -> str:
        """See `Traffic.release`."""
        try:
            said = self._steering.release()
        finally:
            told = self._fleet.release()
        return _both(said, told)


def _both(*said: str) -> str:
    return "; ".join(filter(None, said))


def open_traffic(topology: Topology) -> Traffic:
    """Whoever the topology's [traffic] names, with the fleet of [traffic.fleet] if there is one.

    Raises:
        UsageError: for a kind that is not there yet, or keys it does not know.
    """
    from zdmigrate.run.traffic.fleet import FleetTraffic

    kind, options = topology.traffic.kind, dict(topology.traffic.options)
    if kind == "fleet":
        return FleetTraffic(topology)
    fleet = options.pop("fleet", None)
    steering = _steering(replace(topology, traffic=Table(kind, options)))
    if fleet is None:
        return steering
    if not isinstance(fleet, dict):
        raise UsageError(f"{topology.path}: [traffic] fleet = {fleet!r} is not a table; write [traffic.fleet]")
    return Together(FleetTraffic(replace(topology, traffic=Table("fleet", fleet))), steering)


def _steering(topology: Topology) -> Traffic:
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
    raise UsageError(f"{topology.path}: [traffic] kind {kind!r} is not there yet; use haproxy, command, fleet or none")
