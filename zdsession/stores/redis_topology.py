"""Which server to ask: the only one, the primary that Sentinels name, or the owner of a key's slot in a cluster.

A topology belongs to one process, and is safe to share between its threads. Time limits are values of
:func:`time.monotonic`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from zdsession.stores.redis_node import Node
from zdsession.stores.redis_url import Access, Address, Place

T = TypeVar("T")


class NotFoundError(ConnectionError):
    """Nobody was found who serves a key; somebody may be soon."""


class Topology(Protocol):
    """Knows the servers with the data."""

    def node_of(self, key: str) -> Node | None:
        """Who serves a key, as far as is known. Asks nobody."""

    def look_again(self, since: float, until: float, failed: Node | None) -> None:
        """Find out who serves what, unless somebody did after ``since``. What is known stays when nobody answers.

        Args:
            since: when the request began that failed, or found nobody.
            until: the time limit.
            failed: whom that request asked.

        Raises:
            OSError: nobody could say.
        """

    def redirected(self, answer: str, asked: Node) -> Node | None:
        """Whom a MOVED or ASK from ``asked`` names; None where there can be none."""

    def nodes(self) -> list[Node]:
        """Every server with data, as far as is known."""

    def close(self) -> None:
        """Close idle connections."""


class OneServer:
    """One address: what answers there has the data."""

    def __init__(self, place: Place, max_connections: int) -> None:
        self._node = Node(place.addresses[0], place.access, max_connections)

    def node_of(self, key: str) -> Node:
        return self._node

    def look_again(self, since: float, until: float, failed: Node | None) -> None:
        """There is nothing else to find."""

    def redirected(self, answer: str, asked: Node) -> None:
        return None

    def nodes(self) -> list[Node]:
        return [self._node]

    def close(self) -> None:
        self._node.close_idle()


class Search:
    """Lets one thread of a process look at a time; whoever waited for it takes what was found."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found_at = float("-inf")

    def once(self, since: float, until: float, look: Callable[[], None]) -> None:
        """Call ``look``, unless it was called with success after ``since``.

        Raises:
            OSError: what ``look`` raises, or others looked until the deadline (TimeoutError).
        """
        if not self._lock.acquire(timeout=max(0.0, until - time.monotonic())):
            raise TimeoutError("other threads are still looking for the server")
        try:
            if self._found_at <= since:
                look()
                self._found_at = time.monotonic()
        finally:
            self._lock.release()


class Nodes:
    """The servers heard of so far, by address, so that their connections outlive a look."""

    def __init__(self, access: Access, max_connections: int) -> None:
        self._access = access
        self._max_connections = max_connections
        self._by_address: dict[Address, Node] = {}

    def at(self, address: Address) -> Node:
        """The one at an address."""
        node = self._by_address.get(address)
        if node is None:
            node = self._by_address.setdefault(address, Node(address, self._access, self._max_connections))
        return node

    def close(self) -> None:
        """Close idle connections."""
        for node in list(self._by_address.values()):
            node.close_idle()


def nobody(what: str, said: dict[Address, OSError]) -> OSError:
    """The error for a search in vain, with what each server asked had to say."""
    in_time = any(not isinstance(error, TimeoutError) for error in said.values())
    kind = NotFoundError if in_time else TimeoutError
    return kind(f"{what}: {'; '.join(f'{address}: {error}' for address, error in said.items())}")


def shares(items: Sequence[T], until: float) -> Iterator[tuple[T, float]]:
    """Each item with its own time limit: an equal share of the time that is left when its turn comes."""
    for at, item in enumerate(items):
        now = time.monotonic()
        yield item, now + max(0.0, until - now) / (len(items) - at)
