"""Hostile bytes in an old store: refused, by name, and nothing is executed."""

from __future__ import annotations

import contextlib
import json
import pickle
import zlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdsession.adoption import BeakerReader, DjangoReader, FlaskSessionReader, Reader, RefusedError
from zdsession.adoption.reader import decode_plain


class Bomb:
    """Unpickling it is seen."""

    went_off = False

    def __reduce__(self) -> Any:
        return setattr, (Bomb, "went_off", True)


class OneValue:
    """A place where every key has the same bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def get(self, key: str) -> bytes | None:
        return self.data

    def delete(self, key: str) -> None:
        """Nothing is kept."""


def readers(data: bytes) -> list[Reader]:
    place = OneValue(data)
    return [
        FlaskSessionReader(place),
        DjangoReader(place, prefix="", secret_keys=["key"]),
        DjangoReader(place, prefix="", secret_keys=None),
        BeakerReader(place),
    ]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("value", [{"a": 1}, {"a": Bomb()}, {"session": Bomb()}, Bomb()])
def test_pickles_are_refused_and_never_loaded(value: Any, protocol: int) -> None:
    for reader in readers(pickle.dumps(value, protocol)):
        with pytest.raises(RefusedError) as refused:
            reader.read("x")
        if protocol >= 2 and not (isinstance(reader, DjangoReader) and reader._secret_keys):
            assert str(refused.value) == "pickled"
    assert not Bomb.went_off


@given(st.binary(max_size=200))
def test_any_bytes_are_a_dict_or_refused(data: bytes) -> None:
    for reader in readers(data):
        with contextlib.suppress(RefusedError):
            assert isinstance(reader.read("x"), Mapping)


@given(st.binary(max_size=64), st.integers(0, 200), st.sampled_from(["C", "\x8c", "X", "B", "\x8d", "\x8e"]))
def test_beakers_envelope_holds_one_text_or_nothing(noise: bytes, at: int, opcode: str) -> None:
    text = b64encode(zlib.compress(b"{}"))
    size = {"C": 1, "\x8c": 1, "X": 4, "B": 4}.get(opcode, 8)
    sound = b"\x80\x04" + opcode.encode("latin-1") + len(text).to_bytes(size, "little") + text + b"\x94."
    assert BeakerReader(OneValue(sound)).read("x") == {}
    at %= len(sound) + 1
    with contextlib.suppress(RefusedError):
        BeakerReader(OneValue(sound[:at] + noise + sound[at:])).read("x")


def test_beakers_bomb_does_not_go_off() -> None:
    text = b64encode(zlib.compress(b" " * 2**25))
    with pytest.raises(RefusedError, match="more than 16,777,216 bytes"):
        BeakerReader(OneValue(b"\x80\x04X" + len(text).to_bytes(4, "little") + text + b".")).read("x")


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text()))
def test_msgpack_and_json_are_told_apart(values: dict[str, Any]) -> None:
    assert decode_plain(msgspec.msgpack.encode(values)) == values
    assert decode_plain(msgspec.json.encode(values)) == values
    with contextlib.suppress(UnicodeEncodeError):
        assert decode_plain(json.dumps(values).encode()) == values


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"7", b"null", b"\x80\x04.", b"[" * 100_000, b"\x91" * 100_000])
def test_what_is_no_dict_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError):
        decode_plain(data)
