"""`zdmigrate can-rollback`: what the schema is now against what a version maps, on real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.apps import App, Result, assert_one_sentence
from tests.fleets import Fleets, mapping, written
from tests.run.applying import connected, execute
from zdmigrate.history.catalog import Catalog, Column, ColumnType, Default, Table
from zdmigrate.manifest import manifest_of
from zdmigrate.rollback import BREAKS, OPEN, Answer, Objection, objections
from zdsession.fleet import Barrier, Gone
from zdsession.manifest import Manifest, MappedColumn, MappedTable

USERS = (
    "CREATE TABLE users (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL, nick VARCHAR(50), "
    "state ENUM('new','paid') NOT NULL DEFAULT 'new', extra JSON)"
)


def model(version: str = "1.0") -> Manifest:
    """The app's models, as version 1.0 has them."""
    metadata = sa.MetaData()
    sa.Table(
        "users",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("nick", sa.String(50)),
        sa.Column("state", sa.Enum("new", "paid"), nullable=False, server_default="new"),
        sa.Column("extra", sa.JSON),
    )
    return manifest_of(metadata, version=version, heads=("aaaa1",))


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path / "app", monkeypatch)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleets]:
    made = Fleets(f"sqlite:///{tmp_path}/sessions.db")
    yield made
    made.close()


@pytest.fixture
def url(any_sql_url: str) -> str:
    execute(any_sql_url, USERS)
    return any_sql_url


def asked(app: App, url: str, *arguments: str, version: str = "1.0") -> Result:
    deployed = written(app.folder / "v1.json", model())
    return app.run("can-rollback", version, "--url", url, "--deployed", deployed, *arguments)


@pytest.mark.parametrize(
    ("alter", "said", "insert", "error"),
    [
        pytest.param("DROP nick", "users.nick: the column is gone", "(name, nick) VALUES ('a', 'b')", 1054, id="drop"),
        pytest.param(
            "ADD qty INT NOT NULL", "users.qty: it is NOT NULL without a default, which this version does not map",
            "(name) VALUES ('a')", 1364, id="required",
        ),
        pytest.param(
            "MODIFY nick VARCHAR(50) NOT NULL DEFAULT ''", "users.nick: it is NOT NULL now",
            "(name, nick) VALUES ('a', NULL)", 1048, id="not null",
        ),
        pytest.param(
            "MODIFY state VARCHAR(9) NOT NULL", "users.state: it is NOT NULL without a default: INSERTs",
            "(name) VALUES ('a')", 1364, id="default gone",
        ),
        pytest.param(
            "MODIFY name VARCHAR(3) NOT NULL", "users.name: it holds not everything that this version may write",
            "(name) VALUES ('abcdef')", 1406, id="narrowed",
        ),
        pytest.param(
            "MODIFY state ENUM('new') NOT NULL DEFAULT 'new'", "users.state: it holds not everything",
            "(name, state) VALUES ('a', 'paid')", 1265, id="member gone",
        ),
        pytest.param(
            "MODIFY name INT NOT NULL", "users.name: it holds another kind of value",
            "(name) VALUES ('abcdef')", 1366, id="family",
        ),
        pytest.param(
            "DROP nick, ADD nick VARCHAR(50) AS (UPPER(name)) STORED", "users.nick: it is generated now",
            "(name, nick) VALUES ('a', 'b')", (3105, 1906), id="generated",
        ),
    ],
)  # fmt: skip
def test_what_breaks_is_a_reason_and_the_server_agrees(
    url: str, app: App, alter: str, said: str, insert: str, error: Any
) -> None:
    assert asked(app, url).code == 0
    execute(url, f"ALTER TABLE users {alter}")
    result = asked(app, url)
    assert result.code == BREAKS, result.out
    assert f"  breaks   {said}" in result.out
    assert result.out.startswith("version 1.0 (manifest ")
    document = asked(app, url, "--format", "json").json
    assert (document["can_rollback"], document["exit_code"], len(document["breaks"])) == (False, 1, 1)
    with connected(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = 'STRICT_TRANS_TABLES'")
        with pytest.raises(pymysql.MySQLError) as refused:
            cursor.execute(f"INSERT INTO users {insert}")
        assert refused.value.args[0] in (error if isinstance(error, tuple) else (error,))


@pytest.mark.parametrize(
    "alter",
    [
        "ADD age INT",
        "ADD age INT NOT NULL DEFAULT 7",
        "MODIFY name VARCHAR(90) NOT NULL",
        "MODIFY name VARCHAR(50) NULL",
        "ADD INDEX by_nick (nick)",
        "MODIFY state ENUM('new','paid') NOT NULL",
        "ADD kind ENUM('a','b') NOT NULL",
    ],
)
def test_what_the_version_survives_is_no_reason(url: str, app: App, alter: str) -> None:
    execute(url, f"ALTER TABLE users {alter}")
    result = asked(app, url)
    assert (result.code, "could run again now" in result.out) == (0, True), result.out
    execute(url, "SET sql_mode = 'STRICT_ALL_TABLES'", "INSERT INTO users (name, nick) VALUES ('a', NULL)")
    assert "zdmigrate check --from aaaa1" in result.out
    assert asked(app, url, "--format", "json").json["can_rollback"] is True


def test_a_dropped_table_is_a_reason(url: str, app: App) -> None:
    execute(url, "DROP TABLE users")
    result = asked(app, url)
    assert (result.code, "  breaks   users: the table is gone" in result.out) == (BREAKS, True)


@pytest.mark.parametrize("now", ["ENUM('new','paid','sent')", "SET('new','paid','sent')", "VARCHAR(20)"])
def test_a_member_it_does_not_know_is_a_reason_as_soon_as_a_row_holds_it(url: str, app: App, now: str) -> None:
    execute(
        url, f"ALTER TABLE users MODIFY state {now} NOT NULL DEFAULT 'new'", "INSERT INTO users (name) VALUES ('a')"
    )
    before = asked(app, url)
    if now.startswith("SET"):  # another type altogether
        assert "another kind of value" in before.out
    else:
        assert (before.code, "  note     users.state: no row is in the way now" in before.out) == (0, True), before.out
    execute(url, "INSERT INTO users (name, state) VALUES ('b', 'sent')")
    result = asked(app, url)
    assert result.code == BREAKS
    assert "users.state: rows hold " in result.out


def test_the_fleet_keeps_the_manifest_when_the_nodes_are_gone(mysql_url: str, app: App, fleet: Fleets) -> None:
    execute(mysql_url, USERS)
    fleet.runs("web1", model())
    fleet.ends("web1")
    fleet.registry.forget("web1")
    result = app.run("can-rollback", "1.0", "--url", mysql_url, "--fleet", fleet.url)
    assert result.code == 0, result.err
    unknown = app.run("can-rollback", "0.9", "--url", mysql_url, "--fleet", fleet.url)
    assert_one_sentence(unknown, "no manifest of version 0.9", "known are: 1.0", "--deployed FILE")


def test_a_barrier_keeps_it_out_though_the_column_is_there(mysql_url: str, app: App, fleet: Fleets) -> None:
    execute(mysql_url, USERS)
    fleet.runs("web1", model())
    fleet.registry.raise_barrier(Barrier("bbbb2", (Gone("users", "nick"),), 0))
    result = app.run("can-rollback", "1.0", "--url", mysql_url, "--fleet", fleet.url)
    assert result.code == BREAKS
    assert "zdsession barriers --lift bbbb2" in result.out


def test_a_version_that_was_built_twice_must_be_able_to_run_as_either(mysql_url: str, app: App, fleet: Fleets) -> None:
    execute(mysql_url, USERS)
    fleet.runs("web1", model())
    fleet.runs("web2", mapping("1.0", users="id gone"))
    result = app.run("can-rollback", "1.0", "--url", mysql_url, "--fleet", fleet.url)
    assert (result.code, "users.gone: the column is gone" in result.out) == (BREAKS, True)


def test_settings_say_where(mysql_url: str, app: App, fleet: Fleets, tmp_path: Path) -> None:
    execute(mysql_url, USERS)
    fleet.runs("web1", model())
    app.settings(f"url = {mysql_url}\nfleet = {fleet.url}")
    report = tmp_path / "answer.json"
    assert app.run("can-rollback", "1.0", "--format", "json", "--output", str(report)).code == 0
    assert json.loads(report.read_text())["manifests"] == [{"digest": model().digest, "heads": ["aaaa1"]}]


def test_bad_input_is_one_sentence(mysql_url: str, app: App, tmp_path: Path) -> None:
    deployed = written(tmp_path / "v1.json", model())
    where = ("--url", mysql_url)
    assert_one_sentence(app.run("can-rollback", "1.0", "--deployed", deployed), "--url URL")
    assert_one_sentence(app.run("can-rollback", "1.0", *where), "--fleet STORE_URL", "--deployed FILE")
    assert_one_sentence(app.run("can-rollback", "2.0", *where, "--deployed", deployed), "version 1.0, not of 2.0")
    assert_one_sentence(app.run("can-rollback", "", *where, "--deployed", deployed), "VERSION is empty")
    assert_one_sentence(app.run("can-rollback", "1.0", *where, "--deployed", "no-such-file"), "no-such-file")
    assert_one_sentence(
        app.run("can-rollback", "1.0", "--url", "mysql://u:sesame@127.0.0.1:1/d", "--deployed", deployed), "127.0.0.1"
    )
    assert_one_sentence(
        app.run("can-rollback", "1.0", *where, "--deployed", deployed, "--output", str(tmp_path)), "cannot write"
    )


# pure decisions

_TYPE = ColumnType("int")


def live(**columns: Column) -> Catalog:
    return Catalog(tables={"t": Table("t", tuple(columns.values()))})


_cases = st.fixed_dictionaries(
    {"nullable": st.booleans(), "default": st.booleans(), "increments": st.booleans(), "mapped": st.booleans()}
    | {name: st.booleans() for name in ("maps_null", "maps_default", "client", "counts")}
)


@given(_cases)
def test_an_insert_breaks_exactly_where_a_required_column_gets_nothing_or_null(case: dict[str, bool]) -> None:
    default = Default("0") if case["default"] else None
    column = Column("c", _TYPE, case["nullable"], default, case["increments"])
    mapped = MappedColumn(
        "INT", case["maps_null"], "0" if case["maps_default"] else None, case["client"], autoincrement=case["counts"]
    )
    manifest = Manifest("1", (), {"t": MappedTable({"c": mapped} if case["mapped"] else {})})
    found = objections(manifest, live(c=column), (), database="d", mariadb=False)
    takes_null = case["nullable"] or case["increments"]
    takes_nothing = takes_null or case["default"]
    if not case["mapped"]:
        breaks = not takes_nothing
    else:
        gives_null = case["maps_null"] and not takes_null
        may_omit = case["counts"] or (not case["client"] and (case["maps_default"] or case["maps_null"]))
        breaks = gives_null or (may_omit and not takes_nothing)
    assert [item.column for item in found] == (["c"] if breaks else [])


def test_an_enum_that_lost_another_default_than_its_first_member_means_something_else() -> None:
    column = Column("c", ColumnType("enum", members=("a", "b")), False)
    mapped = {
        name: Manifest("1", (), {"t": MappedTable({"c": MappedColumn("ENUM('a','b')", False, name)})}) for name in "ab"
    }
    assert objections(mapped["a"], live(c=column), (), database="d", mariadb=False) == []
    (found,) = objections(mapped["b"], live(c=column), (), database="d", mariadb=False)
    assert "store 'a', not 'b'" in found.text


def test_what_cannot_be_compared_is_open_and_worse_answers_win() -> None:
    odd = MappedTable({"c": MappedColumn("SOMETHING ELSE", False)})
    manifest = Manifest("1", (), {"t": odd, "o.x": MappedTable({})})
    found = tuple(objections(manifest, live(c=Column("c", _TYPE, False)), (), database="d", mariadb=False))
    assert [(item.table, item.is_open) for item in found] == [("o.x", True), ("t", True)]
    assert Answer("1", (manifest,), found).exit_code == OPEN
    assert Answer("1", (manifest,), (*found, Objection("t", None, "gone"))).exit_code == BREAKS
    assert Answer("1", (manifest,), ()).exit_code == 0


@pytest.mark.parametrize(("name", "is_open"), [("d.t", False), ("D.T", False), ("o.t", True)])
def test_a_table_is_looked_up_in_the_database_its_model_names(name: str, is_open: bool) -> None:
    manifest = Manifest("1", (), {name: MappedTable({})})
    (found,) = objections(manifest, live(c=Column("c", _TYPE, False)), (), database="d", mariadb=False)
    assert (found.table, found.column, found.is_open) == (name, None if is_open else "c", is_open)
