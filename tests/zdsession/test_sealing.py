"""Format, compression, encryption and its rotation."""

from __future__ import annotations

import contextlib
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdsession.errors import ConfigurationError, TooLargeError, UnreadableError
from zdsession.sealing import Keyring, Sealer

ONE, TWO = os.urandom(32), os.urandom(32)
RECORD = "a" * 64
SEALERS = [Sealer(), Sealer(Keyring({"k1": ONE})), Sealer(compress_above=None), Sealer(compress_above=0)]


@given(st.binary(max_size=5000), st.sampled_from(SEALERS))
def test_opens_what_it_sealed(plain: bytes, sealer: Sealer) -> None:
    assert sealer.open(RECORD, "k", sealer.seal(RECORD, "k", plain)) == plain


@given(st.binary(max_size=100), st.sampled_from(SEALERS))
def test_hostile_bytes(data: bytes, sealer: Sealer) -> None:
    for sealed in (data, b"\x01" + data, b"\x01\x02\x02k1" + data, b"\x01\x01" + data):
        with contextlib.suppress(UnreadableError):
            sealer.open(RECORD, "k", sealed)


def test_compresses_long_values_that_shrink() -> None:
    sealer = Sealer(compress_above=100)
    assert len(sealer.seal(RECORD, "k", b"a" * 1000)) < 100
    assert len(sealer.seal(RECORD, "k", os.urandom(1000))) == 1002
    assert sealer.seal(RECORD, "k", b"a" * 100) == b"\x01\x00" + b"a" * 100


def test_a_bomb_does_not_go_off() -> None:
    bomb = b"\x01\x01" + zlib.compress(b"\0" * 50_000_000)
    with pytest.raises(UnreadableError, match="max_value_bytes"):
        Sealer().open(RECORD, "k", bomb)


def test_encrypts_and_never_twice_alike() -> None:
    sealer = Sealer(Keyring({"k1": ONE}))
    first, second = (sealer.seal(RECORD, "k", b"secret words") for _ in range(2))
    assert b"secret" not in first
    assert first != second
    assert first[2:5] == b"\x02k1"


@pytest.mark.parametrize("place", [("b" * 64, "k"), (RECORD, "other")])
def test_bytes_open_only_in_their_place(place: tuple[str, str]) -> None:
    sealer = Sealer(Keyring({"k1": ONE}))
    with pytest.raises(UnreadableError, match="does not open"):
        sealer.open(*place, sealer.seal(RECORD, "k", b"x"))


@pytest.mark.parametrize("at", [0, 1, 2, 4, 5, -1])
def test_every_byte_is_bound(at: int) -> None:
    sealer = Sealer(Keyring({"k1": ONE}))
    sealed = bytearray(sealer.seal(RECORD, "k", b"x"))
    sealed[at] ^= 1
    with pytest.raises(UnreadableError):
        sealer.open(RECORD, "k", bytes(sealed))


def test_rotation() -> None:
    old = Sealer(Keyring({"k1": ONE})).seal(RECORD, "k", b"x")
    both = Sealer(Keyring({"k2": TWO, "k1": ONE}))
    assert both.open(RECORD, "k", old) == b"x"
    assert both.stale(old)
    assert not both.stale(both.seal(RECORD, "k", b"x"))
    with pytest.raises(UnreadableError, match="not in the keyring"):
        Sealer(Keyring({"k2": TWO})).open(RECORD, "k", old)
    with pytest.raises(UnreadableError, match="does not open"):
        Sealer(Keyring({"k1": TWO})).open(RECORD, "k", old)
    with pytest.raises(UnreadableError, match="no keyring"):
        Sealer().open(RECORD, "k", old)


def test_plaintext_needs_leave() -> None:
    plain = Sealer().seal(RECORD, "k", b"x")
    with pytest.raises(UnreadableError, match="does not accept plaintext"):
        Sealer(Keyring({"k1": ONE})).open(RECORD, "k", plain)
    lenient = Sealer(Keyring({"k1": ONE}, accept_plaintext=True))
    assert lenient.open(RECORD, "k", plain) == b"x"
    assert lenient.stale(plain)
    assert not Sealer().stale(plain)


def test_size_limit() -> None:
    with pytest.raises(TooLargeError, match=r"cart takes 11 bytes, max_value_bytes allows 10") as caught:
        Sealer(max_value_bytes=10).check_size("cart", b"x" * 11)
    assert (caught.value.size, caught.value.limit) == (11, 10)


@pytest.mark.parametrize(
    ("keys", "words"),
    [({}, "at least one"), ({"k": b"short"}, "5 bytes"), ({"": ONE}, "1 to 32"), ({"é": ONE}, "ASCII")],
)
def test_bad_keys(keys: dict[str, bytes], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Keyring(keys)
