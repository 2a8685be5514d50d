"""Real HAProxy in front of a real pair: clients on one fixed address, the primary moves behind it."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest

from tests.run.conftest import topology_of
from tests.run.ledger import PASSWORD, TABLE, Ledger
from tests.servers.haproxy import HAProxy, open_haproxy
from tests.servers.replication import Replication
from zdmigrate.run import runs
from zdmigrate.run.errors import AbortedError
from zdmigrate.run.policy import Policy
from zdmigrate.run.topology import Topology, Traffic
from zdmigrate.run.traffic import open_traffic
from zdmigrate.run.traffic.options import TrafficError

CONFIG = """
defaults
  mode tcp
  timeout connect 2s
  timeout queue 30s
  timeout client 60s
  timeout server 60s
frontend mysql
  bind 127.0.0.1:{{port}}
  default_backend nodes
backend nodes
  server a 127.0.0.1:{a} maxconn 77
  server second 127.0.0.1:{b} disabled
"""


@pytest.fixture
def pair(mariadb_replication: Replication) -> Replication:
    return mariadb_replication


@pytest.fixture
def proxies(pair: Replication) -> Iterator[list[HAProxy]]:
    """Two processes, as in front of two app servers."""
    a, b = (node.server.port for node in pair.nodes)
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(contextlib.closing(open_haproxy(CONFIG.format(a=a, b=b)))) for _ in range(2)]


def steered(pair: Replication, proxies: list[HAProxy], **options: object) -> Topology:
    table = {
        "sockets": [str(proxy.stats_socket) for proxy in proxies],
        "backend": "nodes",
        "servers": {"b": "second"},
        **options,
    }
    return replace(topology_of(pair), traffic=Traffic("haproxy", table))


def limits(proxy: HAProxy) -> list[str]:
    """The limits of both servers."""
    rows = [line.split(",") for line in proxy.command("show stat").removeprefix("# ").splitlines() if line]
    return [row[rows[0].index("slim")] for row in rows if row[:2] in (["nodes", "a"], ["nodes", "second"])]


def test_check_changes_nothing(pair: Replication, proxies: list[HAProxy]) -> None:
    assert open_traffic(steered(pair, proxies)).check() == "2 haproxy process(es) answer"
    assert [limits(proxy) for proxy in proxies] == [["77", ""]] * 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backend": "other"}, "has no backend other; it has nodes"),
        ({"servers": {}}, "has no server b"),
        ({"sockets": ["/nowhere/stats"]}, "No such file"),
        ({"sockets": ["127.0.0.1:1"]}, "refused"),
    ],
)
def test_check_says_what_is_wrong(
    pair: Replication, proxies: list[HAProxy], options: dict[str, object], said: str
) -> None:
    with pytest.raises(TrafficError, match=said):
        open_traffic(steered(pair, proxies, **options)).check()


def test_a_socket_without_the_right_is_named(pair: Replication, proxies: list[HAProxy], tmp_path: Path) -> None:
    socket = tmp_path / "user"
    proxies[0].reload(CONFIG.format(a=1, b=2) + f"\nglobal\n  stats socket unix@{socket} level operator\n")
    with pytest.raises(TrafficError, match="level 'operator'; write `level admin`"):
        open_traffic(steered(pair, proxies, sockets=[str(socket)])).check()


def test_what_is_held_waits_and_is_let_in(pair: Replication, proxies: list[HAProxy]) -> None:
    with_table(pair)
    steer = open_traffic(steered(pair, proxies))
    busy = connect(proxies[0])  # has the one place that is left
    steer.hold()
    steer.hold()
    answers: list[int] = []
    clients = [threading.Thread(target=lambda: answers.append(port_behind(proxies[0]))) for _ in range(5)]
    for client in clients:
        client.start()
    time.sleep(0.3)
    assert answers == []
    steer.flip(topology_of(pair).node("b"))
    steer.release()
    for client in clients:
        client.join()
    with pytest.raises(pymysql.MySQLError):
        busy.ping(reconnect=False)
    assert answers == [pair.replica.server.port] * 5
    assert [limits(proxy) for proxy in proxies] == [["77", ""]] * 2
    assert proxies[1].states() == {"nodes/a": "MAINT", "nodes/second": "no check"}


def test_another_process_can_release_what_a_dead_one_held(pair: Replication, proxies: list[HAProxy]) -> None:
    open_traffic(steered(pair, proxies)).hold()
    assert [limits(proxy)[0] for proxy in proxies] == ["1", "1"]
    open_traffic(steered(pair, proxies[:1], maxconn=50)).release()
    open_traffic(steered(pair, proxies)).release()
    assert [limits(proxy)[0] for proxy in proxies] == ["50", ""]
    open_traffic(steered(pair, proxies, maxconn=5)).release()  # nothing is held: nobody's limit is touched
    assert [limits(proxy)[0] for proxy in proxies] == ["50", ""]


def connect(proxy: HAProxy) -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(host="127.0.0.1", port=proxy.port, user="ledger", password=PASSWORD)


def port_behind(proxy: HAProxy) -> int:
    with contextlib.closing(connect(proxy)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@port")
        row = cursor.fetchone()
        assert row
        return int(row[0])


class Clients:
    """An app behind the proxies: a connection for each transaction, and never another address."""

    def __init__(self, proxies: list[HAProxy]) -> None:
        self.acknowledged: list[int] = []
        self.errors: list[Exception] = []
        self.longest = 0.0
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._write, args=(proxy.port, 10**6 * (n + 1)))
            for n, proxy in enumerate(proxies * 2)
        ]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        self.wait_for(20)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        wanted, end = len(self.acknowledged) + more, time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < end, f"the clients do not get on: {self.errors[-3:]}"
            time.sleep(0.01)

    def _insert(self, port: int, token: int) -> None:
        connection = pymysql.connect(
            host="127.0.0.1", port=port, user="ledger", password=PASSWORD, autocommit=True, connect_timeout=30
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {TABLE} VALUES (%s, 'x')", (token,))

    def _write(self, port: int, token: int) -> None:
        last = time.monotonic()
        while not self._stop.is_set():
            token += 1
            try:
                self._insert(port, token)
            except (pymysql.MySQLError, OSError) as error:
                self.errors.append(error)
                continue
            self.acknowledged.append(token)
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now
            time.sleep(0.002)


def with_table(pair: Replication) -> None:
    with Ledger(pair.nodes, writers=0):
        pass


def test_clients_on_one_address_go_through_a_switchover(pair: Replication, proxies: list[HAProxy]) -> None:
    with_table(pair)
    with Clients(proxies) as clients:
        for to in ("b", "a"):
            runs.switch(steered(pair, proxies), to, Policy())
            clients.wait_for(40)
    pair.wait_caught_up()
    errors = [error.args[0] for error in clients.errors]
    print(f"longest gap {clients.longest * 1000:.0f} ms, {len(clients.acknowledged)} writes, errors {errors}")
    for node in pair.nodes:
        assert set(clients.acknowledged) <= {row[0] for row in node.execute(f"SELECT token FROM {TABLE}")}
    # Only what was on the old primary at the freeze, and the one connection a process lets in, is refused or cut.
    assert set(errors) <= {1290, 2013}
    assert clients.longest < 15
    assert [limits(proxy) for proxy in proxies] == [["77", ""]] * 2


def stopped_at(wanted: str) -> Callable[[str], None]:
    def before(step: str) -> None:
        if step == wanted:
            raise KeyboardInterrupt

    return before


def test_a_run_that_is_given_up_lets_clients_in_again(pair: Replication, proxies: list[HAProxy]) -> None:
    with_table(pair)
    with Clients(proxies) as clients:
        with pytest.raises(AbortedError):
            runs.switch(steered(pair, proxies), "b", Policy(), before=stopped_at("promote"))
        clients.wait_for(20)
    assert [limits(proxy) for proxy in proxies] == [["77", ""]] * 2
    assert proxies[0].states() == {"nodes/a": "no check", "nodes/second": "MAINT"}


def test_no_freeze_without_steering(pair: Replication, proxies: list[HAProxy]) -> None:
    topology = steered(pair, proxies)
    proxies[1].close()
    steps: list[str] = []
    with pytest.raises(AbortedError, match="did not answer"):
        runs.switch(topology, "b", Policy(), before=steps.append)
    assert "freeze" not in steps
    assert limits(proxies[0]) == ["77", ""]
