"""The report of a run as one HTML page: no script, nothing from elsewhere; for a phone, paper, dark and light."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from zdmigrate.report.run_document import Document
from zdmigrate.report.run_style import STYLE
from zdmigrate.run.record import ChangeRecord, NodeRecord, StepRecord

#: Where a step that is at work on no one node is shown.
_EVERYWHERE = "all"
#: Seconds shown before and after the time in which nobody could write.
_ROUND_BLOCKED = 1.0
#: Characters of a figure that has a card of its own.
_CARD = 16
_OUTCOMES = {"done": "ok", "aborted": "warn", "needs a person": "bad", "failed": "bad"}
_STEP_OUTCOMES = {"done": "ok", "undone": "warn", "waits": "wait", "failed": "bad", "undo-failed": "bad"}


def render(document: Document) -> str:
    """The page."""
    run = document.run
    title = f"{run.kind} {run.id}"
    body = "\n".join(
        filter(
            None,
            (
                _head(document),
                _figures(document),
                _todo(document),
                _section("Timeline", _timelines(document)),
                _section("How far replicas were behind", _lag(document)),
                _section("Rows compared", _checksums(document)),
                _section("What was carried out", _revisions(document)),
                _section("What was accepted", _accepted(document)),
                _section("To know", _notes(document)),
                _section("Servers", _servers(document)),
                _section("Settings", _settings(document)),
                _folded("Every step", _steps(document), len(document.steps)),
                _folded("Every statement", _statements(document), len(document.statements)),
            ),
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<footer>zdmigrate {escape(document.zdmigrate)} · times are UTC · the same as JSON lies beside this page"
        "</footer>\n</body>\n</html>\n"
    )


# --- the top


def _head(document: Document) -> str:
    run = document.run
    moved = f" {escape(run.old_primary)} → {escape(run.new_primary)}" if run.new_primary else ""
    continued = " · went on with a run that had stopped" if run.continued else ""
    began = run.began.replace("T", " ").partition(".")[0]
    said = f"<p class=said>{escape(run.message)}</p>" if run.message else ""
    next_ = f"<p>Next:</p><pre class=next>{escape(run.next)}</pre>" if run.next else ""
    return (
        f"<header><p class=badge><span class={_OUTCOMES[run.outcome]}>{escape(run.outcome)}</span></p>"
        f"<h1>{escape(run.kind)}{moved}</h1>"
        f"<p class=sub>run {escape(run.id)} · {escape(began)} · {_long(run.seconds)}{continued}</p>"
        f"<pre>{escape(run.command)}</pre>{said}{next_}</header>"
    )


def _figures(document: Document) -> str:
    cards: list[tuple[str, str, str]] = []
    for blocked in document.blocked:
        known = blocked.milliseconds is not None
        value = _long((blocked.milliseconds or 0) / 1000) if known else "unknown"
        note = f"until {blocked.ended}" if known else "the run did not see the end of it"
        cards.append(("writes blocked", value, note))
    compared = [item.equal for item in document.checksums]
    if compared:
        cards.append(("comparisons equal", f"{compared.count(True)} of {len(compared)}", ""))
    behind = [item.seconds for item in document.lag if item.seconds is not None]
    if behind:
        cards.append(("most behind", f"{max(behind)} s", "as replicas estimate it"))
    kept = [item for item in document.settings if item.restored is not None]
    if kept:
        cards.append(("settings restored", f"{sum(bool(item.restored) for item in kept)} of {len(kept)}", ""))
    cards += [(name, shown, "") for name, shown in _shown_figures(document) if len(shown) <= _CARD]
    if not cards:
        return ""
    shown = "".join(
        f"<div class=card><b>{escape(value)}</b><span>{escape(label)}</span><small>{escape(note)}</small></div>"
        for label, value, note in cards
    )
    return f"<div class=cards>{shown}</div>"


def _shown_figures(document: Document) -> list[tuple[str, str]]:
    return [
        (name, f"{figure:,}" if isinstance(figure, int) else str(figure))
        for name, figure in document.run.figures.items()
    ]


def _notes(document: Document) -> str:
    """What to know, with the figures that are too long for a card."""
    long = [f"{name}: {shown}" for name, shown in _shown_figures(document) if len(shown) > _CARD]
    items = "".join(f"<li>{escape(item)}</li>" for item in (*document.run.notes, *long))
    return f"<ul class=notes>{items}</ul>" if items else ""


def _todo(document: Document) -> str:
    if not document.run.todo:
        return ""
    items = "".join(f"<li>{escape(item)}</li>" for item in document.run.todo)
    return f"<section class=todo><h2>Left for you</h2><ul>{items}</ul></section>"


# --- over time


def _timelines(document: Document) -> str:
    if not document.steps:
        return ""
    whole = max(document.run.seconds, 0.001)
    parts = [_timeline(document, 0.0, whole)]
    for blocked in document.blocked:
        length = (blocked.milliseconds or 0) / 1000
        first, last = max(0.0, blocked.start - _ROUND_BLOCKED), blocked.start + length + _ROUND_BLOCKED
        if blocked.milliseconds is not None and last - first < whole / 3:
            parts += ["<h3>Round the time in which nobody could write</h3>", _timeline(document, first, last)]
    return "".join(parts)


def _timeline(document: Document, first: float, last: float) -> str:
    lanes = [node.name for node in document.servers.before]
    if any(not step.node for step in document.steps):
        lanes.append(_EVERYWHERE)
    shade = "".join(
        f'<i class=blocked style="{_place(item.start, item.start + item.milliseconds / 1000, first, last)}" '
        f'title="nobody could write for {item.milliseconds:.0f} ms"></i>'
        for item in document.blocked
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
    axis = f"<div class=lane><b></b><div class=axis><span>{_long(first)}</span><span>{_long(last)}</span></div></div>"
    return f"<div class=timeline>{''.join(rows)}{axis}</div>"


def _bar(step: StepRecord, first: float, last: float) -> str:
    kind = _STEP_OUTCOMES.get(step.outcome, "bad")
    if step.detail == "replica-first":
        kind += " group"
    end = step.start + step.seconds
    told = f"{step.name}: {step.outcome}, {_long(step.seconds)}" + (f"; {step.detail}" if step.detail else "")
    wide = (min(end, last) - max(step.start, first)) / (last - first) > 0.12
    label = f"<span>{escape(step.name)}</span>" if wide else ""
    return f'<i class="bar {kind}" style="{_place(step.start, end, first, last)}" title="{escape(told)}">{label}</i>'


def _place(start: float, end: float, first: float, last: float) -> str:
    length = max(last - first, 1e-9)
    left = max(0.0, (start - first) / length)
    width = max(0.0, (min(end, last) - max(start, first)) / length)
    return f"left:{left * 100:.3f}%;width:{width * 100:.3f}%"


def _lag(document: Document) -> str:
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


# --- tables


def _checksums(document: Document) -> str:
    words = {True: ("equal", "ok"), False: ("different", "bad"), None: ("not finished", "warn")}
    return _table(
        ("node", "", "what"),
        [(escape(item.node), _badge(*words[item.equal]), escape(item.text)) for item in document.checksums],
    )


def _revisions(document: Document) -> str:
    rows = []
    for revision in document.revisions:
        for change in revision.changes:
            rows.append((escape(change.id), escape(revision.phase), escape(change.way), _verdict(change), _sql(change)))
        if not revision.changes:
            rows.append((escape(revision.revision), escape(revision.phase), "", "", "<i>sends nothing</i>"))
    return _table(("change", "phase", "way", "verdict", "statement"), rows)


def _verdict(change: ChangeRecord) -> str:
    lines = [escape(change.verdict), *(escape(item) for item in change.conditions)]
    if change.accepted:
        lines.append(f"accepted: {escape(change.accepted)}")
    return "<br>".join(lines)


def _sql(change: ChangeRecord) -> str:
    return f"<code>{escape(change.sql)}</code><br><small>sha256 {escape(change.sha256)}</small>"


def _accepted(document: Document) -> str:
    return _table(("what", "why"), [(escape(key), escape(text)) for key, text in document.accepted.items()])


def _servers(document: Document) -> str:
    after = {node.name: node for node in document.servers.after}
    rows = []
    for node in document.servers.before:
        now = after.get(node.name, node)
        rows.append(
            (f"<b>{escape(node.name)}</b><br>{escape(node.address)}", escape(node.server or now.server), _role(node),
             _role(now))
        )  # fmt: skip
    return _table(("node", "server", "at the beginning", "at the end"), rows)


def _role(node: NodeRecord) -> str:
    if not node.server:
        return escape(f"did not answer: {node.problem}")
    lag = "" if node.lag is None else f", {node.lag} s behind"
    follows = f"follows {node.follows}{', held' if node.held else lag}" if node.follows else "follows nobody"
    problem = f"; {node.problem}" if node.problem else ""
    return escape(f"{node.writable}, {follows}{problem}")


def _settings(document: Document) -> str:
    words = {True: ("restored", "ok"), False: ("changed", "bad"), None: ("by its role", "wait")}
    rows = [
        (escape(item.node), f"<code>{escape(item.name)}</code>", escape(item.before),
         escape(" → ".join(item.set_to) or "not by this run"), escape(item.after), _badge(*words[item.restored]))
        for item in document.settings
    ]  # fmt: skip
    return _table(("node", "variable", "before", "set to", "after", ""), rows)


def _steps(document: Document) -> str:
    rows = [
        (escape(item.name), escape(item.node), _badge(item.outcome, _STEP_OUTCOMES.get(item.outcome, "bad")),
         _long(item.start), _long(item.seconds), escape(item.detail))
        for item in document.steps
    ]  # fmt: skip
    return _table(("step", "node", "", "began after", "took", ""), rows)


def _statements(document: Document) -> str:
    rows = []
    for item in document.statements:
        values = f"<br><small>with {escape(', '.join(item.values))}</small>" if item.values else ""
        times = f"<br><small>{item.times:,} times in a row</small>" if item.times > 1 else ""
        error = f"<br><small class=error>{escape(item.error)}</small>" if item.error else ""
        rows.append(
            (escape(item.node), _long(item.start), _long(item.seconds),
             f"<code>{escape(item.sql)}</code>{values}{times}{error}<br><small>sha256 {escape(item.sha256)}</small>")
        )  # fmt: skip
    return _table(("node", "after", "took", "statement"), rows)


# --- pieces


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _folded(title: str, content: str, count: int) -> str:
    return f"<details><summary>{escape(title)} ({count:,})</summary>{content}</details>" if content else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already."""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not lines:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def _badge(text: str, kind: str) -> str:
    return f'<span class="{kind}">{escape(text)}</span>'


def _long(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
