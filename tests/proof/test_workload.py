"""What old code may send, and what it understands: workload.py."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.history.sql import after
from tests.verdict.support import manifest
from zdmigrate.history.catalog import ColumnType
from zdmigrate.history.statements import parse_type
from zdmigrate.proof.workload import Reading, derive
from zdsession.manifest import MappedColumn

_TABLES = (
    "CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, p_id INT, nick VARCHAR(9), qty INT NOT NULL, "
    "twice INT AS (qty * 2) VIRTUAL)",
    "CREATE TABLE parent (id INT PRIMARY KEY, name VARCHAR(5) NOT NULL UNIQUE)",
    "ALTER TABLE child ADD CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES parent (id)",
)


def test_every_sort_of_statement_is_there() -> None:
    made = derive(after(*_TABLES), tables=["child"])
    purposes = {query.purpose for query in made.queries}
    assert {
        "SELECT by column list",
        "INSERT of required columns only",
        "INSERT of every column",
        "INSERT with NULL in nick",
        "UPDATE of qty to another value",
        "UPDATE of nick to NULL",
        "DELETE of a row",
    } <= purposes
    assert {query.table for query in made.queries} == {"child"}


def test_a_generated_column_is_read_and_never_written() -> None:
    made = derive(after(*_TABLES), tables=["child"])
    assert "`twice`" in made.selects["child"]
    assert not [query.sql for query in made.queries if query.kind != "select" and "`twice`" in query.sql]


def test_parents_are_filled_before_children_and_watched_with_them() -> None:
    made = derive(after(*_TABLES))
    tables = [sql.split("`")[1] for sql in made.seeds]
    assert tables.index("child") > max(index for index, name in enumerate(tables) if name == "parent")
    assert all(query.observes == ("parent", "child") for query in made.queries if query.table == "parent"
               if query.kind != "select")  # fmt: skip


def test_no_rows_when_none_are_wanted() -> None:
    assert derive(after(*_TABLES), rows="none").seeds == ()


def test_a_manifest_narrows_what_is_sent() -> None:
    mapped = manifest(
        child={
            "id": MappedColumn("INT", nullable=False, autoincrement=True),
            "nick": MappedColumn("VARCHAR(3)", nullable=False, client_default=True),
        }
    )

    def read_type(text: str) -> ColumnType:
        return parse_type(text)

    made = derive(after(*_TABLES), manifest=mapped, read_type=read_type)
    assert set(made.selects) == {"child"}
    assert made.selects["child"] == "SELECT `id`, `nick` FROM `child`"
    written = [query.sql for query in made.queries if query.kind != "select"]
    assert not [sql for sql in written if "`qty`" in sql or "zzzz" in sql]
    assert [query.purpose for query in made.queries if "NULL in" in query.purpose] == []


def test_a_type_without_values_is_named() -> None:
    made = derive(after("CREATE TABLE t (id INT PRIMARY KEY, g POLYGON)"))
    assert made.gaps == ("t.g: no value can be made for its type polygon",)


def test_reading_as_the_model_does() -> None:
    status = Reading("status", nullable=False, members=frozenset({"new", "done"}))
    assert status.decode("new") == ("str", "new")
    with pytest.raises(ValueError, match="LookupError: 'lost'"):
        status.decode("lost")
    with pytest.raises(ValueError, match="status is NULL"):
        status.decode(None)
    tags = Reading("tags", nullable=True, members=frozenset({"a", "b"}), several=True)
    assert tags.decode("a,b") == ("str", "a,b")
    assert tags.decode("") == ("str", "")
    assert tags.decode(None) == ("NULL", None)
    with pytest.raises(ValueError, match="'c'"):
        tags.decode("a,c")


def test_values_of_another_type_are_other_values() -> None:
    reading = Reading("n", nullable=True)
    assert len({reading.decode(value) for value in (1, "1", Decimal(1), 1.0, b"1")}) == 5
    assert Reading("b", nullable=True, bits=True).decode(b"\x00\x01") == ("bit", 1)
