"""history/sql/functions.py: which functions of an expression are none of the server's own."""

from __future__ import annotations

import pytest

from zdmigrate.history.sql.functions import stored_calls


@pytest.mark.parametrize(
    ("sql", "calls"),
    [
        ("SET @x = wipe()", ("wipe",)),
        ("DO wipe(), shop.tidy(1)", ("wipe", "shop.tidy")),
        ("DO `now`()", ("now",)),
        ("UPDATE t SET c = 1 + wipe(2) WHERE keep(a) AND NOT Wipe(2)", ("wipe", "keep", "Wipe")),
        ("INSERT INTO n VALUES (1, wipe())", ("wipe",)),
        ("INSERT INTO n (a) VALUES (1) ON DUPLICATE KEY UPDATE a = wipe()", ("wipe",)),
        ("CREATE TABLE n SELECT wipe() AS a", ("wipe",)),
        ("CALL p(wipe())", ("wipe",)),
        ("SELECT SQL_NO_CACHE wipe()", ("wipe",)),
        ("SELECT SETVAL(s, 1)", ("SETVAL",)),
        ("SELECT CASE WHEN a THEN wipe() ELSE IF(b, other(), 1) END", ("wipe", "other")),
        ("DELETE FROM t WHERE a IN (wipe())", ("wipe",)),
    ],
)
def test_stored_functions(sql: str, calls: tuple[str, ...]) -> None:
    assert stored_calls(sql) == calls


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t (a, b) VALUES (1, 2), (3, NOW())",
        "INSERT t (a) VALUE (COALESCE(NULL, 1))",
        "INSERT INTO shop.t (a) SELECT a FROM u WHERE b IN (1) AND EXISTS (SELECT 1) GROUP BY (c)",
        "INSERT INTO t (a) VALUES (1) AS new (x) ON DUPLICATE KEY UPDATE a = VALUES(a)",
        "WITH c (a) AS (SELECT 1), d (b) AS (SELECT 2) SELECT * FROM c JOIN d USING (a)",
        "SELECT CAST(a AS DECIMAL(10, 2)), CONVERT(b, CHAR(3)), DATE_ADD(a, INTERVAL 1 DAY) FROM t",
        "SELECT CHARSET(a), CONVERT(a, DATETIME(6))",
        "SELECT * FROM t USE INDEX (i) PARTITION (p) WHERE MATCH (a) AGAINST ('x') AND a -> '$.b' = 1",
        "SELECT RANK() OVER (PARTITION BY a), JSON_UNQUOTE(JSON_EXTRACT(a, '$.b')) FROM (SELECT 1) d (a)",
        "UPDATE t SET a = UUID(), b = LEFT(c, 3), d = IF(a, b, c), e = REPLACE(a, 'x', 'wipe()'), f = UUID_TO_BIN(a)",
        "CREATE TABLE n (a DATETIME(6), b VARCHAR(3) DEFAULT (UUID()), KEY k (a), CHECK (a > 1)) SELECT 1",
        "CREATE TABLE n (a INT, UNIQUE u USING BTREE (a), FULLTEXT f (b)) PARTITION BY HASH (a) SELECT 1",
        "SELECT a FROM t WHERE (a, b) = ANY (SELECT 1) OR ROW(a, b) = (1, 2) -- wipe()",
        "SET @x = GREATEST(1, LAST_INSERT_ID())",
    ],
)
def test_what_is_none(sql: str) -> None:
    assert stored_calls(sql) == ()


def test_the_schemas_own_function_may_have_any_name() -> None:
    assert stored_calls("DO purge()", {"purge"}) == ("purge",)
    assert stored_calls('DO "wipe"()', ansi_quotes=True) == ("wipe",)
