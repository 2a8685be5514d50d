"""What copying means, value by value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from zdsession.copy_merge import Note, as_record, ended_in_source, ended_in_target, merged, note_in, note_on
from zdsession.record import Record, is_sound, merge

ID = "a" * 64
OLD = Record(b"o" * 32, 1000, 2000, 1500, 9000, 20_000, user="ann", values={"same": b"1", "old": b"2", "gone": b"3"})
values = st.dictionaries(st.sampled_from("abcd"), st.sampled_from([b"1", b"2", b"3"]))


def copied(source: Record, target: Record, note: Note | None) -> Record:
    """The target after what ``merged`` says was done to it."""
    step = merged(source, target, note)
    if step.change is not None:
        return merge(target, step.change)[0]
    return target if step.touch is None else replace(target, seen=step.touch[0], expires=step.touch[1])


@given(values, values, values, st.integers(0, 2), st.integers(0, 2))
def test_each_sides_changes_since_the_note_are_kept(
    before: dict[str, bytes], there: dict[str, bytes], here: dict[str, bytes], used_there: int, used_here: int
) -> None:
    note = note_on(ID, replace(OLD, values=before), "")
    source, target = (replace(OLD, values=v, seen=2000 + used) for v, used in ((there, used_there), (here, used_here)))
    result = copied(source, target, note).values
    for key in "abcd":
        changed_there, changed_here = there.get(key) != before.get(key), here.get(key) != before.get(key)
        if changed_there and not changed_here:
            assert result.get(key) == there.get(key)
        elif changed_here and not changed_there:
            assert result.get(key) == here.get(key)
        elif changed_there:
            assert result.get(key) == (there if used_there > used_here else here).get(key)
        else:
            assert result.get(key) == before.get(key)


@given(values, values, st.integers(0, 2), st.integers(0, 2))
def test_twice_is_once(there: dict[str, bytes], here: dict[str, bytes], used_there: int, used_here: int) -> None:
    source, target = replace(OLD, values=there, seen=used_there), replace(OLD, values=here, seen=used_here)
    once = copied(source, target, None)
    assert copied(source, once, note_on(ID, source, "")) == once


@given(values, values)
def test_without_a_note_nothing_is_dropped(there: dict[str, bytes], here: dict[str, bytes]) -> None:
    result = copied(replace(OLD, values=there), replace(OLD, values=here), None)
    assert result.values.keys() == there.keys() | here.keys()


def test_the_later_times_count() -> None:
    source, target = replace(OLD, seen=3000, expires=9500), replace(OLD, seen=2500, expires=9900)
    assert merged(source, target, None).touch == (3000, 9900)
    assert merged(OLD, OLD, None) == merged(OLD, source, None).__class__()


def test_the_side_that_renewed_the_id_last_says_who_it_is() -> None:
    relogin = replace(OLD, secret=b"n" * 32, renewed=4000, user="bob", previous=OLD.secret, previous_until=4030)
    there = copied(relogin, OLD, None)
    assert (there.secret, there.user, there.previous) == (relogin.secret, "bob", OLD.secret)
    assert (there.renewed, there.previous_until) == (4000, 4030)
    assert copied(OLD, relogin, None) == relogin


def test_a_note_there_and_back() -> None:
    note = note_on(ID, OLD, "life 1")
    holder = as_record(note, OLD)
    assert is_sound(holder)
    assert note_in(holder) == note
    assert note_in(OLD) is None
    assert note_in(None) is None
    assert holder.deadline == OLD.deadline


@given(st.binary(max_size=60))
def test_a_poisoned_note_is_none(data: bytes) -> None:
    holder = as_record(note_on(ID, OLD, ""), OLD)
    (key,) = holder.values
    found = note_in(replace(holder, values={key: data}))
    assert found is None or isinstance(found, Note)


@pytest.mark.parametrize(("now", "ended"), [(8999, True), (9000, False)])
def test_missing_before_it_can_have_expired_is_ended(now: int, ended: bool) -> None:
    note = note_on(ID, OLD, "1")
    assert ended_in_target(note, now) is ended
    assert ended_in_source(note, "1", now) is ended
    assert ended_in_source(note, "2", now) is None
    assert not ended_in_target(None, now)
