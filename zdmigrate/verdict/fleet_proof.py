"""What the live fleet proves, as values: which code runs where, what it maps, and why that may not be all of it.

Nothing here asks the fleet (`zdmigrate.fleet` does), so that plans, gates and reports can hold and quote it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zdsession.manifest import Manifest

#: As many letters of a digest as people are shown.
SHORT = 8


@dataclass(frozen=True, slots=True)
class LiveCode:
    """One version of the app on one node.

    Attributes:
        node, version: their names; the version is "" where the store lost what the node wrote.
        state: starting, ready, draining or lost.
        digest: of what it maps, "" if it published no manifest.
        manifest: what it maps, None if that is not known.
    """

    node: str
    version: str
    state: str
    digest: str
    manifest: Manifest | None

    def __str__(self) -> str:
        return f"node {self.node}" + (f" (version {self.version})" if self.version else "")


@dataclass(frozen=True, slots=True)
class Blame:
    """One version on one node that a change would break, or may; `what` it does says why, such as `maps users.nick`."""

    code: LiveCode
    what: str

    def __str__(self) -> str:
        return f"{self.code} {self.what}"


@dataclass(frozen=True, slots=True)
class FleetProof:
    """The fleet as it was read.

    Attributes:
        store: its URL, without a password.
        read_at: when that was.
        since: since when the registry has been kept; None if there is none.
        code: each version on each node that did not say goodbye.
        gaps: why the manifests of `code` may not be those of all old code; empty when they are.
        expect_nodes, least_age: how many nodes, and how many seconds of memory, were asked for.
    """

    store: str
    read_at: datetime
    since: datetime | None
    code: tuple[LiveCode, ...]
    gaps: tuple[str, ...]
    expect_nodes: int | None = None
    least_age: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether the manifests are those of all old code there is."""
        return not self.gaps

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """What is mapped, each manifest once."""
        return tuple({one.digest: one.manifest for one in self.code if one.manifest is not None}.values())

    def quote(self) -> str:
        """The proof in one line: when it was read, and which version with which manifest is where."""
        versions: dict[tuple[str, str], list[str]] = {}
        for one in self.code:
            name = one.node if one.state == "ready" else f"{one.node} ({one.state})"
            versions.setdefault((one.version or "unknown version", one.digest[:SHORT] or "no manifest"), []).append(
                name
            )
        parts = [f"{version} ({digest}) on {', '.join(nodes)}" for (version, digest), nodes in sorted(versions.items())]
        return f"fleet {self.store} at {_time(self.read_at)}: {'; '.join(parts) or 'no node'}"

    def document(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "store": self.store,
            "read_at": _time(self.read_at),
            "since": None if self.since is None else _time(self.since),
            "complete": self.is_complete,
            "gaps": list(self.gaps),
            "expect_nodes": self.expect_nodes,
            "least_age": self.least_age,
            "nodes": [
                {"node": one.node, "version": one.version, "state": one.state, "manifest": one.digest or None}
                for one in self.code
            ],
        }


def mapped_by_all(given: Iterable[Manifest], fleet: FleetProof | None) -> tuple[Manifest, ...]:
    """The manifests that together are all old code; empty where that is not known, for "it may map everything".

    Args:
        given: manifests that a person named beside the fleet.
        fleet: what the fleet said. With a gap in it nothing is known, whatever else was named.
    """
    if fleet is None:
        return tuple(given)
    if not fleet.is_complete:
        return ()
    return tuple({one.digest: one for one in (*given, *fleet.manifests)}.values())


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
