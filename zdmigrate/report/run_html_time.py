"""What the page of a run shows over time: the timeline of steps, and how far replicas were behind."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from zdmigrate.report.run_document import Blocked, Document
from zdmigrate.report.run_html_pieces import STEP_OUTCOMES, long
from zdmigrate.run.record import StepRecord

#: Where a step that is at work on no one node is shown.
_EVERYWHERE = "all"
#: Seconds shown before and after the time in which nobody could write.
_ROUND_BLOCKED = 1.0


def every_blocked(document: Document) -> Iterator[tuple[str, Blocked]]:
    """Each time in which nobody could write, and in which part of a release; counted from the begin of the page's run.

    One that an earlier run of a release saw is shown with that part.
    """
    for blocked in document.blocked:
        yield "", blocked
    for part in document.parts:
        if part.start >= 0:
            for blocked in part.report.blocked:
                yield f", {part.phase}", Blocked(part.start + blocked.start, blocked.milliseconds, blocked.ended)


def timelines(document: Document) -> str:
    """Of the whole run, and again round each short time in which nobody could write; nothing without steps."""
    if not document.steps:
        return ""
    whole = max(document.run.seconds, 0.001)
    parts = [_timeline(document, 0.0, whole)]
    for blocked in document.blocked:  # of a part, its own timeline shows more
        length = (blocked.milliseconds or 0) / 1000
        first, last = max(0.0, blocked.start - _ROUND_BLOCKED), blocked.start + length + _ROUND_BLOCKED
        if blocked.milliseconds is not None and last - first < whole / 3:
            parts += ["<h3>Round the time in which nobody could write</h3>", _timeline(document, first, last)]
    return "".join(parts)


def _timeline(document: Document, first: float, last: float) -> str:
    nodes = document.app.before or document.servers.before
    lanes = [node.name for node in nodes]
    if any(not step.node for step in document.steps):
        lanes.insert(0 if document.app.before else len(lanes), _EVERYWHERE)
    shade = "".join(
        f'<i class=blocked style="{_place(item.start, item.start + item.milliseconds / 1000, first, last)}" '
        f'title="nobody could write for {item.milliseconds:.0f} ms"></i>'
        for _, item in every_blocked(document)
        if item.milliseconds is not None and item.start < last and item.start + item.milliseconds / 1000 > first
    )
    rows = []
    for lane in lanes:
        bars = "".join(
            _bar(step, first, last)
            for step in sorted(document.steps, key=lambda step: -step.seconds)  # short ones lie on top
            if (step.node or _EVERYWHERE) == lane and step.start < last and step.start + step.seconds >= first
        )
        rows.append(f"<div class=lane><b>{escape(lane)}</b><div class=track>{shade}{bars}</div></div>")
    axis = f"<div class=lane><b></b><div class=axis><span>{long(first)}</span><span>{long(last)}</span></div></div>"
    return f"<div class=timeline>{''.join(rows)}{axis}</div>"


def _bar(step: StepRecord, first: float, last: float) -> str:
    kind = STEP_OUTCOMES.get(step.outcome, "bad")
    if step.detail == "replica-first":
        kind += " group"
    end = step.start + step.seconds
    told = f"{step.name}: {step.outcome}, {long(step.seconds)}" + (f"; {step.detail}" if step.detail else "")
    wide = (min(end, last) - max(step.start, first)) / (last - first) > 0.12
    label = f"<span>{escape(step.name)}</span>" if wide else ""
    return f'<i class="bar {kind}" style="{_place(step.start, end, first, last)}" title="{escape(told)}">{label}</i>'


def _place(start: float, end: float, first: float, last: float) -> str:
    length = max(last - first, 1e-9)
    left = max(0.0, (start - first) / length)
    width = max(0.0, (min(end, last) - max(start, first)) / length)
    return f"left:{left * 100:.3f}%;width:{width * 100:.3f}%"


def lag(document: Document) -> str:
    """A chart for each replica."""
    names = list(dict.fromkeys(item.node for item in document.lag))
    if not names:
        return ""
    whole = max(document.run.seconds, 0.001)
    top = max([item.seconds or 0 for item in document.lag] + [1])
    charts = []
    for name in names:
        points = [item for item in document.lag if item.node == name]
        lines, gaps = [], []
        ends = [item.at for item in points[1:]] + [whole]
        for item, end in zip(points, ends, strict=True):
            left, right = item.at / whole * 1000, min(1.0, end / whole) * 1000
            if item.seconds is None:
                gaps.append(f'<rect x="{left:.1f}" y="0" width="{max(0.0, right - left):.1f}" height="100"/>')
            else:
                height = 98 - item.seconds / top * 96
                lines.append(f"M{left:.1f} {height:.1f}H{right:.1f}")
        charts.append(
            f"<div class=lane><b>{escape(name)}</b>"
            '<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" '
            f'aria-label="seconds that {escape(name)} was behind">'
            f'<g class=gap>{"".join(gaps)}</g><path d="{"".join(lines)}"/></svg></div>'
        )
    return (
        f"<div class=lagchart>{''.join(charts)}</div><p class=note>Full height is {top} s. Shaded: it did not apply, "
        "followed nobody, or did not answer.</p>"
    )
