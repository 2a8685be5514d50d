"""The plan as Markdown, for a comment on a pull request."""

from __future__ import annotations

from zdmigrate.gate import GateResult
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.report import wording
from zdmigrate.report.paths import shown
from zdmigrate.verdict.model import Phase, Verdict
from zdmigrate.waivers import WaiverProblem

_MARK = {
    Verdict.SAFE: "✅ safe",
    Verdict.CONDITIONAL: "⚠️ conditional",
    Verdict.UNKNOWN: "❔ unknown",
    Verdict.UNSAFE: "❌ unsafe",
}


def render(plan: Plan, gate: GateResult | None = None, problems: tuple[WaiverProblem, ...] = ()) -> str:
    """A heading with the outcome, a table of changes, and a folded section for every change that needs work."""
    outcome = "Migration plan" if gate is None else f"Migrations: {'passed' if gate.passed else 'failed'}"
    lines = [
        f"### {outcome}",
        "",
        f"`{plan.target}` · {_escape(wording.old_code(plan))}",
        "",
        _escape(wording.summary(plan)),
        "",
    ]
    lines.extend(f"> {_escape(said)}  " for said in wording.fleet(plan))
    lines.extend(f"> {_escape(warning)}" for warning in plan.warnings)
    if any(revision.changes or revision.error for revision in plan.revisions):
        lines += ["| revision | line | change | phase | old code | cost | strategy |", "|---|--:|---|---|---|---|---|"]
        for revision in plan.revisions:
            if revision.error is not None:
                reason = _escape(revision.error.message)
                lines.append(f"| `{revision.revision}` | {revision.error.line or ''} | {reason} | | ❔ unknown | | |")
            lines.extend(_row(revision, change) for change in revision.changes)
        lines.append("")
    for revision in plan.revisions:
        for change in revision.changes:
            if change.verdict is not Verdict.SAFE or change.phase is Phase.SPLIT:
                lines += _details(revision, change)
    ran = [item for item in gate.obstacles if item.kind in ("broke", "unproved")] if gate is not None else []
    places = [(item.path, item.line, item.message) for item in ran]
    places += [(item.path, item.line, item.message) for item in problems]
    lines.extend(f"- `{shown(path)}:{line}` {_escape(message)}" for path, line, message in places)
    lines += ["", _escape(wording.next_step(plan, gate))]
    return "\n".join(lines) + "\n"


def _row(revision: PlannedRevision, change: PlannedChange) -> str:
    cells = (
        f"`{revision.revision}`",
        str(change.recorded.line),
        _escape(wording.subject(change)),
        change.phase.value,
        _MARK[change.verdict],
        wording.cost(change),
        change.strategy.name,
    )
    return f"| {' | '.join(cells)} |"


def _details(revision: PlannedRevision, change: PlannedChange) -> list[str]:
    rules = " ".join(wording.rules(change))
    lines = [
        "<details><summary>",
        f"{_MARK[change.verdict]} {_html(wording.subject(change))} <code>{revision.revision}</code> {rules}",
        "</summary>",
        "",
    ]
    for finding in change.open_findings:
        if finding.old is Verdict.SAFE and finding.phase is not Phase.SPLIT:
            continue
        lines += [f"**{finding.rule}** {_escape(finding.reason)}", ""]
        lines += [f"- if {_escape(condition.text)}" for condition in finding.conditions]
        if finding.remedy:
            lines += ["", "```python", finding.remedy.replace("```", "'''"), "```"]
    lines += ["", *(f"- now: {_escape(str(blame))}" for blame in change.blamed)]
    return [*lines, "</details>", ""]


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape(text: str) -> str:
    return _html(text).replace("|", "\\|").replace("\n", " ")
