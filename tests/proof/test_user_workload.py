"""Statements of users: reading them (user_workload.py), and running them beside the derived ones (runner.py)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps import ADD_AGE, DROP_NICK, App, assert_one_sentence
from tests.servers import Server
from zdmigrate.errors import UsageError
from zdmigrate.proof.user_workload import read_workload

_TARGETS = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _file(text: str, name: str = "old.sql") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_statements_know_where_they_stand(app: App) -> None:
    path = _file(
        "-- the list\nSELECT id, 'a;b'\nFROM users;\n\n/* one */ INSERT INTO users (name) VALUES ('x');;\n"
        "REPLACE INTO users (id, name) VALUES (1, 'é');\n# last\nSELECT COUNT(*) FROM users JOIN orders USING (id)"
    )
    found = read_workload([path, _file("DELETE FROM users WHERE id = 1;", "more.sql")], mariadb=False)
    assert [item.place for item in found] == ["old.sql:2", "old.sql:5", "old.sql:6", "old.sql:8", "more.sql:1"]
    assert [item.writes for item in found] == [False, True, True, False, True]
    assert [item.volatile for item in found] == [False, False, False, True, False]
    assert found[3].tables == ("users", "orders")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["SELECT 1", "DELETE FROM t WHERE a = ';--'", "UPDATE t SET a = '\n' WHERE b = 2", "SELECT\n2"]
            ),
            st.sampled_from(["", "\n", "-- a; b\n", "-- SELECT 1\n", "/* x;\ny */", " \t\r\n", "# it's\n", ";"]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_stands_between_statements_their_lines_are_right(parts: list[tuple[str, str]]) -> None:
    text, lines = "", []
    for sql, between in parts:
        text += between
        lines.append(text.count("\n") + 1)
        text += f"{sql};"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.sql"
        path.write_text(text, encoding="utf-8", newline="")
        found = read_workload([path], mariadb=False)
    assert [(item.sql, int(item.place.rsplit(":", 1)[1])) for item in found] == [
        (sql, line) for (sql, _), line in zip(parts, lines, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1;\nSELEC 2;", "old.sql:2: not a statement we can read"),
        ("SELECT 1;\n\nUPDATE users SET name = 'never ends", "old.sql:3: not a statement we can read"),
        ("SELECT 1;\nDROP TABLE users;", "old.sql:2: a workload holds SELECT, INSERT, REPLACE, UPDATE and DELETE only"),
        ("SET GLOBAL read_only = 1", "old.sql:1: a workload holds"),
        ("START TRANSACTION", "old.sql:1: a workload holds"),
        ("CALL clean_up()", "old.sql:1: a workload holds"),
        ("LOAD DATA INFILE '/etc/passwd' INTO TABLE users", "old.sql:1: a workload holds"),
        ("SHOW TABLES", "old.sql:1: a workload holds"),
        ("SELECT name FROM users WHERE id = %s", "old.sql:1: write a value where the placeholder stands"),
        ("SELECT name FROM users WHERE id = :id", "old.sql:1: write a value where the placeholder stands"),
        ("SELECT name FROM users WHERE id = ?", "old.sql:1: write a value where the placeholder stands"),
        ("SELECT * FROM users INTO OUTFILE '/tmp/x'", "old.sql:1: it writes a file on the server"),
        ("DELETE FROM prod.users", "old.sql:1: it names prod.users, and a proof stays inside a database of its own"),
        ("SELECT * FROM users WHERE id IN (SELECT id FROM prod.users)", "old.sql:1: it names prod.users"),
        ("-- nothing\n", "workload old.sql holds no statement"),
    ],
)
def test_what_is_no_statement_of_old_code_is_refused_before_a_server_is_asked(app: App, text: str, said: str) -> None:
    app.users(ADD_AGE)
    path = _file(text)
    with pytest.raises(UsageError) as caught:
        read_workload([path], mariadb=False)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named_before_a_server_is_started(app: App) -> None:
    app.users(ADD_AGE)
    result = app.run("prove", "--from", "aaaa1", "--target", "mysql:9.7", "--workload", "missing.sql")
    assert_one_sentence(result, "cannot read workload missing.sql")


def test_users_statements_break_like_ours_and_keep_their_place(app: App, any_sql_server: Server) -> None:
    _file(
        "SELECT * FROM users WHERE id = 1;\nSELECT gone FROM users;\nSELECT CONCAT(name, nick) AS both_ FROM users;\n"
        "UPDATE users SET name = UPPER(name) WHERE id = 2;\nSELECT UUID(), name FROM users;\n"
    )
    app.users(ADD_AGE, DROP_NICK)
    document = _json(app, any_sql_server)
    assert document["workload"]["statements"] == 5
    (left_out,) = document["workload"]["left_out"]
    assert (left_out["place"], left_out["errno"]) == ("old.sql:2", 1054)
    first, second = document["revisions"][0]["changes"]
    assert first["execution"]["result"] == "held"
    assert second["execution"]["result"] == "broke"


def test_a_break_only_users_know_of(app: App, any_sql_server: Server) -> None:
    """The rules derive statements over tables; what old code asks of a view only a user can say."""
    app.revision(
        "aaaa1",
        'op.execute("CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL)")',
        'op.execute("CREATE TABLE tickets (id INT PRIMARY KEY, status INT)")',
        'op.execute("CREATE VIEW open_ AS SELECT id FROM tickets")',
    )
    app.revision("bbbb2", 'op.execute("DROP VIEW open_")', down="aaaa1")
    _file("SELECT id FROM open_;\nSELECT status FROM tickets\n")
    result = app.run("prove", *_options(any_sql_server), "--workload", "old.sql")
    assert "run: broke (old.sql:1: 1146: " in result.out, result.out + result.err
    assert "Workload: 2 statements of your own." in result.out
    assert result.code == 1


def test_an_answer_that_changes_or_loses_a_column(app: App, any_sql_server: Server) -> None:
    _file("SELECT * FROM users")
    app.users('op.execute("ALTER TABLE users ADD COLUMN age INT FIRST")')
    assert _json(app, any_sql_server)["revisions"][0]["changes"][0]["execution"]["result"] == "held"
    app.users('op.execute("ALTER TABLE users CHANGE nick alias VARCHAR(50)")')
    (change,) = _json(app, any_sql_server)["revisions"][0]["changes"]
    assert change["execution"]["result"] == "broke"
    app.users('op.execute("CREATE OR REPLACE VIEW v AS SELECT id, name FROM users")')
    app.revision("aaaa1", *_users_and_view("id, name, nick"))
    _file("SELECT * FROM v")
    (change,) = _json(app, any_sql_server)["revisions"][0]["changes"]
    assert change["execution"]["broken"]["reason"] == "its answer has no column nick any more"
    app.users('op.execute("CREATE OR REPLACE VIEW v AS SELECT id, UPPER(nick) AS nick, name FROM users")')
    app.revision("aaaa1", *_users_and_view("id, name, nick"))
    (change,) = _json(app, any_sql_server)["revisions"][0]["changes"]
    assert "a row of its answer was read as" in change["execution"]["broken"]["reason"]
    assert change["execution"]["broken"]["purpose"] == "old.sql:1"


def _users_and_view(columns: str) -> tuple[str, ...]:
    table = "CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(50), nick VARCHAR(50))"
    return f'op.execute("{table}")', f'op.execute("CREATE VIEW v AS SELECT {columns} FROM users")'


def test_text_that_only_the_server_cannot_parse_is_named_before_the_migration_runs(
    app: App, any_sql_server: Server
) -> None:
    _file("SELECT 1;\nSELECT FROM WHERE;")
    app.users(DROP_NICK)
    result = app.run("prove", *_options(any_sql_server), "--workload", "old.sql")
    assert_one_sentence(result, "old.sql:2: the server cannot parse it (1064: ")


def test_nothing_a_workload_writes_stays(app: App, any_sql_server: Server) -> None:
    _file("DELETE FROM users;\nSELECT id, name FROM users;\nINSERT INTO users (name) VALUES ('kept?');")
    app.users(ADD_AGE, 'op.create_index("ix_name", "users", ["name"])')
    changes = _json(app, any_sql_server)["revisions"][0]["changes"]
    assert [item["execution"]["result"] for item in changes] == ["held", "held"]
    assert changes[0]["execution"]["rows"] == changes[1]["execution"]["rows"]


def _options(server: Server) -> list[str]:
    return ["--server", server.url(), "--target", _TARGETS[server.kind], "--from", "aaaa1"]


def _json(app: App, server: Server) -> Any:
    result = app.run("prove", *_options(server), "--workload", "old.sql", "--format", "json")
    assert result.code in (0, 1), result.err
    return result.json
