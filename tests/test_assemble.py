"""Putting a plan together: which history, which revisions, which starting schema, and input that cannot be used."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.apps import ADD_AGE, BROKEN, CREATE_USERS, DROP_NICK, App, assert_one_sentence


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _pending(app: App, *arguments: str) -> list[str]:
    return [item["revision"] for item in app.plan(*arguments)["revisions"]]


def _line(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    app.revision("dddd4", 'op.create_index("ix", "users", ["name"])', down="cccc3")


def test_from_and_to_bound_what_is_judged(app: App) -> None:
    _line(app)
    assert _pending(app) == ["aaaa1", "bbbb2", "cccc3", "dddd4"]
    assert _pending(app, "--from", "bbbb2") == ["cccc3", "dddd4"]
    assert _pending(app, "--to", "cccc3") == ["aaaa1", "bbbb2", "cccc3"]
    assert _pending(app, "--from", "aaaa1", "--to", "cccc3") == ["bbbb2", "cccc3"]
    assert _pending(app, "--from", "dddd4") == []
    assert _pending(app, "--from", "head") == []
    assert _pending(app, "--from", "base") == ["aaaa1", "bbbb2", "cccc3", "dddd4"]
    assert _pending(app, "--from", "bbbb") == ["cccc3", "dddd4"], "the beginning of an id will do"
    assert _pending(app, "--from", " bbbb2 , ") == ["cccc3", "dddd4"]


def test_since_a_revision_judges_what_comes_after(app: App) -> None:
    _line(app)
    assert app.run("check", "--since", "bbbb2").code == 1
    assert app.run("check", "--since", "cccc3").code == 0


def test_since_a_commit_judges_the_files_it_does_not_hold(app: App) -> None:
    app.users(ADD_AGE)
    app.commit("v1")
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    result = app.run("check", "--since", "git:v1", "--format", "json")
    assert result.code == 1
    assert [item["revision"] for item in result.json["revisions"]] == ["cccc3"]
    assert result.json["deployed"] == ["bbbb2"]
    app.commit("v2")
    assert app.run("check", "--since", "git:v2").code == 0


def test_since_a_commit_from_before_the_history_judges_all_of_it(app: App) -> None:
    (app.folder / "README").write_text("x")
    app.commit("v0")
    app.users(DROP_NICK)
    result = app.run("check", "--since", "git:v0", "--format", "json")
    assert [item["revision"] for item in result.json["revisions"]] == ["aaaa1", "bbbb2"]
    assert result.code == 0, "nothing is deployed, so nothing is lost"
    assert result.json["deployed"] == ["base"]


def test_since_a_commit_on_another_branch_of_revisions(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", 'op.create_table("left", sa.Column("id", sa.Integer, primary_key=True))', down="bbbb2")
    app.commit("v1")
    app.revision("dddd4", 'op.create_table("right", sa.Column("id", sa.Integer, primary_key=True))', down="bbbb2")
    result = app.run("check", "--since", "git:v1", "--format", "json")
    assert [item["revision"] for item in result.json["revisions"]] == ["dddd4"]


def test_several_heads_are_all_judged(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", DROP_NICK, down="aaaa1")
    document = app.plan("--from", "aaaa1")
    assert {item["revision"] for item in document["revisions"]} == {"bbbb2", "cccc3"}
    assert _pending(app, "--from", "bbbb2") == ["cccc3"]
    assert _pending(app, "--from", "bbbb2,cccc3") == []
    assert _pending(app, "--from", "aaaa1", "--to", "bbbb2") == ["bbbb2"]


def test_a_merge_names_both_parents(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", "pass", down="aaaa1")
    app.revision("dddd4", "pass", down=("bbbb2", "cccc3"))
    document = app.plan("--from", "aaaa1")
    assert document["revisions"][-1]["down_revision"] == ["bbbb2", "cccc3"]


def test_a_downgrade_that_destroys_is_pointed_out(app: App) -> None:
    app.users(ADD_AGE, downgrade='op.drop_column("users", "age")')
    assert app.check().code == 0
    result = app.check("--downgrade", "--format", "json")
    assert result.code == 1
    (change,) = result.json["revisions"][0]["changes"]
    assert (change["kind"], change["column"]) == ("drop_column", "age")
    assert "gone for good" in change["findings"][0]["reason"]


def test_a_downgrade_that_does_nothing_passes(app: App) -> None:
    app.users(ADD_AGE)
    assert app.check("--downgrade").code == 0


def test_a_dump_is_the_schema_of_the_deployed_revision(app: App) -> None:
    Path("dump.sql").write_text("CREATE TABLE users (id INT PRIMARY KEY, nick VARCHAR(9));\n")
    app.revision("aaaa1", BROKEN)
    app.revision("bbbb2", DROP_NICK, down="aaaa1")
    document = app.plan("--from", "aaaa1", "--schema", "dump.sql")
    assert document["warnings"] == []
    assert document["revisions"][0]["changes"][0]["verdict"] == "unsafe"


def test_metadata_is_the_schema_the_history_begins_with(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(app.folder))
    (app.folder / "shop_models_first.py").write_text(
        "import sqlalchemy as sa\nmetadata = sa.MetaData()\n"
        'sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("nick", sa.String(9)))\n'
    )
    app.revision("aaaa1", DROP_NICK)
    document = app.plan("--metadata", "shop_models_first:metadata")
    assert document["revisions"][0]["verdict"] == "unsafe"
    sys.modules.pop("shop_models_first", None)


def test_the_naming_convention_of_the_metadata_setting_names_constraints(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(app.folder))
    monkeypatch.setenv("ZDMIGRATE_METADATA", "shop_models_named:metadata")
    (app.folder / "shop_models_named.py").write_text(
        'import sqlalchemy as sa\nmetadata = sa.MetaData(naming_convention={"uq": "unique_%(table_name)s"})\n'
        'sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
    )
    app.revision("aaaa1", CREATE_USERS)
    app.revision("bbbb2", 'op.create_unique_constraint(None, "users", ["name"])', down="aaaa1")
    changes = app.plan()["revisions"][1]["changes"]
    assert [item["sql"] for item in changes] == ["ALTER TABLE users ADD CONSTRAINT unique_users UNIQUE (name)"]
    sys.modules.pop("shop_models_named", None)


def test_with_stand_ins_a_naming_convention_out_of_reach_is_a_warning(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZDMIGRATE_METADATA", "nobody_has_these_models:metadata")
    app.revision("aaaa1", CREATE_USERS)
    assert "nobody_has_these_models" in app.plan("--stub-imports")["warnings"][0]


def test_the_target_decides_the_cost(app: App) -> None:
    app.users(ADD_AGE)
    old, new = (
        app.plan("--from", "aaaa1", "--target", target)["revisions"][0]["changes"][0]["cost"]
        for target in ("mysql:5.7", "mysql:8.4")
    )
    assert (old["algorithm"], new["algorithm"]) == ("INPLACE", "INSTANT")
    assert app.plan("--target", "mariadb:10.11")["target"] == {"flavour": "mariadb", "version": "10.11"}
    assert app.plan()["target"] == {"flavour": "mysql", "version": "8.4"}


def test_a_deployed_revision_that_cannot_be_replayed_is_a_warning(app: App) -> None:
    app.revision("aaaa1", CREATE_USERS, BROKEN)
    app.revision("bbbb2", ADD_AGE, down="aaaa1")
    (warning,) = app.plan("--from", "aaaa1")["warnings"]
    assert warning.startswith("1 deployed revision could not be replayed (first aaaa1: ")
    assert "--schema or --url" in warning


def test_a_history_without_alembic_ini_is_named_by_its_folders(app: App) -> None:
    app.users(ADD_AGE)
    Path("alembic.ini").unlink()
    assert _pending(app, "--script-location", "migrations") == ["aaaa1", "bbbb2"]
    more = app.folder / "more"
    more.mkdir()
    app.revision("cccc3", "pass", down="bbbb2").rename(more / "cccc3.py")
    arguments = ["--script-location", "migrations", "--version-location", "migrations/versions"]
    assert _pending(app, *arguments) == ["aaaa1", "bbbb2"]
    assert _pending(app, *arguments, "--version-location", "more") == ["aaaa1", "bbbb2", "cccc3"]


def test_missing_modules_need_stand_ins(app: App) -> None:
    app.users("from no_such_app import thing", "thing()", ADD_AGE)
    result = app.check("--format", "json")
    assert result.code == 3
    assert result.json["revisions"][0]["replay_error"]["kind"] == "import_failed"
    stubbed = app.check("--stub-imports", "--format", "json")
    assert [item["kind"] for item in stubbed.json["revisions"][0]["changes"]] == ["add_column"]


def test_an_operation_of_a_plugin_is_imported_first(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(app.folder))
    (app.folder / "shop_operations.py").write_text(
        "from alembic.operations import MigrateOperation, Operations\n"
        '@Operations.register_operation("say_hello")\n'
        "class SayHello(MigrateOperation):\n"
        "    @classmethod\n"
        "    def say_hello(cls, operations):\n"
        "        return operations.invoke(cls())\n"
        "@Operations.implementation_for(SayHello)\n"
        "def run(operations, operation):\n"
        '    operations.execute("CREATE TABLE hello (id INT PRIMARY KEY)")\n'
    )
    app.users("op.say_hello()")
    assert app.check().code == 3
    document = app.plan("--from", "aaaa1", "--import", "shop_operations")
    assert document["revisions"][0]["changes"][0]["table"] == "hello"


# Input that cannot be used: one clear sentence each, exit 2.


def test_no_history(app: App) -> None:
    Path("alembic.ini").unlink()
    assert_one_sentence(app.run("check"), "there is no alembic.ini here", "-c", "--script-location")


def test_a_history_without_revisions(app: App) -> None:
    assert_one_sentence(app.run("check"), "there are no revisions in")


def test_a_script_location_that_is_not_there(app: App) -> None:
    assert_one_sentence(
        app.run("check", "--script-location", "nope"), "script_location = nope: there is no such folder"
    )


@pytest.mark.parametrize("option", ["--from", "--to", "--since"])
def test_an_unknown_revision(app: App, option: str) -> None:
    _line(app)
    assert_one_sentence(app.run("check", option, "zzzz9"), "'zzzz9' is no revision of")


@pytest.mark.parametrize("option", ["--from", "--to", "--since", "--url", "--target", "--metadata"])
def test_an_option_that_is_empty_is_not_taken_for_left_out(app: App, option: str) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.run("check", option, ""), f"{option} is empty")


def test_an_ambiguous_revision(app: App) -> None:
    app.revision("abcd1", CREATE_USERS)
    app.revision("abcd2", ADD_AGE, down="abcd1")
    assert_one_sentence(app.run("check", "--from", "abcd"), "abcd")


def test_a_parent_that_does_not_exist(app: App) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", "pass", down="zzzz9")
    assert_one_sentence(app.run("check"), "revision cccc3 comes after zzzz9, which does not exist")


def test_a_cycle(app: App) -> None:
    app.revision("aaaa1", CREATE_USERS, down="bbbb2")
    app.revision("bbbb2", ADD_AGE, down="aaaa1")
    assert_one_sentence(app.run("check"), "cycle")


def test_two_files_of_one_revision(app: App) -> None:
    path = app.users(ADD_AGE)
    path.with_name("copy.py").write_text(path.read_text())
    assert_one_sentence(app.run("check"), "two files are revision bbbb2")


def test_from_and_since_at_once(app: App) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.check("--since", "aaaa1"), "--from and --since both say where to begin")


@pytest.mark.parametrize("target", ["oracle", "mysql", "mysql:", "mysql:new", "sqlite:3"])
def test_a_target_that_is_none(app: App, target: str) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.check("--target", target), f"{target!r} is not a flavour: write mysql:VERSION")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot read schema"), (b"{", "no SQL statement"), (b"\xff\xfe\x00", "cannot read schema"), (b"", "dump")],
)
def test_a_dump_that_is_none(app: App, content: bytes | None, words: str) -> None:
    app.users(ADD_AGE)
    if content is not None:
        Path("dump.sql").write_bytes(content)
    assert_one_sentence(app.check("--schema", "dump.sql"), "dump", words)


def test_metadata_or_a_plugin_that_cannot_be_imported(app: App) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.check("--metadata", "no_such.models:Base"), "--metadata no_such.models:Base", "no_such")
    assert_one_sentence(app.check("--import", "no_such.ops"), "--import no_such.ops")


def test_a_file_that_is_the_only_one_and_broken(app: App) -> None:
    (app.versions / "broken.py").write_text("def (")
    assert_one_sentence(app.run("check"), "broken.py", "is not valid Python (line 1)")


def test_a_broken_file_among_good_ones_is_unknown(app: App) -> None:
    path = app.users(ADD_AGE)
    path.write_text(path.read_text() + "\n\ndef (\n")
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    result = app.run("check", "--from", "aaaa1", "--to", "bbbb2", "--format", "json")
    assert result.code == 3
    (revision,) = result.json["revisions"]
    assert revision["verdict"] == "unknown"
    assert revision["replay_error"]["kind"] == "broken_file"
    assert revision["replay_error"]["path"] == "migrations/versions/bbbb2_change.py"
