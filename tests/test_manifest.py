"""Manifests: made from MetaData, read back, found in files and git commits, and what they prove."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from tests.apps import ADD_AGE, DROP_NICK, App, assert_one_sentence
from zdmigrate.errors import UsageError
from zdmigrate.manifest import git, manifest_of, revisions_at
from zdsession.manifest import Manifest, MappedColumn

FILE = "zdmigrate-manifest.json"
MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
users = sa.Table("users", metadata, sa.Column("id", sa.Integer, primary_key=True), {columns})
"""
NAME = 'sa.Column("name", sa.String(50), nullable=False)'
NICK = 'sa.Column("nick", sa.String(50))'


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    # Processes that the command starts import the app from their own current directory, as a person's would.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent.parent)]))
    return App(tmp_path, monkeypatch)


def _models(app: App, *columns: str, name: str = "models") -> str:
    (app.folder / f"{name}.py").write_text(MODELS.format(columns=", ".join(columns)))
    return f"{name}:metadata"


def _write_manifest(app: App, *columns: str, output: str = FILE, version: str = "2.4.1") -> None:
    """`zdmigrate manifest` in a process of its own, so that each test imports its own models."""
    _models(app, *columns)
    process = app.process("manifest", "--metadata", "models:metadata", "--app-version", version, "--output", output)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith(f"{output}: 1 tables, version {version}, ") or output == "-"


def test_every_part_of_a_mapping_is_kept() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False, server_default="x"),
        sa.Column("nick", sa.String(50)),
        sa.Column("made", sa.DateTime, server_default=sa.text("CURRENT_TIMESTAMP")),
        sa.Column("state", sa.Enum("new", "done"), default="new", nullable=False),
        sa.Column("marks", mysql.SET("a", "b")),
        sa.Column("twice", sa.Integer, sa.Computed("id * 2")),
    )
    sa.Table("events", metadata, sa.Column("at", mysql.DATETIME(fsp=6)), schema="audit")
    manifest = manifest_of(metadata, version="1.0", heads=("b", "a"))
    assert (manifest.version, manifest.heads) == ("1.0", ("a", "b"))
    assert list(manifest.tables) == ["audit.events", "users"]
    assert manifest.tables["audit.events"].columns == {"at": MappedColumn("DATETIME(6)")}
    assert manifest.tables["users"].columns == {
        "id": MappedColumn("INTEGER", nullable=False, primary_key=True, autoincrement=True),
        "name": MappedColumn("VARCHAR(50)", nullable=False, server_default="x"),
        "nick": MappedColumn("VARCHAR(50)"),
        "made": MappedColumn("DATETIME", server_default="CURRENT_TIMESTAMP"),
        "state": MappedColumn("ENUM('new','done')", nullable=False, client_default=True, members=("new", "done")),
        "marks": MappedColumn("SET('a','b')", members=("a", "b")),
        "twice": MappedColumn("INTEGER", generated=True),
    }


def test_a_manifest_survives_its_file(tmp_path: Path) -> None:
    metadata = sa.MetaData()
    sa.Table("naïve", metadata, sa.Column("id", sa.Integer, primary_key=True))
    made = manifest_of(metadata, version="1.0 — β", heads=("a",))
    path = tmp_path / "m.json"
    path.write_bytes(made.to_json())
    assert Manifest.read(path) == made
    assert Manifest.read(path).digest == made.digest


def test_the_command_writes_what_is_read_back(app: App) -> None:
    app.users("pass")
    _write_manifest(app, NAME, NICK)
    manifest = Manifest.read(Path(FILE))
    assert (manifest.version, manifest.heads) == ("2.4.1", ("bbbb2",))
    assert list(manifest.tables["users"].columns) == ["id", "name", "nick"]


def test_the_command_writes_clean_json_to_standard_output(app: App) -> None:
    app.users("pass")
    _models(app, NAME)
    app.commit("v1")
    process = app.process("manifest", "--metadata", "models:metadata", "--output", "-", "--heads", "x,y")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    manifest = Manifest.from_json(out.encode(), origin="stdout")
    assert (manifest.version, manifest.heads) == ("v1", ("x", "y"))


def test_a_drop_that_no_manifest_maps_is_safe_and_quotes_the_proof(app: App) -> None:
    app.users(DROP_NICK)
    _write_manifest(app, NAME)
    result = app.check("--deployed", FILE, "--format", "json")
    assert result.code == 0
    (change,) = result.json["revisions"][0]["changes"]
    assert change["verdict"] == "safe"
    assert "manifest 2.4.1 (" in change["findings"][0]["evidence"]
    assert "maps users(id, name), not nick" in change["findings"][0]["evidence"]
    digest = Manifest.read(Path(FILE)).digest
    assert result.json["manifests"] == [{"version": "2.4.1", "digest": digest}]


def test_every_manifest_must_agree(app: App) -> None:
    app.users(DROP_NICK)
    _write_manifest(app, NAME, output="new.json", version="2")
    _write_manifest(app, NAME, NICK, output="old.json", version="1")
    assert app.check("--deployed", "new.json").code == 0
    assert app.check("--deployed", "new.json", "--deployed", "old.json").code == 1
    app.settings("deployed = new.json, old.json")
    assert app.check().code == 1


def test_the_manifest_of_a_commit(app: App) -> None:
    app.users(DROP_NICK)
    _write_manifest(app, NAME, NICK)
    app.commit("v1")
    _write_manifest(app, NAME)
    app.commit("v2")
    assert app.check("--deployed", "git:v1").code == 1
    assert app.check("--deployed", "git:v2").code == 0
    assert app.check("--deployed", "git:v1", "--deployed", "git:v2").code == 1


def test_the_models_of_a_commit_are_imported_when_it_has_no_manifest(app: App) -> None:
    app.users(DROP_NICK)
    _models(app, NAME, NICK)
    app.commit("v1")
    _models(app, NAME)
    app.commit("v2")
    app.settings("metadata = models:metadata")
    assert app.check("--deployed", "git:v1").code == 1
    result = app.check("--deployed", "git:v2", "--format", "json")
    assert result.code == 0
    assert result.json["manifests"][0]["version"] == "v2"
    loaded = sys.modules.pop("models").metadata
    assert "nick" not in loaded.tables["users"].columns, "old models never reach this process"
    assert not Path(".git/index.lock").exists()


def test_a_commit_is_read_from_a_folder_below_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    folder = tmp_path / "services" / "shop"
    app = App(folder, monkeypatch)
    app.users(DROP_NICK)
    _models(app, NAME)
    top = App(tmp_path / "top", monkeypatch)
    top.folder = tmp_path
    top.commit("v1")
    monkeypatch.chdir(folder)
    app.settings("metadata = models:metadata")
    assert app.check("--deployed", "git:v1").code == 0
    _write_manifest(app, NAME, NICK)
    top.commit("v2")
    assert app.check("--deployed", "git:v2").code == 1


def test_a_commit_with_neither_says_what_to_do(app: App) -> None:
    app.users(DROP_NICK)
    app.commit("v1")
    assert_one_sentence(
        app.check("--deployed", "git:v1"), "v1 holds no zdmigrate-manifest.json", "commit the output of"
    )


def test_models_that_cannot_be_imported_at_a_commit(app: App) -> None:
    app.users(DROP_NICK)
    (app.folder / "models.py").write_text("import no_such_module\n")
    app.commit("v1")
    app.settings("metadata = models:metadata")
    assert_one_sentence(app.check("--deployed", "git:v1"), "the models at v1 cannot be imported", "no_such_module")


def test_a_corrupt_manifest_in_a_commit_is_named(app: App) -> None:
    app.users(DROP_NICK)
    Path(FILE).write_text("{")
    app.commit("v1")
    assert_one_sentence(app.check("--deployed", "git:v1"), f"v1:{FILE} is not a manifest")


@pytest.mark.parametrize("ref", ["nope", "--help", ""])
def test_a_ref_that_does_not_exist(app: App, ref: str) -> None:
    app.users(DROP_NICK)
    app.commit("v1")
    assert_one_sentence(app.check("--deployed", f"git:{ref}"), "git")


def test_a_folder_that_is_no_repository(app: App) -> None:
    app.users(DROP_NICK)
    assert_one_sentence(app.check("--deployed", "git:HEAD"), "git rev-parse failed", "not a git repository")


def test_a_machine_without_git(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.users(DROP_NICK)
    monkeypatch.setenv("PATH", "")
    assert_one_sentence(app.check("--deployed", "git:HEAD"), "git is not installed")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not a manifest"),
        ("[]", "is not a manifest"),
        ('{"version": 1}', "is not a manifest"),
        ('{"version": "1", "heads": [], "tables": {}, "format": 99}', "has manifest format 99"),
    ],
)
def test_a_file_that_is_no_manifest(app: App, content: str, words: str) -> None:
    app.users(ADD_AGE)
    Path(FILE).write_text(content)
    assert_one_sentence(app.check("--deployed", FILE), FILE, words)


def test_a_manifest_that_maps_nothing_proves_nothing(app: App) -> None:
    app.users(DROP_NICK, head="# zdmigrate: phase contract")
    Path("empty.json").write_bytes(Manifest("2.0", ("aaaa1",), {}).to_json())
    result = app.run("plan", "--from", "aaaa1", "--deployed", "empty.json")
    assert (result.code, "empty.json maps no table at all" in result.err) == (2, True), result.err


def test_a_manifest_that_is_not_there(app: App) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.check("--deployed", "nope.json"), "cannot read manifest nope.json")


def test_the_command_says_what_it_misses(app: App) -> None:
    app.users(ADD_AGE)
    assert_one_sentence(app.run("manifest"), "say where the app's MetaData is: --metadata")
    assert_one_sentence(app.run("manifest", "--metadata", "nope"), "is not of the form package.module:Base.metadata")
    assert_one_sentence(app.run("manifest", "--metadata", "no_such:x", "--app-version", "1"), "no_such")
    assert_one_sentence(app.run("manifest", "--metadata", "sqlalchemy:MetaData", "--app-version", "1"), "MetaData")


def test_a_version_that_git_cannot_tell_is_asked_for(app: App) -> None:
    app.users(ADD_AGE)
    name = _models(app, NAME)
    process = app.process("manifest", "--metadata", name)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "git describe failed" in err
    assert "say which version this is with --app-version" in err


def test_git_errors_are_one_sentence(app: App) -> None:
    app.users(ADD_AGE)
    app.commit("v1")
    assert git("rev-parse", "v1").strip()
    with pytest.raises(UsageError, match=r"^git rev-parse failed: "):
        git("rev-parse", "--verify", "nope")


def test_revisions_of_a_commit_are_those_whose_files_it_holds(app: App) -> None:
    first = app.users("pass")
    app.commit("v1")
    second = app.revision("cccc3", "pass", down="bbbb2")
    paths = {"bbbb2": str(first), "cccc3": str(second), "other": "/elsewhere/x.py"}
    assert revisions_at("v1", paths) == {"bbbb2"}
