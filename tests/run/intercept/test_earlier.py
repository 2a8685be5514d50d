"""Which statement of a second upgrade() is one that was sent before."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zdmigrate.history.statements import parse
from zdmigrate.run.intercept.earlier import Earlier, means_the_same_twice, statement_of_upgrade
from zdmigrate.run.journal import StatementEntry


def entry(item: str, sha256: str, shown: str = "", state: Literal["begun", "done"] = "done") -> StatementEntry:
    return StatementEntry(item, state, sha256, "a", 1, shown, "1 row", 0.0)


def test_the_same_text_sent_twice_is_two_statements() -> None:
    earlier = Earlier(
        "b", [entry("b:1", "x"), entry("b:0", "x"), entry("b:10", "y"), entry("b", ""), entry("c:4", "x")]
    )
    assert [found.item if (found := earlier.take("x")) else None for _ in range(3)] == ["b:0", "b:1", None]
    assert earlier.take("z") is None
    assert [item.item for item in earlier.not_taken()] == ["b:10"]
    assert [earlier.new_item(), earlier.new_item()] == ["b:11", "b:12"]
    assert earlier.again == 2


def test_queries_and_the_version_row_are_no_statements() -> None:
    earlier = Earlier("b", [entry("b:query-12ab", "x"), entry("b", "y")])
    assert (earlier.take("x"), earlier.take("y"), earlier.new_item()) == (None, None, "b:0")
    assert [statement_of_upgrade(name, "b") for name in ("b:0", "b:query-1", "b", "a:b:0")] == [
        True,
        False,
        False,
        False,
    ]


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_nothing_is_taken_twice_and_nothing_is_lost(sent: list[str], asked: list[str]) -> None:
    earlier = Earlier("r", [entry(f"r:{number}", sha256) for number, sha256 in enumerate(sent)])
    taken = [found for sha256 in asked if (found := earlier.take(sha256)) is not None]
    left = earlier.not_taken()
    assert sorted(item.item for item in (*taken, *left)) == sorted(f"r:{number}" for number in range(len(sent)))
    for letter in "abcd":
        assert sum(item.sha256 == letter for item in taken) == min(sent.count(letter), asked.count(letter))


def test_what_was_done_on_a_table_is_found_by_verb_and_name() -> None:
    shown = (
        "INSERT INTO `shop`.`team` (name) VALUES (?)",
        "UPDATE team SET n = n + ? WHERE id = ?",
        "INSERT INTO teams",
    )
    earlier = Earlier("r", [entry(f"r:{number}", str(number), text) for number, text in enumerate(shown)])
    assert [item.item for item in earlier.done_on("INSERT", "team")] == ["r:0"]
    assert [item.item for item in earlier.done_on("UPDATE", "team")] == ["r:1"]
    assert [item.item for item in earlier.done_on("INSERT", "shop.team")] == ["r:0"]


@pytest.mark.parametrize(
    ("sql", "same"),
    [
        ("UPDATE t SET a = 'x' WHERE id = 3", True),
        ("UPDATE t SET a = LOWER(b) WHERE id = 3", True),
        ("UPDATE t SET a = a + 1 WHERE id = 3", False),
        ("UPDATE t SET a = b, b = 1", False),
        ("DELETE FROM t WHERE a = 1", True),
        ("INSERT INTO t (a) VALUES (1)", False),
        ("REPLACE INTO t (a) VALUES (1)", False),
    ],
)
def test_what_may_be_sent_besides(sql: str, same: bool) -> None:
    assert means_the_same_twice(parse(sql)[0].node) is same
