"""The app itself: its processes delay their transactions, say so, and go on when they are told to, or by themselves.

    [traffic]
    kind = "fleet"
    store = "${ZDSESSION_STORE}"     # where the fleet is kept: the session store
    wait = 5                         # seconds for running transactions to end; meanwhile new ones are delayed
    lease = 15                       # seconds after which a process that holds goes on by itself
    silent = "give up"               # or "go on": freeze although a process did not answer

    [traffic.fleet]                  # the same beside another kind, such as haproxy
    store = "${ZDSESSION_STORE}"

Every process is told first that it will be asked, so that it listens closely; when all have heard it, all are asked to
hold. The orders and the answers are in `zdsession.fleet.hold`; how an engine holds is in `zdmigrate.engine_hold`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from zdmigrate.run.topology import Node, Topology
from zdmigrate.run.traffic.options import Options, TrafficError

if TYPE_CHECKING:
    from zdsession.fleet.hold import HoldAnswer
    from zdsession.fleet.model import Node as FleetNode
    from zdsession.fleet.model import Process
    from zdsession.fleet.registry import Registry

_WAIT = 5.0
#: The lease, unless the file says otherwise, is the wait and so many seconds, for the freeze.
_BEYOND_WAIT = 10.0
#: The least by which the lease must be longer than the wait, and what must be left of it when the freeze begins.
_LEAST_BEYOND_WAIT, _LEAST_LEFT = 5.0, 2.0
#: Seconds to hear of it, besides two heartbeats of the slowest process. Nobody is delayed meanwhile.
_HEAR_SECONDS = 8.0
_POLL_SECONDS = 0.05
_SQL = ("mysql", "mariadb", "sqlite")
#: Seconds for one operation of the store, and for telling everybody to go on.
_STORE_SECONDS, _RELEASE_SECONDS = 2.0, 1.0

Phase = Literal["before", "hearing", "holding"]


class FleetTraffic:
    """Every process in the fleet. See `Traffic` for the methods."""

    def __init__(self, topology: Topology, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the table.

        Raises:
            UsageError: it cannot be used.
        """
        from zdsession.errors import ConfigurationError
        from zdsession.stores import open_store, safe_url

        options = Options(topology, {"store", "wait", "lease", "silent"})
        url = options.text("store")
        self._wait = options.seconds("wait", _WAIT)
        self._lease = options.seconds("lease", self._wait + _BEYOND_WAIT)
        if self._lease < self._wait + _LEAST_BEYOND_WAIT:
            raise options.error(
                f"lease = {self._lease:g}: longer than wait = {self._wait:g} by {_LEAST_BEYOND_WAIT:g} seconds at least"
            )
        silent = options.text("silent", "give up")
        if silent not in ("give up", "go on"):
            raise options.error(f'silent = {silent!r}; write "give up" or "go on"')
        self._gives_up = silent == "give up"
        if url.startswith("memory:"):
            raise options.error("store = memory:// is known to one process only; name the store of the app's sessions")
        try:
            # This tool looks and asks: it makes no table, and leaves sweeping to the app.
            quiet = {"auto_schema": False, "janitor": False} if url.startswith(_SQL) else {}
            self._store = open_store(url, budget=_STORE_SECONDS, **quiet)
        except (ConfigurationError, TypeError) as error:
            raise options.error(f"store: {error}") from error
        self._name = f"fleet in {safe_url(url)}"
        self._clock = clock

    def check(self) -> str:
        """See `Traffic.check`."""
        with self._reached() as registry:
            nodes = registry.nodes()
        reasons = not_yet(nodes, "before", "", _now())
        if reasons and self._gives_up:
            raise self._refusal("not every process can hold", reasons)
        return _said(nodes, reasons, "can hold")

    def hold(self) -> str:
        """See `Traffic.hold`. Comes back when nothing runs in any process, and nothing begins."""
        order = secrets.token_hex(8)
        with self._reached() as registry:
            nodes, reasons = self._ask(registry, order, "hearing", self._clock() + self._hearing(registry))
            began = self._clock()
            if not reasons or not self._gives_up:
                nodes, reasons = self._ask(registry, order, "holding", began + self._wait)
        left = self._lease - (self._clock() - began)
        if left < _LEAST_LEFT:
            reasons.append(f"only {max(0.0, left):.1f} s of the lease are left: lease = {self._lease:g} is too short")
            raise self._refusal("transactions would go on during the freeze", reasons)
        if reasons and self._gives_up:
            raise self._refusal("transactions would be aborted", reasons)
        return _said(nodes, reasons, "hold")

    def flip(self, primary: Node) -> str:
        """See `Traffic.flip`. They look for themselves."""
        return f"the fleet looks for {primary.name} itself"

    def release(self) -> str:
        """See `Traffic.release`. Never fails: who cannot be told goes on by itself."""
        from zdsession.errors import SessionError

        end = self._clock() + _RELEASE_SECONDS
        while True:
            try:
                return self._release()
            except SessionError as error:
                if self._clock() > end:
                    return f"{self._name} cannot be told ({error}); who holds still goes on within {self._lease:g} s"
            time.sleep(_POLL_SECONDS)

    def _release(self) -> str:
        with self._registry() as registry:
            held = [node.id for node in registry.nodes() if node.hold is not None]
            for node in held:
                registry.end_hold(node)
        return f"{len(held)} node{_s(len(held))} of the fleet go on" if held else "nobody in the fleet is held"

    def _hearing(self, registry: Registry) -> float:
        """Seconds within which every process that listens has heard of it."""
        now = _now()
        beats = [process.every_ms for node in registry.nodes() for process in node.live(now)]
        return _HEAR_SECONDS + 2 * max(beats, default=0) / 1000

    def _ask(self, registry: Registry, order: str, phase: Phase, end: float) -> tuple[Sequence[FleetNode], list[str]]:
        """Ask every node, those too that come meanwhile, until all have answered or time is up; who has not."""
        from zdsession.errors import StoreUnavailableError
        from zdsession.fleet.hold import HoldOrder

        wanted = HoldOrder(order, round(self._lease * 1000), _now(), phase == "holding")
        while True:
            try:
                nodes: Sequence[FleetNode] = registry.nodes()
                for node in nodes:
                    if node.processes and node.hold != wanted:
                        registry.order_hold(node.id, wanted)
                reasons = not_yet(nodes, phase, order, _now())
            except StoreUnavailableError as error:
                nodes, reasons = (), [f"the store does not answer: {error}"]
            if not reasons or self._clock() > end:
                return nodes, reasons
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _reached(self) -> Iterator[Registry]:
        from zdsession.errors import SessionError

        try:
            with self._registry() as registry:
                yield registry
        except SessionError as error:
            raise TrafficError(self._name, str(error)) from error

    @contextmanager
    def _registry(self) -> Iterator[Registry]:
        """The fleet, by connections that are not kept: the store may live in what is being switched over."""
        from zdsession.fleet.registry import Registry

        try:
            yield Registry(self._store)
        finally:
            self._store.close()

    def _refusal(self, what: str, reasons: Sequence[str]) -> TrafficError:
        return TrafficError(self._name, f'{what}: {"; ".join(reasons)}. To freeze all the same: silent = "go on"')


def not_yet(nodes: Sequence[FleetNode], phase: Phase, order: str, now: int) -> list[str]:
    """Who does not hold (or has not heard of `order`, or could not, by the phase), one sentence each.

    Args:
        now: milliseconds since the epoch.
    """
    reasons = []
    for node in nodes:
        if node.unknown:
            reasons.append(f"part of what {node.id} wrote to the store is missing or damaged")
        for process in node.processes:
            name = f"{node.id} process {process.pid}"
            if process.is_lost(now):
                silent = (now - process.beat) // 1000
                reasons.append(f"{name} has been silent for {silent} s (if it has ended: zdsession forget {node.id})")
            elif not process.holds:
                reasons.append(f"{name} cannot hold: no engine of follow_primary(…, fleet=…) is in it")
            elif phase != "before" and (problem := _problem(_answer(process, order), phase)):
                reasons.append(f"{name} {problem}")
    if not any(node.processes for node in nodes):
        reasons.append("no process has registered there; is it the store of the app?")
    return reasons


def _answer(process: Process, order: str) -> HoldAnswer | None:
    return process.hold if process.hold is not None and process.hold.order == order else None


def _problem(answer: HoldAnswer | None, phase: Phase) -> str:
    """What an answer lacks, "" for nothing."""
    if answer is None:
        return "did not answer"
    if phase == "hearing" or answer.stage == "held":
        return ""
    if answer.stage == "ending":
        longest = answer.longest_ms / 1000
        count = f"{answer.running} transaction{_s(answer.running)} running"
        return f"has {count}, {'the oldest ' if answer.running > 1 else ''}for {longest:.1f} s"
    return {
        "heard": "has heard of it and did not begin to hold",
        "late": "let a transaction through that could wait no longer",
        "over": "went on by itself",
    }[answer.stage]


def _said(nodes: Sequence[FleetNode], reasons: Sequence[str], what: str) -> str:
    count = sum(len(node.processes) for node in nodes)
    told = f"{count} process{'' if count == 1 else 'es'} of the fleet {what}"
    return f"{told}, but: {'; '.join(reasons)}" if reasons else told


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _now() -> int:
    from zdsession.clock import now_ms

    return now_ms()
