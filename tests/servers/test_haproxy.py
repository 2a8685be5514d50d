"""HAProxy: serves, is told things, and takes a new configuration while clients come and go."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.servers import ServerError
from tests.servers.haproxy import HAProxy, open_haproxy
from tests.servers.redis import wait_until

CHECKOUT = Path(__file__).parents[2]
CONFIG = """
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string WORD
frontend other
  bind 127.0.0.1:{port:other}
  default_backend nodes
backend nodes
  server one 127.0.0.1:{port:one} check inter 100ms
"""


def body(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def test_serves_reloads_and_comes_back() -> None:
    proxy = open_haproxy(CONFIG.replace("WORD", "first"))
    try:
        assert proxy.version.startswith("2") or int(proxy.version.split(".")[0]) > 2
        assert body(proxy.url()) == "first"
        wait_until(lambda: proxy.states() == {"nodes/one": "DOWN"}, "a check that fails")
        proxy.command("set server nodes/one state maint")
        assert proxy.states() == {"nodes/one": "MAINT"}

        old = proxy.pid
        words = _reload_under_load(proxy)
        assert set(words) == {"first", "second"}
        assert proxy.pid != old

        with pytest.raises(ServerError, match=r"haproxy refuses its configuration: .*no.such"):
            proxy.reload("no-such-section\n")
        assert body(proxy.url()) == "second"
        proxy.kill()
        proxy.start()
        assert body(proxy.url()) == "second"
    finally:
        proxy.close()


def _reload_under_load(proxy: HAProxy) -> list[str]:
    """What clients were answered while the configuration was replaced; a refused connection raises."""
    words: list[str] = []
    done = threading.Event()
    failed: list[Exception] = []

    def click() -> None:
        while not done.is_set():
            try:
                words.append(body(proxy.url()))
            except OSError as error:
                failed.append(error)

    clicker = threading.Thread(target=click)
    clicker.start()
    try:
        wait_until(lambda: "first" in words, "a first answer")
        proxy.reload(CONFIG.replace("WORD", "second"))
        wait_until(lambda: "second" in words, "an answer of the second")
    finally:
        done.set()
        clicker.join()
    assert failed == []
    return words


def test_a_configuration_that_is_none() -> None:
    with pytest.raises(ServerError, match="haproxy refuses its configuration"):
        open_haproxy("frontend web\n  bind nonsense\n")


OWNER = """
import sys
from tests.servers.haproxy import open_haproxy
from tests.servers.sentinel import open_sentinel
proxy = open_haproxy(sys.argv[1])
proxy.reload()
group = open_sentinel(replicas=1, sentinels=1, down_after=60)
print(proxy.port, *(server.port for server in group.servers), flush=True)
sys.stdin.read()
"""


def test_nothing_outlives_its_owner() -> None:
    command = [sys.executable, "-c", OWNER, CONFIG.replace("WORD", "first")]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        ports = [int(port) for port in owner.stdout.readline().split()]
        assert len(ports) == 4
        assert all(map(_listens, ports))
        owner.kill()
    wait_until(lambda: not any(map(_listens, ports)), "an end of what a killed owner has left behind")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
