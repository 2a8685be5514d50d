"""Who sends the nodes their requests, and how a node is taken out and put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.spec import NodeSpec, ReleaseSpec


@dataclass(frozen=True, slots=True)
class Rotation:
    """What the balancers do with a node.

    Attributes:
        reached: one of them at least sends it requests.
        whole: all of them do.
        sessions: requests or connections they have open to it, as far as they tell.
        detail: what they call its state.
    """

    reached: bool
    whole: bool
    sessions: int = 0
    detail: str = ""


class Balancer(Protocol):
    """One or more balancers in front of all nodes. Every method is bounded, may be called again, and raises
    `BalancerError` when it cannot do what it should."""

    def look(self) -> Mapping[str, Rotation]:
        """What is done with each node now, by its name. Changes nothing.

        Raises:
            BalancerError: it does not answer, or does not know a node.
        """

    def out(self, node: NodeSpec) -> None:
        """Send it no new requests. Those under way end by themselves."""

    def shut(self, node: NodeSpec) -> None:
        """Also when it becomes healthy: it is about to be started, and is to be tested first."""

    def admit(self, node: NodeSpec) -> None:
        """Send it requests again, as soon as it is healthy."""


def open_balancer(spec: ReleaseSpec, commands: Commands) -> Balancer:
    """The balancer of a release file."""
    from zdmigrate.run.release.balancers.command import CommandBalancer
    from zdmigrate.run.release.balancers.haproxy import HAProxyBalancer
    from zdmigrate.run.release.balancers.listed import ListedBalancer

    options, nodes = spec.balancer.options, spec.nodes
    if spec.balancer.kind == "haproxy":
        return HAProxyBalancer(options["sockets"], options["backend"], nodes)
    if spec.balancer.kind == "command":
        return CommandBalancer(options, nodes, commands, spec.new)
    return ListedBalancer(spec.balancer.kind, options, nodes, commands, spec.new)


def named(nodes: Sequence[NodeSpec]) -> str:
    """Their names, for people."""
    return ", ".join(node.name for node in nodes)
