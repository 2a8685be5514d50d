"""The plan for people: one line a change, what is wrong under it, and what to do next."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from zdmigrate.gate import GateResult
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.report import wording
from zdmigrate.report.paths import shown as shown_path
from zdmigrate.verdict.model import Finding, Phase, Verdict
from zdmigrate.waivers import WaiverProblem

_VERDICT_STYLE = {
    Verdict.SAFE: "green",
    Verdict.CONDITIONAL: "yellow",
    Verdict.UNKNOWN: "magenta",
    Verdict.UNSAFE: "bold red",
}


def print_plan(console: Console, plan: Plan, *, remedies: bool = False) -> None:
    """Every pending revision, one line a change; with `remedies` the recipe under every change that needs one."""
    _print_head(console, plan)
    for revision in plan.revisions:
        _print_revision(console, revision)
        for change in revision.changes:
            _print_change(console, change, remedies=remedies)
    _print_tail(console, plan, None)


def print_gate(console: Console, plan: Plan, gate: GateResult, problems: tuple[WaiverProblem, ...] = ()) -> None:
    """What stands in the way, with its remedy; then the summary and PASSED or FAILED."""
    _print_head(console, plan)
    by_id = {revision.revision: revision for revision in plan.revisions}
    shown: set[str] = set()
    shown_changes: set[str] = set()
    told = {item.revision for item in gate.obstacles if item.kind == "unknown" and item.change is None}
    for obstacle in gate.obstacles:
        revision = by_id.get(obstacle.revision)
        if revision is not None and obstacle.revision not in shown:
            shown.add(obstacle.revision)
            _print_revision(console, revision, error=revision.revision not in told)
        if obstacle.change is not None and obstacle.change.id in shown_changes:
            continue
        place = shown_path(obstacle.path) + (f":{obstacle.line}" if obstacle.line else "")
        console.print(Text.assemble(("  ", ""), (place, "dim")), soft_wrap=True)
        if obstacle.change is not None:
            shown_changes.add(obstacle.change.id)
            _print_change(console, obstacle.change, remedies=True)
        else:
            _print_indented(console, obstacle.message, 6)
    for problem in problems:
        if not any(item.kind == "waiver" and item.message == problem.message for item in gate.obstacles):
            console.print(
                Text.assemble(("note ", "yellow"), f"{shown_path(problem.path)}:{problem.line} {problem.message}")
            )
    _print_tail(console, plan, gate)


def _print_head(console: Console, plan: Plan) -> None:
    console.print(Text.assemble((str(plan.target), "bold"), f" · {wording.old_code(plan)}"), soft_wrap=True)
    for line in wording.fleet(plan):
        console.print(Text.assemble(("note ", "yellow"), line), soft_wrap=True)
    for warning in plan.warnings:
        console.print(Text.assemble(("note ", "yellow"), warning))


def _print_revision(console: Console, revision: PlannedRevision, *, error: bool = True) -> None:
    declared = " (declared)" if revision.contract_declared else ""
    console.print()
    console.print(
        Text.assemble(
            (revision.revision, "bold cyan"),
            f"  {wording.headline(revision)}  ",
            (f"{revision.phase.value}{declared}", "bold"),
            "  ",
            (revision.verdict.value, _VERDICT_STYLE[revision.verdict]),
        ),
        soft_wrap=True,
    )
    if error and revision.error is not None:
        line = f" (line {revision.error.line})" if revision.error.line else ""
        _print_indented(console, f"cannot be replayed{line}: {revision.error.message}", 6, "magenta")


def _print_change(console: Console, change: PlannedChange, *, remedies: bool) -> None:
    details = [
        part
        for part in (
            change.phase.value if change.phase is not Phase.NEUTRAL else "",
            wording.cost(change),
            f"replication {change.replication.cls}" if change.replication.cls in "ABCD" else "",
            change.strategy.name if change.cost.algorithm != "NONE" else "",
        )
        if part
    ]
    rules = " ".join(wording.rules(change)) if change.verdict is not Verdict.SAFE else ""
    line = Text.assemble(
        (f"{change.recorded.line:>5} ", "dim"),
        (f"{change.verdict.value:<12}", _VERDICT_STYLE[change.verdict]),
        f"{wording.subject(change):<44} ",
        (" · ".join(details), "dim"),
        (f"  {rules}" if rules else "", "bold"),
    )
    line.rstrip()
    console.print(line, soft_wrap=True)
    if change.verdict is not Verdict.SAFE or change.phase is Phase.SPLIT:
        for finding in _worth_saying(change):
            _print_indented(console, finding.reason, 6)
            for condition in finding.conditions:
                proof = change.proofs.get(condition)
                state = f" [{proof.text}]" if proof else ""
                _print_indented(console, f"if {condition.text}{state}", 8, "yellow")
            if remedies and finding.remedy:
                _print_indented(console, finding.remedy, 8, "cyan")
        for blame in change.blamed:
            _print_indented(console, f"now: {blame}", 6, "red")
    for finding in change.open_findings:
        if finding.evidence and finding.old is Verdict.SAFE:
            _print_indented(console, f"proved: {finding.evidence}", 6, "green")
    for rule, reason in change.waivers.items():
        _print_indented(console, f"waived {rule}: {reason}", 6, "dim")


def _print_indented(console: Console, text: str, indent: int, style: str = "") -> None:
    """Every line of the text, wrapped to the console and indented, with no blanks at its end."""
    margin = " " * indent
    for line in text.splitlines():
        for part in Text(line).wrap(console, max(console.width - indent, 20)):
            part.rstrip()
            console.print(Text.assemble(margin, (part.plain, style)), soft_wrap=True)


def _worth_saying(change: PlannedChange) -> list[Finding]:
    return [item for item in change.open_findings if item.old is not Verdict.SAFE or item.phase is Phase.SPLIT]


def _print_tail(console: Console, plan: Plan, gate: GateResult | None) -> None:
    console.print()
    console.print(Text(wording.summary(plan), style="bold"))
    if gate is not None:
        word, style = ("PASSED", "bold green") if gate.passed else ("FAILED", "bold red")
        console.print(Text.assemble((word, style), f" {wording.next_step(plan, gate)}"))
    else:
        console.print(Text(wording.next_step(plan, None)))
