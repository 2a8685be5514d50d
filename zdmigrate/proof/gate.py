"""What a proof adds to the gate (`check --prove`): execution may make a verdict worse, never better."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from zdmigrate.gate import FOUND, PASSED, UNKNOWN, GateResult, Obstacle
from zdmigrate.proof.prove import Proof, ProvedChange, ProvedRevision
from zdmigrate.proof.report import outcome
from zdmigrate.verdict.model import Verdict


def with_proof(gate: GateResult, proof: Proof, *, strict: bool = True) -> GateResult:
    """The gate with what the proof found that the rules did not stop on already.

    What breaks in a declared contract, or by a change with a waived finding that says so, is accepted.

    Args:
        strict: whether what was not run stops the gate (exit 3).
    """
    stopped = {item.change.id for item in gate.obstacles if item.change is not None and item.kind != "conditional"}
    found = [item for revision in proof.revisions for item in _of_revision(revision, stopped, strict=strict)]
    obstacles = (*gate.obstacles, *found)
    kinds = {item.kind for item in obstacles}
    code = FOUND if kinds - {"unknown", "unproved"} else UNKNOWN if kinds else PASSED
    return replace(gate, obstacles=obstacles, exit_code=code)


def _of_revision(revision: ProvedRevision, stopped: set[str], *, strict: bool) -> Iterator[Obstacle]:
    for change in revision.changes:
        broke = change.step.result == "broke"
        if change.planned.id in stopped or change.step.result == "held":
            continue
        accepted = revision.planned.contract_declared or _waived(change)
        if (broke and accepted) or not (broke or strict):
            continue
        said = f"run on a server, old code {outcome(change.step)}" if broke else f"not proved: {outcome(change.step)}"
        recorded = change.planned.recorded
        yield Obstacle("broke" if broke else "unproved", revision.planned.revision, said, recorded.path, recorded.line)


def _waived(change: ProvedChange) -> bool:
    """Whether a waiver accepts a finding that says that old code breaks, or may."""
    waived = (item for item in change.planned.judgement.findings if item.rule in change.planned.waivers)
    return any(item.old is not Verdict.SAFE for item in waived)
