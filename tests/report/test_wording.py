"""Sentences that the formats share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, ALLOW_NULL, BROKEN, CREATE_USERS, DROP_NICK, PARSELESS, App
from tests.fleets import mapping, written
from zdmigrate.gate import run_gate
from zdmigrate.report import wording
from zdmigrate.verdict.model import Verdict


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def test_plural() -> None:
    assert [wording.plural(count, "change") for count in (0, 1, 2)] == ["0 changes", "1 change", "2 changes"]


def test_the_summary(app: App) -> None:
    app.users(ADD_AGE, DROP_NICK, ALLOW_NULL, PARSELESS)
    plan = app.made()
    assert wording.summary(plan) == "1 revision, 4 changes: 1 safe, 1 conditional, 1 unknown, 1 unsafe"
    assert wording.summary(app.made(from_="bbbb2")) == "0 revisions, 0 changes: nothing to judge"


def test_what_old_code_is_taken_to_be(app: App) -> None:
    app.users(ADD_AGE)
    assert wording.old_code(app.made()) == "code written for the schema at aaaa1, assumed to map all of it"
    assert wording.old_code(app.made(from_="base")).startswith("code written for the schema at base")
    assert wording.old_code(app.made(from_=None)).startswith("each revision judged by itself")


@pytest.mark.parametrize(
    ("sql", "subject"),
    [
        ("ALTER TABLE users ADD COLUMN a INT", "add_column users.a"),
        ("ALTER TABLE users ADD COLUMN a INT, ADD COLUMN b INT", "alter_table users"),
        ("CREATE TABLE x (id INT PRIMARY KEY)", "create_table x"),
        ("CREATE VIEW v AS SELECT 1 AS one", "create_view v"),
        ("UPDATE users SET name = 'x'", "update users.name"),
        ("SET foreign_key_checks = 0", "set_variable"),
    ],
)
def test_subjects(app: App, sql: str, subject: str) -> None:
    app.users(f'op.execute("{sql}")')
    ((change,),) = [revision.changes for revision in app.made().revisions]
    assert wording.subject(change) == subject


def test_cost_names_who_waits(app: App) -> None:
    app.users(ADD_AGE, 'op.execute("ALTER TABLE users MODIFY id BIGINT NOT NULL")', 'op.execute("DELETE FROM users")')
    changes = app.made().revisions[0].changes
    assert [wording.cost(change) for change in changes] == ["INSTANT", "COPY, blocks writes", ""]


def test_headline_falls_back_to_the_file(app: App) -> None:
    path = app.users(ADD_AGE)
    assert wording.headline(app.made().revisions[0]) == "revision bbbb2"
    path.write_text(path.read_text().replace('"""revision bbbb2"""', '"""\nFirst line.\n\nMore.\n"""'))
    assert wording.headline(app.made().revisions[0]) == "First line."
    path.write_text(path.read_text().replace('"""\nFirst line.\n\nMore.\n"""', ""))
    assert wording.headline(app.made().revisions[0]) == "bbbb2_change"


@pytest.mark.parametrize(
    ("upgrade", "sentence"),
    [
        ([ADD_AGE], "Run 1 revision before the deploy."),
        ([DROP_NICK], "1 revision after the last old node is gone."),
        ([ALLOW_NULL], "Check the conditions first."),
        ([BROKEN], "Settle what is unknown first."),
        ([ADD_REQUIRED], "1 revision needs both sides of a deploy: `zdmigrate check` says how to split."),
        ([ADD_AGE, DROP_NICK], "1 revision needs both sides of a deploy: `zdmigrate check` says how to split."),
        (['op.execute("SELECT 1")'], "No revision depends on the deploy."),
    ],
)
def test_what_to_do_next_with_a_plan(app: App, upgrade: list[str], sentence: str) -> None:
    app.users(*upgrade)
    assert sentence in wording.next_step(app.made(), None)


def test_a_declared_contract_that_only_moves_data_any_more_is_for_after_the_deploy(app: App, tmp_path: Path) -> None:
    app.revision("aaaa1", CREATE_USERS, 'op.add_column("users", sa.Column("alias", sa.String(50)))')
    app.revision(
        "bbbb2",
        "bind = op.get_bind()",
        "for row in bind.execute(sa.text('SELECT id, nick FROM users')):",
        "    bind.execute(sa.text('UPDATE users SET alias = :a WHERE id = :id'), {'a': row.nick, 'id': row.id})",
        DROP_NICK,
        down="aaaa1",
        head="# zdmigrate: phase contract",
    )
    deployed = written(tmp_path / "2.json", mapping("2.0", users="id name"))
    result = app.run("plan", "--from", "aaaa1", "--deployed", deployed)
    assert "migrate (declared)" in result.out
    assert "1 revision after the last old node is gone." in result.out


def test_what_to_do_next_without_a_deployed_revision(app: App) -> None:
    app.users(ADD_AGE)
    assert "--from REV" in wording.next_step(app.made(from_=None), None)
    assert wording.next_step(app.made(from_="bbbb2"), None) == "Nothing is pending."


@pytest.mark.parametrize(
    ("upgrade", "words"),
    [
        ([ADD_REQUIRED], "Split the revisions"),
        ([DROP_NICK], "mark its revision `# zdmigrate: phase contract`"),
        ([BROKEN], "Give what is missing"),
        ([ALLOW_NULL], "Prove the conditions"),
    ],
)
def test_what_to_do_next_at_the_gate(app: App, upgrade: list[str], words: str) -> None:
    app.users(*upgrade)
    plan = app.made()
    assert words in wording.next_step(plan, run_gate(plan, fail_on=Verdict.CONDITIONAL))
