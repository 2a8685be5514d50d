"""Redis URLs: what they mean, and what is no such URL."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.certificates import make_certificates
from zdsession.errors import ConfigurationError
from zdsession.stores.redis_url import Access, Address, Place, parse


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://h", Place("", (Address("h", 6379),), Access())),
        ("redis://h:1/", Place("", (Address("h", 1),), Access())),
        ("REDIS://[::1]:7/3", Place("", (Address("::1", 7),), Access(database=3))),
        ("redis://[::1]", Place("", (Address("::1", 6379),), Access())),
        ("redis://:p%40ss@h", Place("", (Address("h", 6379),), Access(password="p@ss"))),
        ("redis://ann:p@h/0?client_name=shop", Place("", (Address("h", 6379),), Access("ann", "p", 0, "shop"))),
        ("redis://ann@h", Place("", (Address("h", 6379),), Access("ann", ""))),
        ("redis://:@h", Place("", (Address("h", 6379),), Access())),
        ("redis://ann:p@ss@h", Place("", (Address("h", 6379),), Access("ann", "p@ss"))),
        (
            "redis+sentinel://ann:p@a,b:7/my%20shop/2?sentinel_password=q",
            Place(
                "sentinel",
                (Address("a", 26379), Address("b", 7)),
                Access("ann", "p", 2),
                "my shop",
                Access(None, "q"),
            ),
        ),
        ("redis+cluster://a,b:7/0", Place("cluster", (Address("a", 6379), Address("b", 7)), Access())),
    ],
)
def test_places(url: str, place: Place) -> None:
    assert parse(url) == place


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h", "a Redis URL begins with"),
        ("redis+ring://h", r"redis\+sentinel"),
        ("redis://", "hosts like"),
        ("redis://h:0", "hosts like"),
        ("redis://h:99999", "hosts like"),
        ("redis://h:", "hosts like"),
        ("redis://[::1", "hosts like"),
        ("redis://[::1]x", "hosts like"),
        ("redis://h,i", "takes one host"),
        ("redis+cluster://h,", "hosts like"),
        ("redis://h/x", "number of a database"),
        ("redis://h/0/1", "number of a database"),
        ("redis+sentinel://h", "name the Sentinels watch"),
        ("redis+cluster://h/1", "database 0 only"),
        ("redis://h?timeout=5", "no option timeout: there are client_name"),
        ("redis://h?ssl_ca_certs=x", "does not encrypt"),
        ("rediss://h?ssl_ca_certs=/no/such", "cannot be used"),
        ("rediss://h?ssl_cert_reqs=maybe", "required or none"),
        ("rediss://h?ssl_check_hostname=1", "true or false"),
    ],
)
def test_urls_that_are_none(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        parse(url)


def test_tls(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    strict = parse(f"rediss+sentinel://h/shop?ssl_ca_certs={files.authority}")
    assert strict.access.tls is not None
    assert strict.sentinel_access.tls is strict.access.tls
    assert (strict.access.tls.check_hostname, strict.access.tls.verify_mode) == (True, ssl.CERT_REQUIRED)
    for query, expected in (
        ("ssl_check_hostname=false", (False, ssl.CERT_REQUIRED)),
        ("ssl_cert_reqs=none", (False, ssl.CERT_NONE)),
        (f"ssl_certfile={files.certificate}&ssl_keyfile={files.key}", (True, ssl.CERT_REQUIRED)),
    ):
        context = parse(f"rediss://h?{query}").access.tls
        assert context is not None
        assert (context.check_hostname, context.verify_mode) == expected


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_a_place_or_an_error_of_ours(text: str) -> None:
    for url in (
        f"hunter2{text}",
        f"redis://{text}",
        f"redis+sentinel://ann:hunter2@{text}",
        f"redis+cluster://h{text}",
    ):
        try:
            place = parse(url)
        except ConfigurationError as error:
            message = str(error)
        else:
            message = repr(place)
            assert place.addresses
        assert "hunter2" not in message
