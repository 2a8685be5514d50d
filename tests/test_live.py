"""Reading a live database, on real MySQL and MariaDB: what it tells a plan, and that nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa

from tests.apps import CREATE_USERS, DROP_NICK, App, assert_one_sentence
from zdmigrate import live
from zdmigrate.live import connected, read_live
from zdmigrate.plan import Proof, TableSize

USERS = (
    "CREATE TABLE users (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) COLLATE utf8mb4_bin NOT NULL, "
    "nick VARCHAR(50), UNIQUE KEY uq_name (name)) DEFAULT CHARSET=utf8mb4",
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    "INSERT INTO alembic_version VALUES ('aaaa1')",
)
#: Conditional on data: names that differ in case only would be duplicates.
IGNORE_CASE = (
    'op.execute("ALTER TABLE users MODIFY name VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL")'
)
HEAVY = 'op.execute("ALTER TABLE users MODIFY id BIGINT NOT NULL AUTO_INCREMENT")'


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _execute(url: str, *statements: str) -> Sequence[Any]:
    """Run statements as the owner; the rows of the last."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="mysql+pymysql"))
    rows: Sequence[Any] = ()
    with engine.begin() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = result.fetchall() if result.returns_rows else ()
    engine.dispose()
    return rows


def _conditions(document: Any) -> dict[str, Any]:
    (revision,) = document["revisions"]
    return {item["name"]: item for change in revision["changes"] for item in change["old_code"]["conditions"]}


def test_the_database_says_what_is_deployed_and_on_which_server(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS)
    app.users(DROP_NICK)
    document = app.plan("--url", any_sql_url)
    assert [item["revision"] for item in document["revisions"]] == ["bbbb2"]
    assert document["deployed"] == ["aaaa1"]
    vendor = "MariaDB" if document["target"]["flavour"] == "mariadb" else "MySQL"
    ((version,),) = _execute(any_sql_url, "SELECT VERSION()")
    assert ("MariaDB" in version) == (vendor == "MariaDB")
    assert version.startswith(document["target"]["version"])
    assert document["revisions"][0]["verdict"] == "unsafe"


def test_the_command_line_wins_over_the_database(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS)
    app.users(DROP_NICK)
    document = app.plan("--url", any_sql_url, "--target", "mysql:5.7", "--from", "bbbb2")
    assert document["target"] == {"flavour": "mysql", "version": "5.7"}
    assert document["revisions"] == []


def test_another_version_table(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS, "RENAME TABLE alembic_version TO `shop``versions`")
    app.users(DROP_NICK)
    app.settings("version_table = shop`versions")
    assert app.plan("--url", any_sql_url)["deployed"] == ["aaaa1"]


def test_a_database_without_a_version_table_is_judged_revision_by_revision(app: App, any_sql_url: str) -> None:
    app.users(DROP_NICK)
    document = app.plan("--url", any_sql_url)
    assert document["deployed"] == []
    assert [item["verdict"] for item in document["revisions"]] == ["safe", "unsafe"]


def test_a_database_ahead_of_the_history(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS, "UPDATE alembic_version SET version_num = 'zzzz9'")
    app.users(DROP_NICK)
    assert_one_sentence(app.run("plan", "--url", any_sql_url), "'zzzz9' is no revision of")


def test_the_schema_is_the_databases_not_the_historys(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS, "ALTER TABLE users DROP COLUMN nick")
    app.users(DROP_NICK)
    (revision,) = app.plan("--url", any_sql_url)["revisions"]
    assert revision["verdict"] == "unknown"
    assert revision["replay_error"]["kind"] == "refused"


def test_sizes_change_the_advice(app: App, any_sql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _execute(any_sql_url, *USERS, "INSERT INTO users (name) VALUES ('a'), ('b')", "ANALYZE TABLE users")
    app.users(HEAVY)
    unseen = app.plan("--from", "aaaa1")["revisions"][0]["changes"][0]
    small = app.plan("--url", any_sql_url)["revisions"][0]["changes"][0]
    assert "size is not known" in unseen["strategy_reason"]
    assert unseen["strategy"] != "direct"
    assert small["strategy"] == "direct"
    assert small["strategy_reason"].startswith("The table is small (2 rows, 0 MB)")
    monkeypatch.setattr("zdmigrate.verdict.strategy.SMALL_ROWS", 1)
    big = app.plan("--url", any_sql_url)["revisions"][0]["changes"][0]
    assert "The table is big (2 rows" in big["strategy_reason"]
    assert big["strategy"] != "direct"


def test_a_condition_that_the_data_meets(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS, "INSERT INTO users (name) VALUES ('a'), ('b')")
    app.users(IGNORE_CASE)
    before = _conditions(app.plan("--from", "aaaa1", "--schema", _dump(app)))
    after = _conditions(app.plan("--url", any_sql_url))
    proved = {name: item for name, item in after.items() if item["proof"]}
    assert proved, after
    for name, item in proved.items():
        assert before[name]["met"] is None
        assert item["met"] is True
        assert item["evidence"] == "no row against it in the database now"


def test_a_condition_that_the_data_breaks(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS, "INSERT INTO users (name) VALUES ('a'), ('A')")
    app.users(IGNORE_CASE)
    found = _conditions(app.plan("--url", any_sql_url))
    assert [item["evidence"] for item in found.values() if item["met"] is False] == [
        "the database holds rows against it"
    ]
    result = app.run("check", "--url", any_sql_url, "--fail-on", "conditional")
    assert result.code == 1
    assert "[the database holds rows against it]" in result.out


def test_a_condition_on_what_does_not_exist_yet_stays_open(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS)
    with connected(any_sql_url) as connection:
        flavour = read_live(connection, version_table="alembic_version").flavour
        for query in ("SELECT 1 FROM users WHERE no_column = 1 LIMIT 1", "SELECT 1 FROM no_table LIMIT 1"):
            assert live._run_proof(connection, query, flavour) == Proof(None, "its table or column does not exist yet")
        broken = live._run_proof(connection, "SELECT FROM WHERE", flavour)
        assert broken == Proof(None, "cannot be asked (error 1064)")
        percent = live._run_proof(connection, "SELECT 1 FROM users WHERE name LIKE 'a%' LIMIT 1", flavour)
        assert percent.met is True


def test_a_proof_is_bounded(any_sql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _execute(
        any_sql_url,
        "CREATE TABLE n (i INT)",
        f"INSERT INTO n VALUES {', '.join(f'({number})' for number in range(1000))}",
    )
    monkeypatch.setattr(live, "PROOF_SECONDS", 1)
    with connected(any_sql_url) as connection:
        flavour = read_live(connection, version_table="alembic_version").flavour
        endless = "SELECT 1 FROM n a, n b, n c WHERE a.i + b.i * c.i = -1 LIMIT 1"
        assert live._run_proof(connection, endless, flavour) == Proof(None, "not answered within 1 s")
        assert live._run_proof(connection, "SELECT 1 FROM n WHERE i < 0 LIMIT 1", flavour).met is True


def test_nothing_is_written(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS, "INSERT INTO users (name) VALUES ('a')")
    app.users(DROP_NICK, IGNORE_CASE, 'op.execute("DELETE FROM users")', 'op.execute("TRUNCATE alembic_version")')

    def state() -> list[Any]:
        tables = ("users", "alembic_version")
        found: list[Any] = [list(_execute(any_sql_url, f"SHOW CREATE TABLE {table}")) for table in tables]
        found += [list(_execute(any_sql_url, f"SELECT * FROM {table}")) for table in tables]
        return [*found, list(_execute(any_sql_url, "SHOW TABLES"))]

    before = state()
    for command in (["plan"], ["check"], ["check", "--downgrade"]):
        assert app.run(*command, "--url", any_sql_url).code in (0, 1, 3)
    assert state() == before


def test_the_session_refuses_to_write(any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS)
    with connected(any_sql_url) as connection:
        for statement in ("DELETE FROM users", "INSERT INTO users (name) VALUES ('x')"):
            with pytest.raises(sa.exc.DBAPIError) as caught:
                connection.exec_driver_sql(statement)
            assert caught.value.orig is not None
            assert caught.value.orig.args[0] == 1792


def test_what_is_read(any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS, "CREATE VIEW v AS SELECT 1 AS one")
    with connected(any_sql_url) as connection:
        found = read_live(connection, version_table="alembic_version")
        assert found.heads == ("aaaa1",)
        assert "alembic_version" not in found.catalog.tables
        assert [column.name for column in found.catalog.tables["users"].columns] == ["id", "name", "nick"]
        assert isinstance(found.sizes["users"], TableSize)
        assert "v" not in found.sizes
        assert found.has_replica is False


# URLs that cannot be used: one sentence, exit 2, and never the password.


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "--url is not a database URL"),
        ("mysql://u:s3cret@h:port/d", "--url is not a database URL"),
        ("postgresql://u:s3cret@h/d", "is not MySQL or MariaDB"),
        ("mysql://u:s3cret@127.0.0.1", "names no database"),
        ("mysql://u:s3cret@127.0.0.1:1/d", "cannot be read: Can't connect"),
        ("mysql://u:s3cret@no-such-host.invalid/d", "cannot be read: Can't connect"),
        ("mysql://u:s3cret@127.0.0.1:1/d?colour=red", "option that PyMySQL does not know"),
        ("mysql://u:${NO_SUCH_VARIABLE}@127.0.0.1/d", "the environment variable NO_SUCH_VARIABLE"),
        ("", "--url is empty"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_url_that_cannot_be_used(app: App, command: str, url: str, words: str) -> None:
    app.users(DROP_NICK)
    result = app.run(command, "--url", url)
    assert_one_sentence(result, words)
    assert "s3cret" not in result.err


def test_a_wrong_password(app: App, any_sql_url: str) -> None:
    app.users(DROP_NICK)
    url = sa.make_url(any_sql_url).set(password="wr0ng-s3cret").render_as_string(hide_password=False)
    result = app.run("plan", "--url", url)
    assert_one_sentence(result, "cannot be read: Access denied for user")
    assert "wr0ng-s3cret" not in result.err


def test_a_database_that_does_not_exist(app: App, any_sql_url: str) -> None:
    app.users(DROP_NICK)
    url = sa.make_url(any_sql_url).set(database="no_such_database").render_as_string(hide_password=False)
    result = app.run("plan", "--url", url)
    assert_one_sentence(result, "cannot be read: Unknown database 'no_such_database'")
    assert str(sa.make_url(any_sql_url).password) not in result.err


def test_a_password_of_any_kind_comes_from_the_environment(
    app: App, any_sql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = "p@ss/w:rd?#%41 [x]"
    parsed = sa.make_url(any_sql_url)
    user = str(parsed.database)
    _execute(any_sql_url, *USERS)
    owner = pymysql.connect(
        host=parsed.host or "", port=parsed.port or 0, user=parsed.username, password=str(parsed.password or "")
    )
    with owner, owner.cursor() as cursor:
        cursor.execute(f"CREATE USER {user}@'%%' IDENTIFIED BY %s", (password,))
        try:
            cursor.execute(f"GRANT SELECT ON {user}.* TO {user}@'%'")
            app.users(CREATE_USERS.replace("users", "orders"))
            monkeypatch.setenv("DB_PASSWORD", password)
            monkeypatch.setenv("ZDMIGRATE_URL", f"mysql://{user}:${{DB_PASSWORD}}@{parsed.host}:{parsed.port}/{user}")
            document = app.plan()
            assert document["deployed"] == ["aaaa1"]
        finally:
            cursor.execute(f"DROP USER {user}@'%'")


def _dump(app: App) -> str:
    """The deployed schema as a dump, for a plan without the database."""
    (app.folder / "dump.sql").write_text(f"{USERS[0]};\n")
    return "dump.sql"


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_one_column_that_is_proved_does_not_hide_another_that_is_not(
    app: App, any_sql_url: str, order: tuple[str, str]
) -> None:
    """Two conditions of one name, one met: the gate must go by the other."""
    column = "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    table = f"CREATE TABLE pairs (id INT PRIMARY KEY, a {column}, b {column}, UNIQUE ua (a), UNIQUE ub (b))"
    _execute(any_sql_url, *USERS, table, "INSERT INTO pairs VALUES (1, 'x', 'y'), (2, 'X', 'z')")
    changed = ", ".join(f"MODIFY {name} {column.replace('utf8mb4_bin', 'utf8mb4_unicode_ci')}" for name in order)
    app.users(f'op.execute("ALTER TABLE pairs {changed}")')
    conditions = app.plan("--url", any_sql_url)["revisions"][0]["changes"][0]["old_code"]["conditions"]
    proved = [item["met"] for item in conditions if item["proof"]]
    assert sorted(proved) == [False, True]
    assert len({item["id"] for item in conditions}) == len(conditions)
    result = app.run("check", "--url", any_sql_url, "--fail-on", "conditional", "--format", "json")
    assert result.code == 1
    assert "pairs.a" in result.json["gate"]["obstacles"][0]["message"]


def test_a_database_behind_the_deployed_revision_is_brought_there_first(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS)
    app.users('op.add_column("users", sa.Column("age", sa.Integer))')
    app.revision("cccc3", 'op.drop_column("users", "age")', down="bbbb2")
    document = app.plan("--url", any_sql_url, "--from", "bbbb2")
    (revision,) = document["revisions"]
    assert revision["revision"] == "cccc3"
    assert revision["replay_error"] is None
    assert revision["verdict"] == "unsafe", "age is deployed, so old code may read it"


def test_a_database_beyond_the_deployed_revision_is_not_old_codes_schema(app: App, any_sql_url: str) -> None:
    _execute(any_sql_url, *USERS)
    app.users(DROP_NICK)
    result = app.run("plan", "--url", any_sql_url, "--from", "base")
    assert_one_sentence(result)
    assert "the database is at aaaa1, beyond base" in result.err
