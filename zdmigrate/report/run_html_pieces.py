"""What the page of a run is put together from. Cells and contents are HTML already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: How the outcomes of steps look.
STEP_OUTCOMES = {
    "done": "ok", "undone": "warn", "waits": "wait", "cut off": "warn", "failed": "bad", "undo-failed": "bad",
}  # fmt: skip


def section(title: str, content: str) -> str:
    """Under a heading; nothing when there is no content."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def folded(title: str, content: str, count: int) -> str:
    """To be unfolded, with how many there are; nothing when there is no content."""
    return f"<details><summary>{escape(title)} ({count:,})</summary>{content}</details>" if content else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Nothing when there is no row."""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not lines:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"


def badge(text: str, kind: str) -> str:
    """A word in the colour of `kind`: ok, warn, bad or wait."""
    return f'<span class="{kind}">{escape(text)}</span>'


def long(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
