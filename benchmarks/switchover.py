"""Switchovers in a row under writers: how long nobody could write, the longest gap of a client, and nothing lost.

    python benchmarks/switchover.py [--rounds 100] [--kind mysql --kind mariadb]

The write rate is the highest of a few at which the replica is level within 100 ms of the primary. Writers look for the
writable node by themselves, as an app without our engine would. Everything runs on loopback, on one machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.run.conftest import topology_of
from tests.run.ledger import Ledger
from tests.servers.base import Kind
from tests.servers.replication import Replication, open_replicas
from zdmigrate.run import runs
from zdmigrate.run.policy import Policy

_WRITERS = 4
_RATES = (2000, 1500, 1000, 700, 500, 300, 200, 100)
_TRIAL_SECONDS = 3.0
_LEVEL_SECONDS = 0.1
_MINUTES = 10


def highest_rate(pair: Replication) -> int:
    """Writes a second at which the replica stays level; the lowest when it is level at none."""
    for rate in _RATES:
        with Ledger(pair.nodes, writers=_WRITERS, pause=_WRITERS / rate) as ledger:
            began, before = time.monotonic(), len(ledger.acknowledged)
            time.sleep(_TRIAL_SECONDS)
            lags = []
            for _ in range(5):
                position, asked = pair.primary.position(), time.monotonic()
                while not pair.replica.has_applied(position):
                    pass
                lags.append(time.monotonic() - asked)
            written = (len(ledger.acknowledged) - before) / (time.monotonic() - began)
        pair.reset()
        if max(lags) < _LEVEL_SECONDS and written > 0.8 * rate:
            return rate
    return _RATES[-1]


def measure(kind: Kind, rounds: int) -> str:
    """One flavour: a line of the table."""
    with open_replicas(kind, durable=True) as pair:
        topology, rate = topology_of(pair), highest_rate(pair)
        blocked = []
        policy = Policy(max_lag=60)
        with Ledger(pair.nodes, writers=_WRITERS, pause=_WRITERS / rate) as ledger:
            end = time.monotonic() + _MINUTES * 60
            began = time.monotonic()
            for turn in range(rounds):
                if time.monotonic() > end:
                    break
                result = runs.switch(topology, "ba"[turn % 2], policy)
                blocked.append(result.blocked_ms)
                print(f"{kind} {turn + 1}/{rounds}: {result.blocked_ms:.1f} ms", file=sys.stderr)
            seconds = time.monotonic() - began
            ledger.wait_for(10)
        serving = pair.nodes[len(blocked) % 2]
        pair.wait_caught_up(source=serving)
        ledger.check(pair.nodes)
        blocked.sort()
        middle, late = statistics.median(blocked), blocked[int(0.95 * len(blocked))]
        return (
            f"| {kind} {pair.primary.server.version} | {len(blocked)} in {seconds:.0f} s | {rate} | {middle:.1f} | "
            f"{late:.1f} | {blocked[-1]:.1f} | {max(ledger.gaps) * 1000:.0f} | {len(ledger.acknowledged):,} | 0 |"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--kind", action="append", choices=["mysql", "mariadb"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = folder
        print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
        print("| server | switchovers | writes/s | blocked p50 ms | p95 | max | longest gap ms | acknowledged | lost |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
        for kind in given.kind or ["mysql", "mariadb"]:
            print(measure(kind, given.rounds), flush=True)


if __name__ == "__main__":
    main()
