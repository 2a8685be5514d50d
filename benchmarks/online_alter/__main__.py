"""One ALTER that copies a table, four ways, under the same load: what its writers feel, and what it takes.

    python -m benchmarks.online_alter [--rows 1000000] [--rate 100] [--seconds 15] [--json FILE] [--only NAME]

Each contender gets fresh servers on loopback: a MySQL primary with one replica and durable logs. The peers are found
on PATH, or by PT_ONLINE_SCHEMA_CHANGE and GH_OST; one that is missing is named and left out. Prints a Markdown table.
Exit code 1 when a contender failed, or rows were not exact. Docs: docs/online-alter.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymysql

from benchmarks.online_alter.contenders import CONTENDERS, Contender, FailedError, run
from benchmarks.online_alter.figures import NoResult, Result, besides_load, latency, longest_gap, table
from benchmarks.online_alter.load import Load
from benchmarks.online_alter.shop import Room, Shop, open_shop
from tests.servers import ServerError

_WARM_SECONDS = 3
#: For one contender's command.
_LIMIT = 1800


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.online_alter",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=100, help="writes a second, and as many reads")
    parser.add_argument("--seconds", type=float, default=15, help="of the load alone, before the change")
    parser.add_argument("--json", type=Path, help="write all figures there")
    parser.add_argument("--only", action="append", choices=[one.name for one in CONTENDERS], metavar="NAME")
    given = parser.parse_args(arguments)
    if given.rows < 1 or given.rate <= 0 or given.seconds <= 0:
        parser.error("--rows, --rate and --seconds have to be above 0")
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    results: list[Result | NoResult] = []
    server = ""
    for contender in CONTENDERS:
        if given.only and contender.name not in given.only:
            continue
        if why := contender.is_missing():
            results.append(NoResult(contender.name, why, is_missing=True))
            print(f"{contender.name}: {why}; it is left out", file=sys.stderr)
            continue
        print(f"{contender.name}: filling {given.rows:,} rows", file=sys.stderr)
        began = time.monotonic()
        result, server = measure(contender, given.rows, given.rate, given.seconds)
        results.append(result)
        print(f"{contender.name}: done after {time.monotonic() - began:.0f} s", file=sys.stderr)
    if server:
        print(f"MySQL {server}, {given.rows:,} rows, {given.rate:g} writes/s and as many reads; {machine}\n")
    print(table(results))
    if given.json:
        figures = {"machine": machine, "server": server, "rows": given.rows, "rate": given.rate}
        given.json.write_text(json.dumps({**figures, "results": [one.as_json() for one in results]}, indent=2) + "\n")
    return 1 if any(not one.is_missing if isinstance(one, NoResult) else one.wrong for one in results) else 0


def measure(contender: Contender, rows: int, rate: float, seconds: float) -> tuple[Result | NoResult, str]:
    """One contender on fresh servers: what was seen, and their version."""
    with tempfile.TemporaryDirectory(prefix="zdrelease-bench-") as made, open_shop(rows) as shop:
        folder, server = Path(made), shop.pair.primary.server.version
        try:
            return _measure(contender, shop, Load(shop.app, rows, rate), seconds, folder), server
        except (FailedError, OSError, subprocess.SubprocessError, ServerError, pymysql.MySQLError) as error:
            why = str(error) or repr(error)
            print(f"{contender.name} failed: {why}", file=sys.stderr)
            return NoResult(contender.name, why.splitlines()[-1], is_missing=False), server


def _measure(contender: Contender, shop: Shop, load: Load, seconds: float, folder: Path) -> Result:
    """Raises whatever keeps it from figures."""
    version, command = contender.version(), contender.prepare(shop, folder)
    with load:
        time.sleep(_WARM_SECONDS)
        moments = [_Moment.of(shop)]
        time.sleep(seconds)
        moments.append(_Moment.of(shop))
        busy = os.getloadavg()[0]
        with Room(shop.pair) as room:
            run(command, folder, _LIMIT)
            ended = time.monotonic()
            shop.wait_for_both()
            moments.append(_Moment.of(shop))
        before, begin, end = (moment.at for moment in moments)
        load.wait_until_answered(end)
    shop.wait_for_both()
    for said, times in load.errors.most_common(5):
        print(f"{contender.name}: {times} times {said}", file=sys.stderr)
    writes = [sum(a <= one.done < b for one in load.writes) for a, b in ((before, begin), (begin, end))]

    def besides(of: Callable[[_Moment], float]) -> float:
        first, second, third = map(of, moments)
        return besides_load(third - second, writes[1], second - first, writes[0])

    def processor(node: str) -> float:
        return besides(lambda moment: moment.processor[node])

    return Result(
        contender=contender.name,
        version=version,
        command=ended - begin,
        both=end - begin,
        writes_before=latency(load.writes, before, begin),
        writes_during=latency(load.writes, begin, end),
        reads_before=latency(load.reads, before, begin),
        reads_during=latency(load.reads, begin, end),
        gap=longest_gap(load.writes, begin, end),
        failed=sum(begin <= at <= end for at in load.failed),
        disk=room.peak,
        binlog=besides(lambda moment: moment.binlog),
        processor={node.name: processor(node.name) for node in shop.pair.nodes},
        busy=busy,
        lag=max((seen.seconds for seen in load.behind if begin <= seen.at <= end), default=0.0),
        acknowledged=len(load.acknowledged),
        wrong=shop.wrong(load),
        note=contender.note(folder),
    )


@dataclass(frozen=True)
class _Moment:
    """What the servers had used by a moment."""

    at: float
    binlog: int
    processor: dict[str, float]

    @classmethod
    def of(cls, shop: Shop) -> _Moment:
        return cls(time.monotonic(), shop.binlog(), shop.processor())


if __name__ == "__main__":
    sys.exit(main())
