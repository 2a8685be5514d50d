"""The primary that Sentinels name. It is asked for its role before it is believed to be one."""

from __future__ import annotations

import time

from hiredis import ReplyError

from zdsession.stores.redis_node import Node, pack
from zdsession.stores.redis_topology import Nodes, NotFoundError, Search, nobody, shares
from zdsession.stores.redis_url import Address, Place


class Watched:
    """A primary with replicas, and the Sentinels that promote one of these.

    The Sentinels are asked on first use and whenever a request fails, which is when a failover shows: it closes
    every connection to the old primary, or that one is dead. All are asked, as one that has not yet heard of the
    failover still names the old primary, which may be back and know nothing either: the latest promotion counts.
    """

    def __init__(self, place: Place, max_connections: int) -> None:
        self._service = place.service
        self._watchers = [Node(address, place.sentinel_access, 1) for address in place.addresses]
        self._nodes = Nodes(place.access, max_connections)
        self._search = Search()
        self._primary: Node | None = None

    def node_of(self, key: str) -> Node | None:
        return self._primary

    def look_again(self, since: float, until: float, failed: Node | None) -> None:
        self._search.once(since, until, lambda: self._look(until))

    def redirected(self, answer: str, asked: Node) -> None:
        return None

    def nodes(self) -> list[Node]:
        return [] if self._primary is None else [self._primary]

    def close(self) -> None:
        self._nodes.close()
        for watcher in self._watchers:
            watcher.close_idle()

    def _look(self, until: float) -> None:
        named: dict[Address, int] = {}
        said: dict[Address, OSError] = {}
        now = time.monotonic()
        for watcher, limit in shares(self._watchers, now + (until - now) / 2):  # the other half is for the primary
            try:
                address, epoch = self._ask(watcher, limit)
            except OSError as error:
                said[watcher.address] = error
            else:
                named[address] = max(epoch, named.get(address, epoch))
        if named:
            node = self._nodes.at(max(named, key=lambda address: named[address]))
            try:
                _check_role(node, until)
            except OSError as error:
                said[node.address] = error
                self._primary = None  # if it comes back it may have been replaced, and know nothing of that
            else:
                self._primary = node
                return
        raise nobody(f"no Sentinel leads to the primary of {self._service}", said)

    def _ask(self, watcher: Node, until: float) -> tuple[Address, int]:
        """Which primary a Sentinel names, and the number of the promotion that made it one."""
        where, state = watcher.exchange(
            pack("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service) + pack("SENTINEL", "MASTER", self._service),
            2,
            until,
        )
        if where is None:
            raise NotFoundError(f"does not watch {self._service}")
        for answer in (where, state):
            if isinstance(answer, ReplyError):
                raise NotFoundError(str(answer))
        host, port = where
        epoch = dict(zip(state[::2], state[1::2], strict=True)).get(b"config-epoch", b"0")
        return Address(host.decode(), int(port)), int(epoch)


def _check_role(node: Node, until: float) -> None:
    """An error for a server that is no primary (yet); one that may not be asked is believed."""
    (answer,) = node.exchange(pack("ROLE"), 1, until)
    if isinstance(answer, ReplyError):
        if not str(answer).startswith("NOPERM"):
            raise NotFoundError(str(answer))
    elif answer[0] != b"master":
        raise NotFoundError("is no primary")
