"""What came of a run, as values: how many pages, which failed, whose session was lost, which orders. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One page.

    Attributes:
        at: when it was asked for, seconds since the epoch.
        ms: until it was there.
        status: 0 when no answer came.
        version: of the node that answered, "" if that is unknown.
    """

    at: float
    ms: float
    page: str
    status: int
    version: str

    @property
    def end(self) -> float:
        """When it was there."""
        return self.at + self.ms / 1000


@dataclass(frozen=True)
class Mark:
    """Something that happened, for the chart. Without an end it was a moment."""

    at: float
    name: str
    end: float | None = None


@dataclass(frozen=True)
class Second:
    """All pages that were answered within one bin of the chart."""

    at: float
    pages: int
    failed: int
    new: int
    median: float
    p99: float
    longest: float


@dataclass(frozen=True)
class Outcome:
    """What there is to show.

    Attributes:
        problems: what visitors met, each with ``at``, ``kind`` (failed, session, order) and ``what``.
        acknowledged: orders whose page was shown. stored: those in the database, by how often. asked: all that were
            sent: one whose answer was lost may be there or not.
        marks: what happened when.
        reasons: why it is not green besides what visitors met.
        facts: name and value, for the head of the page.
    """

    title: str
    samples: Sequence[Sample]
    problems: Sequence[Mapping[str, Any]]
    acknowledged: Mapping[str, str]
    stored: Mapping[str, int]
    asked: frozenset[str]
    sessions: Mapping[str, int]
    marks: Sequence[Mark] = ()
    reasons: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Requests that a visitor would call failed: no answer, a status that is none of the shop's, a wrong page."""
        return len([problem for problem in self.problems if problem["kind"] == "failed"])

    @property
    def sessions_lost(self) -> int:
        """Visitors who were logged out or lost what was in their cart, or who were not logged in at the end."""
        met = len([problem for problem in self.problems if problem["kind"] == "session"])
        return max(met, int(self.sessions["begun"] - self.sessions["kept"]))

    @property
    def orders_lost(self) -> list[str]:
        """Acknowledged, and not in the database."""
        return sorted(set(self.acknowledged) - set(self.stored))

    @property
    def orders_doubled(self) -> list[str]:
        """More than once in the database, or there though nobody asked for it."""
        return sorted(key for key, times in self.stored.items() if times != 1 or key not in self.asked)

    @property
    def orders_in_doubt(self) -> int:
        """Asked for, without an answer, and in the database: the visitor finds it in the account."""
        return len(set(self.stored) - set(self.acknowledged))

    @property
    def longest_ms(self) -> float:
        """The longest that somebody waited for a page."""
        return max((sample.ms for sample in self.samples), default=0.0)

    @property
    def longest_silence(self) -> float:
        """The longest time, in seconds, in which nobody got a good page."""
        ends = sorted(sample.end for sample in self.samples if 200 <= sample.status < 400)
        return max((later - earlier for earlier, later in itertools.pairwise(ends)), default=0.0)

    @property
    def seconds(self) -> float:
        """How long visitors were there."""
        return max(sample.end for sample in self.samples) - min(sample.at for sample in self.samples)

    @property
    def green(self) -> bool:
        """Nothing failed, nothing was lost, and the release came to its end."""
        lost = self.sessions_lost or self.orders_lost or self.orders_doubled or self.orders_in_doubt
        return bool(self.samples) and not (self.problems or lost or self.reasons)

    def figures(self) -> dict[str, Any]:
        """The numbers, as JSON can hold them."""
        times = sorted(sample.ms for sample in self.samples)
        return {
            "green": self.green,
            "pages": len(self.samples),
            "seconds": round(self.seconds, 1),
            "failed_requests": self.failed,
            "sessions": dict(self.sessions),
            "sessions_lost": self.sessions_lost,
            "orders_acknowledged": len(self.acknowledged),
            "orders_stored": sum(self.stored.values()),
            "orders_lost": len(self.orders_lost),
            "orders_doubled": len(self.orders_doubled),
            "orders_in_doubt": self.orders_in_doubt,
            "median_ms": quantile(times, 0.5),
            "p99_ms": quantile(times, 0.99),
            "longest_ms": round(self.longest_ms, 1),
            "longest_silence_s": round(self.longest_silence, 2),
            "reasons": list(self.reasons),
            **self.facts,
        }


def quantile(times: Sequence[float], part: float) -> float:
    """Of sorted times; 0 for none."""
    return round(times[min(len(times) - 1, math.floor(part * len(times)))], 1) if times else 0.0


def bins(samples: Iterable[Sample], width: float, new: str) -> list[Second]:
    """The samples in bins of ``width`` seconds by when they were there; a bin without pages is there too.

    Args:
        new: the version whose share is counted.
    """
    by_bin: dict[int, list[Sample]] = {}
    for sample in samples:
        by_bin.setdefault(int(sample.end // width), []).append(sample)
    if not by_bin:
        return []
    made = []
    for number in range(min(by_bin), max(by_bin) + 1):
        here = by_bin.get(number, [])
        times = sorted(sample.ms for sample in here)
        failed = sum(not 200 <= sample.status < 400 for sample in here)
        share = sum(sample.version == new for sample in here)
        longest = times[-1] if times else 0.0
        spread = (quantile(times, 0.5), quantile(times, 0.99), longest)
        made.append(Second(number * width, len(here), failed, share, *spread))
    return made
