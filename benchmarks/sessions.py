"""What a session costs a request, beside Flask-Session, Beaker and Django, on the same stores, in the same run.

    python benchmarks/sessions.py [--stores redis mysql] [--rounds 9] [--requests 200] [--seconds 120] [--json FILE]

Each app is called in this process, as a WSGI server calls it, and the same app without sessions under the same
framework is subtracted. All take turns in every round, in another order each time, so that what else the machine does
hits all of them; a figure is the median of the rounds. p99 has the bare app's p50 subtracted, as its own p99 is the
machine's. The bare client's round trips are measured from the same bare WSGI app, in each round next to ours, as the
machine is now quicker and now slower; and the Redis memory of 1,000 visitors at the end.

Each store is a server of this run's own, and a process of its own measures it. Where the machine lets us, each has a
core of its own: left to the scheduler, one and the same GET takes 40 or 100 microseconds, for a hundred in a row.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import multiprocessing
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from session_contenders import BARE, OURS, PAGES, Contender, contenders, size_of_history, size_of_visitor, visit

from tests.servers import open_server

_VISITORS = 1000
_WARM_UP = 20
_LEAST_ROUNDS = 3
_CLIENT = "the bare client"
_SERVERS_CORE, _CLIENTS_CORE = 0, 1
#: Bytes: a setting of Redis; a hash is kept compact while no value in it is longer (default 64).
_COMPACT = 1024
#: Microseconds by which ours may be above the lowest of a row; and what the issue asks of it beside a bare client.
_NEAR, _UNTOUCHED, _READ = 3.0, 5.0, 1.5


@dataclass(frozen=True)
class Figure:
    """One library on one page, in microseconds above the bare app."""

    store: str
    framework: str
    name: str
    page: str
    p50: float
    p99: float


@dataclass
class Result:
    """What was measured on one store. Times in microseconds, memory in bytes a session."""

    store: str
    server: str
    rounds: int
    load: float
    figures: list[Figure]
    trips: dict[str, float]
    #: Ours under WSGI over the bare client: a read over its read, a write over its read and its write.
    ratios: tuple[float, float]
    memory: dict[str, int]
    missing: dict[str, str]


def main() -> int:
    """Print the tables; 1 if a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stores", nargs="+", choices=["redis", "mysql", "mariadb"], default=["redis", "mysql"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--requests", type=int, default=200, help="of each page by each library in each round")
    parser.add_argument("--seconds", type=float, default=120, help="begin no further round of a store after so long")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    results = []
    for kind in options.stores:
        _keep_to(_SERVERS_CORE)
        with closing(open_server(kind)) as server:
            url = server.url() if kind == "redis" else _database(server.url(), server.url("bench"))
            # Django is configured once in a process. The URL goes through a pipe, as it has the password.
            with multiprocessing.get_context("spawn").Pool(1, _keep_to, (_CLIENTS_CORE,)) as pool:
                task = (kind, server.version, url, options.rounds, options.requests, options.seconds)
                results.append(pool.apply(measure, task))
    print(_header(options.requests))
    misses = []
    for result in results:
        print(_tables(result))
        misses += _misses(result)
    print("Targets: " + ("all met." if not misses else "missed:"))
    for miss in misses:
        print(f"- {miss}")
    if options.json is not None:
        document = {"requests": options.requests, "results": [asdict(r) for r in results]}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if misses else 0


def measure(kind: str, version: str, url: str, rounds: int, requests: int, seconds: float) -> Result:
    """All that is known about one store. In a process of its own."""
    ends = time.monotonic() + seconds
    candidates, missing = contenders(kind, url)
    asking = [Contender(name, _CLIENT, _asking(ask)) for name, ask in _round_trips(kind, url).items()]
    load = [os.getloadavg()[0]]
    times: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    bare: dict[tuple[str, str], list[float]] = {}
    ours = [one for one in candidates if (one.framework, one.name) == ("WSGI", OURS)]
    turns = [[one] for one in candidates if one not in ours] + [[*asking, *ours]]
    done = 0
    for number in range(rounds + 1):
        if number > _LEAST_ROUNDS and time.monotonic() > ends:
            break
        done = number
        random.shuffle(turns)
        for one in itertools.chain.from_iterable(turns):
            gc.collect()
            for page in PAGES if one.framework != _CLIENT else PAGES[:1]:
                taken = _timed_page(one, page, requests if number else _WARM_UP)
                p50, p99 = _percentile(taken, 50), _percentile(taken, 99)
                if number and one.name == BARE:
                    bare.setdefault((one.framework, page), []).append(p50)
                elif number:
                    times.setdefault((one.framework, one.name, page), []).append((p50, p99))
        load.append(os.getloadavg()[0])
    figures, each_round = [], {}
    for (framework, name, page), each in times.items():
        subtract = bare["WSGI" if framework == _CLIENT else framework, page]
        above50 = [p50 - base for (p50, _), base in zip(each, subtract, strict=True)]
        each_round[framework, name, page] = above50
        above99 = [p99 - base for (_, p99), base in zip(each, subtract, strict=True)]
        figures.append(Figure(kind, framework, name, page, statistics.median(above50), statistics.median(above99)))
    memory = _memory(url, candidates) if kind == "redis" else {}
    trips = {figure.name: figure.p50 for figure in figures if figure.framework == _CLIENT}
    trips = {contender.name: trips[contender.name] for contender in asking}
    figures = [figure for figure in figures if figure.framework != _CLIENT]
    ratios = _ratios(
        [each_round[_CLIENT, name, PAGES[0]] for name in trips],
        each_round["WSGI", OURS, "read"],
        each_round["WSGI", OURS, "write"],
    )
    return Result(kind, f"{kind} {version}", done, statistics.mean(load), figures, trips, ratios, memory, missing)


def _ratios(trips: list[list[float]], reads: list[float], writes: list[float]) -> tuple[float, float]:
    """See :class:`Result`; all are of each round, and each round has a ratio of its own."""
    asked_reads, asked_writes = trips
    of_reads = [ours / asked for ours, asked in zip(reads, asked_reads, strict=True)]
    asked = [sum(both) for both in zip(asked_reads, asked_writes, strict=True)]
    return statistics.median(of_reads), statistics.median(ours / of for ours, of in zip(writes, asked, strict=True))


def _keep_to(core: int) -> None:
    """Run on one core from here on, with all processes started from here; wherever the machine has two and says so."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > max(_SERVERS_CORE, _CLIENTS_CORE):
        os.sched_setaffinity(0, {core})


def _timed_page(contender: Contender, page: str, requests: int) -> list[int]:
    app, taken = contender.app, []
    for _ in range(requests):
        environ = contender.environ(page)
        began = time.perf_counter_ns()
        answer = visit(app, environ)
        taken.append(time.perf_counter_ns() - began)
        if not answer[0].startswith("200"):
            raise RuntimeError(f"{contender.name} on {page}: {answer[0]} {answer[2][:200]!r}")
    return taken


def _asking(ask: Callable[[], object]) -> Callable[..., list[bytes]]:
    """A WSGI app that asks the server once, by itself."""

    def page(environ: Any, start_response: Any) -> list[bytes]:
        ask()
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"hello"]

    return page


def _percentile(nanoseconds: list[int], percent: int) -> float:
    """Microseconds, by the nearest rank: of a hundred, the 99th percentile is the longest but one."""
    ordered = sorted(nanoseconds)
    return ordered[-(-len(ordered) * percent // 100) - 1] / 1000


def _round_trips(kind: str, url: str) -> dict[str, Callable[[], object]]:
    """What the plain client needs to read and to write a value as large as the visitor's session."""
    value = b"v" * size_of_visitor()
    if kind == "redis":
        import redis

        client = redis.Redis.from_url(url)
        client.set("bare", value)
        return {"GET": lambda: client.get("bare"), "SET": lambda: client.set("bare", value, ex=7200)}
    import pymysql

    place = sa.make_url(url)
    connection = pymysql.connect(
        host=place.host or "",
        port=place.port or 0,
        user=place.username,
        password=str(place.password or ""),
        database=place.database,
        autocommit=True,
    )
    cursor, turns = connection.cursor(), iter(range(10**9))
    cursor.execute("CREATE TABLE bare (id VARBINARY(32) PRIMARY KEY, n INT, value BLOB)")
    cursor.execute("INSERT INTO bare VALUES ('bare', 0, %s)", (value,))

    def select() -> object:
        cursor.execute("SELECT value FROM bare WHERE id = %s", (b"bare",))
        return cursor.fetchone()

    def update() -> object:
        return cursor.execute("UPDATE bare SET n = %s, value = %s WHERE id = %s", (next(turns), value, b"bare"))

    return {"SELECT": select, "UPDATE": update}


def _memory(url: str, candidates: list[Contender]) -> dict[str, int]:
    """Bytes that a visitor takes in Redis, by library; of ours also where the server keeps larger values compact."""
    import redis

    with redis.Redis.from_url(url) as client:
        taken = {one.name: _bytes_of_a_visitor(client, one) for one in candidates if one.keys}
        client.config_set("hash-max-listpack-value", _COMPACT)
        for one in candidates:
            if one.keys and one.name == OURS:
                taken[f"{OURS} with hash-max-listpack-value {_COMPACT}"] = _bytes_of_a_visitor(client, one)
    return taken


def _bytes_of_a_visitor(client: Any, contender: Contender) -> int:
    client.flushdb()
    for _ in range(_VISITORS):
        contender.new_visitor()
    names = list(client.scan_iter(match=contender.keys, count=1000))
    if len(names) != _VISITORS:
        raise RuntimeError(f"{contender.name}: {len(names)} keys {contender.keys} for {_VISITORS} visitors")
    sizes: list[Any] = [client.memory_usage(name, samples=0) for name in names]
    return int(sum(sizes)) // _VISITORS


def _database(admin_url: str, url: str) -> str:
    engine = sa.create_engine(admin_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE bench"))
    engine.dispose()
    return url


def _header(requests: int) -> str:
    return (
        f"Python {platform.python_version()}, {os.cpu_count()} cores; in each round {requests} requests of each. "
        f"A visitor's values are {size_of_visitor()} bytes as JSON, the large write {size_of_history()}.\n"
    )


def _tables(result: Result) -> str:
    trips = ", ".join(f"{name} {taken:.0f}" for name, taken in result.trips.items())
    lines = [
        f"## {result.server}: {result.rounds} rounds at load {result.load:.1f}; bare client: {trips} µs\n",
        "µs above the bare app, p50 / p99:\n",
        "| framework | sessions | " + " | ".join(PAGES) + " |",
        "|---|---|" + "--:|" * len(PAGES),
    ]
    rows: dict[tuple[str, str], dict[str, Figure]] = {}
    for figure in result.figures:
        rows.setdefault((figure.framework, figure.name), {})[figure.page] = figure
    for (framework, name), cells in sorted(rows.items(), key=lambda row: (row[0][0] != "WSGI", row[0])):
        shown = (f"{cells[page].p50:.0f} / {cells[page].p99:.0f}" for page in PAGES)
        lines.append(f"| {framework} | {name} | " + " | ".join(shown) + " |")
    one, two = result.ratios
    lines.append(f"\nzdsession: a read is {one:.2f} bare reads, a write {two:.2f} of a bare read and a bare write.")
    if result.memory:
        shown = (f"{name} {size:,}" for name, size in sorted(result.memory.items(), key=lambda item: item[1]))
        lines.append("\nBytes of a visitor in Redis: " + ", ".join(shown) + ".")
    lines += [f"\n{name} does not work here: {why}" for name, why in result.missing.items()]
    return "\n".join(lines) + "\n"


def _misses(result: Result) -> list[str]:
    """Where ours is neither the lowest of its framework nor near it, or above what is asked of it by itself."""
    found = []
    for ours in (figure for figure in result.figures if figure.name == OURS):
        peers = [f for f in result.figures if (f.framework, f.page) == (ours.framework, ours.page) and f.name != OURS]
        for which in ("p50", "p99"):
            lowest = min(peers, key=lambda figure: getattr(figure, which), default=None)
            mine: float = getattr(ours, which)
            if lowest is not None and mine > getattr(lowest, which) + _NEAR:
                found.append(
                    f"{result.store}, {ours.framework}, {ours.page}, {which}: {mine:.0f} µs, "
                    f"{lowest.name} {getattr(lowest, which):.0f} µs"
                )
        if ours.framework == "WSGI" and ours.page == "untouched" and ours.p50 > _UNTOUCHED:
            found.append(f"{result.store}: an untouched page costs {ours.p50:.1f} µs, more than {_UNTOUCHED}")
    if result.ratios[0] > _READ:
        found.append(f"{result.store}: a read costs {result.ratios[0]:.2f} bare reads, more than {_READ}")
    return found


if __name__ == "__main__":
    sys.exit(main())
