"""The owners of a cluster's slots."""

from __future__ import annotations

from binascii import crc_hqx
from typing import Any

from hiredis import ReplyError

from zdsession.chance import CHANCE
from zdsession.stores.redis_node import Node, pack
from zdsession.stores.redis_topology import Nodes, NotFoundError, Search, nobody, shares
from zdsession.stores.redis_url import Address, Place

SLOTS = 16384


class Cluster:
    """A map from slots to nodes, drawn on first use, corrected by each MOVED and drawn anew when a request fails.

    Args:
        place: addresses of some nodes; the others are found through them.
        max_connections: to each node.
    """

    def __init__(self, place: Place, max_connections: int) -> None:
        self._nodes = Nodes(place.access, max_connections)
        self._seeds = [self._nodes.at(address) for address in place.addresses]
        self._search = Search()
        self._owners: list[Node | None] = [None] * SLOTS

    def node_of(self, key: str) -> Node | None:
        return self._owners[slot_of(key)]

    def look_again(self, since: float, until: float, failed: Node | None) -> None:
        self._search.once(since, until, lambda: self._look(until, failed))

    def redirected(self, answer: str, asked: Node) -> Node | None:
        kind, slot, where = answer.split(" ")[:3]
        host, _, port = where.rpartition(":")
        node = self._nodes.at(Address(host or asked.address.host, int(port)))
        if kind == "MOVED":
            self._owners[int(slot)] = node
        return node

    def nodes(self) -> list[Node]:
        return list({id(node): node for node in self._owners if node is not None}.values())

    def close(self) -> None:
        self._nodes.close()

    def _look(self, until: float, failed: Node | None) -> None:
        # Whoever failed is asked last; the others in any order, as one that is cut off would say the same each time.
        known = list(dict.fromkeys([*self.nodes(), *self._seeds]))
        CHANCE.shuffle(known)
        known.sort(key=lambda node: node is failed)
        said: dict[Address, OSError] = {}
        for node, limit in shares(known, until):
            try:
                self._owners = self._owners_seen_by(node, limit)
            except OSError as error:
                said[node.address] = error
            else:
                return
        raise nobody("no node of the cluster says who serves what", said)

    def _owners_seen_by(self, node: Node, until: float) -> list[Node | None]:
        (answer,) = node.exchange(pack("CLUSTER", "SLOTS"), 1, until)
        if isinstance(answer, ReplyError):
            raise NotFoundError(str(answer))
        owners: list[Node | None] = [None] * SLOTS
        for first, last, primary, *_ in answer:
            owner = self._nodes.at(_address(primary, node))
            owners[first : last + 1] = [owner] * (last + 1 - first)
        return owners


def slot_of(key: str) -> int:
    """The slot of a key: of the part in braces, if there is one."""
    name = key.encode()
    begin = name.find(b"{")
    if begin >= 0:
        end = name.find(b"}", begin + 1)
        if end > begin + 1:
            name = name[begin + 1 : end]
    return crc_hqx(name, 0) % SLOTS


def _address(described: Any, asked: Node) -> Address:
    """A node without a name is where we asked."""
    host, port = described[:2]
    return Address(host.decode() if host else asked.address.host, port)
