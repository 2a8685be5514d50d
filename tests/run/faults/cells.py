"""What cells of the fault matrices share: the faults, how they end, and what has to hold afterwards.

The promises, by their numbers in the research on switchovers: I1 never two writable servers; I2 no acknowledged write
lost or doubled; I3 the app can write, or the tool said which command makes it so; I4 `resume` brings the run to its
end; I5 settings are as they were; I6 no node has a transaction of its own; I7 the nodes have one schema.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pymysql
import pytest

from tests.conftest import MakeLink
from tests.run.ledger import Ledger
from tests.servers.link import Link
from tests.servers.replication import Node, Replication
from zdmigrate.errors import ZdmigrateError
from zdmigrate.run import runs
from zdmigrate.run.connection import Connection
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.flavours import dialect_of
from zdmigrate.run.policy import Policy
from zdmigrate.run.topology import Topology

FAULTS = (
    "kill tool", "kill primary", "kill replica", "cut tool-primary", "cut tool-replica", "cut primary-replica",
    "second run",
)  # fmt: skip
POLICY = Policy(
    freeze_cap=2.0, lease=2.0, catch_up=8.0, max_lag=60.0, accept=frozenset({"no-standby", "privileged-writers"})
)
#: Until a cell's run, which the tool could not end, lets the app write again without a person.
WRITABLE_SECONDS = 30.0
#: Variables that say where a server is, and those that say who is primary.
_NOT_SETTINGS = (
    "gtid_", "server_uuid", "timestamp", "last_", "read_only", "super_read_only", "wsrep_", "init_file", "innodb_redo",
)  # fmt: skip


@dataclasses.dataclass
class Stricken:
    """A pair of servers under writers, the tool's own wires to them, and what is watched."""

    pair: Replication
    links: list[Link]
    topology: Topology
    ledger: Ledger
    settings: dict[str, dict[str, str]]

    def strike(self, fault: str, again: Callable[[], object]) -> None:
        """The fault, from this process. `again` begins a second run."""
        match fault:
            case "kill primary":
                self.pair.primary.server.kill()
            case "kill replica":
                self.pair.replica.server.kill()
            case "cut tool-primary":
                self.links[0].cut()
            case "cut tool-replica":
                self.links[1].cut()
            case "cut primary-replica":
                for node in self.pair.nodes:
                    node.link.cut()
            case "second run":
                began = time.monotonic()
                with pytest.raises(RefusedError, match="another run holds"):
                    again()
                assert time.monotonic() - began < 5
            case _:
                raise AssertionError(fault)

    def mend(self) -> None:
        """The fault ends: wires are whole, servers come back; a MariaDB that was primary with the line the tool
        told."""
        for node, link in zip(self.pair.nodes, self.links, strict=True):
            node.link.heal()
            link.heal()
            if not node.server.running:
                others = [other for other in self.pair.nodes if other is not node]
                if self.pair.kind == "mariadb" and any(writable(other) for other in others):
                    node.server.configure(**{**node.server.configuration, "read_only": "ON"})
                node.server.start()

    def app_writes_or_was_told(self, said: str) -> None:
        """I3: somebody is writable soon, or the tool named the one command."""
        if "zdmigrate resume" in said:
            return
        end = time.monotonic() + WRITABLE_SECONDS
        while not any(map(writable, self.pair.nodes)):
            assert time.monotonic() < end, f"nobody is writable, and nobody said what to do: {said}"
            time.sleep(0.05)

    def resume_to_the_end(self) -> str:
        """I4: as a person would, `resume`, again while it says so. What it did in a word or two."""
        end = time.monotonic() + 60
        ended = "nothing was left"
        while True:
            try:
                entry, _ = runs.resume(self.topology, POLICY)
                if entry is None:
                    return ended
                ended = "resume finished it"
                continue
            except AbortedError:
                return "resume undid it"
            except ZdmigrateError as error:
                problem = error
            assert time.monotonic() < end, f"resume does not bring it to an end: {problem}"
            time.sleep(0.5)

    def check(self) -> str:
        """I2, I5, I6, I7, after the writers have ended; the name of the node that serves."""
        self.ledger.stop()
        serving = [node for node in self.pair.nodes if writable(node)]
        assert len(serving) == 1, f"{len(serving)} nodes are writable"
        self.pair.wait_caught_up(source=serving[0])
        self.ledger.check(self.pair.nodes)
        for node in self.pair.nodes:
            now = settings_of(node)
            changed = {name: (old, now.get(name)) for name, old in self.settings[node.name].items()
                       if now.get(name) != old}  # fmt: skip
            assert not changed, f"settings of {node.name} changed: {changed}"
        schemas = [schema_of(node) for node in self.pair.nodes]
        assert schemas[0] == schemas[1], "the schemas differ"
        other = next(node for node in self.pair.nodes if node is not serving[0])
        there, here = (self.topology.node(node.name) for node in (other, serving[0]))
        with Connection(there) as of, Connection(here) as base:
            assert not dialect_of(of).errant(of, base), f"{other.name} has transactions of its own"
        return serving[0].name


@contextmanager
def stricken(pair: Replication, make_link: MakeLink, topology: Topology) -> Iterator[Stricken]:
    """Writers, a watcher for I1, and a wire of the tool's own to each node."""
    links = [make_link(node.server.port) for node in pair.nodes]
    before = {node.name: settings_of(node) for node in pair.nodes}
    with Ledger(pair.nodes, writers=2, pause=0.005) as ledger, _Watcher(pair.nodes) as watcher:
        yield Stricken(pair, links, through(topology, links), ledger, before)
        assert not watcher.two, "two servers were writable at once"


def once(wanted: str, act: Callable[[], None]) -> Callable[[str], None]:
    """Acts before the first step of that name."""
    done: list[str] = []

    def before(step: str) -> None:
        if step == wanted and not done:
            done.append(step)
            act()

    return before


def outcome(run: Callable[[], object]) -> tuple[str, str]:
    """How a run that was struck ended, in a word or two, and what it said."""
    try:
        run()
    except AbortedError as error:
        return "undone", str(error)
    except NeedsPersonError as error:
        return "asked for a person", str(error)
    except RefusedError as error:
        return "refused", str(error)
    return "done", ""


def writable(node: Node) -> bool:
    """Whether an app could write there now."""
    try:
        return bool(node.value("SELECT @@GLOBAL.read_only = 0", seconds=5))
    except pymysql.MySQLError:
        return False


def settings_of(node: Node) -> dict[str, str]:
    """Its global variables, but for those that change by themselves or with the role."""
    return {
        name: value
        for name, value in node.execute("SHOW GLOBAL VARIABLES")
        if not name.startswith(_NOT_SETTINGS) and "gtid" not in name and "password" not in name
    }


def schema_of(node: Node) -> dict[str, str]:
    """SHOW CREATE of every table that is not the server's own; counters of AUTO_INCREMENT left out."""
    rows = node.execute(
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND "
        "table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')"
    )
    return {
        f"{database}.{table}": str(node.execute(f"SHOW CREATE TABLE `{database}`.`{table}`")[0][1])
        for database, table in rows
    }


def through(topology: Topology, links: list[Link]) -> Topology:
    """The tool reaches every node through a wire of its own."""
    nodes = tuple(
        dataclasses.replace(node, url=node.url.set(host="127.0.0.1", port=link.port, query={}))
        for node, link in zip(topology.nodes, links, strict=True)
    )
    return dataclasses.replace(topology, nodes=nodes)


class _Watcher:
    """Looks, until it is left, whether both nodes are writable at one moment (I1)."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self._nodes = nodes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.two = False

    def _look(self) -> None:
        first, second = self._nodes
        while not self._stop.wait(0.02):
            # What is so before and after is so between: restarts and read_only alike take longer than these three.
            if writable(first) and writable(second) and writable(first):
                self.two = True

    def __enter__(self) -> _Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
