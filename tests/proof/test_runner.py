"""Old code against each prefix, on real servers: runner.py and scratch.py."""

from __future__ import annotations

from collections.abc import Iterator

import pymysql
import pytest
import sqlalchemy

from tests.proof.support import Case, run_case, scratch_on
from tests.servers import Server
from tests.verdict.support import manifest
from zdmigrate.errors import UsageError
from zdmigrate.flavour import Flavour
from zdmigrate.proof import scratch as scratch_module
from zdmigrate.proof.scratch import PREFIX, Scratch, scratch

_USERS = (
    "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) NOT NULL, nick VARCHAR(50), "
    "status ENUM('new','done') NOT NULL DEFAULT 'new')"
)


@pytest.fixture
def made(any_sql_server: Server) -> Iterator[tuple[Scratch, Flavour]]:
    with scratch_on(any_sql_server.url()) as found:
        yield found


def _run(made: tuple[Scratch, Flavour], *statements: str, base: str = _USERS) -> Case:
    return run_case(made[0], base, *statements, flavour=made[1])


def test_what_holds_says_how_much_ran(made: tuple[Scratch, Flavour]) -> None:
    (step,) = _run(made, "ALTER TABLE users ADD age INT").steps
    assert step.result == "held"
    assert step.statements > 20
    assert step.rows > 100
    assert step.broken is None


def test_the_first_break_comes_with_its_statement_and_error(made: tuple[Scratch, Flavour]) -> None:
    first, second = _run(made, "ALTER TABLE users ADD age INT", "ALTER TABLE users ADD qty INT NOT NULL").steps
    assert first.result == "held"
    assert second.broken is not None
    assert second.broken.errno == 1364
    assert second.broken.query.sql.startswith("INSERT INTO `users`")


def test_a_break_counts_once_for_the_statement_that_made_it(made: tuple[Scratch, Flavour]) -> None:
    first, second = _run(made, "ALTER TABLE users DROP COLUMN nick", "ALTER TABLE users ADD age INT").steps
    assert first.result == "broke"
    assert second.result == "held"
    assert any("broke before" in note for note in second.notes)


def test_rows_that_old_code_cannot_decode(made: tuple[Scratch, Flavour]) -> None:
    first, second = _run(
        made,
        "ALTER TABLE users MODIFY status ENUM('new','done','lost') NOT NULL DEFAULT 'new'",
        "UPDATE users SET status = 'lost' WHERE id = 1",
    ).steps
    assert first.result == "held"
    assert second.broken is not None
    assert second.broken.errno is None
    assert "LookupError: 'lost'" in second.broken.reason


def test_a_value_that_means_something_else(made: tuple[Scratch, Flavour]) -> None:
    (step,) = _run(made, "UPDATE users SET name = 'x' WHERE id = 2").steps
    assert step.broken is not None
    assert "before, and as" in step.broken.reason


def test_null_where_old_code_does_not_expect_it(made: tuple[Scratch, Flavour]) -> None:
    steps = _run(
        made, "ALTER TABLE users MODIFY name VARCHAR(50)", "INSERT INTO users (id, name) VALUES (70, NULL)"
    ).steps
    assert [step.result for step in steps] == ["held", "broke"]
    assert steps[1].broken is not None
    assert "name is NULL" in steps[1].broken.reason


def test_a_ddl_refused_for_its_rows_is_tried_over_others(made: tuple[Scratch, Flavour]) -> None:
    (step,) = _run(made, "ALTER TABLE users MODIFY nick VARCHAR(50) NOT NULL").steps
    assert step.result == "broke"
    assert step.rows_held == "plain"


def test_a_ddl_refused_for_itself_is_refused(made: tuple[Scratch, Flavour]) -> None:
    first, second = _run(made, "ALTER TABLE users ADD FULLTEXT (id)", "ALTER TABLE users ADD age INT").steps
    assert first.result == "refused"
    assert first.errno == 1283
    assert second.result == "not run"


def test_what_reaches_outside_the_database_is_not_run(made: tuple[Scratch, Flavour]) -> None:
    for sql in (
        "CREATE DATABASE zd_elsewhere",
        "SET GLOBAL lock_wait_timeout = 9",
        "CREATE USER eve",
        "USE mysql",
        "FROBNICATE users",
    ):
        made[0].empty()
        (step,) = _run(made, sql).steps
        assert step.result == "not run", sql
        assert step.reason


def test_settings_of_the_migration_are_not_those_of_old_code(made: tuple[Scratch, Flavour]) -> None:
    steps = _run(made, "SET SESSION sql_mode = ''", "ALTER TABLE users ADD qty INT NOT NULL").steps
    assert [step.result for step in steps] == ["held", "broke"]


def test_an_engine_without_transactions_is_only_read(made: tuple[Scratch, Flavour]) -> None:
    (step,) = _run(made, "ALTER TABLE users ENGINE = MyISAM").steps
    assert step.result == "held"
    assert any("cannot roll them back" in note for note in step.notes)


def test_a_manifest_narrows_old_code(made: tuple[Scratch, Flavour]) -> None:
    mapped = manifest(users={"id": "INT NOT NULL", "name": "VARCHAR(50) NOT NULL"})
    case = run_case(made[0], _USERS, "ALTER TABLE users DROP COLUMN nick", flavour=made[1], manifests=[mapped])
    assert [step.result for step in case.steps] == ["held"]


def test_a_statement_that_hangs_is_ended(made: tuple[Scratch, Flavour], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch_module, "STATEMENT_SECONDS", 1)
    (step,) = _run(made, "DO SLEEP(30)").steps
    assert step.result == "refused"
    assert "no answer within 1 s" in step.reason


def test_a_lock_that_is_kept_is_waited_for_once(made: tuple[Scratch, Flavour], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch_module, "LOCK_SECONDS", 1)
    first, second = _run(made, "LOCK TABLES users WRITE", "UNLOCK TABLES").steps
    assert first.broken is not None
    assert first.broken.errno == 1205
    assert second.result == "not run"


def _databases(server: Server) -> list[str]:
    with sqlalchemy.create_engine(server.url()).connect() as connection:
        names = [str(row[0]) for row in connection.exec_driver_sql("SHOW DATABASES")]
        connection.engine.dispose()
    return [name for name in names if name.startswith(PREFIX)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_database_is_dropped_whatever_happens(any_sql_server: Server, error: type[BaseException]) -> None:
    def fail() -> None:
        with scratch(any_sql_server.url()) as made:
            made.connect().run("CREATE TABLE t (id INT)")
            names.append(made.name)
            assert made.name in _databases(any_sql_server)
            raise error

    names: list[str] = []
    with pytest.raises(error):
        fail()
    assert names[0] not in _databases(any_sql_server)


def test_missing_rights_are_named_with_what_to_grant(any_sql_server: Server) -> None:
    url = sqlalchemy.make_url(any_sql_server.url())
    admin = pymysql.connect(host=url.host or "", port=url.port or 0, user=url.username, password=str(url.password))
    with admin, admin.cursor() as cursor:
        cursor.execute("CREATE USER IF NOT EXISTS zd_nobody@'%' IDENTIFIED BY 'secret-word'")
        try:
            nobody = url.set(username="zd_nobody", password="secret-word").render_as_string(hide_password=False)
            with pytest.raises(UsageError, match="grant it ALL PRIVILEGES ON") as caught, scratch(nobody):
                raise AssertionError
            assert "secret-word" not in str(caught.value)
        finally:
            cursor.execute("DROP USER zd_nobody@'%'")


def test_rights_on_databases_of_that_name_are_enough(any_sql_server: Server) -> None:
    url = sqlalchemy.make_url(any_sql_server.url())
    admin = pymysql.connect(host=url.host or "", port=url.port or 0, user=url.username, password=str(url.password))
    with admin, admin.cursor() as cursor:
        cursor.execute("CREATE USER zd_prover@'%' IDENTIFIED BY 'word'")
        try:
            cursor.execute(r"GRANT ALL PRIVILEGES ON `zdmigrate\_proof\_%`.* TO zd_prover@'%'")
            prover = url.set(username="zd_prover", password="word").render_as_string(hide_password=False)
            with scratch_on(prover) as (made, flavour):
                (step,) = run_case(made, _USERS, "ALTER TABLE users ADD age INT", flavour=flavour).steps
            assert step.result == "held"
        finally:
            cursor.execute("DROP USER zd_prover@'%'")


def test_a_server_that_cannot_be_used() -> None:
    for url, said in (
        ("mysql+pymysql://root:word@127.0.0.1:1/", "cannot be used"),
        ("postgresql://localhost/", "is not MySQL or MariaDB"),
        ("nonsense", "not a server's URL"),
    ):
        with pytest.raises(UsageError, match=said), scratch(url):
            raise AssertionError
