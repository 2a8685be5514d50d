"""The figures of one project, and the page of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scripts.real_histories.compare import LiveComparison, StubComparison, compare_live, compare_stubs, is_unknown

#: What issue 2 asks.
INSTALLED_UNKNOWN, STUBBED_UNKNOWN, LIVE_IDENTICAL = 1.0, 10.0, 98.0

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass
class Outcome:
    """What the three ways gave for one project."""

    name: str
    version: str
    server: str
    installed: dict[str, Any] = field(default_factory=dict)
    unpacked: dict[str, Any] = field(default_factory=dict)
    bare: dict[str, Any] = field(default_factory=dict)
    live: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None

    @staticmethod
    def changes(run: dict[str, Any]) -> int:
        """Changes of a run; a revision that could not be replayed counts as one more, as in the plan's summary."""
        return sum(run["counts"].values())

    @classmethod
    def unknown(cls, run: dict[str, Any]) -> float:
        """Unknown changes in percent of all."""
        return 100 * float(run["counts"]["unknown"]) / max(cls.changes(run), 1)

    @staticmethod
    def unknown_revisions(run: dict[str, Any]) -> list[dict[str, Any]]:
        """Revisions with an error or an unknown change."""
        return [item for item in run["revisions"] if is_unknown(item)]

    def stubs(self, way: str) -> StubComparison:
        """The installed run against one with stand-ins."""
        return compare_stubs(self.installed["revisions"], getattr(self, way)["revisions"])

    @cached_property
    def compared(self) -> list[LiveComparison]:
        """The installed run against the server, for the revisions that ran there to the end."""
        recorded = {item["revision"]: item for item in self.installed["revisions"]}
        return [
            compare_live(recorded[item["revision"]], item) for item in self.live["revisions"] if item["error"] is None
        ]

    def identical(self) -> float:
        """Revisions with identical statements, in percent of those that ran."""
        return 100 * sum(item.identical for item in self.compared) / max(len(self.compared), 1)

    def summary(self, way: str) -> str:
        """One line."""
        if way == "live":
            ran = len(self.compared) if self.installed else 0
            return f"live: {ran} of {len(self.live['revisions'])} ran, {self.identical():.1f} % identical"
        run = getattr(self, way)
        unknown = len(self.unknown_revisions(run))
        return (
            f"{way}: {len(run['revisions'])} revisions ({unknown} unknown), {self.changes(run)} changes "
            f"({self.unknown(run):.2f} % unknown); {run['seconds']:.1f} s, {run['peak_mb']:.0f} MB"
        )

    def shortcomings(self) -> list[str]:
        """What misses the figures asked for."""
        found = [self.failure] if self.failure else []
        if self.installed and self.unknown(self.installed) >= INSTALLED_UNKNOWN:
            found.append(f"{self.unknown(self.installed):.2f} % of changes unknown with the app installed")
        for way in ("unpacked", "bare"):
            run = getattr(self, way)
            if run and self.unknown(run) >= STUBBED_UNKNOWN:
                found.append(f"{self.unknown(run):.2f} % of changes unknown with stand-ins ({way})")
            if run and self.installed and self.stubs(way).count:
                found.append(f"{self.stubs(way).count} statements missed with stand-ins ({way})")
        if self.installed and self.live and self.identical() < LIVE_IDENTICAL:
            found.append(f"only {self.identical():.1f} % identical to the server")
        return found

    def text(self) -> str:
        """Everything worth knowing, for a person who chases it."""
        lines = [f"== {self.name} {self.version}"]
        for way in ("installed", "unpacked", "bare"):
            run = getattr(self, way)
            for item in self.unknown_revisions(run) if run else ():
                error = item["error"]
                if error:
                    lines.append(f"  {way} {item['path']}:{error['line']} {error['kind']}: {error['message']}")
                for statement in item["statements"]:
                    if statement["verdict"] == "unknown":
                        sql = " ".join(statement["sql"].split())[:120]
                        lines.append(f"  {way} {item['path']}:{statement['line']} {statement['why'][:1]} {sql}")
        for way in ("unpacked", "bare"):
            if self.installed and getattr(self, way):
                for name, missed in self.stubs(way).missed.items():
                    lines += [f"  missed {way} {name}: {text[:160]}" for text in missed]
        if self.installed and self.live:
            for item in self.live["revisions"]:
                if item["error"]:
                    lines.append(f"  live failed {item['revision']}: {item['error'][:200]}")
            for found in self.compared:
                if not found.identical:
                    lines.append(f"  differs {found.revision}")
                    lines += [f"    not recorded: {text[:200]}" for text in found.missing[:6]]
                    lines += [f"    not sent:     {text[:200]}" for text in found.extra[:6]]
        lines += [f"  SHORT: {text}" for text in self.shortcomings()]
        return "\n".join(lines)


def _kinds(run: dict[str, Any]) -> str:
    found = Counter(
        item["error"]["kind"] if item["error"] else "unknown change" for item in Outcome.unknown_revisions(run)
    )
    return ", ".join(f"{count} {kind}" for kind, count in sorted(found.items())) or "none"


def table(outcomes: Sequence[Outcome]) -> str:
    """The figures in Markdown: what is asked for, then what it took."""
    lines = [
        "| history | SQLAlchemy | revisions | replayed | unknown revisions | changes | unknown changes "
        "| live: ran | live: identical | plan, s | peak, MB |",
        "|---|---|--:|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for item in outcomes:
        if item.failure:
            lines.append(f"| {item.name} {item.version} | {item.failure} |" + " |" * 9)
            continue
        run = item.installed
        replayed = sum(one["error"] is None for one in run["revisions"])
        lines.append(
            f"| {item.name} {item.version} | {run['sqlalchemy']} | {len(run['revisions'])} | {replayed} "
            f"| {_kinds(run)} "
            f"| {item.changes(run)} | {run['counts']['unknown']} = {item.unknown(run):.2f} % | {len(item.compared)} "
            f"| {sum(one.identical for one in item.compared)} = {item.identical():.1f} % "
            f"| {run['seconds']:.1f} | {run['peak_mb']:.0f} |"
        )
    lines += [
        "",
        "| history, with stand-ins | scripts only: unknown revisions | unknown changes | statements missed "
        "| wheel unpacked: unknown revisions | unknown changes | statements missed |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for item in outcomes:
        if item.failure:
            continue
        cells = []
        for way in ("bare", "unpacked"):
            run = getattr(item, way)
            cells += [
                f"{len(item.unknown_revisions(run))} of {len(run['revisions'])}",
                f"{run['counts']['unknown']} of {item.changes(run)} = {item.unknown(run):.1f} %",
                str(item.stubs(way).count),
            ]
        lines.append(f"| {item.name} {item.version} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_page(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Put the figures between the markers of the page; its words are a person's."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{table(outcomes)}\n{END}{after}")
