"""Columns and keys no server takes: every statement here goes to a real server and to the catalog, which must agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import pytest

from tests.history.test_apply_servers import connection_to, sent
from zdmigrate.flavour import Flavour
from zdmigrate.history.apply import Refused, apply
from zdmigrate.history.catalog import Catalog
from zdmigrate.history.charsets import empty_catalog
from zdmigrate.history.load import server_flavour
from zdmigrate.history.recording import SessionState
from zdmigrate.history.statements import parse

TYPES = """TINYINT, BOOLEAN, SMALLINT UNSIGNED, INT, BIGINT UNSIGNED, DECIMAL(4,2), DECIMAL(4,2) UNSIGNED, DECIMAL,
    FLOAT, DOUBLE UNSIGNED, CHAR, CHAR(3), VARCHAR(3), VARCHAR(5) CHARACTER SET latin1, BINARY(3), VARBINARY(3),
    ENUM('a','b ','C'), SET('a','b','c d'), DATE, DATETIME, DATETIME(3), TIMESTAMP, TIME, YEAR, BIT(3), TEXT, JSON,
    BLOB"""

#: What people write, and what lies at the edge of a type.
DEFAULTS = """NULL|'true'|TRUE|0|1|-1|'5'|'5 '|' 5'|'5x'|'x'|''|127|128|-128|-129|255|'256'|18446744073709551616|5.5|
    '5.5'|99.994|99.995|-99.999|'1e1'|0x41|b'1'|'a'|'A'|'z'|'a,b'|'a,z'|'abc '|'abcd'|12345|123|1900|CURRENT_TIMESTAMP|
    CURRENT_TIMESTAMP(3)|NOW()|'now()'|'2020-01-01'|'2020-13-01'|'2020-02-30'|'2020-01-01 10:00:00'|
    '2020-01-01 25:00:00'|'10:00'|20200101|'20200101'|'0000-00-00'|'1969-01-01'|'2039-01-01'|'70-1-1'|('x')|(uuid())|
    CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP|CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP"""

#: All the rest of what was tried; with it, a few thousand statements.
MORE_DEFAULTS = """'false'|FALSE|5|'1'|'2'|' a'|'2155'|'2020-01-01 10:60'|'1.5x'|'+5'|'.5'|-0.4|7|'2020-00-10'|' '|256|
    65536|2147483648|4294967296|5.4|'99.995'|100|1e1|1e30|'1e30'|'b'|'c'|'ab'|'abc'|'abcd  '|'äöü'|'äöüx'|
    CURRENT_TIMESTAMP(6)|'CURRENT_TIMESTAMP'|'2020-02-32'|'2020-01-01T10:00:00'|'2020-01-01 10:00:00.1234567'|
    '10:00:00'|    '0000-00-00 00:00:00'|'1970-01-01 00:00:00'|'2038-01-20 00:00:00'|(1)|(now())|
    CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)"""

#: Refused although we let it through: what a default means depends on more than its column, or nobody writes it.
IN_DOUBT = {
    "TIME", "'äöü'", "'äöüx'", "1e1", "1e30", "'1e30'", "'10:00:00'", "'2020-00-10'", "'70-1-1'",
    "'1970-01-01 00:00:00'", "'2038-01-20 00:00:00'", "'99.995'", "18446744073709551616", "2147483648", "4294967296",
    "YEAR 99.994", "YEAR 99.995", "YEAR -99.999", "YEAR -0.4", "BIT(3) 99.994",
    "BIT(3) 99.995", "BIT(3) -99.999", "BIT(3) -0.4",
}  # fmt: skip

LONG = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmn"
COLUMNS = f"""CHAR(255)|CHAR(256)|BINARY(256)|VARCHAR(16383)|VARCHAR(16384)|VARCHAR(20000)|
    VARCHAR(65530) CHARACTER SET latin1|VARCHAR(65536) CHARACTER SET latin1|VARBINARY(65536)|
    DECIMAL(65,30)|DECIMAL(66,2)|DECIMAL(65,39)|DECIMAL(4,5)|
    DATETIME(6)|DATETIME(7)|TIME(7)|TIMESTAMP(9)|BIT(64)|BIT(65)|ENUM('a','b','a')|SET('x','x')|ENUM('a','b')|
    SET({",".join(f"'{n}'" for n in range(64))})|SET({",".join(f"'{n}'" for n in range(65))})|
    INT NOT NULL DEFAULT NULL|INT DEFAULT NULL NOT NULL|TEXT NOT NULL DEFAULT NULL|INT DEFAULT NULL"""

TABLE = (
    "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, s VARCHAR(10), n INT NOT NULL, j JSON, x TEXT, g POINT, "
    "h POINT NOT NULL, b BLOB, l VARCHAR(1000), m VARCHAR(700), e ENUM('a'), vb VARBINARY(20), "
    "la VARCHAR(1000) CHARACTER SET latin1, la2 VARCHAR(3100) CHARACTER SET latin1)"
)
KEYS = f"""FULLTEXT INDEX f (a)|FULLTEXT INDEX f (s)|FULLTEXT INDEX f (s, x)|FULLTEXT INDEX f (s, a)|
    FULLTEXT INDEX f (b)|FULLTEXT INDEX f (e)|FULLTEXT INDEX f (j)|FULLTEXT INDEX f (s, la)|FULLTEXT INDEX f (s(3))|
    INDEX f (a(3))|INDEX f (s(3))|INDEX f (s(10))|INDEX f (s(11))|INDEX f (x(768))|INDEX f (x(769))|
    INDEX f (b(3073))|INDEX f (e(1))|
    INDEX f (vb(5))|INDEX f (vb(21))|INDEX f (j)|UNIQUE f (j)|UNIQUE f (s(11))|INDEX f (x(0))|INDEX f (l)|UNIQUE f (l)|
    INDEX f (m, a)|UNIQUE f (m, s, a, vb, e)|INDEX f (la, la2)|INDEX f (la2)|UNIQUE f (la2)|INDEX f (m, la)|
    UNIQUE f (m, la)|INDEX f (a, x)|INDEX f (x(700), l(100))|UNIQUE f (x(700), l(100))|SPATIAL INDEX f (a)|
    SPATIAL INDEX f (g)|SPATIAL INDEX f (h)|SPATIAL INDEX f (h, a)|INDEX {LONG} (a)|CONSTRAINT {LONG} CHECK (a > 1)|
    COLUMN {LONG} INT|COLUMN z VARCHAR(16383)|COLUMN z VARCHAR(12000)|COLUMN c INT AS (id + 1)|
    COLUMN c INT AS (id + 1) STORED|COLUMN c INT DEFAULT (id + 1)|CHECK (id > 1)|CHECK (a > 1)"""
ALTERS = """ALTER n SET DEFAULT NULL|ALTER a SET DEFAULT NULL|ALTER a SET DEFAULT 'x'|ALTER a SET DEFAULT 5|
    MODIFY n INT NOT NULL DEFAULT NULL|MODIFY s VARCHAR(3) DEFAULT 'abcd'|MODIFY s CHAR(300)"""


def pieces(text: str, mark: str = "|") -> list[str]:
    """The parts between the marks."""
    return [" ".join(part.split()) for part in text.split(mark)]


def check(connection: Any, flavour: Flavour, statements: Iterable[str], start: Catalog) -> list[str]:
    """Send each to the server, and undo it: what the catalog answered otherwise, with the server's answer."""
    wrong = []
    for sql in statements:
        expected = sent(connection, sql)
        ours = 0, ""
        try:
            for statement in parse(sql, mariadb=flavour.is_mariadb):
                opaque = "MySQL wants" in getattr(statement.node, "reason", "")
                ours = (1064, "") if opaque else ours
                apply(statement, start, SessionState(), flavour)
        except Refused as error:
            ours = error.errno, error.message
        if ours[0] != expected[0] or (ours[1] and ours[1] != expected[1]):
            wrong.append(f"{sql}\n  server: {expected}\n  ours:   {ours}")
        if expected[0] == 0:
            connection.exec_driver_sql("DROP TABLE t")
            if "t" in start.tables:
                connection.exec_driver_sql(TABLE)
    return wrong


def defaults(texts: Iterable[str]) -> list[str]:
    """Every type with each of these defaults."""
    types = [name.replace(";", ",") for name in pieces(_outside(TYPES), ",")]
    return [
        f"CREATE TABLE t (c {kind} DEFAULT {text})"
        for kind, text in itertools.product(types, texts)
        if not {kind, text, f"{kind} {text}"} & IN_DOUBT
    ]


def _outside(text: str) -> str:
    """With a semicolon for every comma inside parentheses."""
    depth, found = 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        found += ";" if character == "," and depth else character
    return found


def test_defaults(any_sql_url: str) -> None:
    _agree(any_sql_url, defaults(pieces(DEFAULTS)))


@pytest.mark.soak
def test_more_defaults(any_sql_url: str) -> None:
    _agree(any_sql_url, defaults(pieces(MORE_DEFAULTS)))


def test_types(any_sql_url: str) -> None:
    _agree(any_sql_url, [f"CREATE TABLE t (c {text})" for text in pieces(COLUMNS)])


def test_keys_and_alterations(any_sql_url: str) -> None:
    statements = [f"ALTER TABLE t ADD {text}" for text in pieces(KEYS)]
    _agree(any_sql_url, [*statements, *(f"ALTER TABLE t {text}" for text in pieces(ALTERS))], TABLE)


def _agree(url: str, statements: list[str], table: str = "") -> None:
    with connection_to(url) as connection:
        flavour = server_flavour(connection)
        start = empty_catalog(flavour)
        connection.exec_driver_sql("ALTER DATABASE CHARACTER SET utf8mb4")
        for statement in parse(table, mariadb=flavour.is_mariadb) if table else ():
            connection.exec_driver_sql(table)
            start = apply(statement, start, SessionState(), flavour)
        wrong = check(connection, flavour, statements, start)
    assert not wrong, "\n".join(wrong)
