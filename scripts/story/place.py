"""Where the story takes place: servers, accounts, goods, a balancer with TLS, and the files that describe them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.engine import make_url

from tests.servers import Server, open_server, ports
from tests.servers.certificates import make_certificates
from tests.servers.haproxy import HAProxy, open_haproxy
from tests.servers.replication import Node, Replication, open_replicas

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "flask_app"
Sessions = Literal["mirrored", "redis", "sql"]
Flavour = Literal["mysql", "mariadb"]
_READY_SECONDS = 120.0
_COMMAND_SECONDS = 600.0
#: Rows that one statement adds, so that the replica is never far behind.
_BATCH = 20_000

_BALANCER = """
defaults
  timeout connect 2s
  timeout client 75s
  timeout server 75s
  timeout queue 15s
frontend web
  mode http
  bind 127.0.0.1:{port} ssl crt CERTIFICATE alpn http/1.1
  http-request set-header X-Forwarded-Proto https
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  option forwardfor
  default_backend nodes
backend nodes
  mode http
  option httpchk GET /-/ready
  # Every form of the shop may arrive twice, so what a node did not answer may be asked of another one.
  option redispatch 1
  option http-buffer-request
  retries 5
  retry-on conn-failure empty-response
  default-server check inter 500ms fall 2 rise 1
NODES
listen sql
  mode tcp
  bind 127.0.0.1:{port:sql}
  timeout client 1h
  timeout server 1h
  server a 127.0.0.1:FIRST
  server b 127.0.0.1:SECOND disabled
"""


@dataclass(frozen=True)
class Plan:
    """What is to be started.

    Attributes:
        orders: that are in the shop already: the table that has to be rebuilt.
    """

    flavour: Flavour = "mysql"
    sessions: Sessions = "mirrored"
    nodes: int = 4
    orders: int = 120_000
    customers: int = 5_000


class Place:
    """Everything, running.

    Attributes:
        folder: configurations, logs, pids; removed by whoever made it.
        environ: of every command and node: URLs and passwords are only there.
        admin_password: of admin@shop.example.
    """

    def __init__(self, plan: Plan, folder: Path, pair: Replication, redis: Server, undo: ExitStack) -> None:
        self.plan = plan
        self.folder = folder
        self.pair = pair
        self.redis = redis
        self.admin_password = secrets.token_urlsafe(12)
        self._password = secrets.token_urlsafe(18)
        self._ports = {f"web{number}": ports.lease() for number in range(1, plan.nodes + 1)}
        for port in self._ports.values():
            undo.callback(ports.release, port)
        certificates = make_certificates(folder)
        self.authority = certificates.authority
        both = folder / "shop.pem"
        both.touch(mode=0o600)
        both.write_bytes(certificates.certificate.read_bytes() + certificates.key.read_bytes())
        self.balancer = self._open_balancer(both)
        undo.callback(self.balancer.close)
        self.environ = self._environ()

    @property
    def origin(self) -> str:
        """Where visitors find the shop."""
        return f"https://localhost:{self.balancer.port}"

    @property
    def nodes(self) -> Mapping[str, str]:
        """Address of each node, by name."""
        return {name: f"127.0.0.1:{port}" for name, port in self._ports.items()}

    def start_nodes(self, version: str, *names: str) -> None:
        """Start these nodes, all by default, and wait until the balancer sends them requests."""
        for name in names or self._ports:
            self.node(name, "start", version, self.nodes[name])
        self.wait_until_up(*names)

    def wait_until_up(self, *names: str) -> None:
        """Wait until the balancer sends these nodes requests."""
        wanted = {f"nodes/{name}" for name in names or self._ports}
        end = time.monotonic() + _READY_SECONDS
        while not wanted <= {server for server, state in self.balancer.states().items() if state == "UP"}:
            if time.monotonic() > end:
                raise RuntimeError(f"nodes do not become ready: {self.balancer.states()}\n{self.logs()}")
            time.sleep(0.1)

    def node(self, name: str, *command: str) -> None:
        """Run the shop's own script that starts and stops nodes."""
        environ = {**self.environ, "ZDSESSION_NODE": name}
        done = subprocess.run(
            [str(SHOP / "node"), *command], env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"node {name} {command[0]}: {done.stderr or done.stdout}")

    def logs(self) -> str:
        """The last lines that nodes logged."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-1500:]}" for path in sorted(self.folder.glob("*.log")))

    def run(self, *module: str, version: str = "v2", **more: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module in the checkout of a version."""
        return subprocess.run(
            [sys.executable, "-m", *module],
            cwd=SHOP / version, env={**self.environ, **more}, capture_output=True, text=True,
            timeout=_COMMAND_SECONDS, check=False,
        )  # fmt: skip

    def primary(self) -> Node:
        """The node that is writable now."""
        writable = [node for node in self.pair.nodes if int(node.value("SELECT @@GLOBAL.read_only")) == 0]
        if len(writable) != 1:
            raise RuntimeError(f"{len(writable)} nodes are writable")
        return writable[0]

    def stop_nodes(self) -> None:
        """End every node, whatever state it is in."""
        for name in self._ports:
            with suppress(Exception):
                self.node(name, "stop")

    def _open_balancer(self, certificate: Path) -> HAProxy:
        servers = "\n".join(f"  server {name} {address}" for name, address in self.nodes.items())
        first, second = (str(make_url(node.url()).port) for node in self.pair.nodes)
        config = _BALANCER.replace("CERTIFICATE", str(certificate)).replace("NODES", servers)
        return open_haproxy(config.replace("FIRST", first).replace("SECOND", second))

    def _environ(self) -> dict[str, str]:
        """Passwords are in URLs here, and nowhere on a command line."""
        account = f"mysql+pymysql://shop:{self._password}@127.0.0.1"
        databases = [f"{account}:{make_url(node.url()).port}/shop" for node in self.pair.nodes]
        back = f"{account}:{self.balancer.port_of('sql')}/sessions"
        front = self.redis.url()
        stores = {"mirrored": f"mirrored:{front}|{back}", "redis": front, "sql": back}
        deploy = [make_url(node.url()) for node in self.pair.nodes]
        return {
            **os.environ,
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            "SHOP_RUN": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "SHOP_DATABASES": " ".join(databases),
            "SHOP_ADMIN_PASSWORD": self.admin_password,
            "ZDSESSION_STORE": stores[self.plan.sessions],
            "DEPLOY_PASSWORD_A": str(deploy[0].password),
            "DEPLOY_PASSWORD_B": str(deploy[1].password),
            "REPLICATION_PASSWORD": self.pair.primary.replication_password,
        }

    # --- before the first visitor -----------------------------------------------------------------------------------

    def furnish(self) -> None:
        """Accounts, version 1's tables, goods, and the orders of many years."""
        primary = self.pair.primary
        for database in ("shop", "sessions"):
            primary.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        primary.execute("CREATE USER shop@'%%' IDENTIFIED BY %s", self._password)
        primary.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO shop@'%'")
        primary.execute("GRANT ALL ON sessions.* TO shop@'%'")
        deploy = {"SHOP_DATABASES": f"{make_url(primary.url('shop')).render_as_string(hide_password=False)}"}
        for command in (("alembic", "upgrade", "head"), ("flask", "--app", "shop", "seed")):
            done = self.run(*command, version="v1", **deploy)
            if done.returncode != 0:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        self._remember(primary)
        self.pair.wait_caught_up(300)

    def _remember(self, primary: Node) -> None:
        """Customers and orders of before, made on the server."""
        numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        for statement in (
            "INSERT INTO customer (email, password_hash, name, newsletter) "
            + numbers.format(self.plan.customers)
            + "SELECT CONCAT('old', i, '@shop.example'), '-', CONCAT('Old ', 'Customer ', i), "
            "IF(i MOD 3 = 0, 1, NULL) FROM n",
            *[
                "INSERT INTO orders (order_key, customer_id, status, total, address, payment, placed_at) "
                + numbers.format(min(_BATCH, self.plan.orders - begun))
                + f"SELECT CONCAT('old-', i + {begun}), 2 + i MOD {self.plan.customers - 2}, 'sent', "
                "10 + i MOD 500, 'Main Street', 'card', '2020-01-01' + INTERVAL i HOUR FROM n"
                for begun in range(0, self.plan.orders, _BATCH)
            ],
        ):
            _insert(primary, statement)

    # --- files ------------------------------------------------------------------------------------------------------

    def write_topology(self) -> Path:
        """The topology file: passwords are references."""
        nodes = "\n".join(self._topology_node(node) for node in self.pair.nodes)
        path = self.folder / "topology.toml"
        path.write_text(f"""{nodes}
[replication]
user = "{self.pair.primary.replication_user}"
password = "${{REPLICATION_PASSWORD}}"

[traffic]
kind = "haproxy"
sockets = ["{self.balancer.stats_socket}"]
backend = "sql"

[traffic.fleet]
store = "${{ZDSESSION_STORE}}"
silent = "go on"    # the shop repeats what a freeze aborts
""")
        return path

    def _topology_node(self, node: Node) -> str:
        url = make_url(node.url())
        command = self.folder / f"set-read-only-{node.name}"
        options = node.server._home / "server.cnf"  # where a person would write it
        command.write_text(f"#!/bin/sh\n# {node.name}: what a restart brings back\n{_set_read_only(options)}")
        command.chmod(0o755)
        fixed = f'set_read_only = "{command} {{value}}"\n' if self.plan.flavour == "mariadb" else ""
        return f"""[[node]]
name = "{node.name}"
url = "mysql+pymysql://root:${{DEPLOY_PASSWORD_{node.name.upper()}}}@127.0.0.1:{url.port}/shop"
replication_host = "{node.replication_host}"
replication_port = {node.replication_port}
{fixed}"""

    def write_release(self) -> Path:
        """The release file: what `zdmigrate release` is told."""
        nodes = "\n".join(f'[[node]]\nname = "{name}"\naddress = "{address}"' for name, address in self.nodes.items())
        text = (Path(__file__).parent / "release.toml").read_text()
        for word, value in {
            "@SHOP@": str(SHOP), "@SOCKET@": str(self.balancer.stats_socket), "@NODES@": nodes,
        }.items():  # fmt: skip
            text = text.replace(word, value)
        path = self.folder / "release.toml"
        path.write_text(text)
        return path


def _set_read_only(options: Path) -> str:
    return f"""file='{options}'
grep -v '^read_only' "$file" > "$file.new"
echo "read_only = $1" >> "$file.new"
mv "$file.new" "$file"
"""


def _insert(primary: Node, statement: str) -> None:
    with closing(primary.connect("shop")) as connection, connection.cursor() as cursor:
        limit = "cte_max_recursion_depth" if primary.server.kind == "mysql" else "max_recursive_iterations"
        cursor.execute(f"SET SESSION {limit} = 1000000")
        cursor.execute(statement)


@contextmanager
def open_place(plan: Plan, folder: Path) -> Iterator[Place]:
    """Start the servers, furnish the shop, and end everything afterwards, the nodes included."""
    with ExitStack() as undo:
        arguments: tuple[Any, ...] = ("--innodb-buffer-pool-size=256M",)
        pair = undo.enter_context(open_replicas(plan.flavour, replicas=1, args=arguments))
        redis = open_server("redis")
        undo.callback(redis.close)
        place = Place(plan, folder, pair, redis, undo)
        undo.callback(place.stop_nodes)
        place.furnish()
        yield place
