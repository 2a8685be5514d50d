"""A process in the fleet: what it tells, what it obeys, when it is ready, and what its middleware does meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.zdsession.helpers import Browser, Spy
from zdsession import ConfigurationError, SessionManager, SessionMiddleware
from zdsession.clock import now_ms
from zdsession.fleet import (
    Barrier,
    DrainOrder,
    FleetMember,
    FleetMiddleware,
    Gone,
    Process,
    Registry,
    State,
    may_contract,
    read_fleet,
)
from zdsession.fleet import process as processes
from zdsession.fleet.evidence import still_mapped
from zdsession.fleet.model import not_drained_yet
from zdsession.manifest import Manifest, MappedColumn, MappedTable
from zdsession.stores.memory import MemoryStore

DEADLINE = 60.0
ORDER = DrainOrder("o1", 0, 0)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < limit, f"no {what} within {DEADLINE} s"
        time.sleep(0.01)


def manifest(version: str = "1.0", **tables: str) -> Manifest:
    mapped = {
        name: MappedTable({column: MappedColumn("INT") for column in columns.split()})
        for name, columns in tables.items()
    }
    return Manifest(version, ("head",), mapped)


@pytest.fixture
def spy() -> Spy:
    return Spy(MemoryStore())


@pytest.fixture
def registry(spy: Spy) -> Registry:
    return Registry(spy.store)


@pytest.fixture
def make(spy: Spy) -> Iterator[Callable[..., FleetMember]]:
    """Members on one store, that say goodbye after the test."""
    made: list[FleetMember] = []

    def make_member(node: str = "a", **options: Any) -> FleetMember:
        sessions = SessionManager(spy, circuit_cooldown=0.01)
        values = {"version": "1.0", "heartbeat": 0.02, **options}
        made.append(FleetMember(sessions, node=node, **values))
        return made[-1]

    yield make_member
    spy.out = False
    for member in made:
        member.close()


Make = Callable[..., FleetMember]


def only(registry: Registry, node: str = "a") -> Process:
    """The one process of a node."""
    found = registry.node(node)
    assert found is not None
    (process,) = found.processes
    return process


# registering


def test_registers_beats_and_says_goodbye(make: Make, registry: Registry) -> None:
    mine = manifest(users="id")
    member = make(manifest=mine)
    assert registry.nodes() == [], "nothing before the first request or health check"
    assert member.why_unready(DEADLINE) == []
    first = only(registry)
    assert (first.version, first.heads, first.manifest, first.pid) == ("1.0", ("head",), mine.digest, os.getpid())
    until(lambda: only(registry).state is State.READY, "ready entry")
    until(lambda: only(registry).beat > first.beat, "second heartbeat")
    assert registry.manifest(mine.digest) == mine
    member.close()
    assert [node.state(0) for node in registry.nodes()] == [State.GONE]


def test_a_request_does_not_wait_for_the_store(make: Make, spy: Spy) -> None:
    member = make()
    member.start()
    until(lambda: spy.calls, "heartbeat")
    member.close()
    spy.taken()
    pages = FleetMiddleware(_hello, member)
    member._beating.start = lambda: None  # type: ignore[method-assign]
    assert Browser(pages).get().body == b"hello"
    assert spy.taken() == []


def test_an_outage_is_outlasted(make: Make, spy: Spy, registry: Registry) -> None:
    member = make(patience=0.3)
    assert member.why_unready(DEADLINE) == []
    spy.out = True
    until(lambda: "has not answered" in " ".join(member.why_unready()), "notice of the outage")
    before = only(registry)
    spy.out = False
    until(lambda: member.why_unready() == [], "recovery")
    assert only(registry).id == before.id


def test_it_starts_in_an_outage(make: Make, spy: Spy, registry: Registry) -> None:
    spy.out = True
    member = make()
    assert member.why_unready(DEADLINE) == ["not registered in the session store yet"]
    spy.out = False
    until(lambda: member.why_unready() == [], "registration")


def test_a_store_that_forgot_everything_learns_it_again(
    make: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zdsession.fleet.member._ENLIST_SECONDS", 0.05)
    mine = manifest(t="a")
    member = make(manifest=mine)
    member.why_unready(DEADLINE)
    store: Any = registry._store
    store._records.clear()
    until(lambda: any(node.processes for node in registry.nodes()), "new registration")
    until(lambda: registry.manifest(mine.digest), "manifest")
    until(lambda: only(registry).state is State.READY, "ready again")


def test_who_was_forgotten_and_lives_comes_back_at_once(
    make: Make, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zdsession.fleet.member._ENLIST_SECONDS", 10.0)
    member = make()
    member.why_unready(DEADLINE)
    until(lambda: only(registry).state is State.READY, "ready entry")
    registry.forget("a")
    until(lambda: any(node.processes for node in registry.nodes()), "return")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"node": "a b"}, "a node is named"),
        ({"version": ""}, "a version has"),
        ({"database": "sqlite:///x.db"}, "without a manifest"),
    ],
)
def test_bad_options(make: Make, options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make(**options)


def test_the_name_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZDSESSION_NODE", "web-7")
    assert FleetMember(SessionManager("memory://"), version="1").node == "web-7"
    monkeypatch.delenv("ZDSESSION_NODE")
    assert FleetMember(SessionManager("memory://"), version="1").node


# ready


def test_a_node_deployed_too_early_is_not_ready(make: Make, registry: Registry, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE users (id INTEGER)")
    member = make(manifest=manifest(users="id nick"), database=url)
    assert member.why_unready(DEADLINE) == ["the database lacks users.nick"]
    until(lambda: only(registry).waiting_for == ("the database lacks users.nick",), "reason in the list")
    assert only(registry).state is State.STARTING
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users ADD COLUMN nick INTEGER")
    until(lambda: member.why_unready() == [], "readiness after the expand")
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE users")
    member.why_unready()
    beat = only(registry).beat
    until(lambda: only(registry).beat > beat, "heartbeat")
    assert member.why_unready() == [], "checked until true once"
    engine.dispose()


def test_a_database_that_cannot_be_asked(make: Make) -> None:
    member = make(manifest=manifest(users="id"), database="mysql+pymysql://u:hush@127.0.0.1:1/d")
    assert member.why_unready(DEADLINE) == ["the database cannot be asked (OperationalError)"]


def test_a_barrier_keeps_old_code_that_starts_later_out(make: Make, registry: Registry) -> None:
    early = make("early", manifest=manifest(users="id nick"))
    assert early.why_unready(DEADLINE) == []
    registry.raise_barrier(Barrier("ab12", (Gone("users", "nick"),), 0))
    late, new = make("late", manifest=manifest(users="id nick")), make("new", manifest=manifest("2.0", users="id"))
    assert late.why_unready(DEADLINE) == ["version 1.0 maps users.nick, which ab12 removes"]
    assert new.why_unready(DEADLINE) == []
    assert early.why_unready() == [], "who puts it up sees this one in the list"
    registry.lift_barrier("ab12")
    until(lambda: late.why_unready() == [], "readiness without the barrier")


# drain


def test_orders_are_obeyed_and_undone(make: Make, registry: Registry) -> None:
    member = make()
    member.why_unready(DEADLINE)
    registry.order_drain("a", DrainOrder("o1", 0, 0, "defer", 7))
    until(lambda: only(registry).order == "o1", "obedience")
    assert member.why_unready() == ["draining"]
    assert only(registry).state is State.DRAINING
    assert (bool(member.sessions.draining), member.sessions.draining.defer_new) == (True, 7)
    registry.end_drain("a")
    until(lambda: member.why_unready() == [], "return")
    assert member.sessions.draining.defer_new is None
    until(lambda: only(registry).state is State.READY, "entry of the return")


def test_a_node_started_anew_is_not_drained_by_an_old_order(make: Make, registry: Registry) -> None:
    make().why_unready(DEADLINE)
    registry.order_drain("a", ORDER)
    until(lambda: only(registry).order == "o1", "obedience")
    registry.beat("a", _other("killed", machine="another"), lambda other: True)  # the first process vanishes
    again = make()
    assert again.why_unready(DEADLINE) == []
    worker = make()  # of the same parent as the one that knows better
    assert worker.why_unready(DEADLINE) == []


def test_a_new_worker_of_a_draining_node_drains(make: Make, registry: Registry) -> None:
    make().why_unready(DEADLINE)
    registry.order_drain("a", ORDER)
    until(lambda: only(registry).order == "o1", "obedience")
    worker = make()
    assert worker.why_unready(DEADLINE) == ["draining"]


def _other(name: str, **fields: Any) -> Process:
    values = {"pid": 1, "host": "h", "version": "1.0", "state": State.READY, "started": 1, "every_ms": 1000}
    return Process(id=name, **{**values, "beat": now_ms(), **fields})


def test_what_a_drain_waits_for(make: Make, registry: Registry) -> None:
    member = make()
    member.why_unready(DEADLINE)

    def left(order: DrainOrder = ORDER) -> str:
        node = registry.node("a")
        assert node is not None
        return "; ".join(not_drained_yet(node, order, only(registry).beat))

    assert "has not heard of it" in left()
    registry.order_drain("a", ORDER)
    until(lambda: left() == "", "drained node")
    assert "of at least 900.0 s" in left(DrainOrder("o1", 900_000, 0))
    assert "had a request" in left(DrainOrder("o1", 0, 900_000))
    member.load.enter()
    until(lambda: "1 request in flight" in left(), "request")
    member.load.leave()
    with member.busy("checkout"):
        until(lambda: "is busy: checkout" in left(), "mark")
    until(lambda: left() == "", "drained node")
    member.busy("forgotten", seconds=0.0)
    assert member.load.busy() == (), "a mark ends by itself"
    node = registry.node("a")
    assert node is not None
    assert "has been silent" in "; ".join(not_drained_yet(node, ORDER, only(registry).beat + 60_000))


# middleware


def _hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def test_health_pages_are_answered_and_not_counted(make: Make) -> None:
    member = make()
    browser = Browser(FleetMiddleware(_hello, member))
    assert browser.get("/-/live").status == "200 OK"
    until(lambda: browser.get("/-/ready").status == "200 OK", "readiness")
    assert member.load.requests == 0
    assert browser.get("/").body == b"hello"
    assert (member.load.requests, member.load.in_flight) == (1, 0)
    member.sessions.draining.begin()
    assert browser.get("/-/ready").status == "503 Service Unavailable"
    assert browser.get("/").body == b"hello", "it goes on serving"


def test_every_kind_of_body_counts_until_it_is_closed(make: Make) -> None:
    member = make()

    class File:
        def __init__(self, file: Any, size: int = 1) -> None:
            self.file = file

        def __iter__(self) -> Iterator[bytes]:
            return iter(self.file)

    def stream() -> Iterator[bytes]:
        yield b"hello"

    bodies: list[Callable[[], Any]] = [lambda: [b"hello"], lambda: (b"hello",), stream, lambda: File(BytesIO(b"hello"))]
    for make_body in bodies:

        def app(environ: Any, start_response: Any, make_body: Any = make_body) -> Any:
            start_response("200 OK", [("Content-Type", "text/plain")])
            return make_body()

        environ: dict[str, Any] = {"PATH_INFO": "/", "REQUEST_METHOD": "GET", "wsgi.file_wrapper": File}
        body: Any = FleetMiddleware(app, member)(environ, lambda *started: lambda data: None)
        assert isinstance(body, File) == isinstance(make_body(), File), "the server must know its own"
        assert isinstance(body, list) == isinstance(make_body(), (list, tuple)), "the server computes the length"
        assert member.load.in_flight == 1
        assert member.load.idle_ms == 0
        assert b"".join(body) == b"hello"
        assert member.load.in_flight == 1
        body.close()
        body.close()
        assert member.load.in_flight == 0


def test_an_app_that_raises_is_not_in_flight(make: Make) -> None:
    member = make()

    def app(environ: Any, start_response: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        FleetMiddleware(app, member)({"PATH_INFO": "/"}, lambda *started: lambda data: None)
    assert member.load.in_flight == 0


def test_new_visitors_are_deferred_and_those_with_a_session_are_not(make: Make) -> None:
    member = make()

    def visits(environ: Any, start_response: Any) -> list[bytes]:
        environ["zdsession"]["n"] = environ["zdsession"].get("n", 0) + 1
        return _hello(environ, start_response)

    app = FleetMiddleware(SessionMiddleware(visits, member.sessions), member, deferral_page=b"<p>soon")
    known, new = Browser(app), Browser(app)
    assert known.get().body == b"hello"
    member.sessions.draining.begin()
    assert new.get(cookie="").body == b"hello", "unless somebody said so, all are served"
    member.sessions.draining.begin(defer_new=7)
    assert known.get().body == b"hello"
    answer = Browser(app).get(cookie="theme=dark")
    assert (answer.status, answer.one("Retry-After"), answer.body) == ("503 Service Unavailable", "7", b"<p>soon")
    assert answer.one("Cache-Control") == "no-store"
    member.sessions.draining.end()
    assert Browser(app).get().body == b"hello"


@pytest.mark.parametrize(
    ("environ", "closes"),
    [
        ({"SERVER_SOFTWARE": "Werkzeug/3"}, True),
        ({"uwsgi.version": b"2"}, True),
        ({"SERVER_SOFTWARE": "waitress"}, False),
    ],
)
def test_connections_are_closed_where_an_app_may_say_so(make: Make, environ: dict[str, Any], closes: bool) -> None:
    member = make()
    sent: list[list[tuple[str, str]]] = []
    app = FleetMiddleware(_hello, member)

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
        sent.append(headers)
        return lambda data: None

    app({"PATH_INFO": "/", **environ}, start)
    member.sessions.draining.begin()
    app({"PATH_INFO": "/", **environ}, start)
    assert [("Connection", "close") in headers for headers in sent] == [False, closes]


# processes

FORKING = """
import os, sys, time
from zdsession import SessionManager
from zdsession.fleet import FleetMember
member = FleetMember(SessionManager(sys.argv[1], circuit_cooldown=0.1), version="1", node="a", heartbeat=0.05)
if sys.argv[2] == "late":
    member.why_unready(30)
children = []
for number in range(2):
    pid = os.fork()
    if pid == 0:
        assert member.why_unready(30) == []
        os.write(1, b"ready\\n")  # at once: print() may write the line and its end apart
        time.sleep(60)
    children.append(pid)
os.write(1, b"%d %d\\n" % tuple(children))
sys.stdin.readline()
"""


@pytest.mark.parametrize("when", ["early", "late"])
def test_forked_processes_are_one_node(redis_url: str, when: str) -> None:
    registry = Registry(SessionManager(redis_url).store)
    code = [sys.executable, "-W", "ignore", "-c", FORKING, redis_url, when]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        lines = [parent.stdout.readline().strip() for _ in range(3)]
        lines.remove("ready")
        lines.remove("ready")
        children = [int(pid) for pid in lines[0].split()]
        expected = {*children, *([parent.pid] if when == "late" else [])}
        try:
            (node,) = registry.nodes()
            assert {process.pid for process in node.processes} == expected
            os.kill(children[0], signal.SIGKILL)
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
            parent.stdin.write("\n")
            parent.stdin.close()
            parent.wait(DEADLINE)
    again = FleetMember(SessionManager(redis_url), version="1", node="a", heartbeat=0.05)
    assert again.why_unready(DEADLINE) == []
    until(lambda: {process.pid for process in registry.nodes()[0].processes} == {os.getpid()}, "end of the dead")
    again.close()


def test_whether_a_process_has_ended() -> None:
    mine = processes.born(os.getpid())
    assert mine
    assert not processes.is_gone(os.getpid(), mine)
    assert processes.is_gone(os.getpid(), "1"), "another process had our pid"
    assert not processes.is_gone(os.getpid(), ""), "not known is not ended"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ended:
        assert ended.stdin is not None
        was = processes.born(ended.pid)
        assert not processes.is_gone(ended.pid, was)
        ended.stdin.write(b"\n")
        ended.stdin.close()
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert processes.is_gone(ended.pid, was), "a zombie has ended"
    assert processes.is_gone(ended.pid, "")
    assert processes.born(ended.pid) == ""
    assert processes.machine() == processes.machine() != ""


# evidence


def test_what_the_fleet_proves(make: Make, registry: Registry) -> None:
    def reasons(**options: Any) -> list[str]:
        return may_contract(read_fleet(registry, now_ms()), now=now_ms(), **{"least_age_ms": 0, **options})

    assert "the fleet is empty" in reasons()[0]
    old, new = (
        make("old", manifest=manifest(users="id nick")),
        make("new", version="2.0", manifest=manifest("2.0", users="id")),
    )
    assert old.why_unready(DEADLINE) == new.why_unready(DEADLINE) == []
    until(lambda: not reasons(), "proof")
    assert "may not know every node yet" in reasons(least_age_ms=600_000)[0]
    (few,) = reasons(expect_nodes=3)
    assert few.startswith("the fleet has 2 of the 3 nodes expected; ")
    reading = read_fleet(registry, now_ms())
    assert [(one.node, one.version) for one in still_mapped(reading, Gone("users", "nick"))] == [("old", "1.0")]
    assert len(reading.manifests) == 2
    later = now_ms() + 60_000
    assert "zdsession forget new" in " ".join(may_contract(read_fleet(registry, later), now=later, least_age_ms=0))
    registry.beat("new", _other("three", state=State.STARTING, version="2.1"), lambda other: False)
    said = reasons()
    assert any("node new (version 2.1) is starting" in reason for reason in said)
    assert any("node new (version 2.1) published no manifest" in reason for reason in said)
    registry.goodbye("new", "three")
    old.close()
    until(lambda: not reasons(), "proof")
    assert still_mapped(read_fleet(registry, now_ms()), Gone("users", "nick")) == []


def test_one_silent_process_is_enough(registry: Registry) -> None:
    registry.enlist("a")
    for name, beat in (("one", 1_000_000), ("two", 2_000_000)):
        registry.beat("a", _other(name, beat=beat), lambda other: False)
    (entry,) = read_fleet(registry, 2_000_000).entries
    assert entry.state is State.LOST


def test_a_table_counts_as_mapped_in_doubt() -> None:
    barrier = Barrier("x", (Gone("Users", "NICK"), Gone("old"), Gone("orders", "id")), 0)
    assert barrier.against(manifest(**{"shop.users": "nick", "OLD": ""})) == [Gone("Users", "NICK"), Gone("old")]


def test_threads_count_right(make: Make) -> None:
    load = make().load

    def work() -> None:
        for _ in range(500):
            load.enter()
            load.leave()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (load.in_flight, load.requests) == (0, 4000)
