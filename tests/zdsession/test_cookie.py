"""The cookie's attributes and how several of one name are read."""

from __future__ import annotations

import pytest

from zdsession.cookie import MAX_CANDIDATES, Cookie
from zdsession.errors import ConfigurationError
from zdsession.token import Token

# Always the same, as they are in the names of tests, by which test processes agree on who runs what.
ONE, TWO = Token(b"1" * 16, b"one." * 8), Token(b"2" * 16, b"two." * 8)


def test_attributes_on_set_and_on_delete() -> None:
    cookie = Cookie()
    assert cookie.set(ONE, None) == f"__Host-session={ONE.text}; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert cookie.set(ONE, 60) == f"__Host-session={ONE.text}; Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert "; Max-Age=34560000;" in cookie.set(ONE, 10**9), "browsers cap at 400 days"
    assert cookie.delete().startswith("__Host-session=; Max-Age=0; Expires=Thu, 01 Jan 1970")
    assert cookie.delete().endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert len(cookie.set(ONE, 60)) < 4096


def test_insecure_http_renames_and_warns() -> None:
    with pytest.warns(UserWarning, match="travels without TLS"):
        cookie = Cookie("__Host-id", "Strict", insecure_http=True)
    assert cookie.set(ONE, None) == f"insecure-id={ONE.text}; Path=/; HttpOnly; SameSite=Strict"


@pytest.mark.parametrize("name", ["session", "__host-session", "__Host-", "__Host-a b", "__Host-é", "__Secure-id", ""])
def test_names_a_browser_would_not_protect(name: str) -> None:
    with pytest.raises(ConfigurationError):
        Cookie(name)


def test_same_site_none_is_not_offered() -> None:
    with pytest.raises(ConfigurationError, match="'Lax' or 'Strict'"):
        Cookie(same_site="None")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "tokens"),
    [
        (None, []),
        ("", []),
        (f"__Host-session={ONE.text}", [ONE]),
        (f'a=b; __Host-session="{ONE.text}" ; c', [ONE]),
        (f"__Host-session={ONE.text}; __Host-session={TWO.text}", [ONE, TWO]),
        (f"__Host-session={ONE.text};__Host-session={ONE.text}", [ONE]),
        (f"__host-session={ONE.text}; session={ONE.text}; x__Host-session={ONE.text}", []),
        (f"__Host-session=; __Host-session=short; __Host-session={'é' * 64}; __Host-session={TWO.text}", [TWO]),
        ("__Host-session=" + "a" * 100_000, []),
    ],
)
def test_reading(header: str | None, tokens: list[Token]) -> None:
    assert Cookie().tokens(header) == tokens


def test_many_cookies_cost_little() -> None:
    header = "; ".join(f"__Host-session={Token.new().text}" for _ in range(100))
    assert len(Cookie().tokens(header)) == MAX_CANDIDATES
