"""A Redis Cluster on loopback, formed and ready, whose slots can be moved and whose nodes can be taken away."""

from __future__ import annotations

from collections.abc import Callable

from redis.crc import key_slot

from tests.servers import ports
from tests.servers.base import ServerError
from tests.servers.binaries import Binary, find
from tests.servers.certificates import Certificates
from tests.servers.redis import Group, Login, RedisProcess, wait_until

SLOTS = 16384


class ClusterNode(RedisProcess):
    """One node, with a leased port for the bus too."""

    def __init__(
        self,
        binary: Binary,
        *,
        args: tuple[str, ...] = (),
        tls: Certificates | None = None,
        login: Login | None = None,
    ) -> None:
        super().__init__(binary, args=args, tls=tls, login=login)
        self.bus_port = ports.lease()

    @property
    def id(self) -> str:
        """Its name in the cluster."""
        return _text(self.ask("CLUSTER", "MYID"))

    @property
    def is_primary(self) -> bool:
        """Whether it says so; False while it does not answer."""
        return self.answers and _text(self.ask("ROLE")[0]) == "master"

    def close(self) -> None:
        """See `Server.close`."""
        if not self._closed:
            super().close()
            ports.release(self.bus_port)

    def _options(self) -> list[str]:
        return [
            *super()._options(),
            *("--cluster-enabled", "yes"),
            *("--cluster-config-file", "nodes.conf"),
            *("--cluster-port", str(self.bus_port)),
        ]


class RedisCluster(Group):
    """Primaries with an even share of the slots each, and maybe replicas.

    Attributes:
        nodes: The primaries of the beginning, then their replicas.
    """

    def __init__(
        self,
        binary: Binary,
        *,
        args: tuple[str, ...],
        timeout: float,
        tls: Certificates | None,
        login: Login | None,
    ) -> None:
        super().__init__()
        self._binary = binary
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        self._args = ("--cluster-node-timeout", str(round(timeout * 1000)), *quick, *args)
        self._tls = tls
        self._login = login
        self.nodes: list[ClusterNode] = []

    def start(self, *, primaries: int, replicas: int) -> None:
        """Start the nodes and make them a cluster; returns when every node says that it is whole."""
        for _ in range(primaries * (1 + replicas)):
            node = ClusterNode(self._binary, args=self._args, tls=self._tls, login=self._login)
            self.nodes.append(node)
            self.add(node)
        first, heads = self.nodes[0], self.nodes[:primaries]
        for number, node in enumerate(heads):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            begin, end = (SLOTS * n // primaries for n in (number, number + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
        for node in self.nodes[1:]:
            first.ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        wait_until(lambda: all(len(_lines(node)) == len(self.nodes) for node in self.nodes), "nodes that know all")
        for number, node in enumerate(self.nodes[primaries:]):
            node.ask("CLUSTER", "REPLICATE", heads[number % primaries].id)
        self.wait_ready()

    @property
    def primaries(self) -> list[ClusterNode]:
        """The answering nodes that are primaries now."""
        return [node for node in self.nodes if node.is_primary]

    def url(self, **options: str) -> str:
        """The store URL."""
        first = self.nodes[0]
        hosts = ",".join(node.address for node in self.nodes[:3])
        query = [first.query.removeprefix("?")] if first.query else []
        query += [f"{name}={value}" for name, value in options.items()]
        return f"{first.scheme}+cluster://{first.userinfo}{hosts}{'?' if query else ''}{'&'.join(query)}"

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until every answering node says that the cluster is whole and agrees with the others who serves what."""

        def ready() -> bool:
            up = [node for node in self.nodes if node.answers]
            whole = all("cluster_state:ok" in _text(node.ask("CLUSTER", "INFO")) for node in up)
            return whole and len({_owners(node) for node in up}) == 1 and all(map(_in_step, up))

        wait_until(ready, "a cluster that is whole", seconds)

    def owner(self, key: str | bytes) -> ClusterNode:
        """The node that serves a key, as most answering nodes see it."""
        slot = slot_of(key)
        said = [_owner_of(node, slot) for node in self.nodes if node.answers]
        port = max(said, key=said.count)
        return next(node for node in self.nodes if node.port == port)

    def replica_of(self, primary: ClusterNode) -> ClusterNode:
        """An answering replica of a node.

        Raises:
            ServerError: It has none.
        """
        wanted = primary.id
        for node in self.nodes:
            if node.answers and any(wanted in line and "myself,slave" in line for line in _lines(node)):
                return node
        raise ServerError(f"{primary} has no replica that answers")

    def promote(self, replica: ClusterNode) -> None:
        """A failover in good order: the replica takes over from its primary, which lives."""
        replica.ask("CLUSTER", "FAILOVER")
        wait_until(lambda: replica.is_primary, f"{replica} as a primary")
        self.wait_ready()

    def wait_promoted(self, key: str | bytes, old: ClusterNode, seconds: float = 60) -> ClusterNode:
        """Wait until another node than `old` serves a key and the cluster is whole, and return that node."""
        wait_until(lambda: self.owner(key) is not old, f"another owner than {old}", seconds)
        self.wait_ready(seconds)
        return self.owner(key)

    def move_slot(self, key: str | bytes, to: ClusterNode, half_way: Callable[[], object] = lambda: None) -> None:
        """Move the slot of a key, as `redis-cli --cluster reshard` does.

        Args:
            key: Names the slot.
            to: Who gets it.
            half_way: Called while the slot is migrating and its keys are still where they were.
        """
        slot, source = slot_of(key), self.owner(key)
        if source is to:
            return
        source_id, target_id = source.id, to.id
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        half_way()
        login = ("AUTH2", *self._login) if self._login else ()
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.ask("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, *login, "KEYS", *keys)
        for node in (to, source, *self.primaries):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target_id)
        self.wait_ready()


def open_cluster(
    *,
    primaries: int = 3,
    replicas: int = 0,
    args: tuple[str, ...] = (),
    timeout: float = 1.0,
    tls: Certificates | None = None,
    login: Login | None = None,
    binary: Binary | None = None,
) -> RedisCluster:
    """A cluster, formed and ready: every slot is served and every node says so.

    Args:
        primaries: How many; at least 3, or no majority could promote anybody.
        replicas: How many for each primary.
        args: Further options for each node.
        timeout: Seconds of silence after which the others take a node for dead (`cluster-node-timeout`).
        tls: Everybody speaks TLS with these certificates.
        login: Every node wants this user and password.
        binary: The Redis (7.0 or later) or Valkey to run; the machine's Redis when not given.
    """
    cluster = RedisCluster(binary or find("redis"), args=args, timeout=timeout, tls=tls, login=login)
    try:
        cluster.start(primaries=primaries, replicas=replicas)
    except BaseException as error:
        error.add_note(cluster.log(15))
        cluster.close()
        raise
    return cluster


def slot_of(key: str | bytes) -> int:
    """The slot a key belongs to."""
    return key_slot(key.encode() if isinstance(key, str) else key)


def _lines(node: ClusterNode) -> list[str]:
    """`CLUSTER NODES`, a line a node."""
    return _text(node.ask("CLUSTER", "NODES")).splitlines()


def _owners(node: ClusterNode) -> tuple[tuple[int, int, int], ...]:
    """First slot, last slot, port of its primary, for each range, as a node sees them."""
    return tuple(sorted((begin, end, primary[1]) for begin, end, primary, *_ in node.ask("CLUSTER", "SLOTS")))


def _owner_of(node: ClusterNode, slot: int) -> int:
    """The port of a slot's primary, as a node sees it; 0 when nobody serves it."""
    return next((port for begin, end, port in _owners(node) if begin <= slot <= end), 0)


def _in_step(node: ClusterNode) -> bool:
    """Whether a replica has its primary's data, and a primary all its replicas."""
    with node.client() as client:
        state = client.info("replication")
    if state["role"] == "slave":
        return bool(state["master_link_status"] == "up")
    return all(one["state"] == "online" for name, one in state.items() if name.removeprefix("slave").isdigit())


def _text(answer: object) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)
