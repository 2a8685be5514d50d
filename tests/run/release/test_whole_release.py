"""Expand, nodes, data and contract on real servers, killed and resumed; and a contract that is refused."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.run.applying import execute
from tests.run.release.balancing import haproxy_in_front_of
from tests.run.release.database import COLUMNS, add_revision, columns, deploy_first, write_history, write_manifests
from tests.run.release.shop import Shop, open_shop, until
from tests.servers.haproxy import HAProxy
from tests.visitors import Visitors
from zdmigrate.report import run_json

#: The fleet of a test is younger than two minutes.
YOUNG = ["--least-age", "0"]
ACCEPTED = ["--accept", "r3", "--because", "version 2 takes a missing first name for unknown"]
BACKFILL = (
    f"{sys.executable} -m zdmigrate backfill --url '${{DATABASE_URL}}' "
    "\"UPDATE customer SET first_name = 'Ada' WHERE first_name IS NULL AND id = 1\""
)


@pytest.fixture(params=["mysql", pytest.param("mariadb", marks=pytest.mark.soak)])
def database_url(request: pytest.FixtureRequest) -> str:
    """`apply` is tested on both for itself; here the soak run does."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def shop(redis_url: str, database_url: str, tmp_path: Path) -> Iterator[Shop]:
    """Two nodes of version 1, on a database that version 2 cannot work with yet."""
    write_history(tmp_path)
    write_manifests(tmp_path)
    deploy_first(database_url)
    with open_shop(tmp_path, redis_url, [{"name": name} for name in ("web1", "web2")]) as shop:
        shop.environment["DATABASE_URL"] = database_url
        shop.write(
            release={"alembic": "alembic.ini", "database": "${DATABASE_URL}"},
            phases={"contract_options": YOUNG, "migrate_options": [*YOUNG, *ACCEPTED], "backfill": ["echo filled"]},
        )
        yield shop


@pytest.fixture
def proxy(shop: Shop) -> Iterator[HAProxy]:
    with haproxy_in_front_of(shop) as proxy:
        yield proxy


@pytest.mark.soak  # by default the next test goes the same way, and test_topology without a stop but a kill
def test_a_whole_release(shop: Shop, proxy: HAProxy, database_url: str) -> None:
    shop.write(phases={"backfill": [BACKFILL]})
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    with Visitors(proxy.port) as visitors:
        until(lambda: min(visitors.pages) > 5, "pages")
        done = shop.run("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert visitors.problems == []
    assert shop.versions() == {name: {"2"} for name in shop.names}
    assert columns(database_url) == COLUMNS["r4"]
    assert execute(database_url, "SELECT first_name FROM customer ORDER BY id") == [("Ada",), ("Grace",)]
    assert_reported(shop, database_url)
    before = shop.events()
    add_revision(shop.folder)
    more = shop.run("--yes")
    assert more.returncode == 0, more.stderr
    again = {event["step"] for event in shop.events()[len(before) :]}
    assert again == {"expand", "backfill", "migrate", "contract"}, "a release again, which changes no node"
    assert columns(database_url) == [*COLUMNS["r4"], "nick"]
    assert shop.run("--yes").stdout.startswith("nothing to do: 2 was released at ")


def assert_reported(shop: Shop, database_url: str) -> None:
    """Every step of every node, with the three runs and the backfill on the database."""
    (report,) = shop.reports()
    assert (report.run.kind, report.run.outcome, report.run.continued) == ("release", "done", False)
    assert (report.run.old_version, report.run.new_version) == ("1", "2")
    nodes = [(step, node) for node in shop.names for step in ("drain", "stop", "start", "smoke", "admit")]
    assert [(step.name, step.node) for step in report.steps] == [
        ("expand", ""), *nodes, ("backfill", ""), ("migrate", ""), ("contract", ""),
    ]  # fmt: skip
    assert [(part.phase, part.report.run.outcome) for part in report.parts] == [
        ("expand", "done"), ("backfill", "done"), ("migrate", "done"), ("contract", "done"),
    ]  # fmt: skip
    assert all(0 <= part.start <= report.run.seconds for part in report.parts)
    assert report.parts[1].report.run.figures["rows changed"] == 1
    assert [revision.revision for revision in report.parts[2].report.revisions] == ["r3"]
    assert "allowed by fleet" in report.parts[3].report.run.notes[0]
    assert [(node.versions, node.rotation) for node in report.app.before] == [(("1",), "in rotation")] * 2
    assert [(node.versions, node.rotation) for node in report.app.after] == [(("2",), "in rotation")] * 2
    assert [server.writable for server in report.servers.after] == ["writable"]
    password = make_url(database_url).password
    assert not password or str(password) not in run_json.render(report)


def test_a_contract_waits_for_everybody_and_undo_is_possible_until_then(
    shop: Shop, proxy: HAProxy, database_url: str
) -> None:
    """A worker of the old version is in the fleet too; no node of the release."""
    shop.write(phases={"backfill": [BACKFILL]})
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    rehearsed = shop.run("--dry-run")
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert "ALTER TABLE customer ADD COLUMN first_name" in rehearsed.stdout
    assert columns(database_url) == COLUMNS["r1"]
    assert not (shop.folder / ".zdrelease" / "journal.json").exists()
    with Visitors(proxy.port) as visitors:
        with old_worker(shop):
            done = shop.run("--yes")
            assert done.returncode == 5, done.stdout + done.stderr
            assert "node worker (version 1)" in done.stdout + done.stderr
            assert "the contract step was refused, see above; every node is as it should be" in done.stderr
            assert columns(database_url) == COLUMNS["r3"]
            undone = shop.run("--undo", "--yes")
            assert undone.returncode == 0, undone.stdout + undone.stderr
            assert shop.versions() == {name: {"1"} for name in (*shop.names, "worker")}
        assert "worker" not in shop.versions()
        done = shop.run("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert visitors.problems == []
    assert columns(database_url) == COLUMNS["r4"]
    assert execute(database_url, "SELECT first_name FROM customer ORDER BY id") == [("Ada",), ("Grace",)]
    back = shop.run("--undo", "--yes")
    assert back.returncode == 6
    assert "1 could not run with the database as it is now (see above)" in back.stderr
    assert_told_apart(shop, database_url)
    again = shop.run("--yes")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("nothing to do: 2 was released at ")
    assert "and runs on every node, and no revision is pending; --repeat carries" in again.stdout
    assert len(shop.reports()) == 3


def assert_told_apart(shop: Shop, database_url: str) -> None:
    """A report for each run that began; none for the rehearsal, nor for the refusal."""
    paused, back, whole = shop.reports()
    assert (paused.run.outcome, paused.run.exit_code) == ("needs a person", 5)
    assert "node worker (version 1)" in paused.run.message, "what refused the contract is told"
    assert paused.run.notes == ("also in the fleet, and left alone: worker",)
    assert [part.phase for part in paused.parts] == ["expand", "backfill", "migrate"]
    assert paused.parts[1].report.run.figures["rows changed"] == 1
    assert (back.run.kind, back.run.old_version, back.run.new_version) == ("undo", "2", "1")
    assert [part.phase for part in back.parts] == ["expand", "backfill", "migrate"]
    assert all(part.start < 0 for part in back.parts), "that was before"
    assert ("contract", "failed") in [(step.name, step.outcome) for step in back.earlier]
    assert [part.phase for part in whole.parts][-1] == "contract"
    password = make_url(database_url).password
    assert not password or not [item for item in shop.reports() if str(password) in run_json.render(item)]


@pytest.mark.soak
def test_an_expand_that_is_refused_touches_no_node(shop: Shop, proxy: HAProxy, database_url: str) -> None:
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    revision = shop.folder / "migrations" / "versions" / "r2.py"
    revision.write_text(
        revision.read_text().replace("op.add_column(", 'op.drop_column("customer", "name"); op.add_column(')
    )
    refused = shop.run("--yes")
    assert refused.returncode == 6, refused.stdout + refused.stderr
    assert "the expand step was refused, see above; no node was touched" in refused.stderr
    assert not [event for event in shop.events() if event["node"]]
    assert shop.journal()["state"] == "forgotten"


@pytest.mark.soak
@pytest.mark.parametrize("point", range(12))
def test_killed_at_random_it_ends_the_same(shop: Shop, proxy: HAProxy, database_url: str, point: int) -> None:
    """Again and again, until a run gets to the end."""
    chance = random.Random(point)
    shop.start("1")
    until(lambda: set(proxy.states().values()) == {"UP"}, "nodes that are up")
    with Visitors(proxy.port) as visitors:
        for _ in range(6):
            running = shop.spawn("--yes")
            with suppress(subprocess.TimeoutExpired):
                running.wait(chance.uniform(0.5, 8))
            running.send_signal(signal.SIGKILL)
            running.wait(30)
        done = shop.run("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert visitors.problems == []
    assert shop.versions() == {name: {"2"} for name in shop.names}
    assert columns(database_url) == COLUMNS["r4"]


@contextmanager
def old_worker(shop: Shop) -> Iterator[None]:
    """A process of version 1 that serves nobody."""
    code = (
        "import signal, threading, shop; ended = threading.Event(); "
        "signal.signal(signal.SIGTERM, lambda *_: ended.set()); "
        "shop.fleet.start(); ended.wait(600); shop.fleet.close()"
    )
    environment = {**shop.environment, "ZDSESSION_NODE": "worker", "ZDRELEASE_VERSION": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=shop.folder, env=environment)
    try:
        until(lambda: "worker" in shop.versions(), "the worker")
        yield
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
