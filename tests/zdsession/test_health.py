"""What a balancer is told, and what a database must have before it is told to send traffic."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from zdsession import ConfigurationError
from zdsession.health import Columns, HealthPages, SchemaCheck, lacking, named
from zdsession.manifest import Manifest, MappedColumn, MappedTable

TOKEN = "t0ken-t0ken-t0ken"


class Node:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    def why_unready(self) -> list[str]:
        return self.reasons

    def details(self) -> dict[str, Any]:
        return {"node": "a", "waiting_for": self.reasons}


def ask(
    pages: HealthPages, path: str, method: str = "GET", token: str | None = None
) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "h",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": __import__("io").StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if token is not None:
        environ["HTTP_AUTHORIZATION"] = token
    sent: list[Any] = []
    chunks = validator(pages)(environ, lambda status, headers, exc_info=None: sent.append((status, headers)))  # type: ignore[arg-type]
    body = b"".join(chunks)
    chunks.close()  # type: ignore[attr-defined]
    return sent[0][0], dict(sent[0][1]), body


def test_live_and_ready() -> None:
    node = Node()
    pages = HealthPages(node)
    assert ask(pages, "/-/live")[0] == "200 OK"
    assert ask(pages, "/-/ready")[::2] == ("200 OK", b"ready\n")
    node.reasons = ["the database lacks users.nick"]
    assert ask(pages, "/-/live")[0] == "200 OK", "a process that is not ready need not be restarted"
    status, headers, body = ask(pages, "/-/ready")
    assert (status, headers["Cache-Control"]) == ("503 Service Unavailable", "no-store")
    assert b"nick" not in body, "this page is for anybody"


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_methods(method: str) -> None:
    status, headers, body = ask(HealthPages(Node()), "/-/ready", method)
    if method == "HEAD":
        assert (status, headers["Content-Length"], body) == ("200 OK", "6", b"")
    else:
        assert (status, headers["Allow"]) == ("405 Method Not Allowed", "GET, HEAD")


def test_details_need_the_token() -> None:
    node = Node()
    pages = HealthPages(node, token=TOKEN)
    for shown in (None, "", "Bearer", f"Basic {TOKEN}", "Bearer wrong", f"Bearer {TOKEN}x", "Bearer \xe9\u20ac"):
        status, headers, body = ask(pages, "/-/health", token=shown)
        assert (status, headers["WWW-Authenticate"]) == ("401 Unauthorized", "Bearer"), shown
        assert b"waiting_for" not in body
    status, _, body = ask(pages, "/-/health", token=f"Bearer {TOKEN}")
    assert (status, json.loads(body)) == ("200 OK", {"ready": True, "node": "a", "waiting_for": []})
    node.reasons = ["draining"]
    status, _, body = ask(pages, "/-/health", token=f"bearer {TOKEN}")
    assert (status, json.loads(body)["ready"]) == ("503 Service Unavailable", False)
    assert ask(HealthPages(node), "/-/health", token=f"Bearer {TOKEN}")[0] == "404 Not Found", "no token, no details"


def test_paths() -> None:
    pages = HealthPages(Node(), prefix="/ops/")
    assert [pages.owns(path) for path in ("/ops/ready", "/-/ready", "/ops/", "/ops/ready/x")] == [True, *[False] * 3]
    assert ask(pages, "/elsewhere")[0] == "404 Not Found"


@pytest.mark.parametrize(
    "options", [{"prefix": "/"}, {"prefix": "x/"}, {"prefix": "/x"}, {"token": "short"}, {"token": ""}]
)
def test_bad_options(options: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="health"):
        HealthPages(Node(), **options)


def manifest(tables: dict[str, list[str]]) -> Manifest:
    mapped = {name: MappedTable({c: MappedColumn("INT") for c in columns}) for name, columns in tables.items()}
    return Manifest("1", (), mapped)


def create(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture(params=["sqlite", "mysql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


def test_a_database_is_ready_when_everything_is_there(url: str) -> None:
    wanted = manifest({"users": ["id", "Nick"], "orders": ["id"], "recent": ["id"]})
    check = SchemaCheck(wanted, url)
    create(url, "CREATE TABLE users (id INTEGER)")
    assert check.missing() == ["orders", "recent", "users.Nick"]
    create(url, "ALTER TABLE users ADD COLUMN nick INTEGER", "CREATE TABLE orders (id INTEGER, more INTEGER)")
    assert check.missing() == ["recent"]
    create(url, "CREATE VIEW recent AS SELECT id FROM orders", "CREATE TABLE newer (id INTEGER)")
    assert check.missing() == []
    check.close()


def test_names_that_need_quoting_and_an_engine_of_the_app(url: str) -> None:
    engine = sa.create_engine(url)
    tables = sa.MetaData()
    sa.Table("order", tables, sa.Column("group by", sa.Integer), sa.Column("größe", sa.Integer))
    tables.create_all(engine)
    check = SchemaCheck(manifest({"order": ["group by", "größe"]}), engine)
    assert check.missing() == []
    check.close()
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))  # it is the app's: still open
    engine.dispose()


def test_another_schema(any_sql_url: str) -> None:
    url = sa.make_url(any_sql_url)
    create(any_sql_url, "CREATE TABLE users (id INTEGER)")
    elsewhere = url.set(database="mysql").render_as_string(hide_password=False)
    check = SchemaCheck(manifest({f"{url.database}.users": ["id"], "users": ["id"]}), elsewhere)
    assert check.missing() == ["users"]


def test_one_query(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/s.db")
    seen: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda c, cursor, statement, *rest: seen.append(statement))
    SchemaCheck(manifest({f"t{n}": ["a", "b"] for n in range(30)}), engine).missing()
    assert len(seen) == 1
    engine.dispose()


def test_a_database_that_does_not_answer() -> None:
    with pytest.raises(sa.exc.SQLAlchemyError):
        SchemaCheck(manifest({"t": []}), "mysql+pymysql://u:p@127.0.0.1:1/d").missing()


@pytest.mark.parametrize("url", ["nonsense", "oracle://u:hush@h/d", "postgresql://u:hush@h/d"])
def test_databases_that_cannot_be_asked(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        SchemaCheck(manifest({}), url)
    assert "hush" not in str(raised.value)


names = st.sampled_from(["users", "Users", "orders"])
columns = st.sampled_from(["id", "ID", "name"])


@given(
    st.dictionaries(names, st.lists(columns)), st.dictionaries(names, st.sets(columns.map(str.lower))), st.booleans()
)
def test_lacking_says_exactly_what_is_not_there(
    mapped: dict[str, list[str]], there: dict[str, set[str]], folded: bool
) -> None:
    if folded:
        there = {name.lower(): columns for name, columns in there.items()}
    missing = lacking(manifest(mapped), Columns(there, folded))
    for table, wanted in mapped.items():
        found = there.get(table.lower() if folded else table)
        assert (table in missing) == (found is None)
        for column in wanted:
            lost = found is not None and column.lower() not in found
            assert (f"{table}.{column}" in missing) == lost
    more = {name: set(columns) | {"extra"} for name, columns in there.items()}
    assert lacking(manifest(mapped), Columns(more, folded)) == missing, "what is there besides does not matter"


def test_a_long_list_is_cut() -> None:
    assert named(["a"]) == "a"
    assert named([str(n) for n in range(7)]) == "0, 1, 2, 3, 4 and 2 more"
