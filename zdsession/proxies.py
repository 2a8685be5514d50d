"""Scheme, host and client of a request behind proxies, from their headers, where an explicit list says who may say so.

    app = TrustedProxies(app, trusted=["10.0.0.0/8"])

For redirects and absolute URLs behind a balancer that ends TLS. Sessions do not need it: their cookie is always Secure.
Works without the rest of this package, for any WSGI app, and as :class:`AsgiTrustedProxies` for any ASGI app.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Literal

from zdsession.errors import ConfigurationError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Address = IPv4Address | IPv6Address
Headers = Literal["x-forwarded", "forwarded"]

#: In the list of trusted proxies: whoever connects through a Unix socket.
UNIX = "unix"
_NAMES = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[\t !#-\[\]-~]|\\[\t !-~])*+"'
#: One pair of a Forwarded header, or none, and what ends it. Nothing in it is tried twice, whatever comes.
_PIECE = re.compile(
    rf"[\t ]*+(?:(?P<name>{_WORD})=(?:(?P<word>{_WORD})|(?P<quoted>{_QUOTED})))?+[\t ]*+(?P<end>[;,]|\Z)", re.ASCII
)
#: Longer headers are taken as absent: nobody has so many proxies.
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of the request it received. None: it does not say, or nothing that could be true."""

    client: str | None = None
    scheme: str | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of the request as the client sent it; None leaves it as the server says."""

    client: str
    scheme: str | None = None
    host: str | None = None

    @property
    def port(self) -> str | None:
        """The port of ``host``, or of ``scheme`` where it names none."""
        match = None if self.host is None else _HOST.fullmatch(self.host)
        if match is not None and match["port"]:
            return match["port"]
        return {"https": "443", "http": "80"}.get(self.scheme or "")


class ProxyTrust:
    """Whose word counts, and which headers carry it.

    Args:
        trusted: addresses or networks of proxies (``10.0.0.0/8``, ``2001:db8::7``), and ``unix`` for a Unix socket.
        headers: which the proxies set: ``X-Forwarded-For``, ``-Proto`` and ``-Host``, or ``Forwarded`` (RFC 7239). Only
            one kind, as proxies pass the other on as the client sent it.

    Raises:
        ConfigurationError: a network that is none, or no network at all.
    """

    def __init__(self, trusted: Iterable[str], headers: Headers = "x-forwarded") -> None:
        names = [trusted] if isinstance(trusted, str) else list(trusted)
        if not names:
            raise ConfigurationError("trusted proxies: name at least one address or network")
        if headers not in ("x-forwarded", "forwarded"):
            raise ConfigurationError(f"headers is 'x-forwarded' or 'forwarded', not {headers!r}")
        self._unix = UNIX in names
        self._networks: list[IPv4Network | IPv6Network] = []
        for name in names:
            if name != UNIX:
                try:
                    self._networks.append(ip_network(name))
                except ValueError as error:
                    raise ConfigurationError(f"trusted proxies: {error}") from None
        self._headers = headers

    def origin(self, peer: str | None, header: Callable[[str], str | None]) -> Origin | None:
        """What the proxies say, as far as they are trusted; None where ``peer``, who connected, is not.

        Each proxy adds what it saw at the right. So this walks from the right, over the proxies that are trusted, to
        the first client that is none of them; what is further left, that client may have written itself.

        Args:
            peer: address of who connected; None or empty for a Unix socket.
            header: gives the value of a request header by its name in lower case, several joined by commas.
        """
        if not self._trusts(peer):
            return None
        hops = _x_forwarded(header) if self._headers == "x-forwarded" else _forwarded(header("forwarded"))
        client, scheme, host = peer or "", None, None
        for hop in reversed(hops):
            scheme, host = hop.scheme or scheme, hop.host or host
            if hop.client is None:
                break
            client = hop.client
            if not self._trusts(client):
                break
        return Origin(client, scheme, host)

    def _trusts(self, peer: str | None) -> bool:
        if not peer:
            return self._unix
        address = _address(peer)
        return address is not None and any(address in network for network in self._networks)


class TrustedProxies:
    """Gives ``app`` the scheme, host and client that trusted proxies saw; for WSGI.

    It sets ``wsgi.url_scheme``, ``HTTP_HOST``, ``SERVER_PORT`` and ``REMOTE_ADDR``. The forwarding headers are removed
    from requests of anybody else, so that nothing behind this believes them either.

    Args:
        app: the WSGI app.
        trusted, headers: see :class:`ProxyTrust`.
    """

    def __init__(self, app: WSGIApplication, trusted: Iterable[str], headers: Headers = "x-forwarded") -> None:
        self.app = app
        self._trust = ProxyTrust(trusted, headers)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        origin = self._trust.origin(environ.get("REMOTE_ADDR"), lambda name: environ.get(_cgi(name)))
        if origin is None:
            for name in _NAMES:
                environ.pop(_cgi(name), None)
        else:
            self._correct(environ, origin)
        return self.app(environ, start_response)

    def _correct(self, environ: WSGIEnvironment, origin: Origin) -> None:
        environ["REMOTE_ADDR"] = origin.client
        if origin.scheme is not None:
            environ["wsgi.url_scheme"] = origin.scheme
        if origin.host is not None:
            environ["HTTP_HOST"] = origin.host
        if origin.port is not None:
            environ["SERVER_PORT"] = origin.port


class AsgiTrustedProxies:
    """The same for ASGI: sets ``scheme``, ``client`` and the header ``host`` of HTTP and WebSocket scopes."""

    def __init__(self, app: Callable[..., Awaitable[None]], trusted: Iterable[str], headers: Headers = "x-forwarded"):
        self.app = app
        self._trust = ProxyTrust(trusted, headers)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = self._corrected(scope)
        await self.app(scope, receive, send)

    def _corrected(self, scope: Any) -> Any:
        client = scope.get("client")
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])

        def header(wanted: str) -> str | None:
            values = [value.decode("latin-1") for name, value in headers if name == wanted.encode()]
            return ",".join(values) or None

        origin = self._trust.origin(client[0] if client else None, header)
        if origin is None:
            names = {name.encode() for name in _NAMES}
            return {**scope, "headers": [pair for pair in headers if pair[0] not in names]}
        changed: dict[str, Any] = {}
        if origin.client:
            changed["client"] = (origin.client, 0 if client is None or origin.client != client[0] else client[1])
        if origin.scheme is not None:
            secure = origin.scheme == "https"
            changed["scheme"] = ("wss" if secure else "ws") if scope["type"] == "websocket" else origin.scheme
        if origin.host is not None:
            kept = [pair for pair in headers if pair[0] != b"host"]
            changed["headers"] = [(b"host", origin.host.encode()), *kept]
        return {**scope, **changed}


def _x_forwarded(header: Callable[[str], str | None]) -> list[Hop]:
    """The hops of the X-Forwarded headers, nearest last.

    Proxies append to -For; -Proto and -Host some append to, and most replace. So the lists are laid beside each other
    from the right, and the last value there is goes on to the left: its writer is the furthest that writes it at all.
    """
    clients = [_client(part) for part in _list(header("x-forwarded-for"))]
    schemes = [_scheme(part) for part in _list(header("x-forwarded-proto"))]
    hosts = [_host(part) for part in _list(header("x-forwarded-host"))]
    count = max(len(clients), len(schemes), len(hosts))
    padded = [[*[None] * (count - len(values)), *values] for values in (clients, schemes, hosts)]
    return [Hop(*values) for values in zip(*padded, strict=True)]


def _forwarded(header: str | None) -> list[Hop]:
    """The hops of a Forwarded header, nearest last; none if it is not as RFC 7239 says."""
    if not header or len(header) > _MOST:
        return []
    elements: list[dict[str, str]] = [{}]
    at, end = 0, ","
    while end:
        piece = _PIECE.match(header, at)
        if piece is None:
            return []
        if piece["name"] is not None:
            value = piece["word"] or re.sub(r"\\(.)", r"\1", piece["quoted"][1:-1])
            elements[-1].setdefault(piece["name"].lower(), value)
        at, end = piece.end(), piece["end"]
        if end == ",":
            elements.append({})
    return [
        Hop(_client(element.get("for", "")), _scheme(element.get("proto", "")), _host(element.get("host", "")))
        for element in elements
        if element
    ]


def _list(header: str | None) -> list[str]:
    return [] if not header or len(header) > _MOST else [part.strip() for part in header.split(",")]


def _client(text: str) -> str | None:
    """The address in ``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1``, ``[2001:db8::1]:80``; None if there is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = _address(text)
    return None if address is None else str(address)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _scheme(text: str) -> str | None:
    text = text.lower()
    return {"ws": "http", "wss": "https"}.get(text, text if text in ("http", "https") else None)


def _host(text: str) -> str | None:
    match = _HOST.fullmatch(text)
    return None if match is None or int(match["port"] or 1) not in range(1, 65_536) else text


def _cgi(name: str) -> str:
    return "HTTP_" + name.upper().replace("-", "_")
