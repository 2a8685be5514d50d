"""Rolling restarts of a real gunicorn behind a real HAProxy, under requests: none is dropped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.servers import ports
from tests.servers.haproxy import HAProxy, open_haproxy
from tests.visitors import Visitors
from tests.zdsession.test_fleet import until
from zdsession import SessionManager
from zdsession.fleet import Registry

CHECKOUT = Path(__file__).parents[2]
TOKEN = "a-token-of-16-or-more"
APP = """
import os, time
from zdsession import SessionManager, SessionMiddleware
from zdsession.fleet import FleetMember, FleetMiddleware

def pages(environ, start_response):
    session = environ["zdsession"]
    session["n"] = session.get("n", 0) + 1
    time.sleep(0.02)
    body = b"%d" % session["n"]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

sessions = SessionManager(os.environ["STORE"], insecure_http=True)
fleet = FleetMember(sessions, version="1", heartbeat=0.2)
app = FleetMiddleware(SessionMiddleware(pages, sessions), fleet, token=os.environ["TOKEN"])
"""
CONF = "def post_worker_init(worker):\n    worker.wsgi.fleet.start()\n"
PROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  option httpchk GET /-/ready
  default-server check inter 100ms fall 2 rise 1
"""


class Gunicorn:
    """One node."""

    def __init__(self, folder: Path, store: str, name: str, *options: str) -> None:
        self.name = name
        self.port = ports.lease()
        self._folder = folder
        self._options = options
        self._environment = {**os.environ, "STORE": store, "TOKEN": TOKEN, "ZDSESSION_NODE": name}
        self._environment["PYTHONPATH"] = str(CHECKOUT)
        folder.joinpath("shop.py").write_text(APP)
        folder.joinpath("conf.py").write_text(CONF)
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "-c", "conf.py", "-b", f"127.0.0.1:{self.port}", "-w", "2"]
        with self._folder.joinpath(f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self._options, "shop:app"],
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def status(self, path: str) -> int:
        """The status of a page; 0 while nobody listens."""
        try:
            return self.get(path)[0]
        except OSError:
            return 0


def zdsession(store: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from zdsession.cli import main; main()", *arguments]
    environment = {**os.environ, "ZDSESSION_STORE": store, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def nodes(redis_url: str, tmp_path: Path) -> Iterator[list[Gunicorn]]:
    """Two nodes, of two processes with threads each."""
    pair = [Gunicorn(tmp_path, redis_url, name, "-k", "gthread", "--threads", "4") for name in ("web1", "web2")]
    try:
        yield pair
    finally:
        for node in pair:
            node.stop()
            ports.release(node.port)


@pytest.fixture
def proxy(nodes: list[Gunicorn]) -> Iterator[HAProxy]:
    proxy = open_haproxy(PROXY + "".join(f"  server {node.name} 127.0.0.1:{node.port}\n" for node in nodes))
    yield proxy
    proxy.close()


def test_rolling_restarts_drop_nothing(redis_url: str, nodes: list[Gunicorn], proxy: HAProxy) -> None:
    _restart(redis_url, nodes, proxy, 1)


@pytest.mark.soak
def test_many_rolling_restarts_drop_nothing(redis_url: str, nodes: list[Gunicorn], proxy: HAProxy) -> None:
    _restart(redis_url, nodes, proxy, int(os.environ.get("ZD_RESTARTS", "200")))


def _restart(store: str, nodes: list[Gunicorn], proxy: HAProxy, times: int) -> None:
    up = {f"nodes/{node.name}": "UP" for node in nodes}
    until(lambda: proxy.states() == up, "nodes that are up")
    with Visitors(proxy.port) as visitors:
        until(lambda: min(visitors.pages) > 5, "pages")
        for turn in range(times):
            node = nodes[turn % 2]
            drained = zdsession(store, "drain", node.name, "--min", "0.5", "--quiet", "0.3", "--max", "60")
            assert (drained.returncode, drained.stdout) == (0, f"{node.name} drained\n"), drained.stderr
            assert proxy.states()[f"nodes/{node.name}"] == "DOWN"
            node.stop()
            node.start()
            until(lambda: proxy.states() == up, "nodes that are up")
            assert visitors.problems == []
        seen = min(visitors.pages)
        until(lambda: min(visitors.pages) > seen + 5, "pages at the end")
    assert visitors.problems == []
    print(f"{times} restarts, {sum(visitors.pages)} pages, {len(visitors.problems)} dropped")


def test_one_node_of_two_workers(redis_url: str, tmp_path: Path) -> None:
    node = Gunicorn(tmp_path, redis_url, "web1", "-k", "gthread", "--threads", "4", "--keep-alive", "75")
    registry = Registry(SessionManager(redis_url).store)
    try:
        until(lambda: node.status("/-/ready") == 200, "readiness")
        until(lambda: len(registry.nodes()[0].processes) == 2, "both workers, asked or not")
        status, body = node.get("/-/health", Authorization=f"Bearer {TOKEN}")
        assert (status, json.loads(body)["node"]) == (200, "web1")
        assert node.get("/-/health")[0] == 401
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
        assert not _closes(connection)
        assert zdsession(redis_url, "drain", "web1", "--min", "0", "--quiet", "0").returncode == 0
        assert node.status("/-/ready") == 503
        assert node.status("/-/live") == 200
        assert _closes(connection), "gunicorn is asked to close what is kept alive"
        assert zdsession(redis_url, "undrain", "web1").returncode == 0
        until(lambda: node.status("/-/ready") == 200, "return")
    finally:
        node.stop()
        ports.release(node.port)
    assert zdsession(redis_url, "nodes").stdout == "0 nodes\n", "gunicorn's workers say goodbye"


def test_a_killed_node_is_lost_and_its_next_start_knows_better(redis_url: str, tmp_path: Path) -> None:
    node = Gunicorn(tmp_path, redis_url, "web1", "--preload")
    registry = Registry(SessionManager(redis_url).store)
    try:
        until(lambda: node.status("/-/ready") == 200, "readiness")
        until(lambda: len(registry.nodes()[0].processes) == 2, "two workers")
        first = {process.pid for process in registry.nodes()[0].processes}
        for pid in (node.process.pid, *first):
            os.kill(pid, signal.SIGKILL)
        node.process.wait(30)
        assert {process.pid for process in registry.nodes()[0].processes} == first, "silence is not absence"
        node.start()
        until(lambda: node.status("/-/ready") == 200, "readiness")
        until(lambda: not first & {process.pid for process in registry.nodes()[0].processes}, "end of the dead")
    finally:
        node.stop()
        ports.release(node.port)


def _closes(connection: http.client.HTTPConnection) -> bool:
    """Whether the server ends the connection after an answer."""
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("Connection") == "close"
