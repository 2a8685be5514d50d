"""Who is primary and who follows it, read off what the servers say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zdmigrate.run.state import Server


@dataclass(frozen=True, slots=True)
class Roles:
    """One primary and the replicas that follow it directly."""

    primary: Server
    replicas: tuple[Server, ...]

    def replica(self, name: str) -> Server | None:
        """The replica of that name, or None."""
        return next((item for item in self.replicas if item.name == name), None)


def find_roles(servers: Sequence[Server]) -> tuple[Roles | None, tuple[str, ...]]:
    """The roles, or None with one sentence for each reason why there are none."""
    twins = [(a, b) for number, a in enumerate(servers) for b in servers[number + 1 :] if a.identity == b.identity]
    if twins:
        return None, tuple(
            f"{a.name} and {b.name} lead to one and the same server; correct the url of one of them" for a, b in twins
        )
    heads = [server for server in servers if server.replica is None]
    if not heads:
        return None, ("every node follows another one: the primary is not in the topology, or they follow in a circle",)
    if len(heads) > 1:
        names = " and ".join(server.name for server in heads)
        return None, (f"{names} follow nobody: one of them has to be made a replica of the other first",)
    primary = heads[0]
    by_id = {server.own_id: server for server in servers}
    reasons = [reason for server in servers if server is not primary for reason in _of_replica(server, primary, by_id)]
    if reasons:
        return None, tuple(reasons)
    return Roles(primary, tuple(server for server in servers if server is not primary)), ()


def _of_replica(server: Server, primary: Server, by_id: Mapping[str, Server]) -> Sequence[str]:
    replica = server.replica
    assert replica is not None
    if server.sources > 1:
        return [f"{server.name} follows {server.sources} sources; a switchover moves one primary, so give it one"]
    if replica.source_id == primary.own_id:
        return []
    source = by_id.get(replica.source_id)
    address = f"{replica.source_host}:{replica.source_port}"
    if source is not None:
        return [
            f"{server.name} follows {source.name}, which is itself a replica: replicas of replicas are not supported; "
            f"point {server.name} at {primary.name} first"
        ]
    if not replica.source_id:
        why = f" ({replica.errors[0]})" if replica.errors else ""
        return [f"{server.name} never connected to its source {address}{why}"]
    return [f"{server.name} follows {address}, which is none of the nodes; add it to the topology, or correct the file"]
