"""The labelled cases: what people who wrote or tested other tools said of a change, judged by us.

`labelled.csv` holds each case with the base tables it needs (written by us), its statements, and its label:
`no` (old code breaks), `yes` (it does not), `depends` (it does unless something named holds).
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
#: Where we say something else than the label, because a server does: tests/proof/test_labelled.py runs every case.
_EXPLAINED = {
    # b + c of two large INTs is out of range for the generated INT: 1264 from old code's INSERT (MySQL 9.7).
    "C063": Verdict.CONDITIONAL,
}
_FLAVOURS = ("mysql:8.4", "mysql:9.7", "mariadb:10.11")


@dataclass(frozen=True)
class Case:
    """One row of the file."""

    id: str
    base: str
    sql: str
    label: str
    reason: str


def _cases() -> list[Case]:
    with (Path(__file__).parent / "labelled.csv").open(encoding="utf-8", newline="") as file:
        return [Case(**row) for row in csv.DictReader(file)]


@pytest.mark.parametrize("flavour", _FLAVOURS)
@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.id)
def test_a_labelled_case_gets_the_verdict_of_its_label(case: Case, flavour: str) -> None:
    judgements = judged(case.base, case.sql, flavour=Flavour.parse(flavour))
    worst = Verdict.worst(item.old for item in judgements)
    reasons = [finding.reason for item in judgements for finding in item.findings]
    assert worst is _EXPLAINED.get(case.id, _WANTED[case.label]), (case.sql, case.reason, reasons)
    if worst is Verdict.CONDITIONAL:
        assert any(item.conditions for item in judgements)
