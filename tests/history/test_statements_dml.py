"""INSERT, UPDATE, DELETE, SELECT: what is written, what is read, what the parameters say."""

# ruff: noqa: E501  (tables of cases read better on one line)

from __future__ import annotations

import datetime
import decimal
import enum

import pytest

from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import Assignment, Delete, Insert, LoadData, Node, Opaque, Select, Update


def node(sql: str) -> Node:
    """The node of the only statement."""
    (statement,) = parse(sql)
    return statement.node


def insert(sql: str) -> Insert:
    """The only statement, an INSERT."""
    found = node(sql)
    assert isinstance(found, Insert), found
    return found


def update(sql: str) -> Update:
    """The only statement, an UPDATE."""
    found = node(sql)
    assert isinstance(found, Update), found
    return found


def select(sql: str) -> Select:
    """The only statement, a SELECT."""
    found = node(sql)
    assert isinstance(found, Select), found
    return found


def test_insert_values() -> None:
    found = insert("INSERT INTO `t` (`a`, b) VALUES (1, 'x'), (-2.5, NULL), (x'ff', now())")
    assert (found.table, found.columns, found.verb) == ("t", ("a", "b"), "INSERT")
    assert [[item.literal for item in row] for row in found.rows] == [[1, "x"], [-2.5, None], [b"\xff", None]]
    assert [[item.constant for item in row] for row in found.rows] == [[True, True], [True, True], [True, False]]
    assert found.rows[2][1].value == "now()"


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT t VALUES (1, TRUE)",
        "INSERT INTO t VALUE (1, true)",
        "INSERT INTO t () VALUES (1, TRUE)",
        "INSERT INTO t VALUES ROW(1, TRUE) AS new",
        "INSERT LOW_PRIORITY INTO t PARTITION (p0) VALUES (1, TRUE) RETURNING id",
    ],
)
def test_insert_without_columns(sql: str) -> None:
    found = insert(sql)
    assert found.columns == ()
    assert [(item.column, item.literal) for item in found.rows[0]] == [("", 1), ("", True)]


def test_insert_set_and_replace() -> None:
    found = insert("REPLACE INTO t SET a = 1, b = a + 1")
    assert (found.verb, found.columns) == ("REPLACE", ("a", "b"))
    assert found.rows[0][1] == Assignment("b", "a + 1", reads=("a",))


def test_insert_select() -> None:
    found = insert(
        "INSERT IGNORE INTO t (a, b) SELECT s.x, (SELECT max(y) FROM u) FROM db.s AS s JOIN t ON s.id = t.id "
        "ON DUPLICATE KEY UPDATE a = VALUES(a), b = b + 1"
    )
    assert found.from_select
    assert found.ignore
    assert found.select_reads == ("u", "db.s", "t")
    assert found.on_duplicate == (Assignment("a", "values(a)"), Assignment("b", "b + 1", reads=("b",)))
    assert insert("INSERT INTO t (a) (SELECT x FROM s)").select_reads == ("s",)
    assert insert("INSERT INTO t (SELECT x FROM s)").select_reads == ("s",)
    assert insert("INSERT INTO t WITH c AS (SELECT 1 FROM s) SELECT * FROM c").select_reads == ("s",)
    assert insert("INSERT INTO t TABLE s").from_select


def test_update() -> None:
    found = update("UPDATE `t` SET a='x', b=b+1, `c`=CONCAT(a, t.d, 'z') WHERE a IS NULL ORDER BY id LIMIT 10")
    assert found.tables == ("t",)
    assert found.assignments == (
        Assignment("a", "'x'", "x", True),
        Assignment("b", "b + 1", reads=("b",)),
        Assignment("c", "concat(a, t.d, 'z')", reads=("a", "d")),
    )
    assert (found.where, found.null_guards, found.reads) == ("a IS NULL", ("a",), ())


@pytest.mark.parametrize(
    ("where", "guards"),
    [
        ("a IS NULL", ("a",)),
        ("(`t`.`a` IS NULL)", ("a",)),
        ("a IS NULL AND b = 1", ("a",)),
        ("b = 1 AND (a IS NULL AND (c <=> NULL))", ("a", "c")),
        ("ISNULL(a) && x BETWEEN 1 AND 2", ("a",)),
        ("x BETWEEN 1 AND 2 AND a IS NULL", ("a",)),
        ("a IS NULL OR b = 1", ()),
        ("(a IS NULL OR b IS NULL) AND c IS NULL", ("c",)),
        ("a IS NOT NULL", ()),
        ("a IS NULL XOR b", ()),
        ("NOT a IS NULL", ()),
        ("NOT (a IS NULL)", ()),
        ("a + b IS NULL", ()),
        ("CASE WHEN a IS NULL AND b IS NULL THEN 1 END", ()),
        ("a = 1", ()),
        ("id IN (SELECT id FROM u WHERE a IS NULL)", ()),
    ],
)
def test_null_guards(where: str, guards: tuple[str, ...]) -> None:
    assert update(f"UPDATE t SET a = 1 WHERE {where}").null_guards == guards


def test_update_of_several_tables() -> None:
    joined = update("UPDATE t a JOIN db.u ON u.id = a.id SET a.x = u.y, a.z = 1 WHERE a.x IS NULL")
    assert (joined.tables, joined.reads) == (("t",), ("db.u",))
    assert [item.table for item in joined.assignments] == ["t", "t"]
    both = update("UPDATE t, u SET t.a = 1, u.b = 2 WHERE t.id = u.id")
    assert both.tables == ("t", "u")
    loose = update("UPDATE t, u SET a = 1 WHERE t.id = u.id")
    assert loose.tables == ("t", "u")
    nested = update("UPDATE t INNER JOIN (SELECT id, max(v) m FROM u GROUP BY id) q ON q.id = t.id SET t.v = q.m")
    assert (nested.tables, nested.reads) == (("t",), ("u",))
    inner = update("UPDATE t SET a = (SELECT b FROM u WHERE u.id = t.k AND u.z = 1) WHERE c IN (SELECT c FROM v)")
    assert (inner.tables, inner.reads) == (("t",), ("u", "v"))
    assert inner.assignments[0].reads == ("k",)
    named = update("WITH q AS (SELECT id FROM u) UPDATE t JOIN q ON q.id = t.id SET t.a = 1")
    assert (named.tables, named.reads) == (("t",), ("u",))


@pytest.mark.parametrize(
    ("value", "reads"),
    [
        ("DATE_ADD(a, INTERVAL b DAY)", ("a", "b")),
        ("a + INTERVAL 1 month", ("a",)),
        ("CAST(a AS JSON)", ("a",)),
        ("CONVERT(a USING utf8mb4)", ("a",)),
        ("a COLLATE utf8mb4_bin", ("a",)),
        ("EXTRACT(YEAR FROM d)", ("d",)),
        ("IF(a IS NULL, 'x', `select`)", ("a", "select")),
        ("CASE WHEN a = 1 THEN b ELSE NULL END", ("a", "b")),
        ("_utf8mb4'x'", ()),
        ("DEFAULT", ()),
        ("@v", ()),
        ("uuid()", ()),
        ("NULLIF(TRIM(BOTH ' ' FROM a), '')", ("a",)),
    ],
)
def test_what_a_value_reads(value: str, reads: tuple[str, ...]) -> None:
    assert update(f"UPDATE t SET x = {value}").assignments[0].reads == reads


def test_delete() -> None:
    assert node("DELETE FROM t") == Delete(("t",))
    assert node("DELETE QUICK FROM db.t WHERE a = 1 LIMIT 5") == Delete(("db.t",), "a = 1")
    assert node("DELETE FROM t AS x WHERE x.a IN (SELECT b FROM u)") == Delete(
        ("t",), "x.a IN (SELECT b FROM u)", ("u",)
    )
    assert node("DELETE a FROM t1 a JOIN t2 b ON a.x = b.x") == Delete(("t1",), None, ("t2",))
    assert node("DELETE a.*, b FROM t1 a, t2 b WHERE 1") == Delete(("t1", "t2"), "1")
    assert node("DELETE FROM a USING t1 a JOIN t2 WHERE a.x = t2.x") == Delete(("t1",), "a.x = t2.x", ("t2",))
    assert node("WITH q AS (SELECT 1 FROM z) DELETE FROM t WHERE a IN (SELECT * FROM q)") == Delete(
        ("t",), "a IN (SELECT * FROM q)", ("z",)
    )


@pytest.mark.parametrize(
    ("sql", "tables", "names", "aggregate"),
    [
        ("SELECT 1", (), ("1",), False),
        ("SELECT t.id, t.`name` AS n, a b, 'x', 'y' z FROM t", ("t",), ("id", "n", "b", "x", "z"), False),
        ("SELECT t.id AS t_id, t.v AS `t v` FROM t WHERE t.id = %s", ("t",), ("t_id", "t v"), False),
        ("SELECT * FROM a, b x, c AS y", ("a", "b", "c"), ("*",), False),
        ("SELECT DISTINCT a + 1, now(), count(b) c FROM t", ("t",), ("a + 1", "now()", "c"), False),
        ("SELECT count(*) FROM t", ("t",), ("count(*)",), True),
        ("SELECT COUNT(*) AS n, MAX(t.id) FROM t WHERE x = 1", ("t",), ("n", "MAX(t.id)"), True),
        ("SELECT coalesce(max(id), 0) + 1 FROM t", ("t",), ("coalesce(max(id), 0) + 1",), True),
        ("SELECT count(*), 'x' FROM t", ("t",), ("count(*)", "x"), True),
        ("SELECT count(*) FROM t GROUP BY a", ("t",), ("count(*)",), False),
        ("SELECT count(*) FROM t HAVING count(*) > 1", ("t",), ("count(*)",), False),
        ("SELECT count(*) OVER () FROM t", ("t",), ("count(*) OVER ()",), False),
        ("SELECT (SELECT count(*) FROM u) FROM t", ("u", "t"), ("(SELECT count(*) FROM u)",), False),
        ("SELECT count(*) FROM t UNION SELECT 1", ("t",), ("count(*)",), False),
        ("(SELECT a FROM t) UNION ALL (SELECT b FROM u)", ("t", "u"), ("a",), False),
        ("SELECT a FROM t1 LEFT JOIN (t2 x CROSS JOIN t3) ON 1 WHERE EXISTS (SELECT 1 FROM t4)", ("t1", "t2", "t3", "t4"), ("a",), False),
        ("SELECT a FROM (SELECT a FROM t) q", ("t",), ("a",), False),
        ("WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c), d AS (SELECT * FROM u) SELECT n FROM c, d, t", ("u", "t"), ("n",), False),
        ("SELECT a FROM t, JSON_TABLE(t.j, '$[*]' COLUMNS (x int PATH '$')) AS j", ("t",), ("a",), False),
        ("SELECT EXTRACT(DAY FROM d) FROM t FOR UPDATE", ("t",), ("EXTRACT(DAY FROM d)",), False),
        ("SELECT TRIM(LEADING 'x' FROM a) FROM DUAL", (), ("TRIM(LEADING 'x' FROM a)",), False),
        ("SELECT a INTO @x FROM t PARTITION (p0) q USE INDEX (i) WHERE a", ("t",), ("a",), False),
        ("TABLE db.t", ("db.t",), ("*",), False),
    ],
)  # fmt: skip
def test_select(sql: str, tables: tuple[str, ...], names: tuple[str, ...], aggregate: bool) -> None:
    assert select(sql) == Select(tables, names, aggregate, sql)


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SHOW TABLES", ()),
        ("SHOW CREATE TABLE `db`.`t`", ("db.t",)),
        ("SHOW FULL COLUMNS FROM t FROM db", ("db.t",)),
        ("SHOW INDEX FROM t WHERE Key_name = 'x'", ("t",)),
        ("SHOW VARIABLES LIKE 'sql_mode'", ()),
        ("DESCRIBE t", ("t",)),
        ("DESC db.t a", ("db.t",)),
        ("EXPLAIN SELECT * FROM t", ("t",)),
        ("EXPLAIN FORMAT=JSON UPDATE t SET a = 1", ()),
        ("HANDLER t OPEN", ("t",)),
    ],
)
def test_what_only_shows(sql: str, tables: tuple[str, ...]) -> None:
    assert select(sql).tables == tables


def test_load_data() -> None:
    assert node("LOAD DATA LOCAL INFILE 'x.csv' REPLACE INTO TABLE db.t FIELDS TERMINATED BY ','") == LoadData("db.t")


class Colour(enum.Enum):
    """A value as an app may bind it."""

    RED = "red"


def test_positional_parameters() -> None:
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5)
    (statement,) = parse(
        "INSERT INTO t (a, b, c, d, e) VALUES (%s, %s, %s, %s, %s)",
        parameters=(1, "it's 100%", None, moment, decimal.Decimal("1.50")),
    )
    assert isinstance(statement.node, Insert)
    assert [item.literal for item in statement.node.rows[0]] == [1, "it's 100%", None, moment, decimal.Decimal("1.50")]
    assert all(item.constant for item in statement.node.rows[0])
    assert statement.sql == (
        "INSERT INTO t (a, b, c, d, e) VALUES (1, 'it''s 100%', NULL, '2024-01-02 03:04:05', 1.50)"
    )
    assert statement.parameters == (1, "it's 100%", None, moment, decimal.Decimal("1.50"))


def test_named_parameters_and_percent_signs() -> None:
    (statement,) = parse(
        "UPDATE t SET a=%(a)s WHERE b LIKE 'x%%' AND c %% 2 = %(n)s", parameters={"a": Colour.RED, "n": 0}
    )
    assert isinstance(statement.node, Update)
    assert statement.node.assignments == (Assignment("a", "'red'", Colour.RED, True),)
    assert statement.node.where == "b LIKE 'x%' AND c % 2 = 0"
    assert statement.sql == "UPDATE t SET a='red' WHERE b LIKE 'x%' AND c % 2 = 0"
    assert parse("SELECT '%%'", parameters=())[0].sql == "SELECT '%'"
    assert parse("SELECT '%%'")[0].sql == "SELECT '%%'"


def test_parameters_without_values() -> None:
    for placeholder in ("%s", "%(a)s", "?", ":a"):
        found = update(f"UPDATE t SET a={placeholder} WHERE id = {placeholder}")
        assert found.assignments == (Assignment("a"),)


def test_executemany_of_an_insert_is_one_statement() -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    (statement,) = parse(
        "INSERT INTO t (a, b, c) VALUES (%(a)s, %(b)s, now()) ON DUPLICATE KEY UPDATE c = 1", parameters=rows
    )
    assert isinstance(statement.node, Insert)
    assert [[item.literal for item in row[:2]] for row in statement.node.rows] == [[1, "x"], [2, None]]
    assert len(statement.node.on_duplicate) == 1
    assert statement.sql == (
        "INSERT INTO t (a, b, c) VALUES (1, 'x', now()),(2, NULL, now()) ON DUPLICATE KEY UPDATE c = 1"
    )


def test_executemany_of_anything_else_is_several_statements() -> None:
    found = parse("UPDATE t SET a=%s WHERE id=%s", parameters=[(1, 10), (2, 20)])
    assert [item.sql for item in found] == ["UPDATE t SET a=1 WHERE id=10", "UPDATE t SET a=2 WHERE id=20"]


def test_a_list_can_be_one_parameter() -> None:
    (statement,) = parse("DELETE FROM t WHERE id IN %s", parameters=((1, 2, 3),))
    assert statement.node == Delete(("t",), "id IN (1, 2, 3)")


def test_parameters_of_several_statements() -> None:
    found = parse("UPDATE t SET a=%s; UPDATE u SET b=%s", parameters=(1, 2))
    assert [item.sql for item in found] == ["UPDATE t SET a=1", "UPDATE u SET b=2"]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a, b) VALUES (1)",
        "INSERT INTO t",
        "UPDATE t",
        "UPDATE t SET",
        "UPDATE t SET a",
        "DELETE t",
        "SELECT",
        "WITH x",
    ],
)
def test_what_is_not_dml(sql: str) -> None:
    found = node(sql)
    assert isinstance(found, Opaque | Select)
    assert isinstance(found, Opaque) or sql == "SELECT"
