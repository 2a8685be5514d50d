"""Redirects to https and to ourselves: what is answered, and what can never be made of it."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urljoin, urlsplit
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdsession.errors import ConfigurationError
from zdsession.redirects import (
    AsgiHttpsRedirect,
    AsgiRelativeRedirects,
    HttpsRedirect,
    RelativeRedirects,
    relative,
)

HOSTS = ["shop.example", "www.shop.example:8443"]


def call(app: Any, path: str = "/", **environ: str) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of a WSGI app."""
    made: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "", **environ}
    setup_testing_defaults(made)
    found: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        found[:] = status, headers
        return found.append

    body: Any = validator(app)(made, start)
    content = b"".join(body)
    body.close()
    return found[0], dict(found[1]), content


def call_asgi(app: Any, path: str = "/", *, kind: str = "http", **scope: Any) -> list[dict[str, Any]]:
    """What an ASGI app sends."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    whole = {"type": kind, "method": "GET", "path": path, "headers": [(b"host", b"shop.example")], **scope}
    asyncio.run(app(whole, None, send))
    return sent


def page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"page"]


async def asgi_page(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": f"{scope['type']}.response.start", "status": 200, "headers": []})


class TestHttpsRedirect:
    """Who comes over plain http."""

    @pytest.mark.parametrize(
        ("host", "path", "query", "location"),
        [
            ("shop.example", "/", "", "https://shop.example/"),
            ("SHOP.example", "/cart", "a=1&b=%20", "https://shop.example/cart?a=1&b=%20"),
            ("www.shop.example:8443", "/x", "", "https://www.shop.example:8443/x"),
            ("www.shop.example:8080", "/x", "", "https://www.shop.example:8443/x"),
            ("shop.example:80", "/x", "", "https://shop.example/x"),
            ("evil.example", "/x", "", "https://shop.example/x"),
            ("", "/", "", "https://shop.example/"),
            ("shop.example", "/a b/\xc3\xa9", "", "https://shop.example/a%20b/%C3%A9"),
            ("shop.example", "/100%", "", "https://shop.example/100%25"),
            ("shop.example", "//evil.example", "", "https://shop.example//evil.example"),
        ],
    )
    def test_get(self, host: str, path: str, query: str, location: str) -> None:
        app = HttpsRedirect(page, HOSTS)
        status, headers, body = call(app, path, HTTP_HOST=host, QUERY_STRING=query)
        assert (status, headers["Location"], body) == ("301 Moved Permanently", location, b"")

    def test_what_was_sent_in_the_clear_is_not_sent_on(self) -> None:
        status, headers, body = call(HttpsRedirect(page, HOSTS), "/login", REQUEST_METHOD="POST")
        assert status == "403 Forbidden"
        assert "Location" not in headers
        assert b"https only" in body

    def test_checks_of_a_balancer_are_answered(self) -> None:
        assert call(HttpsRedirect(page, HOSTS), "/-/ready")[0] == "200 OK"
        assert call(HttpsRedirect(page, HOSTS, exempt=()), "/-/ready")[0].startswith("301")

    def test_over_https(self) -> None:
        status, headers, _ = call(HttpsRedirect(page, HOSTS), **{"wsgi.url_scheme": "https"})
        assert (status, "Strict-Transport-Security" in headers) == ("200 OK", False)
        app = HttpsRedirect(page, HOSTS, hsts=600)
        assert call(app, **{"wsgi.url_scheme": "https"})[1]["Strict-Transport-Security"] == "max-age=600"
        assert "Strict-Transport-Security" not in call(app)[1]

    def test_the_apps_own_word_counts(self) -> None:
        def strict(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain"), ("strict-transport-security", "max-age=1")])
            return [b""]

        headers = call(HttpsRedirect(strict, HOSTS, hsts=600), **{"wsgi.url_scheme": "https"})[1]
        assert {name.lower(): value for name, value in headers.items()}["strict-transport-security"] == "max-age=1"
        assert len([name for name in headers if name.lower() == "strict-transport-security"]) == 1

    @pytest.mark.parametrize("hosts", [[], [""], ["shop.example/x"], ["https://shop.example"], ["a\r\nb"]])
    def test_what_is_no_host(self, hosts: list[str]) -> None:
        with pytest.raises(ConfigurationError):
            HttpsRedirect(page, hosts)

    @given(st.text(), st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
    def test_it_never_leads_elsewhere(self, host: str, path: str, query: str) -> None:
        found: dict[str, str] = {}

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            found.update(headers)
            return bytes

        environ = {
            "REQUEST_METHOD": "GET", "wsgi.url_scheme": "http", "HTTP_HOST": host, "SCRIPT_NAME": "",
            "PATH_INFO": "/" + path, "QUERY_STRING": query,
        }  # fmt: skip
        app = HttpsRedirect(page, HOSTS, exempt=())
        app(environ, start)
        location = found["Location"]
        assert location.isascii()
        assert location.isprintable()
        assert urlsplit(location)[:2] in [("https", name) for name in HOSTS]

    def test_asgi(self) -> None:
        app = AsgiHttpsRedirect(asgi_page, HOSTS, hsts=60)
        start, body = call_asgi(app, "/é", scheme="http", query_string=b"a=1")
        assert (start["status"], body["body"]) == (301, b"")
        assert (b"location", b"https://shop.example/%C3%A9?a=1") in start["headers"]
        assert call_asgi(app, scheme="http", method="POST")[0]["status"] == 403
        assert call_asgi(app, "/-/ready", scheme="http")[0]["headers"] == []
        assert call_asgi(app, scheme="https")[0]["headers"] == [(b"strict-transport-security", b"max-age=60")]
        assert call_asgi(app, kind="websocket", scheme="ws") == [{"type": "websocket.close", "code": 1008}]
        assert call_asgi(app, kind="websocket", scheme="wss")[0]["status"] == 200


OWN = ["nodes", "10.0.0.5:8000", "shop.example"]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://nodes/login?next=/a#b", "/login?next=/a#b"),
        ("http://NODES:80/x", "/x"),
        ("https://10.0.0.5:8000", "/"),
        ("https://10.0.0.5:8000?a=1", "/?a=1"),
        ("//shop.example/x", "/x"),
        ("http://user@nodes/x", "/x"),
        ("http://nodes//evil.example/x", "/.//evil.example/x"),
        ("http://10.0.0.5:8001/x", "http://10.0.0.5:8001/x"),
        ("https://pay.example/x", "https://pay.example/x"),
        ("/x", "/x"),
        ("x", "x"),
        ("", ""),
        ("ftp://nodes/x", "ftp://nodes/x"),
        ("mailto:a@nodes", "mailto:a@nodes"),
    ],
)
def test_relative(location: str, expected: str) -> None:
    assert relative(location, OWN, "https") == expected


def test_from_http_to_https_stays_so() -> None:
    """Or an app that redirects to https itself would lead its visitors round in circles."""
    assert relative("https://shop.example/x", OWN, "http") == "https://shop.example/x"
    assert relative("http://shop.example/x", OWN, "http") == "/x"
    assert relative("//shop.example/x", OWN, "http") == "/x"

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("302 Found", [("Location", "https://shop.example/x"), ("Content-Type", "text/plain")])
        return [b""]

    assert call(RelativeRedirects(app), HTTP_HOST="shop.example")[1]["Location"] == "https://shop.example/x"
    over = {"HTTP_HOST": "shop.example", "wsgi.url_scheme": "https"}
    assert call(RelativeRedirects(app), **over)[1]["Location"] == "/x"


@given(st.text("/\\.:@?#ab", max_size=12))
def test_what_was_ours_stays_ours(rest: str) -> None:
    made = relative("http://nodes" + (rest if rest[:1] in ("", "/", "?", "#") else "/" + rest), OWN, "https")
    assert urlsplit(urljoin("https://shop.example/page", made)).netloc == "shop.example"


def test_wsgi_apps_redirect_to_a_path() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        host = environ["HTTP_HOST"]
        start_response("302 Found", [("Location", f"http://{host}/b"), ("Content-Location", f"http://{host}/c"),
                                     ("Content-Type", "text/plain"), ("X-Other", f"http://{host}/d")])  # fmt: skip
        return [b""]

    headers = call(RelativeRedirects(app), HTTP_HOST="nodes")[1]
    assert (headers["Location"], headers["Content-Location"], headers["X-Other"]) == ("/b", "/c", "http://nodes/d")

    def elsewhere(environ: Any, start_response: Any) -> list[bytes]:
        start_response("302 Found", [("Location", "http://10.0.0.5:8000/b"), ("Content-Type", "text/plain")])
        return [b""]

    assert call(RelativeRedirects(elsewhere), HTTP_HOST="nodes")[1]["Location"] == "http://10.0.0.5:8000/b"
    named = RelativeRedirects(elsewhere, ["10.0.0.5:8000"])
    assert call(named, HTTP_HOST="nodes")[1]["Location"] == "/b"


def test_asgi_apps_redirect_to_a_path() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"location", b"http://shop.example/b"), (b"x-other", b"http://shop.example/c")]
        await send({"type": "http.response.start", "status": 302, "headers": headers})

    assert call_asgi(AsgiRelativeRedirects(app))[0]["headers"] == [
        (b"location", b"/b"), (b"x-other", b"http://shop.example/c"),
    ]  # fmt: skip
    assert call_asgi(AsgiRelativeRedirects(asgi_page), kind="websocket")[0]["status"] == 200
