"""A backfill under load: killed twice, exact at the end, its replica held under a limit.

    python benchmarks/backfill.py [--rows 5000000] [--kind mysql] [--max-lag 1] [--writers 2]

A pair of servers of our own on loopback; writers that do short transactions on random rows; a heartbeat row every
50 ms tells, apart from the tool, how far the replica is behind. The command runs as a process and gets SIGKILL at a
third and at two thirds. Each row has a counter, so that one that was changed twice, or never, is found.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pymysql
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.servers.replication import Node, Replication, open_replicas

STATEMENT = "UPDATE users SET full_name = CONCAT(first, ' ', last), changed = changed + 1 WHERE full_name IS NULL"
_BLOCK = 50_000


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--kind", choices=["mysql", "mariadb"], action="append")
    parser.add_argument("--max-lag", type=float, default=1.0)
    parser.add_argument("--writers", type=int, default=2)
    options = parser.parse_args()
    heads = ["server", "rows", "seconds", "rows/s", "batches", "waited (s)", "lag p50 / p99 / max (s)",
             "writes/s before", "during", "p50 / p99 before (ms)", "during", "kills", "rows wrong"]  # fmt: skip
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before; limit of the lag {options.max_lag:g} s\n")
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    for kind in options.kind or ["mysql", "mariadb"]:
        with open_replicas(kind) as pair:
            row = _measure(pair, options.rows, options.max_lag, options.writers)
        print("| " + " | ".join([f"{kind} {pair.primary.server.version}", *row]) + " |", flush=True)


def _measure(pair: Replication, rows: int, max_lag: float, writers: int) -> list[str]:
    _fill(pair, rows)
    with tempfile.TemporaryDirectory(prefix="zdrelease-bench-") as folder, Load(pair, rows, writers) as load:
        time.sleep(5)
        before = load.take()
        began = time.monotonic()
        said = ""
        environment = dict(os.environ)
        topology = _topology(pair, Path(folder), environment)
        command = [sys.executable, "-m", "zdmigrate", "backfill", "--topology", topology,
                   "--database", "shop", "--max-lag", str(max_lag), STATEMENT]  # fmt: skip
        for part in (1 / 3, 2 / 3, None):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            while part is not None and _scanned(pair.primary) < rows * part:
                if process.poll() is not None:
                    raise SystemExit(f"it ended too early: {process.communicate()[0]}")
                time.sleep(0.1)
            if part is not None:
                os.kill(process.pid, signal.SIGKILL)
            said = process.communicate()[0]
        seconds = time.monotonic() - began
        during = load.take()
        if process.returncode != 0:
            raise SystemExit(f"it ended with {process.returncode}: {said}")
    pair.wait_caught_up(600)
    wrong = sum(
        int(node.value("SELECT COUNT(*) FROM users WHERE changed <> 1 OR full_name IS NULL", database="shop"))
        + abs(rows - int(node.value("SELECT COUNT(*) FROM users", database="shop")))
        for node in pair.nodes
    )
    batches = pair.primary.value("SELECT SUM(batches) FROM zdmigrate.backfill")
    waited = said.partition("waited ")[2].partition(" s")[0]
    lags = sorted(during.lags)
    return [
        f"{rows:,}", f"{seconds:.0f}", f"{rows / seconds:,.0f}", f"{batches:,}", f"{waited} (last part)",
        f"{_part(lags, 0.5):.2f} / {_part(lags, 0.99):.2f} / {lags[-1]:.2f}",
        f"{before.rate:.0f}", f"{during.rate:.0f}", before.shown, during.shown, "2", str(wrong),
    ]  # fmt: skip


def _fill(pair: Replication, rows: int) -> None:
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute(
        "CREATE TABLE users (id INT PRIMARY KEY, first VARCHAR(20) NOT NULL, last VARCHAR(20) NOT NULL, "
        "full_name VARCHAR(60) NULL, visits INT NOT NULL DEFAULT 0, changed INT NOT NULL DEFAULT 0, KEY (last))",
        database="shop",
    )
    pair.primary.execute("CREATE TABLE beat (id INT PRIMARY KEY, at DOUBLE NOT NULL)", database="shop")
    with contextlib.closing(pair.primary.connect("shop")) as connection, connection.cursor() as cursor:
        for start in range(0, rows, _BLOCK):
            values = ",".join(f"({n},'first{n % 997}','last{n}')" for n in range(start, min(start + _BLOCK, rows)))
            cursor.execute(f"INSERT INTO users (id, first, last) VALUES {values}")
            if start % (10 * _BLOCK) == 0:
                pair.wait_caught_up(600)
    pair.wait_caught_up(600)


def _scanned(primary: Node) -> int:
    with contextlib.suppress(pymysql.err.ProgrammingError, pymysql.err.OperationalError):  # not begun
        return int(primary.value("SELECT COALESCE(SUM(scanned), 0) FROM zdmigrate.backfill"))
    return 0


def _topology(pair: Replication, folder: Path, environment: dict[str, str]) -> str:
    lines = []
    for node in pair.nodes:
        url = make_url(node.url())
        environment["BENCH_PASSWORD"] = str(url.password)
        environment["BENCH_REPLICATION"] = node.replication_password
        shown = f"mysql+pymysql://{url.username}:${{BENCH_{node.name.upper()}}}@{url.host}:{url.port}/"
        environment[f"BENCH_{node.name.upper()}"] = str(url.password)
        lines += ["[[node]]", f'name = "{node.name}"', f'url = "{shown}"']
    first = pair.nodes[0]
    lines += ["[replication]", f'user = "{first.replication_user}"', 'password = "${BENCH_REPLICATION}"']
    path = folder / "topology.toml"
    path.write_text("\n".join(lines))
    return str(path)


@dataclass
class Taken:
    """What was seen in a stretch of time; seconds."""

    seconds: float
    writes: list[float]
    lags: list[float]

    @property
    def rate(self) -> float:
        """Writes a second."""
        return len(self.writes) / self.seconds

    @property
    def shown(self) -> str:
        """Median and 99th percentile in milliseconds."""
        times = sorted(self.writes)
        return f"{_part(times, 0.5) * 1000:.1f} / {_part(times, 0.99) * 1000:.1f}"


@dataclass
class Load:
    """Writers and a heartbeat, from `with` to its end."""

    pair: Replication
    rows: int
    writers: int
    _writes: list[float] = field(default_factory=list)
    _lags: list[float] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._stop = threading.Event()
        self._since = time.monotonic()
        targets = [*[self._write] * self.writers, self._beat]
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def take(self) -> Taken:
        """What was seen since the last time."""
        now = time.monotonic()
        writes, lags = self._writes, self._lags
        self._writes, self._lags = [], []
        taken = Taken(now - self._since, writes, lags)
        self._since = now
        return taken

    def _write(self) -> None:
        with contextlib.closing(self.pair.primary.connect("shop")) as connection, connection.cursor() as cursor:
            while not self._stop.is_set():
                began = time.monotonic()
                with contextlib.suppress(pymysql.err.OperationalError):
                    cursor.execute("UPDATE users SET visits = visits + 1 WHERE id = %s", (random.randrange(self.rows),))
                self._writes.append(time.monotonic() - began)
                time.sleep(0.004)

    def _beat(self) -> None:
        """Write the time; the replica's last one says since when it lacks something."""
        with (
            contextlib.closing(self.pair.primary.connect("shop")) as primary,
            contextlib.closing(self.pair.replica.connect("shop")) as replica,
            primary.cursor() as write,
            replica.cursor() as read,
        ):
            while not self._stop.is_set():
                write.execute("REPLACE INTO beat VALUES (1, %s)", (time.time(),))
                time.sleep(0.05)
                read.execute("SELECT at FROM beat")
                found = read.fetchone()
                self._lags.append(max(0.0, time.time() - float(found[0]) - 0.05) if found else 0.0)


def _part(values: Sequence[float], part: float) -> float:
    if not values:
        return 0.0
    return statistics.median(values) if part == 0.5 else values[min(len(values) - 1, int(len(values) * part))]


if __name__ == "__main__":
    main()
