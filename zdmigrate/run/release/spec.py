"""What a release.toml says, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

Strategy = Literal["rolling", "groups", "surge"]
STRATEGIES: tuple[Strategy, ...] = ("rolling", "groups", "surge")
StartKind = Literal["command", "daemon"]
START_KINDS: tuple[StartKind, ...] = ("command", "daemon")
BALANCER_KINDS = ("haproxy", "nginx", "apache", "command")


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node.

    Attributes:
        name: what its processes call themselves in the fleet.
        address: URL of the node itself, past the balancer, without a path.
        server: what the balancer calls it.
        group, place: for those strategies, else "".
        start, stop: commands; stop is None for a daemon that is stopped by its pid.
        start_old: starts the old version.
        start_kind: whether `start` returns once the node runs, or is the node.
    """

    name: str
    address: str
    server: str
    start: str
    stop: str | None
    start_old: str
    start_kind: StartKind = "command"
    group: str = ""
    place: str = ""

    @property
    def host_port(self) -> str:
        """Where it listens: `address` as servers are told to bind to it."""
        return self.address.partition("://")[2]


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """One request to a node's own address, or a command, that must succeed before the node gets traffic.

    Attributes:
        timeout: seconds.
        undo: whether the old version has to pass it, too.
    """

    path: str = "/-/ready"
    status: int = 200
    contains: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    undo: bool = True
    command: str = ""

    def __str__(self) -> str:
        return f"`{self.command}`" if self.command else f"GET {self.path}"


@dataclass(frozen=True, slots=True)
class BalancerSpec:
    """Who sends the nodes their requests, with that kind's own keys."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PhasesSpec:
    """What is done with the database. Options are more options of `zdmigrate apply`."""

    expand: bool = True
    migrate: bool = True
    contract: bool = True
    backfill: tuple[str, ...] = ()
    expand_options: tuple[str, ...] = ()
    migrate_options: tuple[str, ...] = ()
    contract_options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HooksSpec:
    """Commands around the release, and around each node (or group of them)."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before_node: tuple[str, ...] = ()
    after_node: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds."""

    ready_within: float = 60.0
    drain_within: float = 60.0
    drain_least: float = 5.0
    drain_quiet: float = 3.0
    stop_within: float = 60.0
    command_within: float = 300.0


@dataclass(frozen=True, slots=True)
class ReleaseSpec:
    """The whole file.

    Attributes:
        path: of the file.
        fleet: URL of the session store, with its ${NAME} references as they stand in the file.
        alembic: the new version's alembic.ini; None for a release without migrations.
        topology, database: where migrations run; one of them is given when `alembic` is. `database` has its ${NAME}s.
        journal: folder.
        new, old: versions as the fleet names them; `old` is None when the fleet is to say.
    """

    path: Path
    strategy: Strategy
    fleet: str = field(repr=False)
    new: str
    old: str | None
    nodes: tuple[NodeSpec, ...]
    balancer: BalancerSpec
    journal: Path
    alembic: Path | None = None
    topology: Path | None = None
    database: str | None = field(default=None, repr=False)
    limits: Limits = Limits()
    phases: PhasesSpec = PhasesSpec()
    smoke: tuple[SmokeTest, ...] = (SmokeTest(),)
    hooks: HooksSpec = HooksSpec()

    def node(self, name: str) -> NodeSpec:
        """The node of that name; the caller knows that there is one."""
        return next(node for node in self.nodes if node.name == name)

    @property
    def serving(self) -> int:
        """How many nodes run when nothing is being changed."""
        return len({node.place or node.name for node in self.nodes})

    @property
    def asked(self) -> str:
        """Digest of what is to be done, not of how: version, nodes, phases with their commands, and hooks."""
        wanted = {
            "new": self.new, "nodes": sorted(node.name for node in self.nodes), "migrations": self.alembic is not None,
            "phases": asdict(self.phases), "hooks": asdict(self.hooks),
        }  # fmt: skip
        return sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
