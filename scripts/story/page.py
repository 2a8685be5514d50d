"""The page of a run: one file of HTML with its chart as SVG, which loads nothing."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from scripts.story.outcome import Mark, Outcome, Second, bins

_BIN = 1.0
_NEW = "2.0"
_LEFT, _RIGHT, _WIDTH = 64, 16, 1120
_INK, _SOFT, _BLUE, _ORANGE, _RED, _GREEN = "#1c2733", "#67737f", "#2f6fb0", "#d98a1f", "#c0322b", "#2b8a50"

_STYLE = f"""
body {{ font: 15px/1.5 system-ui, sans-serif; color: {_INK}; background: #fff; margin: 0 auto; padding: 24px;
  max-width: {_WIDTH}px }}
h1 {{ font-size: 26px; margin: 0 0 4px }} p {{ margin: 4px 0 16px; color: {_SOFT} }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 12px; margin: 16px 0 }}
.tile {{ flex: 1; min-width: 120px; border: 1px solid #dde3e9; border-top: 4px solid {_SOFT}; border-radius: 6px;
  padding: 10px 14px }}
.tile.good {{ border-top-color: {_GREEN} }} .tile.bad {{ border-top-color: {_RED} }}
.tile b {{ display: block; font-size: 18px; white-space: nowrap; line-height: 1.25 }}
.tile span {{ color: {_SOFT}; font-size: 13px }}
svg text {{ font: 12px system-ui, sans-serif; fill: {_SOFT} }} svg .title {{ fill: {_INK}; font-weight: 600 }}
table {{ border-collapse: collapse; width: 100%; margin-top: 12px }}
td, th {{ text-align: left; padding: 4px 8px; border-bottom: 1px solid #eef1f4; vertical-align: top; font-size: 13px }}
"""


def page(outcome: Outcome) -> str:
    """The whole page."""
    marks = sorted(outcome.marks, key=lambda mark: mark.at)
    seconds = bins(outcome.samples, _BIN, _NEW)
    verdict = "nothing failed, nothing was lost" if outcome.green else "not green"
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{_text(outcome.title)}</title><style>{_STYLE}</style>
<h1>{_text(outcome.title)}: {verdict}</h1>
<p>{" · ".join(_text(f"{name} {value}") for name, value in outcome.facts.items())}</p>
<div class="tiles">{"".join(_tiles(outcome))}</div>
{_chart(seconds, marks)}
{_list("What happened", [f"{_clock(mark.at, seconds)} {mark.name}" + _took(mark) for mark in marks])}
{_list("Why it is not green", outcome.reasons)}
{
        _list(
            "What visitors met",
            [f"{_clock(item['at'], seconds)} {item['kind']}: {item['what']}" for item in outcome.problems[:40]],
        )
    }
</html>
"""


def _tiles(outcome: Outcome) -> Iterable[str]:
    figures = outcome.figures()
    begun, stored = outcome.sessions["begun"], figures["orders_stored"]
    agree = not (outcome.orders_lost or outcome.orders_doubled or outcome.orders_in_doubt)
    orders = f"{len(outcome.acknowledged):,} {'=' if agree else '≠'} {stored:,}"
    pages = f"pages in {figures['seconds']:.0f} s, median {figures['median_ms']:.0f} ms"
    yield _tile(f"{outcome.failed:,}", "failed requests", not outcome.failed)
    yield _tile(f"{outcome.sessions_lost:,}", f"of {begun} sessions lost", not outcome.sessions_lost)
    yield _tile(orders, "orders acknowledged, in the database", agree)
    yield _tile(f"{outcome.longest_ms / 1000:.2f} s", "longest wait for a page", None)
    yield _tile(f"{outcome.longest_silence:.2f} s", "longest without any page", None)
    yield _tile(f"{figures['pages']:,}", pages, None)


def _tile(number: str, what: str, good: bool | None) -> str:
    kind = "" if good is None else " good" if good else " bad"
    return f'<div class="tile{kind}"><b>{_text(number)}</b><span>{_text(what)}</span></div>'


def _chart(seconds: Sequence[Second], marks: Sequence[Mark]) -> str:
    if not seconds:
        return "<p>No page was asked for.</p>"
    begin, end = seconds[0].at, seconds[-1].at + _BIN
    x = _Scale(begin, end, _LEFT, _WIDTH - _RIGHT)
    lanes, height = _lanes(marks, x)
    top = 24 + height
    parts = [lanes]
    parts.append(_throughput(seconds, x, top, 170))
    parts.append(_share(seconds, x, top + 190))
    parts.append(_latency(seconds, x, top + 240, 220))
    bottom = top + 240 + 220
    for number, mark in enumerate(marks):
        if mark.end is None:
            parts.append(_line(x(mark.at), 20, x(mark.at), bottom, _INK, 'stroke-dasharray="3 3"'))
        else:
            width = max(1.0, x(mark.end) - x(mark.at))
            parts.append(
                f'<rect x="{x(mark.at):.1f}" y="{top}" width="{width:.1f}" height="{bottom - top}" '
                f'fill="{_BLUE}" opacity="{0.05 if number % 2 else 0.11}"/>'
            )
    for tick in range(0, int(end - begin) + 1, _step(end - begin)):
        parts.append(f'<text x="{x(begin + tick):.1f}" y="{bottom + 18}" text-anchor="middle">{tick} s</text>')
    return (
        f'<svg viewBox="0 0 {_WIDTH} {bottom + 28}" width="100%" role="img" '
        f'aria-label="Pages per second and how long they took">{"".join(parts)}</svg>'
    )


class _Scale:
    """From a value to a place."""

    def __init__(self, low: float, high: float, first: float, last: float) -> None:
        self._low, self._span = low, (high - low) or 1.0
        self._first, self._length = first, last - first

    def __call__(self, value: float) -> float:
        return self._first + (value - self._low) / self._span * self._length


def _lanes(marks: Sequence[Mark], x: _Scale) -> tuple[str, int]:
    """Names of what happened, each in the first line where it does not run into another."""
    ends: list[float] = []
    parts = []
    for mark in marks:
        place = min(x(mark.at), _WIDTH - _RIGHT - len(mark.name) * 6.6)
        lane = next((number for number, last in enumerate(ends) if last < place), len(ends))
        if lane == len(ends):
            ends.append(0.0)
        ends[lane] = place + len(mark.name) * 6.6 + 8
        y = 14 + lane * 16
        parts.append(f'<text class="title" x="{place:.1f}" y="{y}">{_text(mark.name)}</text>')
    return "".join(parts), len(ends) * 16


def _throughput(seconds: Sequence[Second], x: _Scale, top: float, height: float) -> str:
    most = max(second.pages for second in seconds) / _BIN
    y = _Scale(0, most * 1.05, top + height, top)
    line = " ".join(f"{x(second.at):.1f},{y(second.pages / _BIN):.1f}" for second in seconds)
    area = f"{x(seconds[0].at):.1f},{y(0):.1f} {line} {x(seconds[-1].at):.1f},{y(0):.1f}"
    failed = "".join(
        f'<rect x="{x(second.at):.1f}" y="{y(second.failed / _BIN):.1f}" width="3" '
        f'height="{y(0) - y(second.failed / _BIN):.1f}" fill="{_RED}"/>'
        for second in seconds
        if second.failed
    )
    step = _step(most, 5)
    grid = "".join(_rule(y(value), f"{value:g}") for value in range(0, int(most) + 1, step))
    return (
        f'<text class="title" x="{_LEFT}" y="{top - 4}">pages a second (failed in red)</text>{grid}'
        f'<polygon points="{area}" fill="{_BLUE}" opacity="0.18"/>'
        f'<polyline points="{line}" fill="none" stroke="{_BLUE}" stroke-width="1.5"/>{failed}'
    )


def _share(seconds: Sequence[Second], x: _Scale, top: float) -> str:
    """Which version answered, as a strip."""
    width = x(_BIN) - x(0) + 0.5
    bars = []
    for second in seconds:
        if second.pages:
            part = 16 * second.new / second.pages
            bars.append(
                f'<rect x="{x(second.at):.1f}" y="{top:.1f}" width="{width:.1f}" height="16" fill="#d5dce3"/>'
                f'<rect x="{x(second.at):.1f}" y="{top + 16 - part:.1f}" width="{width:.1f}" height="{part:.1f}" '
                f'fill="{_GREEN}"/>'
            )
    return f'<text x="4" y="{top + 12}">version 2</text>{"".join(bars)}'


def _latency(seconds: Sequence[Second], x: _Scale, top: float, height: float) -> str:
    most = max(max(second.longest for second in seconds), 100.0)
    y = _Scale(0, math.log10(most * 1.2), top + height, top)
    grid = "".join(
        _rule(y(power), f"{10**power:g} ms" if power < 3 else f"{10 ** (power - 3):g} s")
        for power in range(int(math.log10(most)) + 1)
    )

    def line(values: Iterable[tuple[float, float]], colour: str, width: float) -> str:
        points = " ".join(f"{x(at):.1f},{y(math.log10(max(value, 1))):.1f}" for at, value in values)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>'

    there = [second for second in seconds if second.pages]
    return (
        f'<text class="title" x="{_LEFT}" y="{top - 6}">how long a page took: '
        f'<tspan fill="{_RED}">longest</tspan>, <tspan fill="{_ORANGE}">99 of 100</tspan>, '
        f'<tspan fill="{_BLUE}">median</tspan></text>{grid}'
        + line(((second.at, second.longest) for second in there), _RED, 1)
        + line(((second.at, second.p99) for second in there), _ORANGE, 1)
        + line(((second.at, second.median) for second in there), _BLUE, 1.6)
    )


def _rule(y: float, label: str) -> str:
    return (
        _line(_LEFT, y, _WIDTH - _RIGHT, y, "#e6ebf0")
        + f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def _step(span: float, parts: int = 12) -> int:
    """A round distance between ticks."""
    return next((step for step in (1, 2, 5, 10, 20, 30, 60, 100, 200, 300, 600) if span / step <= parts), 1000)


def _list(title: str, lines: Iterable[str]) -> str:
    rows = "".join(f"<tr><td>{_text(line)}</td></tr>" for line in lines)
    return f"<table><tr><th>{title}</th></tr>{rows}</table>" if rows else ""


def _took(mark: Mark) -> str:
    return "" if mark.end is None else f" ({mark.end - mark.at:.1f} s)"


def _clock(at: float, seconds: Sequence[Second]) -> str:
    return f"{at - seconds[0].at:.1f} s:" if seconds else ""


def _text(value: object) -> str:
    return html.escape(str(value))
