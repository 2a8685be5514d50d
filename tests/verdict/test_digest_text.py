"""Digests, read. Whether they look like these on real servers is in `tests/run/test_witness.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zdmigrate.verdict.digest_text import Statement, canonical, read, words_of
from zdmigrate.verdict.witness import Harm, harm_of
from zdsession.fleet.model import Gone

COLUMNS = {
    "users": frozenset({"id", "name", "nick", "sql_tsi_day"}),
    "people": frozenset({"id", "nick"}),
    "orders": frozenset({"id", "user_id"}),
}
NICK, USERS = Gone("users", "nick"), Gone("users")


def harm(text: str, gone: Gone = NICK, schema: str = "shop") -> Harm:
    return harm_of(read(text), gone, "shop", schema, COLUMNS)[0]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT `u` . `nick` AS `n` FROM `users` `u` WHERE `u` . `id` IN (...) AND NAME = ?",
        "INSERT INTO `users` VALUES (...) /* , ... */",
        "REPLACE `users` VALUES (...)",
        "INSERT INTO `users` ( NAME , `nick` ) VALUES (...)",
        "INSERT INTO `users` ( `id` ) VALUES (?) ON DUPLICATE KEY UPDATE `nick` = VALUES ( `nick` )",
        "INSERT INTO `people` ( `id` ) SELECT `id` FROM `users` ON DUPLICATE KEY UPDATE `id` = `users` . `nick`",
        "INSERT INTO `people` SELECT * FROM `users` WHERE ? = ?",
        "INSERT INTO `people` ( `id` , `nick` ) ( SELECT * FROM `users` WHERE ? = ? )",
        "INSERT INTO `people` TABLE `users`",
        "INSERT INTO `people` WITH `a` AS ( SELECT * FROM `users` ) SELECT * FROM `a`",
        "UPDATE `users` SET `nick` = ? , NAME = - ? WHERE ID BETWEEN ? AND ?",
        "UPDATE `people` , `users` SET `people` . `id` = ? WHERE `users` . `nick` = ?",
        "UPDATE `orders` SET `user_id` = ( SELECT `id` FROM `users` WHERE `nick` = ? )",
        "WITH `a` AS ( SELECT ? ) UPDATE `users` SET `nick` = ?",
        "WITH `a` AS ( SELECT ? ) DELETE FROM `users` WHERE `nick` = ?",
        "WITH `a` AS ( SELECT ? ) , `b` ( `x` ) AS ( SELECT `nick` FROM `users` ) SELECT `x` FROM `b`",
        "DELETE FROM `users` WHERE `nick` = ?",
        "DELETE FROM `u` USING `users` AS `u` WHERE `u` . `nick` = ?",
        "DELETE `u` FROM `users` `u` JOIN `people` `p` ON `p` . `id` = `u` . `id` WHERE `u` . `nick` = ?",
        "SELECT `d` . `x` FROM ( SELECT `nick` AS `x` FROM `users` ) `d`",
        "SELECT ? FROM `users` , LATERAL ( SELECT `nick` ) AS `l`",
        "SELECT `t` . `nick` FROM ( `people` `p` JOIN `users` `t` ON ? = ? )",
        "SELECT `p` . `nick` , `u` . `nick` FROM `people` `p` JOIN `users` `u` ON `u` . `id` = `p` . `id`",
        "SELECT ID FROM `users` JOIN `people` USING ( `nick` )",
        "SELECT ID FROM `users` NATURAL JOIN `people`",
        "SELECT `id` FROM `users` WHERE `id` IN ( SELECT `user_id` FROM `orders` WHERE `nick` = ? )",
        "SELECT COUNT ( * ) AS `n` , `nick` FROM `users` GROUP BY `nick`",
        "SELECT NAME AS `nick` FROM `users` GROUP BY `nick`",
        "SELECT * FROM `users` UNION ALL SELECT ? , ?",
        "( SELECT * FROM `users` LIMIT ? ) UNION ALL ( SELECT ? , ? )",
        "( SELECT ? , ? ) UNION ALL ( SELECT * FROM `users` LIMIT ? )",
        "SELECT ? FROM `people` UNION SELECT `nick` FROM `users`",
        "DO ( SELECT `nick` FROM `users` LIMIT ? )",
        "SET @? = ( SELECT `nick` FROM `users` LIMIT ? )",
        "CREATE TABLE `copy` AS SELECT `nick` FROM `users`",
        "EXECUTE SELECT `nick` , ? FROM `users` WHERE `id` = ?",
        "SET STATEMENT `max_statement_time` = ? FOR SELECT `nick` FROM `users`",
        "LOAD DATA INFILE ? INTO TABLE `users`",
        "SELECT `users` . `nick` AS `a0` , `users` . `nick` AS `a1` ,",
        "SELECT /*+ MAX_EXECUTION_TIME ( ? ) */ `nick` FROM `users`",
        "SELECT `nick` FROM `users` PARTITION ( `p0` ) AS `u` FORCE INDEX FOR JOIN ( `by_name` ) WHERE `u` . `id` = ?",
        "SELECT `u` . `nick` FROM `users` STRAIGHT_JOIN `users` `u`",
        "SELECT `u` . `nick` FROM `users` FOR SYSTEM_TIME AS OF TIMESTAMP ? AS `u`",
        "SELECT (unknown) , (_charset) ?, ... FROM `users` WHERE `nick` IS NOT NULL",
    ],
)
def test_what_breaks_without_a_column(text: str) -> None:
    assert harm(text) is Harm.BREAKS
    assert harm(text, USERS) is Harm.BREAKS


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("SELECT ID FROM `users`", True),
        ("INSERT INTO `users` ( ) VALUES ( )", True),
        ("INSERT INTO `users` SET NAME = ?", True),
        ("SELECT ( SELECT `nick` FROM `people` LIMIT ? ) FROM `users`", True),
        ("SELECT `p` . `nick` FROM `people` `p` JOIN `users` `u` ON `u` . `id` = `p` . `id`", True),
        ("SELECT `id` FROM `users` WHERE `id` IN ( SELECT `id` FROM `people` WHERE `nick` = ? )", True),
        ("SELECT NAME AS `nick` FROM `users` ORDER BY `nick` DESC", True),
        ("SELECT MAX ( NAME ) `nick` FROM `users` HAVING `nick` > ?", True),
        ("SELECT `d` . `nick` FROM ( SELECT NAME AS `nick` FROM `users` ) AS `d` WHERE `nick` = ?", True),
        ("WITH `a` ( `nick` ) AS ( SELECT `id` FROM `users` ) SELECT `nick` FROM `a`", True),
        ("WITH `users` AS ( SELECT `nick` FROM `people` ) SELECT `nick` FROM `users`", False),
        ("TRUNCATE TABLE `users`", True),
        ("DELETE FROM `people` WHERE `nick` = ?", False),
        ("SELECT `nick` FROM `other` . `users`", False),
        ("SELECT `other` . `users` . `nick` FROM `other` . `users`", False),
        ("SELECT `users` . `nick` FROM `people` `users`", False),
        ("SELECT `id` FROM `people` WHERE `id` IN ( SELECT `user_id` FROM `orders` WHERE `nick` = ? )", False),
        ("EXPLAIN SELECT `nick` FROM `users`", False),
        ("ALTER TABLE `users` DROP COLUMN `nick`", False),
        ("CREATE VIEW `v` AS SELECT `nick` FROM `users`", False),
        ("SHOW FIELDS FROM `users`", False),
        ("EXECUTE `s` USING @?", False),
        ("COMMIT", False),
        ("", False),
    ],
)
def test_what_goes_on_without_a_column(text: str, table: bool) -> None:
    assert harm(text) is Harm.NONE
    assert harm(text, USERS) is (Harm.BREAKS if table else Harm.NONE)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM `users`",
        "SELECT `users` . * FROM `users` JOIN `people` USING ( ID )",
        "SELECT DISTINCT * FROM `users` `u` , `people`",
        "TABLE `users`",
        "INSERT INTO `people` ( `id` ) SELECT `id` FROM `orders` WHERE EXISTS ( SELECT * FROM `users` )",
    ],
)
def test_a_star_gives_a_column_less(text: str) -> None:
    assert harm(text) is Harm.FEWER


def test_no_star_of_another_table() -> None:
    assert harm("SELECT `p` . * FROM `people` `p` JOIN `users` ON ? = ?") is Harm.NONE
    assert harm("SELECT COUNT ( * ) , ? * `id` FROM `users`") is Harm.NONE


def test_a_keyword_stands_for_a_column() -> None:
    assert harm("SELECT SQL_TSI_DAY FROM `users`", Gone("users", "day")) is Harm.BREAKS
    assert harm("SELECT `u` . `day` FROM `users` `u`", Gone("users", "Day")) is Harm.BREAKS
    assert harm("SELECT NAME FROM `users`", Gone("Users", "name")) is Harm.BREAKS
    assert harm("SELECT ID FROM `users` WHERE ? > NOW ( ) - INTERVAL ? SQL_TSI_DAY", Gone("users", "day")) is Harm.NONE
    assert canonical("Month") == canonical("SQL_TSI_MONTH")


def test_the_default_database_decides() -> None:
    assert harm("SELECT `nick` FROM `users`", schema="other") is Harm.NONE
    assert harm("SELECT `nick` FROM `shop` . `users`", schema="other") is Harm.BREAKS
    assert harm("SELECT `nick` FROM `SHOP` . `Users`", schema="") is Harm.BREAKS
    assert harm("SELECT `nick` FROM `archive` . `users`", Gone("archive.users", "nick")) is Harm.BREAKS


def test_the_same_words_before_and_after() -> None:
    sent = "UPDATE users SET full_name = CONCAT(name, ' ', 'x'), day = NULL -- a note\n WHERE id IN (1, 2) AND a <> -1"
    seen = (
        "UPDATE `users` SET `full_name` = `CONCAT` ( NAME , ?, ... ) , SQL_TSI_DAY = ? WHERE `id` IN (...) AND `a` != ?"
    )
    assert words_of(sent) == words_of(seen)
    assert words_of(sent) != words_of(seen.replace("full_name", "name"))


def test_what_may_be_cut() -> None:
    assert not read("SELECT `nick` FROM `users`").may_be_cut(1024)
    assert read("SELECT " + "`users` . `column_name` , " * 40).may_be_cut(1024)


# properties

_name = st.sampled_from(["nick", "NICK", "Nick"])
_other = st.sampled_from(["id", "name", "`id`", "u2.x", "7", "'a'", "COUNT(*)", "NOW()"])


def _quoted(name: str) -> str:
    return f"`{name}`"


@st.composite
def reading(draw: st.DrawFn, table: str) -> str:
    """A SELECT that reads `nick` of a table, in one of the places and ways SQL has."""
    alias = draw(st.sampled_from(["", " AS t", " `t`"]))
    name = draw(_name)
    name = _quoted(name) if draw(st.booleans()) else name
    qualifier = draw(st.sampled_from(["", "t." if alias else f"{table}.", "`t` . " if alias else f"`{table}` . "]))
    column = qualifier + name
    source = draw(st.sampled_from([table, f"`{table}`", f"shop.{table}", f"`shop` . `{table}`"])) + alias
    more = draw(
        st.sampled_from(["", " JOIN orders o ON o.id = 1", ", orders o", " LEFT JOIN (SELECT 1 AS one) d ON 1"])
    )
    tail = draw(st.sampled_from(["", " LIMIT 3", " FOR UPDATE"]))
    before = ", ".join([*draw(st.lists(_other, max_size=2)), ""])
    comment = draw(st.sampled_from(["", " /* why */", " -- why\n"]))
    return draw(
        st.sampled_from(
            [
                f"SELECT {before}{column} FROM{comment} {source}{more}{tail}",
                f"SELECT {before}1 FROM {source}{more} WHERE{comment} {column} = 'x'{tail}",
                f"SELECT {before}1 FROM {source}{more} GROUP BY {column}",
                f"SELECT {before}1 FROM {source}{more} ORDER BY UPPER({column}) DESC{tail}",
                f"SELECT {before}MAX({column}) AS m FROM {source}{more}",
                f"SELECT 1 FROM people p WHERE EXISTS (SELECT {column} FROM {source})",
                f"SELECT x FROM (SELECT {column} AS x FROM {source}) s",
                f"WITH c AS (SELECT {column} AS x FROM {source}) SELECT x FROM c",
                f"SELECT 1 UNION SELECT {column} FROM {source}",
                f"INSERT INTO people (id) SELECT {column} FROM {source}",
                f"UPDATE people p SET p.id = (SELECT {column} FROM {source} LIMIT 1)",
                f"DELETE FROM people WHERE id IN (SELECT {column} FROM {source})",
                f"SELECT CASE WHEN {column} IS NULL THEN 1 ELSE 2 END FROM {source}",
            ]
        )
    )


@given(reading("users"))
def test_whoever_reads_it_is_found(sql: str) -> None:
    assert harm(sql) is Harm.BREAKS


@given(reading("people"))
def test_whoever_reads_the_same_name_of_another_table_is_not(sql: str) -> None:
    assert harm(sql, Gone("users", "nick")) is Harm.NONE


_pieces: Sequence[str] = (
    "SELECT", "FROM", "WITH", "RECURSIVE", "AS", "(", ")", ",", ".", "*", "?", "...", "(...)", "UNION", "ALL", "INSERT",
    "INTO", "VALUES", "UPDATE", "SET", "DELETE", "USING", "JOIN", "NATURAL", "ON", "DUPLICATE", "KEY", "WHERE", "ORDER",
    "BY", "TABLE", "LATERAL", "PARTITION", "LOAD", "TRUNCATE", "CREATE", "EXECUTE", "`users`", "`nick`", "`t`", "NAME",
    "@?", "@@`version`", "/*", "*/", "`", "=", "-", "(unknown)", "(_charset)", "`a``b`", "FOR", "STATEMENT",
)  # fmt: skip


@given(st.lists(st.sampled_from(_pieces), max_size=40).map(" ".join) | st.text(max_size=60))
@example("INSERT")
@example("LOAD DATA INTO")
@example("WITH `a` (")
@example("UPDATE")
def test_nothing_is_too_odd_to_be_read(text: str) -> None:
    found: Statement = read(text)
    for gone in (NICK, USERS):
        assert harm_of(found, gone, "shop", "shop", COLUMNS)[0] in Harm
    words: Callable[[str], tuple[str, ...]] = words_of
    assert words(text) == words(text)
