"""`zdmigrate prove`, as a person runs it, on real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, BROKEN, DROP_NICK, App
from tests.servers import Server

_MYSQL_TARGETS = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


@pytest.fixture
def options(any_sql_server: Server) -> list[str]:
    return ["--server", any_sql_server.url(), "--target", _MYSQL_TARGETS[any_sql_server.kind]]


def test_a_safe_revision_is_shown_to_hold(app: App, options: list[str]) -> None:
    app.users(ADD_AGE)
    result = app.run("prove", *options, "--from", "aaaa1")
    assert result.code == 0, result.out + result.err
    assert "rules: safe   run: held (" in result.out
    assert "1 change: 1 held." in result.out


def test_an_unsafe_revision_prints_the_failing_statement_and_exits_1(app: App, options: list[str]) -> None:
    app.users(ADD_AGE, ADD_REQUIRED)
    result = app.run("prove", *options, "--from", "aaaa1")
    assert result.code == 1
    assert "1364: Field 'qty' doesn't have a default value" in result.out
    assert "INSERT INTO `users`" in result.out


def test_the_json_has_both_verdicts(app: App, options: list[str]) -> None:
    app.users(ADD_AGE, DROP_NICK)
    document = app.run("prove", *options, "--from", "aaaa1", "--format", "json").json
    assert document["schema_version"] == 1
    assert document["exit_code"] == 1
    first, second = document["revisions"][0]["changes"]
    assert (first["static"]["verdict"], first["execution"]["result"]) == ("safe", "held")
    assert (second["static"]["verdict"], second["execution"]["result"]) == ("unsafe", "broke")
    assert second["execution"]["broken"]["errno"] == 1054
    assert second["execution"]["broken"]["sql"].startswith("SELECT")


def test_a_declared_contract_may_break_old_code(app: App, options: list[str]) -> None:
    app.users(DROP_NICK, head="# zdmigrate: phase contract")
    result = app.run("prove", *options, "--from", "aaaa1")
    assert result.code == 0, result.out
    assert "declared contract" in result.out
    assert "run: broke (" in result.out


def test_what_holds_stays_conditional(app: App, options: list[str]) -> None:
    app.users('op.execute("ALTER TABLE users MODIFY name VARCHAR(50) NULL")')
    result = app.run("prove", *options, "--from", "aaaa1")
    assert result.code == 0
    assert "stays conditional: " in result.out


def test_what_cannot_be_run_exits_3(app: App, options: list[str]) -> None:
    app.users('op.execute("CREATE DATABASE elsewhere")')
    result = app.run("prove", *options, "--from", "aaaa1")
    assert result.code in (1, 3)
    assert "not run (it is about a whole database" in result.out
    app.users(BROKEN)
    assert app.run("prove", *options, "--from", "aaaa1").code == 3


def test_without_a_deployed_revision_each_is_proved_by_itself(app: App, options: list[str]) -> None:
    app.users(DROP_NICK)
    app.revision("cccc3", ADD_AGE, down="bbbb2")
    result = app.run("prove", "cccc3", *options)
    assert result.code == 0, result.out
    assert "bbbb2" not in result.out


def test_a_revision_that_is_not_pending(app: App, options: list[str]) -> None:
    app.users(ADD_AGE)
    result = app.run("prove", "ffff", *options)
    assert result.code == 2
    assert "ffff is not a pending revision; pending: aaaa1, bbbb2" in result.err


def test_a_server_that_does_not_answer(app: App) -> None:
    app.users(ADD_AGE)
    result = app.run("prove", "--server", "mysql+pymysql://root:word@127.0.0.1:1/")
    assert result.code == 2
    assert "cannot be used" in result.err
    assert "word" not in result.err


def test_triggers_views_partitions_and_keys_are_built_from_the_catalog(app: App, options: list[str]) -> None:
    app.revision(
        "aaaa1",
        "op.execute(\"CREATE TABLE p (id INT PRIMARY KEY, n VARCHAR(20) NOT NULL DEFAULT 'it''s')\")",
        'op.execute("CREATE TABLE c (id INT PRIMARY KEY, p_id INT, d DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3), '
        'CONSTRAINT fk FOREIGN KEY (p_id) REFERENCES p (id) ON DELETE CASCADE, CHECK (id > -5))")',
        'op.execute("CREATE TABLE h (id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2")',
        'op.execute("CREATE VIEW v AS SELECT id FROM p")',
        'op.execute("CREATE TRIGGER tr BEFORE INSERT ON p FOR EACH ROW SET NEW.n = UPPER(NEW.n)")',
    )
    app.revision("bbbb2", 'op.execute("ALTER TABLE p ADD x INT")', down="aaaa1")
    result = app.run("prove", *options, "--from", "aaaa1")
    assert result.code == 0, result.out + result.err
    assert "held (" in result.out
