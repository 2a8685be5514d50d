"""The labelled cases, run: static verdict, execution and label side by side."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.proof.support import run_case, scratch_on
from zdmigrate.verdict.model import Verdict

_CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "labelled.csv").read_text("utf-8").splitlines()))


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["id"])
def test_run(case: dict[str, str], any_sql_url: str) -> None:
    with scratch_on(any_sql_url) as (made, flavour):
        found = run_case(made, case["base"], case["sql"], flavour=flavour)
    print(case["id"], case["label"], found.static.value, [s.result for s in found.steps], [(s.errno, s.reason) for s in found.steps if s.reason], [(s.broken.errno, s.broken.reason) for s in found.steps if s.broken])
    assert not found.too_permissive(), found.too_permissive()
