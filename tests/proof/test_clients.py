"""What is said of a client's waits follows from what it was answered, and its statements are those of old code."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from tests.proof.support import scratch_on
from tests.servers import Server
from tests.verdict.recording import catalog_of
from zdmigrate.flavour import Flavour
from zdmigrate.proof.clients import WARM, Client, Sample, Waits, reader, waits, writer
from zdmigrate.proof.rows import fill, recipes

_MYSQL = Flavour.parse("mysql:9.7")


@st.composite
def _samples(draw: st.DrawFn) -> list[Sample]:
    """One statement after another, as one connection sends them; times in milliseconds."""
    found, now = [], 0
    for pause, took, errno in draw(
        st.lists(st.tuples(st.integers(0, 20), st.integers(0, 400), st.sampled_from((0, 0, 0, 1205))), max_size=30)
    ):
        found.append(Sample((now + pause) / 1000, (now + pause + took) / 1000, errno))
        now += pause + took
    return found


@given(_samples(), st.integers(0, 2_000), st.integers(0, 2_000))
def test_waits_are_those_of_the_window(samples: list[Sample], begin: int, length: int) -> None:
    start, end = begin / 1000, (begin + length) / 1000
    found = waits(samples, start, end)
    overlapping = [item for item in samples if item.answered >= start and item.sent <= end]
    assert (found.longest_ms is None) == (not overlapping)
    if overlapping:
        assert found.longest_ms == max(round((item.answered - item.sent) * 1000, 1) for item in overlapping)
    assert 0 <= found.done <= len(overlapping)
    assert (found.usual_ms is None) == (not any(item.answered < start for item in samples))
    # A statement counts before the window or beside it, never twice, and those after it not at all.
    after = sum(item.sent > end for item in samples)
    assert sum(item.answered < start for item in samples) + len(overlapping) + after >= len(samples)


def test_one_blocked_from_beginning_to_end() -> None:
    samples = [Sample(0.0, 0.001), Sample(0.9, 3.2), Sample(3.2, 3.201)]
    assert waits(samples, 1.0, 3.0) == Waits(2300.0, 1.0, 0)


def test_an_error_is_told_and_is_no_statement_done() -> None:
    samples = [Sample(0.0, 0.1, 1062), Sample(1.1, 1.2, 1054), Sample(1.3, 1.4)]
    assert waits(samples, 1.0, 2.0) == Waits(100.0, 100.0, 1, 1054)


def test_the_writer_inserts_and_updates_by_key_and_the_reader_selects() -> None:
    catalog = catalog_of(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT NOT NULL, k INT, KEY (k), secret INT)", _MYSQL
    )
    (recipe,) = recipes(catalog, ["t"], 100)
    write = writer(catalog.tables["t"], recipe, ["id", "k", "b"])
    assert write is not None
    made = "(100 MOD 2147483646) + 1"
    assert write(0) == f"INSERT INTO `t` (`id`, `b`, `k`) VALUES ({made}, {made}, {made})"
    assert write(1).startswith("UPDATE `t` SET `b` = ")
    assert write(1).endswith("WHERE `id` = (19 MOD 2147483646) + 1")
    assert "secret" not in write(0) + write(1)
    assert reader(catalog.tables["t"], recipe, ["id", "b"])(0).startswith("SELECT `id`, `b` FROM `t` WHERE `id` = ")


def test_without_a_key_nothing_is_updated() -> None:
    catalog = catalog_of("CREATE TABLE t (a INT, b INT)", _MYSQL)
    (recipe,) = recipes(catalog, ["t"], 100)
    write = writer(catalog.tables["t"], recipe, ["a", "b"])
    assert write is not None
    assert all(write(number).startswith("INSERT") for number in range(4))
    assert reader(catalog.tables["t"], recipe, ["a"])(5) == "SELECT `a` FROM `t` LIMIT 1"


def test_what_old_code_must_give_but_does_not_map_is_not_inserted() -> None:
    catalog = catalog_of("CREATE TABLE t (id INT PRIMARY KEY, a INT, needed INT NOT NULL)", _MYSQL)
    (recipe,) = recipes(catalog, ["t"], 100)
    write = writer(catalog.tables["t"], recipe, ["id", "a"])
    assert write is not None
    assert all(write(number).startswith("UPDATE") for number in range(4))
    assert writer(catalog.tables["t"], recipe, ["id"]) is None


def test_a_client_goes_on_until_it_is_stopped(any_sql_server: Server) -> None:
    with scratch_on(any_sql_server.url()) as (made, flavour):
        sql = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a INT, u VARCHAR(30), UNIQUE KEY (u))"
        catalog = catalog_of(sql, flavour)
        (recipe,) = recipes(catalog, ["t"], 1_000)
        session = made.connect()
        session.run(sql)
        fill(session, recipe)
        columns = ["id", "a", "u"]
        statement = writer(catalog.tables["t"], recipe, columns)
        assert statement is not None
        clients = [
            Client(made.connect(), statement),
            Client(made.connect(), reader(catalog.tables["t"], recipe, columns)),
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.warm()
            assert len(client.samples) >= WARM
        start = time.perf_counter()
        session.run("LOCK TABLES t READ")
        time.sleep(0.3)
        session.run("UNLOCK TABLES")
        end = time.perf_counter()
        for client in clients:
            client.catch_up(end, 10)
            client.stop()
            client.join(10)
        written, read = (waits(client.samples, start, end) for client in clients)
        assert not any(sample.errno for client in clients for sample in client.samples)
        assert written.longest_ms is not None
        assert written.longest_ms > 200
        assert read.done > written.done


def test_a_lost_connection_ends_it(any_sql_server: Server) -> None:
    with scratch_on(any_sql_server.url()) as (made, _):
        session = made.connect()
        (number,) = session.rows("SELECT CONNECTION_ID()")[0]
        client = Client(session, lambda number: "SELECT SLEEP(0.01)")
        client.start()
        client.warm()
        made.connect().run(f"KILL {number}")
        client.join(10)
        assert client.lost
