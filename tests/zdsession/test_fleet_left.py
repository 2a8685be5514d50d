"""When code left: what a contract's second look at the servers begins with."""

from __future__ import annotations

import pytest

from tests.zdsession.helpers import Clock
from zdsession.fleet import Process, Registry, State
from zdsession.fleet.registry import _VERSIONS_KEPT
from zdsession.stores.memory import MemoryStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> Registry:
    return Registry(MemoryStore(), clock=clock)


def begins(registry: Registry, clock: Clock, node: str, manifest: str, ended: tuple[str, ...] = ()) -> None:
    """A process of that node, named after its manifest, says that it runs; it sees that others have ended."""
    process = Process(
        id=f"{node}-{manifest}", pid=1, host=node, version="1", state=State.READY, started=clock(), beat=clock(),
        every_ms=1000, manifest=manifest,
    )  # fmt: skip
    registry.enlist(node)
    registry.beat(node, process, lambda other: other.id in ended)


def test_goodbye_is_remembered_by_what_the_process_mapped(registry: Registry, clock: Clock) -> None:
    begins(registry, clock, "web1", "old")
    begins(registry, clock, "web2", "old")
    assert registry.left() == {}
    first = clock()
    registry.goodbye("web1", "web1-old")
    assert registry.left() == {"old": first}
    clock.advance(60)
    begins(registry, clock, "web1", "new")  # the same node comes back with other code
    assert registry.left() == {"old": first}
    registry.goodbye("web2", "web2-old")
    assert registry.left() == {"old": clock()}
    registry.goodbye("web2", "web2-old")
    registry.goodbye("nobody", "x")
    assert registry.left() == {"old": clock()}


def test_a_process_that_was_seen_to_have_ended_has_left(registry: Registry, clock: Clock) -> None:
    begins(registry, clock, "web1", "old")
    clock.advance(5)
    begins(registry, clock, "web1", "new", ended=("web1-old",))
    assert registry.left() == {"old": clock()}


def test_who_is_forgotten_has_left_by_then(registry: Registry, clock: Clock) -> None:
    begins(registry, clock, "web1", "old")
    begins(registry, clock, "web1", "")
    clock.advance(3600)
    assert registry.forget("web1")
    assert registry.left() == {"old": clock(), "": clock()}
    clock.advance(1)
    assert not registry.forget("web1")
    assert set(registry.left().values()) == {clock() - 1000}


def test_the_oldest_are_forgotten_first(registry: Registry, clock: Clock) -> None:
    for number in range(_VERSIONS_KEPT + 3):
        begins(registry, clock, "web1", f"m{number}")
        clock.advance(1)
        registry.goodbye("web1", f"web1-m{number}")
    left = registry.left()
    assert len(left) == _VERSIONS_KEPT
    assert "m2" not in left
    assert "m3" in left
