"""``zdsession copy``, between real stores, in use on both sides."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from tests.zdsession.helpers import Clock, Spy
from zdsession import ConfigurationError, Session, SessionManager, StoreUnavailableError, TooLargeError
from zdsession.copy import Copy, Fate, MassEndError, Progress
from zdsession.copy_merge import note_id, note_in
from zdsession.record import Record
from zdsession.stores import Store, open_store
from zdsession.stores.memory import MemoryStore

PAIRS = [("redis", "mysql"), ("mariadb", "redis"), ("sqlite", "memory"), ("memory", "sqlite")]


class Forgets(MemoryStore):
    """A store that can be restarted without its data."""

    def __init__(self) -> None:
        super().__init__()
        self.lives = 1

    def life(self) -> str:
        return str(self.lives)

    def restart_empty(self) -> None:
        self._records.clear()
        self.lives += 1


def run(copy: Copy, progress: Progress | None = None) -> dict[str, int]:
    """A whole pass; its counts."""
    last = progress or Progress()
    for at in copy.run(progress):
        last = at
    assert last.phase == "done"
    return dict(last.counts)


def begin(sessions: SessionManager, user: str | None = None, **values: object) -> str:
    session = sessions.open(None)
    session.update(values)
    session.user_id = user
    session.save()
    return str(session.set_cookie()).split(";")[0]


def record_id(sessions: SessionManager, cookie: str) -> str:
    return sessions.cookie.tokens(cookie)[0].record


def change(sessions: SessionManager, cookie: str, **values: object) -> str:
    """One request; the cookie of the next."""
    session = sessions.open(cookie)
    session.update(values)
    session.save()
    sent = session.set_cookie()
    return cookie if sent is None else sent.split(";")[0]


def test_a_store_that_cannot_be_listed() -> None:
    with pytest.raises(ConfigurationError, match="cannot list"):
        Copy(Spy(MemoryStore()), MemoryStore())


@pytest.fixture(params=PAIRS, ids=lambda pair: "-to-".join(pair))
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SessionManager, SessionManager]]:
    """Two empty stores of different kinds, under managers."""
    stores: list[Store] = []
    for kind in request.param:
        if kind == "memory":
            stores.append(MemoryStore())
        elif kind == "sqlite":
            stores.append(open_store(f"sqlite:///{tmp_path}/s.db", budget=20.0))
        else:
            stores.append(open_store(request.getfixturevalue(f"{kind}_url"), budget=20.0))
    yield SessionManager(stores[0]), SessionManager(stores[1])
    for store in stores:
        store.close()


def inner(sessions: SessionManager) -> Store:
    return sessions.store._store


def copy_of(old: SessionManager, new: SessionManager) -> Copy:
    return Copy(inner(old), inner(new))


def test_ids_users_times_and_values_are_kept(pair: tuple[SessionManager, SessionManager]) -> None:
    old, new = pair
    cookies = [begin(old, "ann" if n % 2 else None, n=n, text="é" * n) for n in range(120)]
    assert copy_of(old, new).count() == 120
    assert run(copy_of(old, new)) == {"copied": 120}
    for n, cookie in enumerate(cookies):
        session = new.open(cookie)
        assert dict(session) == {"n": n, "text": "é" * n}
        there, here = old.store.load(session.id), new.store.load(session.id)
        assert there is not None
        assert here is not None
        assert replace(here, version=0) == replace(there, version=0)
    assert len(new.sessions_of("ann")) == 60
    assert run(copy_of(old, new)) == {"unchanged": 120}, "a second pass finds nothing to do"
    assert copy_of(old, new).forget() == 120
    assert copy_of(new, old).count() == 120


def test_what_happens_between_two_passes(pair: tuple[SessionManager, SessionManager]) -> None:
    old, new = pair
    names = ["quiet", "old", "new", "both", "out_old", "out_new", "renewed"]
    cookies = {name: begin(old, name, a=1, b=1) for name in names}
    run(copy_of(old, new))

    change(old, cookies["old"], a=2)
    change(new, cookies["new"], a=3)
    change(old, cookies["both"], a=4)
    change(new, cookies["both"], b=5)
    old.open(cookies["out_old"]).invalidate()
    new.open(cookies["out_new"]).invalidate()
    session = old.open(cookies["renewed"])
    session.regenerate(grace=0)
    session.save()
    renewed = str(session.set_cookie()).split(";")[0]

    counts = run(copy_of(old, new))
    assert counts == {
        "updated": 3, "unchanged": 2, "ended in the target": 1, "ended in the source": 1,
    }  # fmt: skip
    seen = {name: dict(new.open(cookie)) for name, cookie in cookies.items()}
    assert seen == {
        "quiet": {"a": 1, "b": 1},
        "old": {"a": 2, "b": 1},
        "new": {"a": 3, "b": 1},
        "both": {"a": 4, "b": 5},
        "out_old": {},
        "out_new": {},
        "renewed": {},
    }
    assert dict(new.open(renewed)) == {"a": 1, "b": 1}


def test_back_again(pair: tuple[SessionManager, SessionManager]) -> None:
    """The way back is a copy too: what changed in the new store returns, and the notes of the first do not travel."""
    old, new = pair
    cookie, other = begin(old, a=1), begin(old, b=1)
    run(copy_of(old, new))
    change(new, cookie, a=2)
    new.open(other).invalidate()
    fresh = begin(new, c=1)
    counts = run(copy_of(new, old))
    assert counts == {"updated": 1, "copied": 1, "note": 1, "ended in the source": 1}
    assert old.open(other).is_new, "a logout is not undone by going back"
    assert dict(old.open(cookie)) == {"a": 2}
    assert dict(old.open(fresh)) == {"c": 1}


def test_it_goes_on_from_where_it_was_stopped() -> None:
    old, new = SessionManager(MemoryStore()), SessionManager(MemoryStore())
    for n in range(900):
        begin(old, n=n)
    first = next(copy_of(old, new).run())
    assert (first.phase, dict(first.counts)["copied"] in (199, 200)) == ("copy", True)
    assert run(copy_of(old, new), first) == {"copied": 900}
    assert run(copy_of(old, new), Progress("ended")) == {}


def test_expired_is_not_ended() -> None:
    clock = Clock()
    old, new = (
        SessionManager(MemoryStore(clock=clock), clock=clock, idle_timeout=100, absolute_timeout=10_000) for _ in "12"
    )
    stayed, moved = begin(old, a=1), begin(old, a=1)
    copy = Copy(inner(old), inner(new), clock=clock)
    run(copy)
    clock.advance(90)
    change(old, stayed, a=2)  # used on old nodes only: its copy expires
    change(new, moved, a=3)  # and this one on new nodes only
    clock.advance(50)
    assert new.open(stayed).is_new
    assert old.open(moved).is_new
    assert run(copy) == {"copied": 1, "gone meanwhile": 1}
    assert dict(new.open(stayed)) == {"a": 2}
    assert dict(new.open(moved)) == {"a": 3}


def test_a_logout_while_it_is_copied_is_kept() -> None:
    """Ended in the source between the read and the write: the copy does not stay."""

    class EndsMeanwhile(MemoryStore):
        def create(self, record_id: str, record: object) -> bool:
            created = super().create(record_id, record)  # type: ignore[arg-type]
            old.store.destroy(record_id)
            return created

    old, new = SessionManager(MemoryStore()), SessionManager(EndsMeanwhile())
    cookie = begin(old, a=1)
    assert run(copy_of(old, new)) == {"ended in the source": 1}
    assert new.open(cookie).is_new


def test_a_source_that_was_emptied_ends_nothing() -> None:
    old, new = SessionManager(MemoryStore()), SessionManager(MemoryStore())
    cookies = [begin(old, n=n) for n in range(50)]
    run(copy_of(old, new))
    for cookie in cookies:
        inner(old)._records.pop(record_id(old, cookie))  # type: ignore[attr-defined]
    with pytest.raises(MassEndError, match="50 are missing"):
        run(copy_of(old, new))
    assert not any(new.open(cookie).is_new for cookie in cookies)


def test_a_source_that_is_another_store_ends_nothing() -> None:
    """Two stores copied into one: what the second never had was not ended in it."""
    first, second, new = (SessionManager(MemoryStore()) for _ in range(3))
    one, two = begin(first, n=1), begin(second, n=2)
    run(copy_of(first, new))
    assert run(copy_of(second, new)) == {"copied": 1, Fate.UNSURE.value: 1}
    assert [new.open(cookie)["n"] for cookie in (one, two)] == [1, 2]
    cleared = begin(first, n=3)
    run(copy_of(first, new))
    inner(first)._records.clear()  # type: ignore[attr-defined]
    run(copy_of(first, new))
    assert new.open(cleared)["n"] == 3


def test_a_source_that_restarted_without_its_data_ends_nothing() -> None:
    forgets = Forgets()
    old, new = SessionManager(forgets), SessionManager(MemoryStore())
    cookies = [begin(old, n=n) for n in range(5)]
    run(copy_of(old, new))
    forgets.restart_empty()
    assert run(copy_of(old, new)) == {Fate.UNSURE.value: 5}
    assert not any(new.open(cookie).is_new for cookie in cookies)


def test_one_that_does_not_fit_stops_nothing() -> None:
    class Small(MemoryStore):
        def create(self, record_id: str, record: Record) -> bool:
            if sum(map(len, record.values.values())) > 1000:
                raise TooLargeError("the session", 2000, 1000, "this store")
            return super().create(record_id, record)

    old, new = SessionManager(MemoryStore(), compress_above=None), SessionManager(Small())
    for n in range(10):
        begin(old, n=n, text="x" * 200 * n)
    assert run(copy_of(old, new)) == {"copied": 5, "too large for the target": 5}


def test_an_outage_is_waited_for_and_then_reported() -> None:
    class Flaky(MemoryStore):
        left = 5

        def load(self, record_id: str) -> Record | None:
            if self.left:
                self.left -= 1
                raise StoreUnavailableError("failing over")
            return super().load(record_id)

    old, new = SessionManager(MemoryStore()), SessionManager(Flaky())
    for n in range(10):
        begin(old, n=n)
    waited: list[float] = []
    assert run(Copy(inner(old), inner(new), sleep=waited.append)) == {"copied": 10}
    assert len(waited) == 5
    inner(new).left = 10**9  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailableError):
        run(Copy(inner(old), inner(new), sleep=waited.append))


def test_under_traffic_on_both_sides(pair: tuple[SessionManager, SessionManager]) -> None:
    """Visitors click in the old store while passes run: every value is in the new one at the end, every logout too."""
    old, new = pair
    cookies = [begin(old, n=n, clicks=0) for n in range(30)]
    stop = threading.Event()
    clicks: Counter[int] = Counter()
    out: set[int] = set()
    chance = random.Random(5)

    def visitors() -> None:
        for n in itertools.cycle(range(30)):
            if stop.is_set():
                return
            if n in out:
                continue
            if n % 10 == 9 and chance.random() < 0.2:
                out.add(n)
                old.open(cookies[n]).invalidate()
                continue
            session = old.open(cookies[n])
            clicks[n] += 1
            session[f"k{clicks[n] % 5}"] = clicks[n]
            session["clicks"] = clicks[n]
            session.save()

    thread = threading.Thread(target=visitors)
    thread.start()
    try:
        for _ in range(2):
            run(copy_of(old, new))
    finally:
        stop.set()
        thread.join(60)
    run(copy_of(old, new))  # the last pass, after the nodes have been switched over
    for n, cookie in enumerate(cookies):
        if n in out:
            assert new.open(cookie).is_new, f"logout of {n} undone"
        else:
            assert dict(new.open(cookie)) == dict(old.open(cookie)), n


class TwoStores(RuleBasedStateMachine):
    """Any order of uses, logouts, passes and time, on both sides, beside a model of what a visitor would expect.

    A live session is in the target after each pass; one that was ended on either side is in neither.
    """

    @initialize()
    def start(self) -> None:
        self.clock = Clock()
        self.sides = [
            SessionManager(MemoryStore(clock=self.clock), clock=self.clock, idle_timeout=1000, absolute_timeout=50_000)
            for _ in "12"
        ]
        self.cookies: list[str] = []
        #: Record ids that were ended on a side that had them.
        self.ended: set[str] = set()

    @rule()
    def login(self) -> None:
        self.cookies.append(begin(self.sides[0], n=len(self.cookies)))

    @rule(data=st.data(), side=st.integers(0, 1), key=st.sampled_from("ab"), value=st.integers(0, 3))
    def use(self, data: st.DataObject, side: int, key: str, value: int) -> None:
        if self.cookies:
            session = self._session(data, side)
            if not session.is_new:
                session[key] = value
                session.save()

    @rule(data=st.data(), side=st.integers(0, 1))
    def logout(self, data: st.DataObject, side: int) -> None:
        if self.cookies:
            session = self._session(data, side)
            if not session.is_new:
                note = note_in(inner(self.sides[1]).load(note_id(session.id)))
                if side == 0 or (note is not None and self.clock() < note.expires):
                    self.ended.add(session.id)
                if side == 0 and note is not None and self.clock() >= note.expires:
                    self.ended.discard(session.id)  # nobody can tell, as the module says
                session.invalidate()

    @rule(seconds=st.integers(1, 700))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(crash_after=st.none() | st.integers(0, 30))
    def a_pass(self, crash_after: int | None) -> None:
        source, target = (inner(side) for side in self.sides)
        if crash_after is not None:
            target = _Crashing(target, crash_after)
        with contextlib.suppress(_CrashError):
            run(Copy(source, target, workers=1, clock=self.clock))
            if crash_after is None:
                self._settled()

    def _settled(self) -> None:
        for cookie in self.cookies:
            there, here = (inner(side).load(record_id(side, cookie)) for side in self.sides)
            if record_id(self.sides[0], cookie) in self.ended:
                assert here is None, "a logout was undone, or not passed on"
            elif there is not None:
                assert here is not None, "a session was not copied"
                assert here.expires >= there.expires

    def _session(self, data: st.DataObject, side: int) -> Session:
        return self.sides[side].open(data.draw(st.sampled_from(self.cookies)))


class _CrashError(BaseException):
    """The copying process dies."""


class _Crashing(MemoryStore):
    """A view of a store through which only so many calls go."""

    def __init__(self, store: object, calls: int) -> None:
        self._store, self._left = store, calls

    def __getattribute__(self, name: str) -> object:
        if name.startswith("_"):
            return object.__getattribute__(self, name)
        if self._left == 0:
            raise _CrashError
        self._left -= 1
        return getattr(self._store, name)


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(
    deadline=None, stateful_step_count=25, max_examples=max(25, settings().max_examples // 4)
)
