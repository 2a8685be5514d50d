"""Backfills on real servers: exact, resumable, throttled."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy.engine import make_url

from tests.apps import App
from tests.run.conftest import topology_file, topology_of
from tests.servers.replication import Replication
from zdmigrate.cli import run
from zdmigrate.plan import PlannedChange
from zdmigrate.run import batches as batches_module
from zdmigrate.run import checkpoints
from zdmigrate.run.batches import Backfill, Result, apply_change, check_change, unfinished_backfills
from zdmigrate.run.connection import Connection
from zdmigrate.run.context import RunContext
from zdmigrate.run.cut import cut
from zdmigrate.run.errors import NeedsPersonError, RefusedError
from zdmigrate.run.journal import Journal
from zdmigrate.run.lock import RunLock
from zdmigrate.run.pace import Limits, Progress
from zdmigrate.run.policy import Policy
from zdmigrate.run.seats import OneServer, Primary
from zdmigrate.run.servers import Servers
from zdmigrate.run.topology import Node

ROWS = 200_000


def node_of(url: str) -> Node:
    parsed = make_url(url)
    return Node("db", parsed, parsed.host or "", parsed.port or 0)


def seat_of(url: str) -> OneServer:
    return OneServer(node_of(url), make_url(url).database or "")


@contextlib.contextmanager
def connected(url: str) -> Iterator[Connection]:
    with Connection(node_of(url), answer_seconds=60, database=make_url(url).database) as connection:
        yield connection


def fill(connection: Connection, rows: int) -> None:
    """A table of numbers 1 to `rows`."""
    connection.run("CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0, name VARCHAR(40) NULL)")
    connection.run("INSERT INTO t (id) VALUES (1)")
    there = 1
    while there < rows:
        more = min(there, rows - there)
        connection.run(f"INSERT INTO t (id) SELECT id + {there} FROM t WHERE id <= {more}")
        there += more


def do(url: str, statement: str, **options: Any) -> Result:
    limits = options.pop("limits", Limits(running=1000, patience=20))
    return Backfill(seat_of(url), cut(statement), limits=limits, **options).do()


def test_it_changes_every_row_and_says_that_none_is_left(any_sql_url: str) -> None:
    with connected(any_sql_url) as connection:
        fill(connection, 3000)
        connection.run("UPDATE t SET name = 'kept %s' WHERE id % 7 = 0")
        result = do(any_sql_url, "UPDATE t SET name = CONCAT('n', id, ' 100%') WHERE name IS NULL")
        assert (result.changed, result.rows_left, result.complete) == (3000 - 428, 0, True)
        assert result.batches > 1
        assert connection.value("SELECT COUNT(*) FROM t WHERE name = 'kept %s'") == 428
        assert connection.value("SELECT COUNT(*) FROM t WHERE name = CONCAT('n', id, ' 100%')") == 3000 - 428
        assert checkpoints.unfinished(connection, make_url(any_sql_url).database) == []
        again = do(any_sql_url, "UPDATE t SET name = CONCAT('n', id, ' 100%') WHERE name IS NULL")
        assert (again.changed, again.resumed) == (0, False)


def test_killed_twice_under_writers_each_row_is_changed_exactly_once(
    any_sql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement = "UPDATE t SET n = n + 1"
    with connected(any_sql_url) as connection:
        fill(connection, ROWS)
        with Busy(any_sql_url):
            for kill_after in (10, 25):
                process = in_a_process(any_sql_url, statement, monkeypatch)
                wait_for(lambda at=kill_after: batches(connection) >= at, process)  # type: ignore[misc]
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
            (left,) = checkpoints.unfinished(connection)
            assert 25 <= left.batches < ROWS / 2000
            result = do(any_sql_url, statement)
        assert result.resumed
        assert connection.value("SELECT COUNT(*) FROM t WHERE n = 1") == ROWS
        assert result.changed == ROWS


def test_ctrl_c_stops_between_two_batches(mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(mariadb_url) as connection:
        fill(connection, 20_000)
        process = in_a_process(mariadb_url, "UPDATE t SET n = n + 1", monkeypatch, "--max-rows", "100", "--rest", "5")
        wait_for(lambda: batches(connection) >= 3, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 5
        assert "nothing is half done" in said
        assert "next: " in said
        changed = connection.value("SELECT COUNT(*) FROM t WHERE n = 1")
        assert changed == checkpoints.unfinished(connection)[0].changed
        assert do(mariadb_url, "UPDATE t SET n = n + 1").changed == 20_000


class Busy:
    """Two writers of short transactions on rows here and there, until the end of the block."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(seed,)) for seed in (1, 2)]
        self.writes = 0

    def __enter__(self) -> "Busy":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _write(self, seed: int) -> None:
        url = make_url(self._url)
        password = str(url.password or "")
        with contextlib.closing(
            pymysql.connect(
                host=url.host, port=url.port or 0, user=url.username, password=password, database=url.database
            )
        ) as connection:
            cursor = connection.cursor()
            number = seed
            while not self._stop.is_set():
                number = (number * 48271) % 2147483647
                low, high = sorted((number % ROWS, number // 7 % ROWS))
                with contextlib.suppress(pymysql.err.OperationalError):  # deadlock: the server chose us
                    for id_ in (high, low):  # against the order of the backfill
                        cursor.execute("UPDATE t SET name = %s WHERE id = %s", (f"w{number}", id_))
                    connection.commit()
                    self.writes += 1
                connection.rollback()
                time.sleep(0.002)


def in_a_process(url: str, statement: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> "subprocess.Popen[str]":
    """The command, in a process of its own, with batches of at most 2000 rows."""
    parsed = make_url(url)
    monkeypatch.setenv("BACKFILL_PASSWORD", str(parsed.password))
    shown = f"mysql+pymysql://{parsed.username}:${{BACKFILL_PASSWORD}}@{parsed.host}:{parsed.port}/{parsed.database}"
    command = [sys.executable, "-m", "zdmigrate", "backfill", "--url", shown, "--max-rows", "2000"]
    return subprocess.Popen(
        [*command, "--max-running", "1000", *options, statement],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def batches(connection: Connection) -> int:
    """How many batches the only unfinished backfill has committed."""
    database = connection.value("SELECT DATABASE()")
    return sum(item.batches for item in checkpoints.unfinished(connection, database))


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 60
    while not condition():
        if process.poll() is not None:
            raise AssertionError(f"it ended with {process.returncode}: {process.communicate()}")
        assert time.monotonic() < end, "it did not come that far in time"
        time.sleep(0.01)


# --- refusals


@pytest.mark.parametrize(
    ("columns", "statement", "why"),
    [
        ("id INT", "UPDATE t SET id = 1", "no primary key"),
        ("id INT NULL, UNIQUE (id)", "UPDATE t SET id = 1", "allows NULL in id"),
        ("a TEXT NOT NULL, UNIQUE (a(10))", "UPDATE t SET a = 1", "only the beginning of a"),
        ("a DOUBLE PRIMARY KEY", "DELETE FROM t", "cannot be compared exactly"),
        ("id INT PRIMARY KEY", "UPDATE t SET ID = 1 - id", "changes id of the key PRIMARY"),
        ("id INT PRIMARY KEY", "UPDATE t SET nope = 1", "1054"),
        ("id INT PRIMARY KEY", "UPDATE other SET id = 1", "no table other"),
        ("id INT PRIMARY KEY", "DELETE FROM v", "v is a view"),
    ],
)
def test_what_is_refused_changes_nothing(mysql_url: str, columns: str, statement: str, why: str) -> None:
    with connected(mysql_url) as connection:
        connection.run(f"CREATE TABLE t ({columns})")
        connection.run("CREATE VIEW v AS SELECT * FROM t")
        connection.run("INSERT INTO t VALUES (5)")
        with pytest.raises(RefusedError, match=why):
            do(mysql_url, statement)
        assert checkpoints.unfinished(connection, make_url(mysql_url).database) == []
        assert connection.value("SELECT COUNT(*) FROM t") == 1


def test_a_unique_key_without_nulls_is_as_good(mariadb_url: str) -> None:
    with connected(mariadb_url) as connection:
        connection.run("CREATE TABLE t (a VARCHAR(10) NULL, b INT NOT NULL, n INT, UNIQUE ua (a), UNIQUE ub (b))")
        connection.run("INSERT INTO t VALUES (NULL, 1, 0), ('x', 2, 0)")
        assert do(mariadb_url, "UPDATE t SET n = n + 1").changed == 2


def test_an_account_without_rights_is_told_the_grant(any_sql_url: str) -> None:
    parsed = make_url(any_sql_url)
    name, password = f"u{parsed.database}"[:16], "Pass-word-1"
    with connected(any_sql_url) as connection:
        fill(connection, 10)
        connection.run(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", (password,))
        connection.run(f"GRANT SELECT, UPDATE ON {parsed.database}.* TO {name}@'%'")
        try:
            shown = parsed.set(username=name, password=password).render_as_string(hide_password=False)
            with pytest.raises(
                RefusedError, match=rf"GRANT CREATE, SELECT, INSERT, UPDATE ON zdmigrate.\* TO '{name}'"
            ):
                do(shown, "UPDATE t SET n = 1")
            connection.run(f"GRANT CREATE, SELECT, INSERT, UPDATE ON zdmigrate.* TO {name}@'%'")
            assert do(shown, "UPDATE t SET n = n + 1").changed == 10
        finally:
            connection.run(f"DROP USER {name}@'%'")


# --- what can happen meanwhile


class At:
    """Does something once, when a number of batches was committed."""

    def __init__(self, rows: int, action: Callable[[], None]) -> None:
        self._rows = rows
        self._action: Callable[[], None] | None = action

    def __call__(self, progress: Progress) -> None:
        if self._action is not None and progress.changed >= self._rows:
            action, self._action = self._action, None
            action()


def test_a_second_one_is_refused_and_told_who_is_at_it(mariadb_url: str) -> None:
    with connected(mariadb_url) as connection:
        fill(connection, 2000)

        def second() -> None:
            with pytest.raises(RefusedError, match=r"root from .* is at this backfill"):
                do(mariadb_url, "UPDATE  t SET n = n + 1")

        result = do(mariadb_url, "UPDATE t SET n = n + 1", listener=At(200, second))
        assert (result.changed, connection.value("SELECT SUM(n) FROM t")) == (2000, 2000)


def test_a_connection_that_is_ended_is_replaced(any_sql_url: str) -> None:
    with connected(any_sql_url) as connection:
        fill(connection, 3000)

        def end() -> None:
            name = f"zdmigrate.backfill.{checkpoints.unfinished(connection, database)[0].id}"
            connection.run(f"KILL {connection.value('SELECT IS_USED_LOCK(%s)', (name,))}")

        database = make_url(any_sql_url).database
        result = do(any_sql_url, "UPDATE t SET n = n + 1", listener=At(500, end))
        assert (result.changed, connection.value("SELECT COUNT(*) FROM t WHERE n = 1")) == (3000, 3000)


def test_a_row_that_is_locked_for_long_is_waited_for(any_sql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches_module, "LOCK_SECONDS", 1)
    with connected(any_sql_url) as connection, connected(any_sql_url) as busy:
        fill(connection, 1000)
        busy.run("START TRANSACTION")
        busy.run("UPDATE t SET name = 'mine' WHERE id = 700")
        said: list[str] = []

        def listen(progress: Progress) -> None:
            said.append(progress.waits)
            if "locked" in progress.waits:
                busy.run("COMMIT")

        result = do(any_sql_url, "UPDATE t SET n = n + 1", listener=listen)
        assert (result.changed, connection.value("SELECT COUNT(*) FROM t WHERE n = 1")) == (1000, 1000)
        assert any("locked" in item for item in said)


def test_rows_that_come_in_behind_us_are_met_in_another_pass(mysql_url: str) -> None:
    with connected(mysql_url) as connection:
        fill(connection, 1000)
        connection.run("DELETE FROM t WHERE id < 100")

        def more() -> None:
            connection.run("INSERT INTO t (id) VALUES (1), (2), (100000)")

        result = do(mysql_url, "UPDATE t SET name = 'x' WHERE name IS NULL", listener=At(500, more))
        assert (result.changed, result.rows_left, result.passes) == (904, 0, 2)


def test_rows_that_the_statement_cannot_change_are_said_to_be_left(
    mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connected(mysql_url) as connection:
        fill(connection, 1000)
        statement = "UPDATE t SET name = IF(id > 990, NULL, 'x') WHERE name IS NULL"
        process = in_a_process(mysql_url, statement, monkeypatch)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "990 rows changed" in out
        assert "10 rows left" in out
        assert "SELECT * FROM t WHERE name IS NULL LIMIT 10" in err
        assert checkpoints.unfinished(connection, make_url(mysql_url).database) == []


def test_it_gives_up_when_the_server_stays_busy(mariadb_url: str) -> None:
    with connected(mariadb_url) as connection:
        fill(connection, 100)
        with pytest.raises(NeedsPersonError, match=r"statements? run at once.*nothing is half done"):
            do(mariadb_url, "UPDATE t SET n = n + 1", limits=Limits(running=0, patience=0.3))
        assert connection.value("SELECT SUM(n) FROM t") == 0
        left = checkpoints.unfinished(connection, make_url(mariadb_url).database)
        assert [item.batches for item in left] == [0]
        assert run(["backfill", "--url", mariadb_url, "--forget", left[0].id]) == 0
        assert checkpoints.unfinished(connection, make_url(mariadb_url).database) == []


def test_a_run_that_has_done_it_does_not_do_it_again(mysql_url: str) -> None:
    with connected(mysql_url) as connection:
        fill(connection, 100)
        for run_, total in (("first", 100), ("first", 100), ("second", 200)):
            do(mysql_url, "UPDATE t SET n = n + 1", label="ab12:0", run=run_)
            assert connection.value("SELECT SUM(n) FROM t") == total


# --- with replicas


def primary_of(pair: Replication) -> Primary:
    return Primary(topology_of(pair), "shop")


def fill_pair(pair: Replication, rows: int) -> None:
    pair.primary.execute("CREATE DATABASE shop")
    with connected(pair.primary.url("shop")) as connection:
        fill(connection, rows)
    pair.wait_caught_up()


def test_it_waits_for_a_replica_that_stopped(any_replication: Replication) -> None:
    pair = any_replication
    fill_pair(pair, 40_000)
    said: set[str] = set()

    def listen(progress: Progress) -> None:
        if progress.changed >= 500 and not said:
            pair.replica.stop_replication("applier")
            said.add("stopped")
        if "b does not apply" in progress.waits and "waited" not in said:
            said.add("waited")
            pair.replica.start_replication("applier")

    limits = Limits(running=1000, patience=30, rows=200)
    statement = cut("UPDATE t SET n = n + 1")
    result = Backfill(primary_of(pair), statement, limits=limits, listener=listen).do()
    assert said == {"stopped", "waited"}
    assert result.changed == 40_000
    pair.wait_caught_up()
    assert pair.replica.value("SELECT COUNT(*) FROM t WHERE n = 1", database="shop") == 40_000


def test_it_goes_on_at_the_new_primary(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = any_replication
    fill_pair(pair, 3000)
    topology = topology_file(pair, tmp_path, monkeypatch)

    def move() -> None:
        command = ["switchover", "--topology", str(topology), "--to", "b", "--yes", "--accept", "privileged-writers"]
        assert run(command) in (0, 5)

    limits = Limits(running=1000, patience=60, rows=200)
    statement = cut("UPDATE t SET n = n + 1")
    result = Backfill(primary_of(pair), statement, limits=limits, listener=At(1000, move)).do()
    assert result.changed == 3000
    pair.wait_caught_up(source=pair.nodes[1])
    for node in pair.nodes:
        assert node.value("SELECT COUNT(*) FROM t WHERE n = 1", database="shop") == 3000


def test_the_command_takes_a_topology(
    mariadb_replication: Replication,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pair = mariadb_replication
    fill_pair(pair, 1000)
    at = ["backfill", "--topology", str(topology_file(pair, tmp_path, monkeypatch)), "--database", "shop"]
    statement = "UPDATE t SET name = '5%' WHERE name IS NULL"
    position = pair.primary.position()
    assert run([*at, "--dry-run", statement]) == 0
    assert "SET name = '5%' WHERE (`t`.`id` > %s AND `t`.`id` <= %s) AND (name IS NULL)" in capsys.readouterr().out
    assert run([*at, "--list"]) == 0
    assert pair.primary.position() == position
    assert run([*at, "--max-running", "1000", statement]) == 0
    assert run([*at, "--list"]) == 0
    said = capsys.readouterr().out
    assert "1,000 rows changed" in said
    assert "done, 1,000 changed, 0 left" in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["DELETE FROM t"], "say which server"),
        (["--url", "mysql://a@b/c", "--list", "DELETE FROM t"], "give one UPDATE or DELETE"),
        (["--url", "postgresql://a:secret@b/c", "DELETE FROM t"], "is not MySQL or MariaDB"),
        (["--url", "mysql://a@b/", "DELETE FROM t"], "names no database"),
    ],
)
def test_a_command_line_that_cannot_be(arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backfill", *arguments]) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "secret" not in said


# --- as part of `apply`


def planned(app: App, statement: str) -> PlannedChange:
    app.users(f"op.execute({statement!r})")
    (change,) = app.made().revisions[0].changes
    assert change.strategy.name == "batches"
    return change


def test_a_planned_change_is_carried_out_on_the_primary(
    any_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = any_replication
    change = planned(App(tmp_path, monkeypatch), "UPDATE users SET nick = name WHERE nick IS NULL")
    pair.primary.execute("CREATE DATABASE shop")
    pair.primary.execute("CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(9), nick VARCHAR(9))", database="shop")
    pair.primary.execute("INSERT INTO users VALUES (1, 'a', NULL), (2, 'b', 'kept')", database="shop")
    pair.wait_caught_up()
    topology = topology_of(pair)
    lock = RunLock(topology.nodes)
    with Servers(topology) as servers, connected(pair.primary.url("shop")) as connection:
        journal = Journal(servers.at(topology.nodes[0])[0], "apply")
        context = RunContext(topology, servers, lock, journal, Policy(), lambda timing: None, "shop")
        check_change(change, connection)
        for changed in (1, 1):  # the second time it is done already
            result = apply_change(context, change, limits=Limits(running=1000, patience=20))
            assert (result.changed, result.complete) == (changed, True)
        assert unfinished_backfills(connection, "shop") == []
    lock.release()
    pair.wait_caught_up()
    assert pair.replica.execute("SELECT nick FROM users ORDER BY id", database="shop") == [("a",), ("kept",)]


def test_a_planned_change_that_cannot_be_cut_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mysql_url: str
) -> None:
    change = planned(App(tmp_path, monkeypatch), "UPDATE users SET id = id + 1")
    with connected(mysql_url) as connection:
        connection.run("CREATE TABLE users (id INT PRIMARY KEY)")
        with pytest.raises(RefusedError, match="bbbb2:0: it changes id of the key PRIMARY"):
            check_change(change, connection)
