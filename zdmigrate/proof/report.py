"""A proof for a person, and as JSON (schema version 1: fields are added freely, never renamed)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from zdmigrate.proof.prove import Proof, ProvedChange, ProvedRevision, TestRun
from zdmigrate.proof.runner import Break, Step, short
from zdmigrate.verdict.model import Verdict

SCHEMA_VERSION = 1
_ROWS = {"edges": "rows at the edges of their types", "plain": "ordinary rows", "none": "empty tables"}


def text(proof: Proof) -> str:
    """The report, ending in a newline."""
    return "\n".join(_lines(proof)) + "\n"


def render(proof: Proof) -> str:
    """The JSON document, indented, ending in a newline."""
    return pretty(document(proof))


def pretty(values: dict[str, Any]) -> str:
    """A JSON document, indented, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(values), indent=2).decode() + "\n"


def document(proof: Proof) -> dict[str, Any]:
    """The JSON document as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "server": {"flavour": proof.server.vendor, "version": ".".join(map(str, proof.server.version))},
        "target": {"flavour": proof.plan.target.vendor, "version": ".".join(map(str, proof.plan.target.version))},
        "deployed": list(proof.plan.deployed),
        "exit_code": proof.exit_code,
        "warnings": list(proof.warnings),
        "origin": proof.origin or None,
        "workload": {
            "statements": proof.own,
            "left_out": [
                {
                    "before": release.first,
                    "place": item.place,
                    "sql": item.sql,
                    "errno": item.errno,
                    "reason": item.reason,
                }
                for release in proof.releases
                for item in release.left_out
            ],
        },
        "new_code": [
            {
                "before": release.first,
                "statements": release.new_code.statements,
                "reason": release.new_code.reason or None,
            }
            for release in proof.releases
            if release.new_code is not None
        ],
        "deploy_after": last.planned.id if (last := _last_needed(proof)) is not None else None,
        "neither_side": [item.planned.id for item in proof.neither_side],
        "old_tests": _tests(proof.tests_before),
        "revisions": [
            {
                "revision": item.planned.revision,
                "path": item.planned.recorded.path,
                "declared": item.planned.recorded.declared,
                "verdict": item.verdict.value,
                "old_tests": _tests(item.tests),
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
            "broken": _broken(broken),
            "errno": step.errno,
            "reason": step.reason,
            "notes": list(step.notes),
        },
        "new_code": {"static": change.planned.judgement.new.value, "needed": _broken(change.needed)},
        "blocked": change.blocked.document() if change.blocked is not None else None,
    }


def _broken(broken: Break | None) -> dict[str, Any] | None:
    if broken is None:
        return None
    return {
        "purpose": broken.query.purpose,
        "table": broken.query.table,
        "sql": broken.query.sql,
        "errno": broken.errno,
        "reason": broken.reason,
    }


def _tests(run: TestRun | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {"passed": run.passed, "said": run.said, "seconds": round(run.seconds, 3), "tail": run.tail}


def _lines(proof: Proof) -> Iterator[str]:
    if not proof.revisions:
        yield "Nothing was run: no change is pending."
        return
    origin = f" ({proof.origin}, started for it)" if proof.origin else ""
    yield f"Proof on {proof.server}{origin}: old code's statements after each change."
    for warning in proof.warnings:
        yield f"warning: {warning}"
    yield from _workload(proof)
    if proof.tests_before is not None:
        yield f"Old tests before the migration: passed in {proof.tests_before.seconds:.1f} s."
    asked = any(release.new_code is not None for release in proof.releases)
    for revision in proof.revisions:
        yield ""
        yield from _revision(revision, new_code=asked)
    yield ""
    yield _summary(proof)
    yield from _deploy(proof)


def _workload(proof: Proof) -> Iterator[str]:
    if not proof.own:
        return
    left_out = [(release.first, item) for release in proof.releases for item in release.left_out]
    yield f"Workload: {proof.own} statement{'s' * (proof.own != 1)} of your own."
    for first, item in left_out:
        number = f"{item.errno}: " if item.errno is not None else ""
        yield f"  {item.place} fails already on the schema before {first}, and is not used ({number}{item.reason})"


def _deploy(proof: Proof) -> Iterator[str]:
    """What new code says of the moment of the deploy."""
    asked = [(release.first, release.new_code) for release in proof.releases if release.new_code is not None]
    if not asked:
        return
    for first, found in asked:
        if found.reason:
            yield f"New code before {first} and after could not be judged: {found.reason}."
    last = _last_needed(proof)
    if last is not None:
        yield f"Deploy after {last.planned.id}: new code does not run before it."
    elif not any(found.reason for _, found in asked):
        tried = sum(found.statements for _, found in asked)
        yield f"New code runs before every change ({tried} statements): the deploy need not wait for any."
    for item in proof.neither_side:
        yield f"{item.planned.id} fits neither side of the deploy: new code needs it, and old code breaks by it."


def _last_needed(proof: Proof) -> ProvedChange | None:
    changes = [change for revision in proof.revisions for change in revision.changes]
    return next((item for item in reversed(changes) if item.needed is not None), None)


def _revision(revision: ProvedRevision, *, new_code: bool) -> Iterator[str]:
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
        if change.blocked is not None:
            yield f"    {change.blocked.text()}"
        if step.result == "held" and change.planned.verdict is not Verdict.SAFE:
            names = ", ".join(item.name for item in change.planned.open_conditions)
            yield f"      stays {change.verdict.value}" + (f": {names}" if names else "")
        if new_code:
            yield from _needed(change)
    if revision.tests is not None:
        yield from _tested(revision.tests)


def _needed(change: ProvedChange) -> Iterator[str]:
    static = change.planned.judgement.new.value
    if change.needed is None:
        yield f"    new code without it: rules: {static}   run: nothing missed"
        return
    number = f"{change.needed.errno}: " if change.needed.errno is not None else ""
    what = f"{change.needed.query.purpose}: {number}{change.needed.reason}"
    yield f"    new code without it: rules: {static}   run: broke ({what})"
    yield f"      {short(change.needed.query.sql, 300)}"


def _tested(run: TestRun) -> Iterator[str]:
    if run.passed:
        yield f"  old tests after it: passed in {run.seconds:.1f} s"
        return
    yield f"  old tests after it: {'FAILED' if run.passed is False else 'not run'} ({run.said})"
    for line in run.tail.splitlines():
        yield f"    | {line}"


def _summary(proof: Proof) -> str:
    steps = [change.step for revision in proof.revisions for change in revision.changes]
    if not steps:
        return "Nothing was run: the pending revisions send no statement."
    counts = {name: sum(step.result == name for step in steps) for name in ("held", "broke", "refused", "not run")}
    said = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    return f"{len(steps)} change{'s' * (len(steps) != 1)}: {said}."
