"""CALL of a procedure whose body asks information_schema: what it does is known, and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.history.replaying import replay_of
from zdmigrate.history.catalog import Routine
from zdmigrate.history.recorder.procedures import statements_of_call
from zdmigrate.history.statements import split
from zdmigrate.history.syntax import AlterTable, CallRoutine

ASKING = """CREATE PROCEDURE p() BEGIN
    IF {not_} EXISTS (
        SELECT 1 FROM information_schema.TABLE_CONSTRAINTS
        WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = 'orders' AND CONSTRAINT_NAME = '{name}'
          AND CONSTRAINT_TYPE = 'FOREIGN KEY'
    ) THEN
        ALTER TABLE orders DROP FOREIGN KEY {name};
    ELSE
        SELECT 1;
    END IF;
END"""
TABLES = """
op.execute("CREATE TABLE users (id INT PRIMARY KEY)")
op.execute("CREATE TABLE orders (id INT PRIMARY KEY, u INT, CONSTRAINT fk_u FOREIGN KEY (u) REFERENCES users (id))")
"""


def body(*lines: str) -> Routine:
    return Routine("p", "procedure", "CREATE PROCEDURE p() BEGIN " + " ".join(lines) + " END")


def test_a_condition_in_a_body_does_not_end_the_statement() -> None:
    created = ASKING.format(not_="", name="fk_u")
    assert split(f"{created}; CALL p(); DROP PROCEDURE p;") == [created, "CALL p()", "DROP PROCEDURE p"]


def test_if_exists_of_a_drop_opens_no_block() -> None:
    text = "CREATE PROCEDURE p() BEGIN DROP TABLE IF EXISTS a; DROP TABLE IF EXISTS b; END"
    assert split(f"{text}; SELECT 1") == [text, "SELECT 1"]


@pytest.mark.parametrize(
    ("not_", "name", "carried_out", "left"),
    [("", "fk_u", 1, 0), ("", "fk_other", 0, 1), ("NOT", "fk_u", 0, 1)],
)
def test_the_call_does_what_its_body_says_here(
    tmp_path: Path, not_: str, name: str, carried_out: int, left: int
) -> None:
    text = f"{ASKING.format(not_=not_, name=name)}; CALL p(); DROP PROCEDURE p"
    history = replay_of(tmp_path, TABLES, f"op.execute({text!r})")
    recorded = history.revisions[-1]
    assert recorded.error is None
    called = recorded.statements[1].statement
    assert called.sql == "CALL p()"
    assert isinstance(called.node, CallRoutine)
    assert called.node.carried_out is not None
    assert [type(item) for item in called.node.carried_out] == [AlterTable] * carried_out
    assert len(recorded.after.tables["orders"].foreign_keys) == left


def test_an_unknown_procedure_stays_unknown(tmp_path: Path) -> None:
    called = replay_of(tmp_path, "op.execute('CALL somebody_elses()')").revisions[0].statements[0].statement
    assert called.node == CallRoutine("somebody_elses")


@pytest.mark.parametrize(
    "lines",
    [
        ("DECLARE a INT;", "SELECT 1;"),
        ("IF EXISTS (SELECT 1) THEN SELECT 1; ELSEIF 1 THEN SELECT 2; END IF;",),
        ("IF @a > 1 THEN SELECT 1; END IF;",),
        ("IF EXISTS (SELECT 1 FROM t) THEN SELECT 1;",),
    ],
)
def test_what_a_body_may_do_otherwise_is_not_guessed(lines: tuple[str, ...]) -> None:
    found = statements_of_call(body(*lines), lambda query: True)
    assert found is None or found == ("DECLARE a INT", "SELECT 1")  # no statement the server carries out by itself


def test_parameters_are_not_followed() -> None:
    taking = Routine("p", "procedure", "CREATE PROCEDURE p(a INT) BEGIN DELETE FROM t WHERE id = a; END")
    assert statements_of_call(taking, lambda query: True) is None


def test_nested_conditions_and_the_other_branch() -> None:
    inner = "IF NOT EXISTS (SELECT 2) THEN SELECT 'a'; ELSE SELECT 'b'; END IF;"
    routine = body(f"IF EXISTS (SELECT 1) THEN {inner} ELSE SELECT 'c'; END IF;", "SELECT 'd';")
    assert statements_of_call(routine, lambda query: True) == ("SELECT 'b'", "SELECT 'd'")
    assert statements_of_call(routine, lambda query: False) == ("SELECT 'c'", "SELECT 'd'")
    assert statements_of_call(routine, lambda query: None) is None
