"""Every stage of a switchover times every fault, under writers; afterwards the same promises hold.

1. never were two servers writable at once; 2. no acknowledged write is lost or doubled; 3. the app can write again, or
the tool said which command makes it so; 4. `resume` brings the run to its end; 5. one primary, the other replicates;
6. no node has a transaction of its own. Six cells run always, all of them by `make soak`.
"""

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pymysql
import pytest

from tests.conftest import MakeLink
from tests.run.conftest import topology_file, topology_of
from tests.run.ledger import Ledger
from tests.run.test_switchover import killed_at
from tests.servers.link import Link
from tests.servers.replication import Node, Replication
from zdmigrate.errors import ZdmigrateError
from zdmigrate.run import runs
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.policy import Policy
from zdmigrate.run.topology import Topology

BEFORE = ("identity", "blockers", "catch-up", "watchdog", "fence", "hold", "arm", "freeze", "final-wait", "promote")
AFTER = ("disarm", "forget-source", "fence-old", "repoint-old", "replicates", "configuration")
FAULTS = (
    "kill tool", "kill primary", "kill replica", "cut tool-primary", "cut tool-replica", "cut primary-replica",
    "second run",
)  # fmt: skip
ALWAYS = {("freeze", "kill tool"), ("final-wait", "kill primary"), ("promote", "cut tool-replica")}
POLICY = Policy(freeze_cap=2.0, lease=2.0, catch_up=8.0, max_lag=60.0)


def cells() -> Iterator[object]:
    for stage in BEFORE + AFTER:
        for fault in FAULTS:
            always = (stage, fault) in ALWAYS
            yield pytest.param(stage, fault, id=f"{stage}-{fault}", marks=() if always else pytest.mark.soak)


@pytest.mark.parametrize(("stage", "fault"), list(cells()))
def test_cell(
    any_replication: Replication,
    make_link: MakeLink,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    fault: str,
) -> None:
    pair = any_replication
    links = [make_link(node.server.port) for node in pair.nodes]
    topology = _through(topology_of(pair, str(tmp_path / "topology.toml")), links)
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger, _Watcher(pair.nodes) as watcher:
        if fault == "kill tool":
            tool = killed_at(topology_file(pair, tmp_path, monkeypatch), stage)
            assert tool.wait(60) == -signal.SIGKILL
        else:
            with contextlib.suppress(AbortedError, NeedsPersonError, RefusedError):
                runs.switch(topology, "b", POLICY, before=_once(stage, lambda: _strike(fault, pair, links, topology)))
        _mend(pair, links)
        _bring_to_an_end(topology)
        ledger.wait_for(6)
    assert not watcher.two, "two servers were writable at once"
    serving = [node for node in pair.nodes if _writable(node)]
    assert len(serving) == 1
    pair.wait_caught_up(source=serving[0])
    ledger.check(pair.nodes)


def _once(wanted: str, act: Callable[[], None]) -> Callable[[str], None]:
    done: list[str] = []

    def before(step: str) -> None:
        if step == wanted and not done:
            done.append(step)
            act()

    return before


def _strike(fault: str, pair: Replication, links: list[Link], topology: Topology) -> None:
    match fault:
        case "kill primary":
            pair.primary.server.kill()
        case "kill replica":
            pair.replica.server.kill()
        case "cut tool-primary":
            links[0].cut()
        case "cut tool-replica":
            links[1].cut()
        case "cut primary-replica":
            for node in pair.nodes:
                node.link.cut()
        case "second run":
            began = time.monotonic()
            with pytest.raises(RefusedError, match="another run holds"):
                runs.switch(topology, "b", POLICY)
            assert time.monotonic() - began < 5
        case _:
            raise AssertionError(fault)


def _mend(pair: Replication, links: list[Link]) -> None:
    """The fault ends: wires are whole, servers come back; a MariaDB that was primary with the line the tool told."""
    for node, link in zip(pair.nodes, links, strict=True):
        node.link.heal()
        link.heal()
        if not node.server.running:
            if pair.kind == "mariadb" and any(_writable(other) for other in pair.nodes if other is not node):
                node.server.configure(**node.server.configuration, read_only="ON")
            node.server.start()


def _bring_to_an_end(topology: Topology) -> None:
    """As a person would: `resume`, again while it says so."""
    end = time.monotonic() + 60
    while True:
        try:
            if runs.resume(topology, POLICY)[0] is None:
                return
        except AbortedError:
            return
        except ZdmigrateError:
            assert time.monotonic() < end, "resume does not bring it to an end"
            time.sleep(0.5)


def _through(topology: Topology, links: list[Link]) -> Topology:
    """The tool reaches every node through a wire of its own."""
    nodes = tuple(
        dataclasses.replace(node, url=node.url.set(host="127.0.0.1", port=link.port, query={}))
        for node, link in zip(topology.nodes, links, strict=True)
    )
    return dataclasses.replace(topology, nodes=nodes)


def _writable(node: Node) -> bool:
    try:
        return bool(node.value("SELECT @@GLOBAL.read_only = 0", seconds=5))
    except pymysql.MySQLError:
        return False


class _Watcher:
    """Looks, until it is left, whether both nodes are writable at one moment."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self._nodes = nodes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.two = False

    def _look(self) -> None:
        first, second = self._nodes
        while not self._stop.wait(0.02):
            # What is so before and after is so between: restarts and read_only alike take longer than these three.
            if _writable(first) and _writable(second) and _writable(first):
                self.two = True

    def __enter__(self) -> "_Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
