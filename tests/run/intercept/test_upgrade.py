"""`zdmigrate apply` of revisions whose statements depend on rows, on real servers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps import App
from tests.run.applying import alembic, beside, execute, killed_at, reached, schema, wait

ACCEPT = ("--accept", "bbbb2", "--because", "the test says so")
ADD_SLUG = 'op.add_column("users", sa.Column("slug", sa.String(50)))'
FILL = (
    "bind = op.get_bind()",
    'rows = bind.execute(sa.text("SELECT id, name FROM users WHERE slug IS NULL ORDER BY id")).fetchall()',
    "for row in rows:",
    '    bind.execute(sa.text("UPDATE users SET slug = :slug WHERE id = :id"), '
    '{"slug": row.name.lower(), "id": row.id})',
)


@pytest.fixture
def mysql(mysql_url: str) -> Iterator[str]:
    """The same on MySQL alone, for what does not depend on the server."""
    yield mysql_url
    execute(mysql_url, "DROP DATABASE IF EXISTS zdmigrate")


@pytest.fixture
def mariadb(mariadb_url: str) -> Iterator[str]:
    """The same on MariaDB alone."""
    yield mariadb_url
    execute(mariadb_url, "DROP DATABASE IF EXISTS zdmigrate")


def begin(url: str, app: App, *upgrade: str, names: tuple[str, ...] = ("Ana", "Bob", "Cia"), head: str = "") -> None:
    """A database at aaaa1 with users; bbbb2 sends `upgrade`."""
    app.users(*upgrade, head=head)
    execute(
        url,
        "CREATE TABLE users (id INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, "
        "nick VARCHAR(50))",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
        "INSERT INTO alembic_version VALUES ('aaaa1')",
    )
    for name in names:
        execute(url, f"INSERT INTO users (name) VALUES ('{name}')")


MUCH = (
    # DDL in a loop over what the inspector finds, and only where it is missing
    "from sqlalchemy.orm import DeclarativeBase, Session",
    "bind = op.get_bind()",
    "for table in sorted(sa.inspect(bind).get_table_names()):",
    '    names = {column["name"] for column in sa.inspect(bind).get_columns(table)}',
    '    if table != "alembic_version" and "slug" not in names:',
    '        op.add_column(table, sa.Column("slug", sa.String(50)))',
    # rows put together in Python, with the ids the server gives
    'op.create_table("team", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("name", sa.String(20), unique=True))',
    'op.create_table("member", sa.Column("user_id", sa.Integer, primary_key=True), sa.Column("team_id", sa.Integer), '
    'sa.Column("note", sa.String(40)))',
    'team = sa.table("team", sa.column("id"), sa.column("name"))',
    'member = sa.table("member", sa.column("user_id"), sa.column("team_id"), sa.column("note"))',
    'users = bind.execute(sa.text("SELECT id, name FROM users ORDER BY id")).mappings().all()',
    "for letter in sorted({row['name'][0] for row in users}):",
    "    made = bind.execute(sa.insert(team).values(name=letter))",
    "    assert made.rowcount == 1",
    "    last = bind.execute(sa.text('SELECT LAST_INSERT_ID()')).scalar()",
    "    op.bulk_insert(member, [{'user_id': row['id'], 'team_id': last, 'note': '50% of \\'x\\''} "
    "for row in users if row['name'][0] == letter])",
    # what the server refuses is the revision's to catch
    "try:",
    "    with bind.begin_nested():",
    "        bind.execute(sa.insert(team).values(name='A'))",
    "except sa.exc.IntegrityError:",
    "    bind.execute(sa.insert(team).values(name='caught'))",
    "try:",
    "    op.add_column('users', sa.Column('nick', sa.Integer))",
    "except sa.exc.OperationalError as error:",
    "    assert error.orig.args[0] == 1060",
    # another connection of the same engine, whose end takes back nothing of this one
    "with bind.engine.connect() as other:",
    "    assert 'team' in sa.inspect(other).get_table_names()",
    # the ORM, executemany, a stream, a commit of its own, no transaction
    "class Base(DeclarativeBase): pass",
    "class User(Base):",
    "    __tablename__ = 'users'",
    "    id = sa.Column(sa.Integer, primary_key=True)",
    "    name = sa.Column(sa.String(50))",
    "    slug = sa.Column(sa.String(50))",
    "with Session(bind=bind) as session:",
    "    for user in session.scalars(sa.select(User).where(User.slug.is_(None))):",
    "        user.slug = user.name.lower()",
    "    session.flush()",
    "if users:",
    "    changed = bind.execute(sa.text('UPDATE users SET slug = :slug WHERE id = :id'), "
    "[{'slug': row['name'].upper(), 'id': row['id']} for row in users])",
    "    assert changed.rowcount == len(users)",
    "with op.get_context().autocommit_block():",
    "    op.create_index('by_slug', 'users', ['slug'])",
    "count = 0",
    "for row in bind.execution_options(stream_results=True).execute(sa.text('SELECT id FROM users')):",
    "    count += 1",
    "bind.execute(sa.text('INSERT INTO team (name) VALUES (:name)'), {'name': f'{count} users'})",
    "cursor = bind.connection.cursor()",
    "cursor.execute('INSERT INTO team (name) VALUES (%s)', ('by hand',))",
    "assert cursor.rowcount == 1 and cursor.lastrowid",
    "bind.execute(sa.text('UPDATE team SET name = \\'last\\' WHERE id = :id'), {'id': cursor.lastrowid})",
)


def contents(url: str) -> dict[str, object]:
    """The schema, and the rows of every table; AUTO_INCREMENT is not the same after a refused INSERT."""
    found: dict[str, object] = dict(schema(url))
    for name in ("users", "team", "member"):
        found[f"rows of {name}"] = execute(url, f"SELECT * FROM {name} ORDER BY 1")
    return found


def test_what_upgrade_does_is_what_alembic_would_have_done(url: str, app: App) -> None:
    begin(url, app, *MUCH, names=("Ana", "Bob", "Ada", "Cia"))
    with beside(url) as other:
        begin(other, app, *MUCH, names=("Ana", "Bob", "Ada", "Cia"))
        alembic(app.folder, other, "upgrade", "head")
        result = app.run("apply", "--url", url, "--yes", *ACCEPT)
        assert result.code == 0, (result.out, result.err)
        assert contents(url) == contents(other)
    assert "bbbb2 (head)" in alembic(app.folder, url, "current")
    assert "applied: bbbb2" in result.out


# --- killed, and gone on with

#: Loops of every kind: over rows its own UPDATE takes away, over rows that stay, guarded, and one that counts up.
LOOPS = (
    ADD_SLUG,
    *FILL,
    'op.create_table("team", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)), '
    'sa.Column("n", sa.Integer, server_default="0"))',
    'for row in bind.execute(sa.text("SELECT id, name FROM users ORDER BY id")).fetchall():',
    '    made = bind.execute(sa.text("INSERT INTO team (name) VALUES (:name)"), {"name": row.name}).lastrowid',
    '    bind.execute(sa.text("UPDATE team SET n = n + :more WHERE id = :id"), {"more": row.id, "id": made})',
    'op.create_table("member", sa.Column("user_id", sa.Integer, primary_key=True), sa.Column("x", sa.Integer))',
    'for row in bind.execute(sa.text("SELECT id FROM users WHERE NOT EXISTS "',
    '    "(SELECT 1 FROM member WHERE user_id = users.id) ORDER BY id")).fetchall():',
    '    bind.execute(sa.text("INSERT INTO member (user_id) VALUES (:id)"), {"id": row.id})',
)
SENT = 1 + 3 + 1 + 3 * 2 + 1 + 3


def all_points() -> list[str]:
    found = [f"{at}:bbbb2:{number}" for number in range(SENT) for at in ("begun", "sent", "done")]
    return [*found, *(f"{at}:bbbb2" for at in ("begun", "sent", "version"))]


def killed(url: str, app: App, point: str) -> None:
    """Let an `apply` die at `point`."""
    tool = killed_at(app.folder, url, point, accept=("bbbb2",))
    out, err = tool.communicate(timeout=120)
    assert tool.returncode == -signal.SIGKILL, (out, err)


def assert_looped(url: str) -> None:
    """All of LOOPS is done, once."""
    assert execute(url, "SELECT id, slug FROM users ORDER BY id") == [(1, "ana"), (2, "bob"), (3, "cia")]
    team = execute(url, "SELECT name, n FROM team ORDER BY id")  # an id of a rolled back INSERT is not given again
    assert team == [("Ana", 1), ("Bob", 2), ("Cia", 3)]
    assert execute(url, "SELECT user_id FROM member ORDER BY user_id") == [(1,), (2,), (3,)]
    assert execute(url, "SELECT version_num FROM alembic_version") == [("cccc3",)]
    assert execute(url, "SELECT state FROM zdmigrate.run") == [("done",)]
    items = execute(
        url, "SELECT COUNT(*), SUM(state = 'done') FROM zdmigrate.statement WHERE item REGEXP 'bbbb2:[0-9]'"
    )
    assert items == [(SENT, SENT)]


def _killed_then_run_again(url: str, app: App, point: str) -> None:
    begin(url, app, *LOOPS)
    app.revision("cccc3", 'op.add_column("users", sa.Column("last", sa.Integer))', down="bbbb2")
    killed(url, app, point)
    result = app.run("apply", "--url", url, "--yes")
    assert result.code == 0, (result.out, result.err)
    assert_looped(url)


@pytest.mark.parametrize("point", ["sent:bbbb2:0", "done:bbbb2:13"])
def test_a_kill_is_gone_on_from(mysql: str, app: App, point: str) -> None:
    _killed_then_run_again(mysql, app, point)


def test_a_kill_before_the_commit_is_gone_on_from(mariadb: str, app: App) -> None:
    _killed_then_run_again(mariadb, app, "sent:bbbb2:6")


@pytest.mark.soak
@pytest.mark.parametrize("point", all_points())
def test_a_kill_at_any_point_is_gone_on_from(url: str, app: App, point: str) -> None:
    _killed_then_run_again(url, app, point)


def test_a_connection_that_goes_away_is_made_again_with_its_settings(mariadb: str, app: App) -> None:
    lines = (
        "op.execute(\"SET @zd = 'x'\")",
        *LOOPS,
        "bind.execute(sa.text(\"UPDATE users SET slug = CONCAT(slug, @zd) WHERE id = 3 AND slug = 'cia'\"))",
    )
    begin(mariadb, app, *lines)
    tool = killed_at(app.folder, mariadb, "done:bbbb2:2", "SIGSTOP", accept=("bbbb2",))
    reached(tool, "done:bbbb2:2")
    number = execute(mariadb, "SELECT connection FROM zdmigrate.statement WHERE item = 'bbbb2:2'")[0][0]
    execute(mariadb, f"KILL {number}")
    tool.send_signal(signal.SIGCONT)
    out, err = tool.communicate(timeout=120)
    assert tool.returncode == 0, (out, err)
    assert execute(mariadb, "SELECT slug FROM users ORDER BY id") == [("ana",), ("bob",), ("ciax",)]
    assert execute(mariadb, "SELECT name, n FROM team ORDER BY id") == [("Ana", 1), ("Bob", 2), ("Cia", 3)]


# --- what is not sent


MANY = 'if op.get_bind().execute(sa.text("SELECT COUNT(*) FROM users")).scalar() > 2:'
#: What only real rows lead to: lines of upgrade(), and words of what is said.
NOT_SENT = {
    "a column that old code uses": (('    op.drop_column("users", "nick")',), "breaks the deployed code"),
    "no statement of SQL": (('    op.execute("FROBNICATE users")',), "cannot be judged (ZD901)"),
    "too many rows": (('    op.execute("UPDATE users SET nick = name WHERE nick IS NULL")',), "zdmigrate backfill"),
    "a copy of the table": (('    op.execute("ALTER TABLE users FORCE, ALGORITHM=COPY")',), "say --strategy direct"),
    "a table lock": (('    op.execute("LOCK TABLES users WRITE")',), "holds locks"),
    "a row lock": (('    op.get_bind().execute(sa.text("SELECT id FROM users FOR UPDATE"))',), "a lock ends with its"),
    "no binary log": (('    op.execute("SET SESSION sql_log_bin = 0")',), "what replicas get"),
    "an account": (('    op.execute("CREATE USER eve")',), "by hand"),
    "a temporary table": (('    op.execute("CREATE TEMPORARY TABLE t (id INT)")',), "make an ordinary one"),
    "a query that writes": (("    op.get_bind().execute(sa.text(\"SELECT 1 INTO OUTFILE 'x'\"))",), "a file"),
    "another connection": (
        ('    sa.create_engine("mysql+pymysql://root@127.0.0.1:1/x").connect()',),
        "wants more than its session",
    ),
    "a program": (('    __import__("os").system("true")',), "it starts a program"),
    "two statements": (('    op.execute("UPDATE users SET nick = 1 WHERE id = 0; DELETE FROM users")',), "by itself"),
}
#: One of each way it is found out; the others take minutes with the rest of the suite.
_OFTEN = ("a column that old code uses", "too many rows", "a row lock", "another connection")


@pytest.mark.parametrize(
    "what", [name if name in _OFTEN else pytest.param(name, marks=pytest.mark.soak) for name in NOT_SENT]
)
def test_what_only_rows_lead_to_is_judged_before_it_is_sent(
    mysql: str, app: App, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that the revision catches keeps the run from stopping."""
    lines, words = NOT_SENT[what]
    begin(mysql, app, MANY, "  try:", *(f"  {line}" for line in lines), "  except Exception:", "    pass")
    execute(mysql, "ANALYZE TABLE users")
    monkeypatch.setattr("zdmigrate.verdict.strategy.SMALL_ROWS", 1)
    before = schema(mysql)
    result = app.run("apply", "--url", mysql, "--yes", *ACCEPT)
    assert words in result.err, (result.out, result.err)
    assert result.code == (4 if what in ("another connection", "a program") else 6)
    assert "bbbb2_change.py:13" in result.err or result.code == 4
    assert schema(mysql) == before
    assert execute(mysql, "SELECT COUNT(*) FROM users WHERE nick IS NULL") == [(3,)]
    assert execute(mysql, "SELECT item FROM zdmigrate.statement WHERE item NOT LIKE '%query%'") == []
    assert execute(mysql, "SELECT state FROM zdmigrate.run") == [("aborted",)]


def test_few_rows_of_a_big_table_are_changed_and_many_are_not(mariadb: str, app: App) -> None:
    """By what the server says it would look at."""
    begin(
        mariadb, app, ADD_SLUG, "bind = op.get_bind()",
        "for row in bind.execute(sa.text('SELECT id FROM users WHERE id < 4')):",
        "    bind.execute(sa.text('UPDATE users SET slug = :slug WHERE id = :id'), {'slug': 'x', 'id': row.id})",
        "op.execute('UPDATE users SET slug = name WHERE slug IS NULL')",
    )  # fmt: skip
    execute(mariadb, "INSERT INTO users (name) SELECT seq FROM seq_1_to_150000", "ANALYZE TABLE users")
    result = app.run("apply", "--url", mariadb, "--yes", *ACCEPT)
    assert (result.code, "rows for it; one statement would lock every row" in result.err) == (5, True), result.err
    assert execute(mariadb, "SELECT id FROM users WHERE slug = 'x'") == [(1,), (2,), (3,)]
    direct = app.run("apply", "--url", mariadb, "--yes", "--strategy", "direct")
    assert direct.code == 5, "a run goes on as it was admitted"


def test_a_contract_that_the_plan_did_not_show_is_not_sent_whatever_is_accepted(url: str, app: App) -> None:
    lines = (
        'op.drop_column("users", "nick")',
        MANY,
        '    op.drop_column("users", "name")',
    )
    begin(url, app, *lines, head="# zdmigrate: phase contract")
    result = app.run("apply", "--url", url, "--yes", "--accept", "bbbb2:0", *ACCEPT)
    assert result.code == 5, (result.out, result.err)
    assert "it removes users.name, which the plan did not show" in result.err
    assert "of revision bbbb2 1 statement(s) are done" in result.err
    assert "next: zdmigrate apply" in result.err
    assert [row[0] for row in execute(url, "SHOW COLUMNS FROM users")] == ["id", "name"]
    execute(url, "DELETE FROM users WHERE name = 'Ana'")
    again = app.run("apply", "--url", url, "--yes")
    assert again.code == 0, (again.out, again.err)


def test_it_runs_only_when_it_is_accepted_and_a_dry_run_says_what_it_can(mysql: str, app: App) -> None:
    begin(mysql, app, ADD_SLUG, *FILL)
    refused = app.run("apply", "--url", mysql, "--yes")
    assert (refused.code, "--accept bbbb2 --because REASON" in refused.err) == (6, True), refused.err
    first = app.run("apply", "--url", mysql, "--yes", "--strategy", "replica-first", *ACCEPT)
    assert (first.code, "runs directly only" in first.err) == (6, True), first.err
    contract = app.run("apply", "--url", mysql, "--yes", "--phase", "contract", *ACCEPT)
    assert (contract.code, "bbbb2 is expand, not contract" in contract.err) == (6, True), contract.err
    dry = app.run("apply", "--url", mysql, "--dry-run", *ACCEPT)
    assert dry.code == 0
    assert "its statements are only known while it runs; each is judged before it is sent" in dry.out
    assert "as the replay saw it" in dry.out
    assert ("zdmigrate",) not in execute(mysql, "SHOW DATABASES")


SECRET = "s3cret of Zoe"


def test_no_value_of_a_row_is_written_down(mariadb: str, app: App, state_folder: Path) -> None:
    """Bound or put into the text, sent or refused by the server."""
    begin(
        mariadb, app, ADD_SLUG, "bind = op.get_bind()", 'op.create_unique_constraint("one", "users", ["slug"])',
        'for row in bind.execute(sa.text("SELECT id, name FROM users")).fetchall():',
        '    bind.execute(sa.text("UPDATE users SET slug = :it WHERE id = :id"), {"it": row.name + "1", "id": row.id})',
        '    op.execute(f"UPDATE users SET slug = \'{row.name}2\' WHERE id = {row.id}")',
        '    op.execute(f"SET @x = \'{row.name}\'")',
        'op.execute("UPDATE users SET slug = (SELECT * FROM (SELECT MAX(slug) FROM users) x)")',
        names=(SECRET, "Bob"),
    )  # fmt: skip
    result = app.run("apply", "--url", mariadb, "--yes", *ACCEPT)
    assert result.code == 5, (result.out, result.err)
    assert "1062 Duplicate entry '?' for key" in result.err
    journal = str(execute(mariadb, "SELECT * FROM zdmigrate.statement")) + str(
        execute(mariadb, "SELECT * FROM zdmigrate.step")
    )
    reports = [path.read_text() for path in state_folder.rglob("*") if path.suffix in (".json", ".html")]
    assert reports
    assert "UPDATE users SET slug = ? WHERE id = ?" in journal
    assert all("UPDATE users SET slug = ? WHERE id = ?" in report for report in reports)
    for text in (journal, result.out, result.err, *reports):
        assert SECRET not in text


# --- upgrade() runs again, and rows are not what they were


def test_rows_that_changed_meanwhile_get_what_upgrade_asks_for_now(mysql: str, app: App) -> None:
    begin(mysql, app, ADD_SLUG, *FILL)
    killed(mysql, app, "done:bbbb2:1")
    execute(mysql, "UPDATE users SET name = 'Bea' WHERE id = 2", "INSERT INTO users (name) VALUES ('Dan')")
    result = app.run("apply", "--url", mysql, "--yes")
    assert result.code == 0, result.err
    assert execute(mysql, "SELECT slug FROM users ORDER BY id") == [("ana",), ("bea",), ("cia",), ("dan",)]


def test_an_insert_that_might_be_one_too_many_is_left_to_a_person(mariadb: str, app: App) -> None:
    begin(
        mariadb, app,
        'op.create_table("team", sa.Column("k", sa.Integer, primary_key=True), sa.Column("n", sa.String(9)))',
        "bind = op.get_bind()", 'for row in bind.execute(sa.text("SELECT name FROM users ORDER BY id")).fetchall():',
        '    bind.execute(sa.text("INSERT INTO team (n) VALUES (:n)"), {"n": row.name})',
    )  # fmt: skip
    killed(mariadb, app, "done:bbbb2:2")
    execute(mariadb, "UPDATE users SET name = 'Bea' WHERE id = 2")
    result = app.run("apply", "--url", mariadb, "--yes")
    assert result.code == 5, (result.out, result.err)
    assert "had sent 1 INSERT(s) on team that upgrade() does not ask for again (bbbb2:2:" in result.err
    assert "zdmigrate abort --forget" in result.err
    assert execute(mariadb, "SELECT n FROM team") == [("Ana",), ("Bob",)]
    execute(mariadb, "UPDATE users SET name = 'Bob' WHERE id = 2")
    assert app.run("apply", "--url", mariadb, "--yes").code == 0
    assert execute(mariadb, "SELECT n FROM team") == [("Ana",), ("Bob",), ("Cia",)]


def test_another_file_is_not_what_was_admitted(mysql: str, app: App) -> None:
    begin(mysql, app, ADD_SLUG, *FILL)
    killed(mysql, app, "done:bbbb2:1")
    app.users(ADD_SLUG, *FILL, "pass")
    result = app.run("apply", "--url", mysql, "--yes")
    assert (result.code, "does not send any more" in result.err) == (5, True)
    app.users(ADD_SLUG, *FILL)
    assert app.run("apply", "--url", mysql, "--yes").code == 0


def test_what_comes_after_is_judged_anew_when_rows_made_another_schema(mariadb: str, app: App) -> None:
    begin(mariadb, app, MANY, '    op.add_column("users", sa.Column("many", sa.Integer))')
    app.revision("cccc3", 'op.add_column("users", sa.Column("last", sa.Integer))', down="bbbb2")
    result = app.run("apply", "--url", mariadb, "--yes", *ACCEPT)
    assert result.code == 4, (result.out, result.err)
    assert "the rows made another schema of bbbb2 than was foreseen" in result.err
    assert "applied are bbbb2" in result.err
    assert app.run("apply", "--url", mariadb, "--yes").code == 0
    assert [row[0] for row in execute(mariadb, "SHOW COLUMNS FROM users")][-2:] == ["many", "last"]


# --- upgrade() that fails, takes back, or is stopped


def test_what_upgrade_raises_ends_the_run_and_is_gone_on_from(mysql: str, app: App) -> None:
    begin(mysql, app, ADD_SLUG, MANY, '    raise RuntimeError("too many")')
    result = app.run("apply", "--url", mysql, "--yes", *ACCEPT)
    assert result.code == 5, (result.out, result.err)
    assert "ended with RuntimeError: too many (bbbb2_change.py:" in result.err
    execute(mysql, "DELETE FROM users WHERE id = 1")
    assert app.run("apply", "--url", mysql, "--yes").code == 0


def test_a_rollback_of_what_is_committed_is_said_to_be_impossible(mysql: str, app: App) -> None:
    begin(
        mysql, app, "bind = op.get_bind()", 'bind.execute(sa.text("SELECT id FROM users")).fetchall()',
        "nested = bind.begin_nested()", "op.execute(\"UPDATE users SET nick = 'x' WHERE nick IS NULL\")",
        "nested.rollback()",
    )  # fmt: skip
    result = app.run("apply", "--url", mysql, "--yes", "--accept", "bbbb2:1", *ACCEPT)
    assert (result.code, "rolls back 1 statement(s) that are committed" in result.err) == (5, True), result.err


def test_pause_and_ctrl_c_between_statements_and_while_upgrade_computes(mysql: str, app: App) -> None:
    begin(
        mysql, app, ADD_SLUG, *FILL, "while not bind.execute(sa.text('SELECT COUNT(*) FROM users')).scalar() < 3: pass"
    )
    tool = killed_at(app.folder, mysql, "done:bbbb2:1", "SIGSTOP", accept=("bbbb2",))
    reached(tool, "done:bbbb2:1")
    assert app.run("pause", "--url", mysql).code == 0
    assert "begun" not in app.run("status", "--url", mysql).out
    tool.send_signal(signal.SIGCONT)
    wait(lambda: execute(mysql, "SELECT COUNT(*) FROM users WHERE slug IS NOT NULL") == [(1,)], "it waits")
    assert app.run("resume", "--url", mysql).code == 0
    wait(lambda: execute(mysql, "SELECT COUNT(*) FROM users WHERE slug IS NOT NULL") == [(3,)], "it goes on")
    tool.send_signal(signal.SIGINT)
    _, err = tool.communicate(timeout=60)
    assert "interrupted; of revision bbbb2 4 statement(s) are done" in err
    execute(mysql, "DELETE FROM users WHERE id = 1")
    assert app.run("apply", "--url", mysql, "--yes").code == 0


def test_an_abort_between_statements_is_gone_on_from(mysql: str, app: App) -> None:
    begin(mysql, app, ADD_SLUG, *FILL)
    tool = killed_at(app.folder, mysql, "done:bbbb2:1", "SIGSTOP", accept=("bbbb2",))
    reached(tool, "done:bbbb2:1")
    assert app.run("abort", "--url", mysql).code == 0
    tool.send_signal(signal.SIGCONT)
    _, err = tool.communicate(timeout=60)
    assert "of revision bbbb2 2 statement(s) are done" in err
    assert execute(mysql, "SELECT slug FROM users ORDER BY id") == [("ana",), (None,), (None,)]
    result = app.run("apply", "--url", mysql, "--yes")
    assert result.code == 0, (result.out, result.err)
    assert execute(mysql, "SELECT slug FROM users ORDER BY id") == [("ana",), ("bob",), ("cia",)]
