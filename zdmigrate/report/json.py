"""The plan as JSON, schema version 1 (DESIGN, "Contracts"): fields are added freely, never renamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from zdmigrate.gate import GateResult
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.report.paths import shown
from zdmigrate.verdict.model import Condition, Finding, Phase
from zdmigrate.waivers import WaiverProblem

SCHEMA_VERSION = 1


def render(plan: Plan, gate: GateResult | None = None, problems: tuple[WaiverProblem, ...] = ()) -> str:
    """The document, indented, ending in a newline. With `gate` it says whether `check` passes and why not."""
    return msgspec.json.format(msgspec.json.encode(document(plan, gate, problems)), indent=2).decode() + "\n"


def document(plan: Plan, gate: GateResult | None = None, problems: tuple[WaiverProblem, ...] = ()) -> dict[str, Any]:
    """The document as plain values."""
    phases = plan.phases()
    result: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "target": {"flavour": plan.target.vendor, "version": ".".join(map(str, plan.target.version))},
        "deployed": list(plan.deployed),
        "manifests": [{"version": item.version, "digest": item.digest} for item in plan.manifests],
        "fleet": None if plan.fleet is None else plan.fleet.document(),
        "summary": {**plan.counts(), "phases": phases, "revisions": len(plan.revisions)},
        "warnings": list(plan.warnings),
        "revisions": [_revision(item) for item in plan.revisions],
    }
    if gate is not None:
        result["gate"] = {
            "passed": gate.passed,
            "exit_code": gate.exit_code,
            "obstacles": [
                {
                    "kind": item.kind,
                    "revision": item.revision,
                    "change": item.change.id if item.change else None,
                    "path": shown(item.path),
                    "line": item.line,
                    "message": item.message,
                }
                for item in gate.obstacles
            ],
        }
        result["waivers"] = [
            {"message": item.message, "path": shown(item.path), "line": item.line, "fails": item.fails}
            for item in problems
        ]
    return result


def _revision(revision: PlannedRevision) -> dict[str, Any]:
    recorded = revision.recorded
    down = recorded.down_revisions
    return {
        "revision": recorded.revision,
        "down_revision": down[0] if len(down) == 1 else (list(down) or None),
        "depends_on": list(recorded.depends_on),
        "branch_labels": list(recorded.branch_labels),
        "path": shown(recorded.path),
        "message": recorded.message,
        "phase": revision.phase.value,
        "declared": recorded.declared,
        "data_dependent": recorded.data_dependent,
        "verdict": revision.verdict.value,
        "replay_error": _error(revision),
        "changes": [_change(change) for change in revision.changes],
    }


def _error(revision: PlannedRevision) -> dict[str, Any] | None:
    error = revision.recorded.error
    if error is None:
        return None
    return {
        "kind": error.kind.value,
        "message": error.message,
        "path": shown(error.path),
        "line": error.line,
        "waived": revision.error_waived,
    }


def _change(change: PlannedChange) -> dict[str, Any]:
    kind, table, column = change.subject
    judgement = change.judgement
    cost, replication = change.cost, change.replication
    return {
        "index": change.recorded.index,
        "line": change.recorded.line,
        "path": shown(change.recorded.path),
        "source": change.recorded.source,
        "sql": change.recorded.statement.sql,
        "id": change.id,
        "kind": kind,
        "table": table,
        "column": column,
        "phase": change.phase.value,
        "verdict": change.verdict.value,
        "data_dependent": change.recorded.data_dependent,
        "old_code": {
            "verdict": change.verdict.value,
            "conditions": _conditions(judgement.conditions, change),
        },
        "new_code": {
            "verdict": judgement.new.value,
            "conditions": _conditions(judgement.new_conditions, change),
        },
        "findings": [_finding(item, change) for item in judgement.findings],
        "blocked_by": [
            {"node": item.code.node, "version": item.code.version, "manifest": item.code.digest, "what": item.what}
            for item in change.blamed
        ],
        "cost": {
            "algorithm": cost.algorithm,
            "lock": cost.lock,
            "rebuild": cost.rebuild,
            "basis": cost.basis,
            "waits": cost.waits,
            "reason": cost.reason,
            "cheaper": cost.cheaper,
            "clause": cost.algorithm_clause,
            "depends_on": list(cost.depends_on),
        },
        "replication": {
            "class": replication.cls,
            "reason": replication.reason,
            "needs": list(replication.needs),
            "rewrite": replication.rewrite,
        },
        "strategy": change.strategy.name,
        "strategy_reason": change.strategy.reason,
    }


def _conditions(conditions: Iterable[Condition], change: PlannedChange) -> list[dict[str, Any]]:
    """Each with an id of its own: the second condition of one name (another column's) is `name-2`."""
    seen: Counter[str] = Counter()
    found = []
    for condition in conditions:
        seen[condition.name] += 1
        number = seen[condition.name]
        found.append(_condition(condition, condition.name if number == 1 else f"{condition.name}-{number}", change))
    return found


def _condition(condition: Condition, name: str, change: PlannedChange) -> dict[str, Any]:
    proof = change.proofs.get(condition)
    return {
        "id": f"{change.id}/{name}",
        "name": condition.name,
        "kind": condition.kind,
        "text": condition.text,
        "proof": condition.proof,
        "met": proof.met if proof else None,
        "evidence": proof.text if proof else None,
    }


def _finding(finding: Finding, change: PlannedChange) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "verdict": finding.old.value,
        "new_verdict": finding.new.value,
        "phase": finding.phase.value if finding.phase is not Phase.MIXED else Phase.SPLIT.value,
        "reason": finding.reason,
        "remedy": finding.remedy,
        "table": finding.table,
        "column": finding.column,
        "evidence": finding.evidence or None,
        "waived": change.waivers.get(finding.rule),
    }
