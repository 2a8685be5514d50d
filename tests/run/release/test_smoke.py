"""Smoke tests against a real server: each way to fail is one sentence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.servers import ports
from zdmigrate.run.release.smoke import smoke
from zdmigrate.run.release.spec import NodeSpec, SmokeTest


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "https://elsewhere/")
        elif self.path == "/echo":
            self.send_response(200)
        else:
            self.send_response(503, "No")
        self.end_headers()
        self.wfile.write(f"said {self.headers.get('X-Forwarded-Proto')}\nmore".encode())

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def node() -> Iterator[NodeSpec]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield NodeSpec("web1", f"http://127.0.0.1:{server.server_port}", "web1", "", "", "")
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_passes(node: NodeSpec) -> None:
    assert smoke(node, SmokeTest("/echo", contains="said https", headers={"X-Forwarded-Proto": "https"})) == ""
    assert smoke(node, SmokeTest("/away", status=302)) == ""


def test_what_fails(node: NodeSpec) -> None:
    assert smoke(node, SmokeTest("/-/ready")) == f"GET {node.address}/-/ready: 503, not 200; it said: said None"
    assert smoke(node, SmokeTest("/away")).startswith(
        f"GET {node.address}/away: 302 to https://elsewhere/, not 200; it said: "
    )
    assert smoke(node, SmokeTest("/echo", contains="other")) == f"GET {node.address}/echo: 200, but without 'other'"
    assert "header" in smoke(node, SmokeTest("/echo", headers={"X": "a\r\nb"})).lower()


def test_nobody_there() -> None:
    port = ports.lease()
    try:
        node = NodeSpec("web1", f"http://127.0.0.1:{port}", "web1", "", "", "")
        assert "Connection refused" in smoke(node, SmokeTest())
    finally:
        ports.release(port)
