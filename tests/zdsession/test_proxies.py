"""Trusted proxies: only whom the list names is believed, whatever the headers hold."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.zdsession.helpers import Browser
from zdsession import ConfigurationError, SessionMiddleware
from zdsession.proxies import AsgiTrustedProxies, Headers, Origin, ProxyTrust, TrustedProxies

LB, CDN, CLIENT, EVIL = "10.0.0.1", "10.9.9.9", "192.0.2.60", "203.0.113.66"
TRUST = ProxyTrust(["10.0.0.0/8", "2001:db8::7", "unix"])
RFC = ProxyTrust(["10.0.0.0/8", "2001:db8::7"], headers="forwarded")


def origin(trust: ProxyTrust, peer: str | None = LB, **headers: str) -> Origin | None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return trust.origin(peer, names.get)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Origin(LB)),
        ({"x_forwarded_proto": "https"}, Origin(LB, "https")),
        ({"x_forwarded_for": CLIENT, "x_forwarded_proto": "HTTPS"}, Origin(CLIENT, "https")),
        ({"x_forwarded_for": f"{CLIENT}:4711"}, Origin(CLIENT)),
        ({"x_forwarded_for": "[2001:DB8::1]:4711"}, Origin("2001:db8::1")),
        ({"x_forwarded_for": "2001:db8::1"}, Origin("2001:db8::1")),
        ({"x_forwarded_for": "::ffff:192.0.2.60"}, Origin(CLIENT)),
        ({"x_forwarded_host": "a.example:8443", "x_forwarded_proto": "https"}, Origin(LB, "https", "a.example:8443")),
        # two trusted hops: the CDN spoke TLS to the client and plain HTTP to the balancer
        ({"x_forwarded_for": f"{CLIENT}, {CDN}", "x_forwarded_proto": "https, http"}, Origin(CLIENT, "https")),
        ({"x_forwarded_for": f"{CLIENT}, {CDN}", "x_forwarded_proto": "https"}, Origin(CLIENT, "https")),
        # what the client wrote itself is to the left of what the first trusted proxy added
        ({"x_forwarded_for": f"{LB}, {EVIL}", "x_forwarded_proto": "https, http"}, Origin(EVIL, "http")),
        ({"x_forwarded_for": f"1.2.3.4, {EVIL}", "x_forwarded_host": "evil.example, shop.example"},
         Origin(EVIL, None, "shop.example")),
        ({"x_forwarded_for": f"{CLIENT}, unknown"}, Origin(LB)),
        ({"x_forwarded_for": f"{CLIENT},"}, Origin(LB)),
        ({"x_forwarded_for": f"{CDN}, {CDN}"}, Origin(CDN)),
        ({"x_forwarded_proto": "javascript"}, Origin(LB)),
        ({"x_forwarded_proto": "wss"}, Origin(LB, "https")),
        ({"x_forwarded_host": "shop.example/path"}, Origin(LB)),
        ({"x_forwarded_host": "shop.example:99999"}, Origin(LB)),
        ({"x_forwarded_host": "[::1]:80"}, Origin(LB, None, "[::1]:80")),
        ({"forwarded": "for=1.2.3.4;proto=https"}, Origin(LB)),
    ],
)  # fmt: skip
def test_x_forwarded(headers: dict[str, str], expected: Origin) -> None:
    assert origin(TRUST, **headers) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"for={CLIENT};proto=https;host=shop.example", Origin(CLIENT, "https", "shop.example")),
        (f'FOR="{CLIENT}:4711" ; Proto=HTTPS', Origin(CLIENT, "https")),
        ('for="[2001:db8::1]:4711"', Origin("2001:db8::1")),
        ('for="\\1\\9\\2.0.2.60"', Origin(CLIENT)),
        (f"for={CLIENT};proto=https, for={CDN};proto=http", Origin(CLIENT, "https")),
        (f"for={LB};proto=https, for={EVIL};proto=http", Origin(EVIL, "http")),
        (f"for={CLIENT}, for=unknown;proto=https", Origin(LB, "https")),
        (f"for={CLIENT}, for=_hidden", Origin(LB)),
        ("proto=https", Origin(LB, "https")),
        (f"for={CLIENT};for={EVIL}", Origin(CLIENT)),
        (f", ;for={CLIENT}; ,", Origin(CLIENT)),
        (f'for={CLIENT};proto=https;x="a, for={EVIL}', Origin(LB)),
        (f'for="{CLIENT}', Origin(LB)),
        (f"for={CLIENT} proto=https", Origin(LB)),
        ("for=2001:db8::1", Origin(LB)),
    ],
)
def test_forwarded(header: str, expected: Origin) -> None:
    assert origin(RFC, forwarded=header, x_forwarded_for=EVIL, x_forwarded_proto="http") == expected


@pytest.mark.parametrize(
    "peer", [EVIL, "2001:db8::8", "", None, "not an address", "10.0.0.1.evil", "::ffff:203.0.113.66"]
)
def test_who_is_not_named_is_not_believed(peer: str | None) -> None:
    assert origin(RFC, peer, forwarded=f"for={CLIENT};proto=https") is None


@pytest.mark.parametrize("peer", [LB, "2001:db8::7", "::ffff:10.1.2.3", "10.0.0.1%eth0", "", None])
def test_who_is_named_is(peer: str | None) -> None:
    answer = origin(TRUST, peer, x_forwarded_for=CLIENT)
    assert answer is not None
    assert answer.client == CLIENT


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"trusted": []}, "at least one"),
        ({"trusted": ["10.0.0.0/33"]}, "10.0.0.0/33"),
        ({"trusted": ["10.0.0.1/8"]}, "host bits"),
        ({"trusted": ["*"]}, "does not appear"),
        ({"trusted": [LB], "headers": "both"}, "not 'both'"),
    ],
)
def test_lists_that_are_none(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        ProxyTrust(**arguments)


# hostile headers

TEXT = st.text(max_size=80) | st.text(alphabet='for=proto;",\\ []:.0123456789abcdef_%\t', max_size=80)


@given(TEXT, TEXT, TEXT, TEXT)
def test_any_headers_give_an_address_a_scheme_and_a_host_or_nothing(one: str, two: str, three: str, four: str) -> None:
    for trust in (TRUST, RFC):
        answer = origin(trust, x_forwarded_for=one, x_forwarded_proto=two, x_forwarded_host=three, forwarded=four)
        assert answer is not None
        assert ProxyTrust([f"{answer.client}/{128 if ':' in answer.client else 32}"])
        assert answer.scheme in (None, "http", "https")
        assert answer.host is None or not set(answer.host) & set("/\\@?# \t\r\n\0\"'<>")


@given(TEXT, st.sampled_from(["http", "https"]))
def test_what_a_client_writes_changes_nothing_that_a_trusted_proxy_appends_to(lie: str, scheme: str) -> None:
    """The balancer appends to whatever came: the truth stays the same."""
    lie = lie.replace(",", "")
    told = origin(
        TRUST,
        x_forwarded_for=f"{lie}, {CLIENT}",
        x_forwarded_proto=f"{lie}, {scheme}",
        x_forwarded_host=f"{lie}, a.example",
    )
    assert told == Origin(CLIENT, scheme, "a.example")


@pytest.mark.parametrize(
    "attack", ["," * 5_000_000, 'a="' * 1_000_000, "for=1;" * 500, '"\\' * 2000, " " * 4000 + "x", ";" * 4000]
)
def test_long_headers_cost_no_time(attack: str) -> None:
    began = time.process_time()
    for trust in (TRUST, RFC):
        origin(trust, x_forwarded_for=attack, x_forwarded_proto=attack, x_forwarded_host=attack, forwarded=attack)
    assert time.process_time() - began < 1


# in front of an app


def wsgi_seen(environ: dict[str, Any], headers: Headers = "x-forwarded") -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.update(environ)
        return []

    TrustedProxies(app, ["10.0.0.0/8"], headers)({"wsgi.url_scheme": "http", "SERVER_PORT": "8000", **environ}, None)  # type: ignore[arg-type]
    return seen


def test_wsgi() -> None:
    sent = {"HTTP_X_FORWARDED_FOR": CLIENT, "HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "shop.example"}
    seen = wsgi_seen({"REMOTE_ADDR": LB, "HTTP_HOST": "app:8000", **sent})
    assert [seen[name] for name in ("wsgi.url_scheme", "HTTP_HOST", "SERVER_PORT", "REMOTE_ADDR")] == [
        "https", "shop.example", "443", CLIENT,
    ]  # fmt: skip
    direct = wsgi_seen({"REMOTE_ADDR": EVIL, "HTTP_HOST": "app:8000", "HTTP_FORWARDED": "proto=https", **sent})
    assert direct == {
        "wsgi.url_scheme": "http", "SERVER_PORT": "8000", "REMOTE_ADDR": EVIL, "HTTP_HOST": "app:8000",
    }  # fmt: skip


def test_the_cookie_is_secure_whatever_they_say() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["zdsession"]["a"] = 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    def behind(environ: Any, start_response: Any) -> Any:
        environ.update(REMOTE_ADDR=LB, HTTP_X_FORWARDED_PROTO="http")
        return TrustedProxies(SessionMiddleware(app, "memory://"), [LB])(environ, start_response)

    assert "; Secure" in str(Browser(behind).get().one("Set-Cookie"))


@pytest.mark.parametrize(
    ("client", "kind", "expected"),
    [
        ((LB, 5), "http", {"scheme": "https", "client": (CLIENT, 0), "host": b"shop.example"}),
        ((LB, 5), "websocket", {"scheme": "wss", "client": (CLIENT, 0), "host": b"shop.example"}),
        ((EVIL, 5), "http", {"scheme": "http", "client": (EVIL, 5), "host": b"app:8000"}),
        (None, "http", {"scheme": "http", "client": None, "host": b"app:8000"}),
    ],
)
def test_asgi(client: Any, kind: str, expected: dict[str, Any]) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    headers = [
        (b"host", b"app:8000"), (b"x-forwarded-for", CLIENT.encode()), (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop.example"), (b"accept", b"*/*"),
    ]  # fmt: skip
    scope = {"type": kind, "scheme": "http", "client": client, "headers": headers}
    asyncio.run(AsgiTrustedProxies(app, [LB])(scope, None, None))
    asyncio.run(AsgiTrustedProxies(app, [LB])({"type": "lifespan"}, None, None))
    (got, lifespan) = seen
    assert {"scheme": got["scheme"], "client": got["client"], "host": dict(got["headers"])[b"host"]} == expected
    assert (b"accept", b"*/*") in got["headers"]
    assert (b"x-forwarded-for" in dict(got["headers"])) == (client == (LB, 5))
    assert lifespan == {"type": "lifespan"}
    assert scope["headers"] is headers, "the server's own scope stays"
