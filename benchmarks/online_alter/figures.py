"""What is computed from what was seen, and the table of it. No I/O."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: Seconds from which an answer counts as late.
LATE = 0.1


@dataclass(frozen=True)
class Answer:
    """A transaction of the load; seconds of one monotonic clock.

    Attributes:
        due: when its turn was, whether or not the client was free by then.
        done: when its COMMIT was acknowledged (a read: when its row was there).
    """

    due: float
    done: float


@dataclass(frozen=True)
class Latency:
    """How long answers took from when they were due; milliseconds. All zero when there were none."""

    count: int
    p50: float
    p99: float
    max: float
    late: int

    @property
    def shown(self) -> str:
        """`p50 / p99 / max`."""
        return " / ".join(milliseconds(value) for value in (self.p50, self.p99, self.max)) if self.count else "none"


@dataclass(frozen=True)
class Result:
    """One contender's run.

    Attributes:
        contender: its name.
        version: what it calls itself.
        command: seconds its command took.
        both: seconds from the start of the command until every node had the change and was level.
        writes_before: of the time before it, as long as asked for.
        writes_during: of `both`.
        reads_before: likewise.
        reads_during: likewise.
        gap: the longest time during it in which no client's write was acknowledged; seconds.
        failed: transactions that ended with an error during it (a deadlock, for example) and were repeated.
        disk: the most bytes each node's folder grew by, binary logs and temporary files included; by node.
        binlog: bytes that the primary wrote to its binary log besides the load's own.
        processor: seconds of a processor that each node's server used besides the load's own; by node.
        busy: the load average of the machine when the command began, our own load included.
        lag: the most that the node furthest behind was behind during it; seconds.
        acknowledged: writes of the whole load.
        wrong: what is not as it must be at the end, a sentence each; empty when all is exact.
        note: what it says of itself, for a line below the table.
    """

    contender: str
    version: str
    command: float
    both: float
    writes_before: Latency
    writes_during: Latency
    reads_before: Latency
    reads_during: Latency
    gap: float
    failed: int
    disk: dict[str, int]
    binlog: float
    processor: dict[str, float]
    busy: float
    lag: float
    acknowledged: int
    wrong: tuple[str, ...] = ()
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self)


@dataclass(frozen=True)
class NoResult:
    """Why a contender has no figures.

    Attributes:
        contender: its name.
        why: one sentence.
        is_missing: it is not on this machine; otherwise it was run and failed.
    """

    contender: str
    why: str
    is_missing: bool

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return asdict(self)


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least this part of all values does not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or `part` is not in (0, 1].
    """
    if not values or not 0 < part <= 1:
        raise ValueError(f"no percentile {part} of {len(values)} values")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered) - 1e-9) - 1)]


def latency(answers: Iterable[Answer], begin: float, end: float) -> Latency:
    """Of the answers that were due from `begin` to before `end`."""
    taken = [answer.done - answer.due for answer in answers if begin <= answer.due < end]
    if not taken:
        return Latency(0, 0, 0, 0, 0)
    return Latency(
        len(taken),
        percentile(taken, 0.5) * 1000,
        percentile(taken, 0.99) * 1000,
        max(taken) * 1000,
        sum(seconds >= LATE for seconds in taken),
    )


def longest_gap(answers: Iterable[Answer], begin: float, end: float) -> float:
    """The longest part of that time in which nothing was acknowledged; seconds."""
    times = sorted(answer.done for answer in answers if begin <= answer.done <= end)
    return max(later - earlier for earlier, later in zip([begin, *times], [*times, end], strict=True))


def besides_load(used: float, writes: int, used_before: float, writes_before: int) -> float:
    """What was used (bytes, seconds of a processor) and not by the load, given what that took beforehand; at least 0.

    Args:
        used: in the time that is asked about.
        writes: acknowledged writes in it.
        used_before: in a time when there was nothing but the load.
        writes_before: acknowledged writes in that.
    """
    each = used_before / writes_before if writes_before else 0.0
    return max(0.0, used - writes * each)


def steps_in(report: Mapping[str, Any], least: float = 0.5) -> str:
    """What took longest in the report of a run (docs/run-report.md): steps on a node of so many seconds, the freeze."""
    steps = [
        f"{one['name']} {one['seconds']:.1f} s" for one in report["steps"] if one["node"] and one["seconds"] >= least
    ]
    blocked = [f"writes blocked {one['milliseconds']:.0f} ms" for one in report["blocked"] if one["milliseconds"]]
    return ", ".join(steps + blocked)


def milliseconds(value: float) -> str:
    """To three digits at most; thousands with a comma."""
    return f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"


def megabytes(count: float) -> str:
    """Bytes as millions of them."""
    return f"{count / 1e6:,.0f}"


_ROWS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("version", lambda r: r.version),
    ("command, s", lambda r: f"{r.command:.1f}"),
    ("until both servers had it, s", lambda r: f"{r.both:.1f}"),
    ("writes before, p50 / p99 / max ms", lambda r: r.writes_before.shown),
    ("**writes during**, p50 / p99 / max ms", lambda r: r.writes_during.shown),
    (f"writes later than {LATE * 1000:.0f} ms, of all during", lambda r: _late(r.writes_during)),
    ("reads before, p50 / p99 / max ms", lambda r: r.reads_before.shown),
    ("reads during, p50 / p99 / max ms", lambda r: r.reads_during.shown),
    ("longest time without any write, s", lambda r: f"{r.gap:.2f}"),
    ("errors the clients saw", lambda r: f"{r.failed:,}"),
    ("extra disk at its peak, first primary / its replica MB", lambda r: " / ".join(map(megabytes, r.disk.values()))),
    ("binary log of the first primary besides the load's, MB", lambda r: megabytes(r.binlog)),
    ("processor besides the load's, likewise s", lambda r: " / ".join(f"{one:.1f}" for one in r.processor.values())),
    ("load average of the machine as it began", lambda r: f"{r.busy:.1f}"),
    ("replica behind, max s", lambda r: f"{r.lag:.1f}"),
    ("acknowledged writes; rows at the end", lambda r: f"{r.acknowledged:,}; {'; '.join(r.wrong) or 'exact'}"),
)


def table(results: Sequence[Result | NoResult]) -> str:
    """A Markdown table with a column for each contender that ran, and a line below for each that did not."""
    ran = [result for result in results if isinstance(result, Result)]
    lines = []
    if ran:
        lines = ["| | " + " | ".join(result.contender for result in ran) + " |", "|---|" + "--:|" * len(ran)]
        lines += [f"| {head} | " + " | ".join(cell(result) for result in ran) + " |" for head, cell in _ROWS]
    for result in results:
        if isinstance(result, Result) and result.note:
            lines += ["", f"{result.contender}: {result.note}."]
        if isinstance(result, NoResult):
            state = "was not found" if result.is_missing else "failed"
            lines += ["", f"{result.contender} {state}: {result.why}"]
    return "\n".join(lines).lstrip("\n")


def _late(seen: Latency) -> str:
    return f"{seen.late:,} of {seen.count:,}"
