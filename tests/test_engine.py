"""An engine that follows the primary: on real pairs, through switchovers, losses and forks."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from select import POLLRDHUP, poll
from typing import Any

import pytest
import sqlalchemy.exc
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.orm import Session, declarative_base, sessionmaker

from tests.conftest import MakeLink
from tests.run.conftest import topology_of
from tests.servers.replication import Node, Replication
from zdmigrate.engine import (
    CommitUnknownError,
    NoPrimaryError,
    PrimaryEngine,
    TwoPrimariesError,
    follow_primary,
)
from zdmigrate.errors import UsageError
from zdmigrate.run import runs
from zdmigrate.run.policy import Policy

PASSWORD = "app-password-of-a-test"
ITEM = Table("item", MetaData(), Column("token", Integer, primary_key=True), Column("text", String(40)))


#: For tests in which the server's flavour plays no part.
one_flavour = pytest.mark.parametrize("any_replication", ["mariadb"], indirect=True)

Base: Any = declarative_base()


class Item(Base):  # type: ignore[misc, unused-ignore]
    __table__ = Table("item", Base.metadata, Column("token", Integer, primary_key=True), Column("text", String(40)))


def app_url(node: Node) -> str:
    url = make_url(node.url("shop")).set(username="app", password=PASSWORD)
    return url.render_as_string(hide_password=False)


@pytest.fixture
def pair(any_replication: Replication, state_folder: Path) -> Replication:
    """A pair with an app's account, which may not write to a read-only server, and a table of its own."""
    return with_shop(any_replication)


@pytest.fixture
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def with_shop(pair: Replication) -> Replication:
    primary = pair.primary
    primary.execute("CREATE DATABASE shop")
    primary.execute("CREATE TABLE shop.item (token INT PRIMARY KEY, text VARCHAR(40))")
    primary.execute("CREATE USER app@'%%' IDENTIFIED BY %s", PASSWORD)
    primary.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO app@'%'")
    pair.wait_caught_up()
    return pair


@pytest.fixture
def make_engine(pair: Replication) -> Iterator[Callable[..., PrimaryEngine]]:
    made: list[PrimaryEngine] = []

    def make(**options: Any) -> PrimaryEngine:
        urls = options.pop("urls", [app_url(node) for node in pair.nodes])
        made.append(follow_primary(urls, **options))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def port_of(connection: Connection) -> int:
    return int(connection.execute(text("SELECT @@port")).scalar() or 0)


def write(connection: Connection, token: int) -> int:
    connection.execute(insert(ITEM).values(token=token, text="x"))
    return port_of(connection)


def is_there(connection: Connection, token: int) -> bool:
    return connection.execute(select(ITEM.c.token).where(ITEM.c.token == token)).first() is not None


def swap(pair: Replication) -> None:
    """Roles change hands without a tool: read-only here, writable there."""
    old, new = pair.nodes
    old.execute("SET GLOBAL read_only = ON")
    pair.wait_caught_up()
    new.execute("SET GLOBAL read_only = OFF")


def tokens(node: Node) -> set[int]:
    return {row[0] for row in node.execute("SELECT token FROM shop.item")}


# --- finding


@one_flavour
def test_connections_lead_to_the_writable_node(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    engine = make_engine(urls=[app_url(node) for node in reversed(pair.nodes)])
    with engine.begin() as connection:
        assert write(connection, 1) == pair.primary.server.port
    assert is_there_at(pair.primary, 1)


def is_there_at(node: Node, token: int) -> bool:
    return token in tokens(node)


def test_a_pooled_connection_to_a_node_that_became_read_only_is_dropped_on_checkout(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    engine = make_engine(check_every=0)
    with engine.connect() as connection:
        assert port_of(connection) == pair.nodes[0].server.port
    swap(pair)
    with engine.begin() as connection:
        assert write(connection, 1) == pair.nodes[1].server.port


def test_a_refused_write_drops_every_pooled_connection(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    engine = make_engine(check_every=3600)
    both = [engine.connect(), engine.connect()]
    for connection in both:
        connection.close()
    swap(pair)
    with engine.connect() as connection:
        with pytest.raises(sqlalchemy.exc.DBAPIError, match=r"read.only") as caught:
            write(connection, 1)
        assert caught.value.connection_invalidated
    for _ in range(2):
        with engine.connect() as connection:
            assert port_of(connection) == pair.nodes[1].server.port


def test_an_error_of_the_app_itself_changes_nothing(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    engine = make_engine()
    with engine.connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="1792") as caught:
            write(connection, 1)
        assert not caught.value.connection_invalidated
    with engine.begin() as connection:
        assert write(connection, 1) == pair.primary.server.port


@one_flavour
def test_no_writable_node_within_the_budget(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    pair.primary.execute("SET GLOBAL read_only = ON")
    engine = make_engine(budget=0.7)
    began = time.monotonic()
    with pytest.raises(
        NoPrimaryError, match=r"within 0\.7 s .*is read-only; .*is read-only.*zdmigrate status"
    ) as caught:
        engine.connect()
    assert 0.7 <= time.monotonic() - began < 5
    assert isinstance(caught.value, sqlalchemy.exc.SQLAlchemyError)
    assert PASSWORD not in str(caught.value)


@one_flavour
def test_a_connection_waits_while_nobody_is_writable(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    pair.primary.execute("SET GLOBAL read_only = ON")
    engine = make_engine(budget=30.0)
    later = threading.Timer(0.5, pair.replica.execute, ["SET GLOBAL read_only = OFF"])
    later.start()
    with engine.begin() as connection:
        assert write(connection, 1) == pair.replica.server.port
    later.join()


@one_flavour
def test_two_writable_nodes_are_refused(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    pair.replica.execute("SET GLOBAL read_only = OFF")
    engine = make_engine()
    ports = sorted(f"127.0.0.1:{node.server.port}" for node in pair.nodes)
    with pytest.raises(TwoPrimariesError, match="are both writable; nothing is written until") as caught:
        engine.connect()
    assert sorted(caught.value.nodes) == ports
    pair.replica.execute("SET GLOBAL read_only = ON")
    with engine.connect() as connection:
        assert port_of(connection) == pair.primary.server.port


@one_flavour
def test_a_node_that_hangs_costs_half_a_second(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    pair.replica.server.pause()
    try:
        engine = make_engine()
        with engine.begin() as connection:
            assert write(connection, 1) == pair.primary.server.port
    finally:
        pair.replica.server.resume()


@one_flavour
def test_an_account_that_every_node_refuses_is_told_at_once(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    urls = [str(make_url(app_url(node)).set(password="no").render_as_string(False)) for node in pair.nodes]
    engine = make_engine(urls=urls, budget=30.0)
    began = time.monotonic()
    with pytest.raises(sqlalchemy.exc.OperationalError, match="1045"):
        engine.connect()
    assert time.monotonic() - began < 15


def test_what_cannot_be_an_engine() -> None:
    one = "mysql+pymysql://app@db1/shop"
    for urls, said in (
        ([], "every node"),
        ([one, one], "the same node"),
        ([one, "mysql+pymysql://app@db2/other"], "driver or database"),
        (["sqlite://"], "neither"),
    ):
        with pytest.raises(UsageError, match=said):
            follow_primary(urls)
    with pytest.raises(UsageError, match="creator"):
        follow_primary([one], creator=object)
    with pytest.raises(UsageError, match="budget"):
        follow_primary([one], budget=0)


# --- repeating


def test_a_transaction_is_repeated_when_its_node_became_read_only(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    engine = make_engine(check_every=3600)
    calls: list[int] = []

    def work(connection: Connection, token: int) -> int:
        calls.append(port_of(connection))
        if len(calls) == 1:
            swap(pair)
        return write(connection, token)

    with engine.retrying() as attempt:
        assert attempt(work, 7) == pair.nodes[1].server.port
    assert calls == [node.server.port for node in pair.nodes]
    assert tokens(pair.nodes[1]) == {7}


def test_a_commit_that_is_refused_is_repeated(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    engine = make_engine(check_every=3600)
    calls: list[int] = []

    @engine.retried()
    def work(connection: Connection, token: int) -> None:
        calls.append(write(connection, token))
        if len(calls) == 1:
            swap(pair)

    work(7)
    assert calls == [node.server.port for node in pair.nodes]
    assert tokens(pair.nodes[1]) == {7}


def test_an_orm_session_is_repeated_too(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    engine = make_engine(check_every=3600)
    tries = 0

    @engine.retried(sessionmaker(engine))
    def work(session: Session, token: int) -> int:
        nonlocal tries
        tries += 1
        session.add(Item(token=token, text="orm"))
        if tries == 1:
            swap(pair)  # what was added is only sent by the flush of the commit
        return token

    assert work(5) == 5
    assert tries == 2
    assert tokens(pair.nodes[1]) == {5}


@one_flavour
def test_other_errors_are_raised_once(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    engine = make_engine()
    tries = 0

    def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        write(connection, 1)
        write(connection, 1)

    with engine.retrying() as attempt:
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            attempt(work)
        with pytest.raises(ZeroDivisionError):
            attempt(lambda connection: write(connection, 2) / 0)
    assert tries == 1
    assert tokens(pair.primary) == set()


def test_the_victim_of_a_deadlock_begins_again(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    engine = make_engine()
    with engine.begin() as connection:
        write(connection, 1)
        write(connection, 2)
    both_hold_one = threading.Barrier(2)
    tries: list[int] = []

    def work(connection: Connection, first: int, second: int) -> None:
        tries.append(first)
        touch = text("UPDATE item SET text = CONCAT(text, '+') WHERE token = :token")
        connection.execute(touch, {"token": first})
        if tries.count(first) == 1:
            both_hold_one.wait(30)
        connection.execute(touch, {"token": second})

    def run(first: int, second: int) -> None:
        with engine.retrying() as attempt:
            attempt(work, first, second)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(run, 1, 2), pool.submit(run, 2, 1)]:
            done.result(60)
    assert sorted(tries) in ([1, 1, 2], [1, 2, 2])
    rows = pair.primary.execute("SELECT text FROM shop.item ORDER BY token")
    assert [str(row[0]).count("+") for row in rows] == [2, 2]


@one_flavour
def test_work_that_committed_by_itself_is_not_repeated(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    engine = make_engine(check_every=3600)
    tries = 0

    def work(session: Session) -> None:
        nonlocal tries
        tries += 1
        session.add(Item(token=tries, text="first half"))
        session.commit()
        swap(pair)
        session.add(Item(token=100, text="second half"))
        session.flush()

    with engine.retrying(sessionmaker(engine)) as attempt, pytest.raises(sqlalchemy.exc.DBAPIError, match=r"read.only"):
        attempt(work)
    assert tries == 1


@one_flavour
def test_an_engine_without_transactions_cannot_repeat_them(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    engine = make_engine(isolation_level="AUTOCOMMIT")
    with engine.retrying() as attempt, pytest.raises(UsageError, match="AUTOCOMMIT"):
        attempt(write, 1)
    assert tokens(pair.primary) == set()


@one_flavour
def test_the_budget_is_for_everything_inside(pair: Replication, make_engine: Callable[..., PrimaryEngine]) -> None:
    engine = make_engine(budget=60.0)
    with engine.connect():
        pass
    pair.primary.execute("SET GLOBAL read_only = ON")
    began = time.monotonic()
    with pytest.raises(NoPrimaryError), engine.retrying(budget=1.0) as attempt:
        attempt(write, 1)
    assert time.monotonic() - began < 10
    with pytest.raises(RuntimeError, match="with engine"):
        engine.retrying()(write, 1)


def test_a_connection_the_server_ended_before_commit_is_repeated(
    pair: Replication, make_engine: Callable[..., PrimaryEngine]
) -> None:
    engine = make_engine()
    tries = 0

    def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        write(connection, 1)
        if tries == 1:
            number = connection.execute(text("SELECT CONNECTION_ID()")).scalar()
            pair.primary.execute(f"KILL {number}")
            driver: Any = connection.connection.dbapi_connection
            closed = poll()
            closed.register(driver._sock, POLLRDHUP)
            assert closed.poll(30_000)

    with engine.retrying() as attempt:
        attempt(work)
    assert tries == 2
    assert tokens(pair.primary) == {1}


# --- a commit nobody answered


class LostCommit:
    """Work whose COMMIT, the first time, is not answered: it arrived, or it did not."""

    def __init__(self, pair: Replication, make_link: MakeLink, make: Callable[..., PrimaryEngine]) -> None:
        self.link = make_link(pair.primary.server.port)
        urls = [self.link.url(app_url(pair.primary)), app_url(pair.replica)]
        self.engine = make(urls=urls, connect_args={"read_timeout": 2})
        self.arrives = True
        self.tries = 0
        self.healing = threading.Timer(2.5, self.link.heal)

    def __call__(self, connection: Connection, token: int) -> None:
        self.tries += 1
        write(connection, token)
        if self.tries == 1:
            self.link.cut(direction="to_client" if self.arrives else "both")
            self.healing.start()


@pytest.fixture
def lost(pair: Replication, make_link: MakeLink, make_engine: Callable[..., PrimaryEngine]) -> Iterator[LostCommit]:
    made = LostCommit(pair, make_link, make_engine)
    yield made
    made.healing.join()


def test_a_commit_without_an_answer_is_an_error_of_its_own(pair: Replication, lost: LostCommit) -> None:
    with lost.engine.retrying() as attempt, pytest.raises(CommitUnknownError, match="may have taken effect") as caught:
        attempt(lost, 1)
    assert lost.tries == 1
    assert isinstance(caught.value.__cause__, sqlalchemy.exc.DBAPIError)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_function_that_looks_settles_it(pair: Replication, lost: LostCommit, arrives: bool) -> None:
    lost.arrives = arrives
    with lost.engine.retrying(committed=is_there, budget=60) as attempt:
        attempt(lost, 1)
    assert tokens(pair.primary) == {1}
    if arrives:
        assert lost.tries == 1


# --- threads, forks


FORKED = """
import os, sys
from sqlalchemy import text
from zdmigrate.engine import follow_primary
engine = follow_primary(sys.argv[1:], pool_size=1, max_overflow=0)
number = "SELECT CONNECTION_ID()"
with engine.connect() as connection:
    before = connection.execute(text(number)).scalar()
child = os.fork()
if not child:
    with engine.connect() as connection:
        os._exit(0 if connection.execute(text(number)).scalar() != before else 3)
assert os.waitpid(child, 0)[1] == 0, "the child used its parent's connection"
with engine.connect() as connection:
    assert connection.execute(text(number)).scalar() == before
"""


@one_flavour
def test_a_forked_child_has_connections_of_its_own(pair: Replication) -> None:
    subprocess.run(
        [sys.executable, "-c", FORKED, *(app_url(node) for node in pair.nodes)],
        check=True, timeout=60, cwd=os.getcwd(), env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip


def test_importing_it_is_light() -> None:
    heavy = "alembic", "click", "rich", "sqlglot"
    check = f"import sys, zdmigrate.engine; sys.exit(', '.join(set(sys.modules) & set({heavy!r})) or None)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


class Writers:
    """An app: threads that write through one engine, each transaction inside retrying()."""

    def __init__(self, engine: PrimaryEngine, threads: int, pause: float = 0.002) -> None:
        self.engine = engine
        self.acknowledged: set[int] = set()
        self.errors: list[BaseException] = []
        self.longest = 0.0
        self._pause = pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(1_000_000 * n,)) for n in range(threads)]

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        self.wait_for(10 * len(self._threads))
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, more: int) -> None:
        wanted, end = len(self.acknowledged) + more, time.monotonic() + 60
        while len(self.acknowledged) < wanted and not self.errors:
            assert time.monotonic() < end, "the writers do not get on"
            time.sleep(0.01)

    def _write(self, token: int) -> None:
        last = time.monotonic()
        try:
            while not self._stop.is_set():
                token += 1
                with self.engine.retrying(committed=is_there) as attempt:
                    attempt(write, token)
                self.acknowledged.add(token)
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now
                time.sleep(self._pause)
        except BaseException as error:
            self.errors.append(error)


def test_writers_do_not_notice_a_switchover(
    pair: Replication, make_engine: Callable[..., PrimaryEngine], record_property: Callable[[str, object], None]
) -> None:
    engine = make_engine(pool_size=4, budget=30.0)
    with Writers(engine, 4) as writers:
        for to in ("b", "a"):
            runs.switch(topology_of(pair), to, Policy())
            writers.wait_for(40)
    pair.wait_caught_up()
    print(f"longest gap {writers.longest * 1000:.0f} ms, {len(writers.acknowledged)} writes")  # shown by pytest -s
    assert writers.errors == []
    assert writers.longest < 10
    for node in pair.nodes:
        assert tokens(node) == writers.acknowledged
