"""How fast a backfill may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.run.pace import BatchSize, Behind, Commits, Limits, Progress, reason_to_wait


@given(
    cost=st.floats(1e-7, 0.5), target=st.floats(0.001, 1.0), most=st.integers(1, 100_000), start=st.integers(1, 100_000)
)
def test_the_size_settles_where_a_batch_takes_the_target(cost: float, target: float, most: int, start: int) -> None:
    size = BatchSize(Limits(target=target, rows=most), start)
    for _ in range(60):
        size.learn(size.rows, size.rows * cost)
        assert 1 <= size.rows <= most
    wanted = min(most, max(1.0, target / cost))
    assert wanted / 2 - 1 <= size.rows <= wanted * 2 + 1


def test_the_short_last_batch_of_a_pass_says_nothing() -> None:
    size = BatchSize(Limits(), 1000)
    size.learn(3, 0.001)
    assert size.rows == 1000


@pytest.mark.parametrize(
    ("replicas", "running", "why"),
    [
        ({}, 1, ""),
        ({"b": Behind(0.4, 1)}, 25, ""),
        ({"b": Behind(0.0, 0), "c": None}, 1, "c does not apply"),
        ({"b": Behind(0.6, 1)}, 1, "b is 0.6 s behind"),
        ({"b": Behind(0.1, 2)}, 1, "b lacks 2 batches"),
        ({}, 26, "26 statements run"),
    ],
)
def test_what_it_waits_for(replicas: dict[str, Behind | None], running: int, why: str) -> None:
    found = reason_to_wait(replicas, running, Limits(lag=1.0, running=25))
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_the_lag_is_the_age_of_the_first_commit_that_is_missing() -> None:
    commits = Commits()
    assert commits.lag(0, 100.0) == 0
    for batch in range(1, 5):
        commits.add(batch, 10.0 + batch)
    assert commits.lag(0, 20.0) == 9.0
    assert commits.lag(3, 20.0) == 6.0
    assert commits.lag(4, 20.0) == 0


def test_time_left_is_unknown_until_something_was_walked() -> None:
    assert Progress(0, 0, 100, 0.0, 10).seconds_left is None
    assert Progress(50, 0, 100, 10.0, 10).seconds_left == 5
    assert Progress(150, 0, 100, 10.0, 10).seconds_left == 0
