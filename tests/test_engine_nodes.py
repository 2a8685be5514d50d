"""Who is primary, decided from what nodes said; and what error numbers say."""

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.engine_errors import errno_of, is_read_only, is_refused, is_suspicious, text_of
from zdmigrate.engine_nodes import Seen, bounded, decide

SEEN = st.none() | st.builds(Seen, st.none() | st.booleans(), st.floats(0, 10), st.just("said"))


@given(st.lists(SEEN, min_size=1, max_size=4), st.booleans(), st.none() | st.floats(0, 10))
def test_only_what_said_that_it_is_writable_is_primary(
    seen: list[Seen | None], all_heard: bool, conflict_since: float | None
) -> None:
    writable = [index for index, item in enumerate(seen) if item is not None and item.writable]
    found = decide(seen, all_heard=all_heard, conflict_since=conflict_since)
    assert found in ([], writable)
    if len(found) == 1:
        assert all_heard or None not in seen
    if len(found) > 1:
        assert conflict_since is not None
        for index in found:
            item = seen[index]
            assert item is not None
            assert item.asked > conflict_since


def test_two_answers_of_different_times_are_no_split_brain() -> None:
    before, after = Seen(True, 1.0, "a"), Seen(True, 2.0, "b")
    assert decide([before, after], all_heard=True, conflict_since=None) == []
    assert decide([before, after], all_heard=True, conflict_since=2.5) == []
    again = [Seen(True, 3.0, "a"), Seen(True, 3.1, "b")]
    assert decide(again, all_heard=True, conflict_since=2.5) == [0, 1]


def test_an_inner_budget_never_outlasts_the_outer_one() -> None:
    with bounded(1.0) as outer:
        with bounded(100.0) as inner:
            assert inner == outer
        with bounded(0.1) as inner:
            assert inner < outer


@pytest.mark.parametrize(
    ("error", "read_only"),
    [
        (pymysql.err.OperationalError(1290, "running with the --super-read-only option"), True),
        (pymysql.err.OperationalError(1290, "running with the --read-only option"), True),
        (pymysql.err.OperationalError(1836, "Running in read-only mode"), True),
        (pymysql.err.OperationalError(1290, "running with the --secure-file-priv option"), False),
        (pymysql.err.OperationalError(1792, "Cannot execute statement in a READ ONLY transaction."), False),
        (pymysql.err.InterfaceError(0, ""), False),
        (ValueError("read-only"), False),
    ],
)
def test_what_means_read_only(error: Exception, read_only: bool) -> None:
    assert is_read_only(error) is read_only


def test_errors_in_a_few_words() -> None:
    assert text_of(pymysql.err.OperationalError(2013, "Lost connection")) == "2013 Lost connection"
    assert text_of(pymysql.err.InterfaceError(0, "")) == "InterfaceError"
    assert text_of(OSError("no route to port 3300")) == "no route to port 3300"
    assert errno_of(None) == 0
    assert is_suspicious(pymysql.err.OperationalError(1792, ""))
    assert is_refused(pymysql.err.OperationalError(1045, "Access denied"))
