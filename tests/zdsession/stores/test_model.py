"""Every store beside a plain dict: random requests that overlap, none of them failing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.zdsession.helpers import Clock
from zdsession.record import Binding, Change, Outcome, Record, Rotation
from zdsession.stores import Store, open_store
from zdsession.stores.memory import MemoryStore
from zdsession.stores.mirrored import MirroredStore

SESSIONS = st.integers(0, 1)
WRITERS = st.integers(0, 2)
KEYS = st.sampled_from(["k", "l", "\0flash"])
USERS = st.sampled_from([None, "ann", "Ann"])
DAY = 86_400_000


@dataclass
class Model:
    secret: bytes
    user: str | None
    values: dict[str, bytes] = field(default_factory=dict)
    seen: int = 0
    live: bool = True


class StoreMachine(RuleBasedStateMachine):
    """Writers hold what they loaded, and save it whenever; the model applies each save to what is true then."""

    store: Store
    clock: Clock
    #: Ids differ from run to run, on the same server.
    run = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).run += 1
        self.model: dict[int, Model] = {}
        self.held: dict[tuple[int, int], Record] = {}
        self.turn = 0

    def id_of(self, session: int) -> str:
        return f"{self.run:032x}{session:032x}"

    def user_of(self, user: str | None) -> str | None:
        return None if user is None else f"{user}{self.run}"

    def bytes_(self, length: int = 32) -> bytes:
        self.turn += 1
        return self.turn.to_bytes(length, "big")

    @rule(session=SESSIONS, user=USERS)
    def create(self, session: int, user: str | None) -> None:
        if session in self.model:
            return
        now, secret, value = self.clock(), self.bytes_(), self.bytes_(4)
        who = self.user_of(user)
        record = Record(secret, now, now, now, now + DAY, now + 2 * DAY, user=who, values={"k": value})
        assert self.store.create(self.id_of(session), record)
        self.model[session] = Model(secret, who, {"k": value}, now)

    @rule(session=SESSIONS)
    def create_again(self, session: int) -> None:
        model = self.model.get(session)
        if model is not None and model.live:
            now = self.clock()
            assert not self.store.create(
                self.id_of(session), Record(self.bytes_(), now, now, now, now + DAY, now + DAY)
            )

    @rule(session=SESSIONS, writer=WRITERS)
    def hold(self, session: int, writer: int) -> None:
        record = self.store.load(self.id_of(session))
        if record is not None:
            self.held[session, writer] = record

    @rule(
        session=SESSIONS, writer=WRITERS, put=st.sets(KEYS), drop=st.sets(KEYS), seconds=st.sampled_from([0, 0.001, 5])
    )
    def save(self, session: int, writer: int, put: set[str], drop: set[str], seconds: float) -> None:
        self.clock.now += round(seconds * 1000)
        values = {key: self.bytes_(4) for key in sorted(put)}
        self._save(
            session, writer, lambda base: Change(self.clock(), self.clock() + DAY, values, frozenset(drop - put))
        )

    @rule(session=SESSIONS, writer=WRITERS)
    def swap(self, session: int, writer: int) -> None:
        new = self.bytes_(4)

        def change(base: Record) -> Change:
            swap = {key: (value, new) for key, value in base.values.items()}
            return Change(self.clock(), self.clock() + DAY, swap=swap)

        self._save(session, writer, change)

    @rule(session=SESSIONS, writer=WRITERS, insist=st.booleans(), user=USERS)
    def rotate(self, session: int, writer: int, insist: bool, user: str | None) -> None:
        secret, now = self.bytes_(), self.clock()

        def change(base: Record) -> Change:
            rotation = Rotation(secret, now, now + 30_000, expected=None if insist else base.secret)
            return Change(now, now + DAY, rotation=rotation, binding=Binding(self.user_of(user)) if insist else None)

        self._save(session, writer, change)

    @rule(session=SESSIONS)
    def touch(self, session: int) -> None:
        self.clock.now += 1
        self.store.touch(self.id_of(session), self.clock(), self.clock() + DAY)
        if session in self.model:
            self.model[session].seen = self.clock()

    @rule(session=SESSIONS)
    def destroy(self, session: int) -> None:
        model = self.model.get(session)
        assert self.store.destroy(self.id_of(session)) == (model is not None and model.live)
        if model is not None:
            model.live = False

    @rule(user=st.sampled_from(["ann", "Ann"]), keep=st.none() | SESSIONS)
    def revoke(self, user: str, keep: int | None) -> None:
        who = str(self.user_of(user))
        doomed = [s for s, model in self.model.items() if model.live and model.user == who and s != keep]
        revoked = self.store.revoke_user(who, keep=None if keep is None else self.id_of(keep))
        assert revoked == len(doomed)
        for session in doomed:
            self.model[session].live = False

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        for session in (0, 1):
            record, model = self.store.load(self.id_of(session)), self.model.get(session)
            if model is None or not model.live:
                assert record is None
                continue
            assert record is not None
            assert (record.secret, record.user, dict(record.values)) == (model.secret, model.user, model.values)
            assert record.seen == model.seen
        for user in ("ann", "Ann"):
            who = str(self.user_of(user))
            found = {one.id for one in self.store.sessions_of(who)}
            assert found == {self.id_of(s) for s, model in self.model.items() if model.live and model.user == who}

    def _save(self, session: int, writer: int, change_of: Callable[[Record], Change]) -> None:
        base, model = self.held.get((session, writer)), self.model.get(session)
        if base is None or model is None:
            return
        change = change_of(base)
        saved = self.store.save(self.id_of(session), base, change)
        if not model.live:
            assert saved.outcome is Outcome.GONE
            assert saved.record is None
            return
        for key, (expected, new) in change.swap.items():
            if model.values.get(key) == expected:
                model.values[key] = new
        model.values |= change.put
        for key in change.drop:
            model.values.pop(key, None)
        model.seen = max(model.seen, change.seen)
        if change.binding is not None:
            model.user = change.binding.user
        wanted = Outcome.SAVED
        if change.rotation is not None:
            if change.rotation.expected in (None, model.secret):
                model.secret = change.rotation.secret
            else:
                wanted = Outcome.YIELDED
        assert saved.outcome is wanted
        assert saved.record is not None
        self.held[session, writer] = saved.record


def check(store: Store, clock: Clock, examples: int) -> None:
    machine = type("Machine", (StoreMachine,), {"store": store, "clock": clock})
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    limits = settings(stateful_step_count=30, suppress_health_check=slow)
    if limits.max_examples <= 100:
        limits = settings(limits, max_examples=examples)
    run_state_machine_as_test(machine, settings=limits)


def test_store(store_kind: str, turning_store: tuple[Store, Clock]) -> None:
    store, clock = turning_store
    check(store, clock, 50 if store_kind == "memory" else 5)


def test_mirrored() -> None:
    clock = Clock()
    front, back = MemoryStore(clock=clock), MemoryStore(clock=clock)
    store = MirroredStore(front, back, clock=clock, background=False, sleep=lambda seconds: None)
    assert store.rejoin() or store.rejoin()
    check(store, clock, 40)


@pytest.mark.parametrize("back", ["mysql", "mariadb"])
def test_mirrored_on_servers(back: str, redis_url: str, request: pytest.FixtureRequest) -> None:
    clock = Clock()
    url = f"mirrored:{redis_url}|{request.getfixturevalue(f'{back}_url')}"
    store = open_store(url, clock=clock, budget=60, background=False)
    assert isinstance(store, MirroredStore)
    store._sides.sleep = lambda seconds: None
    assert store.rejoin() or store.rejoin()
    check(store, clock, 3)
    store.close()
