"""The story: what it calls green, its page, and one small run of it."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.story.__main__ import main
from scripts.story.matrix import table
from scripts.story.outcome import Mark, Outcome, Sample, bins, quantile
from scripts.story.page import page
from scripts.story.visit import read_events
from scripts.story.ways import steps


def outcome(**changes: Any) -> Outcome:
    """A green one, with changes."""
    made = Outcome(
        title="A release",
        samples=[Sample(100.0, 20.0, "cart", 200, "1.0"), Sample(101.5, 40.0, "order", 303, "2.0")],
        problems=[],
        acknowledged={"k1": "12.50 €"},
        stored={"k1": 1},
        asked=frozenset({"k1"}),
        sessions={"begun": 2, "kept": 2},
    )
    return replace(made, **changes)


def test_green() -> None:
    made = outcome()
    assert made.green
    assert made.figures()["longest_ms"] == 40.0
    assert made.longest_silence == pytest.approx(1.52)


@pytest.mark.parametrize(
    ("changes", "number", "value"),
    [
        ({"problems": [{"at": 1.0, "kind": "failed", "what": "503"}]}, "failed_requests", 1),
        ({"problems": [{"at": 1.0, "kind": "session", "what": "logged out"}]}, "sessions_lost", 1),
        ({"sessions": {"begun": 2, "kept": 1}}, "sessions_lost", 1),
        ({"stored": {}}, "orders_lost", 1),
        ({"stored": {"k1": 2}}, "orders_doubled", 1),
        ({"stored": {"k1": 1, "k9": 1}}, "orders_doubled", 1),
        ({"stored": {"k1": 1, "k2": 1}, "asked": frozenset({"k1", "k2"})}, "orders_in_doubt", 1),
        ({"reasons": ["the release ended with 5"]}, "failed_requests", 0),
        ({"samples": []}, "pages", 0),
    ],
)
def test_not_green(changes: dict[str, Any], number: str, value: int) -> None:
    made = outcome(**changes)
    assert not made.green
    if made.samples:
        assert made.figures()[number] == value
        assert "not green" in page(made)


def test_the_page_loads_nothing_and_escapes_what_visitors_met() -> None:
    marks = [Mark(100.2, "expand", 101.0), Mark(101.1, "primary: b")]
    made = page(outcome(marks=marks, problems=[{"at": 101.0, "kind": "failed", "what": "<script>&"}]))
    assert "<script>" not in made
    assert not re.search(r"(src|href)=|url\(|@import", made)
    chart = ElementTree.fromstring(made[made.index("<svg") : made.index("</svg>") + 6])
    words = [element.text for element in chart.iter("text")]
    assert "expand" in words
    assert "primary: b" in words


@given(
    st.lists(st.tuples(st.floats(0, 600), st.floats(0, 60_000), st.sampled_from([0, 200, 303, 503])), max_size=60),
    st.floats(0.1, 10),
)
def test_bins_hold_every_page_once_and_leave_no_gap(pages: list[tuple[float, float, int]], width: float) -> None:
    samples = [Sample(at, ms, "cart", status, "2.0") for at, ms, status in pages]
    made = bins(samples, width, "2.0")
    assert sum(one.pages for one in made) == sum(one.new for one in made) == len(samples)
    assert sum(one.failed for one in made) == len([one for one in samples if one.status not in (200, 303)])
    assert max((one.longest for one in made), default=0) == max((one.ms for one in samples), default=0)
    assert all(later.at - one.at == pytest.approx(width) for one, later in itertools.pairwise(made))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_quantiles_are_among_the_times(times: list[float], part: float) -> None:
    assert quantile(sorted(times), part) in [round(time, 1) for time in times]


def test_steps_of_a_release_that_was_killed_and_went_on(tmp_path: Path) -> None:
    def event(at: float, step: str, outcome: str, node: str = "") -> str:
        return json.dumps({"at": at, "step": step, "outcome": outcome, "node": node})

    lines = [
        event(1, "expand", "begun"), event(2, "expand", "done"), event(3, "drain", "begun", "web1"),
        event(4, "drain", "begun", "web1"), event(5, "drain", "done", "web1"), event(6, "admit", "begun", "web1"),
        event(7, "admit", "done", "web1"), event(8, "contract", "begun"),
    ]  # fmt: skip
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([*lines, '{"at": 9, "st']))
    assert steps(read_events(path)) == [Mark(1, "expand", 2), Mark(3, "web1", 7)]


def test_the_matrix_tells_a_run_without_figures(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(outcome().figures()))
    made = table({"one": tmp_path / "one.json", "two": tmp_path / "two.json"})
    assert "| one | yes | 2 | 0 | 0 | 1 | 1 |" in made
    assert "| two | did not come to its end |" in made


@pytest.mark.soak
@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_a_small_release_is_green(flavour: str, tmp_path: Path) -> None:
    """Two nodes and a small table, so that nothing runs replica-first; `make story` is the whole of it."""
    crowd = ["--nodes", "2", "--shoppers", "3", "--before", "3", "--after", "3"]
    small = [*crowd, "--orders", "500", "--customers", "100"]
    code = main(["--output", str(tmp_path), "--flavour", flavour, *small])
    assert code == 0, (tmp_path / "story.log").read_text()[-5000:]
