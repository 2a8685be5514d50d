"""A world for mirrored stores: nodes, two stores, one time, and everything that may happen to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.zdsession.helpers import Relay
from zdsession.errors import StoreUnavailableError
from zdsession.record import Record
from zdsession.stores.memory import MemoryStore
from zdsession.stores.mirrored import MirroredStore
from zdsession.stores.mirrored_sides import BOTH, FRONT

START_MS = 1_800_000_000_000


class CrashError(BaseException):
    """The node died at this point."""


class World:
    """Nodes that share a front and a back store in memory, with links that may be cut.

    ``skews`` are the nodes' clock errors in seconds. Time passes only by :meth:`advance` and when a node sleeps.
    """

    def __init__(self, skews: tuple[float, ...] = (0.0, 3.0, -3.0)) -> None:
        self.seconds = 0.0
        self.stores = {side: MemoryStore(clock=self.now) for side in BOTH}
        self.lives = dict.fromkeys(BOTH, 0)
        self.down: set[tuple[int, str]] = set()
        #: Calls on this link arrive, but their answers do not.
        self.deaf: set[tuple[int, str]] = set()
        #: Calls on this link fail, and arrive later all the same.
        self.slow: set[tuple[int, str]] = set()
        self.late: list[Callable[[], Any]] = []
        self.crash_in: int | None = None
        self.calls = 0
        self.nodes = [self._node(n, skew) for n, skew in enumerate(skews)]
        self.bring_in_sync()

    def now(self) -> int:
        return START_MS + round(self.seconds * 1000)

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    def links(self, side: str) -> set[tuple[int, str]]:
        return {(n, side) for n in range(len(self.nodes))}

    def bring_in_sync(self) -> None:
        """What background threads do when nothing is broken."""
        for _ in range(5):
            for node in self.nodes:
                if node.rejoin():
                    self.advance(2)
                    return
            self.advance(2)
        raise AssertionError("the stores did not come into sync")

    def lose(self, keep: dict[str, Record] | None = None, side: str = FRONT) -> None:
        """A restart of a store that comes back empty, or with what it had some time ago."""
        self.stores[side]._records = dict(keep or {})
        self.lives[side] += 1

    def heal(self) -> None:
        self.down, self.deaf, self.slow, self.crash_in = set(), set(), set(), None
        for call in self.late:
            call()
        self.late = []

    def _node(self, n: int, skew: float) -> MirroredStore:
        front, back = (Linked(self, n, side) for side in BOTH)
        return MirroredStore(
            front,
            back,
            clock=lambda: self.now() + round(skew * 1000),
            background=False,
            timer=lambda: self.seconds,
            sleep=self.advance,
        )


class Linked(Relay):
    """A node's way to a store."""

    def __init__(self, world: World, node: int, side: str) -> None:
        self._world = world
        self._link = (node, side)
        self._store = world.stores[side]

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        world = self._world
        world.calls += 1
        if world.crash_in is not None:
            world.crash_in -= 1
            if world.crash_in < 0:
                world.crash_in = None
                raise CrashError
        if self._link in world.slow:
            world.late.append(lambda: getattr(self._store, name)(*args, **kwargs))
        if self._link in world.down | world.slow:
            raise StoreUnavailableError("cut")
        answer = getattr(self._store, name)(*args, **kwargs)
        if self._link in world.deaf:
            raise StoreUnavailableError("answer lost")
        return answer

    def life(self) -> str:
        if self._link in self._world.down | self._world.slow | self._world.deaf:
            raise StoreUnavailableError("cut")
        return str(self._world.lives[self._link[1]])

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        page: tuple[list[str], str] = self._call("scan", cursor, limit)
        return page

    def close(self) -> None:
        self._store.close()
