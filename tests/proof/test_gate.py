"""`check --prove`: execution may make a verdict worse, never better. gate.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps import ADD_AGE, DROP_NICK, App, assert_one_sentence
from tests.servers import Server
from zdmigrate.proof.prove import prove_plan

#: What the rules call conditional, and the gate lets pass: whether old code notices, the server shows.
SPOILED = "op.execute(\"CREATE TRIGGER g BEFORE INSERT ON users FOR EACH ROW SET NEW.nick = 'forced'\")"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


@pytest.fixture
def options(mariadb_server: Server) -> list[str]:
    return ["--prove", "--server", mariadb_server.url(), "--target", "mariadb:10.11"]


def test_what_rules_and_server_call_safe_passes(app: App, options: list[str]) -> None:
    app.users(ADD_AGE)
    result = app.check(*options)
    assert result.code == 0, result.out + result.err
    assert "run: held (" in result.out
    assert "PASSED" in result.out


def test_what_breaks_on_the_server_fails_though_the_rules_let_it_pass(app: App, options: list[str]) -> None:
    path = app.users(SPOILED)
    assert app.check(*options[3:]).code == 0
    result = app.check(*options)
    assert result.code == 1
    assert "run on a server, old code broke (" in result.out
    assert f"{path.name}:" in result.out
    assert "FAILED" in result.out


def test_the_json_has_gate_and_proof(app: App, options: list[str]) -> None:
    app.users(SPOILED)
    document = app.check(*options, "--format", "json").json
    assert document["gate"]["exit_code"] == 1
    assert document["gate"]["obstacles"][-1]["kind"] == "broke"
    assert document["proof"]["revisions"][0]["changes"][0]["execution"]["result"] == "broke"


@pytest.mark.parametrize("format_", ["github", "sarif", "markdown"])
def test_every_format_names_the_obstacle(app: App, options: list[str], format_: str) -> None:
    app.users(SPOILED)
    result = app.check(*options, "--format", format_)
    assert result.code == 1
    assert "run on a server, old code broke (" in result.out


def test_execution_never_makes_a_verdict_better(app: App, options: list[str]) -> None:
    app.users('op.execute("ALTER TABLE users MODIFY name VARCHAR(50) NULL")')
    assert app.check(*options).code == 0
    assert app.check(*options, "--fail-on", "conditional").code == 1


def test_what_is_unsafe_by_the_rules_is_not_told_twice(app: App, options: list[str]) -> None:
    app.users(DROP_NICK)
    document = app.check(*options, "--format", "json").json
    assert [item["kind"] for item in document["gate"]["obstacles"]] == ["unsafe"]


def test_a_declared_contract_and_a_waiver_are_accepted(app: App, options: list[str]) -> None:
    app.users(DROP_NICK, head="# zdmigrate: phase contract")
    assert app.check(*options).code == 0
    app.users(DROP_NICK + "  # zdmigrate: allow ZD205 until 2199-01-01 owner=ana because nobody reads it")
    plain = app.check(*options[3:])
    result = app.check(*options)
    assert (plain.code, result.code) == (0, 0), plain.out + result.out
    assert "run: broke (" in result.out


def test_what_was_not_run_is_unknown(app: App, options: list[str]) -> None:
    app.users('op.execute("ALTER TABLE users ADD gone INT AS (no + 1)")')
    document = app.check(*options, "--format", "json").json
    assert document["gate"]["exit_code"] in (1, 3)
    assert any("1054" in item["message"] for item in document["gate"]["obstacles"])


def test_a_workload_belongs_to_old_code_here_too(app: App, options: list[str]) -> None:
    Path("old.sql").write_text("SELECT id FROM v")
    app.revision(
        "aaaa1",
        'op.execute("CREATE TABLE users (id INT PRIMARY KEY)")',
        'op.execute("CREATE VIEW v AS SELECT id FROM users")',
    )
    app.revision("bbbb2", 'op.execute("CREATE OR REPLACE VIEW v AS SELECT id AS number_ FROM users")', down="aaaa1")
    result = app.check(*options, "--workload", "old.sql")
    assert result.code == 1
    assert "old.sql:1: 1054" in result.out


def test_options_of_proofs_need_the_proof(app: App) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.check("--workload", "old.sql"), "are for --prove")


def test_the_plan_is_what_was_judged(app: App, mysql_server: Server) -> None:
    app.users(ADD_AGE)
    plan = app.made(target="mysql:9.7")
    assert prove_plan(plan, mysql_server.url()).plan is plan
