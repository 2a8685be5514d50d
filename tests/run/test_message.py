"""What people may read of a statement, and by which hash the journal knows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.history.statements import parse
from zdmigrate.run.message import Answer, Message, hash_of, masked, without_data


@pytest.mark.parametrize(
    ("sql", "percent", "shown"),
    [
        ("UPDATE t SET a = 'it''s \\' 5' WHERE `i d` = 4", False, "UPDATE t SET a = ? WHERE `i d` = ?"),
        ("UPDATE t SET a = %s WHERE b LIKE '50%%'", True, "UPDATE t SET a = ? WHERE b LIKE ?"),
        ("SELECT a %% 2, :x FROM t1", True, "SELECT a % ?, ? FROM t1"),
        ("SELECT %(name)s, x'ff', 0x1f, 1e5", True, "SELECT ?, ?, ?, ?"),
        ('SELECT "secret"', False, "SELECT ?"),
        ("SELECT 'never closed", False, "SELECT ?"),
    ],
)
def test_no_literal_is_shown(sql: str, percent: bool, shown: str) -> None:
    assert masked(sql, percent=percent) == shown


@given(st.text(min_size=1).filter(lambda text: len(text.strip("'\\")) > 3))
def test_no_string_is_ever_shown(value: str) -> None:
    text = value.replace("\\", "\\\\").replace("'", "''")
    assert masked(f"UPDATE t SET a = '{text}' WHERE id = 1", percent=False) == "UPDATE t SET a = ? WHERE id = ?"


def test_masked_text_is_still_the_same_statement() -> None:
    sql = "UPDATE users SET slug = 'a', n = n + 1 WHERE id = 5"
    assert type(parse(masked(sql, percent=False))[0].node) is type(parse(sql)[0].node)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Duplicate entry 'x' for key y' for key 'users.one'", "Duplicate entry '?' for key 'users.one'"),
        ("Incorrect integer value: 'Zoe' for column 'n' at row 1", "Incorrect integer value: '?' at row 1"),
        ("Truncated incorrect DOUBLE value: 'Zoe'", "Truncated incorrect DOUBLE value: '?'"),
        ("Unknown column 'slug' in 'field list'", "Unknown column 'slug' in 'field list'"),
        ("Table 'shop.users' doesn't exist", "Table 'shop.users' doesn't exist"),
    ],
)
def test_a_servers_message_is_told_without_the_value_it_quotes(message: str, said: str) -> None:
    assert without_data(message) == said


@given(st.integers(0, 10**9), st.integers(0, 2**63))
def test_an_answer_is_read_as_it_was_written(rows: int, number: int) -> None:
    assert Answer.read(str(Answer(rows, number))) == Answer(rows, number)


def test_what_is_no_answer_is_none() -> None:
    assert Answer.read("found done") == Answer()


def test_values_are_part_of_the_hash_and_texts_do_not_run_together() -> None:
    assert hash_of("a", "b") != hash_of("ab")
    assert hash_of("UPDATE t SET a = 1") != hash_of("UPDATE t SET a = 2")
    assert len(hash_of("\udce4")) == 64


def test_what_is_told_is_the_masked_text_where_there_is_one() -> None:
    assert Message("a", "").told == "a"
    assert Message("a", "", shown="b").told == "b"
