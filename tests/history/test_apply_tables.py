"""What statements do to tables: definitions, renames, positions, charsets, identity."""

from __future__ import annotations

import pytest

from tests.history.sql import MARIADB, MYSQL, after, table
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import apply, reveal
from zdmigrate.history.catalog import Column, difference
from zdmigrate.history.charsets import bytes_per_character, empty_catalog
from zdmigrate.history.recorder.procedures import statements_of_call
from zdmigrate.history.recording import SessionState
from zdmigrate.history.statements import parse


def column(catalog_sql: list[str], name: str, flavour: Flavour = MYSQL) -> Column:
    found = table(after(*catalog_sql, flavour=flavour)).column(name)
    assert found is not None
    return found


def test_modify_replaces_the_whole_definition() -> None:
    start = "CREATE TABLE t (a INT NOT NULL DEFAULT 3 COMMENT 'x', b INT)"
    found = column([start, "ALTER TABLE t MODIFY a BIGINT"], "a")
    assert (found.nullable, found.default, found.comment) == (True, None, "")


def test_positions() -> None:
    catalog = after(
        "CREATE TABLE t (a INT, b INT, c INT)",
        "ALTER TABLE t CHANGE a e INT AFTER b, ADD COLUMN d INT AFTER e, ADD COLUMN f INT FIRST, ADD COLUMN g INT",
    )
    assert [column.name for column in table(catalog).columns] == ["f", "b", "e", "d", "c", "g"]


def test_a_column_lives_on_through_renames_and_a_new_one_does_not() -> None:
    before = after("CREATE TABLE t (a INT, b INT)")
    uid = table(before).columns[0].uid
    renamed = after("ALTER TABLE t CHANGE a x BIGINT", "ALTER TABLE t RENAME COLUMN x TO y", start=before)
    assert table(renamed).columns[0].uid == uid
    again = after("ALTER TABLE t DROP COLUMN a, ADD COLUMN a INT FIRST", start=before)
    assert table(again).columns[0].uid != uid
    assert table(again) == table(before)
    assert len(difference(before, again).changes) == 1, "the data is gone, though the definition is the same"


def test_a_table_lives_on_through_renames() -> None:
    before = after("CREATE TABLE t (a INT)", "CREATE TABLE u (b INT)")
    swapped = after("RENAME TABLE t TO x, u TO t, x TO u", start=before)
    assert (table(swapped, "t").uid, table(swapped, "u").uid) == (table(before, "u").uid, table(before, "t").uid)
    assert table(swapped, "u").name == "u"


def test_renames_reach_keys_foreign_keys_and_triggers() -> None:
    catalog = after(
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (id INT PRIMARY KEY, x INT, KEY k (x), CONSTRAINT f FOREIGN KEY (x) REFERENCES p (id))",
        "CREATE TRIGGER g BEFORE INSERT ON p FOR EACH ROW SET NEW.id = 1",
        "ALTER TABLE p RENAME COLUMN id TO pid, RENAME TO q",
        "ALTER TABLE t CHANGE x y INT",
    )
    constraint = table(catalog).foreign_keys[0]
    assert (constraint.columns, constraint.ref_table, constraint.ref_columns) == (("y",), "q", ("pid",))
    assert [key.columns for key in table(catalog).keys] == [("id",), ("y",)]
    assert catalog.triggers["g"].table == "q"


def test_mariadb_renames_inside_expressions() -> None:
    catalog = after(
        "CREATE TABLE t (a INT, b INT AS (a + 1), c INT CHECK (c > 1), CHECK (a > 2))",
        "ALTER TABLE t CHANGE a aa INT",
        flavour=MARIADB,
    )
    generated = table(catalog).columns[1].generated
    assert generated is not None
    assert "aa" in generated.expression
    assert any("aa" in check.expression for check in table(catalog).checks)


def test_primary_key_columns_are_not_null() -> None:
    assert not column(["CREATE TABLE t (a INT, PRIMARY KEY (a))"], "a").nullable
    assert not column(["CREATE TABLE t (a INT)", "ALTER TABLE t ADD PRIMARY KEY (a)"], "a").nullable


def test_dropping_a_table_takes_its_triggers() -> None:
    catalog = after(
        "CREATE TABLE t (a INT)", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1", "DROP TABLE t"
    )
    assert not catalog.triggers


def test_an_altered_event_or_procedure_keeps_its_body() -> None:
    catalog = after(
        "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO DELETE FROM logs",
        "ALTER EVENT ev COMMENT '*/ twice' DISABLE",
        "CREATE PROCEDURE p() BEGIN DELETE FROM logs; END",
        "ALTER PROCEDURE p SQL SECURITY INVOKER",
    )
    event, procedure = catalog.routines["event ev"], catalog.routines["procedure p"]
    assert event.definition.startswith("CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO DELETE FROM logs\n/* ALTER EVENT ev")
    assert event.definition.count("*/") == 1
    assert statements_of_call(procedure, lambda _: None) == ("DELETE FROM logs",)


def test_create_select_is_incomplete_and_like_has_no_foreign_keys() -> None:
    catalog = after(
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (x INT, FOREIGN KEY (x) REFERENCES p (id))",
        "CREATE TABLE l LIKE t",
        "CREATE TABLE s AS SELECT * FROM t",
    )
    assert table(catalog, "l").foreign_keys == ()
    assert table(catalog, "l").columns[0].uid != table(catalog).columns[0].uid
    assert not table(catalog, "s").complete


@pytest.mark.parametrize(
    ("definition", "charset", "expected"),
    [
        ("a VARCHAR(5)", "", ("varchar", "utf8mb4", "utf8mb4_0900_ai_ci")),
        ("a VARCHAR(5)", "CHARSET=latin1", ("varchar", "latin1", "latin1_swedish_ci")),
        ("a VARCHAR(5) CHARACTER SET utf8", "", ("varchar", "utf8mb3", "utf8mb3_general_ci")),
        ("a VARCHAR(5) COLLATE utf8_bin", "", ("varchar", "utf8mb3", "utf8mb3_bin")),
        ("a VARCHAR(5) BINARY", "CHARSET=latin1", ("varchar", "latin1", "latin1_bin")),
        ("a TEXT CHARACTER SET binary", "", ("blob", None, None)),
        ("a INT", "CHARSET=latin1", ("int", None, None)),
        ("a VARCHAR(5)", "COLLATE=utf8mb4_bin", ("varchar", "utf8mb4", "utf8mb4_bin")),
    ],
)
def test_charsets_of_columns(definition: str, charset: str, expected: tuple[str, ...]) -> None:
    found = column([f"CREATE TABLE t ({definition}) {charset}"], "a").type
    assert (found.name, found.charset, found.collation) == expected


@pytest.mark.parametrize(
    ("before", "name"),
    [
        ("TEXT CHARACTER SET latin1", "mediumtext"),
        ("TEXT CHARACTER SET utf8mb4", "text"),
        ("TINYTEXT CHARACTER SET utf8mb3", "text"),
        ("LONGTEXT CHARACTER SET latin1", "longtext"),
        ("VARCHAR(20) CHARACTER SET latin1", "varchar"),
        ("ENUM('a') CHARACTER SET latin1", "enum"),
        ("BLOB", "blob"),
    ],
)
def test_convert_grows_what_would_not_fit(before: str, name: str) -> None:
    found = column([f"CREATE TABLE t (a {before})", "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4"], "a").type
    assert found.name == name
    assert found.charset in (None, "utf8mb4")


def test_default_charset_is_for_new_columns_only() -> None:
    statements = [
        "CREATE TABLE t (a VARCHAR(5)) CHARSET=latin1",
        "ALTER TABLE t DEFAULT CHARACTER SET utf8mb4, ADD COLUMN b VARCHAR(5)",
    ]
    assert column(statements, "a").type.charset == "latin1"
    assert column(statements, "b").type.charset == "utf8mb4"


@pytest.mark.parametrize(("charset", "size"), [("latin1", 1), ("utf8", 3), ("UTF8MB4", 4), ("gbk", 2), ("new", 4)])
def test_bytes_per_character(charset: str, size: int) -> None:
    assert bytes_per_character(charset) == size


def test_what_a_statement_reveals_of_a_table_we_never_saw() -> None:
    start = empty_catalog(MYSQL, complete=False)
    (statement,) = parse("ALTER TABLE t DROP COLUMN a, ADD COLUMN b INT")
    before = reveal(statement, start, MYSQL)
    assert [found.name for found in table(before).columns] == ["a"]
    result = apply(statement, before, SessionState(), MYSQL)
    assert [found.name for found in table(result).columns] == ["b"]
    assert not table(result).complete
    assert len(difference(before, result).changes) == 1
    assert reveal(statement, empty_catalog(MYSQL), MYSQL) == empty_catalog(MYSQL)


@pytest.mark.parametrize("database", ["shop", "other"])
def test_drop_database_takes_its_objects(database: str) -> None:
    session = SessionState().with_variable("database", "shop")
    catalog = after(
        "CREATE TABLE t (a INT)", "CREATE TABLE other.t (a INT)", f"DROP DATABASE {database}", session=session
    )
    assert list(catalog.tables) == (["other.t"] if database == "shop" else ["t"])


def test_alter_database_is_part_of_the_delta() -> None:
    before = after("CREATE TABLE t (a INT)")
    changed = after("ALTER DATABASE CHARACTER SET latin1", start=before)
    delta = difference(before, changed)
    assert delta.apply(before) == changed != before
    assert delta.inverse().apply(changed) == before
