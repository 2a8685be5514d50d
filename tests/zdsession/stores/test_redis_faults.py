"""Redis in trouble under load: no request over its budget, no cookie deleted, recovery without a restart of ours.

Where Redis promises to keep what it acknowledged (`appendfsync always`, a slot that moves), nothing may be lost. A
failover is asynchronous: the soak tests measure what it loses, with and without `wait_replicas`, and print it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median

import pytest

from tests.servers.cluster import RedisCluster, open_cluster
from tests.servers.redis import RedisProcess, open_redis
from tests.servers.sentinel import SentinelGroup, open_sentinel
from tests.zdsession.stores.clickers import Clickers
from zdsession.stores.redis import RedisStore

BUDGET = 1.0
KEPT = ("--appendonly", "yes", "--appendfsync", "always")


def test_killed_and_restarted_with_appendfsync_always() -> None:
    server = open_redis(args=KEPT)
    store = RedisStore(server.url(), budget=BUDGET)
    try:
        with Clickers(store) as clickers:
            for _ in range(2):
                clickers.wait_for(100)
                server.kill()
                time.sleep(BUDGET)
                server.start()
            clickers.wait_for(100)
        clickers.check(BUDGET)
        assert clickers.lost() == (0, 0)
        store.close()
    finally:
        server.close()


def test_a_sentinel_failover() -> None:
    with open_sentinel(down_after=0.5) as group:
        store = RedisStore(group.url(), budget=BUDGET, wait_replicas=1)
        with Clickers(store) as clickers:
            clickers.wait_for(50)
            group.primary.kill()
            clickers.wait_for(100)
        clickers.check(BUDGET)
        store.close()


def test_a_slot_moves_and_a_node_fails_over() -> None:
    with open_cluster(replicas=1) as cluster:
        store = RedisStore(cluster.url(), budget=BUDGET, prefix="{shop}:")  # all sessions in one slot
        with Clickers(store) as clickers:
            for _ in range(2):  # there and back
                source = cluster.owner("{shop}")
                target = next(node for node in cluster.primaries if node is not source)
                cluster.move_slot("{shop}", target, lambda: clickers.wait_for(50))
                clickers.wait_for(50)
        clickers.check(BUDGET)
        assert clickers.ledger.out == 0, "a move is no outage"
        assert clickers.lost() == (0, 0)

        with Clickers(store) as clickers:
            clickers.wait_for(50)
            victim = cluster.owner("{shop}")
            victim.kill()
            cluster.wait_promoted("{shop}", victim)
            clickers.wait_for(100)
        clickers.check(BUDGET)
        store.close()


Group = SentinelGroup | RedisCluster
FAILOVERS = 10
LAG = 0.01


@pytest.mark.soak
@pytest.mark.parametrize("wait_replicas", [0, 1])
@pytest.mark.parametrize(
    ("kind", "fault"),
    [("sentinel", "kill"), ("sentinel", "pause"), ("sentinel", "machine"), ("cluster", "kill"), ("cluster", "pause")],
)
def test_what_a_failover_loses(kind: str, fault: str, wait_replicas: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed: what the process had not sent is lost. Paused: for a while there are two primaries. With its machine:
    what was on its way is lost too, here `LAG` to the replicas and as much back."""
    totals = Totals()
    for _ in range(FAILOVERS):
        with _open(kind, lag=LAG if fault == "machine" else 0) as group:
            store = RedisStore(group.url(), budget=BUDGET, wait_replicas=wait_replicas, prefix="{shop}:")
            with Clickers(store) as clickers:
                clickers.wait_for(300)
                _fail_over(group, fault)
                clickers.wait_for(300)
            clickers.check(BUDGET)
            totals.add(clickers)
            store.close()
    with capsys.disabled():
        print(f"\n{kind}, {fault}, wait_replicas={wait_replicas}, {FAILOVERS} failovers: {totals}")


def _open(kind: str, lag: float) -> Group:
    return open_sentinel(down_after=1, lag=lag) if kind == "sentinel" else open_cluster(replicas=1)


def _fail_over(group: Group, fault: str) -> None:
    """Take the primary away until another one serves, and give it back."""
    old: RedisProcess
    if isinstance(group, SentinelGroup):
        old = group.primary
        if fault == "machine":
            group.lose_machine()
        else:
            getattr(old, fault)()
        group.wait_promoted(old)
    else:
        old = node = group.owner("{shop}")
        getattr(old, fault)()
        group.wait_promoted("{shop}", node)
    old.start()
    old.resume()


@dataclass
class Totals:
    """Of several failovers."""

    written: int = 0
    lost_writes: int = 0
    lost_sessions: int = 0
    sessions: int = 0
    with_loss: int = 0
    out: int = 0
    gaps: list[float] = field(default_factory=list)
    slowest: float = 0.0
    lateness: float = 0.0

    def add(self, clickers: Clickers) -> None:
        """Count one."""
        writes, sessions = clickers.lost()
        self.written += clickers.written
        self.sessions += len(clickers.ledger.acknowledged)
        self.lost_writes += writes
        self.lost_sessions += sessions
        self.with_loss += writes > 0
        self.out += clickers.ledger.out
        self.gaps.append(clickers.ledger.longest_gap)
        self.slowest = max(self.slowest, clickers.timed.slowest)
        self.lateness = max(self.lateness, clickers.lateness)

    def __str__(self) -> str:
        return (
            f"lost {self.lost_writes} of {self.written} acknowledged writes and "
            f"{self.lost_sessions} of {self.sessions} sessions, in {self.with_loss} failovers; "
            f"{self.out} pages 503, out for {median(self.gaps):.1f} s (median), {max(self.gaps):.1f} s (longest); "
            f"slowest store operation {self.slowest:.2f} s on a machine up to {self.lateness:.2f} s late"
        )
