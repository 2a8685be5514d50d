"""Properties of catalogs and deltas, over generated sequences of statements on generated tables."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.history.sql import MARIADB, MYSQL, after
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply
from zdmigrate.history.catalog import Catalog, Column, ColumnType, Key, KeyPart, Table, difference
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recording import SessionState
from zdmigrate.history.statements import parse

TABLES = st.sampled_from(["t", "u", "v"])
COLUMNS = st.sampled_from(["a", "b", "c", "D", "`select`"])
TYPES = st.sampled_from(
    ["INT", "BIGINT UNSIGNED NOT NULL", "VARCHAR(20) DEFAULT 'x'", "TEXT", "DATETIME(6)", "INT UNIQUE", "ENUM('a','b')"]
)
NAMES = st.sampled_from(["k", "l", "a", "t_ibfk_1", "chk"])


@st.composite
def actions(draw: st.DrawFn) -> str:
    """One action of an ALTER TABLE."""
    column, other, name, kind, table = draw(COLUMNS), draw(COLUMNS), draw(NAMES), draw(TYPES), draw(TABLES)
    return draw(
        st.sampled_from(
            [
                f"ADD COLUMN {column} {kind}",
                f"ADD COLUMN {column} {kind} AFTER {other}",
                f"DROP COLUMN {column}",
                f"MODIFY {column} {kind} FIRST",
                f"CHANGE {column} {other} {kind}",
                f"RENAME COLUMN {column} TO {other}",
                f"ALTER COLUMN {column} DROP DEFAULT",
                f"ADD INDEX ({column}, {other})",
                f"ADD UNIQUE {name} ({column})",
                f"DROP INDEX {name}",
                f"RENAME INDEX {name} TO {column}",
                f"ADD PRIMARY KEY ({column})",
                "DROP PRIMARY KEY",
                f"ADD FOREIGN KEY ({column}) REFERENCES {table} ({other})",
                f"DROP FOREIGN KEY {name}",
                f"ADD CHECK ({column} > 0)",
                f"DROP CONSTRAINT {name}",
                f"RENAME TO {table}",
                "CONVERT TO CHARACTER SET latin1",
                "DEFAULT CHARACTER SET utf8mb3",
                "COMMENT 'x'",
            ]
        )
    )


@st.composite
def statements(draw: st.DrawFn) -> str:
    """One statement that means something to the generated tables."""
    table, other = draw(TABLES), draw(TABLES)
    body = ", ".join(draw(st.lists(actions(), min_size=1, max_size=3)))
    return draw(
        st.sampled_from(
            [
                *[f"ALTER TABLE {table} {body}"] * 6,
                f"CREATE TABLE {table} (a INT PRIMARY KEY, b VARCHAR(20), c INT, KEY (c))",
                f"CREATE TABLE {table} (a INT UNIQUE, D INT, FOREIGN KEY (D) REFERENCES {other} (a))",
                f"CREATE TABLE {table} LIKE {other}",
                f"DROP TABLE {table}",
                f"RENAME TABLE {table} TO x, {other} TO {table}, x TO {other}",
                f"CREATE VIEW {other} AS SELECT a FROM {table}",
                f"CREATE TRIGGER g BEFORE INSERT ON {table} FOR EACH ROW SET NEW.a = 1",
                "ALTER DATABASE CHARACTER SET latin1",
            ]
        )
    )


HISTORIES = st.lists(statements(), min_size=1, max_size=12)
START = [
    "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(20) NOT NULL, c TEXT, KEY k (b))",
    "CREATE TABLE u (a INT, b INT, D INT, UNIQUE (D), CHECK (b > 0), FOREIGN KEY (a) REFERENCES t (a))",
]


def steps(history: list[str], flavour: Flavour, start: Catalog) -> list[Catalog]:
    """The catalogs a history goes through; what a server refuses is passed over."""
    catalogs = [start]
    for sql in history:
        for statement in parse(sql, mariadb=flavour.is_mariadb):
            try:
                catalogs.append(apply(statement, catalogs[-1], SessionState(), flavour))
            except Refused:
                continue
    return catalogs


@given(HISTORIES, st.sampled_from([MYSQL, MARIADB]), st.booleans())
def test_a_delta_leads_there_and_back(history: list[str], flavour: Flavour, complete: bool) -> None:
    start = after(*START, flavour=flavour) if complete else empty_catalog(flavour, complete=False)
    catalogs = steps(history, flavour, start)
    for before, now in [*itertools.pairwise(catalogs), (catalogs[0], catalogs[-1])]:
        delta = difference(before, now)
        assert delta.apply(before) == now
        assert delta.inverse().apply(delta.apply(before)) == before


@given(HISTORIES, st.sampled_from([MYSQL, MARIADB]))
def test_what_lives_on_keeps_its_uid(history: list[str], flavour: Flavour) -> None:
    catalogs = steps(history, flavour, after(*START, flavour=flavour))
    for catalog in catalogs:
        uids = [table.uid for table in catalog.tables.values()]
        assert len(set(uids)) == len(uids)
        for table in catalog.tables.values():
            assert len({column.uid for column in table.columns}) == len(table.columns)


@given(HISTORIES, st.sampled_from([MYSQL, MARIADB]))
def test_a_catalog_never_contradicts_itself(history: list[str], flavour: Flavour) -> None:
    for catalog in steps(history, flavour, after(*START, flavour=flavour)):
        for name, table in catalog.tables.items():
            columns = {column.name.lower() for column in table.columns}
            assert len(columns) == len(table.columns)
            assert len({key.name.lower() for key in table.keys}) == len(table.keys)
            assert table.name == name
            for key in table.keys:
                assert {column.lower() for column in key.columns} <= columns
            for constraint in table.foreign_keys:
                assert {column.lower() for column in constraint.columns} <= columns
        for trigger in catalog.triggers.values():
            assert trigger.table in catalog.tables


def test_lookups_ignore_the_case_of_columns_and_keys_only() -> None:
    column = Column("Name", ColumnType("int"))
    table = Table("T", columns=(column,), keys=(Key("K", "unique", (KeyPart("Name"),)),))
    catalog = Catalog().put("T", table)
    assert catalog.table("t") is None
    assert table.column("NAME") is column
    assert table.keys_on("name") == (table.keys[0],)
    assert table.key("k") is table.keys[0]
    assert table.column_by_uid(column.uid) is column
    assert catalog.table_by_uid(table.uid) == ("T", table)


def test_an_insert_may_omit_what_the_server_fills_in() -> None:
    assert not Column("a", ColumnType("int"), nullable=False).insert_may_omit
    assert Column("a", ColumnType("int"), nullable=False, auto_increment=True).insert_may_omit
