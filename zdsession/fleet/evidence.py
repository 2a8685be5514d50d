"""What the fleet says about whether a contract may run. :func:`read_fleet` asks the store; the rest is values."""

from __future__ import annotations

from dataclasses import dataclass

from zdsession.fleet.model import Barrier, Gone, Node, State, joint_state
from zdsession.fleet.registry import Registry
from zdsession.manifest import Manifest

#: A younger registry may not have heard of every node yet.
LEAST_AGE_MS = 120_000


@dataclass(frozen=True)
class NodeManifest:
    """One version of the app on one node; a node that is being reloaded may run two.

    Attributes:
        node: its id.
        version: the app's version, "" if that is unknown.
        state: of the processes of that version. GONE is never in a reading.
        digest: of its manifest, "" if it published none.
        manifest: what it maps; None if it published none, or the store has lost it.
    """

    node: str
    version: str
    state: State
    digest: str
    manifest: Manifest | None

    def __str__(self) -> str:
        return f"node {self.node}" + (f" (version {self.version})" if self.version else "")


@dataclass(frozen=True)
class FleetReading:
    """What the registry held when it was read.

    Attributes:
        since: when the registry began, in milliseconds; None if there is none.
        entries: each version on each node that did not say goodbye.
    """

    since: int | None
    entries: tuple[NodeManifest, ...]

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """What is mapped, each manifest once."""
        return tuple({one.digest: one.manifest for one in self.entries if one.manifest is not None}.values())


def read_fleet(registry: Registry, now: int) -> FleetReading:
    """The fleet with its manifests.

    Raises:
        StoreUnavailableError: the store is out: nothing is known.
    """
    since = registry.since()
    known: dict[str, Manifest | None] = {}
    entries = [entry for node in registry.nodes() for entry in _entries(node, registry, known, now)]
    return FleetReading(since, tuple(entries))


def _entries(node: Node, registry: Registry, known: dict[str, Manifest | None], now: int) -> list[NodeManifest]:
    states: dict[tuple[str, str], list[State]] = {}
    for process in node.processes:
        states.setdefault((process.version, process.manifest), []).append(process.state_at(now))
    found = []
    for (version, digest), seen in states.items():
        if digest and digest not in known:
            known[digest] = registry.manifest(digest)
        # One silent process is enough: nothing says that its version has ended.
        state = State.LOST if State.LOST in seen else joint_state(seen)
        found.append(NodeManifest(node.id, version, state, digest, known.get(digest)))
    if node.unknown:
        found.append(NodeManifest(node.id, "", State.LOST, "", None))
    return found


def may_contract(
    reading: FleetReading, *, now: int, expect_nodes: int | None = None, least_age_ms: int = LEAST_AGE_MS
) -> list[str]:
    """Why the manifests of this reading do not say what all old code maps; empty if they do.

    Args:
        reading: the fleet.
        now: milliseconds since the epoch.
        expect_nodes: fewer nodes than this are not all.
        least_age_ms: a younger registry may not have heard of all.
    """
    if reading.since is None or not reading.entries:
        return [
            "the fleet is empty: no node has registered, which does not mean that none runs; see that the nodes use "
            "this store"
        ]
    reasons = []
    age = now - reading.since
    if age < least_age_ms:
        reasons.append(
            f"the fleet's registry began {max(0, age) // 1000} s ago and may not know every node yet; "
            f"ask again when it is {least_age_ms // 1000} s old"
        )
    count = len({entry.node for entry in reading.entries})
    if expect_nodes is not None and count < expect_nodes:
        reasons.append(f"the fleet has {count} of the {expect_nodes} nodes expected; start the others, or expect fewer")
    for entry in reading.entries:
        if entry.state is State.LOST:
            reasons.append(f"{entry} is silent and did not say goodbye; if it has ended: zdsession forget {entry.node}")
        elif entry.state is State.STARTING:
            reasons.append(f"{entry} is starting; wait until it is ready, or stop it")
        if entry.manifest is None and (entry.version or entry.state is not State.LOST):
            if entry.digest:
                why = f"has a manifest ({entry.digest[:8]}) the store lost", "it publishes it again within 15 s"
            else:
                why = "published no manifest", "give its FleetMember one, or stop it"
            reasons.append(f"{entry} {why[0]}, so what it maps is not known; {why[1]}")
    return reasons


def still_mapped(reading: FleetReading, gone: Gone) -> list[NodeManifest]:
    """The versions on nodes that map what a contract removes."""
    barrier = Barrier("", (gone,), 0)
    return [entry for entry in reading.entries if entry.manifest is not None and barrier.against(entry.manifest)]
