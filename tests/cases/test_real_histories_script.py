"""What scripts/real_histories.py calls the same, and what it counts; offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.real_histories.compare import changes, compare_live, compare_stubs, is_unknown, normalise
from scripts.real_histories.report import BEGIN, END, Outcome, write_page


def statement(sql: str, *, data_dependent: bool = False, verdict: str = "safe") -> dict[str, Any]:
    return {"sql": sql, "data_dependent": data_dependent, "verdict": verdict, "line": 1, "why": []}


def revision(name: str, *statements: dict[str, Any], error: str | None = None) -> dict[str, Any]:
    found = error and {"kind": error, "message": "", "line": 1}
    return {"revision": name, "path": f"versions/{name}.py", "error": found, "statements": list(statements)}


def live(name: str, *texts: str, error: str | None = None) -> dict[str, Any]:
    return {"revision": name, "error": error, "sent": [{"sql": text, "errno": None} for text in texts]}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ALTER TABLE t\n  ADD COLUMN a INT ;", "ALTER TABLE t ADD COLUMN a INT"),
        ("INSERT INTO t VALUES ('it''s', 1.0)", r"INSERT INTO t VALUES ('it\'s', 1)"),
        ("UPDATE t SET a = FALSE, b = x'00'", "UPDATE t SET a=0, b=x'00'"),
        ("UPDATE t SET a = '2020-01-01 00:00:00'", "UPDATE t SET a = '2026-11-21 05:00:00.123456'"),
        ("UPDATE t SET a = 1795236638660", "UPDATE t SET a = 1795236634841"),
        (
            "UPDATE t SET a = '6f1a0a4c-0000-4000-8000-000000000001'",
            "UPDATE t SET a = '6F1A0A4C000040008000000000000002'",
        ),
        ("CREATE TABLE t (a INT, CONSTRAINT t_pkey PRIMARY KEY (a))", "CREATE TABLE t (a INT, PRIMARY KEY (a))"),
        ("CREATE TABLE t (a INT) /* why */", "CREATE TABLE t (a INT)"),
    ],
)
def test_two_spellings_of_one_statement(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("UPDATE t SET a = 1", "UPDATE t SET a = 2"),
        ("UPDATE t SET a = 'x'", "UPDATE t SET a = x"),
        ("ALTER TABLE T ADD a INT", "ALTER TABLE t ADD a INT"),
        ("UPDATE t SET a = 'a  b'", "UPDATE t SET a = 'a b'"),
        ("UPDATE t SET a = 'x;'", "UPDATE t SET a = 'x'"),
    ],
)
def test_two_statements_stay_two(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    ("sql", "counts"),
    [
        ("SELECT 1", False),
        ("SHOW CREATE TABLE t", False),
        ("(SELECT 1)", False),
        ("COMMIT", False),
        ("UPDATE alembic_version SET version_num='b'", False),
        ("WITH x AS (SELECT 1) UPDATE t SET a = 1", True),
        ("SET foreign_key_checks = 0", True),
        ("CALL p()", True),
    ],
)
def test_what_counts(sql: str, counts: bool) -> None:
    assert changes(sql) is counts


def test_identical() -> None:
    recorded = revision("a", statement("ALTER TABLE t ADD a INT"), statement("UPDATE t SET a = 1", data_dependent=True))
    assert compare_live(recorded, live("a", "ALTER TABLE t ADD a INT", "UPDATE t SET a=1")).identical
    assert compare_live(recorded, live("a", "SELECT 1", "ALTER TABLE t ADD a INT")).identical


def test_not_identical() -> None:
    recorded = revision("a", statement("ALTER TABLE t ADD a INT"), statement("ALTER TABLE t ADD b INT"))
    lacking = compare_live(recorded, live("a", "ALTER TABLE t ADD a INT"))
    assert not lacking.identical
    assert lacking.extra == ("ALTER TABLE t ADD b INT",)
    more = compare_live(revision("a"), live("a", "DROP TABLE t"))
    assert not more.identical
    assert more.missing == ("DROP TABLE t",)
    assert not compare_live(recorded, live("a", "ALTER TABLE t ADD b INT", "ALTER TABLE t ADD a INT")).identical


def test_one_text_with_several_statements() -> None:
    recorded = revision("a", statement("DROP PROCEDURE p"), statement("CALL q()"))
    assert compare_live(recorded, live("a", "DROP PROCEDURE p; CALL q();")).identical


def test_made_up_ids_stand_for_the_servers() -> None:
    recorded = revision("a", statement("UPDATE t SET a = 900000001"))
    assert compare_live(recorded, live("a", "UPDATE t SET a = 17")).identical
    assert not compare_live(recorded, live("a", "UPDATE t SET a = 'x'")).identical


def test_the_order_of_a_tables_indexes_is_no_difference() -> None:
    texts = ["CREATE INDEX a ON t (a)", "CREATE INDEX b ON t (b)"]
    recorded = revision("a", *map(statement, texts))
    assert compare_live(recorded, live("a", *reversed(texts))).identical
    elsewhere = ["CREATE INDEX a ON t (a)", "CREATE INDEX b ON u (b)"]
    assert not compare_live(revision("a", *map(statement, elsewhere)), live("a", *reversed(elsewhere))).identical


def test_missed_with_stand_ins() -> None:
    installed = [revision("a", statement("DROP TABLE t")), revision("b", statement("DROP TABLE u"))]
    assert compare_stubs(installed, installed).count == 0
    assert compare_stubs(installed, [revision("a"), installed[1]]).missed == {"a": ("DROP TABLE t",)}
    assert compare_stubs(installed, [revision("a", error="import_failed"), installed[1]]).count == 0
    assert (
        compare_stubs(installed, [revision("a", statement("DROP TABLE x", verdict="unknown")), installed[1]]).count == 0
    )
    assert compare_stubs(installed, []).count == 2


def test_made_up_rows_may_hold_other_values() -> None:
    one = [revision("a", statement("UPDATE t SET a = 5 WHERE id = 'x'", data_dependent=True))]
    other = [revision("a", statement("UPDATE t SET a = 6 WHERE id = '1'", data_dependent=True))]
    assert compare_stubs(one, other).count == 0


def test_unknown() -> None:
    assert is_unknown(revision("a", error="raised"))
    assert is_unknown(revision("a", statement("CALL p()", verdict="unknown")))
    assert not is_unknown(revision("a", statement("DROP TABLE t", verdict="unsafe")))


def run(*revisions: dict[str, Any], unknown: int = 0, safe: int = 0) -> dict[str, Any]:
    counts = {"safe": safe, "unknown": unknown}
    return {"sqlalchemy": "2", "revisions": list(revisions), "counts": counts, "seconds": 1.0, "peak_mb": 50.0}


def test_figures_and_the_page(tmp_path: Path) -> None:
    item = revision("a", statement("DROP TABLE t"))
    outcome = Outcome("app", "1", "mysql", run(item, safe=99, unknown=1), run(item, safe=1), run(item, safe=1))
    outcome.live = {"revisions": [live("a", "DROP TABLE t"), live("b", error="OperationalError")], "version": "9.7"}
    assert outcome.shortcomings() == ["1.00 % of changes unknown with the app installed"]
    assert outcome.identical() == 100
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_page(page, [outcome])
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")
    assert "old" not in page.read_text()
    assert "| 1 = 100.0 % |" in page.read_text()
