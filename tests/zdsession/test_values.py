"""What counts as a change, and what happens to values that cannot be read."""

from __future__ import annotations

import copy
import logging
import os
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.zdsession.test_codec import MONEY, Money, same, storable
from zdsession.codec import Codec
from zdsession.errors import NotStorableError, TooLargeError
from zdsession.sealing import Keyring, Sealer
from zdsession.values import Values

RECORD = "a" * 64
MANY = 1_000_000


def stored(codec: Codec | None = None, sealer: Sealer | None = None, **values: Any) -> dict[str, bytes]:
    """Sealed bytes as a store has them."""
    codec, sealer = codec or Codec(), sealer or Sealer()
    return {key: sealer.seal(RECORD, key, codec.encode(value, key)) for key, value in values.items()}


def values_of(data: dict[str, bytes], codec: Codec | None = None, sealer: Sealer | None = None) -> Values:
    return Values(codec or Codec(), sealer or Sealer(), RECORD, data)


def as_dict(values: Values) -> dict[str, Any]:
    return {key: values.get(key) for key in values}


@given(st.dictionaries(st.text(min_size=1), storable, max_size=4))
def test_reading_changes_nothing(data: dict[str, Any]) -> None:
    values = values_of({k: v for key, value in data.items() for k, v in stored(**{key: value}).items()})
    for key in values:
        values.get(key)
    edits = values.edits(MANY)
    assert not edits
    assert not edits.swap


def test_what_is_replaced_is_not_decoded() -> None:
    """It may be large, and only its bytes are compared."""
    decoded: list[Any] = []

    def decode(stored: Any) -> Money:
        decoded.append(stored)
        return MONEY.decode(stored)

    codec = Codec([replace(MONEY, decode=decode)])
    values = values_of(stored(codec, a=Money(Decimal(1), "EUR")), codec)
    values.assign("a", Money(Decimal(1), "EUR"))
    assert not values.edits(MANY), "the same again"
    values.assign("a", Money(Decimal(2), "EUR"))
    assert set(values.edits(MANY).put) == {"a"}
    assert decoded == []


def test_what_becomes_of_an_assigned_value_later_counts() -> None:
    values = values_of(stored(a=[1]))
    cart: list[Any] = [1]
    values.assign("a", cart)
    assert not values.edits(MANY)
    cart.append(2)
    edits = values.edits(MANY)
    assert set(edits.put) == {"a"}
    values.saved(edits)
    assert not values.edits(MANY)
    cart[1] = (2,)
    assert set(values.edits(MANY).put) == {"a"}
    cart[1] = object()
    with pytest.raises(NotStorableError, match=r"a\[1\]"):
        values.edits(MANY)


@given(st.dictionaries(st.sampled_from("abc"), storable), st.dictionaries(st.sampled_from("abcd"), storable), st.data())
def test_edits_are_the_difference(before: dict[str, Any], after: dict[str, Any], data: st.DataObject) -> None:
    store = stored(**before)
    values = values_of(store)
    for key in data.draw(st.sets(st.sampled_from(sorted(before)))) if before else ():
        values.get(key)
    for key in set(before) - set(after):
        values.delete(key)
    for key, value in after.items():
        values.assign(key, value)
    edits = values.edits(MANY)
    assert set(edits.drop) == set(before) - set(after)
    codec = Codec()
    changed = {k for k, v in after.items() if k not in before or codec.encode(v, k) != codec.encode(before[k], k)}
    assert set(edits.put) == changed
    final = {k: v for k, v in (store | dict(edits.put)).items() if k not in edits.drop}
    reread = as_dict(values_of(final))
    assert set(reread) == set(after)
    assert all(same(reread[key], after[key]) for key in after)
    values.saved(edits)
    assert not values.edits(MANY)


def test_sees_nested_changes() -> None:
    values = values_of(stored(cart={"items": [{"n": 1}]}, other=[1]))
    values.get("cart")["items"][0]["n"] = 2
    values.get("other")
    assert list(values.edits(MANY).put) == ["cart"]


def test_a_change_taken_back_is_none() -> None:
    values = values_of(stored(cart=[1]))
    values.get("cart").append(2)
    values.get("cart").pop()
    values.delete("cart")
    values.assign("cart", [1])
    assert not values.edits(MANY)


def test_sees_changes_after_a_save() -> None:
    values = values_of({})
    cart = [1]
    values.assign("cart", cart)
    values.saved(values.edits(MANY))
    assert not values.edits(MANY)
    cart.append(2)
    assert list(values.edits(MANY).put) == ["cart"]


def test_sees_changes_inside_app_types() -> None:
    codec = Codec([MONEY])
    values = values_of(stored(codec, price=[Money(1, "EUR")]), codec)  # type: ignore[arg-type]
    values.get("price")[0] = Money(2, "EUR")  # type: ignore[arg-type]
    assert list(values.edits(MANY).put) == ["price"]


def test_a_value_this_code_cannot_read_is_absent_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    data = stored(Codec([MONEY]), price=Money(1, "EUR"), name="ann")  # type: ignore[arg-type]
    values = values_of(data)
    with caplog.at_level(logging.WARNING, "zdsession"):
        assert list(values) == ["name"]
        with pytest.raises(KeyError):
            values.get("price")
        with pytest.raises(KeyError):
            values.delete("price")
    assert caplog.text.count("'price' is kept but cannot be read here: app type 'money'") == 1
    values.assign("name", "bob")
    edits = values.edits(MANY)
    assert list(edits.put) == ["name"]
    assert not edits.drop
    values.clear()
    assert values.edits(MANY).drop == {"name", "price"}


def test_a_value_this_code_cannot_read_may_be_replaced() -> None:
    values = values_of({"k": b"\xffgarbage"})
    values.assign("k", 1)
    assert list(values.edits(MANY).put) == ["k"]


@given(st.binary(max_size=60))
def test_poisoned_bytes_reach_nobody(data: bytes) -> None:
    for sealed in (data, b"\x01\x00" + data, b"\x01\x01" + data):
        values = values_of({"k": sealed, "fine": stored(fine=1)["fine"]}, Codec([MONEY]))
        assert "fine" in as_dict(values)
        values.assign("new", 1)
        assert set(values.edits(MANY).put) == {"new"}


def test_a_value_stored_in_another_encoding_is_not_changed() -> None:
    values = values_of({"n": b"\x01\x00\xd0\x01"})  # MessagePack's int8 where one byte would do
    assert values.get("n") == 1
    assert not values.edits(MANY)
    values.assign("n", 2)
    assert set(values.edits(MANY).put) == {"n"}


def test_what_is_put_inside_is_checked_when_saved() -> None:
    values = values_of(stored(cart={"items": []}))
    values.get("cart")["items"].append(object())
    with pytest.raises(NotStorableError, match=r"cart\.items\[0\] of type builtins\.object"):
        values.edits(MANY)


def test_a_refused_value_changes_nothing() -> None:
    values = values_of(stored(cart=[1]))
    with pytest.raises(NotStorableError):
        values.assign("cart", object())
    assert values.get("cart") == [1]
    assert not values.edits(MANY)


def test_size_limits() -> None:
    sealer = Sealer(max_value_bytes=100)
    values = values_of(stored(sealer=sealer, kept="a" * 80), sealer=sealer)
    with pytest.raises(TooLargeError, match="max_value_bytes"):
        values.assign("long", "a" * 101)
    values.assign("list", [])
    values.get("list").append("a" * 101)
    with pytest.raises(TooLargeError, match="session value list"):
        values.edits(MANY)
    values.assign("list", "a" * 80)
    with pytest.raises(TooLargeError, match=r"the session takes 1.. bytes, max_session_bytes allows 150"):
        values.edits(150)
    values.delete("kept")
    assert values.edits(150)


def test_old_keys_are_replaced_when_something_else_is_written() -> None:
    one, two = os.urandom(32), os.urandom(32)
    old, new = Sealer(Keyring({"k1": one})), Sealer(Keyring({"k2": two, "k1": one}))
    data = stored(sealer=old, a=1, b=2, c=3) | stored(sealer=new, d=4)
    values = values_of(copy.copy(data), sealer=new)
    assert not values.edits(MANY).swap, "reading is no reason to write"
    values.assign("a", 10)
    values.delete("c")
    edits = values.edits(MANY)
    assert (set(edits.put), set(edits.drop), set(edits.swap)) == ({"a"}, {"c"}, {"b"})
    expected, resealed = edits.swap["b"]
    assert expected == data["b"]
    assert not new.stale(resealed)
    assert as_dict(values_of({"b": resealed}, sealer=new)) == {"b": 2}


def test_planted_bytes_that_could_not_be_stored_stay_as_they_are() -> None:
    deep: Any = 1
    for _ in range(70):
        deep = [deep]
    for planted in (msgspec.msgpack.encode({None: 1}), msgspec.msgpack.encode(deep)):
        values = values_of({"planted": Sealer().seal(RECORD, "planted", planted), **stored(mine=1)})
        for key in values:
            values.get(key)
        values.assign("mine", 2)
        assert set(values.edits(MANY).put) == {"mine"}


def test_what_the_app_puts_into_a_value_it_read_is_still_refused() -> None:
    values = values_of(stored(cart={"items": []}))
    values.get("cart")["items"].append(object())
    with pytest.raises(NotStorableError, match=r"cart\.items\[0\]"):
        values.edits(MANY)
