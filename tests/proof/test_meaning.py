"""Data that means something else afterwards: rows as old code reads them, before and after, on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.proof.support import run_case, scratch_on
from tests.servers import Server
from zdmigrate.flavour import Flavour
from zdmigrate.proof.runner import Step
from zdmigrate.proof.scratch import Scratch


@pytest.fixture
def made(any_sql_server: Server) -> Iterator[tuple[Scratch, Flavour]]:
    with scratch_on(any_sql_server.url()) as found:
        yield found


def _last(made: tuple[Scratch, Flavour], column: str, *statements: str) -> Step:
    base = f"CREATE TABLE t (id INT PRIMARY KEY, c {column})"
    return run_case(made[0], base, *statements, flavour=made[1]).steps[-1]


@pytest.mark.parametrize(
    ("column", "statements"),
    [
        ("VARCHAR(20) CHARACTER SET latin1", ["ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4"]),
        ("VARCHAR(20) CHARACTER SET utf8mb3", ["ALTER TABLE t MODIFY c VARCHAR(20) CHARACTER SET utf8mb4"]),
        ("ENUM('new','paid')", ["ALTER TABLE t MODIFY c ENUM('new','paid','sent')"]),
        ("DECIMAL(8,2)", ["ALTER TABLE t MODIFY c DECIMAL(12,4)"]),
        ("TIMESTAMP NULL", ["ALTER TABLE t MODIFY c TIMESTAMP NULL COMMENT 'seen'"]),
    ],
)
def test_what_means_the_same_holds(made: tuple[Scratch, Flavour], column: str, statements: list[str]) -> None:
    step = _last(made, column, *statements)
    assert step.result == "held", step.broken
    assert step.rows_held == "edges"


@pytest.mark.parametrize(
    ("column", "statements", "said"),
    [
        # The bytes stay, and are read as another charset's.
        (
            "VARCHAR(20) CHARACTER SET latin1",
            [
                "ALTER TABLE t MODIFY c VARBINARY(80)",
                "UPDATE t SET c = CONVERT(CONCAT(CONVERT(c USING latin1), 'é') USING utf8mb4)",
                "ALTER TABLE t MODIFY c VARCHAR(80) CHARACTER SET latin1",
            ],
            "a row of t was read as",
        ),
        # Members by number, in the order they will have: what was "new" reads as "paid".
        ("ENUM('new','paid') NOT NULL", ["UPDATE t SET c = 3 - c"], "a row of t was read as"),
        # The amount is rounded to fewer digits.
        ("DECIMAL(8,2)", ["SET SESSION sql_mode = ''", "ALTER TABLE t MODIFY c DECIMAL(8,1)"], "was read as"),
        # The clock is another one: the moment that old code reads in UTC moves.
        (
            "TIMESTAMP NULL",
            ["SET time_zone = '+05:00'", "ALTER TABLE t MODIFY c DATETIME NULL"],
            "was read as",
        ),
        ("DATETIME", ["SET time_zone = '+05:00'", "UPDATE t SET c = CONVERT_TZ(c, '+00:00', @@time_zone)"], "read as"),
    ],
)
def test_what_means_something_else_breaks(
    made: tuple[Scratch, Flavour], column: str, statements: list[str], said: str
) -> None:
    base = f"CREATE TABLE t (id INT PRIMARY KEY, c {column})"
    case = run_case(made[0], base, *statements, flavour=made[1])
    reasons = [step.broken.reason for step in case.steps if step.broken is not None and step.broken.errno is None]
    assert any(said in reason for reason in reasons), [(step.result, step.broken, step.reason) for step in case.steps]


def test_writes_to_an_engine_without_rollback_teach_nothing(made: tuple[Scratch, Flavour]) -> None:
    """They would stay: what is read later must not be compared with what such writes left behind."""
    base = "CREATE TABLE t (id INT PRIMARY KEY, c INT) ENGINE=MyISAM"
    (step,) = run_case(made[0], base, "ALTER TABLE t ADD d INT", flavour=made[1]).steps
    assert step.result == "held", step.broken
    assert step.statements == 1
    assert any("cannot roll them back" in note for note in step.notes)
