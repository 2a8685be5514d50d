"""Scheme, host, client and redirects behind real HAProxy and nginx that end TLS, with the settings that go wrong."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.servers.certificates import Certificates, make_certificates
from tests.servers.haproxy import open_haproxy
from tests.servers.nginx import open_nginx
from zdsession.proxies import TrustedProxies
from zdsession.redirects import HttpsRedirect, RelativeRedirects

HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{port:tls} ssl crt %s
  option forwardfor
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  http-request set-header X-Forwarded-Proto http if !{ ssl_fc }
  http-request set-header X-Forwarded-Host %%[req.hdr(Host)]
  default_backend nodes
backend nodes
  http-request set-header Host nodes.internal
  server node 127.0.0.1:%d
"""
#: nginx tells the name of its upstream as Host unless told otherwise, and mends some redirects, but not all.
NGINX = (
    "proxy_redirect off; proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $http_host; "
    "proxy_set_header X-Forwarded-For $remote_addr;"
)
#: The trap of many years: nothing but the name of the upstream arrives.
BARE = "proxy_redirect off; proxy_set_header X-Forwarded-Proto $scheme;"


class Quiet(WSGIRequestHandler):
    def log_request(self, *arguments: Any) -> None:
        pass


def pages(environ: Any, start_response: Any) -> list[bytes]:
    """`/old` redirects as old frameworks do; every other page tells what the app knows of the request."""
    if environ["PATH_INFO"] == "/old":
        here = f"{environ['wsgi.url_scheme']}://{environ['HTTP_HOST']}"
        start_response("302 Found", [("Location", f"{here}/new?from=old")])
        return [b""]
    names = ("wsgi.url_scheme", "HTTP_HOST", "REMOTE_ADDR")
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([environ[name] for name in names]).encode()]


class Front:
    """A proxy in front of the app, as a client sees it."""

    def __init__(self, url: str, tls_port: int, certificates: Certificates) -> None:
        self.port, self.tls_port = urlsplit(url).port, tls_port
        self._context = ssl.create_default_context(cafile=str(certificates.authority))

    def get(self, path: str, *, tls: bool = True, method: str = "GET", **headers: str) -> tuple[int, str | None, bytes]:
        """Status, Location, body."""
        client: http.client.HTTPConnection
        if tls:
            client = http.client.HTTPSConnection("localhost", self.tls_port, context=self._context, timeout=20)
        else:
            client = http.client.HTTPConnection("localhost", self.port, timeout=20)
        with closing(client):
            client.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = client.getresponse()
            return answer.status, answer.getheader("Location"), answer.read()


@contextmanager
def front(kind: str, folder: Path) -> Iterator[Front]:
    """An app with our middleware, behind that proxy."""
    certificates = make_certificates(folder)
    app = TrustedProxies(HttpsRedirect(RelativeRedirects(pages), hosts=["localhost"]), trusted=["127.0.0.1"])
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            if kind == "haproxy":
                both = folder / "both.pem"
                both.write_bytes(certificates.certificate.read_bytes() + certificates.key.read_bytes())
                both.chmod(0o600)
                with closing(open_haproxy(HAPROXY % (both, server.server_port))) as haproxy:
                    yield Front(haproxy.url(), haproxy.port_of("tls"), certificates)
            else:
                told = BARE if kind == "nginx, bare" else NGINX
                servers = [f"127.0.0.1:{server.server_port}"]
                with closing(open_nginx(servers, tls=certificates, told=told)) as nginx:
                    assert nginx.tls_port is not None
                    yield Front(nginx.url(), nginx.tls_port, certificates)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(params=["haproxy", "nginx", "nginx, bare"])
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Front]]:
    with front(request.param, tmp_path) as made:
        yield request.param, made


def test_what_a_client_sees(behind: tuple[str, Front]) -> None:
    kind, proxy = behind
    status, _, body = proxy.get("/")
    scheme, host, client = json.loads(body)
    assert (status, scheme, client) == (200, "https", "127.0.0.1")
    assert host == ("nodes" if kind == "nginx, bare" else f"localhost:{proxy.tls_port}")

    # The app's absolute redirect leads to where the client is, whatever the app was told it is called.
    assert proxy.get("/old")[:2] == (302, "/new?from=old")
    assert proxy.get("/new?from=old")[0] == 200

    # Plain http leads to https; no header of the client's makes it look like https already, or leads elsewhere.
    for headers in ({}, {"X_Forwarded_Proto": "https"}, {"Host": "evil.example", "Forwarded": "proto=https"}):
        status, location, _ = proxy.get("/cart?a=1", tls=False, **headers)
        assert (status, location) == (301, "https://localhost/cart?a=1"), headers
    assert proxy.get("/login", tls=False, method="POST")[0] == 403
    assert proxy.get("/-/ready", tls=False)[0] == 200
    evil = json.loads(proxy.get("/", X_Forwarded_For="203.0.113.9", X_Forwarded_Host="evil.example")[2])
    if kind == "nginx":
        assert evil[1:] == [f"localhost:{proxy.tls_port}", "127.0.0.1"]
