"""The contract of ``zdsession.stores.Store`` as tests. Run it on a store of your own:

class TestMyStore(StoreContract):
    @pytest.fixture
    def world(self):
        clock = Clock(wait=time.sleep)  # wait, if the server expires records by itself
        return MyStore(clock=clock), clock
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.zdsession.helpers import Clock
from zdsession.record import Binding, Change, Outcome, Record, Rotation
from zdsession.stores import Store
from zdsession.stores.base import UNKNOWN_VERSION

A, B, C = (digit * 64 for digit in "abc")
OLD, NEW, NEWER = b"o" * 32, b"n" * 32, b"m" * 32
World = tuple[Store, Clock]


def a_record(clock: Clock, *, seconds: float = 60, user: str | None = None, **values: bytes) -> Record:
    """A record that expires in ``seconds``."""
    now, expires = clock(), clock() + round(seconds * 1000)
    return Record(OLD, now, now, now, expires, now + 3_600_000, user=user, values=values)


def a_change(clock: Clock, **fields: Any) -> Change:
    """A change made now, which lets the session live for a minute."""
    return Change(clock(), clock() + 60_000, **fields)


class StoreContract:
    """What every store does. Subclasses give the fixture ``world``: an empty store, and its clock."""

    @pytest.fixture
    def world(self) -> World:
        """An empty store and the clock it goes by."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, world: World) -> Store:
        return world[0]

    @pytest.fixture
    def clock(self, world: World) -> Clock:
        return world[1]

    # create and load

    def test_is_a_store(self, store: Store) -> None:
        assert isinstance(store, Store)

    def test_nothing_is_nothing(self, store: Store) -> None:
        assert store.load(A) is None

    def test_loads_what_was_created(self, store: Store, clock: Clock) -> None:
        record = replace(
            a_record(clock, user="é@example", plain=b"\0\xff\r\n", empty=b""),
            previous=NEW,
            previous_until=clock() + 5,
            previous_blank=True,
        )
        assert store.create(A, record)
        loaded = store.load(A)
        assert loaded is not None
        assert replace(loaded, version=0) == record

    def test_keys_may_be_any_text(self, store: Store, clock: Clock) -> None:
        values = {"=": b"1", "h": b"2", "ключ \N{PILE OF POO}\n": b"3", "\0flash": b"4"}
        store.create(A, replace(a_record(clock), values=values))
        loaded = store.load(A)
        assert loaded is not None
        assert loaded.values == values

    def test_create_refuses_a_taken_id(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, kept=b"1"))
        assert not store.create(A, replace(a_record(clock, other=b"2"), secret=NEW))
        loaded = store.load(A)
        assert loaded is not None
        assert loaded.values == {"kept": b"1"}

    def test_create_sent_again_is_the_same(self, store: Store, clock: Clock) -> None:
        record = a_record(clock, k=b"1")
        assert store.create(A, record)
        assert store.create(A, record)

    # save

    def test_save_merges_by_key(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, stays=b"1", goes=b"2", old=b"3"))
        base = _loaded(store)
        store.save(A, base, a_change(clock, put={"mine": b"4"}, drop=frozenset({"goes", "never there"})))
        saved = store.save(A, base, a_change(clock, put={"yours": b"5", "old": b"6"}))
        assert saved.outcome is Outcome.SAVED
        assert _loaded(store).values == {"stays": b"1", "old": b"6", "mine": b"4", "yours": b"5"}

    def test_what_a_save_returns_is_a_base_for_the_next(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        first = store.save(A, _loaded(store), a_change(clock, put={"a": b"1"}))
        assert first.record is not None
        second = store.save(A, first.record, a_change(clock, put={"b": b"2"}))
        assert second.conflicts == 0
        assert _loaded(store).values == {"a": b"1", "b": b"2"}

    def test_a_base_that_is_none_is_not_trusted(self, store: Store, clock: Clock) -> None:
        """What another store had: only what this one has counts."""
        store.create(A, a_record(clock, mine=b"1"))
        foreign = replace(_loaded(store), version=UNKNOWN_VERSION, values={"theirs": b"2"})
        assert store.save(A, foreign, a_change(clock, put={"new": b"3"})).outcome is Outcome.SAVED
        assert _loaded(store).values == {"mine": b"1", "new": b"3"}
        assert store.save(B, foreign, a_change(clock)).outcome is Outcome.GONE

    def test_save_sent_again_is_the_same(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        base = _loaded(store)
        change = a_change(clock, put={"a": b"1"}, rotation=Rotation(NEW, 5, 6, expected=OLD))
        for _ in range(2):
            assert store.save(A, base, change).outcome is Outcome.SAVED
        assert _loaded(store).secret == NEW
        assert _loaded(store).previous == OLD

    def test_save_moves_the_times(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, seconds=10))
        clock.advance(0.05)
        store.save(A, _loaded(store), a_change(clock, put={"a": b"1"}))
        assert _loaded(store).seen == clock()
        assert _loaded(store).expires == clock() + 60_000

    def test_save_never_turns_seen_back(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        before = _loaded(store)
        store.save(A, before, replace(a_change(clock, put={"a": b"1"}), seen=before.seen - 5000))
        assert _loaded(store).seen == before.seen

    def test_swap_only_replaces_what_it_expects(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, one=b"old", two=b"changed since"))
        swap = {"one": (b"old", b"new"), "two": (b"old", b"new"), "none": (b"old", b"new")}
        store.save(A, _loaded(store), a_change(clock, swap=swap))
        assert _loaded(store).values == {"one": b"new", "two": b"changed since"}

    # rotation: regenerate, with grace

    def test_rotation_keeps_the_old_secret_for_its_grace(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, k=b"1"))
        rotation = Rotation(NEW, clock() + 1, clock() + 2, previous_blank=True, expected=OLD)
        assert store.save(A, _loaded(store), a_change(clock, rotation=rotation)).outcome is Outcome.SAVED
        record = _loaded(store)
        assert (record.secret, record.renewed) == (NEW, clock() + 1)
        assert (record.previous, record.previous_until, record.previous_blank) == (OLD, clock() + 2, True)
        assert record.values == {"k": b"1"}

    def test_the_second_of_two_rotations_yields_but_saves(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        base = _loaded(store)
        store.save(A, base, a_change(clock, rotation=Rotation(NEW, 1, 2, expected=OLD)))
        saved = store.save(A, base, a_change(clock, put={"k": b"1"}, rotation=Rotation(NEWER, 1, 2, expected=OLD)))
        assert saved.outcome is Outcome.YIELDED
        assert (_loaded(store).secret, _loaded(store).previous) == (NEW, OLD)
        assert _loaded(store).values == {"k": b"1"}

    def test_an_insisting_rotation_does_not_yield(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        base = _loaded(store)
        store.save(A, base, a_change(clock, rotation=Rotation(NEW, 1, 2, expected=OLD)))
        saved = store.save(A, base, a_change(clock, rotation=Rotation(NEWER, 1, 2)))
        assert saved.outcome is Outcome.SAVED
        assert (_loaded(store).secret, _loaded(store).previous) == (NEWER, NEW)

    # touch

    def test_touch_moves_the_times_only(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, k=b"1"))
        before = _loaded(store)
        store.touch(A, clock() + 5, clock() + 90_000)
        after = _loaded(store)
        assert (after.seen, after.expires) == (clock() + 5, clock() + 90_000)
        assert after.values == before.values
        assert store.save(A, before, a_change(clock, put={"a": b"1"})).conflicts == 0

    def test_a_late_touch_moves_nothing_back(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        store.save(A, _loaded(store), replace(a_change(clock), seen=clock() + 50, expires=clock() + 900_000))
        store.touch(A, clock() + 5, clock() + 90_000)
        after = _loaded(store)
        assert (after.seen, after.expires) == (clock() + 50, clock() + 900_000)

    @pytest.mark.parametrize(("extends", "seconds"), [(True, 900), (False, 90)])
    def test_a_change_that_only_extends_shortens_nothing(
        self, store: Store, clock: Clock, extends: bool, seconds: int
    ) -> None:
        store.create(A, a_record(clock))
        base = _loaded(store)
        store.save(A, base, replace(a_change(clock), expires=clock() + 900_000))
        change = replace(a_change(clock, put={"k": b"2"}), expires=clock() + 90_000, extends=extends)
        store.save(A, base, change)
        assert _loaded(store).expires == clock() + seconds * 1000
        longer = replace(change, expires=clock() + 950_000)
        saved = store.save(A, base, longer)
        assert _loaded(store).expires == clock() + 950_000
        assert saved.record is not None
        assert saved.record.expires == clock() + 950_000

    def test_touch_of_nothing_is_nothing(self, store: Store, clock: Clock) -> None:
        store.touch(A, clock(), clock() + 90_000)
        assert store.load(A) is None

    # destroy and expiry: final

    def test_destroy(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        assert store.destroy(A)
        assert store.load(A) is None
        assert not store.destroy(A)

    def test_a_late_save_does_not_revive(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        base = _loaded(store)
        store.destroy(A)
        change = a_change(clock, put={"k": b"1"}, rotation=Rotation(NEW, 1, 2), binding=Binding("u"))
        saved = store.save(A, base, change)
        assert saved.outcome is Outcome.GONE
        assert saved.record is None
        store.touch(A, clock(), clock() + 90_000)
        assert store.load(A) is None
        assert store.sessions_of("u") == []

    def test_expires(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, seconds=0.2, user="u"))
        base = _loaded(store)
        clock.advance(0.3)
        assert store.load(A) is None
        assert store.sessions_of("u") == []
        assert store.save(A, base, a_change(clock, put={"k": b"1"})).outcome is Outcome.GONE
        store.touch(A, clock(), clock() + 90_000)
        assert store.load(A) is None

    def test_saving_and_touching_keep_alive(self, store: Store, clock: Clock) -> None:
        for record_id in (A, B):
            store.create(record_id, a_record(clock, seconds=0.3))
        base = store.load(A)
        assert base is not None
        store.save(A, base, a_change(clock, put={"k": b"1"}))
        store.touch(B, clock(), clock() + 60_000)
        clock.advance(0.4)
        assert store.load(A) is not None
        assert store.load(B) is not None

    # by user

    def test_lists_a_users_sessions_oldest_first(self, store: Store, clock: Clock) -> None:
        for record_id, user in ((B, "bob"), (C, "Bob"), (A, "bob")):
            store.create(record_id, a_record(clock, user=user))
            clock.advance(0.01)
        assert [found.id for found in store.sessions_of("bob")] == [B, A]
        assert store.sessions_of("nobody") == []

    def test_binding_and_unbinding_move_a_session(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        store.save(A, _loaded(store), a_change(clock, binding=Binding("ann")))
        assert [found.id for found in store.sessions_of("ann")] == [A]
        store.save(A, _loaded(store), a_change(clock, binding=Binding("bob")))
        assert store.sessions_of("ann") == []
        assert store.revoke_user("ann") == 0
        store.save(A, _loaded(store), a_change(clock, binding=Binding(None)))
        assert store.sessions_of("bob") == []
        assert _loaded(store).user is None

    def test_revokes_a_user(self, store: Store, clock: Clock) -> None:
        for record_id, user in ((A, "ann"), (B, "ann"), (C, "bob")):
            store.create(record_id, a_record(clock, user=user))
        base = _loaded(store)
        assert store.revoke_user("ann", keep=B) == 1
        assert store.load(A) is None
        assert [found.id for found in store.sessions_of("ann")] == [B]
        assert store.revoke_user("ann") == 1
        assert store.revoke_user("ann") == 0
        assert store.load(C) is not None
        assert store.save(A, base, a_change(clock, put={"k": b"1"})).outcome is Outcome.GONE

    def test_what_has_expired_is_not_counted_as_revoked(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock, seconds=0.2, user="ann"))
        store.create(B, a_record(clock, user="ann"))
        clock.advance(0.3)
        assert store.revoke_user("ann") == 1

    # the rest

    def test_sweep_leaves_the_living(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        assert store.sweep() == 0
        assert store.load(A) is not None

    def test_may_be_used_after_close(self, store: Store, clock: Clock) -> None:
        store.create(A, a_record(clock))
        store.close()
        assert store.load(A) is not None


def _loaded(store: Store) -> Record:
    record = store.load(A)
    assert record is not None
    return record
