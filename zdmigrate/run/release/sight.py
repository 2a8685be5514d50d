"""What is seen of the nodes: the fleet and the balancers, looked at together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zdmigrate.run.release.balancers import Balancer, Rotation
from zdmigrate.run.release.fleet import Fleet, Sighting
from zdmigrate.run.release.journal import Entry
from zdmigrate.run.release.plan import NodeView
from zdmigrate.run.release.spec import NodeSpec, ReleaseSpec

_NOBODY = Rotation(reached=False, whole=False)


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at all nodes."""

    sightings: Mapping[str, Sighting]
    rotations: Mapping[str, Rotation]

    def lacking(self) -> list[str]:
        """Why nothing may be decided from it yet, in words: somebody may be there of whom the fleet has not heard."""
        unheard = [name for name, seen in self.sightings.items() if seen.node is None and not seen.certain]
        stray = [
            f"{name} gets requests, but no node of that name is in the fleet: is it ZDSESSION_NODE of its "
            "processes, and is [release] fleet their store? If nothing runs there, take it out of the balancer"
            for name, seen in self.sightings.items()
            if seen.node is None and seen.certain and self.rotations[name].reached
        ]
        young = f"the fleet's registry is younger than 20 s and may not know {', '.join(unheard)} yet"
        return stray or ([young] if unheard else [])

    def views(self, spec: ReleaseSpec, entry: Entry) -> list[NodeView]:
        """The nodes in the order of the file, with what the journal knows of them."""
        return [view(node, self.sightings[node.name], self.rotations[node.name], entry) for node in spec.nodes]


def look(spec: ReleaseSpec, fleet: Fleet, balancer: Balancer) -> Sight:
    """Look once.

    Raises:
        StepError: the store or the balancer does not answer.
    """
    return Sight(fleet.look(tuple(node.name for node in spec.nodes)), dict(balancer.look()))


def view(node: NodeSpec, seen: Sighting, rotation: Rotation, entry: Entry) -> NodeView:
    """A node as decisions need it."""
    return NodeView(
        name=node.name,
        group=node.group,
        place=node.place,
        versions=seen.versions,
        silent=seen.silent,
        drained=seen.drained and rotation.sessions == 0,
        ready=seen.ready,
        reached=rotation.reached,
        in_rotation=rotation.whole,
        restarted=entry.has(node.name, "restarted"),
        tested=entry.has(node.name, "tested"),
        failed=entry.has(node.name, "failed"),
    )


def view_out_of_rotation(node: NodeSpec, seen: Sighting, entry: Entry) -> NodeView:
    """A node that was just taken out of every balancer."""
    return view(node, seen, _NOBODY, entry)
