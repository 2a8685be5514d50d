"""``zdsession nodes | drain | undrain | forget | barriers``."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.zdsession.test_fleet import until
from zdsession import SessionManager
from zdsession.cli import main
from zdsession.clock import now_ms
from zdsession.fleet import Barrier, FleetMember, Gone, Process, Registry, State
from zdsession.fleet.registry import _node_record

QUICK = ("--min", "0.1", "--quiet", "0.1", "--max", "30")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/s.db"


@pytest.fixture
def member(url: str) -> Iterator[FleetMember]:
    """Node web1, ready."""
    one = FleetMember(SessionManager(url), version="1.4", node="web1", heartbeat=0.05)
    assert one.why_unready(30) == []
    yield one
    one.close()


@pytest.fixture
def registry(url: str) -> Registry:
    return Registry(SessionManager(url).store)


def run(url: str, *arguments: str) -> Result:
    return CliRunner(env={"ZDSESSION_STORE": url}).invoke(main, arguments)


def silent(registry: Registry, node: str, *, seconds: int = 3600) -> None:
    registry.enlist(node)
    beat = now_ms() - seconds * 1000
    process = Process(id="x", pid=1, host="h", version="1.3", state=State.READY, started=beat, beat=beat, every_ms=1000)
    registry.beat(node, process, lambda other: False)


def test_nodes(url: str, member: FleetMember, registry: Registry) -> None:
    silent(registry, "web2")
    with member.busy("checkout"):
        until(lambda: "busy: checkout" in run(url, "nodes").output, "mark in the list")
    lines = run(url, "nodes").output.splitlines()
    assert lines[0].split() == ["NODE", "STATE", "VERSION", "PROCESSES", "IN", "FLIGHT", "SEEN"]
    assert lines[1].split()[:5] == ["web1", "ready", "1.4", "1", "0"]
    assert lines[2].split()[:6] == ["web2", "lost", "1.3", "0", "(1", "lost)"]
    assert lines[3] == "2 nodes"
    registry._update(_node_record("web2"), put={"p:y": b"?"})
    assert "missing or damaged" in run(url, "nodes").output


def test_nodes_as_json(url: str, member: FleetMember, registry: Registry) -> None:
    silent(registry, "web2")
    found = json.loads(run(url, "nodes", "--json").output)
    assert found["schema_version"] == 1
    one, two = found["nodes"]
    assert (one["id"], one["state"], one["in_flight"], one["order"]) == ("web1", "ready", 0, None)
    assert (one["processes"][0]["version"], one["processes"][0]["busy"]) == ("1.4", [])
    assert (two["state"], two["processes"][0]["state"]) == ("lost", "lost")


def test_nobody(url: str) -> None:
    assert run(url, "nodes").output == "0 nodes\n"
    for command in ("drain", "undrain", "forget"):
        answer = run(url, command, "web9")
        assert (answer.exit_code, answer.output) == (1, "Error: no node web9; there are: none\n")
        assert run(url, command, "a b").exit_code == 2


def test_drain_waits_until_nothing_is_left(url: str, member: FleetMember) -> None:
    member.load.enter()
    answers: list[Result] = []
    draining = threading.Thread(target=lambda: answers.append(run(url, "drain", "web1", *QUICK)))
    draining.start()
    until(lambda: bool(member.sessions.draining), "drain")
    assert member.why_unready() == ["draining"]
    time.sleep(0.5)
    assert not answers, "a request is in flight"
    member.load.leave()
    draining.join(30)
    assert (answers[0].exit_code, answers[0].output) == (0, "web1 drained\n")
    assert run(url, "undrain", "web1").output == "web1 was told to stay\n"
    until(lambda: member.why_unready() == [], "return")
    assert run(url, "undrain", "web1").output == "web1 had no order to drain\n"


def test_drain_gives_up_and_says_why(url: str, member: FleetMember) -> None:
    member.busy("checkout")
    answer = run(url, "drain", "web1", "--min", "0", "--quiet", "0", "--max", "1")
    assert answer.exit_code == 1
    assert "web1 has not drained within 1 s: process" in answer.output
    assert "is busy: checkout" in answer.output
    assert member.why_unready() == ["draining"], "it goes on draining"


def test_drain_without_waiting(url: str, member: FleetMember) -> None:
    answer = run(url, "drain", "web1", "--no-wait", "--new-sessions", "defer", "--retry-after", "9")
    assert (answer.exit_code, answer.output) == (0, "web1 was told to drain\n")
    until(lambda: member.sessions.draining.defer_new == 9, "drain")


def test_drain_of_what_is_gone(url: str, member: FleetMember) -> None:
    member.close()
    answer = run(url, "drain", "web1")
    assert (answer.exit_code, answer.output) == (0, "web1 is gone: nothing to drain\n")
    assert run(url, "nodes").output == "0 nodes\n"
    assert "gone" in run(url, "nodes", "--all").output


def during_a_drain(url: str, member: FleetMember, do: Callable[[], object]) -> Result:
    """The answer of a drain that cannot end by itself, with something done meanwhile."""
    member.load.enter()
    answers: list[Result] = []
    draining = threading.Thread(target=lambda: answers.append(run(url, "drain", "web1", *QUICK)))
    draining.start()
    until(lambda: bool(member.sessions.draining), "drain")
    do()
    draining.join(60)
    return answers[0]


def test_a_node_that_ends_meanwhile_has_drained(url: str, member: FleetMember) -> None:
    assert during_a_drain(url, member, member.close).output == "web1 drained\n"


def test_who_undrains_ends_the_wait(url: str, member: FleetMember) -> None:
    answer = during_a_drain(url, member, lambda: run(url, "undrain", "web1"))
    assert (answer.exit_code, "is not draining any more" in answer.output) == (1, True)


def test_a_second_drain_takes_over(url: str, member: FleetMember) -> None:
    answer = during_a_drain(url, member, lambda: run(url, "drain", "web1", "--no-wait"))
    assert (answer.exit_code, "somebody else told web1 to drain" in answer.output) == (1, True)


def test_forget(url: str, member: FleetMember, registry: Registry) -> None:
    silent(registry, "web2")
    assert run(url, "forget", "web2").output == "forgot web2\n"
    answer = run(url, "forget", "web1")
    assert (answer.exit_code, "web1 is alive" in answer.output) == (1, True)
    assert run(url, "forget", "web1", "--force").exit_code == 0


def test_barriers(url: str, registry: Registry) -> None:
    assert run(url, "barriers").output == "0 barriers\n"
    registry.raise_barrier(Barrier("ab12", (Gone("users", "nick"), Gone("old")), 0, ("0123", "4567")))
    first, second = run(url, "barriers").output.splitlines()
    assert first == "ab12  since 1970-01-01 00:00:00 UTC  users.nick, old, 2 manifest(s) judged to break"
    assert second == "1 barrier"
    wrong = run(url, "barriers", "--lift", "ab1")
    assert (wrong.exit_code, "no barrier ab1; there are: ab12" in wrong.output) == (1, True)
    assert run(url, "barriers", "--lift", "ab12").output == "lifted ab12\n"
    assert registry.barriers() == []


def test_a_store_that_is_out() -> None:
    answer = run("redis://u:hush@127.0.0.1:1/0", "nodes")
    assert answer.exit_code == 1
    assert "hush" not in answer.output
    assert run("nonsense://", "nodes").exit_code == 2
