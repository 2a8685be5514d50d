"""The gate as SARIF 2.1.0, for code-scanning dashboards.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from zdmigrate import __version__
from zdmigrate.baseline import ACCEPTED
from zdmigrate.gate import GateResult
from zdmigrate.plan import Plan, PlannedChange
from zdmigrate.report.paths import shown, uri
from zdmigrate.verdict.model import Finding, Verdict
from zdmigrate.verdict.rules import RULES
from zdmigrate.waivers import UNREPLAYABLE, WaiverProblem

_LEVEL = {Verdict.UNSAFE: "error", Verdict.UNKNOWN: "error", Verdict.CONDITIONAL: "warning", Verdict.SAFE: "note"}
_WAIVER = "ZD999"
_RUN = "ZD997"
_FLEET = "ZD996"


def render(plan: Plan, gate: GateResult, problems: tuple[WaiverProblem, ...] = ()) -> str:
    """The log file: every finding that is not plainly safe, waived ones suppressed with their reason."""
    results = [
        _result(change, finding)
        for revision in plan.revisions
        for change in revision.changes
        for finding in change.judgement.findings
        if finding.old is not Verdict.SAFE
    ]
    for revision in plan.revisions:
        error = revision.recorded.error
        if error is not None:
            suppressed = revision.error_waived
            results.append(
                _located(
                    UNREPLAYABLE, "error", error.message, error.path or revision.recorded.path, error.line, suppressed
                )
            )
    results += [
        _located(_WAIVER, "error" if item.fails else "warning", item.message, item.path, item.line) for item in problems
    ]
    results += [
        _located("ZD998", "error", item.message, item.path, item.line)
        for item in gate.obstacles
        if item.kind == "phase"
    ]
    results += [
        _located(_RUN, "error", item.message, item.path, item.line)
        for item in gate.obstacles
        if item.kind in ("broke", "unproved")
    ]
    results += [
        _located(_FLEET, "error", item.message, item.path, item.line) for item in gate.obstacles if item.kind == "fleet"
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "zdmigrate", "version": __version__, "rules": _rules()}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _rules() -> list[dict[str, Any]]:
    named = [(rule.id, rule.title) for rule in RULES]
    named += [
        (UNREPLAYABLE, "revision cannot be replayed"),
        ("ZD998", "revision needs both sides of a deploy"),
        (_RUN, "old code run on a server after the change"),
        (_FLEET, "a contract that what runs now does not prove"),
        (_WAIVER, "waiver that does not do what it says"),
    ]
    return [{"id": rule, "shortDescription": {"text": title}} for rule, title in dict(named).items()]


def _result(change: PlannedChange, finding: Finding) -> dict[str, Any]:
    message = f"{finding.reason}\n{finding.remedy}".strip()
    result = _located(
        finding.rule,
        _LEVEL[finding.old],
        message,
        change.recorded.path,
        change.recorded.line,
        change.waivers.get(finding.rule),
    )
    result["properties"] = {"phase": finding.phase.value, "verdict": finding.old.value, "change": change.id}
    return result


def _located(
    rule: str, level: str, message: str, path: str, line: int, suppressed: str | None = None
) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": uri(path)}}
    if line:
        location["region"] = {"startLine": line}
    fingerprint = hashlib.sha256(f"{rule}\0{shown(path)}\0{message}".encode()).hexdigest()
    result: dict[str, Any] = {
        "ruleId": rule,
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"zdmigrate/v1": fingerprint},
    }
    if suppressed:
        kind = "external" if suppressed == ACCEPTED else "inSource"
        result["suppressions"] = [{"kind": kind, "justification": suppressed}]
    return result
