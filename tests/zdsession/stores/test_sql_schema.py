"""The sessions table: made, completed while in use, offered to Alembic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from click.testing import CliRunner, Result

from tests.zdsession.conformance import A, a_record
from tests.zdsession.helpers import Clock
from zdsession.cli import main
from zdsession.stores.sql import SqlStore
from zdsession.stores.sql_schema import SCHEMA_VERSION, complete, missing
from zdsession.stores.sql_table import sessions_table


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(store_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(store_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def run(url: str, *arguments: str) -> Result:
    return CliRunner(env={"ZDSESSION_STORE": url}).invoke(main, ["schema", *arguments])


def test_says_what_is_missing_and_makes_it(store_url: str, engine: sa.Engine) -> None:
    first = run(store_url)
    assert first.exit_code == 1
    assert "missing: CREATE TABLE IF NOT EXISTS zdsession" in first.output
    assert not sa.inspect(engine).has_table("zdsession"), "looking changes nothing"
    assert run(store_url, "--apply").output == "ran 3 statements\n"
    assert run(store_url, "--apply").output == f"schema {SCHEMA_VERSION}: complete\n"
    again = run(store_url)
    assert (again.exit_code, again.output) == (0, f"schema {SCHEMA_VERSION}: complete\n")


def test_the_printed_statements_make_the_table(store_url: str, engine: sa.Engine) -> None:
    printed = run(store_url, "--sql").output
    with engine.connect() as connection:
        for statement in printed.split(";")[:-1]:
            connection.exec_driver_sql(statement)
        assert missing(connection, sessions_table()) == []


def test_the_alembic_revision_makes_and_removes_the_table(store_url: str, engine: sa.Engine) -> None:
    names: dict[str, object] = {}
    exec(compile(run(store_url, "--alembic").output, "revision.py", "exec"), names)
    with engine.connect() as connection:
        operations = Operations(MigrationContext.configure(connection))
        names["op"] = operations
        names["upgrade"]()  # type: ignore[operator]
        assert missing(connection, sessions_table()) == []
        names["downgrade"]()  # type: ignore[operator]
        assert not sa.inspect(connection).has_table("zdsession")


def test_a_newer_schema_is_completed_beside_older_code(store_url: str, engine: sa.Engine) -> None:
    """What a later version would add; this one, older then, works on before and after."""
    clock = Clock()
    older = SqlStore(store_url, clock=clock, budget=20)
    older.create(A, a_record(clock, k=b"1"))
    newer = sessions_table()
    newer.append_column(sa.Column("node", sa.String(20), nullable=True))
    newer.append_column(sa.Column("kind", sa.Integer, nullable=False, server_default="0"))
    sa.Index("ix_zdsession_node", newer.c.node)
    with engine.connect() as connection:
        assert len(missing(connection, newer)) == 3
    for _ in range(2):
        with engine.connect() as connection:
            complete(connection, newer)
    with engine.connect() as connection:
        assert missing(connection, newer) == []
        assert missing(connection, sessions_table()) == [], "and older code misses nothing"
    record = older.load(A)
    assert record is not None
    assert older.create("b" * 64, a_record(clock))
    older.close()


def test_only_tables_have_a_schema() -> None:
    answer = run("redis://h")
    assert answer.exit_code == 2
    assert "has no schema" in answer.output


def test_a_server_that_is_out() -> None:
    answer = run("mysql+pymysql://root:hunter2@127.0.0.1:1/shop")
    assert answer.exit_code == 1
    assert "hunter2" not in answer.output


def test_the_back_store_of_a_mirrored_one(store_url: str) -> None:
    assert run(f"mirrored:memory://|{store_url}", "--apply").output == "ran 3 statements\n"
