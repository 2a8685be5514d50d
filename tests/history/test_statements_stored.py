"""Views, triggers, routines, databases, privileges, SET, transactions; and where statements end."""

# ruff: noqa: E501  (tables of cases read better on one line)

from __future__ import annotations

import pytest

from zdmigrate.history.catalog import Routine, Trigger
from zdmigrate.history.statements import parse, split
from zdmigrate.history.syntax import (
    AlterTable,
    CallRoutine,
    ChangeDatabase,
    CreateRoutine,
    CreateTrigger,
    CreateView,
    DropRoutine,
    DropTrigger,
    DropView,
    Node,
    Opaque,
    Privilege,
    Select,
    SetVariable,
    Transaction,
    Update,
    Use,
)


def node(sql: str, *, mariadb: bool = False) -> Node:
    """The node of the only statement."""
    (statement,) = parse(sql, mariadb=mariadb)
    return statement.node


BODY = "BEGIN IF NEW.a IS NULL THEN SET NEW.a = 1; END IF; END"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE VIEW v AS SELECT a, b FROM t", CreateView("v", "SELECT a, b FROM t", reads=("t",))),
        (
            "CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`root`@`localhost` SQL SECURITY INVOKER VIEW d.v (x, y) AS "
            "select `t`.`a`, Count(*) from t join u using(id) with cascaded check option",
            CreateView(
                "d.v",
                "SELECT t.a, count(*) FROM t JOIN u USING (id)",
                ("x", "y"),
                True,
                ("t", "u"),
                options=(
                    "ALGORITHM=MERGE",
                    "DEFINER=root@localhost",
                    "SQL SECURITY INVOKER",
                    "WITH CASCADED CHECK OPTION",
                ),
            ),
        ),
        ("CREATE VIEW IF NOT EXISTS v AS (SELECT 1)", CreateView("v", "(SELECT 1)", if_not_exists=True)),
        ("ALTER VIEW v AS SELECT 2", CreateView("v", "SELECT 2", or_replace=True, altered=True)),
        (
            "ALTER ALGORITHM=TEMPTABLE VIEW v AS SELECT 2",
            CreateView("v", "SELECT 2", or_replace=True, options=("ALGORITHM=TEMPTABLE",), altered=True),
        ),
        ("DROP VIEW IF EXISTS v, d.w CASCADE", DropView(("v", "d.w"), True)),
        (
            "CREATE TRIGGER g BEFORE UPDATE ON `a` FOR EACH ROW SET NEW.f = 1",
            CreateTrigger(Trigger("g", "a", "BEFORE", "UPDATE", "SET NEW.f = 1")),
        ),
        (
            f"CREATE DEFINER=CURRENT_USER() TRIGGER IF NOT EXISTS g AFTER INSERT ON t FOR EACH ROW FOLLOWS h {BODY}",
            CreateTrigger(Trigger("g", "t", "AFTER", "INSERT", BODY), if_not_exists=True),
        ),
        (
            "CREATE OR REPLACE TRIGGER g BEFORE DELETE ON t FOR EACH ROW SIGNAL SQLSTATE '45000'",
            CreateTrigger(Trigger("g", "t", "BEFORE", "DELETE", "SIGNAL SQLSTATE '45000'"), or_replace=True),
        ),
        ("DROP TRIGGER IF EXISTS d.g", DropTrigger("d.g", True)),
        ("DROP PROCEDURE p", DropRoutine("procedure", "p")),
        ("DROP FUNCTION IF EXISTS f", DropRoutine("function", "f", True)),
        ("DROP EVENT e", DropRoutine("event", "e")),
        ("CALL d.p(1, 'x')", CallRoutine("d.p")),
        ("CALL p", CallRoutine("p")),
        (
            "CREATE DATABASE IF NOT EXISTS d DEFAULT CHARACTER SET = utf8 COLLATE utf8_bin",
            ChangeDatabase("CREATE", "d", True, (("charset", "utf8mb3"), ("collate", "utf8mb3_bin"))),
        ),
        ("DROP SCHEMA IF EXISTS d", ChangeDatabase("DROP", "d", True)),
        ("ALTER DATABASE CHARACTER SET utf8mb4", ChangeDatabase("ALTER", "", False, (("charset", "utf8mb4"),))),
        ("ALTER DATABASE d READ ONLY = 1", ChangeDatabase("ALTER", "d", False, (("read_only", "1"),))),
        ("USE `my db`", Use("my db")),
        ("COMMIT", Transaction("COMMIT")),
        ("BEGIN WORK", Transaction("BEGIN WORK")),
        ("START TRANSACTION READ ONLY", Transaction("START TRANSACTION READ ONLY")),
        ("SAVEPOINT a", Transaction("SAVEPOINT a")),
        ("LOCK TABLES a READ, d.b AS x WRITE", Transaction("LOCK TABLES a READ, d.b AS x WRITE", ("a", "d.b"))),
        ("UNLOCK TABLES", Transaction("UNLOCK TABLES")),
        ("FLUSH TABLES a, b WITH READ LOCK", Transaction("FLUSH TABLES a, b WITH READ LOCK", ("a", "b"))),
        ("FLUSH PRIVILEGES", Transaction("FLUSH PRIVILEGES")),
        ("DO SLEEP(1)", Transaction("DO SLEEP(1)")),
        ("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", Transaction("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")),
        ("DEALLOCATE PREPARE s", Transaction("DEALLOCATE PREPARE s")),
        ("GRANT SELECT ON d.* TO 'a'@'%'", Privilege("GRANT", "GRANT SELECT ON d.* TO 'a'@'%'")),
        ("REVOKE ALL ON d.t FROM a", Privilege("REVOKE", "REVOKE ALL ON d.t FROM a")),
        ("DROP ROLE r", Privilege("DROP ROLE", "DROP ROLE r")),
        ("RENAME USER a TO b", Privilege("RENAME USER", "RENAME USER a TO b")),
    ],
)  # fmt: skip
def test_statements(sql: str, expected: Node) -> None:
    assert node(sql) == expected


def test_routines_keep_their_text() -> None:
    for kind, sql in (
        ("procedure", "CREATE PROCEDURE p(IN x INT) BEGIN SELECT 1; SELECT 2; END"),
        ("function", "CREATE DEFINER=a@b FUNCTION IF NOT EXISTS p() RETURNS INT DETERMINISTIC RETURN 1"),
        ("event", "CREATE EVENT p ON SCHEDULE EVERY 1 DAY DO DELETE FROM t"),
        ("event", "ALTER EVENT p DISABLE"),
    ):
        found = node(sql)
        assert isinstance(found, CreateRoutine)
        assert found.routine == Routine("p", kind, sql)  # type: ignore[arg-type]
        assert found.altered == sql.startswith("ALTER")
        assert found.if_not_exists == ("IF NOT EXISTS" in sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SET foreign_key_checks = off", [SetVariable("session", "foreign_key_checks", "OFF")]),
        ("SET SESSION sql_mode='A,B'", [SetVariable("session", "sql_mode", "'A,B'")]),
        ("SET @@sql_mode := ''", [SetVariable("session", "sql_mode", "''")]),
        ("SET @@GLOBAL.max_connections = 10", [SetVariable("global", "max_connections", "10")]),
        ("SET PERSIST lock_wait_timeout = 5", [SetVariable("persist", "lock_wait_timeout", "5")]),
        ("SET @v = (SELECT max(id) FROM t)", [SetVariable("user", "v", "(SELECT max(id) FROM t)")]),
        ("SET NAMES utf8mb4 COLLATE utf8mb4_bin", [SetVariable("session", "names", "utf8mb4 COLLATE utf8mb4_bin")]),
        ("SET CHARACTER SET 'utf8'", [SetVariable("session", "character_set", "utf8")]),
        (
            "SET GLOBAL a = 1, b = 2, SESSION c = 3, @d = 4, @@e = DEFAULT",
            [
                SetVariable("global", "a", "1"),
                SetVariable("global", "b", "2"),
                SetVariable("session", "c", "3"),
                SetVariable("user", "d", "4"),
                SetVariable("session", "e", "DEFAULT"),
            ],
        ),
    ],
)
def test_set(sql: str, expected: list[SetVariable]) -> None:
    assert [statement.node for statement in parse(sql)] == expected
    assert [item.node for statement in parse(sql) for item in parse(statement.sql)] == expected


def test_set_statement_means_the_statement() -> None:
    assert isinstance(node("SET STATEMENT max_statement_time=60 FOR ALTER TABLE t ADD a INT", mariadb=True), AlterTable)


@pytest.mark.parametrize(
    "sql",
    ["PREPARE s FROM @x", "EXECUTE s USING @a", "BEGIN NOT ATOMIC SELECT 1; END", "INSTALL PLUGIN x SONAME 'y'", "STOP REPLICA"],
)  # fmt: skip
def test_opaque_by_design(sql: str) -> None:
    assert isinstance(node(sql), Opaque)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE USER 'a'@'%' IDENTIFIED BY 's3cret'",
        "CREATE USER a IDENTIFIED WITH caching_sha2_password BY 's3cret'",
        "ALTER USER a IDENTIFIED BY 's3cret' REPLACE 's3cret'",
        "GRANT ALL ON *.* TO a IDENTIFIED BY PASSWORD 's3cret'",
        "SET PASSWORD FOR 'a'@'%' = 's3cret'",
        "SET PASSWORD FOR a = PASSWORD('s3cret')",
        "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD='s3cret'",
    ],
)
def test_passwords_are_blotted_out(sql: str) -> None:
    (statement,) = parse(sql)
    assert statement.redacted
    assert "s3cret" not in repr(statement)
    (bound,) = parse(sql.replace("'s3cret'", "%s").replace("%'", "%%'"), parameters=("s3cret",) * sql.count("s3cret"))
    assert "s3cret" not in repr(bound)


TRIGGER = (
    "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW IF NEW.a THEN SET NEW.b = CASE NEW.c WHEN 1 THEN 2 END; "
    "ELSEIF NEW.d THEN BEGIN SET NEW.e = IF(NEW.f, 1, 2); END; END IF"
)
PROCEDURE = (
    "CREATE PROCEDURE p() BEGIN DECLARE i INT DEFAULT 0; w: WHILE i < 3 DO SET i = i + 1; CASE i WHEN 1 THEN "
    "SELECT 1; ELSE ITERATE w; END CASE; END WHILE w; REPEAT SET i = i - 1; UNTIL i = 0 END REPEAT; "
    "LOOP SELECT REPEAT('x', 2); END LOOP; DROP TABLE IF EXISTS q; IF NOT i THEN SELECT 2; END IF; END"
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", []),
        (" ;; /* only */ ; -- comments\n", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT ';'; SELECT \"a;'\"; SELECT `;`", ["SELECT ';'", "SELECT \"a;'\"", "SELECT `;`"]),
        ("SELECT 1 -- ;\n; SELECT 2 # ;\n; SELECT /* ; */ 3", ["SELECT 1", "SELECT 2", "SELECT /* ; */ 3"]),
        ("SELECT 'it''s; \\'; ok'; SELECT 2", ["SELECT 'it''s; \\'; ok'", "SELECT 2"]),
        (f"{TRIGGER}; SELECT 1", [TRIGGER, "SELECT 1"]),
        (f"{PROCEDURE}; SELECT 1", [PROCEDURE, "SELECT 1"]),
        ("BEGIN; UPDATE t SET a = 1; COMMIT", ["BEGIN", "UPDATE t SET a = 1", "COMMIT"]),
        (
            f"DELIMITER //\n{PROCEDURE}//\nSELECT '//' //\ndelimiter ;\nSELECT 1; SELECT 2;\n",
            [PROCEDURE, "SELECT '//'", "SELECT 1", "SELECT 2"],
        ),
        ("DELIMITER $$\r\nSELECT 1$$\r\nDELIMITER ;\r\nSELECT 2", ["SELECT 1", "SELECT 2"]),
        ("/*!40101 SET NAMES utf8 */;", ["SET NAMES utf8"]),
        ("SELECT 1 /*!50100 + 1 */ + 2", ["SELECT 1   + 1   + 2"]),
        ("SELECT '/*!50100 x */' /* /*! */", ["SELECT '/*!50100 x */'"]),
        ("/*M!100100 SELECT 1; */ SELECT 2", ["SELECT 2"]),
        ("/*M!999999\\- enable the sandbox mode */ SELECT 2", ["SELECT 2"]),
        ("SELECT 1--1", ["SELECT 1--1"]),
    ],
)  # fmt: skip
def test_split(sql: str, expected: list[str]) -> None:
    assert split(sql) == expected


def test_version_comments_by_vendor() -> None:
    assert split("SELECT 1 /*M!100100 + 2 */", mariadb=True) == ["SELECT 1   + 2"]
    assert split("SELECT 1 /*!50700 + 2 */ /*!50100 + 3 */ /*!100100 + 4 */", mariadb=True) == [
        "SELECT 1     + 3     + 4"
    ]


def test_ansi_quotes() -> None:
    (statement,) = parse('UPDATE "t" SET "a" = \'x\'', ansi_quotes=True)
    assert isinstance(statement.node, Update)
    assert statement.node.tables == ("t",)
    assert isinstance(node('SELECT "t"'), Select)
