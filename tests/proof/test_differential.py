"""We against the server: generated schemas and changes, judged and run. What we call safe must not break old code.

A disagreement that hypothesis finds is shrunk, becomes a row of `regressions.csv`, and the rule is put right.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from tests.proof.cases import Generated, cases
from tests.proof.support import Case, UnbuildableError, run_case, scratch_on
from tests.servers import Server
from zdmigrate.flavour import Flavour
from zdmigrate.proof.scratch import Scratch
from zdmigrate.verdict.model import Verdict

_REGRESSIONS = list(csv.DictReader((Path(__file__).parent / "regressions.csv").read_text("utf-8").splitlines()))
_MYSQL, _MARIADB = Flavour.parse("mysql:9.7"), Flavour.parse("mariadb:10.11")

#: Examples in `make test`, and in `make soak`.
_FEW, _MANY = 50, 2000


@dataclass
class _Figures:
    """What a run amounts to. Only first statements are counted: later ones meet what earlier ones broke."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    stricter: Counter[str] = field(default_factory=Counter)
    unbuildable: int = 0

    def count(self, case: Case) -> None:
        judgement, step = case.judgements[0], case.steps[0]
        self.pairs[judgement.old.value, step.result] += 1
        if step.result == "held" and judgement.old in (Verdict.UNSAFE, Verdict.UNKNOWN):
            self.stricter.update({item.rule for item in judgement.findings if item.old is judgement.old})

    def __str__(self) -> str:
        ran = sum(number for (_, result), number in self.pairs.items() if result in ("held", "broke"))
        strict = sum(
            number for (verdict, result), number in self.pairs.items() if result == "held" and verdict[0] == "u"
        )
        lines = [f"{ran} first statements ran, {self.unbuildable} schemas refused"]
        lines += [
            f"  static {verdict}, run {result}: {number}" for (verdict, result), number in sorted(self.pairs.items())
        ]
        lines.append(f"  stricter than the server: {strict} ({100 * strict / max(ran, 1):.1f} %) {dict(self.stricter)}")
        return "\n".join(lines)


@contextmanager
def _disagreements(server: Server) -> Iterator[tuple[Scratch, Flavour, _Figures]]:
    with scratch_on(server.url()) as (made, flavour):
        figures = _Figures()
        yield made, flavour, figures
        print(f"\n{flavour}: {figures}")


def _agree(made: Scratch, flavour: Flavour, generated: Generated, figures: _Figures) -> None:
    made.empty()
    try:
        case = run_case(made, generated.base, *generated.changes, flavour=flavour)
    except UnbuildableError:
        figures.unbuildable += 1
        return
    figures.count(case)
    assert not case.too_permissive(), f"{generated}\n\n{case.too_permissive()}"


def _compare(server: Server, generator: Flavour, examples: int, *, fixed: bool) -> None:
    with _disagreements(server) as (made, flavour, figures):

        @settings(max_examples=examples, derandomize=fixed, suppress_health_check=list(HealthCheck))
        @given(cases(generator))
        def agree(generated: Generated) -> None:
            _agree(made, flavour, generated, figures)

        agree()


def test_what_is_safe_for_us_is_safe_on_mysql(mysql_server: Server) -> None:
    _compare(mysql_server, _MYSQL, _FEW, fixed=True)


def test_what_is_safe_for_us_is_safe_on_mariadb(mariadb_server: Server) -> None:
    _compare(mariadb_server, _MARIADB, _FEW, fixed=True)


@pytest.mark.soak
def test_what_is_safe_for_us_is_safe_on_mysql_two_thousand_times(mysql_server: Server) -> None:
    _compare(mysql_server, _MYSQL, _MANY, fixed=False)


@pytest.mark.soak
def test_what_is_safe_for_us_is_safe_on_mariadb_two_thousand_times(mariadb_server: Server) -> None:
    _compare(mariadb_server, _MARIADB, _MANY, fixed=False)


@pytest.mark.parametrize("row", _REGRESSIONS, ids=lambda row: f"{row['id']}-{row['flavour']}")
def test_regression(row: dict[str, str], request: pytest.FixtureRequest) -> None:
    """Disagreements of the past: the verdict is the one written down, and what runs does not contradict it."""
    server: Server = request.getfixturevalue(f"{row['flavour']}_server")
    with scratch_on(server.url()) as (made, flavour):
        case = run_case(made, row["base"], row["sql"], flavour=flavour)
    assert case.static.value == row["static"], case.describe(len(case.steps))
    assert ("broke" if case.broke else case.steps[-1].result) == row["executed"], case.describe(len(case.steps))
    assert not case.too_permissive()
