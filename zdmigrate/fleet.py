"""The fleet in a session store, as `zdmigrate` asks it: what runs, and barriers that keep old code from starting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from zdmigrate.errors import UsageError
from zdmigrate.verdict.fleet_proof import FleetProof, LiveCode
from zdsession.clock import now_ms
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.fleet.evidence import LEAST_AGE_MS, may_contract, read_fleet
from zdsession.fleet.model import Barrier, Gone
from zdsession.fleet.registry import Registry
from zdsession.manifest import Manifest
from zdsession.stores import open_store, safe_url

T = TypeVar("T")

#: Seconds a registry has to have been kept for before it is believed to know every node.
LEAST_AGE = LEAST_AGE_MS / 1000
#: Seconds one operation on the store may take.
_BUDGET = 5.0


class FleetError(UsageError):
    """The fleet cannot be asked, so nothing is known of what is deployed."""


class Fleet:
    """Reads the fleet, and puts barriers up and takes them down.

    Every method raises FleetError when the store does not answer.

    Args:
        registry: of the fleet.
        name: of its store, for people: without a password.
        expect_nodes: fewer nodes than this are not all; None for no such number.
        least_age: seconds; a younger registry may not have heard of every node.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        registry: Registry,
        name: str,
        *,
        expect_nodes: int | None = None,
        least_age: float = LEAST_AGE,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.name = name
        self._registry = registry
        self._expect_nodes = expect_nodes
        self._least_age = least_age
        self._clock = clock

    def read(self) -> FleetProof:
        """What runs now, and whether that is all."""
        reading = self._asked(lambda: read_fleet(self._registry, self._clock()))
        now = self._clock()
        gaps = may_contract(
            reading, now=now, expect_nodes=self._expect_nodes, least_age_ms=round(self._least_age * 1000)
        )
        return FleetProof(
            self.name,
            _time(now),
            None if reading.since is None else _time(reading.since),
            tuple(
                LiveCode(one.node, one.version, one.state.value, one.digest, one.manifest) for one in reading.entries
            ),
            tuple(gaps),
            self._expect_nodes,
            self._least_age,
        )

    def manifests_of(self, version: str) -> tuple[Manifest, ...]:
        """What was published for this version of the app; more than one if it was built more than once."""
        return tuple(self._asked(lambda: self._registry.manifests_of(version)))

    def versions(self) -> tuple[str, ...]:
        """The versions whose manifests the registry keeps, the latest first."""
        return tuple(self._asked(self._registry.versions))

    def known(self) -> tuple[Manifest, ...]:
        """Every manifest the registry keeps, of what runs and of what ran."""
        return tuple(self._asked(self._registry.known))

    def left(self, gone: Iterable[Gone]) -> float | None:
        """Seconds since the last process left that mapped any of this; None if none is known to have.

        One whose manifest is not known counts: it may have mapped it. Others may still run: see :meth:`read`.
        """
        wanted = Barrier("", tuple(gone), 0)
        latest: int | None = None
        for digest, at in self._asked(self._registry.left).items():
            if latest is not None and at <= latest:
                continue
            manifest = self._asked(partial(self._registry.manifest, digest)) if digest else None
            if manifest is None or wanted.against(manifest):
                latest = at
        return None if latest is None else max(0.0, (self._clock() - latest) / 1000)

    def raise_barrier(self, name: str, gone: Iterable[Gone], refused: Iterable[str] = ()) -> None:
        """Keep code from becoming ready from now on: what maps any of this, and what has one of these digests."""
        barrier = Barrier(name, tuple(gone), self._clock(), tuple(refused))
        self._asked(lambda: self._registry.raise_barrier(barrier))

    def lift_barrier(self, name: str) -> None:
        """Take a barrier down. Nothing if there is none of that name."""
        self._asked(lambda: self._registry.lift_barrier(name))

    def barriers(self) -> tuple[Barrier, ...]:
        """The barriers that are up."""
        return tuple(self._asked(self._registry.barriers))

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except StoreUnavailableError as error:
            raise FleetError(
                f"the fleet in {self.name} cannot be asked ({error}), so nothing is known of what is deployed"
            ) from None


@contextmanager
def open_fleet(url: str, *, expect_nodes: int | None = None, least_age: float | None = None) -> Iterator[Fleet]:
    """The fleet in the store that `url` names.

    Raises:
        UsageError: no such store; the password in its URL is never shown.
    """
    try:
        store = open_store(url, **({} if url.startswith("memory:") else {"budget": _BUDGET}))
    except ConfigurationError as error:
        raise UsageError(f"--fleet: {error}") from None
    try:
        age = LEAST_AGE if least_age is None else least_age
        yield Fleet(Registry(store), safe_url(url), expect_nodes=expect_nodes, least_age=age)
    finally:
        store.close()


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
