"""What may be sent of what upgrade() asks for, statement by statement; on real servers: test_upgrade.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.apps import App
from zdmigrate.history.apply import apply
from zdmigrate.history.catalog import Delta, difference
from zdmigrate.history.recording import RecordedStatement, SessionState
from zdmigrate.history.statements import parse
from zdmigrate.history.syntax import SetVariable
from zdmigrate.plan import Plan, TableSize
from zdmigrate.run.intercept.accept import Admission, reading_refused, setting_refused
from zdmigrate.run.intercept.judging import Judge
from zdmigrate.run.kept import digest
from zdmigrate.run.selection import Asked, Strategy
from zdmigrate.verdict.model import Phase

READS = 'op.get_bind().execute(sa.text("SELECT id FROM users")).fetchall()'
ADD = 'op.add_column("users", sa.Column("slug", sa.String(50)))'


class Case:
    """A revision that was admitted, and statements it then sends."""

    def __init__(self, app: App, *upgrade: str, head: str = "", phase: Phase | None = None, rows: int = 5,
                 strategy: Strategy = "auto") -> None:  # fmt: skip
        app.users(*upgrade, head=head)
        plan: Plan = app.made(from_="aaaa1")
        self.plan = replace(plan, sizes={"users": TableSize(rows, rows * 100)}, has_replica=False)
        self.revision = self.plan.revisions[-1]
        self.catalog = began = self.revision.recorded.before
        self.admission = Admission(self.revision, Asked(phase, strategy, {"bbbb2": "a test"}), began)
        self.judge = Judge(self.plan, self.revision, began)

    def objections(self, sql: str, examined: int | None = None) -> str:
        """What is said; nothing when it is sent."""
        (statement,) = parse(sql)
        session = SessionState()
        after = apply(statement, self.catalog, session, self.plan.target)
        recorded = RecordedStatement(
            0, statement, "op.execute", "x.py", 1, self.catalog, after, difference(self.catalog, after)
        )
        (change,) = self.judge.changes([recorded], "bbbb2:0")
        found = list(self.admission.objections(change, examined))
        if not found:
            self.catalog = after
            self.admission.sent(change)
        return "; ".join(found)


def test_a_statement_of_the_side_it_was_admitted_for_is_sent(app: App) -> None:
    case = Case(app, ADD, READS)
    assert case.objections("ALTER TABLE users ADD COLUMN slug VARCHAR(50)") == ""
    assert case.objections("UPDATE users SET slug = 'a' WHERE id = 1") == ""
    assert case.objections("CREATE TABLE team (id INT PRIMARY KEY)") == ""
    assert case.objections("INSERT INTO team VALUES (1)") == ""


def test_data_may_be_moved_before_the_schema_is_changed(app: App) -> None:
    case = Case(app, ADD, READS, phase=Phase.EXPAND)
    assert case.objections("INSERT INTO users (name) VALUES ('Zoe')") == ""


def test_a_statement_of_another_side_is_not(app: App) -> None:
    case = Case(app, ADD, READS, phase=Phase.EXPAND)
    assert "breaks the deployed code" in case.objections("ALTER TABLE users DROP COLUMN nick")
    assert "belongs to contract, and bbbb2 was admitted as expand" in case.objections(
        "ALTER TABLE users DROP COLUMN nick"
    )


def test_what_the_run_that_stopped_had_sent_decides_the_side_too(app: App) -> None:
    case = Case(app, ADD, READS, head="# zdmigrate: phase contract")
    narrower = "ALTER TABLE users MODIFY nick VARCHAR(40)"
    assert "belongs to contract" not in case.objections(narrower)
    (added, *_) = case.revision.changes
    case.admission.sent_before(digest(added.recorded.statement.sql))
    assert "it belongs to contract, and bbbb2 was admitted as expand" in case.objections(narrower)


def test_what_the_plan_showed_of_a_contract_is_sent_and_nothing_else(app: App) -> None:
    case = Case(app, 'op.drop_column("users", "nick")', READS, head="# zdmigrate: phase contract")
    assert case.objections("ALTER TABLE users DROP COLUMN nick") == ""
    said = case.objections("ALTER TABLE users DROP COLUMN name")
    assert "a contract that the plan did not show" in said
    assert "removes users.name, which the plan did not show" in said


def test_what_the_revision_made_itself_may_go_again(app: App) -> None:
    case = Case(app, ADD, READS)
    assert case.objections("CREATE TABLE scratch (id INT PRIMARY KEY)") == ""
    assert case.objections("DROP TABLE scratch") == ""


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("FROBNICATE users", "cannot be judged (ZD901)"),
        ("CALL something()", "cannot be judged (ZD902)"),
        ("CREATE USER eve", "by hand"),
        ("GRANT SELECT ON *.* TO eve", "by hand"),
        ("CREATE TEMPORARY TABLE t (id INT)", "temporary table"),
        ("DROP DATABASE other", "by hand"),
        ("USE other", "changes the database"),
        ("LOAD DATA INFILE 'x' INTO TABLE users", "reads a file"),
        ("INSERT INTO users (name) VALUES ('a') RETURNING id", "returns rows"),
        ("SET GLOBAL read_only = 1", "breaks the deployed code"),
    ],
)
def test_what_no_run_sends(app: App, sql: str, words: str) -> None:
    assert words in Case(app, ADD, READS).objections(sql)


def test_big_tables_are_left_to_batches_unless_few_rows_are_examined(app: App) -> None:
    case = Case(app, ADD, READS, rows=10_000_000)
    sql = "UPDATE users SET nick = 'a' WHERE nick IS NULL"
    assert "about 9,000,000 rows" in case.objections(sql, 9_000_000)
    assert "zdmigrate backfill" in case.objections(sql, None)
    assert case.objections(sql, 1) == ""
    assert Case(app, ADD, READS, rows=10_000_000, strategy="direct").objections(sql, 9_000_000) == ""


def test_a_rebuild_of_a_big_table_is_left_to_a_revision_of_its_own(app: App) -> None:
    sql = "ALTER TABLE users FORCE, ALGORITHM=COPY"
    assert "into a revision of its own" in Case(app, ADD, READS, rows=10_000_000).objections(sql)
    assert Case(app, ADD, READS, rows=10_000_000, strategy="direct").objections(sql) == ""
    assert Case(app, ADD, READS).objections(sql) == ""


def test_a_waiver_counts_as_in_the_plan(app: App) -> None:
    waiver = "# zdmigrate: allow ZD901 until 2999-01-01 owner=ana because a person has read it"
    case = Case(app, ADD, READS, head=waiver)
    (statement,) = parse("FROBNICATE users")
    recorded = RecordedStatement(0, statement, "op.execute", "x.py", 1, case.catalog, case.catalog, Delta())
    (change,) = case.judge.changes([recorded], "bbbb2:0")
    assert "ZD901" in "; ".join(case.admission.objections(change))
    assert "ZD901" not in "; ".join(case.admission.objections(case.judge.with_waivers(change)))


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT id FROM t FOR UPDATE", "lock ends"),
        ("SELECT id FROM t LOCK IN SHARE MODE", "lock ends"),
        ("SELECT id INTO OUTFILE '/x' FROM t", "file"),
        ("SELECT ROW_COUNT()", "rowcount"),
        ("SELECT 'for update', `for update` FROM t", ""),
        ("SELECT id FROM t", ""),
    ],
)
def test_queries(sql: str, words: str) -> None:
    said = reading_refused(sql)
    assert (words in said) if words else not said


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("SET SESSION sql_log_bin = 0", True),
        ("SET @@session.sql_log_bin = 0", True),
        ("SET gtid_next = 'AUTOMATIC'", True),
        ("SET foreign_key_checks = 0", False),
        ("SET @sql_log_bin = 0", False),
        ("SET @now = NOW()", False),
        ("SET @x = tidy()", True),
    ],
)
def test_settings(sql: str, refused: bool) -> None:
    node = parse(sql)[0].node
    assert isinstance(node, SetVariable)
    assert bool(setting_refused(node, sql)) is refused
