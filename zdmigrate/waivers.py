"""Waivers: reviewed exceptions to one finding, written beside the revision they are about.

    # zdmigrate: allow ZD203 until 2027-03-01 owner=ana because the column is read by nobody since 2.4
    # zdmigrate: allow ZD203 on users.nick until 2027-03-01 owner=ana because ...

A waiver needs a rule, an expiry, an owner and a reason; it is judged again on every run. One that has expired no longer
accepts anything; one that is malformed, or is needed by no finding any more, is itself reported.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from zdmigrate.history.comments import comments
from zdmigrate.plan import Plan, PlannedChange, PlannedRevision
from zdmigrate.verdict.model import Finding

#: The pseudo-rule that accepts a revision that cannot be replayed.
UNREPLAYABLE = "ZD900"

_MARK = re.compile(r"#\s*zdmigrate:\s*allow\b(?P<rest>.*)", re.IGNORECASE)
_FORM = re.compile(
    r"\s+(?P<rule>ZD\d{3})(?:\s+on\s+(?P<object>\S+))?\s+until\s+(?P<until>\d{4}-\d{2}-\d{2})"
    r"\s+owner=(?P<owner>\S+)\s+because\s+(?P<reason>\S.*?)\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Waiver:
    """One waiver.

    Attributes:
        object: `table` or `table.column` it is limited to, or None for every finding of the rule in the revision.
        path, line: where it stands.
    """

    rule: str
    until: date
    owner: str
    reason: str
    object: str | None
    path: str
    line: int

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding (its expiry aside), and the finding needs a waiver at all."""
        if finding.rule != self.rule or not finding.may_block:
            return False
        if self.object is None:
            return True
        names = {finding.table, f"{finding.table}.{finding.column}"}
        return self.object.lower() in {str(name).lower() for name in names}


@dataclass(frozen=True, slots=True)
class WaiverProblem:
    """A waiver that does not do what it says: malformed, expired, or matching nothing.

    `fails` is True when the gate must not pass over it (malformed: its author believes something is accepted).
    """

    message: str
    path: str
    line: int
    fails: bool


def read_waivers(path: str) -> tuple[list[Waiver], list[WaiverProblem]]:
    """The waivers in a revision's file, and those that cannot be read."""
    waivers: list[Waiver] = []
    problems: list[WaiverProblem] = []
    for line, text, _ in comments(_source(Path(path))):
        mark = _MARK.search(text)
        if mark is None:
            continue
        form = _FORM.fullmatch(mark["rest"])
        until = _date(form["until"]) if form else None
        if form is None or until is None:
            problems.append(
                WaiverProblem(
                    "this waiver cannot be read; write "
                    "`# zdmigrate: allow ZD203 [on table.column] until YYYY-MM-DD owner=NAME because REASON`",
                    path,
                    line,
                    fails=True,
                )
            )
        else:
            waivers.append(
                Waiver(form["rule"].upper(), until, form["owner"], form["reason"], form["object"], path, line)
            )
    return waivers, problems


def apply_waivers(plan: Plan, today: date) -> tuple[Plan, list[WaiverProblem]]:
    """The plan with waived findings marked, and what is wrong with the waivers found."""
    problems: list[WaiverProblem] = []
    revisions = []
    for revision in plan.revisions:
        waivers, unreadable = read_waivers(revision.recorded.path)
        problems.extend(unreadable)
        valid = []
        for waiver in waivers:
            if waiver.until < today:
                problems.append(
                    WaiverProblem(
                        f"the waiver of {waiver.rule} by {waiver.owner} expired on {waiver.until}; "
                        "review it again or remove it",
                        waiver.path,
                        waiver.line,
                        fails=False,
                    )
                )
            else:
                valid.append(waiver)
        marked, used = _mark(revision, valid)
        revisions.append(marked)
        problems.extend(
            WaiverProblem(
                f"the waiver of {waiver.rule} is needed by no finding any more; remove it",
                waiver.path,
                waiver.line,
                fails=False,
            )
            for waiver in valid
            if waiver not in used
        )
    return replace(plan, revisions=tuple(revisions)), problems


def _mark(revision: PlannedRevision, waivers: Iterable[Waiver]) -> tuple[PlannedRevision, set[Waiver]]:
    used: set[Waiver] = set()
    changes: list[PlannedChange] = []
    waivers = list(waivers)
    for change in revision.changes:
        accepted: dict[str, str] = {}
        for rule in {item.rule for item in change.judgement.findings}:
            findings = [item for item in change.judgement.findings if item.rule == rule and item.may_block]
            covering = [waiver for waiver in waivers if findings and all(map(waiver.covers, findings))]
            used.update(covering)
            if covering:
                first = covering[0]
                accepted[rule] = f"{first.reason} ({first.owner}, until {first.until})"
        changes.append(replace(change, waivers=accepted) if accepted else change)
    error_waived = None
    if revision.recorded.error is not None:
        for waiver in waivers:
            if waiver.rule == UNREPLAYABLE:
                used.add(waiver)
                error_waived = f"{waiver.reason} ({waiver.owner}, until {waiver.until})"
    return replace(revision, changes=tuple(changes), error_waived=error_waived), used


def _source(path: Path) -> str:
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
