"""The fleet as a release sees it: which version each node runs, and whether it has drained. Orders drains."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from zdmigrate.config import expand_variables
from zdmigrate.errors import UsageError
from zdmigrate.run.release.errors import StepError
from zdmigrate.run.release.spec import Limits
from zdsession.clock import now_ms
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.fleet.model import DrainOrder, Node, State, not_drained_yet
from zdsession.fleet.registry import Registry
from zdsession.stores import open_store, safe_url
from zdsession.stores.base import Store

T = TypeVar("T")
#: Seconds an operation may take: nobody waits for a page.
_BUDGET = 5.0
_POLL = 0.25
#: A registry that lost its memory has heard of every live node again after this; members enlist every 15 s.
_ENLISTED_MS = 20_000


@contextmanager
def open_fleet(url: str) -> Iterator[Store]:
    """The session store a URL names; its ${NAME} references are replaced.

    Raises:
        UsageError: no such kind of store.
    """
    expanded = expand_variables(url)
    options: dict[str, Any] = {} if expanded.startswith("memory:") else {"budget": _BUDGET}
    try:
        store = open_store(expanded, **options)
    except ConfigurationError as error:
        raise UsageError(f"[release] fleet: {error}") from None
    try:
        yield store
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the fleet knows of a node now.

    Attributes:
        node: its entry; None when there is none.
        certain: whether a missing entry means that nothing runs, as far as the registry is old enough to know.
    """

    node: Node | None
    now: int
    certain: bool

    @property
    def versions(self) -> frozenset[str]:
        """Of its live processes."""
        return frozenset(process.version for process in self.node.live(self.now)) if self.node else frozenset()

    @property
    def silent(self) -> bool:
        """Whether something of it vanished without goodbye."""
        return self.node is not None and (
            self.node.unknown or any(process.is_lost(self.now) for process in self.node.processes)
        )

    @property
    def ready(self) -> bool:
        """Whether all its live processes are ready, and there is one."""
        live = self.node.live(self.now) if self.node else ()
        return bool(live) and all(process.state is State.READY for process in live)

    @property
    def obeys(self) -> bool:
        """Whether it was told to drain, or nothing of it lives that could be told."""
        return self.node is None or not self.node.live(self.now) or self.node.order is not None

    @property
    def drained(self) -> bool:
        """Whether nothing is left to wait for before it may be stopped."""
        return not self.undone()

    def undone(self) -> list[str]:
        """What a drain still waits for."""
        if self.node is None or not self.node.live(self.now):
            return []
        if self.node.order is None:
            return ["it has not been told to drain"]
        return not_drained_yet(self.node, self.node.order, self.now)

    def why_unready(self) -> str:
        """Why it is not ready, in words."""
        if self.node is None or not self.node.live(self.now):
            return "nothing of it is in the fleet (did it start? its own log says)"
        found = [
            reason
            for process in self.node.live(self.now)
            if process.state is not State.READY
            for reason in process.waiting_for or (process.state.value,)
        ]
        return "; ".join(dict.fromkeys(found)) or "it is"


class Fleet:
    """The registry, asked with patience: a store that is out for a moment stops nothing.

    Args:
        patience: seconds for which the store may be out.
        pause: called between two tries with the seconds to wait; may raise, to stop.
    """

    def __init__(self, store: Store, url: str, limits: Limits, pause: Callable[[float], None] = time.sleep) -> None:
        self._registry = Registry(store)
        self._url = url
        self._limits = limits
        self._pause = pause

    def look(self, names: tuple[str, ...]) -> dict[str, Sighting]:
        """What is known of each node.

        Raises:
            StepError: the store is out.
        """
        since, found = self.patiently(lambda: (self._registry.since(), self._registry.nodes()))
        now = now_ms()
        known = {node.id: node for node in found}
        old_enough = since is not None and now - since >= _ENLISTED_MS
        return {
            name: Sighting(known.get(name), now, old_enough or (name in known and not known[name].missing))
            for name in names
        }

    def others(self, names: tuple[str, ...]) -> list[Node]:
        """Nodes of the fleet that are none of these and did not say goodbye."""
        now = now_ms()
        found = self.patiently(self._registry.nodes)
        return [node for node in found if node.id not in names and node.state(now) is not State.GONE]

    def drain(self, name: str) -> None:
        """Tell a node to drain."""
        least, quiet = round(self._limits.drain_least * 1000), round(self._limits.drain_quiet * 1000)
        order = DrainOrder(secrets.token_hex(8), least, quiet)
        self.patiently(lambda: self._registry.order_drain(name, order))

    def undrain(self, name: str) -> None:
        """Take such an order back."""
        self.patiently(lambda: self._registry.end_drain(name))

    def forget(self, name: str) -> None:
        """Strike a node out that is known to have ended."""
        self.patiently(lambda: self._registry.forget(name))

    def patiently(self, ask: Callable[[], T]) -> T:
        """Ask again and again over an outage of the store.

        Raises:
            StepError: it lasts.
        """
        until = time.monotonic() + self._limits.ready_within
        while True:
            try:
                return ask()
            except StoreUnavailableError as error:
                if time.monotonic() >= until:
                    raise StepError(
                        f"the session store {safe_url(expand_variables(self._url))} does not answer, so nobody knows "
                        f"what the nodes do: {error}"
                    ) from None
                self._pause(_POLL)
