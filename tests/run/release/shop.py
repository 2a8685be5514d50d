"""A shop of several gunicorn nodes behind a balancer, as release.toml describes it; tests of releases share it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import ports
from zdmigrate.report import run_json
from zdmigrate.report.run_document import Document
from zdsession.clock import now_ms
from zdsession.fleet import Registry
from zdsession.fleet.model import State
from zdsession.stores import open_store

#: Seconds for whatever is waited for: the machine may have other work.
DEADLINE = 120.0
CHECKOUT = Path(__file__).parents[3]
#: The page that one version has and the other has not.
APP = """
import os, secrets, time
from pathlib import Path
from zdsession import SessionManager, SessionMiddleware
from zdsession.fleet import FleetMember, FleetMiddleware
from zdsession.manifest import Manifest
from zdsession.stores import open_store

VERSION = os.environ["ZDRELEASE_VERSION"]

def pages(environ, start_response):
    if environ["PATH_INFO"] == "/version":
        broken = Path(f"broken-{VERSION}").exists()
        body, status = VERSION.encode(), "500 Oops" if broken else "200 OK"
    else:
        session = environ["zdsession"]
        session["n"] = session.get("n", 0) + 1
        if orders is None:
            time.sleep(0.02)
        else:
            with orders.retrying() as attempt:
                attempt(place_order)
        body, status = b"%d" % session["n"], "200 OK"
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

written = Path(f"manifest-{VERSION}.json")
about = {}
if written.exists():
    about = {"manifest": Manifest.read(written), "database": os.environ.get("DATABASE_URL")}
sessions = SessionManager(open_store(os.environ["STORE"], budget=20.0), insecure_http=True)
orders = None
if "DATABASES" in os.environ:  # a primary and its replicas: each page is an order
    from zdmigrate.engine import follow_primary

    orders = follow_primary(os.environ["DATABASES"].split(), budget=30.0, connect_args={"ssl_disabled": True})
    about["database"] = orders

def place_order(connection):
    connection.exec_driver_sql("INSERT INTO orders VALUES (%s, 'page')", (secrets.randbits(62),))

fleet = FleetMember(sessions, version=VERSION, heartbeat=0.2, patience=30.0, **about)
if orders is not None:
    orders.join_fleet(fleet)
app = FleetMiddleware(SessionMiddleware(pages, sessions), fleet)
"""
#: Nodes outlive the tool that started them, but not the test.
WATCH = """
import os, signal, threading, time

def watch():
    while os.path.exists("/proc/{pid}"):
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)
"""
CONF = f"""{WATCH}
def when_ready(server):
    threading.Thread(target=watch, daemon=True).start()

def post_worker_init(worker):
    worker.wsgi.fleet.start()
"""
#: A small server that starts and ends quicker than gunicorn, and ends as politely.
SERVE = f"""{WATCH}
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
import shop

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = False
    request_queue_size = 64

class Quiet(WSGIRequestHandler):
    def log_request(self, *arguments):
        pass

threading.Thread(target=watch, daemon=True).start()
host, _, port = os.environ["ZDRELEASE_ADDRESS"].rpartition(":")
server = make_server(host, int(port), shop.app, Server, Quiet)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
shop.fleet.start()
server.serve_forever(0.05)
server.server_close()
shop.fleet.close()
"""
QUICK = f"exec {sys.executable} serve.py"
START = (
    f"exec {sys.executable} -m gunicorn -c conf.py -w 2 -k gthread --threads 4 --graceful-timeout 20 "
    '-b "$ZDRELEASE_ADDRESS" shop:app'
)
#: Quick enough for a test; the balancer is told, and does not have to notice.
LIMITS = {"drain_least": 0.2, "drain_quiet": 0.4, "drain_within": 120, "ready_within": 120, "stop_within": 120}


#: Starts nodes as the tool does.
_STARTER = """
import sys
import time
from pathlib import Path
from zdmigrate.run.release.commands import Commands
from zdmigrate.run.release.read import read_release

spec = read_release(Path("release.toml"))
spec.journal.mkdir(exist_ok=True)
for name in sys.argv[2:]:
    Commands(spec.journal, 60).start_daemon(spec.node(name).start, spec.node(name), sys.argv[1])
"""


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, f"no {what} within {DEADLINE:g} s"
        time.sleep(0.02)


class Shop:
    """Nodes, and the release.toml that releases them."""

    def __init__(self, folder: Path, store: str, nodes: Sequence[Mapping[str, str]], start: str = QUICK) -> None:
        self.folder = folder
        self.store = store
        self.file = folder / "release.toml"
        self.nodes = [{"address": f"127.0.0.1:{ports.lease()}", **node} for node in nodes]
        self._tables: dict[str, Any] = {
            "release": {"fleet": "${STORE}", **LIMITS},
            "versions": {"new": "2"},
            "commands": {"start": start, "start_kind": "daemon"},
            "smoke": [{"path": "/-/ready"}, {"path": "/version", "contains": "2", "undo": False}],
        }
        self.environment = {**os.environ, "STORE": store, "PYTHONPATH": str(CHECKOUT)}
        (folder / "shop.py").write_text(APP)
        for name, content in (("conf.py", CONF), ("serve.py", SERVE)):
            (folder / name).write_text(content.replace("{pid}", str(os.getpid())))

    def write(self, **tables: Mapping[str, Any] | list[dict[str, Any]]) -> None:
        """Write release.toml; keys given replace or add to those of its tables, lists replace lists."""
        for name, table in tables.items():
            self._tables[name] = table if isinstance(table, list) else {**self._tables.get(name, {}), **table}
        self.file.write_text(toml({**self._tables, "node": self.nodes}))

    def start(self, version: str, *names: str) -> None:
        """Start nodes in that version, all but for names given; returns when they are ready."""
        subprocess.run(
            [sys.executable, "-c", _STARTER, version, *(names or self.names)], cwd=self.folder, env=self.environment,
            check=True,
        )  # fmt: skip
        until(lambda: all(self.states().get(name) == (State.READY, {version}) for name in names or self.names), "nodes")

    def stop(self, *names: str) -> None:
        """Ask nodes to end; returns when they have said goodbye."""
        for name in names:
            os.killpg(self.pid(name), signal.SIGTERM)
        until(lambda: not set(names) & set(self.versions()), "goodbyes")

    @property
    def names(self) -> list[str]:
        """Of all nodes."""
        return [node["name"] for node in self.nodes]

    def states(self) -> dict[str, tuple[State, set[str]]]:
        """State and versions of each node, as the fleet has them."""
        store = open_store(self.store, budget=20.0)
        try:
            now = now_ms()
            return {
                node.id: (node.state(now), {process.version for process in node.processes})
                for node in Registry(store).nodes()
            }
        finally:
            store.close()

    def versions(self) -> dict[str, set[str]]:
        """Versions of each node that did not say goodbye."""
        return {name: versions for name, (state, versions) in self.states().items() if state is not State.GONE}

    def run(
        self, *arguments: str, file: str = "release.toml", timeout: float = 400
    ) -> subprocess.CompletedProcess[str]:
        """`zdmigrate release` in a process of its own."""
        return subprocess.run(
            _command(file, *arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def spawn(self, *arguments: str) -> subprocess.Popen[str]:
        """The same, without waiting for it."""
        with (self.folder / "release.log").open("a") as log:
            return subprocess.Popen(
                _command("release.toml", *arguments), cwd=self.folder, env=self.environment, stdout=log, stderr=log,
                text=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def journal(self) -> dict[str, Any]:
        """The release's journal."""
        found: dict[str, Any] = json.loads((self.folder / ".zdrelease" / "journal.json").read_text())
        return found

    def events(self) -> list[dict[str, Any]]:
        """What events.jsonl has."""
        path = self.folder / ".zdrelease" / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def reports(self) -> list[Document]:
        """What releases reported, in the order they began; each has its page."""
        folder = Path(self.environment["XDG_STATE_HOME"]) / "zdmigrate" / "reports"
        found = sorted(folder.glob("*.json"))
        assert all(path.with_suffix(".html").exists() for path in found)
        return sorted((run_json.read(path.read_bytes()) for path in found), key=lambda item: item.run.began)

    def pid(self, name: str) -> int:
        """Of the node the tool started last."""
        return int((self.folder / ".zdrelease" / f"node-{name}.pid").read_text().split()[0])

    def close(self) -> None:
        """End every node."""
        for name in self.names:
            try:
                os.killpg(self.pid(name), signal.SIGKILL)
            except (OSError, ValueError):
                continue
        for node in self.nodes:
            ports.release(int(node["address"].rpartition(":")[2]))


def _command(file: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "zdmigrate", "release", file, *arguments]


@contextmanager
def open_shop(folder: Path, store: str, nodes: Sequence[Mapping[str, str]], start: str = QUICK) -> Iterator[Shop]:
    """A shop that ends with the block; its nodes do not run yet."""
    shop = Shop(folder, store, nodes, start)
    try:
        yield shop
    finally:
        shop.close()


def database(redis_url: str, number: int) -> str:
    """Another database of a Redis, for a shop beside others."""
    return f"{redis_url.rpartition('/')[0]}/{number}"


def toml(tables: Mapping[str, Any]) -> str:
    """Tables, lists of tables and plain values, as TOML; a value that is None is left out."""
    lines = []
    for name, content in tables.items():
        for table in content if isinstance(content, list) else [content]:
            lines.append(f"[[{name}]]" if isinstance(content, list) else f"[{name}]")
            lines += [f"{key} = {_value(value)}" for key, value in table.items() if value is not None]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value)
