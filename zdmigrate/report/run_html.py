"""The report of a run as one HTML page: no script, nothing from elsewhere; for a phone, paper, dark and light."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape

from zdmigrate.report.run_document import Document, Part
from zdmigrate.report.run_html_pieces import STEP_OUTCOMES, badge, folded, long, section, table
from zdmigrate.report.run_html_time import every_blocked, lag, timelines
from zdmigrate.report.run_style import STYLE
from zdmigrate.run.record import AppNodeRecord, ChangeRecord, NodeRecord

#: Characters of a figure that has a card of its own.
_CARD = 16
_OUTCOMES = {"done": "ok", "aborted": "warn", "needs a person": "bad", "failed": "bad"}


def render(document: Document) -> str:
    """The page."""
    run = document.run
    title = f"{run.kind} {run.id}"
    body = "\n".join(filter(None, (_head(document), *_content(document))))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<footer>zdmigrate {escape(document.zdmigrate)} · times are UTC · the same as JSON lies beside this page"
        "</footer>\n</body>\n</html>\n"
    )


def _content(document: Document) -> Iterator[str]:
    """All but the head: of the page, or of a part of a release."""
    yield _figures(document)
    yield _todo(document)
    yield section("Timeline", timelines(document))
    yield section("What ran on the database", _parts(document))
    yield section("Nodes of the app", _app(document))
    yield section("What earlier runs of this release did", _earlier(document))
    yield section("How far replicas were behind", lag(document))
    yield section("Rows compared", _checksums(document))
    yield section("What was carried out", _revisions(document))
    yield section("What was accepted", _accepted(document))
    yield section("To know", _notes(document))
    yield section("Servers", _servers(document))
    yield section("Settings", _settings(document))
    yield folded("Every step", _steps(document), len(document.steps))
    yield folded("Every statement", _statements(document), len(document.statements))


# --- the top


def _head(document: Document) -> str:
    run = document.run
    old, new = (run.old_version or "?", run.new_version) if run.new_version else (run.old_primary, run.new_primary)
    moved = f" {escape(old)} → {escape(new)}" if new else ""
    continued = " · went on with a run that had stopped" if run.continued else ""
    began = run.began.replace("T", " ").partition(".")[0]
    return (
        f"<header><p class=badge><span class={_OUTCOMES[run.outcome]}>{escape(run.outcome)}</span></p>"
        f"<h1>{escape(run.kind)}{moved}</h1>"
        f"<p class=sub>run {escape(run.id)} · {escape(began)} · {long(run.seconds)}{continued}</p>"
        f"<pre>{escape(run.command)}</pre>{_said(document)}</header>"
    )


def _said(document: Document) -> str:
    run = document.run
    said = f"<p class=said>{escape(run.message)}</p>" if run.message else ""
    return said + (f"<p>Next:</p><pre class=next>{escape(run.next)}</pre>" if run.next else "")


def _figures(document: Document) -> str:
    cards: list[tuple[str, str, str]] = []
    for where, blocked in every_blocked(document):
        known = blocked.milliseconds is not None
        value = long((blocked.milliseconds or 0) / 1000) if known else "unknown"
        note = f"until {blocked.ended}" if known else "the run did not see the end of it"
        cards.append((f"writes blocked{where}", value, note))
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
    longer = [f"{name}: {shown}" for name, shown in _shown_figures(document) if len(shown) > _CARD]
    items = "".join(f"<li>{escape(item)}</li>" for item in (*document.run.notes, *longer))
    return f"<ul class=notes>{items}</ul>" if items else ""


def _todo(document: Document) -> str:
    if not document.run.todo:
        return ""
    items = "".join(f"<li>{escape(item)}</li>" for item in document.run.todo)
    return f"<section class=todo><h2>Left for you</h2><ul>{items}</ul></section>"


# --- a release


def _parts(document: Document) -> str:
    return "".join(_part(part) for part in document.parts)


def _part(part: Part) -> str:
    """Folded, unless it did not end well; what matters of it is told in its line."""
    report, run = part.report, part.report.run
    facts = [f"took {long(run.seconds)}"]
    if part.start < 0:
        facts.append("in an earlier run")
    facts += [
        f"writes blocked {long(item.milliseconds / 1000)}" for item in report.blocked if item.milliseconds is not None
    ]
    facts += [f"{name} {shown}" for name, shown in _shown_figures(report) if len(shown) <= _CARD]
    facts += [item.revision for item in report.revisions]
    opened = "" if run.outcome == "done" else " open"
    return (
        f"<details class=part{opened}><summary>{escape(part.phase)} {badge(run.outcome, _OUTCOMES[run.outcome])} "
        f"<small>{escape(' · '.join((f'{run.kind} {run.id}', *facts)))}</small></summary>"
        f"<pre>{escape(run.command)}</pre>{_said(report)}{''.join(_content(report))}</details>"
    )


def _app(document: Document) -> str:
    after = {node.name: node for node in document.app.after}
    rows = [
        (f"<b>{escape(node.name)}</b><br>{escape(node.address)}", _app_state(node),
         _app_state(after.get(node.name, node)))
        for node in document.app.before
    ]  # fmt: skip
    return table(("node", "at the beginning", "at the end"), rows)


def _app_state(node: AppNodeRecord) -> str:
    if node.problem:
        return f"nobody could say: {escape(node.problem)}"
    good = node.state == "ready" and node.rotation == "in rotation"
    idle = node.state == "down" and node.rotation == "out"
    runs = f"version {', '.join(node.versions)}" if node.versions else "runs nothing"
    state = badge(f"{node.state}, {node.rotation}", "ok" if good else "wait" if idle else "bad")
    return f"{escape(runs)}<br>{state}"


def _earlier(document: Document) -> str:
    rows = [
        (escape(_moment(item.at)), escape(item.name), escape(item.node),
         badge(item.outcome, STEP_OUTCOMES.get(item.outcome, "bad")),
         "" if item.outcome == "cut off" else long(item.seconds), escape(item.detail))
        for item in document.earlier
    ]  # fmt: skip
    return table(("when", "step", "node", "", "took", ""), rows)


def _moment(at: str) -> str:
    try:
        return f"{datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return at


# --- tables


def _checksums(document: Document) -> str:
    words = {True: ("equal", "ok"), False: ("different", "bad"), None: ("not finished", "warn")}
    return table(
        ("node", "", "what"),
        [(escape(item.node), badge(*words[item.equal]), escape(item.text)) for item in document.checksums],
    )


def _revisions(document: Document) -> str:
    rows = []
    for revision in document.revisions:
        for change in revision.changes:
            rows.append((escape(change.id), escape(revision.phase), escape(change.way), _verdict(change), _sql(change)))
        if not revision.changes:
            rows.append((escape(revision.revision), escape(revision.phase), "", "", "<i>sends nothing</i>"))
    return table(("change", "phase", "way", "verdict", "statement"), rows)


def _verdict(change: ChangeRecord) -> str:
    lines = [escape(change.verdict), *(escape(item) for item in change.conditions)]
    if change.accepted:
        lines.append(f"accepted: {escape(change.accepted)}")
    return "<br>".join(lines)


def _sql(change: ChangeRecord) -> str:
    return f"<code>{escape(change.sql)}</code><br><small>sha256 {escape(change.sha256)}</small>"


def _accepted(document: Document) -> str:
    return table(("what", "why"), [(escape(key), escape(text)) for key, text in document.accepted.items()])


def _servers(document: Document) -> str:
    after = {node.name: node for node in document.servers.after}
    rows = []
    for node in document.servers.before:
        now = after.get(node.name, node)
        rows.append(
            (f"<b>{escape(node.name)}</b><br>{escape(node.address)}", escape(node.server or now.server), _role(node),
             _role(now))
        )  # fmt: skip
    return table(("node", "server", "at the beginning", "at the end"), rows)


def _role(node: NodeRecord) -> str:
    if not node.server:
        return escape(f"did not answer: {node.problem}")
    behind = "" if node.lag is None else f", {node.lag} s behind"
    follows = f"follows {node.follows}{', held' if node.held else behind}" if node.follows else "follows nobody"
    problem = f"; {node.problem}" if node.problem else ""
    return escape(f"{node.writable}, {follows}{problem}")


def _settings(document: Document) -> str:
    words = {True: ("restored", "ok"), False: ("changed", "bad"), None: ("by its role", "wait")}
    rows = [
        (escape(item.node), f"<code>{escape(item.name)}</code>", escape(item.before),
         escape(" → ".join(item.set_to) or "not by this run"), escape(item.after), badge(*words[item.restored]))
        for item in document.settings
    ]  # fmt: skip
    return table(("node", "variable", "before", "set to", "after", ""), rows)


def _steps(document: Document) -> str:
    rows = [
        (escape(item.name), escape(item.node), badge(item.outcome, STEP_OUTCOMES.get(item.outcome, "bad")),
         long(item.start), long(item.seconds), escape(item.detail))
        for item in document.steps
    ]  # fmt: skip
    return table(("step", "node", "", "began after", "took", ""), rows)


def _statements(document: Document) -> str:
    rows = []
    for item in document.statements:
        values = f"<br><small>with {escape(', '.join(item.values))}</small>" if item.values else ""
        times = f"<br><small>{item.times:,} times in a row</small>" if item.times > 1 else ""
        error = f"<br><small class=error>{escape(item.error)}</small>" if item.error else ""
        rows.append(
            (escape(item.node), long(item.start), long(item.seconds),
             f"<code>{escape(item.sql)}</code>{values}{times}{error}<br><small>sha256 {escape(item.sha256)}</small>")
        )  # fmt: skip
    return table(("node", "after", "took", "statement"), rows)
