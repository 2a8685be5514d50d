"""Redirects behind proxies: to https, and never to an address that only the proxies can reach.

    app = TrustedProxies(HttpsRedirect(RelativeRedirects(app), hosts=["shop.example"]), trusted=["10.0.0.0/8"])

Both judge by what :class:`~zdsession.proxies.TrustedProxies` made of the request, so that one is outermost. They work
without the rest of this package, for any WSGI app, and with ``Asgi`` before their names for any ASGI app.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from zdsession.errors import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]

AsgiApp = Callable[..., Awaitable[None]]
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)
_ABSOLUTE = re.compile(r"(?:(?P<scheme>https?):)?//(?P<own>[^/?#]*)(?P<rest>.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
#: What may stand in a path and in a query as it is (RFC 3986); also what was percent-encoded already.
_PATH, _QUERY = "/:@!$&'()*+,;=~%", "/:@!$&'()*+,;=~%?"
_REFUSED = b"This address is served over https only, and what was sent to it came over a line that others can read.\n"
_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_LOCATIONS, _HSTS = ("location", "content-location"), "strict-transport-security"


class _Secure:
    """What an answer to a request over plain http is; and the header for those over https."""

    def __init__(self, hosts: Iterable[str], exempt: Iterable[str], hsts: int | None) -> None:
        self.hosts = tuple(host.lower() for host in hosts)
        self.exempt = tuple(exempt)
        if not self.hosts:
            raise ConfigurationError("hosts is empty; name the host that clients use, as hosts=['shop.example']")
        for host in self.hosts:
            if _HOST.fullmatch(host) is None:
                raise ConfigurationError(f"hosts: {host!r} is not a host name, with :PORT or without")
        if hsts is not None and hsts < 0:
            raise ConfigurationError(f"hsts is seconds, not {hsts}")
        self.header = None if hsts is None else f"max-age={hsts}"

    def answer(self, method: str, host: str, path: str, query: str) -> tuple[str, list[tuple[str, str]], bytes]:
        """Status, headers and body. `path` and `query` as a URL has them."""
        if method not in ("GET", "HEAD"):
            # Repeated over https it would work, and nobody would ever learn that it goes over the open line first.
            return "403 Forbidden", [_TEXT, ("Content-Length", str(len(_REFUSED)))], _REFUSED
        # Whatever a client calls us, it is sent to us; the port that it came to is not that of https.
        target = next((known for known in self.hosts if _name(known) == _name(host)), self.hosts[0])
        where = f"https://{target}{path or '/'}{'?' + query if query else ''}"
        return "301 Moved Permanently", [("Location", where), _TEXT, ("Content-Length", "0")], b""


class HttpsRedirect:
    """Sends who comes over plain http to the same page over https; for WSGI.

    A request other than GET and HEAD gets 403: its content has travelled in the clear, and a redirect would hide that.

    Args:
        app: the WSGI app.
        hosts: host names that clients use, with a port if it is not 443. A request with another name is sent to the
            first: the Host header of a request is never trusted with where a client goes.
        exempt: beginnings of paths that are served over plain http too: the checks of a balancer.
        hsts: seconds for which browsers are told to come over https only (Strict-Transport-Security, RFC 6797); None
            tells them nothing.

    Raises:
        ConfigurationError: no host, or what is none.
    """

    def __init__(
        self, app: WSGIApplication, hosts: Iterable[str], *, exempt: Iterable[str] = ("/-/",), hsts: int | None = None
    ) -> None:
        self.app = app
        self._secure = _Secure(hosts, exempt, hsts)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if environ["wsgi.url_scheme"] == "https":
            return self.app(environ, _adding(start_response, self._secure.header))
        if path.startswith(self._secure.exempt):
            return self.app(environ, start_response)
        status, headers, body = self._secure.answer(
            environ["REQUEST_METHOD"],
            environ.get("HTTP_HOST", ""),
            quote((environ.get("SCRIPT_NAME", "") + path).encode("latin-1"), safe=_PATH.replace("%", "")),
            quote(environ.get("QUERY_STRING", ""), safe=_QUERY),
        )
        start_response(status, headers)
        return [body]


class AsgiHttpsRedirect:
    """The same for ASGI. A WebSocket over plain http is refused."""

    def __init__(
        self, app: AsgiApp, hosts: Iterable[str], *, exempt: Iterable[str] = ("/-/",), hsts: int | None = None
    ) -> None:
        self.app = app
        self._secure = _Secure(hosts, exempt, hsts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind, secure = scope["type"], self._secure
        if kind not in ("http", "websocket") or scope["path"].startswith(secure.exempt):
            await self.app(scope, receive, send)
        elif scope.get("scheme") in ("https", "wss"):
            await self.app(scope, receive, _adding_too(send, secure.header) if kind == "http" else send)
        elif kind == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            status, headers, body = secure.answer(
                scope["method"],
                _asgi_host(scope),
                quote(scope["path"], safe=_PATH.replace("%", "")),
                quote(scope.get("query_string", b""), safe=_QUERY),
            )
            encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
            await send({"type": "http.response.start", "status": int(status[:3]), "headers": encoded})
            await send({"type": "http.response.body", "body": body})


def relative(location: str, own: Sequence[str], scheme: str) -> str:
    """A Location without scheme and host if they are our own, else as it is. Pure.

    One from http to https at the same host is as it is, too: without its scheme it would lead back to itself.

    Args:
        own: what this server is called, with :PORT or without. A default port is as none.
        scheme: of the request.
    """
    match = _ABSOLUTE.fullmatch(location)
    if match is None or _bare(match["own"]) not in {_bare(name) for name in own if name}:
        return location
    if scheme != "https" and (match["scheme"] or "").lower() == "https":
        return location
    rest = match["rest"]
    if not rest.startswith("/"):
        rest = "/" + rest
    return "/." + rest if rest.startswith("//") else rest  # "//name" would be another host (RFC 3986, 3.3)


class RelativeRedirects:
    """Takes scheme and host out of the app's redirects to itself; for WSGI.

    An app builds an absolute redirect from what it is called. Behind a proxy that is often the address of the node,
    which clients cannot reach and should not learn, with the wrong scheme. A browser reads a Location without them
    against the address that it asked (RFC 9110, 10.2.2). Redirects elsewhere, and from http to https, stay as they are.

    Args:
        app: the WSGI app.
        addresses: more addresses of this app that clients must not be sent to, such as ``10.0.0.5:8000``.
    """

    def __init__(self, app: WSGIApplication, addresses: Iterable[str] = ()) -> None:
        self.app = app
        self._addresses = tuple(addresses)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        server = f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"
        own, scheme = (environ.get("HTTP_HOST", ""), server, *self._addresses), environ["wsgi.url_scheme"]

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
        ) -> Callable[[bytes], object]:
            kept = [
                (name, relative(value, own, scheme) if name.lower() in _LOCATIONS else value) for name, value in headers
            ]
            return start_response(status, kept) if exc_info is None else start_response(status, kept, exc_info)

        return self.app(environ, start)


class AsgiRelativeRedirects:
    """The same for ASGI."""

    def __init__(self, app: AsgiApp, addresses: Iterable[str] = ()) -> None:
        self.app = app
        self._addresses = tuple(addresses)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name, port = scope.get("server") or ("", None)
        own = (_asgi_host(scope), f"{name}:{port}" if port else str(name), *self._addresses)
        scheme = scope.get("scheme", "http")

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (key, relative(value.decode("latin-1"), own, scheme).encode("latin-1"))
                    if key.decode("latin-1").lower() in _LOCATIONS
                    else (key, value)
                    for key, value in message.get("headers", ())
                ]
                message = {**message, "headers": headers}
            await send(message)

        await self.app(scope, receive, sending)


def _bare(authority: str) -> str:
    """Without user and default port, in lower case."""
    host = authority.rpartition("@")[2].lower()
    return re.sub(r":(?:80|443)?$", "", host)


def _name(authority: str) -> str:
    """Without port, in lower case."""
    return re.sub(r":[0-9]*$", "", authority).lower()


def _asgi_host(scope: Any) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


def _adding(start_response: StartResponse, header: str | None) -> StartResponse:
    if header is None:
        return start_response

    def start(
        status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        said = any(name.lower() == _HSTS for name, _ in headers)  # the app's own word counts
        more = headers if said else [*headers, ("Strict-Transport-Security", header)]
        return start_response(status, more) if exc_info is None else start_response(status, more, exc_info)

    return start


def _adding_too(send: Any, header: str | None) -> Any:
    if header is None:
        return send

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if not any(name.decode("latin-1").lower() == _HSTS for name, _ in headers):
                headers.append((_HSTS.encode(), header.encode()))
            message = {**message, "headers": headers}
        await send(message)

    return sending
