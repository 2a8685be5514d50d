"""The baseline: findings of the past that a team accepts as they are, in one file.

Each is kept as a fingerprint of revision, rule, object and statement, so a changed revision is judged again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from zdmigrate.errors import UsageError
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.verdict.model import Finding
from zdmigrate.waivers import UNREPLAYABLE

FORMAT = 1
#: The reason that reports give for what the baseline accepts.
ACCEPTED = "accepted by the baseline"


class Entry(msgspec.Struct, frozen=True, order=True):
    """One accepted finding."""

    revision: str
    rule: str
    object: str
    fingerprint: str


class Baseline(msgspec.Struct, frozen=True):
    """The file."""

    accepted: tuple[Entry, ...]
    format: int = FORMAT


def read_baseline(path: Path) -> Baseline:
    """Read a baseline file.

    Raises:
        UsageError: when it cannot be read, is no baseline, or is of a newer format.
    """
    try:
        baseline = msgspec.json.decode(path.read_bytes(), type=Baseline)
    except OSError as error:
        raise UsageError(f"cannot read baseline {path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(
            f"{path} is not a baseline ({error}); write one with `zdmigrate check --write-baseline {path}`"
        ) from error
    if baseline.format > FORMAT:
        raise UsageError(
            f"baseline {path} has format {baseline.format}, this zdrelease reads up to {FORMAT}: upgrade it"
        )
    return baseline


def write_baseline(path: Path, plan: Plan) -> int:
    """Write what `plan` finds as accepted; returns how many findings.

    Raises:
        UsageError: when the file cannot be written.
    """
    baseline = Baseline(tuple(sorted(set(_entries(plan)))))
    data = msgspec.json.format(msgspec.json.encode(baseline), indent=1) + b"\n"
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot write baseline {path}: {error.strerror}") from error
    return len(baseline.accepted)


def apply_baseline(plan: Plan, baseline: Baseline) -> Plan:
    """The plan with the findings of the baseline accepted."""
    accepted = set(baseline.accepted)
    revisions = []
    for revision in plan.revisions:
        changes = []
        for change in revision.changes:
            rules = {
                rule: ACCEPTED
                for rule in {item.rule for item in change.judgement.findings}
                if all(
                    not item.may_block or _entry(revision, change, item) in accepted
                    for item in change.judgement.findings
                    if item.rule == rule
                )
                and any(item.may_block for item in change.judgement.findings if item.rule == rule)
            }
            changes.append(replace(change, waivers={**rules, **change.waivers}) if rules else change)
        error_waived = revision.error_waived
        if revision.recorded.error is not None and _error_entry(revision) in accepted:
            error_waived = error_waived or ACCEPTED
        revisions.append(replace(revision, changes=tuple(changes), error_waived=error_waived))
    return replace(plan, revisions=tuple(revisions))


def _entries(plan: Plan) -> Iterator[Entry]:
    for revision in plan.revisions:
        if revision.recorded.error is not None:
            yield _error_entry(revision)
        for change in revision.changes:
            for finding in change.judgement.findings:
                if finding.may_block:
                    yield _entry(revision, change, finding)


def _entry(revision: PlannedRevision, change: PlannedChange, finding: Finding) -> Entry:
    name = ".".join(part for part in (finding.table, finding.column) if part)
    digest = hashlib.sha256(change.recorded.statement.sql.encode()).hexdigest()[:16]
    return Entry(revision.revision, finding.rule, name, digest)


def _error_entry(revision: PlannedRevision) -> Entry:
    error = revision.recorded.error
    return Entry(revision.revision, UNREPLAYABLE, "", error.kind.value if error else "")
