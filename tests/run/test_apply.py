"""`zdmigrate apply` on real servers, and what Alembic itself says afterwards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pymysql
import pytest
import sqlalchemy

from tests.apps import ADD_AGE, BROKEN, DROP_NICK, App, assert_one_sentence
from tests.conftest import MakeServer
from tests.run.applying import alembic, beside, connected, execute, killed_at, reached, schema, shop, wait
from tests.run.conftest import topology_file
from tests.servers import Kind
from tests.servers.replication import Replication
from zdmigrate.manifest import manifest_of

ACCEPT = ("--accept", "0004c", "--because", "the test says so")


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    """The example's history."""
    made = App(tmp_path / "app", monkeypatch)
    shop(tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    made.folder = tmp_path / "shop"
    return made


def test_the_example_ends_as_alembic_would_have_left_it(url: str, example: App) -> None:
    with beside(url) as other:
        alembic(example.folder, other, "upgrade", "head")
        result = example.run("apply", "--url", url, "--yes", *ACCEPT)
        assert result.code == 0, (result.out, result.err)
        assert schema(url) == schema(other)
    assert "0004c (head)" in alembic(example.folder, url, "current")
    again = example.run("apply", "--url", url, "--yes")
    assert (again.code, "nothing to do" in again.out) == (0, True)


def test_each_phase_runs_what_is_its_own(url: str, example: App) -> None:
    alembic(example.folder, url, "upgrade", "0001")
    mapped(example.folder / "v1.json", url)
    wrong = example.run("apply", "--url", url, "--yes", "--phase", "contract")
    assert (wrong.code, "--branch-label=expand" in wrong.err) == (6, True)
    unproved = example.run("apply", "--url", url, "--yes", "--phase", "expand")
    assert (unproved.code, "--accept 0002e:2" in unproved.err) == (6, True)
    accepted = ("--accept", "0002e", "--because", "version 1 knows of refunds")
    expand = example.run("apply", "--url", url, "--yes", "--phase", "expand", *accepted)
    assert expand.code == 0, expand.err
    intent = execute(url, "SELECT intent FROM zdmigrate.run")[0][0]
    assert "version 1 knows of refunds" in intent
    assert "left: 0003m is migrate" in expand.out
    assert "0002e" in alembic(example.folder, url, "current")
    told = example.run("apply", "--url", url, "--yes", "--phase", "migrate")
    assert (told.code, "0003m is contract" in told.err) == (6, True), "nobody said that version 1 is what is deployed"
    migrated = example.run("apply", "--url", url, "--yes", "--phase", "migrate", "--deployed", "v1.json")
    assert migrated.code == 0, migrated.err
    unproved = example.run("apply", "--url", url, "--yes", "--phase", "contract", "--deployed", "v1.json")
    assert (unproved.code, "--accept 0004c:0" in unproved.err) == (6, True)
    mapped(example.folder / "v2.json", url, without="name", required="newsletter")
    proved = example.run("apply", "--url", url, "--yes", "--phase", "contract", "--deployed", "v2.json")
    assert proved.code == 0, proved.err
    assert "0004c (head)" in alembic(example.folder, url, "current")


def mapped(path: Path, url: str, *, without: str = "", required: str = "") -> None:
    """A manifest of code that maps what the database has now, but for a column of customer."""
    engine = sqlalchemy.create_engine(sqlalchemy.make_url(url).set(drivername="mysql+pymysql"))
    metadata = sqlalchemy.MetaData()
    metadata.reflect(engine, only=["customer", "orders"])
    engine.dispose()
    kept = sqlalchemy.MetaData()
    for table in metadata.sorted_tables:
        columns = [column._copy() for column in table.columns if column.name != without or table.name != "customer"]
        for column in columns:
            column.nullable = column.nullable and column.name != required
            column.default = sqlalchemy.ColumnDefault(False) if column.name == required else None
        sqlalchemy.Table(table.name, kept, *columns)
    path.write_bytes(manifest_of(kept, version=path.stem, heads=("0001",)).to_json())


def test_a_dry_run_prints_every_statement_and_writes_nothing(url: str, example: App) -> None:
    alembic(example.folder, url, "upgrade", "0001")
    before = schema(url)
    result = example.run(
        "apply", "--url", url, "--dry-run", "--phase", "expand", "--accept", "0002e", "--because", "a test"
    )
    assert result.code == 0, result.err
    assert "ADD COLUMN first_name VARCHAR(40)\n, ALGORITHM=INSTANT" in result.out
    assert "SET version_num = '0002e'" in result.out
    assert schema(url) == before
    assert ("zdmigrate",) not in execute(url, "SHOW DATABASES")


def test_no_is_an_answer(url: str, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.users('op.add_column("users", sa.Column("age", sa.Integer))')
    monkeypatch.setattr("click.confirm", lambda *args, **options: False)
    result = app.run("apply", "--url", url)
    assert (result.code, "nothing was changed" in result.out) == (0, True)
    assert execute(url, "SHOW TABLES") == []


def test_heads_merges_and_dependencies_are_written_as_alembic_writes_them(url: str, app: App) -> None:
    app.revision("aaaa1", 'op.create_table("a", sa.Column("id", sa.Integer, primary_key=True))')
    app.revision("bbbb2", 'op.add_column("a", sa.Column("b", sa.Integer))', down="aaaa1")
    app.revision("cccc3", 'op.add_column("a", sa.Column("c", sa.Integer))', down="aaaa1")
    app.revision("dddd4", down=("bbbb2", "cccc3"))
    app.revision("eeee5", 'op.add_column("a", sa.Column("e", sa.Integer))', down="dddd4")
    app.revision("ffff6", 'op.create_table("f", sa.Column("id", sa.Integer))', extra='depends_on = "bbbb2"')
    with beside(url) as other:
        for to in ("bbbb2", "cccc3", "ffff6", "heads"):
            result = app.run("apply", "--url", url, "--yes", "--to", to)
            assert result.code == 0, result.err
            alembic(app.folder, other, "upgrade", to)
            assert schema(url)["versions"] == schema(other)["versions"]
        assert {line.split()[0] for line in alembic(app.folder, url, "current").splitlines()} == {"eeee5", "ffff6"}


def test_the_apps_own_version_table_is_used(url: str, app: App) -> None:
    app.settings("version_table = shop_version")
    app.users('op.add_column("users", sa.Column("age", sa.Integer))')
    assert app.run("apply", "--url", url, "--yes").code == 0
    assert execute(url, "SELECT * FROM shop_version") == [("bbbb2",)]


POINTS = ["sent:0002e:0", "sent:0003m:0", "sent:0004c"]


def all_points() -> list[str]:
    counts = {"0001": 2, "0002e": 5, "0003m": 1, "0004c": 2}
    places = ("begun", "sent", "done")
    found = [f"{at}:{name}:{n}" for name, count in counts.items() for n in range(count) for at in places]
    return found + [f"{at}:{name}" for name in counts for at in ("begun", "sent", "version")]


def _killed_then_run_again(url: str, example: App, point: str) -> None:
    with beside(url) as other:
        alembic(example.folder, other, "upgrade", "head")
        tool = killed_at(example.folder, url, point)
        out, err = tool.communicate(timeout=120)
        assert tool.returncode == -signal.SIGKILL, (out, err)
        result = example.run("apply", "--url", url, "--yes", *ACCEPT)
        assert result.code == 0, (result.out, result.err)
        assert schema(url) == schema(other)
        assert execute(url, "SELECT state FROM zdmigrate.run") == [("done",)]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_is_gone_on_from(url: str, example: App, point: str) -> None:
    _killed_then_run_again(url, example, point)


@pytest.mark.soak
@pytest.mark.parametrize("point", [point for point in all_points() if point not in POINTS])
def test_a_kill_at_every_other_point_is_gone_on_from(url: str, example: App, point: str) -> None:
    _killed_then_run_again(url, example, point)


# --- locks, refusals, other runs


@pytest.fixture
def users(url: str, app: App) -> App:
    """An app whose database is at aaaa1; bbbb2 adds a column to users."""
    app.users(ADD_AGE)
    result = app.run("apply", "--url", url, "--yes", "--to", "aaaa1")
    assert result.code == 0, result.err
    execute(url, "INSERT INTO users (name) VALUES ('Ana')")
    return app


def test_a_lock_in_the_way_is_named_and_waited_for_in_short_turns(url: str, users: App) -> None:
    with connected(url) as busy:
        cursor = busy.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM users")
        refused = users.run("apply", "--url", url, "--yes", "--blockers", "abort")
        assert refused.code == 4, refused.err
        assert f"root@127.0.0.1:{busy._sock.getsockname()[1]} (connection {busy.thread_id()}" in refused.err
        assert "nothing was changed" in refused.err
        tool = users.process("apply", "--url", url, "--yes")
        wait(lambda: refusals(url), "one turn is over")
        busy.rollback()
        out, err = tool.communicate(timeout=60)
        assert tool.returncode == 0, err
        assert "tries" in out
    assert execute(url, "SELECT age FROM users") == [(None,)]


def refusals(url: str) -> bool:
    """Whether the journal says of a statement of the running run that it waits."""
    return bool(
        execute(
            url,
            "SELECT 1 FROM zdmigrate.statement JOIN zdmigrate.run ON run.id = run "
            "WHERE run.state = 'running' AND detail LIKE 'waits for%'",
        )
    )


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_those_who_hold_the_lock_are_killed_only_by_policy(make_server: MakeServer, app: App, kind: Kind) -> None:
    shown = ("--performance-schema=ON", "--performance-schema-instrument=wait/lock/metadata/sql/mdl=ON")
    server = make_server(kind, args=shown)
    execute(server.url(), "CREATE DATABASE shop")
    url = server.url("shop")
    app.users(ADD_AGE)
    assert app.run("apply", "--url", url, "--yes", "--to", "aaaa1").code == 0
    with connected(url) as busy, connected(url) as bystander:
        for connection in (busy, bystander):
            connection.cursor().execute("BEGIN")
        bystander.cursor().execute("SELECT * FROM alembic_version")
        busy.cursor().execute("SELECT * FROM users")
        result = app.run("apply", "--url", url, "--yes", "--blockers", "kill")
        assert result.code == 0, result.err
        assert re.search(rf"waits for root@\S+ \(connection {busy.thread_id()}, \d+ s", result.out), result.out
        bystander.cursor().execute("SELECT 1")
        with pytest.raises(pymysql.MySQLError):
            busy.cursor().execute("SELECT 1")


def test_a_surprise_is_a_refusal_and_changes_nothing(url: str, users: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(*args: object, **options: object) -> bool:
        execute(url, "ALTER TABLE users ADD FULLTEXT (name), ROW_FORMAT=COMPRESSED")
        return True

    monkeypatch.setattr("click.confirm", meanwhile)
    result = users.run("apply", "--url", url)
    assert result.code == 4, (result.out, result.err)
    assert "planned was ALGORITHM=INSTANT" in result.err
    assert len(execute(url, "SHOW COLUMNS FROM users")) == 3
    assert execute(url, "SELECT state FROM zdmigrate.run ORDER BY started DESC LIMIT 1") == [("aborted",)]
    execute(url, "ALTER TABLE users ROW_FORMAT=DYNAMIC")
    assert users.run("apply", "--url", url, "--yes", "--strategy", "direct").code == 0


def test_a_second_run_is_refused_within_a_second_and_says_who(url: str, users: App) -> None:
    tool = killed_at(users.folder, url, "begun:bbbb2:0", "SIGSTOP")
    assert tool.stdout is not None
    try:
        assert tool.stdout.readline().strip() == "begun:bbbb2:0"
        began = time.monotonic()
        result = users.run("apply", "--url", url, "--yes")
        took = time.monotonic() - began
        assert_one_sentence(result, "another run holds", f"({tool.pid})", code=6)
        assert took < 1.0
        status = users.run("status", "--url", url)
        assert "runs;" in status.out
        assert "begun  bbbb2:0" in status.out
    finally:
        tool.send_signal(signal.SIGCONT)
        out, err = tool.communicate(timeout=60)
    assert tool.returncode == 0, (out, err)
    assert execute(url, "SELECT version_num FROM alembic_version") == [("bbbb2",)]


@pytest.mark.parametrize("how", ["killed", "cut"])
def test_a_statement_whose_client_or_connection_died_is_found_out(url: str, users: App, how: str) -> None:
    with connected(url) as busy:
        cursor = busy.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM users")
        tool = killed_at(users.folder, url, "never", lock_wait=40)
        wait(lambda: waiting_alter(url), "the ALTER waits")
        if how == "killed":
            tool.kill()
            tool.communicate()
            again = users.process("apply", "--url", url, "--yes")
            time.sleep(1)  # not more than a nudge: it holds whether the ALTER still waits or has given up
            busy.rollback()
            _, err = again.communicate(timeout=60)
            assert again.returncode == 0, err
        else:
            execute(url, f"KILL {waiting_alter(url)}")
            busy.rollback()
            out, err = tool.communicate(timeout=60)
            assert tool.returncode == 0, (out, err)
    assert len(execute(url, "SHOW COLUMNS FROM users LIKE 'age'")) == 1
    assert execute(url, "SELECT version_num FROM alembic_version") == [("bbbb2",)]


def waiting_alter(url: str) -> int:
    """The connection whose ALTER waits for a lock, 0 for none."""
    found = execute(
        url, "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'ALTER TABLE%' AND STATE LIKE '%metadata%'"
    )
    return int(found[0][0]) if found else 0


def test_pause_resume_and_abort_from_another_terminal(url: str, app: App) -> None:
    app.users(*(f'op.add_column("users", sa.Column("c{n}", sa.Integer))' for n in range(3)))
    tool = killed_at(app.folder, url, "done:bbbb2:0", "SIGSTOP")
    try:
        reached(tool, "done:bbbb2:0")
        assert app.run("pause", "--url", url).code == 0
        tool.send_signal(signal.SIGCONT)
        time.sleep(2)
        assert len(execute(url, "SHOW COLUMNS FROM users LIKE 'c_'")) == 1
        assert app.run("resume", "--url", url).code == 0
        wait(lambda: len(execute(url, "SHOW COLUMNS FROM users LIKE 'c_'")) > 1, "it goes on")
    finally:
        out, err = tool.communicate(timeout=60)
    assert tool.returncode == 0, (out, err)
    assert_one_sentence(app.run("abort", "--url", url), "no `apply` is unfinished")


def test_an_abort_inside_a_revision_is_gone_on_from(url: str, app: App) -> None:
    app.users(*(f'op.add_column("users", sa.Column("c{n}", sa.Integer))' for n in range(3)))
    tool = killed_at(app.folder, url, "done:bbbb2:0", "SIGSTOP")
    reached(tool, "done:bbbb2:0")
    assert app.run("abort", "--url", url).code == 0
    tool.send_signal(signal.SIGCONT)
    _, err = tool.communicate(timeout=60)
    assert "NeedsPersonError" in err
    assert "1 of 3 statements are done" in err
    stopped = app.run("resume", "--url", url)
    assert (stopped.code, "next: zdmigrate apply" in stopped.err) == (5, True)
    app.revision("bbbb2", ADD_AGE, down="aaaa1")
    changed = app.run("apply", "--url", url, "--yes")
    assert (changed.code, "does not send any more" in changed.err) == (5, True)
    app.users(*(f'op.add_column("users", sa.Column("c{n}", sa.Integer))' for n in range(3)))
    assert app.run("apply", "--url", url, "--yes").code == 0
    assert len(execute(url, "SHOW COLUMNS FROM users LIKE 'c_'")) == 3


@pytest.mark.parametrize("less", [("--phase", "expand"), ("--to", "bbbb2")])
def test_a_command_that_asks_for_less_does_not_go_on_with_a_run_that_was_to_do_more(
    url: str, app: App, less: tuple[str, ...]
) -> None:
    app.users(ADD_AGE)
    app.revision("cccc3", DROP_NICK, down="bbbb2", head="# zdmigrate: phase contract")
    alembic(app.folder, url, "upgrade", "aaaa1")
    tool = killed_at(app.folder, url, "done:bbbb2:0", accept=("cccc3",))
    tool.communicate(timeout=60)
    refused = app.run("apply", "--url", url, "--yes", *less)
    assert refused.code == 6, (refused.out, refused.err)
    assert "was admitted to carry out cccc3, too, which this command does not ask for" in refused.err
    assert app.run("apply", "--url", url, "--yes").code == 0
    assert "nick" not in schema(url)["users"]


def test_what_is_not_known_is_not_left_out(url: str, app: App) -> None:
    """A waiver says that a revision cannot be replayed to its end; to send what comes before that is no upgrade."""
    waiver = "# zdmigrate: allow ZD900 until 2099-01-01 owner=ana because it needs the network"
    app.users(ADD_AGE, f"{BROKEN}  {waiver}")
    result = app.run("apply", "--url", url, "--yes")
    assert (result.code, "a waiver is for `check`" in result.err) == (6, True), (result.out, result.err)


@pytest.mark.parametrize("call", ["DO tidy()", "SET @x = tidy()"])
def test_what_is_called_for_what_it_does_is_refused_and_not_left_out(mysql_url: str, app: App, call: str) -> None:
    waiver = "# zdmigrate: allow ZD903 until 2099-01-01 owner=ana because it was read"
    app.users(f'op.execute("{call}")  {waiver}', ADD_AGE)
    result = app.run("apply", "--url", mysql_url, "--yes")
    assert (result.code, "calls tidy() for what that does" in result.err) == (6, True), (result.out, result.err)


def test_a_temporary_table_is_refused(url: str, app: App) -> None:
    app.users(
        'op.execute("CREATE TEMPORARY TABLE users (id INT)")', 'op.execute("DELETE FROM users")',
    )  # fmt: skip
    result = app.run("apply", "--url", url, "--yes", "--accept", "bbbb2", "--because", "a test")
    assert (result.code, "make an ordinary one" in result.err) == (6, True), (result.out, result.err)


def test_ctrl_c_leaves_a_running_statement_and_says_so(url: str, users: App) -> None:
    with connected(url) as busy:
        cursor = busy.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM users")
        command = [sys.executable, "-m", "zdmigrate", "apply", "--url", url, "--yes", "--lock-wait", "40"]
        tool = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
        wait(lambda: waiting_alter(url), "the ALTER waits")
        tool.send_signal(signal.SIGINT)
        _, err = tool.communicate(timeout=30)
        assert (tool.returncode, "goes on" in err) == (5, True)
        password = str(sqlalchemy.make_url(url).password)
        assert password not in err
    assert users.run("apply", "--url", url, "--yes").code == 0
    assert len(execute(url, "SHOW COLUMNS FROM users LIKE 'age'")) == 1


def test_missing_grants_are_named(url: str, users: App) -> None:
    parsed = sqlalchemy.make_url(url)
    execute(
        url, "DROP USER IF EXISTS zd_small@'%'", "CREATE USER zd_small@'%' IDENTIFIED BY 'x1-Small'",
        f"GRANT SELECT ON {parsed.database}.* TO zd_small@'%'",
    )  # fmt: skip
    small = parsed.set(username="zd_small", password="x1-Small").render_as_string(hide_password=False)
    try:
        result = users.run("apply", "--url", small, "--yes")
        assert result.code == 6, result.err
        journal = "GRANT CREATE, DELETE, INSERT, SELECT, UPDATE ON `zdmigrate`.* TO 'zd_small'@'%'"
        assert journal in result.err
        execute(url, journal)
        result = users.run("apply", "--url", small, "--yes")
        assert result.code == 4, result.err
        assert (
            f"GRANT ALTER, CREATE, DELETE, DROP, INDEX, INSERT, REFERENCES, SELECT, UPDATE ON `{parsed.database}`.*"
            in (result.err)
        )
    finally:
        execute(url, "DROP USER zd_small@'%'")
    assert users.run("apply", "--url", url, "--yes").code == 0


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (('op.execute("FROBNICATE users")',), "cannot be"),
        (('op.drop_column("users", "nick")',), "phase contract"),
        (('rows = op.get_bind().execute(sa.text("SELECT id FROM users")).fetchall()',
          'for row in rows: op.execute(f"UPDATE users SET nick = 1 WHERE id = {row[0]}")'),
         "--accept bbbb2 --because REASON"),
        (('op.execute("LOCK TABLES users WRITE")',), "holds locks"),
    ],
)  # fmt: skip
def test_what_may_not_run_is_refused_before_anything_changed(
    mysql_url: str, app: App, lines: tuple[str, ...], words: str
) -> None:
    app.users(*lines)
    try:
        assert app.run("apply", "--url", mysql_url, "--yes", "--to", "aaaa1").code == 0
        before = schema(mysql_url)
        result = app.run("apply", "--url", mysql_url, "--yes")
        assert (result.code, words in result.err) == (6, True), result.err
        assert schema(mysql_url) == before
    finally:
        execute(mysql_url, "DROP DATABASE IF EXISTS zdmigrate")


def test_a_topologys_primary_is_found_and_its_replica_gets_it_by_replication(
    any_replication: Replication, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = any_replication
    path = topology_file(pair, app.folder, monkeypatch)
    path.write_text(re.sub(r'(url = "[^"]*)"', r'\1shop"', path.read_text()))
    pair.primary.execute("CREATE DATABASE shop")
    pair.wait_caught_up()
    app.users(ADD_AGE)
    result = app.run("apply", "--topology", str(path), "--yes")
    assert result.code == 0, result.err
    pair.wait_caught_up()
    assert pair.replica.value("SELECT version_num FROM shop.alembic_version") == "bbbb2"
    status = app.run("status", "--topology", str(path))
    assert "apply  done" in status.out
    on_replica = app.run("apply", "--url", pair.replica.url("shop"), "--yes")
    assert_one_sentence(on_replica, "read-only: is it a replica?", code=6)


def test_a_big_update_goes_in_batches(url: str, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.users('op.execute("UPDATE users SET nick = name WHERE nick IS NULL")')
    assert app.run("apply", "--url", url, "--yes", "--to", "aaaa1").code == 0
    execute(url, "INSERT INTO users (name) VALUES " + ", ".join(f"('n{n}')" for n in range(500)), "ANALYZE TABLE users")
    monkeypatch.setattr("zdmigrate.verdict.strategy.SMALL_ROWS", 10)
    accepted = ("--accept", "bbbb2", "--because", "a test")
    result = app.run("apply", "--url", url, "--yes", *accepted)
    assert result.code == 0, (result.out, result.err)
    assert "500 rows in" in result.out
    assert execute(url, "SELECT COUNT(*) FROM users WHERE nick = name") == [(500,)]


# --- minutes of it


def big(app: App, url: str) -> None:
    """An app whose database is at aaaa1, with rows enough that a copy of the table takes a while."""
    app.users(ADD_AGE)
    assert app.run("apply", "--url", url, "--yes", "--to", "aaaa1").code == 0
    execute(url, "INSERT INTO users (name) VALUES ('a'), ('b'), ('c'), ('d')")
    for _ in range(16):
        execute(url, "INSERT INTO users (name, nick) SELECT name, nick FROM users")


@pytest.mark.soak
@pytest.mark.parametrize("who", ["tool", "server"])
@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_a_kill_in_the_middle_of_a_copy_is_gone_on_from(
    make_server: MakeServer, app: App, kind: Kind, who: str
) -> None:
    server = make_server(kind)
    execute(server.url(), "CREATE DATABASE shop")
    url = server.url("shop")
    big(app, url)
    rows = execute(url, "SELECT COUNT(*) FROM users")
    accepted = ("--accept", "bbbb2", "--because", "a test", "--strategy", "direct", "--yes")
    app.revision(
        "bbbb2", 'op.alter_column("users", "name", type_=sa.String(60), existing_type=sa.String(50), nullable=False)',
        'op.execute("ALTER TABLE users ENGINE=InnoDB, ALGORITHM=COPY")', ADD_AGE, down="aaaa1",
    )  # fmt: skip
    tool = app.process("apply", "--url", url, *accepted)
    wait(
        lambda: execute(url, "SELECT 1 FROM information_schema.PROCESSLIST WHERE INFO LIKE '%ALGORITHM=COPY%' "
                             "AND STATE LIKE 'copy to tmp%'"),
        "the copy runs",
    )  # fmt: skip
    if who == "tool":
        tool.kill()
        tool.communicate()
        result = app.run("apply", "--url", url, *accepted)
        assert result.code == 0, result.err
    else:
        server.kill()
        server.start()
        out, err = tool.communicate(timeout=180)
        if tool.returncode:  # also fine: it said what to do
            assert (tool.returncode, "next: zdmigrate apply" in err) == (5, True), (out, err)
            assert app.run("apply", "--url", url, *accepted).code == 0
    assert execute(url, "SELECT version_num FROM alembic_version") == [("bbbb2",)]
    assert execute(url, "SELECT COUNT(*) FROM users WHERE age IS NULL") == rows
    assert execute(url, "SHOW COLUMNS FROM users LIKE 'name'")[0][1] == "varchar(60)"
