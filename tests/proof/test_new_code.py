"""New code on the old schema: what must precede the deploy. new_code.py and its part of prove.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apps import ADD_AGE, ADD_REQUIRED, DROP_NICK, App
from tests.servers import Server
from tests.verdict.support import manifest

_TARGETS = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}
INDEX = 'op.create_index("ix_name", "users", ["name"])'


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


@pytest.fixture
def options(any_sql_server: Server) -> list[str]:
    target = _TARGETS[any_sql_server.kind]
    return ["prove", "--server", any_sql_server.url(), "--target", target, "--from", "aaaa1", "--new-code"]


def _needed(document: Any) -> list[bool]:
    changes = [change for revision in document["revisions"] for change in revision["changes"]]
    return [change["new_code"]["needed"] is not None for change in changes]


def test_what_new_code_needs_precedes_the_deploy(app: App, options: list[str]) -> None:
    app.users(
        INDEX, ADD_AGE, 'op.add_column("users", sa.Column("town", sa.String(9)))', 'op.drop_index("ix_name", "users")'
    )
    result = app.run(*options)
    assert result.code == 0, result.out + result.err
    assert "Deploy after bbbb2:2: new code does not run before it." in result.out
    assert (
        "new code without it: rules: unsafe   run: broke (SELECT by column list: 1054: Unknown column 'age'"
        in result.out
    )
    assert _needed(app.run(*options, "--format", "json").json) == [False, True, True, False]


def test_a_drop_does_not_hold_the_deploy_back(app: App, options: list[str]) -> None:
    app.users(DROP_NICK, head="# zdmigrate: phase contract")
    result = app.run(*options)
    assert result.code == 0, result.out + result.err
    assert "New code runs before every change (" in result.out
    document = app.run(*options, "--format", "json").json
    assert document["deploy_after"] is None
    assert document["new_code"][0]["statements"] > 10


def test_what_both_need_the_other_way_fits_no_side(app: App, options: list[str]) -> None:
    """Declared as a contract, so that old code may break; but new code cannot wait for the end of old code."""
    app.users(ADD_REQUIRED, head="# zdmigrate: phase contract")
    result = app.run(*options)
    assert "bbbb2:0 fits neither side of the deploy: new code needs it, and old code breaks by it." in result.out
    assert result.code == 1
    assert app.run(*options[:-1]).code == 0


def test_a_manifest_says_what_new_code_maps_and_reads(app: App, options: list[str]) -> None:
    app.users(ADD_AGE)
    mapped = manifest(users={"id": "INT NOT NULL", "name": "VARCHAR(50) NOT NULL", "nick": "VARCHAR(50)"})
    Path("new.json").write_bytes(mapped.to_json())
    assert _needed(app.run(*options[:-1], "--new", "new.json", "--format", "json").json) == [False]
    app.users("op.execute(\"UPDATE users SET nick = '' WHERE nick IS NULL\")")
    mapped = manifest(users={"id": "INT NOT NULL", "nick": "VARCHAR(50) NOT NULL"})
    Path("new.json").write_bytes(mapped.to_json())
    document = app.run(*options, "--new", "new.json", "--format", "json").json
    assert document["revisions"][0]["changes"][0]["new_code"]["needed"] is None, "ordinary rows hold no NULL"


def test_a_new_enum_member_and_a_wider_column(app: App, options: list[str]) -> None:
    app.revision("aaaa1", "op.execute(\"CREATE TABLE t (id INT PRIMARY KEY, s ENUM('a','b'), n VARCHAR(3))\")")
    app.revision(
        "bbbb2",
        "op.execute(\"ALTER TABLE t MODIFY s ENUM('a','b','c')\")",
        'op.execute("ALTER TABLE t MODIFY n VARCHAR(30)")',
        down="aaaa1",
    )
    document = app.run(*options, "--format", "json").json
    first, second = (change["new_code"]["needed"] for change in document["revisions"][0]["changes"])
    assert first["errno"] == 1265
    assert second["errno"] == 1406
    assert document["deploy_after"] == "bbbb2:1"


def test_a_migration_that_does_not_run_to_its_end_cannot_be_judged(app: App, options: list[str]) -> None:
    app.users('op.execute("ALTER TABLE users ADD gone INT AS (no + 1)")', ADD_AGE)
    result = app.run(*options)
    assert result.code == 3
    assert (
        "New code before bbbb2 and after could not be judged: `ALTER TABLE users ADD gone INT AS (no + 1)` was refused"
        in result.out
    )


def test_without_asking_nothing_is_said(app: App, options: list[str]) -> None:
    app.users(ADD_AGE)
    result = app.run(*options[:-1])
    assert "new code" not in result.out.lower()
    assert app.run(*options[:-1], "--format", "json").json["new_code"] == []
