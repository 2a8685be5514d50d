"""The statements a server refuses, by the number it refuses them with."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.history.sql import MARIADB, MYSQL, after
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.recording import SessionState

T = "CREATE TABLE t (id INT PRIMARY KEY, a INT, b TEXT, KEY ka (a), CONSTRAINT ca CHECK (a > 0))"
P = "CREATE TABLE p (id INT PRIMARY KEY, k INT, KEY k (k))"
C = "CREATE TABLE c (id INT PRIMARY KEY, p INT, CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id))"


@pytest.mark.parametrize(
    ("errno", "statements"),
    [
        (1050, [T, "CREATE TABLE t (a INT)"]),
        (1050, [T, "CREATE VIEW t AS SELECT 1 AS a"]),
        (1050, [T, "CREATE TABLE u (a INT)", "RENAME TABLE t TO u"]),
        (1051, ["DROP TABLE t"]),
        (1146, ["ALTER TABLE t ADD COLUMN a INT"]),
        (1146, ["RENAME TABLE t TO u"]),
        (1146, ["TRUNCATE TABLE t"]),
        (1146, ["CREATE TABLE u LIKE t"]),
        (1146, ["CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1"]),
        (1054, [T, "ALTER TABLE t MODIFY zz INT"]),
        (1054, [T, "ALTER TABLE t ADD COLUMN c INT AFTER zz"]),
        (1054, [T, "ALTER TABLE t RENAME COLUMN zz TO y"]),
        (1060, [T, "ALTER TABLE t ADD COLUMN A INT"]),
        (1060, [T, "ALTER TABLE t CHANGE id b INT"]),
        (1061, [T, "CREATE INDEX ka ON t (id)"]),
        (1059, [T, f"ALTER TABLE t ADD COLUMN {'x' * 65} INT"]),
        (1067, [T, "ALTER TABLE t ADD COLUMN c BOOLEAN DEFAULT 'true'"]),
        (1067, [T, "ALTER TABLE t ADD COLUMN c DATETIME DEFAULT 'now()'"]),
        (1067, [T, "ALTER TABLE t ADD COLUMN c DATETIME(6) DEFAULT CURRENT_TIMESTAMP"]),
        (1067, [T, "ALTER TABLE t ADD COLUMN c INT NOT NULL DEFAULT NULL"]),
        (1067, [T, "ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x'"]),
        (1068, [T, "ALTER TABLE t ADD PRIMARY KEY (a)"]),
        (1071, [T, "ALTER TABLE t ADD COLUMN c VARCHAR(1000), ADD INDEX (c)"]),
        (1072, [T, "ALTER TABLE t ADD INDEX (zz)"]),
        (1074, [T, "ALTER TABLE t ADD COLUMN c VARCHAR(20000)"]),
        (1075, ["CREATE TABLE t (a INT AUTO_INCREMENT)"]),
        (1089, [T, "CREATE INDEX k ON t (a(3))"]),
        (1090, ["CREATE TABLE t (a INT)", "ALTER TABLE t DROP COLUMN a"]),
        (1091, [T, "ALTER TABLE t DROP COLUMN zz"]),
        (1091, [T, "ALTER TABLE t DROP INDEX zz"]),
        (1091, [T, "ALTER TABLE t DROP FOREIGN KEY zz"]),
        (1091, [T, "ALTER TABLE t ADD COLUMN y INT, DROP COLUMN y"]),
        (1101, [T, "ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'x'"]),
        (1118, [T, "ALTER TABLE t ADD c VARCHAR(9000), ADD d VARCHAR(9000)"]),
        (1170, [T, "ALTER TABLE t ADD INDEX (b)"]),
        (1176, [T, "ALTER TABLE t RENAME INDEX zz TO y"]),
        (1283, [T, "CREATE FULLTEXT INDEX k ON t (a)"]),
        (1291, [T, "ALTER TABLE t ADD COLUMN c ENUM('a', 'a')"]),
        (1304, ["CREATE PROCEDURE p() SELECT 1", "CREATE PROCEDURE p() SELECT 2"]),
        (1305, ["DROP FUNCTION p"]),
        (1347, [T, "DROP VIEW t"]),
        (1347, ["CREATE VIEW v AS SELECT 1 AS a", "ALTER TABLE v ADD COLUMN b INT"]),
        (1359, [T, *["CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.a = 1"] * 2]),
        (1360, ["DROP TRIGGER g"]),
        (1426, [T, "ALTER TABLE t ADD COLUMN c DATETIME(7)"]),
        (1505, [T, "ALTER TABLE t DROP PARTITION p0"]),
        (1553, [P, C, "ALTER TABLE c DROP INDEX f"]),
        (1701, [P, C, "TRUNCATE TABLE p"]),
        (1824, [C]),
        (1826, [P, C, "CREATE TABLE d (p INT, CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id))"]),
        (1828, [P, C, "ALTER TABLE c DROP COLUMN p"]),
        (1829, [P, C, "ALTER TABLE p DROP COLUMN id"]),
        (3108, ["CREATE TABLE t (a INT, b INT AS (a + 1))", "ALTER TABLE t DROP COLUMN a"]),
        (3109, ["CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT)", "ALTER TABLE t ADD COLUMN c INT AS (a + 1)"]),
        (3152, [T, "ALTER TABLE t ADD COLUMN c JSON, ADD INDEX (c)"]),
        (3730, [P, C, "DROP TABLE p"]),
        (3734, [P, "CREATE TABLE d (p INT, FOREIGN KEY (p) REFERENCES p (zz))"]),
        (3780, [P, "CREATE TABLE d (p BIGINT, FOREIGN KEY (p) REFERENCES p (id))"]),
        (3780, [P, C, "ALTER TABLE p MODIFY id BIGINT"]),
        (3821, [T, "ALTER TABLE t DROP CHECK zz"]),
        (3822, [T, "ALTER TABLE t ADD CONSTRAINT ca CHECK (a > 1)"]),
        (3940, [T, "ALTER TABLE t DROP CONSTRAINT zz"]),
        (3959, ["CREATE TABLE t (a INT, b INT, CHECK (a > b))", "ALTER TABLE t DROP COLUMN a"]),
        (6125, [P, "CREATE TABLE d (p INT, FOREIGN KEY (p) REFERENCES p (k))"]),
    ],
)
def test_mysql_refuses(errno: int, statements: list[str]) -> None:
    _refused(errno, statements, MYSQL)


@pytest.mark.parametrize(
    ("errno", "statements"),
    [
        (1005, [C]),
        (1005, [P, C, "CREATE TABLE d (p INT, CONSTRAINT f FOREIGN KEY (p) REFERENCES p (id))"]),
        (1072, ["CREATE TABLE t (a INT, b INT, UNIQUE (a, b))", "ALTER TABLE t DROP COLUMN a"]),
        (1091, [T, "ALTER TABLE t DROP CONSTRAINT zz"]),
        (1451, [P, C, "DROP TABLE p"]),
        (1826, [T, "ALTER TABLE t ADD CONSTRAINT ca CHECK (a > 1)"]),
        (1832, [P, C, "ALTER TABLE c MODIFY p BIGINT"]),
        (1965, ["CREATE VIEW v AS SELECT 1 AS a", "DROP TABLE v"]),
        (4092, ["DROP VIEW v"]),
    ],
)
def test_mariadb_refuses(errno: int, statements: list[str]) -> None:
    _refused(errno, statements, MARIADB)


def test_a_missing_index_where_any_key_may_be_referenced() -> None:
    statements = [
        "CREATE TABLE p (id INT PRIMARY KEY, k INT)",
        "CREATE TABLE d (p INT, FOREIGN KEY (p) REFERENCES p (k))",
    ]
    _refused(1822, statements, Flavour.parse("mysql:8.0"))


def _refused(errno: int, statements: list[str], flavour: Flavour) -> None:
    before = after(*statements[:-1], flavour=flavour)
    with pytest.raises(Refused) as caught:
        after(statements[-1], flavour=flavour, start=before)
    assert caught.value.errno == errno
    assert str(caught.value) == f"({errno}) {caught.value.message}"


@pytest.mark.parametrize(
    "statements",
    [
        [T, "CREATE TABLE IF NOT EXISTS t (z INT)"],
        ["DROP TABLE IF EXISTS t"],
        ["DROP VIEW IF EXISTS v"],
        ["DROP TRIGGER IF EXISTS g"],
        ["DROP PROCEDURE IF EXISTS p"],
        ["INSERT INTO t VALUES (1)"],
        ["SELECT * FROM missing"],
        ["CREATE TEMPORARY TABLE t (a INT)", "ALTER TABLE t ADD COLUMN b INT", "DROP TABLE t"],
    ],
)
def test_statements_that_change_nothing(statements: list[str]) -> None:
    before = after(*statements[:-1])
    assert after(statements[-1], start=before) == before


@pytest.mark.parametrize(
    "column", ["c INT DEFAULT 'x'", "c DATETIME DEFAULT '0000-00-00 00:00:00'", "c VARCHAR(20000)", "c ENUM('a', 'a')"]
)
def test_what_strict_mode_refuses_is_let_through_where_it_is_off(column: str) -> None:
    after(T, f"ALTER TABLE t ADD COLUMN {column}", session=SessionState(sql_mode=frozenset()))


@given(
    st.text(max_size=30) | st.from_regex(r"\A[-+0-9.:eE T]{0,20}\Z"), st.booleans(), st.sampled_from((MYSQL, MARIADB)),
    st.sampled_from([
        "TINYINT", "INT UNSIGNED", "DECIMAL(4,2)", "FLOAT", "VARCHAR(3)", "BINARY(3)", "ENUM('a')", "SET('a','b')",
        "DATE", "DATETIME(3)", "TIMESTAMP", "TIME", "YEAR", "BIT(3)",
    ]),
)  # fmt: skip
def test_any_default_is_taken_or_refused(text: str, quoted: bool, flavour: Flavour, kind: str) -> None:
    value = "'" + text.replace("\\", "").replace("'", "''") + "'" if quoted else text
    with suppress(Refused):
        after(f"CREATE TABLE t (c {kind} DEFAULT {value})", flavour=flavour)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a BIGINT",
        "ALTER TABLE t DROP COLUMN IF EXISTS zz",
        "ALTER TABLE t DROP INDEX IF EXISTS zz",
        "ALTER TABLE t ADD INDEX IF NOT EXISTS ka (id)",
        "ALTER TABLE t DROP CONSTRAINT IF EXISTS zz",
        "ALTER TABLE IF EXISTS zz ADD COLUMN a INT",
    ],
)
def test_mariadb_conditions_that_change_nothing(statement: str) -> None:
    before = after(T, flavour=MARIADB)
    assert after(statement, flavour=MARIADB, start=before) == before


def test_foreign_key_checks_off_lets_parents_go_and_come() -> None:
    off = SessionState(foreign_key_checks=False)
    catalog = after(C, P, "DROP TABLE p", P, session=off)
    assert [child for child, _ in catalog.references_to("p")] == ["c"]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE t",
        "ALTER TABLE t DROP COLUMN a, DROP INDEX k, DROP FOREIGN KEY f, DROP CHECK c",
        "ALTER TABLE t MODIFY a INT, ADD COLUMN b INT AFTER zz, ADD INDEX (q)",
        "ALTER TABLE t RENAME COLUMN a TO b, RENAME INDEX k TO l",
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (id)",
        "ALTER TABLE t DROP CONSTRAINT x",
        "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (a)",
        "ALTER TABLE t DROP PARTITION p0",
        "RENAME TABLE t TO u",
        "TRUNCATE TABLE t",
        "CREATE TABLE u LIKE t",
        "DROP VIEW t",
        "DROP TRIGGER t",
        "DROP PROCEDURE t",
    ],
)
def test_nothing_is_refused_for_what_we_have_not_seen(statement: str) -> None:
    start = empty_catalog(MYSQL, complete=False)
    after(statement, start=start)
