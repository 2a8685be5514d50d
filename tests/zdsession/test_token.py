"""Ids: 256 secret bits, hashed in the store, and never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdsession.token import LENGTH, Token


def test_text_and_back() -> None:
    token = Token.new()
    assert len(token.text) == LENGTH == 64
    assert Token.parse(token.text) == token
    assert len(token.secret) * 8 == 256
    assert Token.new().text != token.text


def test_a_new_secret_for_the_same_record() -> None:
    token = Token.new()
    renewed = Token.new(token.selector)
    assert renewed.record == token.record
    assert not renewed.matches(token.hash)
    assert token.matches(token.hash)


def test_hashes_and_repr_give_nothing_away() -> None:
    token = Token.new()
    assert len(token.record) == 64
    assert token.selector.hex() not in token.record
    assert token.secret not in token.hash
    assert repr(token) == "Token()"


@given(st.text())
def test_anything_else_is_no_token(text: str) -> None:
    token = Token.parse(text)
    assert token is None or token.text == text


@pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "a" * 64 + "\n", "é" + "a" * 63, "٣" * 64, "a" * 63 + "+"])
def test_shapes_that_are_refused(text: str) -> None:
    assert Token.parse(text) is None
