"""A proof for a person, and as JSON (schema version 1: fields are added freely, never renamed)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from zdmigrate.proof.prove import Proof, ProvedChange, ProvedRevision
from zdmigrate.proof.runner import Step, short
from zdmigrate.verdict.model import Verdict

SCHEMA_VERSION = 1
_ROWS = {"edges": "rows at the edges of their types", "plain": "ordinary rows", "none": "empty tables"}


def text(proof: Proof) -> str:
    """The report, ending in a newline."""
    return "\n".join(_lines(proof)) + "\n"


def render(proof: Proof) -> str:
    """The JSON document, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(document(proof)), indent=2).decode() + "\n"


def document(proof: Proof) -> dict[str, Any]:
    """The JSON document as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "server": {"flavour": proof.server.vendor, "version": ".".join(map(str, proof.server.version))},
        "target": {"flavour": proof.plan.target.vendor, "version": ".".join(map(str, proof.plan.target.version))},
        "deployed": list(proof.plan.deployed),
        "exit_code": proof.exit_code,
        "warnings": list(proof.warnings),
        "revisions": [
            {
                "revision": item.planned.revision,
                "path": item.planned.recorded.path,
                "declared": item.planned.recorded.declared,
                "verdict": item.verdict.value,
                "changes": [_change(change) for change in item.changes],
            }
            for item in proof.revisions
        ],
    }


def outcome(step: Step) -> str:
    """`held (41 statements, 380 rows)`, `broke: …`, `refused: …` or `not run: …`."""
    if step.broken is not None:
        number = f"{step.broken.errno}: " if step.broken.errno is not None else ""
        return f"broke ({step.broken.query.purpose}: {number}{step.broken.reason})"
    if step.result == "held":
        return f"held ({step.statements} statements, {step.rows} rows)"
    number = f"{step.errno}: " if step.errno is not None else ""
    return f"{step.result} ({number}{step.reason})"


def _change(change: ProvedChange) -> dict[str, Any]:
    step, broken = change.step, change.step.broken
    return {
        "id": change.planned.id,
        "line": change.planned.recorded.line,
        "sql": step.sql,
        "verdict": change.verdict.value,
        "static": {
            "verdict": change.planned.verdict.value,
            "conditions": [item.name for item in change.planned.open_conditions],
        },
        "execution": {
            "result": step.result,
            "statements": step.statements,
            "rows": step.rows,
            "data": step.rows_held,
            "broken": None
            if broken is None
            else {
                "purpose": broken.query.purpose,
                "table": broken.query.table,
                "sql": broken.query.sql,
                "errno": broken.errno,
                "reason": broken.reason,
            },
            "errno": step.errno,
            "reason": step.reason,
            "notes": list(step.notes),
        },
    }


def _lines(proof: Proof) -> Iterator[str]:
    yield f"Proof on {proof.server}: old code's statements after each change."
    for warning in proof.warnings:
        yield f"warning: {warning}"
    for revision in proof.revisions:
        yield ""
        yield from _revision(revision)
    yield ""
    yield _summary(proof)


def _revision(revision: ProvedRevision) -> Iterator[str]:
    message = revision.planned.recorded.message.strip().splitlines()
    declared = ", declared contract" if revision.planned.contract_declared else ""
    yield f"{revision.planned.revision}  {message[0] if message else ''}  [{revision.verdict.value}{declared}]"
    if revision.planned.error is not None:
        yield f"  not replayed to its end: {revision.planned.error.message}"
    for change in revision.changes:
        step = change.step
        yield f"  {short(' '.join(step.sql.split()), 140)}"
        yield f"    rules: {change.planned.verdict.value}   run: {outcome(step)}"
        if step.broken is not None:
            yield f"      {short(step.broken.query.sql, 300)}"
        if step.rows_held in ("plain", "none") and step.result != "not run":
            yield f"      with {_ROWS[step.rows_held]}: the server refused it over {_ROWS['edges']}"
        for note in step.notes:
            yield f"      note: {note}"
        if step.result == "held" and change.planned.verdict is not Verdict.SAFE:
            names = ", ".join(item.name for item in change.planned.open_conditions)
            yield f"      stays {change.verdict.value}" + (f": {names}" if names else "")


def _summary(proof: Proof) -> str:
    steps = [change.step for revision in proof.revisions for change in revision.changes]
    if not steps:
        return "Nothing was run: no change is pending."
    counts = {name: sum(step.result == name for step in steps) for name in ("held", "broke", "refused", "not run")}
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    return f"{len(steps)} change{'s' * (len(steps) != 1)}: {said}."
