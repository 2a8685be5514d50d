"""`zdmigrate.backfill.backfill` in a migration: in the plan, in offline SQL, and under plain Alembic."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config

from tests.apps import CREATE_USERS, App
from zdmigrate.run.errors import NeedsPersonError, RefusedError

_ENV = """
import os
from alembic import context
from sqlalchemy import create_engine

def run():
    if context.is_offline_mode():
        context.configure(dialect_name="mysql", dialect_opts={"paramstyle": "named"})
        with context.begin_transaction():
            context.run_migrations()
        return
    with create_engine(os.environ["APP_URL"]).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()

run()
"""
_STATEMENT = "UPDATE users SET nick = CONCAT('100%: ', name) WHERE nick IS NULL"
_FILL = f"""from zdmigrate.backfill import Limits, backfill
    backfill(op, "{_STATEMENT}", table="users", limits=Limits(running=1000, rows=300, patience=20))"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    made = App(tmp_path, monkeypatch)
    (made.folder / "migrations" / "env.py").write_text(_ENV)
    (made.folder / "migrations" / "script.py.mako").write_text("")
    made.revision("a1", CREATE_USERS)
    return made


def config(app: App) -> Config:
    return Config(str(app.folder / "alembic.ini"), output_buffer=io.StringIO())


def test_the_plan_sees_one_statement_that_moves_data(app: App) -> None:
    app.revision("b2", _FILL, down="a1")
    result = app.run("plan", "--format", "json", "--from", "a1")
    (change,) = result.json["revisions"][0]["changes"]
    assert change["sql"] == _STATEMENT
    assert (change["phase"], change["strategy"], change["line"]) == ("migrate", "batches", 12)
    assert result.json["revisions"][0]["replay_error"] is None


def test_the_plan_says_what_cannot_be_cut(app: App) -> None:
    app.revision("b2", _FILL.replace(" WHERE nick IS NULL", " LIMIT 5"), down="a1")
    error = app.run("plan", "--format", "json", "--from", "a1").json["revisions"][0]["replay_error"]
    assert "it has LIMIT" in error["message"]


def test_offline_sql_holds_the_statement(app: App) -> None:
    app.revision("b2", _FILL, down="a1")
    made = config(app)
    command.upgrade(made, "head", sql=True)
    assert isinstance(made.output_buffer, io.StringIO)
    assert _STATEMENT in made.output_buffer.getvalue().replace("%%", "%")


def test_plain_alembic_runs_it_in_batches(app: App, any_sql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_URL", any_sql_url)
    command.upgrade(config(app), "head")
    before = 'op.execute("UPDATE users SET name = LOWER(name)")\n    timeout = op.get_bind().exec_driver_sql('
    before += '"SELECT @@innodb_lock_wait_timeout").scalar()\n    '
    after = '\n    assert op.get_bind().exec_driver_sql("SELECT @@innodb_lock_wait_timeout").scalar() == timeout'
    app.revision("b2", before + _FILL + after, down="a1")
    with connected(any_sql_url) as connection:
        connection.exec_driver_sql("INSERT INTO users (name) VALUES ('A')")
        for _ in range(10):
            connection.exec_driver_sql("INSERT INTO users (name) SELECT CONCAT(name, 'b') FROM users")
        command.upgrade(config(app), "head")
        rows = connection.exec_driver_sql("SELECT COUNT(*) FROM users WHERE nick = CONCAT('100%%: ', name)").scalar()
        assert rows == 1024
        found = connection.exec_driver_sql(
            "SELECT state, batches, changed, rows_left FROM zdmigrate.backfill WHERE db = DATABASE()"
        ).one()
        assert tuple(found) == ("done", 4, 1024, 0)
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "b2"


def test_a_migration_that_was_stopped_is_run_again(app: App, any_sql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_URL", any_sql_url)
    command.upgrade(config(app), "head")
    app.revision("b2", _FILL.replace("nick IS NULL", "nick IS NULL AND name <> ''"), down="a1")
    with connected(any_sql_url) as connection:
        connection.exec_driver_sql("INSERT INTO users (name) VALUES ('a')")
        for _ in range(10):
            connection.exec_driver_sql("INSERT INTO users (name) SELECT name FROM users")
        connection.exec_driver_sql(
            "UPDATE users SET name = REPEAT('x', 50) ORDER BY id DESC LIMIT 1"
        )  # too long a nick
        with pytest.raises(NeedsPersonError, match=r"1406.*nothing is half done.*\n.*run the migration again"):
            command.upgrade(config(app), "head")
        assert 0 < connection.exec_driver_sql("SELECT COUNT(*) FROM users WHERE nick IS NOT NULL").scalar_one() < 1024
        connection.exec_driver_sql("UPDATE users SET name = 'short' ORDER BY id DESC LIMIT 1")
        command.upgrade(config(app), "head")
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM users WHERE nick IS NOT NULL").scalar() == 1024


@pytest.mark.parametrize(
    ("statement", "table", "why"),
    [
        ("UPDATE users SET nick = name", "people", "changes users, and the migration says people"),
        ("UPDATE users SET nick = CONCAT(nick, 'x')", "users", "from its own value"),
        ("UPDATE users SET id = id + 1, nick = name", "users", "from its own value"),
        ("INSERT INTO users (name) VALUES (1)", "users", "only UPDATE and DELETE"),
    ],
)
def test_what_it_refuses(
    app: App, mariadb_url: str, monkeypatch: pytest.MonkeyPatch, statement: str, table: str, why: str
) -> None:
    monkeypatch.setenv("APP_URL", mariadb_url)
    body = f'from zdmigrate.backfill import backfill\n    backfill(op, "{statement}", table="{table}")'
    app.revision("b2", body, down="a1")
    with pytest.raises(RefusedError, match=why):
        command.upgrade(config(app), "head")


@contextlib.contextmanager
def connected(url: str) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()
