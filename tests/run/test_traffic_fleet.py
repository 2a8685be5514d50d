"""The fleet as who steers: what it asks, whom it names; and switchovers that abort no transaction of real apps.

The apps (`hold_app.py`) never retry: whatever is aborted is an error, and fails the test.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.run.conftest import topology_file, topology_of
from tests.run.hold_app import TOKENS, Apps, app_url, first_token, session_of, with_shop
from tests.run.test_switchover import killed_at
from tests.servers.haproxy import open_haproxy
from tests.servers.replication import Replication
from zdmigrate.errors import UsageError
from zdmigrate.run import runs
from zdmigrate.run.errors import AbortedError
from zdmigrate.run.policy import Policy
from zdmigrate.run.topology import Account, Node, Topology, Traffic, read_topology
from zdmigrate.run.traffic import Together, open_traffic
from zdmigrate.run.traffic.fleet import FleetTraffic
from zdmigrate.run.traffic.options import TrafficError
from zdsession import SessionManager, open_store
from zdsession.clock import now_ms
from zdsession.fleet import FleetMember, HoldOrder, Registry
from zdsession.fleet.model import Process, State

NODES = tuple(
    Node(name, make_url(f"mysql+pymysql://admin:secret@{name}:3306/shop"), name, 3306) for name in ("db1", "db2")
)
#: For tests in which the server's flavour plays no part.
one_flavour = pytest.mark.parametrize("any_replication", ["mariadb"], indirect=True)


def fleet(store: str, **options: Any) -> Traffic:
    return Traffic("fleet", {"store": store, **options})


#: On a machine that is busy with other tests everything takes its time.
PATIENT = {"wait": 30, "lease": 60}


def steering(store: str, **options: Any) -> FleetTraffic:
    return FleetTraffic(Topology(NODES, Account("repl", "secret"), fleet(store, **options)))


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"no {what} within {seconds} s"
        time.sleep(0.01)


# --- the table


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "has no store"),
        ({"store": "memory://"}, "known to one process only"),
        ({"store": "redis+nothing://x"}, "store:"),
        ({"store": "postgresql://app:secret@db/x"}, "no store for postgresql://db/x"),
        ({"store": "redis://x", "wait": 0}, "wait = 0"),
        ({"store": "redis://x", "wait": 10, "lease": 12}, "longer than wait = 10 by 5 seconds"),
        ({"store": "redis://x", "silent": "maybe"}, 'write "give up" or "go on"'),
        ({"store": "redis://x", "fleet": {}}, "unknown key 'fleet'"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=r"topology\.toml: \[traffic\]") as caught:
        open_traffic(Topology(NODES, Account("repl", "secret"), Traffic("fleet", options)))
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_fleet_stands_beside_another_kind(tmp_path: Path) -> None:
    text = """
        [[node]]
        name = "db1"
        url = "mysql+pymysql://admin:${PASSWORD}@db1/shop"
        [replication]
        user = "repl"
        password = "${PASSWORD}"
        [traffic]
        kind = "command"
        command = ["true"]
        [traffic.fleet]
        store = "${STORE}"
        wait = 2
    """
    path = tmp_path / "topology.toml"
    path.write_text(text)
    topology = read_topology(path, {"PASSWORD": "secret", "STORE": "redis://10.0.0.9:6379/0"})
    assert isinstance(open_traffic(topology), Together)
    assert topology.traffic.options["fleet"]["store"] == "redis://10.0.0.9:6379/0"
    with pytest.raises(UsageError, match=r"write \[traffic\.fleet\]"):
        open_traffic(replace(topology, traffic=Traffic("none", {"fleet": "redis://x"})))
    with pytest.raises(UsageError, match="has no store"):
        open_traffic(replace(topology, traffic=Traffic("none", {"fleet": {}})))


class Told:
    """Somebody who steers, and writes down what is asked."""

    def __init__(self, name: str, told: list[str], fails: str = "") -> None:
        self._name, self._told, self._fails = name, told, fails

    def _ask(self, what: str) -> str:
        self._told.append(f"{self._name} {what}")
        if what == self._fails:
            raise TrafficError(self._name, "no")
        return what

    def check(self) -> str:
        return self._ask("check")

    def hold(self) -> str:
        return self._ask("hold")

    def flip(self, primary: Node) -> str:
        return self._ask("flip")

    def release(self) -> str:
        return self._ask("release")


def test_two_that_steer_are_asked_in_order_and_both_are_released() -> None:
    told: list[str] = []
    both = Together(Told("fleet", told), Told("proxy", told))
    assert (both.check(), both.hold()) == ("check; check", "hold; hold")
    both.flip(NODES[0])
    both.release()
    assert told == [f"{who} {what}" for what, order in (("check", "fp"), ("hold", "fp"), ("flip", "pf"),
                    ("release", "pf")) for who in ("fleet" if one == "f" else "proxy" for one in order)]  # fmt: skip
    told.clear()
    with pytest.raises(TrafficError):
        Together(Told("fleet", told), Told("proxy", told, fails="release")).release()
    assert told == ["proxy release", "fleet release"]


# --- what it asks of processes


class Engine:
    """Lets no transaction through, but could."""

    def closed(self) -> None:
        """See `Held`."""

    def opening(self) -> None:
        """See `Held`."""


@pytest.fixture
def registry(redis_url: str) -> Iterator[Registry]:
    store = open_store(redis_url)
    yield Registry(store)
    store.close()


@pytest.fixture
def join(redis_url: str) -> Iterator[Callable[..., FleetMember]]:
    """Members that listen, in threads of this process."""
    made: list[FleetMember] = []

    def make(node: str, *, holds: bool = True, **options: Any) -> FleetMember:
        member = FleetMember(SessionManager(redis_url), version="1.0", node=node, heartbeat=0.1, **options)
        if holds:
            member.gate.attach(Engine())
        member.start(wait=30)
        made.append(member)
        return member

    yield make
    for member in made:
        member.close()
        member.sessions.store.close()


def test_all_hold_then_all_go_on(redis_url: str, registry: Registry, join: Callable[..., FleetMember]) -> None:
    members = [join("web1"), join("web1"), join("web2")]
    steer = steering(redis_url)
    assert steer.check() == "3 processes of the fleet can hold"
    assert [node.hold for node in registry.nodes()] == [None, None], "a check changes nothing"
    assert steer.hold() == "3 processes of the fleet hold"
    assert all(member.gate.is_closed for member in members)
    assert "db2" in steer.flip(NODES[1])
    assert steer.release() == "2 nodes of the fleet go on"
    until(lambda: not any(member.gate.is_closed for member in members), "release")
    assert steer.release() == "nobody in the fleet is held"


def test_a_process_that_joins_meanwhile_is_asked_too(redis_url: str, join: Callable[..., FleetMember]) -> None:
    first = join("web1")
    first.gate.enter("running", 0)
    said: list[str] = []
    steer = steering(redis_url, wait=30)
    tool = threading.Thread(target=lambda: said.append(steer.hold()))
    tool.start()
    until(lambda: first.gate.is_closed, "hold")
    second = join("web2")
    until(lambda: second.gate.is_closed, "hold of the second")
    first.gate.leave("running")
    tool.join(30)
    assert said == ["2 processes of the fleet hold"]
    steer.release()


def test_a_transaction_that_does_not_end_is_named(redis_url: str, join: Callable[..., FleetMember]) -> None:
    member = join("web1")
    member.gate.enter("endless", 0)
    steer = steering(redis_url, wait=0.3)
    with pytest.raises(TrafficError, match=r"web1 process \d+ has 1 transaction running, for \d.*silent = \"go on\""):
        steer.hold()
    steer.release()
    until(lambda: not member.gate.is_closed, "release")
    on = steering(redis_url, wait=0.3, silent="go on")
    assert "1 process of the fleet hold, but: web1 process" in on.hold()
    on.release()


def enlist_deaf(registry: Registry) -> None:
    """A process that seems to be alive, for a minute, and reads nothing."""
    beat = now_ms()
    deaf = Process("x", 4711, "h", "1.0", State.READY, beat, beat, 12_000, holds=True)
    registry.enlist("web2")
    registry.beat("web2", deaf, lambda other: False)


def test_nobody_is_delayed_when_somebody_does_not_even_hear_of_it(
    redis_url: str, registry: Registry, join: Callable[..., FleetMember], monkeypatch: pytest.MonkeyPatch
) -> None:
    member = join("web1")
    enlist_deaf(registry)
    closed: list[bool] = []
    member.gate.attach(type("Closed", (Engine,), {"closed": lambda self: closed.append(True)})())
    steer = steering(redis_url)
    monkeypatch.setattr(FleetTraffic, "_hearing", lambda self, registry: 0.5)
    with pytest.raises(TrafficError, match="web2 process 4711 did not answer"):
        steer.hold()
    steer.release()
    assert closed == []


@pytest.mark.parametrize(
    ("seconds_ago", "holds", "said"),
    [
        (None, False, "no process has registered there"),
        (0, False, "web2 process 7 cannot hold: no engine"),
        (3600, True, "if it has ended: zdsession forget web2"),
    ],
)
def test_who_cannot_hold_is_told_before_anything_happens(
    redis_url: str, registry: Registry, seconds_ago: int | None, holds: bool, said: str
) -> None:
    if seconds_ago is not None:
        beat = now_ms() - seconds_ago * 1000
        process = Process("x", 7, "h", "1", State.READY, beat, beat, 12_000, holds=holds)
        registry.enlist("web2")
        registry.beat("web2", process, lambda other: False)
    with pytest.raises(TrafficError, match="not every process can hold") as caught:
        steering(redis_url).check()
    assert said in str(caught.value)
    assert said in steering(redis_url, silent="go on").check()


def test_a_store_that_is_out_is_no_steering(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_STORE_SECONDS", "_RELEASE_SECONDS"):
        monkeypatch.setattr(f"zdmigrate.run.traffic.fleet.{name}", 0.2)
    nobody = make_url(redis_url).set(port=1).render_as_string(hide_password=False)
    steer = steering(nobody)
    for ask in (steer.check, steer.hold):
        with pytest.raises(TrafficError, match="fleet in redis://"):
            ask()
    assert "cannot be told" in steer.release()


def test_a_store_without_its_table_is_told_and_gets_none(any_sql_url: str) -> None:
    with pytest.raises(TrafficError, match="zdsession"):
        steering(any_sql_url).check()


# --- switchovers


@pytest.fixture
def pair(any_replication: Replication) -> Replication:
    return with_shop(any_replication)


@pytest.mark.parametrize("any_replication", ["mysql"], indirect=True)  # the next test is MariaDB's
def test_a_switchover_aborts_no_transaction(pair: Replication, redis_url: str) -> None:
    topology = replace(topology_of(pair), traffic=fleet(redis_url, **PATIENT))
    with Apps(pair, redis_url) as apps:
        runs.switch(topology, "b", Policy())
        apps.wait_for(60)
    assert apps.errors == []
    pair.wait_caught_up(source=pair.nodes[1])
    apps.check(pair.nodes)


HAPROXY = """
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
  server a 127.0.0.1:{a}
  server b 127.0.0.1:{b} disabled
"""


@one_flavour
def test_the_fleet_may_live_in_the_server_that_is_frozen(pair: Replication) -> None:
    """Sessions, and with them the orders, in a table of the primary, reached through HAProxy."""
    a, b = (node.server.port for node in pair.nodes)
    with contextlib.closing(open_haproxy(HAPROXY.format(a=a, b=b))) as proxy:
        store = make_url(app_url(pair.primary)).set(port=proxy.port).render_as_string(hide_password=False)
        table = {"sockets": [str(proxy.stats_socket)], "backend": "nodes", "fleet": {"store": store, **PATIENT}}
        topology = replace(topology_of(pair), traffic=Traffic("haproxy", table))
        with Apps(pair, store, styles=("visits", "kept", "statements")) as apps:
            runs.switch(topology, "b", Policy())
            after = now_ms()
            apps.wait_for(60)
            sessions = open_store(store, auto_schema=False, janitor=False)
            until(lambda: oldest_beat(Registry(sessions)) > after, "heartbeat on the new primary")
        for number, node in enumerate(apps.nodes):
            session = sessions.load(session_of(node))
            assert session is not None
            visits = range(first_token(number), first_token(number) + TOKENS)
            last = max(token for token in apps.acknowledged if token in visits)
            assert session.values == {"last": str(last).encode()}
        sessions.close()
    assert apps.errors == []
    pair.wait_caught_up(source=pair.nodes[1])
    apps.check(pair.nodes)


def oldest_beat(registry: Registry) -> int:
    """When the process that was silent for longest was heard of."""
    return min(process.beat for node in registry.nodes() for process in node.processes)


@one_flavour
def test_a_process_that_never_answers_keeps_the_primary_where_it_is(
    pair: Replication, redis_url: str, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FleetTraffic, "_hearing", lambda self, registry: 1.0)
    topology = replace(topology_of(pair), traffic=fleet(redis_url, **PATIENT))
    with Apps(pair, redis_url, nodes=("web1",), styles=("begin",)) as apps:
        enlist_deaf(registry)
        with pytest.raises(AbortedError, match=r"a serves as before.*web2 process 4711 did not answer"):
            runs.switch(topology, "b", Policy())
        apps.wait_for(20)
    assert apps.errors == []
    assert [node.hold for node in registry.nodes()] == [None, None], "the others were released"
    apps.check([pair.primary])


@one_flavour
def test_apps_go_on_when_the_tool_is_killed_while_they_hold(
    pair: Replication, redis_url: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its watchdog lets them in; and where that is gone too, each process's own lease does."""
    path = topology_file(pair, tmp_path, monkeypatch)
    table = f'\n[traffic]\nkind = "fleet"\nstore = "{redis_url}"\nwait = 30\nlease = 300\n'
    path.write_text(path.read_text() + table)
    with Apps(pair, redis_url, styles=("begin", "kept")) as apps:
        tool = killed_at(path, "arm")  # all hold, and nothing is frozen yet
        assert tool.wait(60) == -signal.SIGKILL
        apps.wait_for(60)
        until(lambda: [node.hold for node in registry.nodes()] == [None, None], "release by the watchdog")
        for node in ("web1", "web2"):
            registry.order_hold(node, HoldOrder("of a tool that died", 2_000, now_ms(), obey=True))
        until(lambda: stages(registry) == {"over"}, "end of the lease")
        apps.wait_for(60)
    assert apps.errors == []
    apps.check([pair.primary])


def stages(registry: Registry) -> set[str]:
    """What the processes made of an order."""
    answers = [process.hold for node in registry.nodes() for process in node.processes]
    return {"" if answer is None else answer.stage for answer in answers}


@pytest.mark.soak
def test_fifty_switchovers_abort_no_transaction(pair: Replication, redis_url: str) -> None:
    topology = replace(topology_of(pair), traffic=fleet(redis_url, **PATIENT))
    blocked: list[float] = []
    began = time.monotonic()
    with Apps(pair, redis_url, options={"pause": 0.002}) as apps:
        try:
            for number in range(50):
                blocked.append(runs.switch(topology, "ba"[number % 2], Policy(max_lag=60)).blocked_ms)
                apps.wait_for(60, seconds=120)
        finally:
            print(_figures(pair, apps, blocked, time.monotonic() - began))
    assert apps.errors == []
    pair.wait_caught_up()
    apps.check(pair.nodes)


@pytest.mark.soak
def test_without_holding_the_same_app_does_notice(pair: Replication, redis_url: str) -> None:
    """So that the tests above are known to be able to fail."""
    blocked: list[float] = []
    began = time.monotonic()
    with Apps(pair, redis_url, options={"pause": 0.002, "holds": False}) as apps:
        for number in range(10):
            blocked.append(runs.switch(topology_of(pair), "ba"[number % 2], Policy(max_lag=60)).blocked_ms)
            until(apps.is_busy, "transaction after the switchover")
    print(_figures(pair, apps, blocked, time.monotonic() - began))
    assert apps.errors


def _figures(pair: Replication, apps: Apps, blocked: list[float], seconds: float) -> str:
    ordered = sorted(blocked) or [0.0]
    return (
        f"\n{pair.primary.server.kind}: {len(blocked)} switchovers, {len(apps.acknowledged)} transactions in "
        f"{seconds:.0f} s, {len(apps.errors)} aborted {apps.errors[:3]}; writes blocked "
        f"{ordered[len(ordered) // 2]:.0f} ms (median), {ordered[-1]:.0f} ms (longest); longest gap of a thread "
        f"{apps.longest * 1000:.0f} ms; load average {os.getloadavg()[1]:.0f}"
    )
