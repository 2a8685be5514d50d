"""The fleet is kept by every store that keeps sessions, and none of it is lost to silence, races or other records."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.zdsession.helpers import Clock
from zdsession import ConfigurationError, SessionManager, StoreUnavailableError
from zdsession.fleet import Barrier, DrainOrder, Gone, Process, Registry, State
from zdsession.fleet.registry import _node_record, _record_id, checked_node_id
from zdsession.manifest import Manifest, MappedColumn, MappedTable
from zdsession.stores import Store, open_store
from zdsession.stores.memory import MemoryStore
from zdsession.stores.mirrored import MirroredStore

KINDS = ["memory", "sqlite", "redis", "sentinel", "cluster", "mysql", "mariadb"]
YEARS = 40 * 365 * 24 * 3600


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    kind = request.param
    if kind == "memory":
        store: Store = MemoryStore()
    elif kind == "sqlite":
        store = open_store(f"sqlite:///{tmp_path}/s.db", budget=20.0)
    else:
        store = open_store(request.getfixturevalue(f"{kind}_url"), budget=20.0)
    yield store
    store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(store: Store, clock: Clock) -> Registry:
    return Registry(store, clock=clock)


def manifest(version: str = "1.0", **tables: tuple[str, ...]) -> Manifest:
    mapped = {
        name: MappedTable({column: MappedColumn("INT") for column in columns}) for name, columns in tables.items()
    }
    return Manifest(version, ("head",), mapped)


def process(clock: Clock, name: str = "one", **fields: object) -> Process:
    values = {"id": name, "pid": 7, "host": "h", "version": "1.0", "state": State.READY, "started": 1, "every_ms": 1000}
    return Process(**{**values, "beat": clock(), **fields})  # type: ignore[arg-type]


def no(other: Process) -> bool:
    return False


def test_an_empty_fleet(registry: Registry) -> None:
    assert registry.since() is None
    assert registry.nodes() == []
    assert registry.node("a") is None
    assert registry.barriers() == []
    assert registry.manifest("0" * 64) is None
    assert not registry.forget("a")
    registry.goodbye("a", "one")
    registry.end_drain("a")
    registry.lift_barrier("b")
    assert registry.since() is None, "none of this makes a record"


def test_a_node_lives_is_silent_and_is_forgotten(registry: Registry, clock: Clock) -> None:
    registry.enlist("a")
    began = registry.since()
    one = process(clock, heads=("x",), in_flight=3, busy=("checkout",), waiting_for=("a thing",))
    assert registry.beat("a", one, no).processes == ()
    (node,) = registry.nodes()
    assert node.processes == (one,)
    assert node.state(clock()) is State.READY
    assert node.in_flight(clock()) == 3
    clock.now += 11_000
    assert node.state(clock()) is State.LOST
    assert node.live(clock()) == ()
    clock.now += YEARS * 1000
    assert registry.nodes() == [node], "silence is not absence"
    assert registry.since() == began
    assert registry.forget("a")
    assert registry.nodes() == []
    assert registry.node("a") is None


def test_a_forgotten_node_that_lives_comes_back(registry: Registry, clock: Clock) -> None:
    registry.enlist("a")
    registry.beat("a", process(clock), no)
    registry.forget("a")
    registry.beat("a", process(clock), no)
    registry.enlist("a")
    assert [node.state(clock()) for node in registry.nodes()] == [State.READY]


def test_mirrored(redis_url: str, tmp_path: Path, clock: Clock) -> None:
    """A mirrored store, which lets nothing come back that was destroyed, forgets a node and takes it back."""
    parts = (open_store(url, budget=3.0) for url in (redis_url, f"sqlite:///{tmp_path}/back.db"))
    store = MirroredStore(*parts, budget=10.0)
    registry = Registry(store, clock=clock)
    for _ in range(2):
        registry.enlist("a")
        registry.beat("a", process(clock), no)
        assert [node.state(clock()) for node in registry.nodes()] == [State.READY]
        assert registry.forget("a")
        assert registry.nodes() == []
    store.close()


def test_a_node_is_the_sum_of_its_processes(registry: Registry, clock: Clock) -> None:
    registry.enlist("a")
    registry.beat("a", process(clock, "one", in_flight=1), no)
    before = registry.beat("a", process(clock, "two", in_flight=2, state=State.STARTING), no)
    assert [one.id for one in before.processes] == ["one"]
    found = registry.node("a")
    assert found is not None
    assert found.in_flight(clock()) == 3
    registry.goodbye("a", "one")
    assert [one.id for one in registry.nodes()[0].processes] == ["two"]
    registry.goodbye("a", "two")
    assert registry.nodes()[0].state(clock()) is State.GONE
    registry.enlist("a")
    registry.beat("a", process(clock, "three"), no)
    assert registry.nodes()[0].state(clock()) is State.READY


def test_what_has_ended_is_removed_by_who_saw_it(registry: Registry, clock: Clock) -> None:
    registry.enlist("a")
    registry.beat("a", process(clock, "dead"), no)
    registry.order_drain("a", DrainOrder("o", 1, 1))
    seen = registry.beat("a", process(clock, "two"), lambda other: other.id == "dead")
    assert seen.processes == ()
    assert seen.order is None, "it was for those that have ended"
    found = registry.node("a")
    assert found is not None
    assert ([one.id for one in found.processes], found.order) == (["two"], None)


def test_orders(registry: Registry, clock: Clock) -> None:
    registry.enlist("a")
    registry.beat("a", process(clock), no)
    order = DrainOrder("o", 1, 2, "defer", 9)
    registry.order_drain("a", order)
    assert registry.beat("a", process(clock), no).order == order
    registry.end_drain("a")
    assert registry.beat("a", process(clock), no).order is None


def test_manifests(registry: Registry) -> None:
    mine = manifest(users=("id", "name"))
    registry.publish(mine)
    registry.publish(mine)
    assert registry.manifest(mine.digest) == mine


def test_the_manifests_of_a_version_outlive_its_nodes(registry: Registry, clock: Clock) -> None:
    assert (registry.versions(), registry.manifests_of("1.0"), registry.known()) == ([], [], [])
    first, again, second = (manifest(t=columns) for columns in (("a",), ("a", "b"), ("c",)))
    registry.publish(first, "1.0")
    registry.enlist("a")
    registry.beat("a", process(clock), no)
    clock.advance(1)
    registry.publish(again, "1.0")
    clock.advance(1)
    registry.publish(second, "2.0: the second")
    registry.publish(first, "1.0")
    registry.goodbye("a", "one")
    registry.forget("a")
    assert registry.versions() == ["2.0: the second", "1.0"]
    assert registry.manifests_of("1.0") == [again, first]
    assert registry.manifests_of("2.0: the second") == [second]
    assert registry.manifests_of("3.0") == []
    assert registry.known() == [first, again, second]


def test_the_oldest_versions_are_forgotten_first(clock: Clock) -> None:
    registry = Registry(MemoryStore(), clock=clock)
    mine = manifest(t=("a",))
    for number in range(210):
        clock.advance(1)
        registry.publish(mine, f"1.{number}")
    assert registry.versions() == [f"1.{number}" for number in range(209, 9, -1)]


def test_barriers(registry: Registry, clock: Clock) -> None:
    one = Barrier("ab12", (Gone("users", "name"),), clock())
    two = Barrier("cd34", (Gone("old"),), clock(), ("0123abcd",))
    registry.raise_barrier(one)
    registry.raise_barrier(two)
    assert registry.barriers() == registry.enlist("a") == [one, two]
    registry.lift_barrier("ab12")
    assert registry.barriers() == [two]


def test_many_processes_at_once(registry: Registry, clock: Clock) -> None:
    """No heartbeat of one process undoes that of another, nor does the making of the records."""
    failed: list[Exception] = []

    def beat(number: int) -> None:
        try:
            registry.enlist(f"n{number % 2}")
            for turn in range(3):
                registry.beat(f"n{number % 2}", process(clock, str(number), requests=turn), no)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=beat, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert [node.id for node in registry.nodes()] == ["n0", "n1"]
    assert [len(node.processes) for node in registry.nodes()] == [4, 4]
    assert {one.requests for node in registry.nodes() for one in node.processes} == {2}


def test_an_old_goodbye_leaves_the_list(clock: Clock) -> None:
    registry = Registry(MemoryStore(), clock=clock)
    for name in ("a", "b"):
        registry.enlist(name)
        registry.beat(name, process(clock), no)
    registry.goodbye("a", "one")
    clock.advance(8 * 24 * 3600)
    registry.enlist("c")
    assert [node.id for node in registry.nodes()] == ["b", "c"], "b never said goodbye"


def test_damaged_and_lost_entries_are_not_absent(clock: Clock) -> None:
    store = MemoryStore()
    registry = Registry(store, clock=clock)
    registry.enlist("a")
    registry._update(_node_record("a"), put={"p:x": b"\xff"})
    (node,) = registry.nodes()
    assert (node.damaged, node.state(clock())) == (1, State.LOST)
    store.destroy(_node_record("a"))
    (node,) = registry.nodes()
    assert (node.missing, node.state(clock())) == (True, State.LOST)
    mine = manifest(t=("a",))
    registry.publish(mine)
    registry._update(_record_id(f"manifest\0{mine.digest}"), put={"manifest": b"nonsense"})
    assert registry.manifest(mine.digest) is None
    registry._update(_record_id("roster"), put={"b:x": b"\xff"})
    assert registry.barriers() == []


def test_fields_of_later_versions_are_read_past(clock: Clock) -> None:
    registry = Registry(MemoryStore(), clock=clock)
    registry.enlist("a")
    later = {**msgspec.to_builtins(process(clock)), "mood": "fine"}
    registry._update(_node_record("a"), put={"p:one": msgspec.msgpack.encode(later)})
    assert registry.nodes()[0].processes == (process(clock),)


def test_no_session_can_be_the_fleet(store: Store) -> None:
    registry = Registry(store)
    registry.enlist("a")
    sessions = SessionManager(store)
    session = sessions.open(f"{sessions.cookie.name}={'A' * 64}")
    assert list(session) == []
    assert sessions.sessions_of("a") == []
    store.sweep()
    assert registry.since() is not None


class Vanishing(MemoryStore):
    """Loses each record between two calls."""

    def create(self, record_id: str, record: object) -> bool:
        return True


def test_a_store_that_keeps_nothing() -> None:
    with pytest.raises(StoreUnavailableError, match="removed each time"):
        Registry(Vanishing()).enlist("a")


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "é", "a\n"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(ConfigurationError, match="a node is named by"):
        checked_node_id(name)
