"""The second witness on real servers: what performance_schema remembers decides whether a contract may run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pymysql
import pytest
import sqlalchemy
from hypothesis import given, settings
from sqlalchemy.engine import make_url

from tests.apps import DROP_NICK, App
from tests.fleets import Fleets, mapping
from tests.run.applying import alembic, execute, make_env, schema
from tests.servers import Kind, Server, open_server
from tests.verdict.test_digest_text import COLUMNS, reading
from zdmigrate.run import contract_gate
from zdmigrate.run.connection import Connection
from zdmigrate.run.order import Prepared
from zdmigrate.run.own_statements import own_statements
from zdmigrate.run.schema_check import live_catalog
from zdmigrate.run.topology import Node
from zdmigrate.run.witness import SecondWitness, hear
from zdmigrate.verdict.digest_text import canonical, read
from zdmigrate.verdict.witness import Evidence, Harm, Heard, Removal, harm_of, is_ours
from zdsession.fleet.model import Gone

CONTRACT = "# zdmigrate: phase contract"
OLD = mapping("1.0", users="id name nick?")
NEW = mapping("2.0", users="id name")
KINDS: tuple[Kind, ...] = ("mysql", "mariadb")
NICK = Gone("users", "nick")
TABLE = "performance_schema.events_statements_summary_by_digest"


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that remembers statements; the servers that tests share do not."""
    made = open_server(request.param, args=("--performance-schema=ON",))
    yield made
    made.close()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """An empty database; nothing is remembered of what ran before."""
    execute(server.url(), "CREATE DATABASE shop", f"TRUNCATE {TABLE}")
    yield server.url("shop")
    execute(server.url(), "DROP DATABASE shop", "DROP DATABASE IF EXISTS zdmigrate", "DROP DATABASE IF EXISTS other")


@pytest.fixture
def users(url: str) -> str:
    """The same with tables; one has a column whose name servers show as another word."""
    execute(
        url,
        "CREATE TABLE users (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50), nick VARCHAR(50), day INT)",
        "CREATE TABLE people (id INT PRIMARY KEY, nick VARCHAR(50))",
        "INSERT INTO users (name, nick) VALUES ('a', 'b'), ('c', 'd')",
        f"TRUNCATE {TABLE}",
    )
    return url


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """Its database is at `aaaa1`; what is pending drops `nick`."""
    made = App(tmp_path / "app", monkeypatch)
    made.users(DROP_NICK, head=CONTRACT)
    (made.versions / "cccc3_change.py").unlink(missing_ok=True)
    make_env(made.folder)
    return made


def node(url: str, name: str = "db1") -> Node:
    made = make_url(url)
    return Node(name, made, made.host or "", made.port or 3306)


def heard(url: str, seconds: float = 600) -> Heard:
    with Connection(node(url)) as there:
        return hear(there, seconds)


def looked(url: str, *gone: Gone, since: float = 600) -> Evidence:
    """What the one server says of a contract that removes this."""
    with Connection(node(url), database="shop") as there:
        before = live_catalog(there)
    (found,) = SecondWitness((node(url),), "shop").look([Removal("bbbb2", gone, before, since)])
    return found


BREAKS = [
    "SELECT nick FROM users",
    "select u.Nick as n from users u where u.id in (1, 2, 3) -- as it was",
    "SELECT `users`.`nick` FROM `users` JOIN people USING (id)",
    "SELECT shop.users.nick FROM shop.users",
    "SELECT id FROM people WHERE id IN (SELECT id FROM users WHERE nick = 'x')",
    "SELECT * FROM (SELECT id, nick FROM users) AS d",
    "WITH a AS (SELECT nick FROM users) SELECT COUNT(*) FROM a",
    "SELECT COUNT(*) FROM users GROUP BY nick HAVING COUNT(*) > 3",
    "SELECT id FROM users /* who */ ORDER BY nick LIMIT 3",
    "SELECT id FROM users NATURAL JOIN people",
    "INSERT INTO users VALUES (NULL, 'x', 'y', 3)",
    "INSERT INTO users (name, nick) VALUES ('x', 'y'), ('x', 'z')",
    "INSERT INTO users (id, name) VALUES (1, 'x') ON DUPLICATE KEY UPDATE nick = VALUES(nick)",
    "INSERT INTO people (id, nick) SELECT id + 1000, nick FROM users",
    "REPLACE INTO users SET id = 1, nick = 'q'",
    "UPDATE users SET nick = NULL WHERE id = -5",
    "UPDATE people p, users u SET p.nick = 'x' WHERE u.nick = 'never'",
    "DELETE FROM users WHERE nick = 'nobody'",
    "DELETE u FROM users u JOIN people p ON p.id = u.id WHERE u.nick = p.nick",
    "SELECT 1 UNION ALL SELECT nick FROM users",
    "SELECT 1, 2, 3, 4 UNION ALL SELECT * FROM users",
    "SET @x = (SELECT nick FROM users LIMIT 1)",
]
HOLDS = [
    "SELECT name FROM users",
    "SELECT nick FROM people",
    "SELECT p.nick FROM people p JOIN users u ON u.id = p.id",
    "SELECT name FROM users WHERE id IN (SELECT id FROM people WHERE nick = 'x')",
    "SELECT name AS nick FROM users ORDER BY nick",
    "INSERT INTO users (name) VALUES ('nick')",
    "INSERT INTO users () VALUES ()",
    "UPDATE users SET name = 'nick' WHERE id = 1 AND name <> \"nick\"",
    "EXPLAIN SELECT nick FROM users",
    "ALTER TABLE users COMMENT 'about nick'",
    "SHOW COLUMNS FROM users LIKE 'nick'",
]


def test_what_names_a_column_is_found_and_nothing_else(users: str) -> None:
    with Connection(node(users), database="shop") as there:
        tables = live_catalog(there).tables.items()
    columns = {name: frozenset(canonical(column.name) for column in table.columns) for name, table in tables}

    def broken(*statements: str) -> tuple[list[str], list[str]]:
        execute(users, f"TRUNCATE {TABLE}", *statements)
        told: dict[bool, list[str]] = {True: [], False: []}
        for item in heard(users).digests:
            harm, _ = harm_of(read(item.text), NICK, "shop", item.schema, columns)
            told[harm is Harm.BREAKS].append(item.text)
        return told[True], told[False]

    found, missed = broken(*BREAKS)
    assert len(found) == len(BREAKS), missed
    found, _ = broken(*HOLDS)
    assert found == []


def test_what_is_said_of_a_sighting(users: str) -> None:
    with closing(connected(users)) as report, report.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT id, nick FROM users WHERE name = 'top secret'")
        evidence = looked(users, NICK)
        (found,) = evidence.found
        text = "\n".join(evidence.reasons())
        assert "bbbb2 removes users.nick, and db1 ran a statement that names users.nick" in text
        assert "(3 times in all" in text
        assert "`nick` FROM `users` WHERE" in text
        assert "secret" not in text
        assert "--accept witness --because REASON" in text
        if "mariadb" not in _version(users).lower():  # which keeps no statements by thread unless it is told to
            cursor.execute("SELECT CONNECTION_ID()")
            assert found.digest.clients == (f"root@{_host(users)} (connection {(cursor.fetchone() or ())[0]})",)
    assert evidence.quote().startswith("1 statement in the way on db1 (")


def test_a_star_loses_a_column_and_is_only_noted(users: str) -> None:
    execute(users, "SELECT * FROM users", "SELECT u.* FROM users u")
    evidence = looked(users, NICK)
    assert evidence.found == ()
    assert any("2 statements that read * of it" in note for note in evidence.notes)
    assert {item.gone for item in looked(users, Gone("users")).found} == {Gone("users")}


def test_a_column_that_servers_show_as_another_word_is_found(users: str) -> None:
    execute(users, "SELECT day FROM users WHERE id = 1")
    assert len(looked(users, Gone("users", "day")).found) == 1
    execute(users, f"TRUNCATE {TABLE}", "SELECT name FROM users WHERE DATE(NOW()) > NOW() - INTERVAL 1 DAY")
    assert looked(users, Gone("users", "day")).found == ()


def test_the_database_counts(users: str) -> None:
    execute(
        users, "CREATE DATABASE other", "CREATE TABLE other.users (id INT, nick INT)", "SELECT nick FROM other.users"
    )
    execute(users.replace("/shop", "/other"), "SELECT nick FROM users")
    assert looked(users, NICK).found == ()
    execute(users.replace("/shop", "/other"), "SELECT nick FROM shop.users")
    execute(users.replace("/shop", "/"), "SELECT nick FROM shop.users WHERE id = 1")
    assert len(looked(users, NICK).found) == 2


def test_a_zone_of_its_own_changes_no_age(users: str) -> None:
    execute(users, "SET GLOBAL time_zone = '+05:00'")
    try:
        execute(users, "SELECT nick FROM users")
        (found,) = looked(users, NICK, since=300).found
        assert 0 <= found.digest.age < 60
    finally:
        execute(users, "SET GLOBAL time_zone = 'SYSTEM'")


def test_a_statement_longer_than_the_server_keeps_is_half_known(users: str) -> None:
    columns = ", ".join(f"users.name AS column_number_{number}" for number in range(100))
    execute(users, f"SELECT {columns}, users.nick FROM users")
    evidence = looked(users, NICK)
    assert evidence.found == ()
    assert any("keeps only the first 1024 bytes" in note and "the rest of 1 of them" in note for note in evidence.notes)
    execute(users, f"TRUNCATE {TABLE}", f"SELECT users.nick, {columns} FROM users")
    assert len(looked(users, NICK).found) == 1, "a qualifier tells the table where FROM is cut off"


def test_who_cannot_tell_says_why(users: str) -> None:
    execute(users, "CREATE USER nosy@'%' IDENTIFIED BY 'x'", "GRANT SELECT ON shop.* TO nosy@'%'")
    try:
        assert not heard(users).silent
        nosy = make_url(users).set(username="nosy", password="x").render_as_string(hide_password=False)
        refused = heard(nosy).silent
        assert "may not read performance_schema" in refused
        assert "GRANT SELECT ON performance_schema.* TO 'nosy'@'%'" in refused
        assert looked(nosy, NICK).notes == (f"no second witness on db1: {refused}",)
    finally:
        execute(users, "DROP USER nosy@'%'")
    consumers = "UPDATE performance_schema.setup_consumers SET ENABLED = '{}' WHERE NAME = 'statements_digest'"
    instrument = "UPDATE performance_schema.setup_instruments SET ENABLED = '{}' WHERE NAME = 'statement/sql/select'"
    for switch, said in ((consumers, "statements_digest is off"), (instrument, "not watch statement/sql/select")):
        execute(users, switch.format("NO"))
        try:
            assert said in heard(users).silent
        finally:
            execute(users, switch.format("YES"))
    execute(users, "UPDATE performance_schema.setup_actors SET ENABLED = 'NO'")
    try:
        assert "watches some accounts only" in heard(users).partial
    finally:
        execute(users, "UPDATE performance_schema.setup_actors SET ENABLED = 'YES'")


def test_a_server_without_room_for_more_statements_is_half_a_witness() -> None:
    small = open_server("mariadb", args=("--performance-schema=ON", "--performance-schema-digests-size=6"))
    try:
        for number in range(9):
            execute(small.url(), f"SELECT {number} AS a_{number}")
        found = heard(small.url())
        assert not found.silent
        assert found.lost is not None
        evidence = looked_at(small.url(), NICK)
        assert any("no room for every statement" in note for note in evidence.notes)
    finally:
        small.close()


def test_performance_schema_off(any_sql_url: str) -> None:
    evidence = looked_at(any_sql_url, NICK)
    assert evidence.notes == (
        "no second witness on db1: performance_schema is off (performance_schema=ON in its configuration, and a "
        "restart)",
    )
    assert (evidence.quote(), evidence.reasons()) == ("", [])


def test_a_server_that_does_not_answer_is_no_witness(users: str) -> None:
    away = node(make_url(users).set(port=1).render_as_string(hide_password=False), "away")
    execute(users, "SELECT nick FROM users")
    with Connection(node(users), database="shop") as there:
        before = live_catalog(there)
    (evidence,) = SecondWitness((away, node(users)), "shop").look([Removal("bbbb2", (NICK,), before, 600)])
    assert any(note.startswith("no second witness on away: it does not answer") for note in evidence.notes)
    assert [item.node for item in evidence.found] == ["db1"]


def test_what_we_send_ourselves_is_no_evidence(users: str) -> None:
    from click.testing import CliRunner

    from zdmigrate.cli import main

    execute(users, "INSERT INTO users (name, nick) SELECT name, nick FROM users", f"TRUNCATE {TABLE}")
    statement = "UPDATE users SET name = CONCAT(nick, '-', name) WHERE nick IS NOT NULL AND name NOT LIKE '%-%'"
    result = CliRunner().invoke(main, ["backfill", "--url", users, statement])
    assert result.exit_code == 0, result.output
    mine, theirs = by_whom(users)
    assert [text for text in mine if "UPDATE `users`" in text], "it was seen"
    assert theirs == [], "the search for the next range is ours, too"
    assert (looked(users, NICK).found, looked(users, Gone("users")).found) == ((), ())
    execute(users, statement)
    _, theirs = by_whom(users)
    assert len(theirs) == 1, "without the cuts it is the app's"


def by_whom(url: str) -> tuple[list[str], list[str]]:
    """The statements that name the table: ours, and those of others."""
    with Connection(node(url)) as there:
        own = own_statements(there, 600)
    digests = [
        item for item in heard(url).digests if harm_of(read(item.text), Gone("users"), "shop", item.schema, {})[1]
    ]
    assert own
    mine = [item.text for item in digests if is_ours(item, own)]
    return mine, [item.text for item in digests if item.text not in mine]


def test_our_proofs_and_checksums_are_no_evidence(users: str) -> None:
    from zdmigrate import live

    engine = sqlalchemy.create_engine(users)
    with engine.connect() as connection:
        assert live.ask(connection, "SELECT 1 FROM users WHERE nick IS NULL LIMIT 1").met
    engine.dispose()
    with Connection(node(users)) as there:
        there.rows("SELECT COUNT(*) AS n, BIT_XOR(CRC32(`nick`)) AS h FROM `shop`.`users` WHERE `id` <= 5")
    assert sum("`nick`" in item.text for item in heard(users).digests) == 2, "they were seen"
    assert looked(users, NICK).found == ()


def connected(url: str) -> pymysql.Connection[pymysql.cursors.Cursor]:
    made = make_url(url)
    return pymysql.connect(
        host=made.host or "", port=made.port or 0, user=made.username, password=str(made.password or ""),
        database=made.database, autocommit=True,
    )  # fmt: skip


def looked_at(url: str, *gone: Gone) -> Evidence:
    """The same where there is no table."""
    from zdmigrate.history.catalog import Catalog

    (found,) = SecondWitness((node(url),), "shop").look([Removal("bbbb2", gone, Catalog(), 600)])
    return found


def _version(url: str) -> str:
    return str(execute(url, "SELECT VERSION()")[0][0])


def _host(url: str) -> str:
    return str(execute(url, "SELECT SUBSTRING_INDEX(USER(), '@', -1)")[0][0])


# through `apply`


def began(app: App, url: str) -> None:
    alembic(app.folder, url, "upgrade", "aaaa1")
    execute(url, "INSERT INTO users (name, nick) VALUES ('a', 'b')")


def after_the_second() -> None:
    """MariaDB notes whole seconds: what runs now is seen as later than what ran before this."""
    time.sleep(1.1)


def test_a_contract_waits_for_a_stranger_that_still_reads_the_column(
    url: str, app: App, fleet: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_gate, "CLOCK_SLACK", 0.0)  # one machine has one clock
    began(app, url)
    fleet.runs("web1", OLD)
    execute(url, "SELECT id, nick FROM users")
    after_the_second()
    fleet.ends("web1")
    fleet.runs("web1", NEW)
    before = schema(url)
    command = ("apply", "--url", url, "--yes", "--fleet", fleet.url, "--least-age", "0")
    dry = app.run(*command, "--dry-run")
    assert dry.code == 0, f"what old code read before it left is no evidence: {dry.err}"
    assert "only statements of the last" in dry.out
    after_the_second()
    execute(url, "SELECT nick FROM users WHERE id = 7")  # a report that is no node
    early = app.run(*command)
    assert early.code == 6, early.out
    assert "bbbb2 removes users.nick" in early.err
    assert "ran a statement that names users.nick" in early.err
    assert (schema(url), fleet.registry.barriers()) == (before, [])
    window = app.run(*command, "--witness-window", "0", "--dry-run")
    assert window.code == 0, window.err
    done = app.run(*command, "--accept", "witness", "--because", "the report is switched off tonight")
    assert done.code == 0, done.err
    assert "accepted: bbbb2 removes users.nick, and" in done.out
    ((intent,),) = execute(url, "SELECT intent FROM zdmigrate.run WHERE state = 'done'")
    assert '"witness": "the report is switched off tonight"' in intent
    ((said,),) = execute(url, "SELECT detail FROM zdmigrate.step WHERE name = 'bbbb2'")
    assert "; 1 statement in the way on" in said
    assert "nick" not in schema(url)["users"]


def test_a_stranger_that_comes_after_the_first_look_is_seen_before_the_statement(
    url: str, app: App, fleet: Fleets
) -> None:
    from tests.run.test_contract_gate import carried_out
    from zdmigrate.run.contract_gate import NotProvedError

    began(app, url)
    execute(url, f"TRUNCATE {TABLE}")
    fleet.runs("web1", NEW)
    before = schema(url)

    def meanwhile(prepared: Prepared) -> None:
        execute(url, "SELECT nick FROM users")

    with pytest.raises(NotProvedError, match=r"ran a statement that names users\.nick"):
        carried_out(url, fleet.url, meanwhile=meanwhile)
    assert (schema(url), fleet.registry.barriers()) == (before, [])


def test_our_own_statements_before_a_contract_do_not_stop_it(url: str, app: App, fleet: Fleets) -> None:
    app.users('op.add_column("users", sa.Column("known_as", sa.String(50)))')
    app.revision("cccc3", 'op.execute("UPDATE users SET known_as = nick WHERE known_as IS NULL")', down="bbbb2")
    app.revision("dddd4", DROP_NICK, down="cccc3", head=CONTRACT)
    began(app, url)
    execute(url, f"TRUNCATE {TABLE}")
    fleet.runs("web1", NEW)
    command = ("apply", "--url", url, "--yes", "--fleet", fleet.url, "--least-age", "0")
    done = app.run(*command, "--accept", "cccc3", "--because", "new code reads it")
    assert done.code == 0, done.err
    mine, theirs = by_whom(url)
    assert [text for text in mine if "`known_as` = `nick`" in text], "it was seen"
    assert theirs == []
    assert "no statement in the way on" in done.out
    assert "nick" not in schema(url)["users"]


@pytest.mark.soak
def test_whoever_reads_it_is_found_in_what_servers_make_of_it(users: str) -> None:
    """The properties of `tests/verdict/test_digest_text.py`, with the digests that real servers make."""
    execute(users, "CREATE TABLE orders (id INT, user_id INT)")

    @settings(max_examples=400, deadline=None, database=None)
    @given(reading("users"), reading("people"))
    def all_are_found(reads: str, reads_another: str) -> None:
        with closing(connected(users)) as connection, connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {TABLE}")
            for sql in (reads, reads_another):
                with suppress(pymysql.MySQLError):  # what a server refuses to run it has read
                    cursor.execute(sql)
            cursor.execute(f"SELECT DIGEST_TEXT FROM {TABLE} WHERE SCHEMA_NAME = 'shop' ORDER BY FIRST_SEEN")
            digests = [str(row[0]) for row in cursor.fetchall()]
        harms = [harm_of(read(text), NICK, "shop", "shop", COLUMNS)[0] for text in digests]
        named = [text for text, harm in zip(digests, harms, strict=True) if harm is Harm.BREAKS]
        assert len(named) == 1, (reads, reads_another, digests)
        assert "`users`" in named[0]

    all_are_found()
