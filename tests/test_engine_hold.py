"""An engine behind the gate of its process: what counts as a transaction, and where it leads when the gate opens."""

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import sessionmaker

from tests.run.hold_app import app_url, with_shop
from tests.servers.replication import Replication
from zdmigrate.engine import PrimaryEngine, follow_primary
from zdmigrate.engine_hold import serves_again
from zdmigrate.engine_nodes import Seen
from zdmigrate.errors import UsageError
from zdsession.fleet import Gate

SOON = 30.0
INSERT = "INSERT INTO stock VALUES (1, 0)"


class Member:
    """As much of a member of a fleet as an engine needs."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.started = 0

    def start(self, *, wait: float = 0.0) -> None:
        self.started += 1


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < limit, f"no {what} within {SOON} s"
        time.sleep(0.005)


@pytest.fixture
def pair(mariadb_replication: Replication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Replication:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return with_shop(mariadb_replication)


@pytest.fixture
def member() -> Member:
    return Member()


@pytest.fixture
def engine(pair: Replication, member: Member) -> Iterator[PrimaryEngine]:
    """An engine over a pair, that asks no connection twice by itself."""
    made = follow_primary([app_url(node) for node in pair.nodes], fleet=member, budget=SOON, check_every=3600)
    yield made
    member.gate.open()
    made.dispose()


@pytest.fixture
def single(mariadb_url: str, member: Member) -> Iterator[PrimaryEngine]:
    """An engine over one server, for tests in which nothing moves."""
    made = follow_primary([mariadb_url], fleet=member, budget=SOON)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE stock (id INT PRIMARY KEY, sold BIGINT NOT NULL)"))
    yield made
    member.gate.open()
    made.dispose()


def running(member: Member) -> int:
    return member.gate.running()[0]


def port_of(connection: Any) -> int:
    return int(connection.execute(text("SELECT @@port")).scalar())


def move(pair: Replication) -> None:
    """Roles change hands without a tool."""
    old, new = pair.nodes
    old.execute("SET GLOBAL read_only = ON")
    pair.wait_caught_up()
    new.execute("SET GLOBAL read_only = OFF")


# --- what is counted


def test_a_transaction_runs_from_its_beginning_to_its_end(single: PrimaryEngine, member: Member) -> None:
    with single.connect() as connection:
        assert running(member) == 0
        with connection.begin():
            assert running(member) == 1
            connection.execute(text(INSERT))
        assert running(member) == 0
        connection.execute(text("SELECT 1"))
        assert running(member) == 1
        connection.rollback()
        assert running(member) == 0
        connection.exec_driver_sql("SELECT 1")
        assert running(member) == 1
        connection.commit()
        assert running(member) == 0
        with connection.begin(), connection.begin_nested():
            connection.execute(text("SELECT 1"))
            assert running(member) == 1
        assert running(member) == 0
        connection.execute(text("SELECT 1"))
    assert running(member) == 0, "its connection was given back"
    assert member.started


def test_it_runs_while_it_commits(single: PrimaryEngine, member: Member) -> None:
    """SQLAlchemy's own event for a commit comes before COMMIT is sent."""
    seen: list[int] = []
    event.listen(single, "commit", lambda connection: seen.append(running(member)))
    with single.begin() as connection:
        connection.execute(text(INSERT))
    assert seen == [1]
    assert running(member) == 0


def test_a_session_s_transactions_are_counted(single: PrimaryEngine, member: Member) -> None:
    with sessionmaker(single)() as session:
        session.execute(text("SELECT 1"))
        assert running(member) == 1
        session.commit()
        assert running(member) == 0
        session.execute(text("SELECT 1"))
    assert running(member) == 0


def test_every_statement_is_a_transaction_where_every_statement_commits(single: PrimaryEngine, member: Member) -> None:
    statements = single.execution_options(isolation_level="AUTOCOMMIT")
    during: list[int] = []
    event.listen(single, "before_cursor_execute", lambda *what: during.append(running(member)))
    with statements.connect() as connection:
        connection.execute(text(INSERT))
        assert running(member) == 0
        connection.exec_driver_sql("UPDATE stock SET sold = 1")
        assert running(member) == 0
        with pytest.raises(sqlalchemy.exc.ProgrammingError):
            connection.execute(text("SELECT * FROM nothing"))
        assert running(member) == 0
        with pytest.raises(sqlalchemy.exc.ProgrammingError):
            connection.exec_driver_sql("SELECT * FROM nothing")
        assert running(member) == 0
        connection.exec_driver_sql("START TRANSACTION")
        connection.execute(text("UPDATE stock SET sold = 2"))
        assert running(member) == 1
        connection.exec_driver_sql("COMMIT")
        assert running(member) == 0
        connection.rollback()
        with connection.begin():
            connection.execute(text("UPDATE stock SET sold = 3"))
            assert running(member) == 1, "the app began something and has not ended it"
        assert running(member) == 0
    assert during == [1] * len(during)


def test_rows_that_are_fetched_later_keep_a_statement_running(single: PrimaryEngine, member: Member) -> None:
    statements = single.execution_options(isolation_level="AUTOCOMMIT")
    with statements.connect() as connection:
        rows = connection.execute(text("SELECT 1 UNION SELECT 2"), execution_options={"yield_per": 1})
        assert running(member) == 1
        assert len(rows.all()) == 2
    assert running(member) == 0


def test_what_is_lost_does_not_run(single: PrimaryEngine, member: Member) -> None:
    with single.connect() as connection, single.connect() as other:
        number = connection.execute(text("SELECT CONNECTION_ID()")).scalar()
        other.execute(text(f"KILL {number}"))
        other.commit()
        with pytest.raises(sqlalchemy.exc.OperationalError):
            connection.execute(text("SELECT 1"))
        assert running(member) == 0
    with single.connect() as connection:
        connection.execute(text("SELECT 1"))
        connection.invalidate()
        assert running(member) == 0
        connection.rollback()
        connection.execute(text("SELECT 1"))
        assert running(member) == 1
        connection.detach()
        assert running(member) == 0, "nobody knows any more"


@pytest.mark.filterwarnings("ignore:The garbage collector is trying to clean up")
def test_a_connection_that_nobody_closed_is_not_waited_for(single: PrimaryEngine, member: Member) -> None:
    connection = single.connect()
    connection.execute(text("SELECT 1"))
    assert running(member) == 1
    del connection
    gc.collect()
    until(lambda: running(member) == 0, "end")


def test_retried_work_is_a_transaction(single: PrimaryEngine, member: Member) -> None:
    def work(connection: Connection) -> int:
        connection.execute(text(INSERT))
        return running(member)

    with single.retrying() as attempt:
        assert attempt(work) == 1
    assert running(member) == 0


# --- where it leads


class Kept:
    """A connection that is kept, in one of the ways that apps use them."""

    def __init__(self, engine: PrimaryEngine, how: str) -> None:
        self.how = how
        self.commits_each = how.startswith("autocommit")
        self.opened = engine.connect()
        if self.commits_each:
            self.opened = self.opened.execution_options(isolation_level="AUTOCOMMIT")

    def work(self) -> int:
        if self.how == "begin":
            with self.opened.begin():
                return port_of(self.opened)
        if self.how.endswith("driver"):
            port = int(self.opened.exec_driver_sql("SELECT @@port").scalar() or 0)
        else:
            port = port_of(self.opened)
        if not self.commits_each:
            self.opened.commit()
        return port


def test_kept_connections_lead_to_the_new_primary_when_the_gate_opens(
    engine: PrimaryEngine, member: Member, pair: Replication
) -> None:
    old, new = (node.server.port for node in pair.nodes)
    kept = [Kept(engine, how) for how in ("begin", "execute", "driver", "autocommit", "autocommit driver")]
    assert [one.work() for one in kept] == [old] * len(kept)
    member.gate.close(SOON)
    found: list[int] = []
    threads = [threading.Thread(target=lambda one=one: found.append(one.work())) for one in kept]
    for thread in threads:
        thread.start()
    move(pair)
    for thread in threads:
        thread.join(SOON)
    assert found == [new] * len(kept)
    assert not member.gate.is_closed, "the process saw it by itself"
    assert running(member) == 0
    for one in kept:
        level = one.opened.exec_driver_sql("SELECT @@autocommit").scalar()
        assert bool(level) == one.commits_each, "what was set on the old connection holds on the new one"
        one.opened.close()


def test_a_connection_is_not_asked_for_while_it_is_held(single: PrimaryEngine, member: Member) -> None:
    """Who waits holds no place in the pool: a running transaction may need one more."""
    member.gate.close(SOON)
    thread = threading.Thread(target=lambda: single.connect().close())
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    assert single.pool.checkedout() == 0  # type: ignore[attr-defined]
    member.gate.open()
    thread.join(SOON)
    assert not thread.is_alive()


def test_a_freeze_that_was_undone_lets_everything_go_on_at_home(
    engine: PrimaryEngine, member: Member, pair: Replication
) -> None:
    with engine.connect() as connection:
        port_of(connection)
    member.gate.close(SOON)
    pair.primary.execute("SET GLOBAL read_only = ON")
    wait = threading.Event()
    wait.wait(0.2)  # so that it is seen
    pair.primary.execute("SET GLOBAL read_only = OFF")
    with engine.begin() as connection:
        assert port_of(connection) == pair.primary.server.port
    assert not member.gate.is_closed


def test_every_connection_is_asked_again_after_a_hold(engine: PrimaryEngine, member: Member, pair: Replication) -> None:
    """Released without having seen the switch, and with answers that were fresh before it."""
    with engine.connect() as connection:
        port_of(connection)
    engine._finder.probe = None  # nobody can look
    member.gate.close(SOON)
    move(pair)
    member.gate.open()
    with engine.begin() as connection:
        assert port_of(connection) == pair.nodes[1].server.port


def test_a_transaction_is_let_through_when_the_budget_is_over(single: PrimaryEngine, member: Member) -> None:
    assert single._hold is not None
    single._hold._patience = 0.2
    member.gate.close(SOON)
    with single.begin() as connection:
        connection.execute(text(INSERT))
        assert member.gate.late == 1


@pytest.mark.parametrize(
    ("said", "frozen", "found"),
    [
        ("10", False, None),  # home is writable: not frozen yet
        ("00", True, None),
        ("01", True, 1),
        ("01", False, 1),  # it was seen too late to be frozen
        ("?1", True, 1),  # home does not answer any more
        ("-1", True, None),  # home was not heard of yet
        ("10", True, 0),  # undone
        ("11", True, None),  # for somebody else to judge
    ],
)
def test_which_node_serves_again(said: str, frozen: bool, found: int | None) -> None:
    known = {"0": Seen(False, 0.0, ""), "1": Seen(True, 0.0, ""), "?": Seen(None, 0.0, ""), "-": None}
    assert serves_again([known[one] for one in said], 0, frozen=frozen) == found


def test_an_engine_joins_one_fleet_and_its_options_are_it_too(member: Member) -> None:
    engine = follow_primary(["mysql+pymysql://app@db1/shop", "mysql+pymysql://app@db2/shop"])
    options = engine.execution_options(isolation_level="AUTOCOMMIT").execution_options(yield_per=10)
    assert isinstance(options, PrimaryEngine)
    options.join_fleet(member)
    assert member.gate.is_used
    with pytest.raises(UsageError, match="joined a fleet already"):
        engine.join_fleet(member)


FORKED = """
import os, sys
from sqlalchemy import text
from zdmigrate.engine import follow_primary
from zdsession import SessionManager
from zdsession.fleet import FleetMember
member = FleetMember(SessionManager("memory://"), version="1", node="a")
engine = follow_primary(sys.argv[1:], fleet=member)
with engine.begin() as connection:
    connection.execute(text("SELECT 1"))
    member.gate.close(60)
    child = os.fork()
    if not child:
        with engine.begin() as connection:
            connection.execute(text("SELECT 1"))
            os._exit(0 if member.gate.running()[0] == 1 and not member.gate.is_closed else 3)
    assert os.waitpid(child, 0)[1] == 0
member.close()
"""


def test_a_forked_child_is_not_held_by_what_held_its_parent(mariadb_url: str) -> None:
    subprocess.run(
        [sys.executable, "-c", FORKED, mariadb_url],
        check=True, timeout=60, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
