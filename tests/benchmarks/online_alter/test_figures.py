"""What is computed from what was seen, and its table."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.online_alter.figures import (
    Answer,
    Latency,
    NoResult,
    Result,
    besides_load,
    latency,
    longest_gap,
    megabytes,
    milliseconds,
    percentile,
    steps_in,
    table,
)

SEEN = Latency(200, 3.25, 41.0, 1234.5, 7)
RESULT = Result(
    contender="gh-ost",
    version="1.1.7",
    command=12.34,
    both=15.0,
    writes_before=SEEN,
    writes_during=SEEN,
    reads_before=SEEN,
    reads_during=Latency(0, 0, 0, 0, 0),
    gap=1.236,
    failed=4,
    disk={"a": 1_234_500_000, "b": 20_000_000},
    binlog=5_400_000,
    processor={"a": 2.0, "b": 3.25},
    busy=1.5,
    lag=0.55,
    acknowledged=1054,
)


@pytest.mark.parametrize(
    ("values", "part", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
        ([float(n) for n in range(1, 201)], 0.99, 198.0),
        ([1.0, 9.0], 1.0, 9.0),
    ],
)
def test_percentile(values: list[float], part: float, expected: float) -> None:
    assert percentile(values, part) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.integers(1, 100))
def test_percentile_is_the_smallest_value_with_that_part_at_or_below(values: list[float], hundredths: int) -> None:
    found = percentile(values, hundredths / 100)
    assert sum(value <= found for value in values) * 100 >= hundredths * len(values)
    assert sum(value < found for value in values) * 100 < hundredths * len(values)


@pytest.mark.parametrize(("values", "part"), [([], 0.5), ([1.0], 0.0), ([1.0], 1.1)])
def test_no_percentile(values: list[float], part: float) -> None:
    with pytest.raises(ValueError, match="no percentile"):
        percentile(values, part)


def test_latency_counts_from_when_an_answer_was_due() -> None:
    answers = [Answer(1.0, 1.001), Answer(2.0, 2.5), Answer(2.1, 2.5), Answer(3.0, 3.0)]
    seen = latency(answers, 2.0, 3.0)  # 1.0 was before; 3.0 is no part of it
    assert (seen.count, seen.late) == (2, 2)
    assert [seen.p50, seen.max] == pytest.approx([400, 500])


def test_an_answer_after_the_end_counts_when_it_was_due_before() -> None:
    assert latency([Answer(2.9, 9.9)], 2.0, 3.0).max == pytest.approx(7000)


def test_no_answers() -> None:
    seen = latency([], 0, 10)
    assert seen.count == 0
    assert seen.shown == "none"


@pytest.mark.parametrize(
    ("done", "expected"),
    [([], 10.0), ([4.0], 6.0), ([1.0, 2.0, 9.0], 7.0), ([9.0, 2.0, 1.0], 7.0), ([-5.0, 5.0, 50.0], 5.0)],
)
def test_longest_gap_reaches_both_ends(done: list[float], expected: float) -> None:
    assert longest_gap([Answer(0.0, at) for at in done], 0.0, 10.0) == expected


@pytest.mark.parametrize(
    ("used", "writes", "before", "writes_before", "expected"),
    [(1000, 10, 500, 10, 500), (400, 10, 500, 10, 0), (1000, 10, 0, 0, 1000), (1000, 0, 500, 10, 1000)],
)
def test_besides_load(used: float, writes: int, before: float, writes_before: int, expected: float) -> None:
    assert besides_load(used, writes, before, writes_before) == expected


@pytest.mark.parametrize(("value", "shown"), [(3.249, "3.2"), (99.94, "99.9"), (99.96, "100"), (12345.6, "12,346")])
def test_milliseconds(value: float, shown: str) -> None:
    assert milliseconds(value) == shown


def test_megabytes() -> None:
    assert megabytes(1_234_567_890) == "1,235"


def test_steps_of_a_report() -> None:
    report = {
        "steps": [
            {"name": "alter b", "node": "b", "seconds": 6.25},
            {"name": "identity", "node": "a", "seconds": 0.09},
            {"name": "0002:0", "node": "", "seconds": 19.0},
        ],
        "blocked": [{"milliseconds": 11.6}, {"milliseconds": None}],
    }
    assert steps_in(report) == "alter b 6.2 s, writes blocked 12 ms"


def test_table() -> None:
    other = dataclasses.replace(
        RESULT, contender="plain ALTER", wrong=("a lost 2", "the servers differ"), note="it said so"
    )
    lines = table(
        [other, RESULT, NoResult("pt", "no pt on PATH", is_missing=True), NoResult("x", "code 1", is_missing=False)]
    )
    rows = dict(
        line.strip("| ").split(" | ", 1) for line in lines.splitlines() if line.startswith("| ") and "---" not in line
    )
    assert rows["command, s"] == "12.3 | 12.3"
    assert rows["**writes during**, p50 / p99 / max ms"] == "3.2 / 41.0 / 1,234 | 3.2 / 41.0 / 1,234"
    assert rows["writes later than 100 ms, of all during"] == "7 of 200 | 7 of 200"
    assert rows["reads during, p50 / p99 / max ms"] == "none | none"
    assert rows["extra disk at its peak, first primary / its replica MB"] == "1,234 / 20 | 1,234 / 20"
    assert rows["acknowledged writes; rows at the end"] == "1,054; a lost 2; the servers differ | 1,054; exact"
    assert "plain ALTER: it said so." in lines
    assert "pt was not found: no pt on PATH" in lines
    assert "x failed: code 1" in lines
    assert len({line.count("|") for line in lines.splitlines() if line.startswith("|")}) == 1


def test_table_of_nobody() -> None:
    assert (
        table([NoResult("gh-ost", "no gh-ost on PATH", is_missing=True)]) == "gh-ost was not found: no gh-ost on PATH"
    )


def test_results_can_be_written_as_json() -> None:
    assert RESULT.as_json()["writes_during"]["p99"] == 41.0
    assert NoResult("gh-ost", "why", is_missing=True).as_json()["is_missing"] is True
