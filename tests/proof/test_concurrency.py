"""Who waits while a change runs: `prove --rows N` on real servers, and what ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.apps import App
from tests.conftest import MakeServer
from tests.servers import Server
from zdmigrate.errors import UsageError
from zdmigrate.proof import concurrency, rows, scratch
from zdmigrate.proof.concurrency import Blocked, measure
from zdmigrate.proof.prove import Proof, prove_plan

_TARGETS = {"mysql": "mysql:9.7", "mariadb": "mariadb:10.11"}

_ORDERS = (
    "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, customer VARCHAR(80) NOT NULL, "
    "amount DECIMAL(10,2) NOT NULL, placed_at DATETIME NOT NULL, note VARCHAR(200), qty INT NOT NULL DEFAULT 1)"
)
_THREE = (
    'op.execute("ALTER TABLE orders MODIFY qty BIGINT NOT NULL DEFAULT 1")',
    'op.create_index("ix_placed", "orders", ["placed_at"])',
    'op.execute("ALTER TABLE orders ADD COLUMN source VARCHAR(20) NULL")',
)
#: Enough that a COPY takes some hundred milliseconds; `make soak` takes a million.
_SOME, _MILLION = 60_000, 1_000_000


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> App:
    return App(tmp_path, monkeypatch)


def _orders(app: App, *upgrade: str) -> None:
    app.revision("aaaa1", f'op.execute("{_ORDERS}")')
    app.revision("bbbb2", *upgrade, down="aaaa1")


def _proof(app: App, server: Server) -> Proof:
    return prove_plan(app.made(target=_TARGETS[server.kind]), server.url())


def _blocked(proof: Proof) -> list[Blocked]:
    found = [change.blocked for revision in proof.revisions for change in revision.changes]
    assert all(found)
    return [item for item in found if item is not None]


def _three_differ(app: App, server: Server, count: int) -> None:
    """A COPY blocks the writer for about as long as it takes, an index build does not, INSTANT takes no time at all.

    A machine that stands still for a moment looks like a lock: only what shows six times is one.
    """
    _orders(app, *_THREE)
    proof = _proof(app, server)
    for attempt in range(1, 7):
        copy, in_place, instant = _blocked(measure(proof, server.url(), count))
        for item in (copy, in_place, instant):
            print(f"\n{server!r}: {item.text()}")
            assert (item.rows, item.basis, item.reason) == (count, "server", "")
        built = "NOCOPY" if server.kind == "mariadb" else "INPLACE"
        assert (copy.algorithm, in_place.algorithm, instant.algorithm) == ("COPY", built, "INSTANT")
        assert (copy.lock, in_place.lock) == ("SHARED", "NONE")
        wrong = [name for name, right in _expected(copy, in_place, instant).items() if not right]
        if not wrong:
            return
        print(f"attempt {attempt}: not {', '.join(wrong)}")
    pytest.fail(f"not {', '.join(wrong)}")


def _expected(copy: Blocked, in_place: Blocked, instant: Blocked) -> dict[str, bool]:
    (copied, waited_copy, done_copy), (built, waited_built, done_built), (changed, waited_instant, _) = map(
        _writer, (copy, in_place, instant)
    )
    return {
        "COPY blocks the writer about as long as it takes": waited_copy > 0.8 * copied,
        "COPY lets the reader go on": copy.reader is not None and copy.reader.done > done_copy,
        "INPLACE does not block the writer": waited_built < 0.5 * built,
        "the writer goes on beside INPLACE": done_built > 10,
        "INSTANT blocks less than COPY": waited_instant < 0.5 * waited_copy,
        "INSTANT takes less than COPY": changed < 0.5 * copied,
    }


def _writer(blocked: Blocked) -> tuple[float, float, int]:
    """Milliseconds of the change, and of the writer's longest wait, and the statements it got done."""
    assert blocked.seconds is not None
    assert blocked.writer is not None
    assert blocked.writer.longest_ms is not None
    return 1000 * blocked.seconds, blocked.writer.longest_ms, blocked.writer.done


def test_the_three_algorithms_differ(app: App, any_sql_server: Server) -> None:
    _three_differ(app, any_sql_server, _SOME)


@pytest.mark.soak
def test_the_three_algorithms_differ_over_a_million_rows(app: App, any_sql_server: Server) -> None:
    _three_differ(app, any_sql_server, _MILLION)


def test_text_and_json_say_it(app: App, any_sql_server: Server) -> None:
    _orders(
        app, _THREE[2], 'op.execute("UPDATE orders SET qty = qty + 1")', 'op.execute("CREATE TABLE fresh (id INT)")'
    )
    options = ["prove", "--from", "aaaa1", "--server", any_sql_server.url(), "--rows", "2000"]
    options += ["--target", _TARGETS[any_sql_server.kind]]
    document = app.run(*options, "--format", "json").json
    instant, update, fresh = (item["blocked"] for item in document["revisions"][0]["changes"])
    assert instant["algorithm"] == "INSTANT"
    assert instant["basis"] == "server"
    assert instant["rows"] == update["rows"] == 2000
    assert instant["seconds"] > 0
    assert instant["writer_ms"] > 0
    assert instant["reader_ms"] > 0
    assert (update["algorithm"], update["basis"]) == ("DML", "table")
    assert update["writer_ms"] > 0
    assert fresh is None
    result = app.run(*options)
    assert "over 2,000 rows: INSTANT (asked of the server), " in result.out
    assert "writer waited at most " in result.out
    assert "reader waited at most " in result.out


def test_without_rows_nothing_is_measured(app: App, mysql_server: Server) -> None:
    _orders(app, _THREE[2])
    result = app.run("prove", "--from", "aaaa1", "--server", mysql_server.url(), "--format", "json")
    assert result.json["revisions"][0]["changes"][0]["blocked"] is None


def test_old_code_that_broke_before_is_named(app: App, mariadb_server: Server) -> None:
    """The table is gone under old code: its statements fail, and the report says so instead of calling it fast."""
    _orders(app, 'op.drop_column("orders", "qty")', _THREE[2])
    dropped, added = _blocked(measure(_proof(app, mariadb_server), mariadb_server.url(), 500))
    assert "the reader met error 1054" in dropped.reason
    assert "the reader met error 1054" in added.reason
    assert added.reader is not None
    assert added.reader.done == 0


def test_rows_that_refuse_the_change(app: App, mariadb_server: Server) -> None:
    _orders(app, 'op.execute("ALTER TABLE orders ADD UNIQUE KEY uq (customer(2))")', _THREE[2])
    first, second = _blocked(measure(_proof(app, mariadb_server), mariadb_server.url(), 500))
    assert first.seconds is None
    assert "1062" in first.reason
    assert second.reason.startswith("an earlier statement was not carried out")
    assert "not measured" in second.text()


def test_a_table_that_cannot_be_filled(app: App, mariadb_server: Server) -> None:
    app.revision("aaaa1", 'op.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT, CHECK (n > 999999))")')
    app.revision("bbbb2", 'op.execute("ALTER TABLE t ADD z INT")', down="aaaa1")
    (blocked,) = _blocked(measure(_proof(app, mariadb_server), mariadb_server.url(), 500))
    assert blocked.seconds is None
    assert "t cannot be filled with rows" in blocked.reason


def test_triggers_do_not_see_the_rows_we_make(app: App, mariadb_server: Server) -> None:
    app.revision(
        "aaaa1",
        'op.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT)")',
        'op.execute("CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, t INT)")',
        'op.execute("CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW INSERT INTO log (t) VALUES (NEW.id)")',
    )
    app.revision("bbbb2", 'op.execute("DELETE FROM log")', 'op.execute("ALTER TABLE t ADD z INT")', down="aaaa1")
    of_log, of_t = _blocked(measure(_proof(app, mariadb_server), mariadb_server.url(), 300))
    assert (of_log.rows, of_log.table, of_t.rows, of_t.table) == (300, "log", 300, "t")


def test_a_statement_that_never_ends_is_given_up(
    app: App, mysql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "STATEMENT_LIMIT", 2)
    monkeypatch.setattr(concurrency, "MARGIN", 0)
    monkeypatch.setattr(scratch, "STATEMENT_SECONDS", 2)
    _orders(app, _THREE[2], 'op.execute("UPDATE orders SET note = SLEEP(100) WHERE id = 5")', _THREE[0])
    proof = _proof(app, mysql_server)
    instant, hanging, after = _blocked(measure(proof, mysql_server.url(), 100))
    assert instant.seconds is not None
    assert hanging.reason == "no answer within 2 s"
    assert after.reason.startswith("an earlier statement was not carried out")
    assert _left_behind(mysql_server) == []


def test_all_of_it_ends_in_time(app: App, mysql_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "TOTAL_LIMIT", -1.0)
    _orders(app, _THREE[2])
    (blocked,) = _blocked(measure(_proof(app, mysql_server), mysql_server.url(), 100))
    assert "were over" in blocked.reason


def test_a_server_that_dies(app: App, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = make_server("mariadb")
    _orders(app, _THREE[0])
    proof = _proof(app, server)
    monkeypatch.setattr(scratch, "RETURN_SECONDS", 0.1)

    def fill_and_die(*arguments: Any) -> None:
        rows.fill(*arguments)
        server.kill()

    monkeypatch.setattr(concurrency, "fill", fill_and_die)
    with pytest.raises(UsageError, match="the server ended the connection"):
        measure(proof, server.url(), 100)


def test_progress_reaches_its_end(app: App, mariadb_server: Server) -> None:
    heard: list[tuple[int, int]] = []
    _orders(app, _THREE[2])
    measure(_proof(app, mariadb_server), mariadb_server.url(), 1234, progress=lambda *step: heard.append(step))
    assert heard == [(1234, 1234)]


def _left_behind(server: Server) -> list[str]:
    from sqlalchemy import create_engine, text

    engine = create_engine(server.url())
    with engine.connect() as connection:
        names = [str(row[0]) for row in connection.execute(text("SHOW DATABASES"))]
    engine.dispose()
    return [name for name in names if name.startswith(scratch.PREFIX)]
