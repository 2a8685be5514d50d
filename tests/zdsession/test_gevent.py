"""Greenlets: what waits for the store lets the others go on, and parallel requests keep each other's keys."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.servers.link import Link

_ROOT = Path(__file__).parents[2]
_BUDGET = 1.0

#: Reads a task, answers with what came of it; the store's URL comes in the environment, as it has a password.
_SCRIPT = """
from gevent import monkey
monkey.patch_all()
import json, os, sys, time
import gevent
from zdsession import SessionMiddleware, SessionManager, StoreUnavailableError, open_store

store = open_store(os.environ["STORE"], budget=float(os.environ["BUDGET"]), **json.loads(os.environ["OPTIONS"]))
sessions = SessionManager(store, circuit_failures=10**6)

def app(environ, start_response):
    key = environ["QUERY_STRING"]
    if key:
        environ["zdsession"][key] = key
    start_response("200 OK", [])
    return [str(len(environ["zdsession"])).encode()]

served = SessionMiddleware(app, sessions)

def visit(cookie="", key=""):
    answer = []
    began = time.monotonic()
    environ = {"HTTP_COOKIE": cookie, "QUERY_STRING": key, "wsgi.url_scheme": "https"}
    body = b"".join(served(environ, lambda *said: answer.extend(said[:2])))
    return answer[0], dict(answer[1]), body, time.monotonic() - began

def together(visits):
    began = time.monotonic()
    done = gevent.joinall([gevent.spawn(*one) for one in visits], raise_error=True)
    return [one.value for one in done], time.monotonic() - began

cookie = visit(key="first")[1]["Set-Cookie"].split(";")[0]
for line in sys.stdin:
    task = json.loads(line)
    if task == "write":
        answers, _ = together([(visit, cookie, f"{n}-{turn}") for n in range(20) for turn in range(5)])
        print(json.dumps({"ok": sum(a[0] == "200 OK" for a in answers), "kept": int(visit(cookie)[2])}), flush=True)
    else:
        answers, seconds = together([(visit, cookie) for _ in range(20)])
        said = {"codes": sorted({a[0][:3] for a in answers}), "seconds": seconds, "longest": max(a[3] for a in answers)}
        print(json.dumps(said), flush=True)
"""


class Greenlets:
    """A process full of them."""

    def __init__(self, url: str, **options: int) -> None:
        environ = {"STORE": url, "BUDGET": str(_BUDGET), "OPTIONS": json.dumps(options), "PYTHONPATH": str(_ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _SCRIPT], env={**os.environ, **environ}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def do(self, task: str) -> Any:
        """What came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"it ended with {self._process.wait(10)}"
        return json.loads(line)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize(("kind", "pool"), [("redis", "max_connections"), ("mysql", "connections")])
def test_they_wait_side_by_side_and_in_time(kind: str, pool: str, request: pytest.FixtureRequest) -> None:
    url = str(request.getfixturevalue(f"{kind}_url"))
    with closing(Link(make_url(url).port or 0)) as link, closing(Greenlets(link.url(url), **{pool: 20})) as greenlets:
        assert greenlets.do("write") == {"ok": 100, "kept": 101}
        link.slow(latency=0.05)
        slow = greenlets.do("read")
        assert slow["codes"] == ["200"]
        assert slow["seconds"] < 20 * 0.1 / 2, "one after another they would wait 2 s"
        link.cut()
        out = greenlets.do("read")
        assert out["codes"] == ["503"]
        assert out["longest"] < _BUDGET + 0.5
        assert out["seconds"] < _BUDGET + 0.7
        link.heal()
        assert greenlets.do("read")["codes"] == ["200"]


@pytest.mark.parametrize(("kind", "pool"), [("redis", "max_connections"), ("mysql", "connections")])
def test_more_of_them_than_connections(kind: str, pool: str, request: pytest.FixtureRequest) -> None:
    """Who finds none waits for one, and the others go on meanwhile."""
    url = str(request.getfixturevalue(f"{kind}_url"))
    with closing(Greenlets(url, **{pool: 3})) as greenlets:
        assert greenlets.do("write") == {"ok": 100, "kept": 101}
