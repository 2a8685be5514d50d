"""The tests of the old version on the new schema: old_tests.py and checkout.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.apps import ADD_AGE, DROP_NICK, App, assert_one_sentence
from tests.servers import Server

#: Old code's tests, without a test runner: it writes rows and leaves them, as careless tests do.
OLD_TEST = """
import os, sys, pymysql
from urllib.parse import unquote, urlsplit

url = urlsplit(os.environ[sys.argv[1] if len(sys.argv) > 1 else "DATABASE_URL"])
password = unquote(url.password)
connection = pymysql.connect(
    host=url.hostname, port=url.port, user=url.username, password=password, database=url.path[1:], autocommit=True
)
with connection, connection.cursor() as cursor:
    cursor.execute("SELECT COUNT(*) FROM users")
    assert cursor.fetchone() == (0,), "rows of an earlier run"
    cursor.execute("SELECT version_num FROM alembic_version")
    assert cursor.fetchall() == (("aaaa1",),)
    cursor.execute("INSERT INTO users (name, nick) VALUES ('left behind', 'x')")
    print("wrote", cursor.rowcount, "row with", os.environ.get("PYTHONPATH", "no path of theirs"), password)
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """A repository whose `v1` has the tests; what is there now is another file, and must not be run or touched."""
    made = App(tmp_path / "app", monkeypatch)
    made.users(ADD_AGE)
    (made.folder / "old_test.py").write_text(OLD_TEST)
    made.commit("v1")
    (made.folder / "old_test.py").write_text("raise SystemExit('the new version was run')")
    return made


def _arguments(server: Server, *more: str, command: str = "python old_test.py", python: bool = True) -> list[str]:
    target = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}[server.kind]
    found = ["prove", "--server", server.url(), "--target", target, "--from", "aaaa1"]
    found += ["--old-tests", command, "--old-ref", "git:v1"]
    return [*found, *(["--old-python", sys.executable] if python else []), *more]


def _tests(document: Any) -> list[bool | None]:
    return [item["old_tests"] and item["old_tests"]["passed"] for item in document["revisions"]]


def test_each_revision_gets_a_run_on_a_database_of_its_own(app: App, mariadb_server: Server) -> None:
    app.revision("cccc3", 'op.create_index("ix_name", "users", ["name"])', down="bbbb2")
    status = app.git("status", "--porcelain")
    document = app.run(*_arguments(mariadb_server, "--format", "json")).json
    assert _tests(document) == [True, True]
    assert document["old_tests"]["passed"] is True
    assert "wrote 1 row with no path of theirs ***" in document["old_tests"]["tail"]
    assert app.git("status", "--porcelain") == status, "the user's files and index were touched"


def test_what_breaks_the_tests_is_unsafe_and_ends_the_runs(app: App, mysql_server: Server) -> None:
    app.revision("cccc3", DROP_NICK, down="bbbb2")
    app.revision("dddd4", ADD_AGE.replace("age", "town"), down="cccc3")
    result = app.run(*_arguments(mysql_server))
    assert result.code == 1
    assert result.out.count("old tests after it") == 2
    assert "old tests after it: FAILED (exit code 1)" in result.out
    assert "Unknown column 'nick'" in result.out
    assert "Old tests before the migration: passed" in result.out


def test_only_at_the_end_when_asked(app: App, mysql_server: Server) -> None:
    app.revision("cccc3", 'op.create_index("ix_name", "users", ["name"])', down="bbbb2")
    document = app.run(*_arguments(mysql_server, "--old-tests-at", "end", "--format", "json")).json
    assert _tests(document) == [None, True]


def test_tests_that_fail_already_prove_nothing(app: App, mysql_server: Server) -> None:
    result = app.run(*_arguments(mysql_server, "--old-tests-env", "OTHER_URL"))
    assert result.code == 2
    assert "do not pass on the schema before the migration (exit code 1)" in result.err
    assert "KeyError: 'DATABASE_URL'" in result.err
    assert app.run(*_arguments(mysql_server, "--old-tests-env", "X", command="python old_test.py X")).code == 0


def test_tests_that_hang_are_ended_with_their_children(app: App, mysql_server: Server) -> None:
    command = "sh -c 'sleep 3217 & sleep 3217'"
    result = app.run(*_arguments(mysql_server, "--old-tests-timeout", "1", command=command))
    assert result.code == 2
    assert "(no end within 1 s)" in result.err
    assert (
        "sleep 3217" not in subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
    )


def test_a_revision_that_cannot_be_run_on_empty_tables_is_not_tested(app: App, mysql_server: Server) -> None:
    app.revision("cccc3", 'op.execute("ALTER TABLE users ADD gone INT AS (no + 1)")', down="bbbb2")
    result = app.run(*_arguments(mysql_server))
    assert result.code == 3
    assert (
        "old tests after it: not run (not run: `ALTER TABLE users ADD gone INT AS (no + 1)` was refused" in result.out
    )


@pytest.mark.soak
def test_an_environment_is_made_and_filled(app: App, mysql_server: Server) -> None:
    """Nothing of ours is in it: not this interpreter's packages, and not its programs."""
    check = "import sys; assert sys.prefix != sys.base_prefix; import filled"
    install = "python -c \"import sysconfig; open(sysconfig.get_path('purelib') + '/filled.py', 'w').close()\""
    options = _arguments(mysql_server, "--old-install", install, command=f'python -c "{check}"', python=False)
    result = app.run(*options)
    assert result.code == 0, result.out + result.err


def test_what_cannot_be_had_is_named(app: App, mysql_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = _arguments(mysql_server)
    assert_one_sentence(_without_progress(app, [*arguments, "--old-ref", "git:v9"]), "--old-ref v9 is no commit")
    missing = [*arguments, "--old-python", "nowhere/python"]
    assert_one_sentence(_without_progress(app, missing), "--old-python nowhere/python is not a program")
    no_program = _arguments(mysql_server, command="no-such-runner tests")
    assert_one_sentence(
        _without_progress(app, no_program), "`no-such-runner` is not in the old version's environment", "--old-install"
    )
    assert_one_sentence(app.run(*arguments[:-4], "--old-tests", "x"), "belong together")
    alone = [item for item in arguments if item not in ("--from", "aaaa1")]
    assert_one_sentence(app.run(*alone), "--old-tests needs --from REV")
    assert_one_sentence(
        _without_progress(app, [*arguments, "--old-tests", "'"]), "cannot be read: No closing quotation"
    )
    monkeypatch.setenv("PATH", os.devnull)
    assert_one_sentence(_without_progress(app, arguments), "git cannot be run (")


def _without_progress(app: App, arguments: list[str]) -> Any:
    """The result with its error only: what takes a while is told on standard error as well."""
    from dataclasses import replace

    result = app.run(*arguments)
    lines = result.err.splitlines(keepends=True)
    return replace(result, err="".join(lines[-1:]))
