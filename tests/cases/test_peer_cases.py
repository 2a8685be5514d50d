"""What other tools' test suites contain, said again in MySQL's SQL and labelled by us.

`peer_cases.csv` takes the operations, never the code, of those suites; the labels follow DESIGN's definition of
"old code survives" and what was measured, not the peer's own verdict.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.verdict.support import judged
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.model import Verdict

_WANTED = {"no": Verdict.UNSAFE, "yes": Verdict.SAFE, "depends": Verdict.CONDITIONAL}
_FLAVOURS = ("mysql:8.4", "mariadb:10.11")


@dataclass(frozen=True)
class Case:
    """One row of the file."""

    id: str
    source: str
    base: str
    sql: str
    label: str
    reason: str


def _cases() -> list[Case]:
    with (Path(__file__).parent / "peer_cases.csv").open(encoding="utf-8", newline="") as file:
        return [Case(**row) for row in csv.DictReader(file)]


@pytest.mark.parametrize("flavour", _FLAVOURS)
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.id)
def test_a_peer_case_gets_the_verdict_of_its_label(case: Case, flavour: str) -> None:
    judgements = judged(case.base, case.sql, flavour=Flavour.parse(flavour))
    worst = Verdict.worst(item.old for item in judgements)
    reasons = [(finding.rule, finding.reason) for item in judgements for finding in item.findings]
    assert worst is _WANTED[case.label], (case.sql, case.reason, reasons)
    if worst is Verdict.CONDITIONAL:
        assert any(item.conditions for item in judgements)
