"""Values keep their type and are refused by name; hostile bytes do nothing."""

from __future__ import annotations

import contextlib
import math
import sys
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zdsession.codec import AppType, Codec, _is_plain
from zdsession.errors import ConfigurationError, NotStorableError, UnreadableError

BERLIN = ZoneInfo("Europe/Berlin")

_offsets = st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
_hashable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.datetimes(),
    st.datetimes(timezones=st.one_of(_offsets, st.timezones())),
    st.dates(),
    st.times(),
    st.times(timezones=_offsets),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.uuids(),
)
#: Everything a session takes.
storable = st.recursive(
    _hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(st.text(), inner, max_size=5),
        st.dictionaries(st.one_of(st.integers(), st.text()), inner, max_size=5),
        st.sets(_hashable, max_size=5),
        st.frozensets(_hashable, max_size=5),
    ),
    max_leaves=20,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (datetime, time)):
        return bool(one == other or one.utcoffset() != one.replace(fold=not one.fold).utcoffset()) and (
            one.replace(tzinfo=None) == other.replace(tzinfo=None)
            and one.fold == other.fold
            and one.utcoffset() == other.utcoffset()
        )
    return bool(one == other)


@given(storable)
@example({1: "a", "1": "b"})
@example([2**64, -(2**63) - 1, 2**64 - 1, -(2**63), 0])
@example(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN))
@example({(1, 2), frozenset({1}), Decimal("-0.00")})
def test_round_trip(value: Any) -> None:
    codec = Codec()
    encoded = codec.encode(value, "k")
    decoded = codec.decode(encoded)
    assert same(decoded, value)
    assert codec.encode(decoded, "k") == encoded, "not canonical"


def test_floats_that_equal_nothing() -> None:
    assert math.isnan(Codec().decode(Codec().encode(math.nan, "k")))
    assert Codec().decode(Codec().encode(Decimal("sNaN"), "k")).is_snan()


def test_a_zone_keeps_its_name() -> None:
    decoded = Codec().decode(Codec().encode(datetime(2026, 7, 1, tzinfo=BERLIN), "k"))
    assert decoded.tzinfo is BERLIN
    assert Codec().decode(Codec().encode(datetime(2026, 7, 1, tzinfo=UTC), "k")).tzinfo is UTC


def test_sets_encode_sorted() -> None:
    names = [f"name{i}" for i in range(50)]
    backwards: set[str] = set()
    for name in reversed(names):
        backwards.add(name)
    assert Codec().encode(set(names), "k") == Codec().encode(backwards, "k")


class Colour(IntEnum):
    RED = 1


class Basket:
    pass


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        (Basket(), "cart", ["Basket", "AppType"]),
        ({"items": [{"price": 1}, {"price": Basket()}]}, "cart.items[1].price", ["Basket"]),
        ({1: Basket()}, "cart[1]", ["Basket"]),
        ({(1, Basket())}, "cart{…}[1]", ["Basket"]),
        (Colour.RED, "cart", ["Colour", "subclass of int"]),
        ({"a": {None: 1}}, "cart.a", ["NoneType", "dict keys are str or int"]),
        ({"a": {True: 1}}, "cart.a", ["bool"]),
        (bytearray(b"x"), "cart", ["bytearray"]),
        (["ok", "\ud800"], "cart[1]", ["surrogate"]),
        ({"\ud800": 1}, "cart", ["surrogate"]),
        (time(1, tzinfo=BERLIN), "cart", ["Europe/Berlin"]),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(microseconds=1))), "cart", ["fraction of a second"]),
        (len, "cart", ["builtin_function_or_method"]),
    ],
)
def test_refuses_by_path_and_type(value: Any, path: str, words: list[str]) -> None:
    with pytest.raises(NotStorableError) as caught:
        Codec().encode(value, "cart")
    assert caught.value.path == path
    for word in words:
        assert word in str(caught.value)


@given(storable)
def test_the_quick_way_encodes_the_same(value: Any) -> None:
    codec = Codec()
    assert codec.encode(value, "v") == codec._pack(codec._prepare(value, 0))


class Name(StrEnum):
    TEA = "tea"


_keys = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.binary(), st.just(Name.TEA), st.just("tea"))
#: What msgpack would carry, and much that it would only seem to.
anything = st.recursive(
    st.one_of(_hashable, st.just(Name.TEA), st.binary().map(bytearray)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(_keys, inner, max_size=5),
        st.dictionaries(_keys, inner, max_size=5).map(OrderedDict),
    ),
    max_leaves=20,
)


def all_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(all_plain, value.values()))
    if type(value) is list:
        return all(map(all_plain, value))
    return type(value) in (str, int, float, bool, bytes, type(None))


@given(anything)
@example([{"tea": 1}, {Name.TEA: 1}])
@example([{"tea": {1: 2}}])
def test_the_quick_look_takes_nothing_for_plain(value: Any) -> None:
    assert all_plain(value) or not _is_plain(value)


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="elsewhere it may have to be found out slowly")
def test_the_quick_look_knows_what_is_plain() -> None:
    thinned = {f"k{n}": n for n in range(9)}
    del thinned["k3"]
    plain: list[Any] = [1, None, [], [[], {}], {"a": [1, {"b": b"c"}]}, [{"a": 1, "b": None}, 2.0, [True]], thinned]
    assert all(map(_is_plain, plain))


def test_a_key_that_was_something_else_once() -> None:
    value: dict[Any, Any] = {Name.TEA: 1, 2: 3}
    value.clear()
    value["tea"] = 1
    assert Codec().decode(Codec().encode(value, "v")) == {"tea": 1}


@pytest.mark.parametrize("times", [1, 2], ids=["", "that doubles at each level"])
def test_refuses_a_cycle(times: int) -> None:
    cycle: list[Any] = []
    cycle += [cycle] * times
    with pytest.raises(NotStorableError, match="nested deeper than 64 levels"):
        Codec().encode(cycle, "cart")


@dataclass(frozen=True)
class Money:
    amount: Decimal
    currency: str


def _explode(value: Any) -> Money:
    raise ZeroDivisionError


MONEY = AppType("money", Money, lambda m: [m.amount, m.currency], lambda v: Money(*v))


def test_app_types() -> None:
    codec = Codec([MONEY])
    price = {"total": [Money(Decimal("9.90"), "EUR")]}
    assert codec.decode(codec.encode(price, "k")) == price


def test_an_app_type_that_is_not_known_cannot_be_read() -> None:
    encoded = Codec([MONEY]).encode(Money(Decimal(1), "EUR"), "k")
    with pytest.raises(UnreadableError, match="'money' is not registered"):
        Codec().decode(encoded)
    with pytest.raises(UnreadableError, match="ZeroDivisionError"):
        Codec([AppType("money", Money, MONEY.encode, _explode)]).decode(encoded)


def test_registering_twice() -> None:
    codec = Codec([MONEY, MONEY])
    with pytest.raises(ConfigurationError, match="clashes"):
        codec.register(AppType("money", Basket, vars, lambda v: Basket()))
    with pytest.raises(ConfigurationError, match="dict is stored as it is"):
        codec.register(AppType("d", dict, dict, dict))


@given(st.binary(max_size=200))
@example(b"\x91" * 100_000)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xc7\x05\x09" + b"\x91" * 5)
@example(b"\xc7\x03\x07\x91\x91\x01")  # a set with a list in it
@example(b"cos\nsystem\n(S'true'\ntR.")  # a pickle
def test_hostile_bytes(data: bytes) -> None:
    with contextlib.suppress(UnreadableError):
        Codec([MONEY]).decode(data)


@given(storable, st.integers(0, 10_000), st.integers(0, 255))
def test_damaged_bytes(value: Any, at: int, byte: int) -> None:
    data = bytearray(Codec().encode(value, "k"))
    data[at % len(data)] = byte
    with contextlib.suppress(UnreadableError):
        Codec().decode(bytes(data))


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ([True, None, "a", 1.5, b"\0", -1], "96c3c0a161cb3ff8000000000000c40100ff"),
        ({"a": {"b": 1}}, "81a16181a16201"),
        (datetime(2026, 9, 1, 12, 30), "c71301323032362d30392d30315431323a33303a3030"),
        (datetime(2026, 9, 1, 12, 30, tzinfo=UTC), "c71901323032362d30392d30315431323a33303a30302b30303a3030"),
        (
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
            "c72301323032362d31302d32355430323a33303a30305b4575726f70652f4265726c696e5d7e",
        ),
        (date(2026, 9, 1), "c70a02323032362d30392d3031"),
        (time(12, 30, 0, 5), "c70f0331323a33303a30302e303030303035"),
        (timedelta(1, 2, 3), "d60493010203"),
        (Decimal("1.50"), "d605312e3530"),
        (UUID(int=7), "d80600000000000000000000000000000007"),
        ({2, 1}, "c70307920102"),
        (frozenset({"a"}), "c7030891a161"),
        ((1, (2,)), "c706099201d5099102"),
        (2**64, "c7090a010000000000000000"),
        ({1: "a", "1": "b"}, "c70a0b929201a16192a131a162"),
        (Money(Decimal("9.90"), "EUR"), "c7120c92a56d6f6e657992d605392e3930a3455552"),
    ],
)
def test_bytes_are_for_ever(value: Any, stored: str) -> None:
    """What one version stored, the next one reads: these bytes may never change their meaning."""
    codec = Codec([MONEY])
    assert codec.encode(value, "k").hex() == stored
    assert same(codec.decode(bytes.fromhex(stored)), value)
