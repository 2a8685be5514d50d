"""The HTTP check that tells a load balancer who is primary."""

import contextlib
import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.run.conftest import topology_file, topology_of
from tests.servers.haproxy import open_haproxy
from tests.servers.redis import wait_until
from tests.servers.replication import Replication
from zdmigrate.cli import run
from zdmigrate.health_agent import FRESH_SECONDS, HealthServer, Probe, judge
from zdmigrate.run import runs
from zdmigrate.run.policy import Policy
from zdmigrate.run.state import HELD_DELAY, Replica, Writable

FOLLOWS = Replica("10.0.0.1", 3306, "1", io_running=True, sql_running=True, gtid=True, lag=2)


@given(
    st.sampled_from(Writable),
    st.none() | st.builds(Replica, st.just("h"), st.just(1), st.just("1"), st.booleans(), st.booleans(), st.booleans(),
                          st.sampled_from([0, HELD_DELAY]), st.none() | st.integers(0, 100)),
)  # fmt: skip
def test_a_node_is_never_both_and_only_a_writable_head_is_primary(writable: Writable, replica: Replica | None) -> None:
    health = judge("db1", writable, replica, 10)
    assert not (health.primary and health.replica)
    assert health.primary == (writable is Writable.ALL and replica is None)
    if health.replica:
        assert replica is not None
        assert writable is not Writable.ALL
        assert replica.sql_running
        assert not replica.held
        assert replica.lag is not None
        assert replica.lag <= 10
    assert health.reason.startswith("db1 ")


def serve(probe: Probe) -> HealthServer:
    server = HealthServer(("127.0.0.1", 0), probe)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


@pytest.fixture
def agents(any_replication: Replication) -> Iterator[list[HealthServer]]:
    """One for each node."""
    servers = [serve(Probe(node)) for node in topology_of(any_replication).nodes]
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def port_of(server: HealthServer) -> int:
    return int(server.server_address[1])


def get(port: int, path: str = "/", method: str = "GET") -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_primary_and_replica_are_told_apart(any_replication: Replication, agents: list[HealthServer]) -> None:
    a, b = map(port_of, agents)
    wait_until(lambda: get(b, "/replica")[0] == 200, "a replica that knows its lag")
    assert get(a) == (200, "a is writable and follows nobody\n")
    assert [get(a, "/primary")[0], get(a, "/replica")[0]] == [200, 503]
    assert get(b)[0] == 503
    assert get(a, "/other")[0] == 404
    assert get(a, "/primary/?x=1", method="HEAD") == (200, "")
    assert get(a, "/", method="OPTIONS")[0] == 200
    assert get(a, "/", method="POST")[0] == 501


def test_a_frozen_primary_is_no_primary(any_replication: Replication, agents: list[HealthServer]) -> None:
    port = port_of(agents[0])
    assert get(port)[0] == 200
    any_replication.primary.execute("SET GLOBAL read_only = ON")
    time.sleep(FRESH_SECONDS + 0.05)
    assert get(port)[0] == 503


def test_a_node_that_hangs_or_is_gone(any_replication: Replication, agents: list[HealthServer]) -> None:
    port = port_of(agents[0])
    server = any_replication.primary.server
    assert get(port)[0] == 200
    server.pause()
    try:
        time.sleep(FRESH_SECONDS + 0.05)
        began = time.monotonic()
        status, said = get(port)
        assert status == 503
        assert "did not answer" in said
        assert time.monotonic() - began < 15
    finally:
        server.resume()
    wait_until(lambda: get(port)[0] == 200, "the node to be back")
    server.kill()
    wait_until(lambda: get(port)[0] == 503, "the node to be gone")


def test_the_node_is_asked_four_times_a_second_at_most(mariadb_replication: Replication) -> None:
    probe = Probe(topology_of(mariadb_replication).nodes[0])
    server = serve(probe)
    count = "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'QUESTIONS'"
    try:
        get(port_of(server))
        began, before = time.monotonic(), int(mariadb_replication.primary.value(count))
        for _ in range(100):
            assert get(port_of(server))[0] == 200
        asked = int(mariadb_replication.primary.value(count)) - before
        assert asked <= 3 * ((time.monotonic() - began) / FRESH_SECONDS + 2) + 20
    finally:
        server.shutdown()
        server.server_close()


def test_clients_that_say_nothing_do_not_use_it_up(mariadb_replication: Replication) -> None:
    server = serve(Probe(topology_of(mariadb_replication).nodes[0]))
    silent = [socket.create_connection(("127.0.0.1", port_of(server))) for _ in range(40)]
    try:
        wait_until(lambda: _status(port_of(server)) == 200, "places that are free again")
    finally:
        for connection in silent:
            connection.close()
        server.shutdown()
        server.server_close()


def _status(port: int) -> int:
    try:
        return get(port)[0]
    except (OSError, http.client.HTTPException):
        return 0


CONFIG = """
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend mysql
  bind 127.0.0.1:{{port}}
  default_backend nodes
backend nodes
  option httpchk GET /primary
  default-server inter 100ms fall 2 rise 1 on-marked-down shutdown-sessions
  server a 127.0.0.1:{a} check port {agent_a}
  server b 127.0.0.1:{b} check port {agent_b}
"""


def test_haproxy_follows_the_primary_by_it(
    mariadb_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    pair = mariadb_replication
    servers = [serve(Probe(node)) for node in topology_of(pair).nodes]
    a, b = (node.server.port for node in pair.nodes)
    proxy = open_haproxy(CONFIG.format(a=a, b=b, agent_a=port_of(servers[0]), agent_b=port_of(servers[1])))
    try:
        wait_until(lambda: proxy.states() == {"nodes/a": "UP", "nodes/b": "DOWN"}, "HAProxy to see that a is primary")
        runs.switch(topology_of(pair), "b", Policy())
        wait_until(lambda: proxy.states() == {"nodes/a": "DOWN", "nodes/b": "UP"}, "HAProxy to see that b is primary")
    finally:
        proxy.close()
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_and_stops(
    mariadb_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    topology = topology_file(mariadb_replication, tmp_path, monkeypatch)
    command = [sys.executable, "-m", "zdmigrate", "health-agent", "--topology", str(topology), "--node", "a",
               "--listen", "127.0.0.1:0"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        assert agent.stderr is not None
        try:
            said = agent.stdout.readline()
            assert said.startswith("health of a on http://127.0.0.1:"), agent.stderr.read()
            assert get(int(said.partition("1:")[2].partition("/")[0]))[0] == 200
            agent.send_signal(how)
            assert agent.wait(20) == 0
            assert agent.stderr.read() == ""
        finally:
            agent.kill()


def test_what_the_command_refuses(
    mariadb_replication: Replication,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    topology = str(topology_file(mariadb_replication, tmp_path, monkeypatch))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for arguments, said in (
            (["--node", "c"], "no node 'c'"),
            (["--node", "a", "--listen", "9200x"], "write HOST:PORT"),
            (["--node", "a", "--listen", f"127.0.0.1:{taken.getsockname()[1]}"], "in use"),
        ):
            assert run(["health-agent", "--topology", topology, *arguments]) == 2
            assert said in capsys.readouterr().err
