"""What may be cut into ranges of a key, and how the pieces read."""

import pytest

from zdmigrate.run.cut import cut
from zdmigrate.run.errors import RefusedError


@pytest.mark.parametrize(
    ("statement", "piece"),
    [
        (
            "UPDATE users SET a = CONCAT('50%', b) WHERE a IS NULL OR b LIKE '%x';",
            "UPDATE users FORCE INDEX (`PRIMARY`) SET a = CONCAT('50%%', b) WHERE (RANGE) AND "
            "(a IS NULL OR b LIKE '%%x')",
        ),
        ("UPDATE LOW_PRIORITY users AS u SET u.a = 1", "UPDATE LOW_PRIORITY users AS u FORCE INDEX (`PRIMARY`) "
         "SET u.a = 1 WHERE (RANGE) AND (TRUE)"),
        ("UPDATE users USE INDEX (x) SET a = 1", "UPDATE users USE INDEX (x) SET a = 1 WHERE (RANGE) AND (TRUE)"),
        ("DELETE FROM logs WHERE at < NOW() -- old", "DELETE `logs` FROM logs FORCE INDEX (`PRIMARY`) "
         "WHERE (RANGE) AND (at < NOW())"),
        ("DELETE QUICK FROM logs l", "DELETE QUICK `l` FROM logs l FORCE INDEX (`PRIMARY`) "
         "WHERE (RANGE) AND (TRUE)"),
        ("DELETE FROM db.logs", "DELETE FROM db.logs WHERE (RANGE) AND (TRUE)"),
        ("DELETE a FROM logs a JOIN b ON b.i = a.i WHERE b.x", "DELETE a FROM logs a JOIN b ON b.i = a.i "
         "WHERE (RANGE) AND (b.x)"),
        ("UPDATE t JOIN o ON o.id = t.o SET t.a = o.a WHERE o.a > 1", "UPDATE t JOIN o ON o.id = t.o SET t.a = o.a "
         "WHERE (RANGE) AND (o.a > 1)"),
    ],
)  # fmt: skip
def test_a_range_is_one_more_condition(statement: str, piece: str) -> None:
    assert cut(statement).change("RANGE", "PRIMARY") == piece


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE t SET a = 1 LIMIT 5", "it has LIMIT"),
        ("UPDATE t SET a = 1 ORDER BY id", "it has ORDER"),
        ("DELETE FROM t WHERE x RETURNING id", "it has RETURNING"),
        ("UPDATE t SET a = (SELECT MAX(a) FROM t)", "reads t to decide about rows of t"),
        ("UPDATE t SET a = 1 WHERE id IN (SELECT id FROM (SELECT id FROM shop.T) AS x)", "to decide about rows of t"),
        ("UPDATE t JOIN t AS u ON u.id = t.id + 1 SET t.a = u.a", "reads t"),
        ("DELETE a FROM t a JOIN t b ON b.id > a.id", "reads t"),
        ("UPDATE t, o SET t.a = 1, o.a = 2", "changes t and o"),
        ("DELETE t, o FROM t JOIN o ON o.id = t.id", "changes t and o"),
        ("WITH x AS (SELECT 1) UPDATE t, x SET t.a = 1", "begins with WITH"),
        ("UPDATE t SET a = @n := @n + 1", "the variable @n"),
        ("UPDATE t SET a = LAST_INSERT_ID()", r"LAST_INSERT_ID\(\)"),
        ("UPDATE t SET a = SLEEP(1)", r"SLEEP\(\)"),
        ("DELETE FROM t WHERE RAND() < 0.5", r"its WHERE calls RAND\(\)"),
        ("UPDATE t SET a = %s", "write the values into the statement"),
        ("UPDATE t SET a = 1; UPDATE t SET b = 1", "2 statements"),
        ("", "0 statements"),
        ("INSERT INTO t (a) VALUES (1)", "only UPDATE and DELETE"),
        ("SELECT 1", "only UPDATE and DELETE"),
        ("UPDATE 'oops", "only UPDATE and DELETE|cannot be read"),
    ],
)
def test_what_depends_on_other_rows_is_refused(statement: str, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        cut(statement)


@pytest.mark.parametrize(
    ("statement", "guarded", "repeatable"),
    [
        ("UPDATE t SET a = b WHERE a IS NULL", True, True),
        ("UPDATE t SET a = UUID() WHERE a IS NULL", True, True),
        ("UPDATE t SET n = n + 1", False, False),
        ("UPDATE t SET n = n + 1 WHERE n < 9", True, False),
        ("UPDATE t SET a = b, b = a", False, False),
        ("UPDATE t SET a = b WHERE c = 1", False, True),
        ("DELETE FROM t", True, True),
    ],
)
def test_what_a_second_run_would_do(statement: str, guarded: bool, repeatable: bool) -> None:
    made = cut(statement)
    assert (made.guarded, made.repeatable) == (guarded, repeatable)


def test_blanks_and_comments_make_no_other_statement_and_those_in_strings_do() -> None:
    first, again, other = (
        cut("UPDATE t SET a = 'x y'").canonical,
        cut(" UPDATE  t /* now */ SET a =\n'x y' -- done\n;").canonical,
        cut("UPDATE t SET a = 'x  y'").canonical,
    )
    assert first == again
    assert first != other
