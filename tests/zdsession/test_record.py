"""Merging, as every store does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from zdsession.record import Binding, Change, Outcome, Record, Rotation, is_live, is_sound, merge

RECORD = Record(b"s" * 32, 1000, 1000, 1000, 2000, 3000, values={"a": b"1"})

_values = st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=2))
_changes = st.builds(
    Change,
    seen=st.integers(1000, 1500),
    expires=st.integers(2000, 3000),
    put=_values,
    drop=st.frozensets(st.sampled_from("abcd")),
    swap=st.dictionaries(st.sampled_from("abcd"), st.tuples(st.binary(max_size=2), st.binary(max_size=2))),
    rotation=st.none() | st.builds(Rotation, st.just(b"n" * 32), st.just(5), st.just(6), st.booleans(), st.none()),
    binding=st.none() | st.builds(Binding, st.none() | st.sampled_from(["ann", "bob"])),
)


@given(_changes)
def test_twice_is_once_but_for_swaps(change: Change) -> None:
    """A save whose answer was lost may be sent again. (A swap chain a->b, b->c is not something a session makes.)"""
    change = replace(change, swap={}, drop=change.drop - set(change.put))
    once, outcome = merge(RECORD, change)
    assert outcome is Outcome.SAVED
    assert merge(once, change) == (once, Outcome.SAVED)


@given(_values, _values)
def test_changes_to_different_keys_commute(one: dict[str, bytes], two: dict[str, bytes]) -> None:
    two = {key.upper(): value for key, value in two.items()}
    first, second = Change(1, 2000, put=one), Change(2, 2000, put=two)
    ab = merge(merge(RECORD, first)[0], second)[0]
    ba = merge(merge(RECORD, second)[0], first)[0]
    assert ab == ba


@pytest.mark.parametrize(("now", "live"), [(1999, True), (2000, False), (2500, False)])
def test_is_live(now: int, live: bool) -> None:
    assert is_live(RECORD, now) is live
    assert not is_live(replace(RECORD, deadline=now), now)


@pytest.mark.parametrize("damage", [{"secret": b"short"}, {"created": 10**30}, {"expires": -1}])
def test_is_sound(damage: dict[str, int]) -> None:
    assert is_sound(RECORD)
    assert not is_sound(replace(RECORD, **damage))
