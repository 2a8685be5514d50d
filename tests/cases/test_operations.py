"""The agreed table of operations, row by row, as statements that are judged.

`operations.csv` holds at least one statement for each row of the table that SQL can express, with the verdict for old
code, for new code on the old schema, the phase, and the names of the conditions. `differs` names the paragraph of
`docs/labels.md` that says why we say otherwise than the table.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.verdict.support import judged, manifest
from zdmigrate.flavour import Flavour
from zdmigrate.verdict.judge import revision_phase
from zdmigrate.verdict.model import Verdict

_HERE = Path(__file__).parent
_PAGE = _HERE.parent.parent / "docs" / "labels.md"
#: Rows about how a revision is written, which have their tests where it is read; `docs/labels.md` says where.
_ELSEWHERE = {22, 61, 62, 79, 80}


@dataclass(frozen=True)
class Case:
    """One row of the file."""

    row: str
    base: str
    sql: str
    flavours: str
    old: str
    new: str
    phase: str
    conditions: str
    differs: str


def _cases() -> list[Case]:
    with (_HERE / "operations.csv").open(encoding="utf-8", newline="") as file:
        return [Case(**row) for row in csv.DictReader(file)]


_RUNS = [(case, flavour) for case in _cases() for flavour in case.flavours.split()]


@pytest.mark.parametrize(("case", "flavour"), _RUNS, ids=[f"{case.row}-{case.sql[:60]}-{on}" for case, on in _RUNS])
def test_an_operation_is_judged_as_the_table_says(case: Case, flavour: str) -> None:
    said = judged(case.base, case.sql, flavour=Flavour.parse(flavour))
    reasons = [(finding.rule, finding.reason) for item in said for finding in item.findings]
    assert Verdict.worst(item.old for item in said).value == case.old, reasons
    assert Verdict.worst(item.new for item in said).value == case.new, reasons
    assert revision_phase((item.phase, item.fits_either_side) for item in said).value == case.phase, reasons
    assert " ".join(sorted({condition.name for item in said for condition in item.conditions})) == case.conditions
    assert bool(case.conditions) or case.old != "conditional"


def test_a_drop_of_what_no_manifest_maps_is_safe() -> None:
    mapped = manifest(t={"id": "INTEGER NOT NULL"})
    (said,) = judged("CREATE TABLE t (id int PRIMARY KEY, a int)", "ALTER TABLE t DROP COLUMN a", manifests=[mapped])
    assert said.old is Verdict.SAFE  # row 22


def test_every_row_has_a_case() -> None:
    assert {int(case.row) for case in _cases()} == set(range(1, 81)) - _ELSEWHERE


def test_every_difference_is_explained() -> None:
    page = _PAGE.read_text(encoding="utf-8")
    assert all(f"## {case.differs}\n" in page for case in _cases() if case.differs)
