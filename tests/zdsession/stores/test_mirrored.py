"""The mirrored store: the contract, also on real servers, its URL, and a store that goes out and returns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zdsession.conformance import NEW, NEWER, OLD, A, B, StoreContract, World, a_change, a_record
from tests.zdsession.helpers import Clock, Spy
from tests.zdsession.stores.mirrored_world import World as Nodes
from zdsession.errors import ConfigurationError, StoreUnavailableError
from zdsession.record import Outcome, Record, Rotation
from zdsession.stores import Store, open_store, safe_url
from zdsession.stores.base import MEMBERSHIP_ID, Forgetful, Scannable
from zdsession.stores.memory import MemoryStore
from zdsession.stores.mirrored import MirroredStore
from zdsession.stores.mirrored_sides import BACK, BOTH, FRONT
from zdsession.stores.redis import RedisStore
from zdsession.stores.sql import SqlStore


class Spied(Spy):
    """A store that counts its calls, can be out, and can list its sessions."""

    def scan(self, cursor: str = "", limit: int = 500) -> tuple[list[str], str]:
        page: tuple[list[str], str] = self._call("scan", cursor, limit)
        return page


def in_sync(store: MirroredStore) -> MirroredStore:
    """The store, when both of its stores are in use."""
    for _ in range(100):
        if store.rejoin():
            break
        time.sleep(0.05)
    assert store.in_sync() == BOTH
    return store


class TestContractInMemory(StoreContract):
    @pytest.fixture
    def world(self) -> World:
        clock = Clock()
        front, back = MemoryStore(clock=clock), MemoryStore(clock=clock)
        return in_sync(MirroredStore(front, back, clock=clock, background=False, sleep=lambda seconds: None)), clock


class TestContractOneSideOnly(StoreContract):
    """The contract while the back store is out."""

    @pytest.fixture
    def world(self) -> World:
        clock = Clock()
        back = Spied(MemoryStore(clock=clock))
        store = MirroredStore(MemoryStore(clock=clock), back, clock=clock, background=False, sleep=lambda seconds: None)
        in_sync(store)
        back.out = True
        return store, clock


@pytest.fixture
def pair_url(redis_url: str, mysql_url: str) -> str:
    """Redis in front, MySQL behind."""
    return f"mirrored:{redis_url}|{mysql_url}"


class TestContractOnServers(StoreContract):
    @pytest.fixture
    def world(self, pair_url: str) -> Iterator[World]:
        clock = Clock(wait=time.sleep)
        store = open_store(pair_url, clock=clock, budget=20, background=False)
        assert isinstance(store, MirroredStore)
        store._sides.sleep = lambda seconds: None  # nobody else uses it: nothing to wait for
        yield in_sync(store), clock
        store.close()


# its URL


def test_url(tmp_path: Path) -> None:
    store = open_store(f"mirrored:redis://h/0|sqlite:///{tmp_path}/s.db", budget=2.0)
    assert isinstance(store, MirroredStore)
    assert isinstance(store, Store)
    assert isinstance(store, Scannable)
    assert not isinstance(store, Forgetful)
    assert isinstance(store._sides.all[FRONT].store, RedisStore)
    assert isinstance(store._sides.all[BACK].store, SqlStore)
    store.close()


@pytest.mark.parametrize(
    "url",
    ["mirrored:", "mirrored:memory://", "mirrored:memory://|memory://|memory://", "mirrored:mirrored:a|memory://"],
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"FRONT|no store"):
        open_store(url)


def test_no_password_is_shown() -> None:
    url = "mirrored:redis://:hunter2@h/0|mysql+pymysql://u:hunter2@db/s"
    assert safe_url(url) == "mirrored:redis://h/0|mysql+pymysql://db/s"
    with pytest.raises(ConfigurationError) as caught:
        open_store("mirrored:redis://:hunter2@h:port/0|memory://")
    assert "hunter2" not in str(caught.value)


def test_a_store_that_cannot_be_compared() -> None:
    with pytest.raises(ConfigurationError, match="back store, a Spy, cannot list its sessions"):
        MirroredStore(MemoryStore(), Spy(MemoryStore()))


# what it asks of its stores


def test_requests() -> None:
    """One read in front; a write is one or two at each store."""
    clock = Clock()
    front, back = Spied(MemoryStore(clock=clock)), Spied(MemoryStore(clock=clock))
    store = in_sync(MirroredStore(front, back, clock=clock, background=False, timer=lambda: 0.0, sleep=lambda s: None))

    def asked() -> tuple[list[str], list[str]]:
        return front.taken(), back.taken()

    asked()
    store.create(A, a_record(clock, k=b"1"))
    assert asked() == (["create"], ["create"])
    base = store.load(A)
    assert asked() == (["load"], [])
    assert base is not None
    store.save(A, base, a_change(clock, put={"k": b"2"}))
    assert asked() == (["save"], ["save"])
    store.touch(A, clock(), clock() + 60_000)
    assert asked() == (["touch"], ["touch"])
    store.destroy(A)
    assert asked() == (["load", "save"], ["load", "save"])
    store.load(B)
    assert asked() == (["load"], ["load"]), "an id the front store does not know"


# one store out, and back


@pytest.fixture
def nodes() -> Nodes:
    return Nodes()


def test_a_logout_while_a_store_is_away_is_final(nodes: Nodes) -> None:
    clock, (one, two, _) = Clock(), nodes.nodes
    one.create(A, a_record(clock, k=b"1"))
    nodes.down = nodes.links(FRONT)
    assert two.destroy(A)
    assert one.load(A) is None
    nodes.heal()
    assert nodes.stores[FRONT].load(A) is not None, "the front store does not know"
    assert one.load(A) is None, "but is not read before it does"
    nodes.bring_in_sync()
    assert one.in_sync() == BOTH
    assert one.load(A) is None
    base = Record(OLD, 0, 0, 0, clock() + 60_000, clock() + 60_000)
    assert one.save(A, base, a_change(clock, put={"late": b"1"})).outcome is Outcome.GONE


def test_a_store_that_lost_everything_is_filled_again(nodes: Nodes) -> None:
    clock, (one, two, _) = Clock(), nodes.nodes
    one.create(A, a_record(clock, user="ann", k=b"1"))
    nodes.lose()
    nodes.advance(1)
    assert two.load(A) is not None
    assert two.in_sync() == (BACK,)
    nodes.advance(1)
    nodes.bring_in_sync()
    assert nodes.stores[FRONT].load(A) is not None
    assert [found.id for found in one.sessions_of("ann")] == [A]


def test_an_evicted_session_is_put_back(nodes: Nodes) -> None:
    clock, (one, two, _) = Clock(), nodes.nodes
    one.create(A, a_record(clock, k=b"1"))
    nodes.stores[FRONT].destroy(A)
    assert two.load(A) is not None
    assert nodes.stores[FRONT].load(A) is not None
    assert one.in_sync() == BOTH


def test_a_store_that_was_in_use_before(nodes: Nodes) -> None:
    """Mirroring a store that holds sessions logs nobody out, and the plain values stay readable."""
    clock = Clock()
    old, new = MemoryStore(clock=clock), MemoryStore(clock=clock)
    old.create(A, a_record(clock, user="ann", k=b"1"))
    for front, back in ((old, new), (new, old)):
        store = MirroredStore(front, back, clock=clock, background=False, sleep=lambda seconds: None)
        base = store.load(A)
        assert base is not None
        assert base.values["k"] in (b"1", b"2")
        in_sync(store)
        store.save(A, base, a_change(clock, put={"k": b"2"}))
        assert {value for s in (old, new) for value in s._records[A].values.values()} == {b"2"}
        for one in (old, new):
            one.destroy(MEMBERSHIP_ID)
        new._records.clear()


def test_both_out(nodes: Nodes) -> None:
    nodes.down = nodes.links(FRONT) | nodes.links(BACK)
    one = nodes.nodes[0]
    for call in (
        lambda: one.load(A),
        lambda: one.destroy(A),
        lambda: one.revoke_user("ann"),
        lambda: one.sessions_of(""),
    ):
        with pytest.raises(StoreUnavailableError, match="mirrored store"):
            call()
    nodes.heal()
    nodes.advance(2)
    assert nodes.nodes[0].load(A) is None


def test_what_is_not_in_sync_does_not_serve_alone(nodes: Nodes) -> None:
    """The front store missed a logout; then the back store goes out. A node that starts now must not read it either."""
    clock, (one, _, _) = Clock(), nodes.nodes
    one.create(A, a_record(clock))
    nodes.down = nodes.links(FRONT)
    one.destroy(A)
    nodes.heal()
    nodes.advance(2)
    one._sides.sleep = lambda seconds: nodes.down.update(nodes.links(BACK))
    with pytest.raises(StoreUnavailableError):
        one.rejoin()
    (fresh,) = Nodes((0.0,)).nodes
    fresh._sides.all = nodes.nodes[2]._sides.all
    fresh._sides.known = None
    with pytest.raises(StoreUnavailableError, match="in sync"):
        fresh.load(A)
    with pytest.raises(StoreUnavailableError, match="mirrored store"):
        one.load(A)


def test_nobody_reads_a_store_that_is_not_written(nodes: Nodes) -> None:
    """One node alone cannot reach the front store: once its write is acknowledged, the others do not read there."""
    clock, (one, two, _) = Clock(), nodes.nodes
    one.create(A, a_record(clock, k=b"1"))
    assert two.load(A) is not None, "and trusts for a lease that the front store is in sync"
    base = one.load(A)
    assert base is not None
    nodes.down = {(0, FRONT)}
    before = nodes.seconds
    one.save(A, base, a_change(clock, put={"k": b"2"}))
    assert nodes.seconds - before > 0.299, "waited for the others' leases"
    seen = two.load(A)
    assert seen is not None
    assert seen.values == {"k": b"2"}


def test_parallel_logins_leave_one_id(nodes: Nodes) -> None:
    clock, (one, two, _) = Clock(), nodes.nodes
    one.create(A, a_record(clock))
    base = one.load(A)
    assert base is not None
    assert one.save(A, base, a_change(clock, rotation=Rotation(NEW, 1, 2))).outcome is Outcome.SAVED
    assert two.save(A, base, a_change(clock, rotation=Rotation(NEWER, 1, 2))).outcome is Outcome.SAVED
    assert {nodes.stores[side]._records[A].secret for side in BOTH} == {NEWER}
    assert {nodes.stores[side]._records[A].previous for side in BOTH} == {NEW}


def test_removed_keys_are_forgotten_in_the_end() -> None:
    """Flash messages and the like: a session that lives long does not grow with what was removed from it."""
    clock = Clock()
    front, back = MemoryStore(clock=clock), MemoryStore(clock=clock)
    store = in_sync(MirroredStore(front, back, clock=clock, background=False, sleep=lambda seconds: None))
    store.create(A, a_record(clock, seconds=3000, stays=b"1"))
    most = 0
    for turn in range(200):
        clock.advance(15)
        for change in ({"put": {f"flash{turn}": b"1"}}, {"drop": frozenset({f"flash{turn}"})}):
            base = store.load(A)
            assert base is not None
            store.save(A, base, a_change(clock, **change))
        most = max(most, *(len(s._records[A].values) for s in (front, back)))
    assert most < 60, "what was removed in ten minutes, and a few more"
    record = store.load(A)
    assert record is not None
    assert record.values == {"stays": b"1"}


def test_comes_back_by_itself() -> None:
    """The background thread, real time."""
    clock = Clock()
    front = Spied(MemoryStore(clock=clock))
    store = MirroredStore(front, MemoryStore(clock=clock), clock=clock, budget=0.2, cooldown=0.05)

    def wait_for(sides: tuple[str, ...]) -> None:
        deadline = time.monotonic() + 30
        while store.in_sync() != sides:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    wait_for(BOTH)
    front.out = True
    for _ in range(50):
        try:
            assert store.create(A, a_record(clock))
            break
        except StoreUnavailableError:  # a busy machine, and a budget of 0.2 s
            time.sleep(0.05)
    wait_for((BACK,))
    front.out = False
    wait_for(BOTH)
    assert front.store.load(A) is not None
    store.close()
