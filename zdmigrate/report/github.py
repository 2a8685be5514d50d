"""GitHub workflow commands: an annotation on the line of every obstacle, and a notice with the summary."""

from __future__ import annotations

from zdmigrate.gate import GateResult
from zdmigrate.plan import Plan
from zdmigrate.report import wording
from zdmigrate.report.paths import shown
from zdmigrate.waivers import WaiverProblem


def render(plan: Plan, gate: GateResult, problems: tuple[WaiverProblem, ...] = ()) -> str:
    """Workflow commands, one a line. Source: GitHub, "Workflow commands for GitHub Actions"."""
    lines = []
    for obstacle in gate.obstacles:
        title = obstacle.kind if obstacle.change is None else wording.subject(obstacle.change)
        rules = "" if obstacle.change is None else " ".join(wording.rules(obstacle.change))
        remedy = ""
        if obstacle.change is not None:
            remedy = next((item.remedy for item in obstacle.change.open_findings if item.remedy), "")
        message = f"{obstacle.message}\n{remedy}".strip()
        lines.append(
            _command("error", message, obstacle.path, obstacle.line, f"zdmigrate {rules} {title}".replace("  ", " "))
        )
    lines.extend(
        _command("warning", problem.message, problem.path, problem.line, "zdmigrate waiver")
        for problem in problems
        if not problem.fails
    )
    lines.append(_command("notice", f"{wording.summary(plan)}. {wording.next_step(plan, gate)}", "", 0, "zdmigrate"))
    return "\n".join(lines) + "\n"


def _command(level: str, message: str, path: str, line: int, title: str) -> str:
    properties = [f"title={_property(title)}"]
    if path:
        properties.insert(0, f"file={_property(shown(path))}")
    if line:
        properties.insert(1, f"line={line}")
    return f"::{level} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
